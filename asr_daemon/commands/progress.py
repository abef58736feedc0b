"""A progress bar on standard error, where that is a terminal."""

import sys

_WIDTH = 40


def show_progress(done: int, total: int) -> None:
    """Draw the bar over the last one; a single step needs none."""
    if total == 1 or not sys.stderr.isatty():
        return
    filled = _WIDTH * done // total
    end = "\n" if done == total else ""
    bar = "#" * filled + "." * (_WIDTH - filled)
    print(f"\r[{bar}] {done}/{total}", end=end, file=sys.stderr, flush=True)
