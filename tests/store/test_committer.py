"""The committer: batches, outcomes, and an end without loss."""

import asyncio
import logging
import threading
from collections.abc import Sequence

import pytest

from asr_daemon.errors import CannotStore, ShuttingDown
from asr_daemon.store.committer import LARGEST_BATCH, Committer
from asr_daemon.store.files import Result, Stored


def result(name: str) -> Result:
    """Return a result that is told from others by its stem."""
    return Result("tencent", name, f"digest of {name}", "", name, ())


class Tree:
    """Stores by remembering; holds the first batch until `go` is set."""

    def __init__(self) -> None:
        """Begin empty and open."""
        self.batches: list[list[str]] = []
        self.began = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.refused: set[str] = set()

    def commit(self, batch: Sequence[Result]) -> list[Stored | CannotStore]:
        """Refuse what is in `refused`, store the rest."""
        self.batches.append([each.stem for each in batch])
        self.began.set()
        self.go.wait()
        return [
            CannotStore("disk full") if each.stem in self.refused else Stored(each.stem, False)
            for each in batch
        ]


def test_a_result_is_stored() -> None:
    """Committing returns what the tree says."""

    async def run() -> Stored:
        committer = Committer(Tree())
        committer.start()
        stored = await committer.commit(result("a"))
        await committer.stop()
        return stored

    assert asyncio.run(run()) == Stored("a", False)


def test_what_queues_up_is_one_batch() -> None:
    """All that arrives while a batch is being committed is committed together."""
    tree = Tree()
    tree.go.clear()

    async def run() -> None:
        committer = Committer(tree)
        committer.start()
        first = asyncio.create_task(committer.commit(result("first")))
        await asyncio.to_thread(tree.began.wait)
        others = [asyncio.create_task(committer.commit(result(str(n)))) for n in range(3)]
        await asyncio.sleep(0)
        tree.go.set()
        await asyncio.gather(first, *others)
        await committer.stop()

    asyncio.run(run())
    assert tree.batches == [["first"], ["0", "1", "2"]]


def test_a_batch_is_bounded() -> None:
    """No batch holds more results than there are file descriptors for."""
    tree = Tree()

    async def run() -> None:
        committer = Committer(tree)
        tasks = [asyncio.create_task(committer.commit(result(str(n)))) for n in range(200)]
        committer.start()
        await asyncio.gather(*tasks)
        await committer.stop()

    asyncio.run(run())
    assert sum(map(len, tree.batches)) == 200
    assert max(map(len, tree.batches)) <= LARGEST_BATCH


def test_a_refusal_reaches_its_sender_alone() -> None:
    """What cannot be stored raises where it was committed, and only there."""
    tree = Tree()
    tree.refused = {"b"}

    async def run() -> list[Stored | BaseException]:
        committer = Committer(tree)
        committer.start()
        pending = [committer.commit(result(name)) for name in ("a", "b")]
        outcomes = await asyncio.gather(*pending, return_exceptions=True)
        await committer.stop()
        return outcomes

    stored, refused = asyncio.run(run())
    assert stored == Stored("a", False)
    assert isinstance(refused, CannotStore)


def test_trouble_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    """A full disk is one line when it begins and one when it is over."""
    tree = Tree()
    tree.refused = {"1", "2", "3"}

    async def run() -> list[str | None]:
        committer = Committer(tree)
        committer.start()
        troubles = []
        for name in ("1", "2", "3", "4"):
            await asyncio.gather(committer.commit(result(name)), return_exceptions=True)
            troubles.append(committer.trouble)
        await committer.stop()
        return troubles

    caplog.set_level(logging.INFO)
    assert asyncio.run(run()) == ["disk full", "disk full", "disk full", None]
    assert [record.getMessage() for record in caplog.records] == [
        "results are being refused: disk full",
        "results are stored again; 3 were refused",
    ]


def test_a_bug_in_the_tree_is_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the tree raises, the sender is refused and the thread lives on."""
    tree = Tree()

    def broken(batch: Sequence[Result]) -> list[Stored | CannotStore]:
        raise ZeroDivisionError

    async def run() -> list[Stored | BaseException]:
        committer = Committer(tree)
        committer.start()
        tree.commit, whole = broken, tree.commit  # type: ignore[method-assign] # the bug
        first = await asyncio.gather(committer.commit(result("a")), return_exceptions=True)
        tree.commit = whole  # type: ignore[method-assign] # the bug is gone
        second = await asyncio.gather(committer.commit(result("b")), return_exceptions=True)
        await committer.stop()
        return first + second

    refused, stored = asyncio.run(run())
    assert isinstance(refused, CannotStore)
    assert stored == Stored("b", False)
    assert "a batch of 1 results failed" in caplog.text


def test_stopping_commits_what_is_queued() -> None:
    """What was taken in before the end is committed; what comes later is refused."""
    tree = Tree()

    async def run() -> list[Stored | BaseException]:
        committer = Committer(tree)
        committer.start()
        pending = [asyncio.create_task(committer.commit(result(str(n)))) for n in range(100)]
        await asyncio.sleep(0)
        await committer.stop()
        late = committer.commit(result("late"))
        return await asyncio.gather(*pending, late, return_exceptions=True)

    *stored, late = asyncio.run(run())
    assert stored == [Stored(str(n), False) for n in range(100)]
    assert isinstance(late, ShuttingDown)
