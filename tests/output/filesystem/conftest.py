"""Outputs without an index, and the results and system calls that tests look at."""

import errno
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from asr_daemon.index.index import Entry, Index, Known
from asr_daemon.output.base import Result
from asr_daemon.output.filesystem.names import ReadFingerprint
from asr_daemon.output.filesystem.output import FilesystemOutput, MarkerReaders, Settings
from asr_daemon.output.filesystem.staging import Modes, StagedFile
from asr_daemon.renderers.document import read_fingerprint

MakeOutput = Callable[..., FilesystemOutput]


UNNAMED = os.O_TMPFILE


OPEN = os.open


SETTINGS = Settings(Modes(0o640, 0o750), 3600.0, 0, 1000)


class LostIndex(Index):
    """Remembers nothing, so that everything is found out from the tree."""

    def open(self, tree_id: str) -> None:
        """Do nothing."""

    def newest_s(self) -> float:
        """Know no time."""
        return 0.0

    def find(self, identities: Collection[str], window_s: float) -> dict[str, Known]:
        """Find nothing."""
        return {}

    def taken(self, paths: Collection[str], window_s: float) -> set[str]:
        """Know no name."""
        return set()

    def record(self, entries: Sequence[Entry], keep_s: float) -> None:
        """Forget it."""

    def confirm(self, paths: Collection[str]) -> set[str]:
        """Know none."""
        return set()


def output_at(
    folder: Path, *, durable: bool = True, read: ReadFingerprint = read_fingerprint
) -> FilesystemOutput:
    """Return the output at `folder/root`, without an index; not yet open."""
    index = LostIndex(folder / "state")
    return FilesystemOutput(folder / "root", index, MarkerReaders(read), SETTINGS, durable=durable)


@pytest.fixture
def make_output(tmp_path: Path) -> Iterator[MakeOutput]:
    """Return a maker of open outputs at `tmp_path/root`; they are closed at the end."""
    made: list[FilesystemOutput] = []

    def make(**options: Any) -> FilesystemOutput:
        output = output_at(tmp_path, **options)
        output.open()
        made.append(output)
        return output

    yield make
    for output in made:
        output.close()


def result(
    stem: str = "42", digest: str = "d1", text: bytes = b"hello\n", day: str = "21"
) -> Result:
    """Return a result whose JSON carries nothing but its digest."""
    document = b'{"id": "x", "digest": "%s"}' % digest.encode()
    files = ((".txt", text), (".json", document))
    identity = f"{stem} {digest}"
    folder = f"tencent/2026/11/{day}"
    return Result("tencent", stem, digest, "succeeded", identity, digest, folder, stem, files)


def contents(root: Path) -> dict[str, bytes]:
    """Return every file below `root` with its content, without the mark of the tree."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and not path.name.startswith("tree-")
    }


class SystemCalls(list[str]):
    """What is made, synced, named and announced below a folder, by name; trials are left out."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._folder = folder
        self._opened: dict[int, str] = {}
        self._numbers = count()
        self._real = {name: getattr(os, name) for name in ("open", "fsync", "link", "mkdir")}
        for name in self._real:
            monkeypatch.setattr(os, name, getattr(self, name))

    def open(self, path: str, flags: int, mode: int = 0o777, dir_fd: int | None = None) -> int:
        """Be `os.open`."""
        descriptor: int = self._real["open"](path, flags, mode, dir_fd=dir_fd)
        self._opened[descriptor] = self._name(path)
        if flags & UNNAMED == UNNAMED and ".trial-" not in path:
            self._opened[descriptor] = f"unnamed {next(self._numbers)}"
            self._note(f"create {self._opened[descriptor]}")
        elif flags & os.O_CREAT:
            self._note(f"create {self._name(path)}")
        elif flags & os.O_WRONLY:
            self._note(f"announce {self._name(path)}")
        return descriptor

    def fsync(self, descriptor: int) -> None:
        """Be `os.fsync`."""
        self._note(f"fsync {self._opened[descriptor]}")
        self._real["fsync"](descriptor)

    def link(self, source: str, target: str, dst_dir_fd: int | None = None) -> None:
        """Be `os.link`."""
        linked = self._opened[int(source.rpartition("/")[2])] if "/fd/" in source else source
        self._note(f"link {linked} {self._name(target)}")
        self._real["link"](source, target, dst_dir_fd=dst_dir_fd)

    def mkdir(self, path: str, mode: int) -> None:
        """Be `os.mkdir`."""
        self._note(f"mkdir {self._name(path)}")
        self._real["mkdir"](path, mode)

    def _name(self, path: str) -> str:
        return os.path.relpath(path, self._folder)

    def _note(self, call: str) -> None:
        if ".trial-" not in call:
            self.append(call)


@pytest.fixture
def system_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list of what is made, synced, named and announced from now on."""
    return SystemCalls(tmp_path, monkeypatch)


def failing_for(path: Path) -> Callable[[int], None]:
    """Return an `fsync` that fails for what is at a path."""
    fsync = os.fsync

    def failing(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        fsync(descriptor)

    return failing


PIECES = (b"hello", b", ", b"world\n")


@pytest.fixture
def output(make_output: MakeOutput) -> FilesystemOutput:
    """Return an open output."""
    return make_output()


def staged(output: FilesystemOutput, pieces: Sequence[bytes] = PIECES) -> StagedFile:
    """Return a file that is staged before its result is there."""
    file = output.stage()
    for piece in pieces:
        file.write(piece)
    return file


def large(text: StagedFile) -> Result:
    """Return a result whose text is staged."""
    usual = result()
    return structs.replace(usual, files=((".txt", text), usual.files[1]))
