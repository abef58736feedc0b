"""Noticing changes of files, however they are made."""

import asyncio
import os
import shutil
import threading
from collections.abc import Callable
from errno import EMFILE
from pathlib import Path
from unittest.mock import Mock

import pytest
from watchdog.events import FileClosedEvent, FileCreatedEvent, FileSystemEvent

from asr_daemon.config.watch import Watch, folders_of, is_other_than_file


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file in a folder of its own."""
    (tmp_path / "etc").mkdir()
    made = tmp_path / "etc" / "file"
    made.write_text("before")
    return made


def notices(file: Path, act: Callable[[], object], timeout_s: float = 5.0) -> bool:
    """Say whether a watch of a file returns after something was done."""

    async def run() -> bool:
        watch = Watch()
        await watch.aim(frozenset({file}))
        waiting = asyncio.create_task(watch.changed())
        await asyncio.to_thread(act)
        done, _ = await asyncio.wait({waiting}, timeout=timeout_s)
        waiting.cancel()
        watch.close()
        return bool(done)

    return asyncio.run(run())


def test_cancelled_together_with_an_event(file: Path) -> None:
    """Who is told to end ends, also when something happens at the same moment."""

    async def run() -> bool:
        watch = Watch()
        await watch.aim(frozenset({file}))
        waiting = asyncio.create_task(watch.changed())
        await asyncio.wait({waiting}, timeout=0.2)
        watch.ask()
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=5.0)
        watch.close()
        return waiting.cancelled()

    assert asyncio.run(run())


def test_without_events(
    file: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the system has no more watches to give, looking now and then is enough; it is said."""
    full = OSError(EMFILE, "inotify instance limit reached")
    monkeypatch.setattr("asr_daemon.config.watch.Observer", Mock(side_effect=full))
    assert notices(file, lambda: file.write_text("after"))
    assert [each.getMessage() for each in caplog.records] == [
        "changes of the configuration are found by looking only: inotify instance limit reached"
    ]


def replace(file: Path, text: str = "after") -> None:
    """Rename another file over a file."""
    fresh = file.with_name("fresh")
    fresh.write_text(text)
    fresh.rename(file)


def swap_folder(file: Path) -> None:
    """Put another folder in place of the one of a file."""
    file.parent.rename(file.parent.with_name("old"))
    file.parent.mkdir()
    file.write_text("after")


def put_instead(file: Path, put: Callable[[Path], object]) -> None:
    """Put something else in place of a file."""
    file.unlink()
    put(file)


@pytest.mark.parametrize(
    "act",
    [
        lambda file: file.write_text("after"),
        lambda file: file.write_text("beforehand"),
        lambda file: file.write_text(""),
        replace,
        Path.unlink,
        swap_folder,
        lambda file: shutil.rmtree(file.parent),
        lambda file: put_instead(file, os.mkfifo),
        lambda file: put_instead(file, Path.mkdir),
        lambda file: put_instead(file, lambda at: at.symlink_to(at.name)),
    ],
)
def test_change(file: Path, act: Callable[[Path], object]) -> None:
    """Whatever becomes of a file is noticed."""
    assert notices(file, lambda: act(file))


def test_link_on_the_way(tmp_path: Path) -> None:
    """A link that leads elsewhere is noticed, be it to a folder."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "fresh").symlink_to("two")
    (tmp_path / "file").symlink_to("data/file")
    assert notices(tmp_path / "file", lambda: (tmp_path / "fresh").rename(tmp_path / "data"))


@pytest.mark.parametrize("act", [Path.touch, Path.read_text, lambda file: replace(file, "before")])
def test_no_change(file: Path, act: Callable[[Path], object]) -> None:
    """A file that holds what it held has not changed, be it another one."""
    assert not notices(file, lambda: act(file), 0.5)


def test_other_file(file: Path) -> None:
    """What becomes of others in the same folder is no change."""
    assert not notices(file, lambda: file.with_name("other").write_text("x"), 0.5)


def test_change_before_waiting(file: Path) -> None:
    """A change between `aim` and `changed` is noticed; one before `aim` is none."""

    async def run() -> None:
        watch = Watch()
        file.write_text("not noticed")
        await watch.aim(frozenset({file}))
        file.write_text("noticed")
        await asyncio.wait_for(watch.changed(), 5.0)
        watch.close()

    asyncio.run(run())


def test_asked(file: Path) -> None:
    """Who asks does not wait for a change, and is heard once, also before it is waited."""

    async def run() -> None:
        watch = Watch()
        await watch.aim(frozenset({file}))
        watch.ask()
        await asyncio.wait_for(watch.changed(), 5.0)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(watch.changed(), 0.3)
        watch.close()

    asyncio.run(run())


def test_folders(tmp_path: Path) -> None:
    """The folders of a file are its own, those of links on the way, and those they lead to."""
    (tmp_path / "real" / "v1").mkdir(parents=True)
    (tmp_path / "real" / "v1" / "file").touch()
    (tmp_path / "data").symlink_to("real/v1")
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc" / "file").symlink_to(tmp_path / "data" / "file")
    assert folders_of(tmp_path / "real" / "v1" / "file") == {tmp_path / "real" / "v1"}
    assert folders_of(tmp_path / "etc" / "file") == {
        tmp_path / "etc",
        tmp_path / "data",
        tmp_path,
        tmp_path / "real" / "v1",
    }


@pytest.mark.parametrize("target", ["loop", "nowhere", "loop/below"])
def test_links_that_lead_nowhere(tmp_path: Path, target: str) -> None:
    """A link to itself, or to nothing, has folders as well."""
    (tmp_path / "loop").symlink_to(target)
    assert tmp_path in folders_of(tmp_path / "loop")


def test_folder_that_may_not_be_looked_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that is closed to the daemon's user is watched for being opened again."""

    def closed(path: Path) -> str:
        raise PermissionError(path)

    monkeypatch.setattr(os, "readlink", closed)
    assert folders_of(tmp_path / "file") == {tmp_path}


def test_other_than_file(file: Path) -> None:
    """A pipe is other than a file; what is not there may become one."""
    os.mkfifo(file.with_name("pipe"))
    assert is_other_than_file(file.with_name("pipe"))
    assert not is_other_than_file(file)
    assert not is_other_than_file(file.with_name("nothing"))


def test_a_log_in_the_same_folder(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written into another file of the folder wakes nobody until that is closed."""
    woken: list[FileSystemEvent] = []
    noticed = threading.Event()
    closed = FileClosedEvent(str(file.with_name("log")))

    def note(_: object, event: FileSystemEvent) -> None:
        woken.append(event)
        if event == closed:
            noticed.set()

    monkeypatch.setattr("asr_daemon.config.watch._FolderWatch.on_any_event", note)

    async def run() -> None:
        watch = Watch()
        await watch.aim(frozenset({file}))
        with file.with_name("log").open("w") as log:
            for _ in range(1000):
                print("a line", file=log, flush=True)
        await asyncio.to_thread(noticed.wait, 10.0)
        watch.close()

    asyncio.run(run())
    assert [type(event) for event in woken] == [FileCreatedEvent, FileClosedEvent]
