"""The output: each result once, and only what there is room for."""

import errno
import os
import shutil
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from asr_daemon.errors import CannotStore, NoRoomForRejected
from asr_daemon.index.index import Index
from asr_daemon.output.base import Result, Stored
from asr_daemon.output.filesystem.output import FilesystemOutput, MarkerReaders, Settings
from asr_daemon.output.filesystem.staging import Modes
from asr_daemon.renderers.document import read_fingerprint

SETTINGS = Settings(Modes(0o640, 0o750), 3600.0, 0, 1000)
MakeOutput = Callable[..., FilesystemOutput]


@pytest.fixture
def make_output(tmp_path: Path) -> Iterator[MakeOutput]:
    """Return a maker of outputs at `tmp_path/root`, each as after a restart."""
    opened: list[FilesystemOutput] = []

    def close() -> None:
        while opened:
            opened.pop().close()

    def make(*, durable: bool = True) -> FilesystemOutput:
        close()
        index = Index(tmp_path / "state")
        root = tmp_path / "root"
        output = FilesystemOutput(
            root, index, MarkerReaders(read_fingerprint), SETTINGS, durable=durable
        )
        output.open()
        opened.append(output)
        return output

    yield make
    close()


def result(day: str = "21", digest: str = "d1", status: str = "succeeded") -> Result:
    """Return a result of one day."""
    files = ((".txt", b"hello\n"), (".json", b'{"id": "42", "digest": "%s"}' % digest.encode()))
    identity = f"42 {digest}"
    return Result("tencent", "42", digest, status, identity, digest, f"tencent/{day}", "42", files)


def markers(root: Path) -> list[str]:
    """Return the JSON files below `root`."""
    return sorted(str(path.relative_to(root)) for path in root.rglob("*.json"))


def test_twice_at_once(make_output: MakeOutput, tmp_path: Path) -> None:
    """Of the same result twice in a batch one is written, also under names that differ."""
    outcomes = make_output().store([result("21"), result("22")])
    assert outcomes == [Stored("tencent/21/42.json", False), Stored("tencent/21/42.json", True)]
    assert markers(tmp_path / "root") == ["tencent/21/42.json"]


def test_again_after_midnight_and_a_restart(make_output: MakeOutput, tmp_path: Path) -> None:
    """The same result on another day, in another process, is a duplicate of the first."""
    make_output().store([result("21")])
    assert make_output().store([result("22")]) == [Stored("tencent/21/42.json", True)]
    assert markers(tmp_path / "root") == ["tencent/21/42.json"]


def test_again_after_a_reader_moved_it_away(make_output: MakeOutput, tmp_path: Path) -> None:
    """A result whose files are gone is not written a second time."""
    output = make_output()
    output.store([result()])
    for path in (tmp_path / "root/tencent/21").iterdir():
        path.unlink()
    assert output.store([result()]) == [Stored("tencent/21/42.json", True)]
    assert markers(tmp_path / "root") == []


def test_same_id_with_other_content(make_output: MakeOutput, tmp_path: Path) -> None:
    """The vendor may use an id again: both results are kept, on one day and on two."""
    output = make_output()
    output.store([result("21", "d1")])
    output.store([result("21", "d2"), result("22", "d3")])
    assert markers(tmp_path / "root") == [
        "tencent/21/42.json",
        "tencent/21/42~2.json",
        "tencent/22/42.json",
    ]


def test_a_lost_index_falls_back_to_the_tree(make_output: MakeOutput, tmp_path: Path) -> None:
    """Without the index a duplicate is found where its name is."""
    make_output().store([result()])
    (tmp_path / "state/index.sqlite").unlink()
    assert make_output().store([result()]) == [Stored("tencent/21/42.json", True)]


def test_same_content_after_the_window_is_another_result(
    make_output: MakeOutput, tmp_path: Path
) -> None:
    """Ids come again on other days, and silence is equal: the tree forgets as the index does."""
    names = ["tencent/21/42.json", "tencent/21/42~2.json", "tencent/21/42~3.json"]
    for name in names:
        output = make_output()
        assert output.store([result()]) == [Stored(name, False)]
        assert output.store([result()]) == [Stored(name, True)]
        day_ago_s = time.time() - 86_400
        os.utime(tmp_path / "root" / name, (day_ago_s, day_ago_s))
        (tmp_path / "state/index.sqlite").unlink()
    assert markers(tmp_path / "root") == names


def test_same_content_on_a_file_system_without_times(
    make_output: MakeOutput, tmp_path: Path
) -> None:
    make_output().store([result()])
    os.utime(tmp_path / "root/tencent/21/42.json", (0, 0))
    (tmp_path / "state/index.sqlite").unlink()
    assert make_output().store([result()]) == [Stored("tencent/21/42.json", True)]


def test_what_could_not_be_stored_is_not_remembered(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A result that the disk did not take is new when it comes again, and is written then."""
    output = make_output()

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as broken_disk:
        broken_disk.setattr(os, "fsync", broken)
        [refused] = output.store([result()])
    assert isinstance(refused, CannotStore)
    shutil.rmtree(tmp_path / "root/tencent", ignore_errors=True)
    assert output.store([result()]) == [Stored("tencent/21/42.json", False)]


def test_what_was_refused_may_come_again(
    make_output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both of the same result in a batch share a refusal, and the next try is a new one."""
    output = make_output()

    def full(path: str) -> os.statvfs_result:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "statvfs", full)
        outcomes = output.store([result(), result()])
    assert [type(outcome) for outcome in outcomes] == [CannotStore, CannotStore]
    assert output.store([result()]) == [Stored("tencent/21/42.json", False)]


def test_rejected_bodies_have_a_quota(make_output: MakeOutput) -> None:
    """A body over the quota is not kept, and results still are."""
    files = ((".body", b"x" * 1001),)
    big = Result("tencent", None, "d9", "rejected", "i9", "d9", "rejected", "x", files)
    outcomes = make_output().store([big, result()])
    assert isinstance(outcomes[0], NoRoomForRejected)
    assert outcomes[1] == Stored("tencent/21/42.json", False)


def test_a_name_stays_taken(make_output: MakeOutput, tmp_path: Path) -> None:
    """Other content does not get the name of a result that a reader has moved away."""
    output = make_output()
    output.store([result("21", "d1")])
    for path in (tmp_path / "root/tencent/21").iterdir():
        path.unlink()
    assert output.store([result("21", "d2")]) == [Stored("tencent/21/42~2.json", False)]


def test_an_emptied_disk_is_another_tree(make_output: MakeOutput, tmp_path: Path) -> None:
    """When the tree was lost or replaced, what the vendor sends again is written again."""
    make_output().store([result()])
    shutil.rmtree(tmp_path / "root")
    assert make_output().store([result()]) == [Stored("tencent/21/42.json", False)]


def test_root_that_is_gone_is_unhealthy(make_output: MakeOutput, tmp_path: Path) -> None:
    """A root that is gone is reported until it is back."""
    output = make_output()
    for thoroughly in (False, True):
        assert output.check_health(thoroughly=thoroughly) is None
        (tmp_path / "root").rename(tmp_path / "away")
        found = output.check_health(thoroughly=thoroughly)
        assert "No such file or directory" in (found or "")
        (tmp_path / "away").rename(tmp_path / "root")
    assert output.check_health(thoroughly=True) is None


def test_unhealthy_disk_that_only_writing_meets(
    make_output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thorough look finds a disk that cannot sync."""
    output = make_output()

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", broken)
    assert output.check_health(thoroughly=False) is None
    assert output.check_health(thoroughly=True) == "Input/output error"


def test_window_that_changes_holds_for_the_next_batch(make_output: MakeOutput) -> None:
    """What was committed longer ago is written again, under the name of its day."""
    output = make_output()
    output.store([result("21")])
    output.apply(structs.replace(SETTINGS, duplicate_window_s=-1.0))
    assert output.store([result("22")]) == [Stored("tencent/22/42.json", False)]
    assert output.store([result("21")]) == [Stored("tencent/21/42~2.json", False)]


def test_rejected_body_that_was_not_stored_leaves_its_room(
    make_output: MakeOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next try is kept, and takes it."""
    output = make_output()
    files = ((".body", b"x" * 600), (".json", b'{"digest": "d9"}'))
    body = Result("tencent", None, "d9", "rejected", "i9", "d9", "rejected", "x", files)

    def broken(source: str, target: str, dst_dir_fd: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", broken)
        assert isinstance(output.store([body])[0], CannotStore)
    assert output.store([body]) == [Stored("rejected/x.json", False)]
    other = structs.replace(body, identity="i10", stem="y")
    assert isinstance(output.store([other])[0], NoRoomForRejected)


def test_results_stored_without_syncs_are_not_taken_for_durable(make_output: MakeOutput) -> None:
    """What `durability: none` has stored is not remembered under `fsync`."""
    make_output(durable=False).store([result("21")])
    assert make_output().store([result("22")]) == [Stored("tencent/22/42.json", False)]


LONG = "x" * 100
PLAIN = f"tencent/{'x' * 80}~{sha256(LONG.encode()).hexdigest()[:16]}"


@pytest.fixture(params=[errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ])
def picky(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the file system take no name of 100 bytes, and none that Windows reserves."""
    link, mkdir = os.link, os.mkdir

    def check(path: str) -> None:
        name = os.path.basename(path)
        if len(name.partition(".")[0]) >= len(LONG) or name.startswith("CON."):
            raise OSError(request.param, os.strerror(request.param), path)

    def checked_link(source: str, target: str, **more: Any) -> None:
        check(target)
        link(source, target, **more)

    def checked_mkdir(path: str, *mode: int) -> None:
        check(path)
        mkdir(path, *mode)

    monkeypatch.setattr(os, "link", checked_link)
    monkeypatch.setattr(os, "mkdir", checked_mkdir)


@pytest.mark.usefixtures("picky")
@pytest.mark.parametrize(
    ("directory", "stem", "stored"),
    [
        ("tencent", LONG, f"{PLAIN}.json"),
        (f"tencent/{LONG}", "42", f"{PLAIN}/42~73475cb40a568e8d.json"),
        ("tencent", "CON", f"tencent/CON~{sha256(b'CON').hexdigest()[:16]}.json"),
    ],
)
def test_name_that_the_file_system_does_not_take(
    make_output: MakeOutput, tmp_path: Path, directory: str, stem: str, stored: str
) -> None:
    """Some take names that are shorter, or reserve some: a plain one is found again, too."""
    output = make_output()
    other = structs.replace(result(), directory=directory, stem=stem)
    assert output.store([result("21", "d2"), other]) == [
        Stored("tencent/21/42.json", False),
        Stored(stored, False),
    ]
    assert output.check_health(thoroughly=True) is None
    output.close()
    (tmp_path / "state/index.sqlite").unlink()
    assert make_output().store([other]) == [Stored(stored, True)]


def test_name_that_no_name_can_replace(
    make_output: MakeOutput, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused, and the disk does not count as unhealthy for that."""
    output = make_output()

    def refuse_all(*arguments: object, **more: object) -> None:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))

    with monkeypatch.context() as patched:
        patched.setattr(os, "link", refuse_all)
        [refusal] = output.store([result()])
    assert str(refusal) == "the result cannot be stored now: Invalid argument"
    assert output.check_health(thoroughly=True) is None
