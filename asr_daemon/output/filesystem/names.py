"""Decides under which names results are stored: the one that they have, a free one, `~2`, `~3`."""

import errno
import math
import os
from collections.abc import Callable, Collection, Iterator
from hashlib import sha256
from itertools import count
from typing import BinaryIO

from msgspec import Struct, structs

from asr_daemon.body import StagedContent
from asr_daemon.clock import EARLIEST
from asr_daemon.output.base import Content, Result

_MOST_MARKERS = 16 * 1024

UNNAMEABLE = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)
"""What file systems answer whose names are shorter than others', or that reserve some."""

_KEPT = 80
_DIGEST_LENGTH = 16

ReadFingerprint = Callable[[BinaryIO], str | None]
"""Returns the fingerprint that a marker's content carries, `None` if it is nothing of ours."""

TakenPaths = Callable[[Collection[str]], Collection[str]]
"""Returns which paths belong to indexed results, whose files a reader may have moved away."""


class Plan(Struct, frozen=True):
    """Which files of a result are to be written, and under which name."""

    result: Result
    stem: str
    found: frozenset[str] = frozenset()
    """Suffixes of files that are there already, with this content; they may not be durable."""

    @property
    def marker(self) -> str:
        """The path of the marker, relative to the root."""
        return self.result.path(self.stem, self.result.files[-1][0])

    @property
    def is_duplicate(self) -> bool:
        """Whether the result was there already."""
        return self.result.files[-1][0] in self.found


class _Marker(Struct, frozen=True):
    """A marker that is there."""

    fingerprint: str
    """`none` if it is nothing of ours."""
    modified_s: float


_OTHER = _Marker("none", 0.0)


class Names:
    """The names below one root. Used by one thread."""

    def __init__(self, root: str, read_fingerprint: ReadFingerprint) -> None:
        """`root` is absolute."""
        self._root = root
        self._read_fingerprint = read_fingerprint
        self._markers: dict[str, _Marker] = {}

    def plan(self, result: Result, since_s: float, is_taken: Callable[[str], bool]) -> Plan:
        """Return the name that a result has already, or the first that is free for it.

        Args:
            result: to be named.
            since_s: what was stored before is another result, even of the same content.
            is_taken: says of a path whether it belongs to a result that has been moved away.

        Raises:
            OSError: what is there cannot be read.
        """
        for stem in _stems(result.stem):
            marker = result.path(stem, result.files[-1][0])
            # What a file holds never changes, and a name stays taken when the file is moved away.
            # With thousands of results of one name, each would read all that came before it.
            known = self._markers.get(marker)
            if known is not None and not _is_of(result, since_s, known):
                continue
            there = self._marker_at(marker)
            if there is not None and _is_of(result, since_s, there):
                return Plan(result, stem, frozenset(self._there(result, stem, result.files)))
            if there is None and not is_taken(marker):
                # A commit that was cut off before its marker was linked leaves the other files.
                found = self._there(result, stem, result.files[:-1])
                if all(_holds(path, content) for path, content in found.values()):
                    return Plan(result, stem, frozenset(found))
        raise AssertionError("names never end")

    def _marker_at(self, marker: str) -> _Marker | None:
        """Return what is known of the marker at a path, `None` if nothing is there."""
        path = os.path.join(self._root, marker)
        # Mostly nothing is, and this finds out in a fraction of the time that `open` takes.
        if not os.path.lexists(path):
            return None
        try:
            with open(path, "rb") as file:
                fingerprint = self._read_fingerprint(file) or "none"
                modified_s = os.fstat(file.fileno()).st_mtime
                # Some file systems have no times: there all that is equal is a duplicate.
                is_dated = modified_s >= EARLIEST.timestamp()
                there = _Marker(fingerprint, modified_s if is_dated else math.inf)
        except FileNotFoundError:
            # A reader has just moved it away, or it is a link that leads nowhere.
            return _OTHER if os.path.lexists(path) else None
        except (IsADirectoryError, PermissionError):
            return _OTHER
        if len(self._markers) >= _MOST_MARKERS:
            self._markers.clear()
        self._markers[marker] = there
        return there

    def _there(
        self, result: Result, stem: str, files: Collection[tuple[str, Content]]
    ) -> dict[str, tuple[str, Content]]:
        """Return by suffix the paths of files that are there, with what they ought to hold."""
        paths = {
            suffix: (os.path.join(self._root, result.path(stem, suffix)), content)
            for suffix, content in files
        }
        return {suffix: each for suffix, each in paths.items() if os.path.lexists(each[0])}


class BatchNames:
    """The names of one batch, in which no two results get the same one."""

    def __init__(
        self, names: Names, results: Collection[Result], since_s: float, indexed: TakenPaths
    ) -> None:
        """Ask the index for all names at once: mostly the first is free."""
        self._names = names
        self._since_s = since_s
        self._indexed = indexed
        self._asked = {result.marker for result in results}
        self._taken = set(indexed(self._asked))

    def plan(self, result: Result) -> Plan:
        """Return the name of a result. Raise `OSError` if what is there cannot be read."""
        plan = self._names.plan(result, self._since_s, self._is_taken)
        self._asked.add(plan.marker)
        self._taken.add(plan.marker)
        return plan

    def plan_again(self, plan: Plan) -> Plan:
        """Return the name of a result whose first turned out to be taken, or its folder away."""
        self._taken.discard(plan.marker)
        return self.plan(plan.result)

    def _is_taken(self, marker: str) -> bool:
        if marker not in self._asked:
            self._asked.add(marker)
            self._taken.update(self._indexed([marker]))
        return marker in self._taken


def plainly_named(result: Result) -> Result:
    """Return a result with a name that any file system takes, and that no other result has."""
    components = result.directory.split("/")
    directory = "/".join(name if len(name) <= _KEPT else _cut(name) for name in components)
    return structs.replace(result, directory=directory, stem=_cut(result.stem))


def _cut(name: str) -> str:
    digest = sha256(name.encode()).hexdigest()[:_DIGEST_LENGTH]
    return f"{name[:_KEPT]}~{digest}"


def _is_of(result: Result, since_s: float, marker: _Marker) -> bool:
    """Return whether a marker is that of the same result, and not of one long before."""
    return marker.fingerprint == result.fingerprint and marker.modified_s >= since_s


def _stems(stem: str) -> Iterator[str]:
    """Yield the names that results of one stem may have: as it is, then `~2`, `~3` and so on."""
    yield stem
    for number in count(2):
        yield f"{stem}~{number}"


def _holds(path: str, content: Content) -> bool:
    """Return whether a file has this content."""
    try:
        with open(path, "rb") as file:
            if isinstance(content, bytes | bytearray):
                return file.read(len(content) + 1) == content
            return _is_same(file, content)
    except (FileNotFoundError, IsADirectoryError, PermissionError):
        return False


def _is_same(file: BinaryIO, content: StagedContent) -> bool:
    for piece in content.pieces():
        if file.read(len(piece)) != piece:
            return False
    return not file.read(1)
