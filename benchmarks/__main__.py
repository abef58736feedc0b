"""Measures asr-daemon next to bare Tornado and FastAPI with fsync, and prints a Markdown table."""

import argparse
import os
import platform
import signal
import sys
from pathlib import Path
from subprocess import SubprocessError

from benchmarks.scenarios import SCENARIOS, Bench
from benchmarks.servers import Failed
from benchmarks.table import Row, table


def main() -> int:
    """Measure, and print the table also if a scenario has failed."""
    options = _parser().parse_args()
    bench = Bench(options.seconds, options.rounds, options.callbacks, options.folder)
    # Like Ctrl-C: servers are ended, and the disk is unmounted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    rows: list[tuple[str, Row]] = []
    failures = 0
    for name in options.only:
        print(f"{name} ...", file=sys.stderr, flush=True)
        try:
            rows += [(name, row) for row in SCENARIOS[name](bench)]
        except (Failed, SubprocessError) as failure:
            failures += 1
            print(f"{name} failed: {failure}", file=sys.stderr)
    print(f"{os.cpu_count()} cores, Linux {platform.release()}, ", end="")
    print(f"Python {platform.python_version()}; {bench.rounds} rounds of {bench.seconds} s\n")
    print(table(rows))
    return 1 if failures else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    add, names = parser.add_argument, ", ".join(SCENARIOS)
    add("--seconds", type=int, default=5, metavar="N", help="of load in each round (default: 5)")
    add("--rounds", type=int, default=5, metavar="N", help="of each comparison (default: 5)")
    add("--only", nargs="+", choices=SCENARIOS, default=SCENARIOS, metavar="NAME", help=names)
    add("--callbacks", type=int, default=100_000, metavar="N", help="of memory (default: 100000)")
    add("--folder", type=Path, metavar="DIR", help="where to write instead of to a disk image")
    return parser


if __name__ == "__main__":
    sys.exit(main())
