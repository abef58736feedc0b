"""Changes of files are noticed however they are made, and not before the writer is done."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from asr_daemon.config.watcher import POLL_S, Watcher, is_other_than_file, steps_to
from tests.durability.requirements import require, user_namespaces, with_inotify

NOTICED_S = 3.0
"""Much less than the poll needs: an event was noticed."""
QUIET_S = 0.25
"""Long enough for an event to be noticed."""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a file in a directory of its own."""
    (tmp_path / "etc").mkdir()
    made = tmp_path / "etc" / "file"
    made.write_text("before")
    return made


async def watching(file: Path, poll_s: float = POLL_S) -> Watcher:
    """Return a watcher of a file that has been read."""
    watcher = Watcher(poll_s)
    while not await watcher.aim(frozenset({file})):
        pass
    return watcher


async def returns(waiting: Awaitable[object], timeout_s: float) -> bool:
    """Say whether something returns in time; if not, it goes on."""
    done, _ = await asyncio.wait({asyncio.ensure_future(waiting)}, timeout=timeout_s)
    return bool(done)


def notices(file: Path, act: Callable[[], object], timeout_s: float = NOTICED_S) -> bool:
    """Say whether a change of a file is noticed after something was done."""

    async def run() -> bool:
        watcher = await watching(file)
        waiting = asyncio.create_task(watcher.changed())
        await asyncio.to_thread(act)
        noticed = await returns(waiting, timeout_s)
        waiting.cancel()
        watcher.close()
        return noticed

    return asyncio.run(run())


def replace(file: Path, text: str = "after") -> None:
    """Rename another file over a file."""
    fresh = file.with_name("fresh")
    fresh.write_text(text)
    fresh.rename(file)


def move_in(file: Path) -> None:
    """Rename a file of another directory over a file."""
    fresh = file.parent.with_name("fresh")
    fresh.write_text("after")
    fresh.rename(file)


def swap_directory(file: Path) -> None:
    """Put another directory in place of that of a file."""
    file.parent.with_name("fresh").mkdir()
    file.parent.rename(file.parent.with_name("old"))
    file.parent.with_name("fresh").rename(file.parent)
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
        lambda file: file.chmod(0),
        replace,
        move_in,
        Path.unlink,
        swap_directory,
        lambda file: shutil.rmtree(file.parent),
        lambda file: put_instead(file, os.mkfifo),
        lambda file: put_instead(file, Path.mkdir),
        lambda file: put_instead(file, lambda at: at.symlink_to(at.name)),
    ],
)
def test_change_is_noticed(file: Path, act: Callable[[Path], object]) -> None:
    assert notices(file, lambda: act(file))


def test_directory_made_again_is_noticed(file: Path) -> None:
    async def run() -> None:
        watcher = await watching(file)
        waiting = asyncio.create_task(watcher.changed())
        await asyncio.to_thread(shutil.rmtree, file.parent)
        assert await returns(waiting, NOTICED_S)
        while not await watcher.aim(frozenset({file})):
            pass
        waiting = asyncio.create_task(watcher.changed())
        file.parent.mkdir()
        file.write_text("after")
        assert await returns(waiting, NOTICED_S)
        watcher.close()

    asyncio.run(run())


def test_swapped_link_on_the_way_is_noticed(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
    (tmp_path / "data").symlink_to("one")
    (tmp_path / "fresh").symlink_to("two")
    (tmp_path / "file").symlink_to("data/file")
    assert notices(tmp_path / "file", lambda: (tmp_path / "fresh").rename(tmp_path / "data"))


@pytest.mark.parametrize(
    "act",
    [
        lambda file: file.read_text(),
        lambda file: file.open("a").close(),
        lambda file: file.with_name("other").write_text("x"),
    ],
)
def test_nothing_is_noticed_where_nothing_has_changed(
    file: Path, act: Callable[[Path], object]
) -> None:
    assert not notices(file, lambda: act(file), QUIET_S)


def test_change_between_reading_and_waiting_is_noticed(file: Path) -> None:
    async def run() -> None:
        watcher = await watching(file)
        file.write_text("after")
        assert await returns(watcher.changed(), NOTICED_S)
        file.write_text("and again")
        assert not await watcher.aim(frozenset({file}))
        assert await watcher.aim(frozenset({file}))
        watcher.close()

    asyncio.run(run())


def test_file_being_written_is_not_complete_before_the_close(file: Path) -> None:
    """Not even after several looks, and not because another file has changed."""

    async def run() -> None:
        watcher = Watcher(poll_s=0.05)
        files = frozenset({file, file.with_name("secret")})
        while not await watcher.aim(files):
            pass
        waiting = asyncio.create_task(watcher.changed())
        with file.open("w") as writer:
            print("half", file=writer, flush=True)
            file.with_name("secret").write_text("changed")
            assert not await returns(waiting, 2 * QUIET_S)
            print("rest", file=writer)
        assert await returns(waiting, NOTICED_S)
        assert file.read_text() == "half\nrest\n"
        watcher.close()

    asyncio.run(run())


def test_next_write_right_after_a_close_is_waited_for(file: Path) -> None:
    async def run() -> None:
        watcher = await watching(file)
        waiting = asyncio.create_task(watcher.changed())
        file.write_text("first\n")
        with file.open("a") as writer:
            print("half of the second", file=writer, flush=True)
            assert not await returns(waiting, QUIET_S)
        assert await returns(waiting, NOTICED_S)
        watcher.close()

    asyncio.run(run())


def test_write_during_the_reading_is_waited_for(file: Path) -> None:
    async def run() -> None:
        watcher = await watching(file)
        with file.open("w") as writer:
            print("half", file=writer, flush=True)
            aiming = asyncio.create_task(watcher.aim(frozenset({file})))
            assert not await returns(aiming, QUIET_S)
        assert await asyncio.wait_for(aiming, NOTICED_S) is False
        assert await watcher.aim(frozenset({file}))
        watcher.close()

    asyncio.run(run())


def test_file_renamed_over_one_being_written_is_complete(file: Path) -> None:
    async def run() -> None:
        watcher = await watching(file)
        with file.open("w") as writer:
            print("half", file=writer, flush=True)
            replace(file)
            assert await returns(watcher.changed(), NOTICED_S)
        watcher.close()

    asyncio.run(run())


def test_asking_is_enough(file: Path) -> None:
    """Once, also before it is waited for, and in the middle of a write."""

    async def run() -> None:
        watcher = await watching(file)
        with file.open("w") as writer:
            print("half", file=writer, flush=True)
            watcher.ask()
            assert await returns(watcher.changed(), NOTICED_S)
            waiting = asyncio.create_task(watcher.changed())
            assert not await returns(waiting, QUIET_S)
        waiting.cancel()
        watcher.close()

    asyncio.run(run())


def test_cancelled_together_with_an_event(file: Path) -> None:
    async def run() -> bool:
        watcher = await watching(file)
        waiting = asyncio.create_task(watcher.changed())
        await returns(asyncio.shield(waiting), QUIET_S)
        watcher.ask()
        waiting.cancel()
        await asyncio.wait({waiting}, timeout=NOTICED_S)
        watcher.close()
        return waiting.cancelled()

    assert asyncio.run(run())


POLLING = """
import asyncio, logging, sys
from pathlib import Path
from asr_daemon.config.watcher import Watcher

async def run(file):
    watcher = Watcher(poll_s=0.2)
    while not await watcher.aim(frozenset({file})):
        pass
    writer = file.open("w")
    waiting = asyncio.create_task(watcher.changed())
    for number in range(6):
        print(number, file=writer, flush=True)
        await asyncio.sleep(0.1)
        print("written", waiting.done())
    await asyncio.wait_for(waiting, 3.0)
    print("complete", file.read_text().count("\\n"))
    watcher.close()

logging.basicConfig(format="%(message)s", stream=sys.stdout)
asyncio.run(run(Path(sys.argv[1])))
"""


@pytest.mark.parametrize(
    ("what", "most", "reason"),
    [
        ("instances", 0, "inotify instance limit reached"),
        ("watches", 0, "inotify watch limit reached"),
        ("watches", 2, "inotify watch limit reached"),
    ],
)
def test_without_inotify_files_are_polled_and_that_is_logged_once(
    file: Path, what: str, most: int, reason: str
) -> None:
    require(user_namespaces)
    done = subprocess.run(
        [*with_inotify(what, most), sys.executable, "-c", POLLING, str(file)],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.splitlines() == [
        f"inotify unavailable, polling every 5 s instead: {reason}",
        *["written False"] * 6,
        "complete 6",
    ]


def test_steps_are_files_links_and_their_directories(tmp_path: Path) -> None:
    real, etc = tmp_path / "real" / "v1", tmp_path / "etc"
    real.mkdir(parents=True)
    (real / "file").touch()
    (tmp_path / "data").symlink_to("real/v1")
    etc.mkdir()
    (etc / "file").symlink_to(tmp_path / "data" / "file")
    assert steps_to(real / "file") == {real / "file", real}
    link = {tmp_path / "data" / "file", tmp_path / "data", tmp_path}
    assert steps_to(etc / "file") == {etc / "file", etc, *link, real / "file", real}


@pytest.mark.parametrize("target", ["loop", "nowhere", "loop/below"])
def test_links_that_lead_nowhere_have_steps_too(tmp_path: Path, target: str) -> None:
    (tmp_path / "loop").symlink_to(target)
    assert tmp_path / "loop" in steps_to(tmp_path / "loop")


def test_a_pipe_is_other_than_a_file(file: Path) -> None:
    os.mkfifo(file.with_name("pipe"))
    assert is_other_than_file(file.with_name("pipe"))
    assert not is_other_than_file(file)
    assert not is_other_than_file(file.with_name("nothing"))
