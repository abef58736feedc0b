"""How configuration files are edited: by people, editors, package tools, volumes; and how badly."""

import os
import shutil
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

STEP_S = 0.03
"""Between the steps of an edit that is not made at once."""


class Editor:
    """Puts texts in place of one file; its folder holds nothing else that matters."""

    def __init__(self, file: Path) -> None:
        """Take the file, which is there."""
        self.file = file
        self._folder = file.parent
        self._numbers = count()

    def in_place(self, text: str) -> None:
        """Write into the file."""
        self._repair()
        self.file.write_text(text)

    def in_steps(self, text: str) -> None:
        """Write into the file, one half after the other."""
        self._repair()
        with self.file.open("w") as opened:
            opened.write(text[: len(text) // 2])
            opened.flush()
            time.sleep(STEP_S)
            opened.write(text[len(text) // 2 :])

    def by_rename(self, text: str) -> None:
        """Write another file and rename it to this one."""
        self._repair()
        self._beside(text).rename(self.file)

    def like_vim(self, text: str) -> None:
        """Rename the file to a backup, write it anew, remove the backup."""
        self._repair()
        backup = self._folder / f"{self.file.name}~"
        if self.file.exists():
            self.file.rename(backup)
        self.file.write_text(text)
        backup.unlink(missing_ok=True)

    def by_link(self, text: str) -> None:
        """Swap a link to a folder, as a volume of Kubernetes does."""
        self._repair()
        version = self._folder / f"..{next(self._numbers)}"
        version.mkdir()
        (version / self.file.name).write_text(text)
        before = self._folder / "..data"
        old = before.resolve() if before.exists() else None
        self._link(before, version.name)
        if not self.file.is_symlink():
            self._link(self.file, f"{before.name}/{self.file.name}")
        if old is not None:
            shutil.rmtree(old)

    def with_folder_away(self, text: str) -> None:
        """Rename the folder away, write the file, and rename the folder back."""
        self._repair()
        away = self._folder.with_name("away")
        self._folder.rename(away)
        time.sleep(STEP_S)
        (away / self.file.name).unlink(missing_ok=True)
        (away / self.file.name).write_text(text)
        away.rename(self._folder)

    def by_another_folder(self, text: str) -> None:
        """Put another folder in place of the one with the file."""
        self._repair()
        fresh, old = self._folder.with_name("fresh"), self._folder.with_name("old")
        fresh.mkdir()
        (fresh / self.file.name).write_text(text)
        self._folder.rename(old)
        fresh.rename(self._folder)
        shutil.rmtree(old)

    def remove(self) -> None:
        """Remove whatever is there."""
        if self.file.is_dir() and not self.file.is_symlink():
            self.file.rmdir()
        self.file.unlink(missing_ok=True)

    def _repair(self) -> None:
        """Let the file be one that can be written, or nothing."""
        self._folder.mkdir(exist_ok=True)
        self._folder.chmod(0o755)
        if self.file.is_file():
            self.file.chmod(0o644)
        else:
            self.remove()

    def _beside(self, text: str) -> Path:
        file = self._folder / f".{self.file.name}.{next(self._numbers)}"
        file.write_text(text)
        return file

    def _link(self, at: Path, target: str) -> None:
        fresh = self._folder / f".link.{next(self._numbers)}"
        fresh.symlink_to(target)
        fresh.rename(at)


GOOD: dict[str, Callable[[Editor, str], None]] = {
    "in place": Editor.in_place,
    "in steps": Editor.in_steps,
    "by rename": Editor.by_rename,
    "like vim": Editor.like_vim,
    "by link": Editor.by_link,
    "with its folder away": Editor.with_folder_away,
    "by another folder": Editor.by_another_folder,
}
"""Capabilities to put a sound text in place; when they return, it is there."""


def _instead(editor: Editor, put: Callable[[Path], None]) -> None:
    editor.remove()
    put(editor.file)


def _twice(text: str) -> str:
    """Give a sound text of JSON its first key once more."""
    return '{"limits": {},' + text.lstrip().removeprefix("{")


BAD: dict[str, Callable[[Editor, str], None]] = {
    "truncated": lambda editor, text: editor.in_place(text[: len(text) * 2 // 3]),
    "emptied": lambda editor, text: editor.in_place(""),
    "only a comment": lambda editor, text: editor.by_rename("# to be done\n"),
    "deleted": lambda editor, text: editor.remove(),
    "unreadable": lambda editor, text: editor.file.chmod(0),
    "in an unreadable folder": lambda editor, text: editor.file.parent.chmod(0),
    "in a folder that is gone": lambda editor, text: shutil.rmtree(editor.file.parent),
    "wrong types": lambda editor, text: editor.by_rename('{"limits": 7, "listen": "everywhere"}'),
    "duplicate key": lambda editor, text: editor.in_place(_twice(text)),
    "unknown key": lambda editor, text: editor.like_vim('{"lisen": []}'),
    "impossible values": lambda editor, text: editor.by_link('{"output": {"layout": "same"}}'),
    "no text": lambda editor, text: editor.in_place("\0\x01\x02"),
    "a link to nowhere": lambda editor, text: _instead(editor, lambda at: at.symlink_to("nothing")),
    "a link to itself": lambda editor, text: _instead(editor, lambda at: at.symlink_to(at.name)),
    "a folder": lambda editor, text: _instead(editor, Path.mkdir),
    "a pipe": lambda editor, text: _instead(editor, os.mkfifo),
}
"""Capabilities to spoil a file whose text is sound; after none of them it may be used."""
