"""The path of a callback, with doubles for what it passes through."""

import asyncio
import logging
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import current_thread

import pytest

from asr_daemon.errors import CallbackError, CannotStore, NoRoomForRejected, NotUnderstood
from asr_daemon.layout import Layout
from asr_daemon.metrics import Metrics
from asr_daemon.output.base import Result, Stored
from asr_daemon.output.filesystem.staging import Modes, StagedFile, Staging
from asr_daemon.providers.base import Answer, Callback, Head
from asr_daemon.receiver import LARGEST_HELD, LARGEST_ON_LOOP, SWITCH_S, Receiver, Rooms
from asr_daemon.renderers.json import JsonRenderer
from asr_daemon.renderers.text import TextRenderer
from asr_daemon.transcript import Segment, Transcript, VendorError

HEAD = Head(b"/in", b"", {}, "127.0.0.1")
NOW = datetime(2026, 11, 21, tzinfo=UTC)


class Provider:
    """A vendor whose body is the text, unless it is `garbage` or `failed`."""

    name = "acme"

    def __init__(self) -> None:
        """Remember on which thread a body was decoded."""
        self.thread = ""
        self.switch_s = 0.0

    def admit(self, head: Head) -> None:
        """Let everybody in."""

    def decode(self, callback: Callback) -> Transcript:
        """Take the body for the only segment."""
        self.thread = current_thread().name
        self.switch_s = sys.getswitchinterval()
        if callback.body == b"garbage":
            raise NotUnderstood("no text")
        failed = callback.body == b"failed"
        return Transcript(
            provider="acme",
            id="7",
            name="7",
            received_at=callback.received_at,
            digest="sha256:00",
            error=VendorError("1", "no speech") if failed else None,
            segments=() if failed else (Segment(callback.body.decode()),),
            query={},
            payload={},
        )

    def query(self, head: Head) -> dict[str, str | list[str]]:
        """Show one parameter."""
        return {"job": "42"}

    def acknowledge(self) -> Answer:
        """Say yes."""
        return Answer(200, b"yes")

    def refuse(self, error: CallbackError) -> Answer:
        """Say no."""
        return Answer(500, b"no")


class Committer:
    """Keeps what it is given, or fails."""

    def __init__(self, failure: CallbackError | None = None) -> None:
        """Fail with `failure`, if there is one."""
        self.results: list[Result] = []
        self.failure = failure
        self.staged: list[bytes] = []

    async def commit(self, result: Result) -> Stored:
        """Note the result."""
        if self.failure:
            raise self.failure
        self.results.append(result)
        files = [content for _, content in result.files if isinstance(content, StagedFile)]
        self.staged += [file.read() for file in files]
        return Stored(result.marker, False)


def nothing_staged() -> StagedFile:
    """Fail a test whose files are all small."""
    raise AssertionError("a file was staged")


def receive(
    body: bytes,
    committer: Committer,
    provider: Provider | None = None,
    stage: Callable[[], StagedFile] = nothing_staged,
) -> Answer:
    """Pass one body through a receiver."""
    renderers = (
        TextRenderer(speakers="auto", timestamps=False),
        JsonRenderer(keep_payload=True, indent=0),
    )
    layout = Layout("{provider}/{id}", UTC)
    with ThreadPoolExecutor(1, thread_name_prefix="heavy") as heavy:
        rooms = Rooms(layout, renderers, committer, stage, heavy, Metrics())
        receiver = Receiver(provider or Provider(), rooms)
        return asyncio.run(receiver.respond(Callback(HEAD, body, NOW)))


def test_a_result_is_committed_then_acknowledged() -> None:
    """The text comes first, the JSON last, and then the vendor's yes."""
    committer = Committer()
    assert receive(b"hello", committer) == Answer(200, b"yes")
    [result] = committer.results
    assert (result.directory, result.stem, result.digest) == ("acme", "7", "sha256:00")
    assert [suffix for suffix, _ in result.files] == [".txt", ".json"]
    assert result.files[0][1] == b"hello\n"


def test_a_failed_task_has_only_its_document() -> None:
    """A failure is a result: a JSON below `failed`, and no transcript."""
    committer = Committer()
    assert receive(b"failed", committer) == Answer(200, b"yes")
    [result] = committer.results
    assert result.directory == "failed/acme"
    assert [suffix for suffix, _ in result.files] == [".json"]


@pytest.mark.parametrize(
    ("body", "failure", "raised"),
    [(b"garbage", None, NotUnderstood), (b"hello", CannotStore("disk full"), CannotStore)],
)
def test_what_is_not_stored_is_not_acknowledged(
    body: bytes, failure: CallbackError | None, raised: type[CallbackError]
) -> None:
    """An error of decoding or committing reaches the listener."""
    with pytest.raises(raised):
        receive(body, Committer(failure))


def test_what_is_not_understood_is_kept() -> None:
    """A body that is no result is committed as it came, with the reason beside it."""
    committer = Committer()
    with pytest.raises(NotUnderstood):
        receive(b"garbage", committer)
    [rejection] = committer.results
    assert (rejection.directory, rejection.status) == ("rejected/acme/2026/11/21", "rejected")
    assert rejection.files[0] == (".body", b"garbage")
    _, document = rejection.files[1]
    assert isinstance(document, bytes)
    assert b'"reason": "no text"' in document
    assert b'"query": {\n    "job": "42"\n  }' in document


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(NoRoomForRejected("used up"), NotUnderstood), (CannotStore("disk full"), CannotStore)],
)
def test_what_cannot_be_kept(failure: CallbackError, raised: type[CallbackError]) -> None:
    """Without room for it the refusal stands; a full disk may be over at the next try."""
    with pytest.raises(CallbackError) as refused:
        receive(b"garbage", Committer(failure))
    assert refused.type is raised


@pytest.mark.parametrize(
    ("size", "thread"), [(LARGEST_ON_LOOP, "MainThread"), (LARGEST_ON_LOOP + 1, "heavy_0")]
)
def test_large_bodies_are_decoded_beside_the_loop(size: int, thread: str) -> None:
    """What would hold up other callbacks is done on another thread."""
    provider = Provider()
    receive(b"x" * size, Committer(), provider)
    assert provider.thread == thread


def test_large_files_are_staged(tmp_path: Path) -> None:
    """A file that is too large to be held is written before its result, and discarded after it."""
    committer = Committer()
    staging = Staging(str(tmp_path), Modes(0o640, 0o750), durable=True)
    staging.open()
    before = len(os.listdir("/proc/self/fd"))
    receive(b"x" * LARGEST_HELD, committer, stage=staging.create)
    staging.executor.shutdown()
    assert committer.staged[0] == b"x" * LARGEST_HELD + b"\n"
    assert len(committer.staged) == 2
    assert len(os.listdir("/proc/self/fd")) == before
    staging.close()


def test_others_get_their_turn_during_large_bodies() -> None:
    """The interpreter switches threads often while a large body is worked on, and only then."""
    usual_s = sys.getswitchinterval()
    provider = Provider()
    receive(b"x" * (LARGEST_ON_LOOP + 1), Committer(), provider)
    assert provider.switch_s == pytest.approx(SWITCH_S)
    assert sys.getswitchinterval() == usual_s


def test_one_line_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Each result is one line with its facts, and nothing of its text."""
    caplog.set_level(logging.INFO)
    receive(b"secret words", Committer())
    [record] = [each for each in caplog.records if each.name == "asr_daemon.receiver"]
    fields = record.__dict__["fields"]
    assert fields.pop("ms") >= 0
    assert fields == {
        "provider": "acme",
        "id": "7",
        "outcome": "committed",
        "path": "acme/7.json",
        "bytes": 12,
    }
