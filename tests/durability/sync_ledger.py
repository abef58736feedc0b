"""Which files and directories below a root are changed and not synced. Pure.

Time is counted in lines of a trace. A change has a line at which it was finished, a sync one at
which it began: it holds for what was finished before.
"""

import os
from dataclasses import dataclass

from tests.durability.trace_lines import DELETED


@dataclass(eq=False)
class _Kept:
    """A file (with however many names) or a directory."""

    changed: int = 0
    synced: int = 0

    @property
    def dirty(self) -> bool:
        return self.changed > self.synced


class SyncLedger:
    """Keeps the accounts; paths are absolute and without symbolic links."""

    def __init__(self, root: str, staging: str) -> None:
        """Look after all below `root`, but not after the names below `staging` in it."""
        self._root = os.path.normpath(root)
        self._staging = os.path.join(self._root, staging)
        self._files: dict[str, _Kept] = {}
        self._directories: dict[str, _Kept] = {}

    def is_below_root(self, path: str) -> bool:
        """Say whether `path` is the root or below it."""
        return _is_at_or_below(path, self._root)

    def is_final(self, path: str) -> bool:
        """Say whether `path` is a name that has to be durable."""
        return (
            self.is_below_root(path)
            and not _is_at_or_below(path, self._staging)
            and not path.endswith(DELETED)
        )

    def is_known(self, path: str) -> bool:
        """Say whether a file has that name, as far as has been told here."""
        return path in self._files

    def is_dirty(self, path: str) -> bool:
        """Say whether the file at `path` has data that is not synced."""
        return path in self._files and self._files[path].dirty

    def dirty(self) -> list[str]:
        """Return the paths of files and directories that would lose something now."""
        entries = [*self._files.items(), *self._directories.items()]
        return [path for path, kept in entries if kept.dirty and not path.endswith(DELETED)]

    def name_made(self, path: str, line: int) -> None:
        """Note a new name: that is a change of its directory."""
        if self.is_final(path):
            self._directories.setdefault(os.path.dirname(path), _Kept()).changed = line

    def file_made(self, path: str, line: int) -> None:
        """Note a new, empty file."""
        self._files[path] = _Kept()
        self.name_made(path, line)

    def file_changed(self, path: str, line: int) -> None:
        """Note a change of the data of a file."""
        if self.is_below_root(path):
            self._files.setdefault(path, _Kept()).changed = line

    def linked(self, old: str, new: str, line: int) -> None:
        """Note one more name of a file."""
        self._files[new] = self._files.setdefault(old, _Kept())
        self.name_made(new, line)

    def moved(self, old: str, new: str, line: int) -> None:
        """Note another name of a file in place of the one it had."""
        self._files[new] = self._files.pop(old, _Kept())
        self.name_made(new, line)

    def unlinked(self, path: str) -> None:
        """Forget a name; nobody waits for that to be durable."""
        self._directories.pop(path, None)
        if path in self._files:
            self._files[path + DELETED] = self._files.pop(path)

    def synced(self, path: str, began: int) -> None:
        """Note that a sync of a file or directory, which began in that line, has succeeded."""
        for kept in (self._files.get(path), self._directories.get(path)):
            if kept is not None:
                kept.synced = max(kept.synced, began)

    def all_synced(self, began: int) -> None:
        """Note that a sync of everything, which began in that line, has succeeded."""
        for path in [*self._files, *self._directories]:
            self.synced(path, began)


def _is_at_or_below(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")
