"""Large bodies are on the disk before they are whole, and a slow disk holds up nobody else."""

import asyncio
import errno
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from asr_daemon.errors import CannotStore
from asr_daemon.output.filesystem import spool
from asr_daemon.output.filesystem.spool import SpooledBody
from asr_daemon.output.filesystem.staging import Modes, StagedFile, Staging


@pytest.fixture
def staging(tmp_path: Path) -> Iterator[Staging]:
    """Return an open staging folder."""
    made = Staging(str(tmp_path), Modes(0o640, 0o750), durable=True)
    made.open()
    yield made
    made.close()


async def opened(staging: Staging) -> SpooledBody:
    """Return an empty body in a staging folder."""
    return await SpooledBody.open(staging.create, staging.executor)


def test_body_is_read_as_it_was_written(staging: Staging) -> None:
    """Chunk by chunk; its size is known meanwhile."""

    async def run() -> tuple[int, bytes]:
        body = await opened(staging)
        for chunk in (b"hello, ", b"world\n"):
            await body.write(chunk)
        found = (body.size_bytes, body.read())
        body.discard()
        body.discard()
        return found

    assert asyncio.run(run()) == (13, b"hello, world\n")


def test_full_disk_is_a_refusal(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the body is begun or goes on."""

    def full(*arguments: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    async def run() -> None:
        body = await opened(staging)
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(CannotStore, match="No space left on device"):
                await body.write(b"x")
            patched.setattr(os, "open", full)
            with pytest.raises(CannotStore, match="No space left on device"):
                await opened(staging)
        body.discard()

    asyncio.run(run())


def test_frozen_disk_is_a_refusal_when_time_is_up(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The event loop goes on; what was opened too late is closed all the same."""
    monkeypatch.setattr(spool, "PATIENCE_S", 0.01)
    thaw, staged = threading.Event(), list[StagedFile]()

    def stage() -> StagedFile:
        thaw.wait()
        staged.append(staging.create())
        return staged[0]

    async def run() -> None:
        with ThreadPoolExecutor(1) as executor:
            with pytest.raises(CannotStore, match="storage does not answer"):
                await SpooledBody.open(stage, executor)
            thaw.set()

    asyncio.run(run())
    staging.executor.shutdown()
    with pytest.raises(OSError, match="was discarded"):
        staged[0].read()


def test_discard_waits_for_no_disk(staging: Staging, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender may hang up while its chunk is being written; the file is closed afterwards."""
    writing, thaw, write = threading.Event(), threading.Event(), os.write
    written: list[int] = []

    def frozen(descriptor: int, data: bytes) -> int:
        writing.set()
        thaw.wait()
        written.append(write(descriptor, data))
        return written[-1]

    async def run() -> StagedFile:
        body = await opened(staging)
        monkeypatch.setattr(os, "write", frozen)
        task = asyncio.create_task(body.write(b"x"))
        await asyncio.to_thread(writing.wait)
        task.cancel()
        body.discard()
        thaw.set()
        return body.content

    file = asyncio.run(run())
    staging.executor.shutdown()
    assert written == [1]
    with pytest.raises(OSError, match="was discarded"):
        file.read()
