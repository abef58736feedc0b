"""A tree of files that knows what a power cut would leave of it.

It promises what POSIX promises and not one thing more. A sync of a file keeps its data, a sync of
a directory keeps its entries as they are then; nothing else keeps anything, and nothing is written
back in time. Real file systems are kinder, each in its own way.
"""

import errno
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from tests.durability.fuse_operations import refusal

FORBIDDEN = frozenset('"*:<>?\\|')
"""What no name on a FAT has."""


@dataclass(eq=False)
class Node:
    """A file or a directory; what stands here does not matter for durability."""

    number: int
    mode: int
    user: int = 0
    group: int = 0
    accessed_ns: int = field(default_factory=time.time_ns)
    modified_ns: int = field(default_factory=time.time_ns)


@dataclass(eq=False)
class File(Node):
    """Data, as it is and as it was at the last sync."""

    data: bytearray = field(default_factory=bytearray)
    durable: bytes = b""
    links: int = 1

    def sync(self) -> None:
        """Make the data durable, but no name of the file."""
        self.durable = bytes(self.data)


@dataclass(eq=False)
class Directory(Node):
    """Entries, as they are and as they were at the last sync."""

    entries: dict[str, Node] = field(default_factory=dict)
    durable: dict[str, Node] = field(default_factory=dict)

    def sync(self) -> None:
        """Make the entries durable, but neither the directory's own name nor what they name."""
        self.durable = dict(self.entries)


class PosixTree:
    """Names and what they stand for; paths begin with `/`, and errors are those of the system."""

    def __init__(self) -> None:
        """Begin with an empty top directory, the one thing that nobody has to sync."""
        self._numbers = count(1)
        self._top = Directory(next(self._numbers), stat.S_IFDIR | 0o755)

    def find(self, path: str) -> Node:
        """Return what stands at `path` now."""
        node: Node = self._top
        for name in filter(None, path.split("/")):
            if not isinstance(node, Directory):
                raise refusal(errno.ENOTDIR, path)
            spelled = self._spelled(node, name)
            if spelled not in node.entries:
                raise refusal(errno.ENOENT, path)
            node = node.entries[spelled]
        return node

    def file(self, path: str) -> File:
        """Return the file at `path`."""
        node = self.find(path)
        if not isinstance(node, File):
            raise refusal(errno.EISDIR, path)
        return node

    def directory(self, path: str) -> Directory:
        """Return the directory at `path`."""
        node = self.find(path)
        if not isinstance(node, Directory):
            raise refusal(errno.ENOTDIR, path)
        return node

    def make_file(self, path: str, mode: int) -> File:
        """Return a new empty file."""
        file = File(next(self._numbers), stat.S_IFREG | stat.S_IMODE(mode))
        self._enter(path, file)
        return file

    def make_directory(self, path: str, mode: int) -> None:
        """Make an empty directory."""
        self._enter(path, Directory(next(self._numbers), stat.S_IFDIR | stat.S_IMODE(mode)))

    def link(self, old: str, new: str) -> None:
        """Give a file one more name."""
        file = self.file(old)
        self._enter(new, file)
        file.links += 1

    def rename(self, old: str, new: str) -> None:
        """Move a name, over what may have had the new one."""
        node = self.find(old)
        directory, name = self._place(new)
        replaced = directory.entries.get(name)
        if replaced is node:
            return
        if isinstance(replaced, Directory):
            self.remove_directory(new)
        elif replaced is not None:
            self.unlink(new)
        directory.entries[name] = node
        self._drop(old)

    def unlink(self, path: str) -> None:
        """Remove a name of a file; who has the file open keeps it."""
        self.file(path).links -= 1
        self._drop(path)

    def remove_directory(self, path: str) -> None:
        """Remove an empty directory."""
        if self.directory(path).entries:
            raise refusal(errno.ENOTEMPTY, path)
        self._drop(path)

    def durable(self) -> dict[str, bytes]:
        """Return the path, without `/` before it, and the data of each file that would be left.

        Of an entry, a directory above it or data that was not synced, nothing is.
        """
        return dict(_durable(self._top, ""))

    def _enter(self, path: str, node: Node) -> None:
        directory, name = self._place(path)
        if name in directory.entries:
            raise refusal(errno.EEXIST, path)
        directory.entries[name] = node

    def _drop(self, path: str) -> None:
        directory, name = self._place(path)
        del directory.entries[name]

    def _place(self, path: str) -> tuple[Directory, str]:
        parent, _, name = path.rpartition("/")
        directory = self.directory(parent)
        return directory, self._spelled(directory, name)

    def _spelled(self, directory: Directory, name: str) -> str:
        """Return how the directory spells a name."""
        return name


class FatTree(PosixTree):
    """Names as FAT has them: a few characters are forbidden, and case makes no difference."""

    def _spelled(self, directory: Directory, name: str) -> str:
        if FORBIDDEN.intersection(name) or name.endswith((".", " ")):
            raise refusal(errno.EINVAL, name)
        same = (entry for entry in directory.entries if entry.lower() == name.lower())
        return next(same, name)


def _durable(directory: Directory, prefix: str) -> Iterator[tuple[str, bytes]]:
    for name, node in directory.durable.items():
        if isinstance(node, Directory):
            yield from _durable(node, f"{prefix}{name}/")
        elif isinstance(node, File):
            yield f"{prefix}{name}", node.durable
