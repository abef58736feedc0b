"""The path of a callback, with doubles at its ends."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from threading import current_thread

import pytest

from asr_daemon.body import LARGE_BODY_BYTES, SMALL_BODY_BYTES, Body
from asr_daemon.errors import (
    CallbackError,
    CannotStore,
    NoRoomForRejected,
    NotUnderstood,
    Unauthorized,
)
from asr_daemon.layout import Layout
from asr_daemon.metrics import Metrics
from asr_daemon.output.base import Content, Result, Stored
from asr_daemon.output.filesystem.spool import SpooledBody
from asr_daemon.output.filesystem.staging import Modes, Staging
from asr_daemon.pipeline import Converter, Pipeline
from asr_daemon.providers.base import Answer, Callback, Head
from asr_daemon.renderers.captions import LineLimits
from asr_daemon.renderers.document import JsonRenderer
from asr_daemon.renderers.srt import SrtRenderer
from asr_daemon.renderers.text import TextRenderer
from asr_daemon.transcript import Segment, Transcript, VendorError
from asr_daemon.worker import Worker

HEAD = Head(b"/in", b"", {}, "127.0.0.1")
NOW = datetime(2026, 11, 21, tzinfo=UTC)
SUCCESS = Answer(200, b"success")


class Provider:
    """A vendor whose body is the text, but for some that say what to do."""

    name = "acme"

    def __init__(self) -> None:
        """Remember on which thread a body was parsed."""
        self.thread = ""

    def admit(self, head: Head) -> None:
        """Admit everybody."""

    def parse(self, callback: Callback) -> Transcript:
        """Take the body for the only segment."""
        self.thread = current_thread().name
        match callback.body[:10]:
            case b"garbage":
                raise NotUnderstood("no text")
            case b"forbidden":
                raise Unauthorized("not you")
            case b"crash":
                raise KeyError
            case b"greedy    ":
                bytearray(1 << 40)
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
        """Answer success."""
        return SUCCESS

    def refuse(self, error: CallbackError) -> Answer:
        """Answer failure."""
        return Answer(500, b"failure")


class Committer:
    """Keeps what it is given, or fails."""

    def __init__(self, failure: CallbackError | None = None) -> None:
        """Fail with `failure`, if there is one."""
        self.results: list[Result] = []
        self.contents: list[dict[str, bytes]] = []
        self.failure = failure

    async def commit(self, result: Result) -> Stored:
        """Keep the result."""
        self.results.append(result)
        self.contents.append({suffix: _read(content) for suffix, content in result.files})
        if self.failure:
            raise self.failure
        return Stored(result.marker, False)


def _read(content: Content) -> bytes:
    if isinstance(content, bytes | bytearray):
        return bytes(content)
    return b"".join(content.pieces())


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    """Return a staging directory."""
    made = Staging(str(tmp_path), Modes(0o640, 0o750), durable=True)
    made.open()
    return made


Process = Callable[..., Answer]


@pytest.fixture
def process(staging: Staging) -> Process:
    """Return what passes one body through a pipeline."""

    def run(
        body: bytes, committer: Committer, provider: Provider | None = None, *, spool: bool = False
    ) -> Answer:
        return asyncio.run(_respond(staging, body, committer, provider or Provider(), spool))

    return run


async def _respond(
    staging: Staging, body: bytes, committer: Committer, provider: Provider, spool: bool
) -> Answer:
    renderers = (TextRenderer(speakers="auto", timestamps=False), SrtRenderer(LineLimits()))
    document = JsonRenderer(keep_payload=True, indent=0)

    async def open_spool() -> SpooledBody:
        return await SpooledBody.open(staging.create, staging.executor)

    received: Body = body
    if spool:
        received = await open_spool()
        await received.write(body)
    converter = Converter(provider, Layout("{provider}/{id}", UTC), renderers, document)
    with ThreadPoolExecutor(1, thread_name_prefix="medium") as medium:
        worker = Worker(open_spool, 1)
        pipeline = Pipeline(converter, committer, medium, worker, Metrics())
        return await pipeline.respond(HEAD, received, NOW)


def test_result_is_committed_and_acknowledged(process: Process) -> None:
    """The text comes first, the JSON last."""
    committer = Committer()
    assert process(b"hello", committer) == SUCCESS
    [result] = committer.results
    assert (result.directory, result.stem, result.digest) == ("acme", "7", "sha256:00")
    assert [suffix for suffix, _ in result.files] == [".txt", ".json"]
    assert result.files[0][1] == b"hello\n"


def test_omitted_format_is_named_in_the_document(process: Process) -> None:
    """The text has no times, so that there is no caption file."""
    committer = Committer()
    process(b"hello", committer)
    document = committer.contents[0][".json"]
    assert b'"omitted":[{"format":"srt","reason":"no times"}]' in document


def test_failed_task_has_only_its_document(process: Process) -> None:
    """A failure is a result: a JSON below `failed`, and no transcript."""
    committer = Committer()
    assert process(b"failed", committer) == SUCCESS
    [result] = committer.results
    assert result.directory == "failed/acme"
    assert [suffix for suffix, _ in result.files] == [".json"]


@pytest.mark.parametrize(
    ("body", "failure", "raised"),
    [
        (b"garbage", None, NotUnderstood),
        (b"forbidden", None, Unauthorized),
        (b"hello", CannotStore("disk full"), CannotStore),
    ],
)
def test_what_is_not_stored_is_not_acknowledged(
    process: Process, body: bytes, failure: CallbackError | None, raised: type[CallbackError]
) -> None:
    """An error of parsing or committing reaches the web room."""
    with pytest.raises(raised):
        process(body, Committer(failure))


@pytest.mark.parametrize("spool", [False, True])
def test_body_that_cannot_be_parsed_is_rejected_and_kept(process: Process, spool: bool) -> None:
    """It is committed as it came, with the reason next to it."""
    committer = Committer()
    with pytest.raises(NotUnderstood):
        process(b"garbage", committer, spool=spool)
    [rejected] = committer.results
    assert (rejected.directory, rejected.status) == ("rejected/acme/2026/11/21", "rejected")
    [contents] = committer.contents
    assert contents[".body"] == b"garbage"
    assert b'"reason": "no text"' in contents[".json"]
    assert b'"bytes": 7' in contents[".json"]
    assert b'"query": {\n    "job": "42"\n  }' in contents[".json"]


def test_result_of_a_sender_that_is_not_allowed_is_not_kept(process: Process) -> None:
    """Only authenticated requests leave anything in the tree."""
    committer = Committer()
    with pytest.raises(Unauthorized):
        process(b"forbidden", committer)
    assert committer.results == []


def test_internal_error_keeps_the_body(process: Process) -> None:
    """A mistake of ours does not cost the sender's only copy."""
    committer = Committer()
    with pytest.raises(KeyError):
        process(b"crash", committer)
    assert committer.contents[0][".body"] == b"crash"


@pytest.mark.parametrize(
    ("failure", "raised"),
    [(NoRoomForRejected("used up"), NotUnderstood), (CannotStore("disk full"), CannotStore)],
)
def test_what_cannot_be_kept(
    process: Process, failure: CallbackError, raised: type[CallbackError]
) -> None:
    """Without room for it the refusal stands; a full disk may be over at the next try."""
    with pytest.raises(CallbackError) as refused:
        process(b"garbage", Committer(failure))
    assert refused.type is raised


@pytest.mark.parametrize(
    ("size", "spool", "thread"),
    [
        (SMALL_BODY_BYTES - len(HEAD.path), False, "MainThread"),
        (SMALL_BODY_BYTES, False, "medium_0"),
        (LARGE_BODY_BYTES, True, "medium_0"),
    ],
)
def test_medium_bodies_are_parsed_in_a_thread(
    process: Process, size: int, spool: bool, thread: str
) -> None:
    """What would hold up other callbacks leaves the event loop."""
    provider = Provider()
    process(b"x" * size, Committer(), provider, spool=spool)
    assert provider.thread == thread


def test_large_bodies_are_converted_in_a_child_process(process: Process) -> None:
    """The daemon never parses them; their files are staged before the commit."""
    committer, provider = Committer(), Provider()
    body = b"x" * (LARGE_BODY_BYTES + 1)
    assert process(body, committer, provider, spool=True) == SUCCESS
    assert provider.thread == ""
    assert committer.contents[0][".txt"] == body + b"\n"
    assert [suffix for suffix, _ in committer.results[0].files] == [".txt", ".json"]


def test_body_that_no_worker_gets_through_is_kept(process: Process) -> None:
    """The sender is answered that it cannot be stored, and `rejected` says why."""
    committer = Committer()
    body = b"greedy".ljust(LARGE_BODY_BYTES + 1)
    with pytest.raises(CannotStore):
        process(body, committer, spool=True)
    assert committer.contents[0][".body"] == body
    assert b"processing it takes more than" in committer.contents[0][".json"]


def test_one_line_is_logged(process: Process, caplog: pytest.LogCaptureFixture) -> None:
    """Each result is one line with its facts, and nothing of its text."""
    caplog.set_level(logging.INFO)
    process(b"secret words", Committer())
    [record] = [one for one in caplog.records if one.name == "asr_daemon.pipeline"]
    fields = record.__dict__["fields"]
    assert fields.pop("ms") >= 0
    assert fields == {
        "provider": "acme",
        "id": "7",
        "outcome": "committed",
        "path": "acme/7.json",
        "bytes": 12,
    }
