"""The FUSE side of the strict disk: the calls of the kernel, put to a `PosixTree`."""

import json
import stat
import time
from itertools import count

from tests.durability.fuse_operations import FuseOperations
from tests.durability.posix_tree import Directory, File, Node, PosixTree

DURABLE_TREE = ".durable-tree"
"""A file at the top, in no listing, that reads as `{path: data}` of what a power cut would leave.

It is JSON, with one character per byte of data, and made anew each time it is opened.
"""

_NOW = (1 << 30) - 1
"""UTIME_NOW of Linux, which stands for a time that is set to now."""

_BLOCK_BYTES = 4096
_FREE_BLOCKS = 1 << 18
_FREE_NODES = 1 << 20


class PosixOperations(FuseOperations):
    """The operations, in the terms of FUSE: handles are numbers, answers 0 or what was asked for.

    `path` is `None` where a file is open and has no name any more.

    There are no symbolic links, no permissions and no `O_TMPFILE`; `syncfs`, `sync` and `O_SYNC`
    keep nothing. `RENAME_EXCHANGE` is not told apart from a plain rename: do not use it here.
    """

    def __init__(self) -> None:
        """Begin with an empty tree."""
        self._tree = PosixTree()
        self._handles: dict[int, Node] = {}
        self._numbers = count(1)

    def getattr(self, path: str | None, handle: int | None = None) -> dict[str, int]:
        """Describe a file or directory."""
        node = self._find(path, handle)
        size = len(node.data) if isinstance(node, File) else 0
        return {
            "st_ino": node.number,
            "st_mode": node.mode,
            "st_nlink": node.links if isinstance(node, File) else 2,
            "st_uid": node.user,
            "st_gid": node.group,
            "st_size": size,
            "st_blocks": -(-size // 512),
            "st_atime": node.accessed_ns,
            "st_mtime": node.modified_ns,
            "st_ctime": node.modified_ns,
        }

    def readdir(self, path: str, handle: int) -> list[tuple[str, dict[str, int], int]]:
        """Return the names in a directory, each with the two facts that go into a listing."""
        directory = self._tree.directory(path)
        named = {".": directory, "..": directory, **directory.entries}
        return [
            (name, {"st_ino": node.number, "st_mode": node.mode}, 0) for name, node in named.items()
        ]

    def statfs(self, path: str) -> dict[str, int]:
        """Describe a disk of 1 GiB that is as good as empty."""
        return {
            "f_bsize": _BLOCK_BYTES,
            "f_frsize": _BLOCK_BYTES,
            "f_blocks": _FREE_BLOCKS,
            "f_bfree": _FREE_BLOCKS,
            "f_bavail": _FREE_BLOCKS,
            "f_files": _FREE_NODES,
            "f_ffree": _FREE_NODES,
            "f_favail": _FREE_NODES,
            "f_namemax": 255,
        }

    def open(self, path: str, flags: int) -> int:
        """Return a handle of a file."""
        return self._handle(self._find(path))

    def opendir(self, path: str) -> int:
        """Return a handle of a directory."""
        return self._handle(self._tree.directory(path))

    def release(self, path: str | None, handle: int) -> int:
        """Forget a handle of a file."""
        del self._handles[handle]
        return 0

    def releasedir(self, path: str | None, handle: int) -> int:
        """Forget a handle of a directory."""
        return self.release(path, handle)

    def read(self, path: str | None, size: int, offset: int, handle: int) -> bytes:
        """Return what was written, synced or not."""
        return bytes(self._opened_file(handle).data[offset : offset + size])

    def write(self, path: str | None, data: bytes, offset: int, handle: int) -> int:
        """Write, filling a gap before it with zeros."""
        file = self._opened_file(handle)
        file.data.extend(bytes(max(0, offset - len(file.data))))
        file.data[offset : offset + len(data)] = data
        file.modified_ns = time.time_ns()
        return len(data)

    def truncate(self, path: str, length: int) -> int:
        """Cut a file, or lengthen it with zeros."""
        file = self._tree.file(path)
        file.data = file.data[:length].ljust(length, b"\0")
        file.modified_ns = time.time_ns()
        return 0

    def fsync(self, path: str | None, data_only: int, handle: int) -> int:
        """Make the data of a file durable."""
        self._opened_file(handle).sync()
        return 0

    def fsyncdir(self, path: str | None, data_only: int, handle: int) -> int:
        """Make the entries of a directory durable."""
        directory = self._handles[handle]
        assert isinstance(directory, Directory)
        directory.sync()
        return 0

    def create(self, path: str, mode: int, flags: int) -> int:
        """Make an empty file and return a handle of it."""
        return self._handle(self._tree.make_file(path, mode))

    def mkdir(self, path: str, mode: int) -> int:
        """Make an empty directory."""
        self._tree.make_directory(path, mode)
        return 0

    def link(self, new: str, old: str) -> int:
        """Give a file one more name."""
        self._tree.link(old, new)
        return 0

    def rename(self, old: str, new: str) -> int:
        """Move a name."""
        self._tree.rename(old, new)
        return 0

    def unlink(self, path: str) -> int:
        """Remove a name of a file."""
        self._tree.unlink(path)
        return 0

    def rmdir(self, path: str) -> int:
        """Remove an empty directory."""
        self._tree.remove_directory(path)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        """Change the permissions, which nobody checks."""
        node = self._tree.find(path)
        node.mode = stat.S_IFMT(node.mode) | stat.S_IMODE(mode)
        return 0

    def chown(self, path: str, user: int, group: int) -> int:
        """Change the owner; -1 leaves it as it is."""
        node = self._tree.find(path)
        node.user = node.user if user == -1 else user
        node.group = node.group if group == -1 else group
        return 0

    def utimens(self, path: str, times_ns: tuple[int, int] | None = None) -> int:
        """Change the times."""
        node = self._tree.find(path)
        now_ns = time.time_ns()
        accessed_ns, modified_ns = times_ns or (now_ns, now_ns)
        node.accessed_ns = now_ns if accessed_ns == _NOW else accessed_ns
        node.modified_ns = now_ns if modified_ns == _NOW else modified_ns
        return 0

    def _find(self, path: str | None, handle: int | None = None) -> Node:
        if handle in self._handles:
            return self._handles[handle]
        if path == f"/{DURABLE_TREE}":
            return self._report()
        return self._tree.find(path or "/")

    def _report(self) -> File:
        durable = {path: data.decode("latin-1") for path, data in self._tree.durable().items()}
        return File(0, stat.S_IFREG | 0o400, data=bytearray(json.dumps(durable).encode()))

    def _handle(self, node: Node) -> int:
        number = next(self._numbers)
        self._handles[number] = node
        return number

    def _opened_file(self, handle: int) -> File:
        node = self._handles[handle]
        assert isinstance(node, File)
        return node
