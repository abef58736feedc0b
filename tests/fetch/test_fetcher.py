"""Texts are fetched after the commit, again while that fails, and nothing else is."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import UTC

import pytest

from asr_daemon.clock import Clock
from asr_daemon.errors import CannotStore
from asr_daemon.fetch.client import Download, FetchFailed
from asr_daemon.fetch.fetcher import LIFE_S, Fetcher, next_wait_s
from asr_daemon.fetch.policy import FetchRefused
from asr_daemon.fetch.text_result import Origin
from asr_daemon.index.queries import FollowUp
from asr_daemon.layout import Layout, Place
from asr_daemon.metrics import Metrics
from asr_daemon.output.base import Result, Stored
from asr_daemon.pipeline import Converter
from asr_daemon.providers.tencent.fetched_text import make_text_source
from asr_daemon.providers.tencent.provider import Tencent
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.renderers.document import JsonRenderer
from asr_daemon.renderers.text import TextRenderer
from tests.renderers.transcripts import transcript_of

SOON_S = 0.01
URL = "https://a.example.com/t?sign=word"
NOW_S = 1_795_264_496.0
PROVIDER = Tencent(TencentSettings())
RENDERERS = (TextRenderer(speakers="auto", timestamps=False),)
CONVERTER = Converter(
    PROVIDER, Layout("{provider}/{id}", UTC), RENDERERS, JsonRenderer(keep_payload=True, indent=2)
)
FIRST = CONVERTER.result(transcript_of(text_url=URL), Place("tencent", "7"))
DONE = ["tencent/7.json", "tencent/7~text.json"]


@pytest.fixture
def try_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have little time between two tries."""
    monkeypatch.setattr("asr_daemon.fetch.fetcher.FIRST_S", SOON_S)


def origins(*hosts: str) -> dict[str, Origin]:
    """Return where texts are fetched from."""
    source = make_text_source(TencentSettings(fetch_text="when_empty", fetch_hosts=hosts))
    assert source is not None
    return {"tencent": Origin(source.hosts, source.with_text, CONVERTER.result)}


class World:
    """What a fetcher works with: downloads and commits in turn as told, and a clock."""

    def __init__(self, *downloads: bytes | Exception) -> None:
        """Take what each try gets."""
        self.now_s = NOW_S
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.refusals: list[CannotStore] = []
        self.duplicate = False
        self.stored: list[Result] = []
        self.pending: list[FollowUp] = []
        self.metrics = Metrics()
        self._downloads = list(downloads)
        self.fetcher = Fetcher(self, self, self.find, self.metrics, Clock(lambda: self.now_s))

    async def fetch(self, url: str, hosts: tuple[str, ...]) -> Download:
        """Return what is next."""
        self.asked.append((url, hosts))
        download = self._downloads.pop(0)
        if isinstance(download, Exception):
            raise download
        return Download(download, "text/plain")

    async def commit(self, result: Result) -> Stored:
        """Refuse if told to, else store."""
        if self.refusals and self.stored:
            raise self.refusals.pop()
        self.stored.append(result)
        return Stored(result.marker, self.duplicate)

    def find(self, since_s: float, limit: int) -> list[FollowUp]:
        """Return what is pending."""
        return [each for each in self.pending if each.committed_at >= since_s][:limit]

    @property
    def paths(self) -> list[str]:
        """What was stored, by the paths of the documents."""
        return [result.marker for result in self.stored]

    @property
    def outcomes(self) -> dict[str, int]:
        """How many tries had which outcome."""
        _, text = self.metrics.exposition()
        lines = [
            line
            for line in text.decode().splitlines()
            if line.startswith("asr_daemon_text_fetches_t")
        ]
        counted = {line.split('"')[1]: int(float(line.split()[1])) for line in lines}
        return {outcome: count for outcome, count in counted.items() if count}

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(10):
            while not happened():
                await asyncio.sleep(0.001)

    async def settled(self) -> None:
        """Wait until nothing is pending."""
        await self.until(lambda: self.fetcher.pending == 0)


def run(world: World, test: Callable[[], Awaitable[None]], *hosts: str) -> None:
    """Run a test with a fetcher that has started."""

    async def start() -> None:
        world.fetcher.apply(origins(*hosts) if hosts else {})
        world.fetcher.start()
        await test()
        await world.fetcher.stop()

    asyncio.run(start())


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return each line with its reason."""
    reasons = [getattr(record, "fields", {}).get("reason") for record in caplog.records]
    return [f"{message}: {why}" for message, why in zip(caplog.messages, reasons, strict=True)]


@pytest.mark.usefixtures("try_soon")
def test_text_becomes_a_result_next_to_that_of_its_callback() -> None:
    world = World("[0:1.640,0:4.600]  你好\n".encode())

    async def test() -> None:
        assert (await world.fetcher.commit(FIRST)).path == "tencent/7.json"
        assert (world.fetcher.pending, world.asked) == (1, [])
        await world.settled()

    run(world, test, "*.example.com")
    assert world.asked == [(URL, ("*.example.com",))]
    assert world.paths == DONE
    assert dict(world.stored[1].files)[".txt"] == "你好\n".encode()
    assert world.stored[1].follow_up is None
    assert world.outcomes == {"fetched": 1}


@pytest.mark.usefixtures("try_soon")
def test_failure_is_tried_again_and_logged_without_the_url(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world = World(FetchFailed("the server answers 500"), KeyError("a mistake"), b"text", b"text")
    world.refusals.append(CannotStore("disk full"))

    async def test() -> None:
        await world.fetcher.commit(FIRST)
        await world.settled()

    run(world, test, "*.example.com")
    assert world.paths == DONE
    assert world.outcomes == {"failed": 3, "fetched": 1}
    assert logged(caplog) == [
        "text not fetched, it is tried again: the server answers 500",
        "fetching the text of tencent/7.json failed: None",
        "text not fetched, it is tried again: disk full",
        "text fetched: None",
    ]
    assert not any("word" in str(record.__dict__) for record in caplog.records)


@pytest.mark.usefixtures("try_soon")
def test_what_is_refused_is_tried_again_only_with_other_hosts() -> None:
    world = World(FetchRefused("not there"), b"text")

    async def test() -> None:
        stored = await world.fetcher.commit(FIRST)
        await world.settled()
        assert world.outcomes == {"refused": 1}
        assert FIRST.follow_up is not None
        world.pending = [FollowUp(stored.path, FIRST.follow_up, NOW_S)]
        world.fetcher.apply(origins("a.example.com"))
        await world.until(lambda: len(world.stored) == 2)

    run(world, test, "b.example.com")
    assert world.asked == [(URL, ("b.example.com",)), (URL, ("a.example.com",))]


@pytest.mark.usefixtures("try_soon")
def test_what_is_no_text_is_refused() -> None:
    world = World(b"\n".join([b"x"] * 1_000_001))

    async def test() -> None:
        await world.fetcher.commit(FIRST)
        await world.settled()

    run(world, test, "*.example.com")
    assert world.outcomes == {"refused": 1}


@pytest.mark.usefixtures("try_soon")
def test_text_that_is_not_there_after_a_day_is_given_up() -> None:
    world = World(b"text")

    async def test() -> None:
        await world.fetcher.commit(FIRST)
        world.now_s += LIFE_S + 1
        await world.settled()

    run(world, test, "*.example.com")
    assert (world.asked, world.outcomes) == ([], {"expired": 1})


@pytest.mark.usefixtures("try_soon")
def test_pending_texts_are_found_at_a_start_unless_they_are_older() -> None:
    world = World(b"text")
    assert FIRST.follow_up is not None
    world.pending = [
        FollowUp("tencent/7.json", FIRST.follow_up, NOW_S),
        FollowUp("tencent/8.json", FIRST.follow_up, NOW_S - LIFE_S - 1),
        FollowUp("tencent/9.json", "{}", NOW_S),
    ]
    run(world, lambda: world.until(lambda: len(world.stored) == 1), "*.example.com")
    assert world.paths == ["tencent/7~text.json"]


@pytest.mark.usefixtures("try_soon")
def test_nothing_is_fetched_unless_it_is_configured_wanted_and_new() -> None:
    world = World()

    async def test() -> None:
        await world.fetcher.commit(FIRST)
        world.fetcher.apply(origins("*.example.com"))
        await world.fetcher.commit(CONVERTER.result(transcript_of(), Place("tencent", "8")))
        world.duplicate = True
        await world.fetcher.commit(FIRST)
        assert world.fetcher.pending == 0
        world.duplicate = False
        await world.fetcher.commit(FIRST)
        assert world.fetcher.pending == 1
        world.fetcher.apply({})
        await world.settled()

    run(world, test)
    assert world.asked == []


def test_wait_doubles_with_the_age_up_to_an_hour() -> None:
    ages = [0.0]
    while ages[-1] < LIFE_S:
        ages.append(ages[-1] + next_wait_s(ages[-1]))
    assert ages[:6] == [0, 0.5, 1, 2, 4, 8]
    assert ages[-1] - ages[-2] == 3600
    assert len(ages) == 38
