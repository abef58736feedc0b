"""A small committer for the beds to be tried on, with a choice of steps that it leaves out."""

import os
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import Literal

Step = Literal["sync file", "sync directory"]


class ToyWriter:
    """Writes aside, syncs the file, links it to its name, syncs the directory."""

    def __init__(self, root: Path, without: Collection[Step] = ()) -> None:
        """Prepare `root`, correctly in any case; `commit` leaves out the steps in `without`."""
        self._root = root
        self._without = without
        self._staging = root / ".staging"
        self._staging.mkdir(exist_ok=True)
        _sync(root)

    def commit(self, name: str, data: bytes) -> None:
        """Make `data` durable as `name`, in a directory of its own for the first letter of that."""
        directory = self._root / name[0]
        with suppress(FileExistsError):
            directory.mkdir()
        staged = self._staging / name
        with staged.open("xb", buffering=0) as file:
            file.write(data)
            if "sync file" not in self._without:
                os.fsync(file.fileno())
        os.link(staged, directory / name)
        if "sync directory" not in self._without:
            _sync(directory)
            _sync(self._root)
        staged.unlink()


def _sync(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
