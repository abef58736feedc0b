"""Which staging folder serves which directory: the root's, or one of its own.

A directory below the root may be another mount, a link to one, have a quota of its own, or give its
group and default ACL to what is made in it. The outermost directory of such a kind gets a staging
folder, from which files can be linked and have got all that from the start.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from asr_daemon.output.filesystem.mount_boundaries import boundaries_of, outermost
from asr_daemon.output.filesystem.space import Room, Space
from asr_daemon.output.filesystem.staging import Modes, Staging

_MOST_KNOWN = 4096

_Identity = tuple[int, int]


class StagingFolders:
    """The staging folders of one tree. Used by one thread."""

    def __init__(self, root: Staging) -> None:
        """`root` is opened and closed elsewhere."""
        self._root = root
        self._others: dict[str, Staging] = {}
        self._spaces: dict[str, Space] = {}
        self.free_space_bytes = 0
        """What is left free on the disk of each."""
        self._known: dict[tuple[str, _Identity], Staging] = {}

    def close(self) -> None:
        """Let other processes have all but the root's."""
        for staging in self._others.values():
            staging.close()
        self._others.clear()
        self._spaces.clear()
        self.forget()

    def forget(self) -> None:
        """Find out again where each directory belongs: something was mounted meanwhile."""
        self._known.clear()

    def apply(self, modes: Modes) -> None:
        """Have the next files and directories made with other modes."""
        for staging in (self._root, *list(self._others.values())):
            staging.modes = modes

    def check(self, directory: str) -> None:
        """Raise `OSError` if a mount that a directory was on has gone away; it may be missing."""
        for staging in self._above(directory):
            staging.check_folder()
            staging.ensure()

    def of(self, directory: str, identity: _Identity) -> Staging:
        """Return the staging folder for a directory that is there.

        Raises:
            OSError: it has to be made, and cannot be.
        """
        staging = self._known.get((directory, identity))
        if staging is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            staging = self._known[directory, identity] = self._find(directory)
        return staging

    @property
    def rooms(self) -> list[Room]:
        """What was left in each but the root's at the last check; on any thread."""
        spaces = tuple(self._spaces.values())
        return [space.room for space in spaces if space.room is not None]

    def check_room(self, staging: Staging) -> None:
        """Raise `OSError` if too little is left for files of a staging folder.

        The root's is checked before anything is written.
        """
        if staging is not self._root:
            self._spaces[staging.folder].check(self.free_space_bytes)

    def try_out(self, directory: str) -> tuple[str, ...]:
        """Return what does not work in a directory that is there; results could be stored.

        Nothing that is made for that stays.

        Raises:
            OSError: they could not.
        """
        root = self._root.folder
        if os.path.isdir(root) and directory.startswith(root):
            folder = outermost(directory, root)
            if folder != root:
                return self._like_root(folder).check().weaker
        return ()

    def _find(self, directory: str) -> Staging:
        if boundaries_of(directory) == boundaries_of(self._root.folder):
            return self._root
        folder = outermost(directory, self._root.folder)
        if folder == self._root.folder:
            return self._root
        if folder not in self._others:
            staging = self._like_root(folder)
            staging.open()
            try:
                # Somebody may put another root in the place of this one for a moment.
                self._root.check_folder()
                staging.check_folder()
            except OSError:
                staging.close()
                raise
            self._others[folder] = staging
            space = self._spaces[folder] = Space(Path(folder))
            if staging.was_tried:
                space.note_files_made()
        return self._others[folder]

    def _like_root(self, folder: str) -> Staging:
        root = self._root
        return Staging(folder, root.modes, durable=root.is_durable, now_s=root.now_s)

    def _above(self, directory: str) -> Iterator[Staging]:
        """Yield the staging folders of their own that lie between a directory and the root."""
        for folder, staging in self._others.items():
            if directory == folder or directory.startswith(folder + os.sep):
                yield staging
