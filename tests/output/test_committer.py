"""The committer: batches, outcomes, patience, and an end without loss."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from typing import cast
from weakref import ref

import pytest

from asr_daemon.body import Spool
from asr_daemon.errors import CannotStore, NoRoomForRejected, ShuttingDown
from asr_daemon.output.base import Outcome, Result, Stored
from asr_daemon.output.committer import MOST_FILES, Committer


def result(name: str) -> Result:
    """Return a result that is told from others by its stem."""
    files = ((".txt", b""), (".json", b"{}"))
    return Result("tencent", name, "d", "succeeded", name, "d", "", name, files)


async def commit(committer: Committer, name: str) -> Stored:
    """Commit a result."""
    return await committer.commit(result(name))


class Output:
    """Stores by remembering; holds a batch until `go` is set."""

    def __init__(self) -> None:
        """Begin empty and open."""
        self.batches: list[list[str]] = []
        self.began = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.refused: set[str] = set()
        self.found: str | None = None

    def store(self, batch: Sequence[Result]) -> list[Outcome]:
        """Refuse what is in `refused`, store the rest."""
        self.batches.append([each.stem for each in batch])
        self.began.set()
        self.go.wait()
        return [
            CannotStore("disk full") if each.stem in self.refused else Stored(each.stem, False)
            for each in batch
        ]

    async def open_spool(self) -> Spool:
        """Have no room."""
        raise CannotStore("disk full")

    def check_health(self, *, thoroughly: bool) -> str | None:
        """Find what was set."""
        return self.found

    def check_provider(self, provider: str) -> str | None:
        """Find the same."""
        return self.found

    def close(self) -> None:
        """Do nothing."""


def make(output: Output, batches: list[int] | None = None) -> Committer:
    """Return a committer that tells of its batches."""
    noted = [] if batches is None else batches
    return Committer(output, lambda results, took_s: noted.append(results))


def test_a_result_is_stored() -> None:
    """Committing returns what the store says."""

    async def run() -> Stored:
        committer = make(Output())
        committer.start()
        stored = await commit(committer, "a")
        await committer.stop()
        return stored

    assert asyncio.run(run()) == Stored("a", False)


def test_what_queues_up_is_one_batch() -> None:
    """All that arrives while a batch is being committed is committed together."""
    output = Output()
    output.go.clear()
    observed: list[int] = []

    async def run() -> None:
        committer = make(output, observed)
        committer.start()
        first = asyncio.create_task(commit(committer, "first"))
        await asyncio.to_thread(output.began.wait)
        others = [asyncio.create_task(commit(committer, str(n))) for n in range(3)]
        await asyncio.sleep(0)
        output.go.set()
        await asyncio.gather(first, *others)
        await committer.stop()

    asyncio.run(run())
    assert output.batches == [["first"], ["0", "1", "2"]]
    assert observed == [1, 3]


def test_results_are_forgotten_when_nobody_waits_for_them() -> None:
    """A result whose sender gave up is not kept by the thread until the next one comes."""
    output = Output()
    output.go.clear()

    class Content:
        """Something to be forgotten."""

    content = [Content()]
    is_kept = ref(content[0])

    async def run() -> None:
        committer = make(output)
        committer.start()
        files = ((".txt", cast(bytes, content.pop())),)
        whole = Result("tencent", "a", "d", "succeeded", "a", "d", "", "a", files)
        task = asyncio.create_task(committer.commit(whole))
        del files, whole
        await asyncio.to_thread(output.began.wait)
        task.cancel()
        await asyncio.wait((task,))
        del task
        output.go.set()
        async with asyncio.timeout(10.0):
            while is_kept() is not None:
                await asyncio.sleep(0)
        await committer.stop()

    asyncio.run(run())


def test_what_has_come_in_one_turn_of_the_loop_is_one_batch() -> None:
    """Nobody is waited for: what comes a turn later is the next batch."""
    output = Output()

    async def run() -> None:
        committer = make(output)
        committer.start()
        await asyncio.gather(*(commit(committer, name) for name in "abc"))
        await commit(committer, "d")
        await committer.stop()

    asyncio.run(run())
    assert output.batches == [["a", "b", "c"], ["d"]]


Impatient = Callable[[], None]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Impatient:
    """Return what makes senders give up at once from then on."""
    return lambda: monkeypatch.setattr("asr_daemon.output.committer.PATIENCE_S", 0.0)


def test_storage_that_does_not_answer(impatient: Impatient) -> None:
    """Each sender is refused when its own time is up; what was only queued is never written."""
    output = Output()
    output.go.clear()

    async def run() -> Committer:
        committer = make(output)
        committer.start()
        first = asyncio.create_task(commit(committer, "first"))
        await asyncio.to_thread(output.began.wait)
        patient = asyncio.create_task(commit(committer, "patient"))
        await asyncio.sleep(0)
        impatient()
        with pytest.raises(CannotStore, match="storage does not answer"):
            await commit(committer, "impatient")
        assert str(committer.unhealthy).startswith("storage has not answered for ")
        assert committer.is_well
        assert not first.done()
        assert not patient.done()
        output.go.set()
        assert [await first, await patient] == [Stored("first", False), Stored("patient", False)]
        async with asyncio.timeout(1.0):
            while committer.unhealthy is not None:
                await asyncio.sleep(0.01)
        await committer.stop()
        return committer

    asyncio.run(run())
    assert output.batches == [["first"], ["patient"]]


def test_result_that_is_being_written_when_its_sender_is_refused(impatient: Impatient) -> None:
    """It may still be stored; whoever waits for another of its batch is not refused for it."""
    output = Output()
    output.go.clear()

    async def run() -> None:
        committer = make(output)
        committer.start()
        patient = asyncio.create_task(commit(committer, "patient"))
        await asyncio.sleep(0)
        impatient()
        with pytest.raises(CannotStore, match="storage does not answer"):
            await commit(committer, "impatient")
        output.go.set()
        assert await patient == Stored("patient", False)
        await committer.stop()

    asyncio.run(run())


def test_sender_that_hangs_up_in_the_queue_is_not_stored() -> None:
    """Its result is left out of the next batch."""
    output = Output()
    output.go.clear()

    async def run() -> None:
        committer = make(output)
        committer.start()
        first = asyncio.create_task(commit(committer, "first"))
        await asyncio.to_thread(output.began.wait)
        refused = asyncio.create_task(commit(committer, "refused"))
        await asyncio.sleep(0)
        refused.cancel()
        await asyncio.wait({refused})
        output.go.set()
        await first
        await commit(committer, "last")
        await committer.stop()

    asyncio.run(run())
    assert output.batches == [["first"], ["last"]]


def test_a_thread_that_has_ended(caplog: pytest.LogCaptureFixture) -> None:
    """Should the thread end all the same, that is logged, and nobody waits for it in vain."""
    output = Output()

    def fatal(batch: Sequence[Result]) -> list[Outcome]:
        raise SystemExit("for a reason")

    async def run() -> Committer:
        committer = make(output)
        output.store = fatal  # type: ignore[method-assign] # the bug
        committer.start()
        task = asyncio.create_task(commit(committer, "a"))
        while committer.is_well:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(CannotStore):
            await commit(committer, "b")
        return committer

    assert "a restart helps" in (asyncio.run(run()).unhealthy or "")
    assert "the committer has ended" in caplog.text
    assert "for a reason" in caplog.text


def test_a_batch_is_bounded() -> None:
    """No batch holds more files than there are file descriptors for."""
    output = Output()

    async def run() -> None:
        committer = make(output)
        tasks = [asyncio.create_task(commit(committer, str(n))) for n in range(400)]
        committer.start()
        await asyncio.gather(*tasks)
        await committer.stop()

    asyncio.run(run())
    assert sum(map(len, output.batches)) == 400
    assert max(map(len, output.batches)) == MOST_FILES // 2


def test_a_refusal_reaches_its_sender_alone() -> None:
    """What cannot be stored raises where it was committed, and only there."""
    output = Output()
    output.refused = {"b"}

    async def run() -> list[Stored | BaseException]:
        committer = make(output)
        committer.start()
        pending = [commit(committer, name) for name in ("a", "b")]
        outcomes = await asyncio.gather(*pending, return_exceptions=True)
        await committer.stop()
        return list(outcomes)

    stored, refused = asyncio.run(run())
    assert stored == Stored("a", False)
    assert isinstance(refused, CannotStore)


def test_storage_that_is_unhealthy_and_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    """What refuses results is known while it lasts, and an idle committer sees that it is over."""
    monkeypatch.setattr("asr_daemon.output.committer.LOOK_S", 0.1)
    output = Output()
    output.refused = {"1"}

    async def run() -> list[str | None]:
        committer = make(output)
        committer.start()
        await asyncio.gather(commit(committer, "1"), return_exceptions=True)
        met = committer.unhealthy
        while committer.unhealthy is not None:
            await asyncio.sleep(0.01)
        output.found = "read-only"
        while committer.unhealthy is None:
            await asyncio.sleep(0.01)
        found = committer.unhealthy
        await committer.stop()
        return [met, found]

    assert asyncio.run(run()) == ["disk full", "read-only"]


def test_storage_without_room_for_rejected_bodies_is_healthy() -> None:
    """A body that is not kept because of its quota does not make the daemon unready."""
    output = Output()
    output.store = lambda batch: [NoRoomForRejected("used up")]  # type: ignore[method-assign] # a double

    async def run() -> str | None:
        committer = make(output)
        committer.start()
        await asyncio.gather(commit(committer, "1"), return_exceptions=True)
        await committer.stop()
        return committer.unhealthy

    assert asyncio.run(run()) is None


def test_a_bug_in_the_store_is_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the store raises, the sender is refused and the thread lives on."""
    output = Output()

    def broken(batch: Sequence[Result]) -> list[Outcome]:
        raise ZeroDivisionError

    async def run() -> list[Stored | BaseException]:
        committer = make(output)
        committer.start()
        output.store, whole = broken, output.store  # type: ignore[method-assign] # the bug
        first = await asyncio.gather(commit(committer, "a"), return_exceptions=True)
        output.store = whole  # type: ignore[method-assign] # the bug is gone
        second = await asyncio.gather(commit(committer, "b"), return_exceptions=True)
        await committer.stop()
        return [*first, *second]

    refused, stored = asyncio.run(run())
    assert isinstance(refused, CannotStore)
    assert stored == Stored("b", False)
    assert "a batch of 1 results failed" in caplog.text


def test_a_look_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in looking for trouble is trouble, and the thread lives on."""
    output = Output()

    def broken(*, thoroughly: bool) -> str | None:
        raise MemoryError

    async def run() -> Stored:
        committer = make(output)
        output.check_health = broken  # type: ignore[method-assign] # the bug
        committer.start()
        while committer.unhealthy is None:
            await asyncio.sleep(0.01)
        stored = await commit(committer, "a")
        await committer.stop()
        return stored

    assert asyncio.run(run()) == Stored("a", False)
    assert "checking storage failed" in caplog.text


def test_stopping_commits_what_is_queued() -> None:
    """What was taken in before the end is committed; what comes later is refused."""
    output = Output()

    async def run() -> list[Stored | BaseException]:
        committer = make(output)
        committer.start()
        pending = [asyncio.create_task(commit(committer, str(n))) for n in range(100)]
        await asyncio.sleep(0)
        await committer.stop()
        late = commit(committer, "late")
        return await asyncio.gather(*pending, late, return_exceptions=True)

    *stored, late = asyncio.run(run())
    assert stored == [Stored(str(n), False) for n in range(100)]
    assert isinstance(late, ShuttingDown)
