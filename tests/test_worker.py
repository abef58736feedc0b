"""Child processes that convert large bodies: what they return, and what ends them."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from asr_daemon.errors import CannotStore, NotUnderstood, Unauthorized
from asr_daemon.output.base import Result
from asr_daemon.output.filesystem.spool import SpooledBody
from asr_daemon.output.filesystem.staging import Modes, StagedFile, Staging
from asr_daemon.providers.base import Callback, Head
from asr_daemon.worker import Worker, WorkerFailed

HEAD = Head(b"/in", b"job=42", {"content-type": "text/plain"}, "127.0.0.1")
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def shout(callback: Callback) -> Result:
    """Return two files of a body."""
    return Result(
        provider="acme",
        id=None,
        digest=callback.head.query.decode(),
        status="succeeded",
        identity="i",
        fingerprint=str(callback.received_at.year),
        directory="acme",
        stem="7",
        files=((".txt", callback.body.upper()), (".json", b"{}")),
    )


def not_understood(callback: Callback) -> Result:
    """Raise what a provider does."""
    raise NotUnderstood("no text")


def unauthorized(callback: Callback) -> Result:
    """Raise what a provider does."""
    raise Unauthorized("not you")


def no_space(callback: Callback) -> Result:
    """Raise what a full disk does."""
    raise OSError(28, "No space left on device")


def mistake(callback: Callback) -> Result:
    """Raise what nobody expects."""
    raise KeyError("x")


def greedy(callback: Callback) -> Result:
    """Take more memory than there may be."""
    return shout(Callback(callback.head, bytes(1 << 40), callback.received_at))


def endless(callback: Callback) -> Result:
    """Never return, and write down who does so."""
    Path(callback.body.decode()).write_text(str(os.getpid()), encoding="ascii")
    signal.pause()
    raise AssertionError


def killed(callback: Callback) -> Result:
    """End as a process that the kernel kills."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def run(
    tmp_path: Path, convert: Callable[[Callback], Result], body: bytes, timeout_s: float = 30.0
) -> tuple[Result, dict[str, bytes]]:
    """Return the result of a body in a child process, and what its files hold."""
    staging = Staging(str(tmp_path), Modes(0o640, 0o750), durable=True)
    staging.open()

    async def open_spool() -> SpooledBody:
        return await SpooledBody.open(staging.create, staging.executor)

    async def convert_body() -> Result:
        spool = await open_spool()
        await spool.write(body)
        worker = Worker(open_spool, 1, timeout_s)
        return await worker.convert(convert, HEAD, spool, NOW, [".txt", ".srt", ".json"])

    result = asyncio.run(convert_body())
    staged = [(suffix, file) for suffix, file in result.files if isinstance(file, StagedFile)]
    return result, {suffix: file.read() for suffix, file in staged}


def test_result_of_a_child_process(tmp_path: Path) -> None:
    """Its files are staged, and those of formats that it does not have are gone."""
    result, contents = run(tmp_path, shout, b"hello")
    assert contents == {".txt": b"HELLO", ".json": b"{}"}
    assert (result.provider, result.id, result.digest) == ("acme", None, "job=42")
    assert (result.fingerprint, result.directory, result.stem) == ("2026", "acme", "7")


@pytest.mark.parametrize(
    ("convert", "raised", "reason"),
    [
        (not_understood, NotUnderstood, "no text"),
        (unauthorized, Unauthorized, "not you"),
        (no_space, CannotStore, "the result cannot be stored now: No space left on device"),
        (mistake, WorkerFailed, "internal error: KeyError: 'x'"),
        (greedy, WorkerFailed, "processing it takes more than 256 MiB of memory"),
        (killed, WorkerFailed, "the process that processed it was ended by SIGKILL"),
    ],
)
def test_what_a_child_process_reports(
    tmp_path: Path, convert: Callable[[Callback], Result], raised: type[Exception], reason: str
) -> None:
    """What the body's provider or the disk says reaches the caller; else the child failed."""
    with pytest.raises(raised) as failure:
        run(tmp_path, convert, b"hello")
    assert str(failure.value) == reason


def test_time_is_limited(tmp_path: Path) -> None:
    """A child that takes too long is killed."""
    note = tmp_path / "pid"
    with pytest.raises(WorkerFailed, match=r"processing it takes more than 2 s"):
        run(tmp_path, endless, str(note).encode(), timeout_s=2.0)
    assert _is_gone(int(note.read_text()))


def test_child_ends_with_the_daemon(tmp_path: Path) -> None:
    """Even when the daemon is killed, and cannot end its child."""
    note = tmp_path / "pid"
    daemon = os.fork()
    if daemon == 0:
        with suppress(BaseException):
            run(tmp_path, endless, str(note).encode())
        os._exit(0)
    child = _eventually(lambda: note.exists() and note.read_text())
    os.kill(daemon, signal.SIGKILL)
    os.waitpid(daemon, 0)
    _eventually(lambda: _is_gone(int(child)))


def _eventually(happened: Callable[[], str | bool]) -> str | bool:
    ends_s = time.monotonic() + 20.0
    while not (found := happened()):
        assert time.monotonic() < ends_s
        time.sleep(0.01)
    return found


def _is_gone(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2]
    except OSError:
        return True
    return state.split()[0] == "Z"
