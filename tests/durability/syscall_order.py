"""The order of system calls: nothing is acknowledged before it is on stable storage.

The check is for one request at a time. Of several, one may be acknowledged while the files of
another are still being written, and that looks like the fault that is looked for here.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.durability.strace import attached
from tests.durability.sync_ledger import SyncLedger
from tests.durability.trace_lines import Call, calls, descriptors, named_paths

STAGING = ".staging"
"""The folder below the root whose own entries need not be durable."""

_WRITES = (
    "write",
    "pwrite64",
    "writev",
    "pwritev",
    "pwritev2",
    "ftruncate",
    "fallocate",
    "copy_file_range",
)
_SYNCS = ("fsync", "fdatasync")
_SYNCS_OF_ALL = ("syncfs", "sync")
_OPENS = ("open", "openat", "creat")
_LINKS = ("link", "linkat")
_MOVES = ("rename", "renameat", "renameat2")
_MKDIRS = ("mkdir", "mkdirat")
_UNLINKS = ("unlink", "unlinkat", "rmdir")
_SENDS = ("sendto", "sendmsg", "sendmmsg")

_TRACED = (
    *_WRITES,
    *_SYNCS,
    *_SYNCS_OF_ALL,
    *_OPENS,
    *_LINKS,
    *_MOVES,
    *_MKDIRS,
    *_UNLINKS,
    *_SENDS,
)

_REPLY = re.compile(r'\d+<TCP(?:v6)?:.*?"HTTP/1\.1 200')
_DESCRIPTOR_PATH = re.compile(r"/(?:proc/(?:self|thread-self|\d+)|dev)/fd/(\d+)")


@dataclass(frozen=True)
class Violation:
    """Something that was not durable when it had to be."""

    line: int
    """The number of the line, from 1, at which it had to be."""
    path: str
    """The file or directory."""
    problem: str
    """What is wrong with it."""


def check_order(trace: Iterable[str], root: str) -> list[Violation]:
    """Return what was wrong, in the order of the lines of `trace`.

    Wrong is to link or move a file to its final name before its data is synced, to send a reply
    (`HTTP/1.1 200` on a TCP socket) while a file or directory below `root` is being changed, or
    is changed and not synced, and to leave one so at the end. A sync counts for what was finished
    before it began, and only once it has returned 0; a reply counts from its first byte.

    A trace in which nothing is changed is right, so a caller looks for what was stored as well.

    Not seen are `mmap`, `sendfile`, `io_uring` and replies inside TLS. `O_SYNC` and
    `sync_file_range` are taken for nothing, and a directory that is moved for a new one.

    Args:
        trace: lines of `strace -f -yy`, see `traced`.
        root: an absolute path without symbolic links.

    Raises:
        ValueError: there is no reply, so nothing would be proved; or a path is relative to a
            working directory that the trace does not tell.
    """
    checker = _Checker(SyncLedger(root, STAGING))
    last = 0
    for call in calls(trace):
        last = call.ended or call.began
        checker.take(call)
    if not checker.replies:
        raise ValueError("there is no reply in the trace")
    found = {violation.path for violation in checker.violations}
    never = [path for path in checker.unsynced() if path not in found]
    return checker.violations + [Violation(last, path, "is never synced") for path in never]


@contextmanager
def traced(pid: int) -> Iterator[list[str]]:
    """Trace a process while the block runs; the list that it gets is filled at its end.

    Needs the requirement `strace`.

    Raises:
        RuntimeError: strace could not attach.
    """
    lines: list[str] = []
    # Some of the older calls are not there on newer kinds of machine: hence the question marks.
    selection = ",".join(f"?{name}" for name in _TRACED)
    with TemporaryDirectory() as folder:
        output = Path(folder, "trace")
        with attached(pid, "-yy", "-s", "64", "-e", f"trace={selection}", "-o", str(output)):
            yield lines
        lines += output.read_text(encoding="utf-8").splitlines()


class _Checker:
    """Follows a trace with the ledger in hand."""

    def __init__(self, ledger: SyncLedger) -> None:
        self.violations: list[Violation] = []
        self.replies = 0
        self._ledger = ledger
        self._open_files: dict[str, str] = {}
        self._running: dict[int, Call] = {}

    def take(self, call: Call) -> None:
        """Take a call when it begins, and again when it has returned."""
        self._open_files.update(descriptors(call.arguments))
        if call.ended is None:
            self._begins(call)
            return
        self._running.pop(call.began, None)
        if call.succeeded:
            self._open_files.update(descriptors(call.returned))
            self._has_succeeded(call, call.ended)

    def unsynced(self) -> list[str]:
        """Return what would be lost if the power went now."""
        return self._ledger.dirty()

    def _begins(self, call: Call) -> None:
        if call.name in (*_SENDS, *_WRITES) and _REPLY.match(call.arguments):
            self._reply(call.began)
        elif call.name in (*_LINKS, *_MOVES):
            old, new = self._two_paths(call)
            if self._ledger.is_dirty(old) and self._ledger.is_final(new):
                self._note(call.began, old, "is linked before it is synced")
        self._running[call.began] = call

    def _reply(self, line: int) -> None:
        self.replies += 1
        for path in self.unsynced():
            self._note(line, path, "is not synced when the reply leaves")
        for path in map(self._changing, self._running.values()):
            if self._ledger.is_below_root(path):
                self._note(line, path, "is being changed when the reply leaves")

    def _note(self, line: int, path: str, problem: str) -> None:
        self.violations.append(Violation(line, path, problem))

    def _has_succeeded(self, call: Call, line: int) -> None:
        if call.name in _WRITES:
            self._ledger.file_changed(self._changing(call), line)
        elif call.name in _SYNCS:
            self._ledger.synced(self._descriptor(call), call.began)
        elif call.name in _SYNCS_OF_ALL:
            self._ledger.all_synced(call.began)
        elif call.name in _OPENS:
            self._opened(call, line)
        elif call.name in _LINKS:
            self._ledger.linked(*self._two_paths(call), line)
        elif call.name in _MOVES:
            self._ledger.moved(*self._two_paths(call), line)
        elif call.name in _MKDIRS:
            self._ledger.name_made(self._changing(call), line)
        elif call.name in _UNLINKS:
            self._ledger.unlinked(*self._paths(call))

    def _opened(self, call: Call, line: int) -> None:
        _, path = next(descriptors(call.returned), ("", ""))
        flags = _flags(call)
        made = "O_CREAT" in flags and ("O_EXCL" in flags or not self._ledger.is_known(path))
        if made or "O_TMPFILE" in flags:
            self._ledger.file_made(path, line)
        elif "O_TRUNC" in flags:
            self._ledger.file_changed(path, line)

    def _changing(self, call: Call) -> str:
        """Return what a call changes, the empty string if that is no file or directory."""
        if call.name in _WRITES:
            return self._descriptor(call)
        if call.name in (*_LINKS, *_MOVES, *_MKDIRS) or "O_CREAT" in _flags(call):
            return self._paths(call)[-1]
        return ""

    def _descriptor(self, call: Call) -> str:
        """Return the path of the last open file that a call is given."""
        *_, (_, path) = ("", ""), *descriptors(call.arguments)
        return path

    def _two_paths(self, call: Call) -> tuple[str, str]:
        old, new = self._paths(call)
        return old, new

    def _paths(self, call: Call) -> list[str]:
        """Return the paths that a call is given, with open files under the path they stand for."""
        paths = []
        for path in named_paths(call.arguments, self._open_files.get("AT_FDCWD")):
            match = _DESCRIPTOR_PATH.fullmatch(path)
            paths.append(self._open_files.get(match[1], path) if match else path)
        return paths


def _flags(call: Call) -> str:
    if call.name == "creat":
        return "O_CREAT|O_TRUNC"
    return call.arguments.rpartition('"')[2] if call.name in _OPENS else ""
