"""The committer: batches, outcomes, and an end without loss."""

import asyncio
import errno
import threading
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from functools import partial
from queue import SimpleQueue
from typing import cast
from weakref import ref

import pytest
from asr_daemon.store.aside import Aside
from asr_daemon.store.committer import LARGEST_BATCH, Committer
from asr_daemon.store.result import Result, Stored

from asr_daemon.errors import CannotStore, NoRoomForRejected, NotUnderstood, ShuttingDown


def result(name: str) -> Result:
    """Return a result that is told from others by its stem."""
    return Result("tencent", name, "d", "succeeded", name, "d", "", name, ())


async def commit(committer: Committer, name: str) -> Stored:
    """Commit a result, and return what is said of it."""
    return (await committer.commit(lambda: result(name))).stored


class Store:
    """Stores by remembering; holds a batch until `go` is set."""

    def __init__(self) -> None:
        """Begin empty and open."""
        self.batches: list[list[str]] = []
        self.began = threading.Event()
        self.go = threading.Event()
        self.go.set()
        self.refused: set[str] = set()
        self.found: str | None = None

    def commit(
        self, batch: Sequence[Result], waiting: AbstractContextManager[None]
    ) -> list[Stored | CannotStore]:
        """Refuse what is in `refused`, store the rest."""
        self.batches.append([each.stem for each in batch])
        self.began.set()
        self.go.wait()
        return [
            CannotStore("disk full") if each.stem in self.refused else Stored(each.stem, False)
            for each in batch
        ]

    def write_aside(self, suffix: str, pieces: Iterable[bytes]) -> Aside:
        """Find the disk full."""
        raise CannotStore("the result cannot be stored now") from OSError(errno.ENOSPC, "full")

    def trouble(self, *, thoroughly: bool) -> str | None:
        """Find what was set."""
        return self.found


def make(store: Store, batches: list[int] | None = None) -> Committer:
    """Return a committer that tells of its batches."""
    noted = [] if batches is None else batches
    return Committer(store, lambda results, took_s: noted.append(results))


def test_a_result_is_stored() -> None:
    """Committing returns what the store says."""

    async def run() -> Stored:
        committer = make(Store())
        committer.start()
        stored = await commit(committer, "a")
        await committer.stop()
        return stored

    assert asyncio.run(run()) == Stored("a", False)


def test_what_queues_up_is_one_batch() -> None:
    """All that arrives while a batch is being committed is committed together."""
    store = Store()
    store.go.clear()
    observed: list[int] = []

    async def run() -> None:
        committer = make(store, observed)
        committer.start()
        first = asyncio.create_task(commit(committer, "first"))
        await asyncio.to_thread(store.began.wait)
        others = [asyncio.create_task(commit(committer, str(n))) for n in range(3)]
        await asyncio.sleep(0)
        store.go.set()
        await asyncio.gather(first, *others)
        await committer.stop()

    asyncio.run(run())
    assert store.batches == [["first"], ["0", "1", "2"]]
    assert observed == [1, 3]


def test_results_are_made_in_one_run() -> None:
    """What comes while a batch is committed is made when the next one begins."""
    store = Store()
    store.go.clear()
    said: list[str] = []

    def make_as(name: str) -> Result:
        said.append(f"make {name}")
        return result(name)

    numbers = range(LARGEST_BATCH)

    async def run() -> None:
        committer = make(store)
        committer.start()
        first: asyncio.Task[object] = asyncio.create_task(commit(committer, "first"))
        await asyncio.to_thread(store.began.wait)
        tasks: list[asyncio.Task[object]] = [first]
        for number in numbers:
            said.append(f"commit {number}")
            tasks.append(asyncio.create_task(committer.commit(partial(make_as, f"{number}"))))
            await asyncio.sleep(0)
        said.append("go")
        store.go.set()
        await asyncio.gather(*tasks)
        await committer.stop()

    asyncio.run(run())
    commits = [f"commit {number}" for number in numbers]
    assert said == [*commits, "go", *(f"make {number}" for number in numbers)]


def test_results_are_not_made_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """When time is up the batch begins with those that are made; the next takes the others."""
    monkeypatch.setattr("asr_daemon.store.committer.MAKE_S", 0.0)
    store = Store()

    async def run() -> None:
        committer = make(store)
        committer.start()
        await asyncio.gather(*(commit(committer, name) for name in "abc"))
        await committer.stop()

    asyncio.run(run())
    assert store.batches == [["a"], ["b"], ["c"]]


def test_a_result_that_cannot_be_made_fails_alone() -> None:
    """Whoever committed it gets the error; those beside it are stored."""
    store = Store()

    def fail() -> Result:
        raise NotUnderstood("garbage")

    async def run() -> list[object]:
        committer = make(store)
        committer.start()
        tasks = [commit(committer, "a"), committer.commit(fail), commit(committer, "b")]
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await committer.stop()
        return outcomes

    first, failed, last = asyncio.run(run())
    assert (first, last) == (Stored("a", False), Stored("b", False))
    assert isinstance(failed, NotUnderstood)
    assert sorted(name for batch in store.batches for name in batch) == ["a", "b"]


def test_who_comes_behind_many_that_cannot_be_made() -> None:
    """A batch is filled with those that can, and never empty while somebody waits."""
    store = Store()
    store.go.clear()

    def fail() -> Result:
        raise NotUnderstood("garbage")

    async def run() -> Stored:
        committer = make(store)
        committer.start()
        first = asyncio.create_task(commit(committer, "first"))
        await asyncio.to_thread(store.began.wait)
        failing = [asyncio.create_task(committer.commit(fail)) for _ in range(LARGEST_BATCH)]
        good = asyncio.create_task(commit(committer, "good"))
        await asyncio.sleep(0)
        store.go.set()
        await asyncio.wait({first, *failing})
        assert all(isinstance(each.exception(), NotUnderstood) for each in failing)
        stored = await asyncio.wait_for(good, 10.0)
        await committer.stop()
        return stored

    assert asyncio.run(run()) == Stored("good", False)


def test_requests_are_forgotten_when_they_are_answered() -> None:
    """What a result was made of, with the sender's credentials, is not kept by the thread."""
    store = Store()

    class Request:
        """Something to be forgotten."""

    def make_of(request: Request) -> Result:
        return result("a")

    async def run() -> bool:
        committer = make(store)
        committer.start()
        request = Request()
        is_kept = ref(request)
        work = partial(make_of, request)
        del request
        await committer.commit(work)
        del work
        kept = is_kept() is not None
        await committer.stop()
        return kept

    assert not asyncio.run(run())


def test_results_are_forgotten_when_nobody_waits_for_them() -> None:
    """A result whose sender gave up is not kept by the thread until the next one comes."""
    store = Store()
    store.go.clear()

    class Content:
        """Something to be forgotten."""

    def make_result() -> Result:
        files = ((".txt", cast(bytes, content.pop())),)
        return Result("tencent", "a", "d", "succeeded", "a", "d", "", "a", files)

    content = [Content()]
    is_kept = ref(content[0])

    async def run() -> None:
        committer = make(store)
        committer.start()
        task = asyncio.create_task(committer.commit(make_result))
        await asyncio.to_thread(store.began.wait)
        task.cancel()
        await asyncio.wait((task,))
        store.go.set()
        async with asyncio.timeout(10.0):
            while is_kept() is not None:
                await asyncio.sleep(0)
        await committer.stop()

    asyncio.run(run())


def test_those_who_are_busy_are_one_batch() -> None:
    """Who was answered with others a moment ago is waited for; in the end nobody is."""
    store = Store()

    async def sender(committer: Committer, name: str) -> None:
        for number in range(9):
            await commit(committer, f"{name}{number}")

    async def run() -> None:
        committer = make(store)
        committer.start()
        await asyncio.gather(*(sender(committer, name) for name in "abcd"))
        await commit(committer, "last")
        await committer.stop()

    asyncio.run(run())
    first, _, *others, _, last = map(len, store.batches)
    assert (first, set(others), last) == (1, {4}, 1)


def test_who_gives_up_is_not_stored() -> None:
    """A result that is refused while it waits for its batch is left out of it."""
    store = Store()
    store.go.clear()

    async def run() -> None:
        committer = make(store)
        committer.start()
        first = asyncio.create_task(commit(committer, "first"))
        await asyncio.to_thread(store.began.wait)
        refused = asyncio.create_task(commit(committer, "refused"))
        await asyncio.sleep(0)
        refused.cancel()
        await asyncio.wait({refused})
        store.go.set()
        await first
        await committer.stop()

    asyncio.run(run())
    assert store.batches == [["first"]]


def test_a_batch_is_bounded() -> None:
    """No batch holds more results than there are file descriptors for."""
    store = Store()

    async def run() -> None:
        committer = make(store)
        tasks = [asyncio.create_task(commit(committer, str(n))) for n in range(200)]
        committer.start()
        await asyncio.gather(*tasks)
        await committer.stop()

    asyncio.run(run())
    assert sum(map(len, store.batches)) == 200
    assert max(map(len, store.batches)) <= LARGEST_BATCH


def test_a_refusal_reaches_its_sender_alone() -> None:
    """What cannot be stored raises where it was committed, and only there."""
    store = Store()
    store.refused = {"b"}

    async def run() -> list[Stored | BaseException]:
        committer = make(store)
        committer.start()
        pending = [commit(committer, name) for name in ("a", "b")]
        outcomes = await asyncio.gather(*pending, return_exceptions=True)
        await committer.stop()
        return list(outcomes)

    stored, refused = asyncio.run(run())
    assert stored == Stored("a", False)
    assert isinstance(refused, CannotStore)


def test_trouble_is_met_and_over() -> None:
    """What refuses results is known while it lasts, and an idle committer sees that it is over."""
    store = Store()
    store.refused = {"1"}

    async def run() -> list[str | None]:
        committer = make(store)
        committer.start()
        await asyncio.gather(commit(committer, "1"), return_exceptions=True)
        met = committer.trouble
        while committer.trouble is not None:
            await asyncio.sleep(0.01)
        store.found = "read-only"
        while committer.trouble is None:
            await asyncio.sleep(0.01)
        found = committer.trouble
        await committer.stop()
        return [met, found]

    assert asyncio.run(run()) == ["disk full", "read-only"]


def test_large_file_that_cannot_be_written_is_trouble() -> None:
    """It is met before there is a result to commit, and the admin is told all the same."""
    committer = make(Store())
    with pytest.raises(CannotStore):
        committer.write_aside(".json", [b"{}"])
    assert committer.trouble == "full"


def test_room_for_rejected_bodies_is_no_trouble() -> None:
    """A body that is not kept because of its quota does not make the daemon unready."""
    store = Store()
    store.commit = lambda batch, waiting: [NoRoomForRejected("used up")]  # type: ignore[method-assign] # a double

    async def run() -> str | None:
        committer = make(store)
        committer.start()
        await asyncio.gather(commit(committer, "1"), return_exceptions=True)
        await committer.stop()
        return committer.trouble

    assert asyncio.run(run()) is None


def test_a_disk_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that takes too long is trouble, although nothing failed, and no more is taken."""
    monkeypatch.setattr("asr_daemon.store.committer.STUCK_S", 0.0)
    store = Store()
    store.go.clear()

    async def run() -> str | None:
        committer = make(store)
        committer.start()
        task = asyncio.create_task(commit(committer, "1"))
        await asyncio.to_thread(store.began.wait)
        stuck = committer.trouble
        with pytest.raises(CannotStore, match="the disk has not answered"):
            await commit(committer, "2")
        store.go.set()
        await task
        await committer.stop()
        return stuck

    assert asyncio.run(run()) == "the disk has not answered for more than 5 s"


def test_a_bug_in_the_store_is_a_refusal(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever the store raises, the sender is refused and the thread lives on."""
    store = Store()

    def broken(
        batch: Sequence[Result], waiting: AbstractContextManager[None]
    ) -> list[Stored | CannotStore]:
        raise ZeroDivisionError

    async def run() -> list[Stored | BaseException]:
        committer = make(store)
        committer.start()
        store.commit, whole = broken, store.commit  # type: ignore[method-assign] # the bug
        first = await asyncio.gather(commit(committer, "a"), return_exceptions=True)
        store.commit = whole  # type: ignore[method-assign] # the bug is gone
        second = await asyncio.gather(commit(committer, "b"), return_exceptions=True)
        await committer.stop()
        return [*first, *second]

    refused, stored = asyncio.run(run())
    assert isinstance(refused, CannotStore)
    assert stored == Stored("b", False)
    assert "a batch of 1 results failed" in caplog.text


def test_a_look_that_fails(caplog: pytest.LogCaptureFixture) -> None:
    """A bug in looking for trouble is trouble, and the thread lives on."""
    store = Store()

    def broken(*, thoroughly: bool) -> str | None:
        raise MemoryError

    async def run() -> Stored:
        committer = make(store)
        store.trouble = broken  # type: ignore[method-assign] # the bug
        committer.start()
        while committer.trouble is None:
            await asyncio.sleep(0.01)
        stored = await commit(committer, "a")
        await committer.stop()
        return stored

    assert asyncio.run(run()) == Stored("a", False)
    assert "looking for trouble failed" in caplog.text


def test_a_thread_that_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the thread end all the same, nobody waits for it in vain."""
    store = Store()
    ends: SimpleQueue[type[BaseException] | None] = SimpleQueue()
    monkeypatch.setattr(threading, "excepthook", lambda met: ends.put(met.exc_type))

    def fatal(
        batch: Sequence[Result], waiting: AbstractContextManager[None]
    ) -> list[Stored | CannotStore]:
        raise SystemExit

    async def run() -> str | None:
        committer = make(store)
        store.commit = fatal  # type: ignore[method-assign] # the bug
        committer.start()
        task = asyncio.create_task(commit(committer, "a"))
        while committer.trouble is None:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(CannotStore):
            await commit(committer, "b")
        return committer.trouble

    assert "a restart helps" in (asyncio.run(run()) or "")
    # The thread is known to end a moment before it has.
    assert ends.get(timeout=20.0) is SystemExit


def test_stopping_commits_what_is_queued() -> None:
    """What was taken in before the end is committed; what comes later is refused."""
    store = Store()

    async def run() -> list[Stored | BaseException]:
        committer = make(store)
        committer.start()
        pending = [asyncio.create_task(commit(committer, str(n))) for n in range(100)]
        await asyncio.sleep(0)
        await committer.stop()
        late = commit(committer, "late")
        return await asyncio.gather(*pending, late, return_exceptions=True)

    *stored, late = asyncio.run(run())
    assert stored == [Stored(str(n), False) for n in range(100)]
    assert isinstance(late, ShuttingDown)


def test_another_store_between_two_batches() -> None:
    """What came before a change goes to the old store, what came after it to the new one."""
    old, new = Store(), Store()
    old.go.clear()

    async def run() -> None:
        committer = make(old)
        committer.start()
        first = asyncio.create_task(commit(committer, "first"))
        await asyncio.to_thread(old.began.wait)
        before = asyncio.create_task(commit(committer, "before"))
        change = asyncio.create_task(committer.change(lambda: new))
        after = asyncio.create_task(commit(committer, "after"))
        await asyncio.sleep(0)
        old.go.set()
        await asyncio.gather(first, before, change, after)
        await committer.stop()

    asyncio.run(run())
    assert (old.batches, new.batches) == ([["first"], ["before"]], [["after"]])


def test_change_that_fails() -> None:
    """Its error is that of whoever asked; the store stays as it was."""
    store = Store()

    def fail() -> Store:
        raise PermissionError("not yours")

    async def run() -> Stored:
        committer = make(store)
        committer.start()
        with pytest.raises(PermissionError, match="not yours"):
            await committer.change(fail)
        stored = await commit(committer, "a")
        await committer.stop()
        return stored

    assert asyncio.run(run()) == Stored("a", False)
    assert store.batches == [["a"]]
