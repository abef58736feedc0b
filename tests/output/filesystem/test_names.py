"""Names are found and kept: a duplicate is told, and nothing of others is replaced."""

import errno
import os
from pathlib import Path
from typing import BinaryIO

import pytest

from asr_daemon.output.base import Stored
from asr_daemon.output.filesystem.output import FilesystemOutput
from asr_daemon.renderers.document import read_fingerprint
from tests.output.filesystem.conftest import MakeOutput, contents, large, result, staged


def test_duplicate(make_output: MakeOutput, tmp_path: Path) -> None:
    """The same name and digest again writes nothing, and is stored."""
    output = make_output()
    output.store([result()])
    before = contents(tmp_path / "root")
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42.json", True)]
    assert contents(tmp_path / "root") == before


def test_duplicate_is_synced_before_it_counts(
    make_output: MakeOutput, system_calls: list[str]
) -> None:
    """Files found in the tree may stem from a killed process: they are synced first."""
    output = make_output()
    output.store([result()])
    system_calls.clear()
    output.store([result()])
    assert "fsync root/tencent/2026/11/21/42.txt" in system_calls
    assert "fsync root/tencent/2026/11/21/42.json" in system_calls
    assert system_calls[-3:] == [
        "fsync root/tencent/2026/11/21",
        "announce root/tencent/2026/11/21/42.txt",
        "announce root/tencent/2026/11/21/42.json",
    ]


def test_same_name_other_content(make_output: MakeOutput, tmp_path: Path) -> None:
    """Another result of the same name is kept next to the first, as `~2`, `~3`."""
    output = make_output()
    others = [result(digest=f"d{n}", text=b"%d" % n) for n in range(3)]
    outcomes = [output.store([each])[0] for each in others]
    assert [getattr(each, "path", each) for each in outcomes] == [
        "tencent/2026/11/21/42.json",
        "tencent/2026/11/21/42~2.json",
        "tencent/2026/11/21/42~3.json",
    ]
    folder = tmp_path / "root/tencent/2026/11/21"
    assert (folder / "42.txt").read_bytes() == b"0"
    assert (folder / "42~3.txt").read_bytes() == b"2"


def test_names_of_others_are_read_once(make_output: MakeOutput, tmp_path: Path) -> None:
    """However many results have one name, the next does not read all of them again."""
    read: list[str] = []

    def fingerprint(file: BinaryIO) -> str | None:
        read.append(file.name)
        return read_fingerprint(file)

    output = make_output(durable=False, read=fingerprint)
    for digest in ("d1", "d2", "d3", "d4", "d5"):
        output.store([result(digest=digest)])
    names = sorted(path.name for path in (tmp_path / "root").rglob("42*.json"))
    assert (len(names), len(read)) == (5, 4)


def test_text_without_its_marker_is_completed(make_output: MakeOutput, tmp_path: Path) -> None:
    """What a killed commit left (the text, not yet the JSON) is completed, not doubled."""
    output = make_output()
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.mkdir(parents=True)
    (folder / "42.txt").write_bytes(b"hello\n")
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42.json", False)]


def test_text_of_somebody_else_is_left_alone(make_output: MakeOutput, tmp_path: Path) -> None:
    """A text of other content whose JSON was moved away keeps its name."""
    output = make_output()
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.mkdir(parents=True)
    (folder / "42.txt").write_bytes(b"hello\nand more\n")
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42~2.json", False)]
    assert (folder / "42.txt").read_bytes() == b"hello\nand more\n"


def test_text_is_not_put_beside_the_marker_of_another(
    make_output: MakeOutput, tmp_path: Path
) -> None:
    """Where only the JSON of another result is left, no text of ours comes to stand beside it."""
    output = make_output()
    output.store([result(digest="d1")])
    folder = tmp_path / "root/tencent/2026/11/21"
    (folder / "42.txt").unlink()
    assert output.store([result(digest="d2")]) == [Stored("tencent/2026/11/21/42~2.json", False)]
    assert not (folder / "42.txt").exists()


def test_marker_that_cannot_be_read_is_left_alone(make_output: MakeOutput, tmp_path: Path) -> None:
    """A JSON that is not ours, or a folder of its name, counts as another result."""
    output = make_output()
    folder = tmp_path / "root/tencent/2026/11/21"
    (folder / "42.json").mkdir(parents=True)
    (folder / "42~2.json").write_bytes(b"not ours")
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42~3.json", False)]


def test_name_that_is_taken_before_the_link(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is replaced: the result gets the next name."""
    output, fsync = make_output(), os.fsync
    taken = tmp_path / "root/tencent/2026/11/21/42.txt"
    taken.parent.mkdir(parents=True)

    def sync_and_take(descriptor: int) -> None:
        fsync(descriptor)
        taken.write_bytes(b"somebody else's")

    monkeypatch.setattr(os, "fsync", sync_and_take)
    assert output.store([result()]) == [Stored("tencent/2026/11/21/42~2.json", False)]
    assert taken.read_bytes() == b"somebody else's"


def test_link_that_leads_nowhere_keeps_its_name(make_output: MakeOutput, tmp_path: Path) -> None:
    """It is not written through, and not in the way for ever."""
    folder = tmp_path / "root/tencent/2026/11/21"
    folder.mkdir(parents=True)
    for name in ("42.txt", "42.json", "42~2.txt"):
        (folder / name).symlink_to("nowhere")
    assert make_output().store([result()]) == [Stored("tencent/2026/11/21/42~3.json", False)]


def test_name_of_a_result_that_a_reader_took_at_once(
    make_output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another result of its name, in the same batch, would overwrite it in the reader's folder."""
    output = make_output()
    link = os.link

    def link_and_take(source: str, target: str, dst_dir_fd: int) -> None:
        link(source, target, dst_dir_fd=dst_dir_fd)
        os.unlink(target)

    monkeypatch.setattr(os, "link", link_and_take)
    assert output.store([result(digest="d1"), result(digest="d2")]) == [
        Stored("tencent/2026/11/21/42.json", False),
        Stored("tencent/2026/11/21/42~2.json", False),
    ]


def test_unreadable_marker_is_left_alone(
    make_output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that a reader has taken for itself is another result, not an obstacle."""
    output = make_output()
    output.store([result()])

    def forbidden(path: str, mode: str) -> object:
        if path.endswith("/42.json"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)

    monkeypatch.setattr("builtins.open", forbidden)
    assert output.store([result(digest="d2")]) == [Stored("tencent/2026/11/21/42~2.json", False)]


@pytest.mark.parametrize(
    ("found", "stem"),
    [(b"hello, world\n", "42"), (b"hello", "42~2"), (b"hello, world\nmore", "42~2")],
)
def test_text_that_is_there(
    output: FilesystemOutput, tmp_path: Path, found: bytes, stem: str
) -> None:
    """A text of a commit that was cut off is ours only if all of it is the same."""
    path = tmp_path / "root/tencent/2026/11/21/42.txt"
    path.parent.mkdir(parents=True)
    path.write_bytes(found)
    text = staged(output)
    assert output.store([large(text)]) == [Stored(f"tencent/2026/11/21/{stem}.json", False)]
    assert path.read_bytes() == found
    text.release()
