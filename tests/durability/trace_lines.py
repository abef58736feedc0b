"""The output of `strace -f -yy -o FILE`, as system calls that begin and end. Pure."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

DELETED = "(deleted)"
"""Stands after the path of an open file that has no name, or none any more."""

_LINE = re.compile(
    r"""(?:\[pid\ +)?(?P<thread>\d+)\]?\ +
    (?:<\.\.\.\ \w+\ resumed>|(?P<name>\w+)\()(?P<arguments>.*?)
    (?:\ *<(?:unfinished|detached)\ \.\.\.>|\)\ +=\ (?P<returned>[^"]*))""",
    re.VERBOSE,
)
_DESCRIPTOR = r"(?P<number>AT_FDCWD|\d+)<(?P<open>/[^<>]*?)(?P<end>>(?:\(deleted\))?| \(deleted\)>)"
_TEXT = r'"(?P<text>(?:[^"\\]|\\.)*)"'
_TOKEN = re.compile(f"{_DESCRIPTOR}|{_TEXT}")


@dataclass(frozen=True)
class Call:
    """One system call of one thread."""

    name: str
    arguments: str
    began: int
    """The number of the line, from 1."""
    ended: int | None = None
    """The same; `None` as long as it runs."""
    returned: str = ""
    """What stands behind the equals sign."""

    @property
    def succeeded(self) -> bool:
        """It has returned, without an error, and was not left out by strace itself."""
        return self.returned[:1].isdigit() and "(INJECTED)" not in self.returned


def calls(lines: Iterable[str]) -> Iterator[Call]:
    """Yield each call twice: without an end when it begins, and when it has returned.

    What is no system call (signals, exits) is left out.
    """
    running: dict[str, Call] = {}
    for number, line in enumerate(lines, start=1):
        match = _LINE.fullmatch(line.rstrip("\n"))
        if match is None:
            continue
        if match["name"]:
            running[match["thread"]] = Call(match["name"], match["arguments"], number)
            yield running[match["thread"]]
        call = running.get(match["thread"])
        if call is not None and match["returned"] is not None:
            rest = "" if match["name"] else match["arguments"]
            del running[match["thread"]]
            yield Call(call.name, call.arguments + rest, call.began, number, match["returned"])


def descriptors(text: str) -> Iterator[tuple[str, str]]:
    """Yield number (or `AT_FDCWD`) and path of each open file in arguments or results."""
    for match in _TOKEN.finditer(text):
        if match["text"] is None:
            yield match["number"], _open_path(match)


def named_paths(arguments: str, working_directory: str | None) -> Iterator[str]:
    """Yield the absolute paths that a call such as `openat` or `linkat` is given.

    Raises:
        ValueError: one is relative to a working directory that is not known.
    """
    base = working_directory
    for match in _TOKEN.finditer(arguments):
        if match["text"] is None:
            base = _open_path(match)
            continue
        path = _unescape(match["text"])
        if base is None and not path.startswith("/"):
            raise ValueError(f"relative to an unknown working directory: {path}")
        yield os.path.normpath(os.path.join(base or "/", path)) if path else str(base)
        base = working_directory


def _open_path(match: re.Match[str]) -> str:
    return _unescape(match["open"]) + (DELETED if "deleted" in match["end"] else "")


def _unescape(text: str) -> str:
    raw = text.encode("latin-1").decode("unicode_escape").encode("latin-1")
    return raw.decode("utf-8", "surrogateescape")
