"""Programs that wait for results, started as their guides say."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock, Thread
from typing import IO

from tests.daemon.serving import eventually

_READY_TIMEOUT_S = 20.0
_END_TIMEOUT_S = 10.0


@dataclass
class Seen:
    """What a program has reported, in this order."""

    lines: list[str] = field(default_factory=list)
    incomplete: list[str] = field(default_factory=list)
    """The JSON files that could not be read whole, with their text, when they were reported."""
    is_ready: bool = False
    _lock: Lock = field(default_factory=Lock)

    def add(self, line: str) -> None:
        """Take one line; read a result that it reports, as a consumer does."""
        is_result = line.startswith("/") and line.endswith(".json") and "/.staging" not in line
        is_incomplete = is_result and not is_whole(Path(line))
        with self._lock:
            self.lines.append(line)
            if is_incomplete:
                self.incomplete.append(line)

    def results(self, suffix: str = ".json") -> list[str]:
        """Return the paths that end so; nothing of staging folders."""
        return [line for line in self.lines if line.endswith(suffix) and "/.staging" not in line]

    def wait_for(self, count: int, suffix: str = ".json") -> None:
        """Wait until so many paths that end so were reported."""
        eventually(lambda: len(self.results(suffix)) >= count, f"{count} reports of {suffix}")


def is_whole(json_file: Path) -> bool:
    """Return whether a consumer finds the whole document there, and its text next to it."""
    try:
        document = json.loads(json_file.read_bytes())
        text = json_file.with_suffix(".txt").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return False
    return bool(text) and text == f"{document['text']}\n"


@contextmanager
def program(command: Sequence[str], ready: str = "") -> Iterator[Seen]:
    """Run a program that writes a path a line; `ready` is what it writes once it watches."""
    seen = Seen(is_ready=not ready)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        reader = Thread(target=_read, args=(process.stdout, seen, ready), daemon=True)
        reader.start()
        try:
            eventually(lambda: seen.is_ready, f"{command[0]} watches", _READY_TIMEOUT_S)
            yield seen
        finally:
            process.terminate()
            reader.join(_END_TIMEOUT_S)


@contextmanager
def inotifywait(directory: Path, events: str, *options: str) -> Iterator[Seen]:
    """Watch a directory as `inotifywait -m` does; needs the requirement `inotifywait`."""
    command = ["inotifywait", "-m", "--format", "%w%f", *options, "-e", events, str(directory)]
    with program(command, "Watches established") as seen:
        yield seen


def _read(output: IO[str], seen: Seen, ready: str) -> None:
    for line in output:
        if seen.is_ready:
            seen.add(line.rstrip("\n"))
        else:
            seen.is_ready = ready in line
