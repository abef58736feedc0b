"""Convert large bodies in child processes, so that the daemon's memory stays small.

A child gets open files and nothing else: the body to read, and one file for each format to write.
It has a limit of memory and of time, and ends with the daemon. What kills it kills nothing else.
"""

import asyncio
import errno
import os
import pickle
import resource
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from threading import Thread

import msgspec
from msgspec import Struct, structs

import asr_daemon
from asr_daemon.body import OpenSpool, Spool
from asr_daemon.errors import (
    AsrDaemonError,
    CallbackError,
    CannotStore,
    NotUnderstood,
    Unauthorized,
)
from asr_daemon.output.base import Content, Result, refusal_of
from asr_daemon.providers.base import Callback, Head

TIMEOUT_S = 60.0
"""64 MiB take some 5 s."""

BASE_MEMORY_BYTES = 256 * 1024 * 1024
MEMORY_PER_BODY_BYTE = 24
"""Of address space. Documented bodies take about half of it."""

_PASSED_ON: dict[str, type[CallbackError]] = {
    error.__name__: error for error in (NotUnderstood, Unauthorized, CannotStore)
}
"""What a child reports by name; anything else is a failure of the child."""

Convert = Callable[[Callback], Result]


class WorkerFailed(AsrDaemonError):
    """A child process did not get through a body; the message says why."""


class Conversion(Struct, frozen=True):
    """What a child process is to do."""

    convert: Convert
    head: Head
    received_at: datetime
    body_descriptor: int
    files: tuple[tuple[str, int], ...]
    """Suffix and descriptor of each format that may be written."""
    memory_bytes: int


class Converted(Struct, frozen=True):
    """What a child process has done: a result whose files are written, or why there is none."""

    result: dict[str, str | None] | None = None
    suffixes: tuple[str, ...] = ()
    error: str = ""
    """The name of an error in `_PASSED_ON`; else it failed."""
    reason: str = ""


class Worker:
    """Runs child processes, a few at a time; the other bodies wait on the disk."""

    def __init__(self, open_spool: OpenSpool, most: int, timeout_s: float = TIMEOUT_S) -> None:
        """Run at most so many children at a time."""
        self._open_spool = open_spool
        self._free = asyncio.Semaphore(most)
        self._timeout_s = timeout_s

    async def convert(
        self,
        convert: Convert,
        head: Head,
        body: Spool,
        received_at: datetime,
        suffixes: Sequence[str],
    ) -> Result:
        """Return the result of a body, its files staged.

        Args:
            convert: what the child calls; it and all it refers to can be pickled.
            head: of the request.
            body: complete.
            received_at: when the body was complete.
            suffixes: of the files that the result may have.

        Raises:
            NotUnderstood: the body is not a result of this vendor.
            Unauthorized: the body shows that its sender is not allowed.
            CannotStore: the files cannot be written.
            WorkerFailed: the child needed too much memory or time, or died.
        """
        async with self._free:
            files: dict[str, Spool] = {}
            try:
                for suffix in suffixes:
                    files[suffix] = await self._open_spool()
                conversion = Conversion(
                    convert,
                    head,
                    received_at,
                    body.content.fileno(),
                    tuple((suffix, spool.content.fileno()) for suffix, spool in files.items()),
                    BASE_MEMORY_BYTES + MEMORY_PER_BODY_BYTE * body.size_bytes,
                )
                return _read(await self._run(conversion), files)
            finally:
                for unused in files.values():
                    unused.discard()

    async def _run(self, conversion: Conversion) -> Converted:
        """Run one child; it ends when the other end of `lifeline` is closed, also by a crash."""
        if _program() != _PROGRAM:
            raise WorkerFailed(_REPLACED)
        lifeline, held = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "asr_daemon.worker", str(lifeline)),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": _python_path()},
                pass_fds=[
                    lifeline,
                    conversion.body_descriptor,
                    *(number for _, number in conversion.files),
                ],
            )
        except OSError as error:
            os.close(held)
            raise WorkerFailed(f"no process can be started: {error.strerror}") from error
        finally:
            os.close(lifeline)
        try:
            async with asyncio.timeout(self._timeout_s):
                encoded, _ = await process.communicate(pickle.dumps(conversion))
        except TimeoutError:
            raise WorkerFailed(f"processing it takes more than {self._timeout_s:g} s") from None
        finally:
            os.close(held)
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        if process.returncode != 0:
            raise WorkerFailed(_how_it_ended(process.returncode))
        return msgspec.msgpack.decode(encoded, type=Converted)


def _program() -> tuple[int, int] | None:
    """Return what tells this program from another version that is installed in its place."""
    try:
        status = os.stat(__file__)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns


_PROGRAM = _program()
"""What the daemon was started from; a child that is started from anything else may be another."""

_REPLACED = "the program was replaced or removed after the daemon had started: restart it"


def _python_path() -> str:
    """Return where the child finds this package, and vendors that others have added."""
    own = str(Path(asr_daemon.__file__).parents[1])
    return os.pathsep.join(filter(None, (own, os.environ.get("PYTHONPATH"))))


def _read(converted: Converted, files: dict[str, Spool]) -> Result:
    if converted.result is None:
        if converted.error in _PASSED_ON:
            raise _PASSED_ON[converted.error](converted.reason)
        raise WorkerFailed(converted.reason)
    contents = tuple((suffix, files.pop(suffix).content) for suffix in converted.suffixes)
    return Result(**converted.result, files=contents)  # type: ignore[arg-type]


def _how_it_ended(status: int | None) -> str:
    if status is not None and status < 0:
        return f"the process that processed it was ended by {signal.Signals(-status).name}"
    return f"the process that processed it ended with status {status}"


def main() -> None:
    """Do the conversion that comes on standard input; write its end to standard output."""
    Thread(target=_end_with_daemon, args=(int(sys.argv[1]),), daemon=True).start()
    conversion: Conversion = pickle.load(sys.stdin.buffer)  # noqa: S301 - the daemon has written it
    resource.setrlimit(resource.RLIMIT_AS, (conversion.memory_bytes, conversion.memory_bytes))
    # Where the machine's memory is short, this process goes and the daemon stays.
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
    sys.stdout.buffer.write(msgspec.msgpack.encode(_do(conversion)))


def _end_with_daemon(lifeline: int) -> None:
    """End this process when the daemon closes the other end of a pipe, or is killed."""
    os.read(lifeline, 1)
    os._exit(1)


def _do(conversion: Conversion) -> Converted:
    try:
        with open(conversion.body_descriptor, "rb", closefd=False) as file:
            file.seek(0)
            body = file.read()
            if len(body) < os.fstat(conversion.body_descriptor).st_size:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
        result = conversion.convert(Callback(conversion.head, body, conversion.received_at))
        descriptors = dict(conversion.files)
        for suffix, content in result.files:
            _write(content, descriptors[suffix])
    except (NotUnderstood, Unauthorized) as error:
        return Converted(error=type(error).__name__, reason=str(error))
    except MemoryError:
        limit_mib = conversion.memory_bytes // 2**20
        return Converted(
            error="memory", reason=f"processing it takes more than {limit_mib} MiB of memory"
        )
    except OSError as error:
        refusal = refusal_of(error)
        return Converted(error=type(refusal).__name__, reason=str(refusal))
    except Exception as error:  # noqa: BLE001 - the daemon logs it
        return Converted(
            error="internal", reason=f"internal error: {type(error).__name__}: {error}"
        )
    facts = structs.asdict(structs.replace(result, files=()))
    del facts["files"]
    return Converted(result=facts, suffixes=tuple(suffix for suffix, _ in result.files))


def _write(content: Content, descriptor: int) -> None:
    if not isinstance(content, bytes | bytearray):
        raise TypeError("a converter stages no files")
    with open(descriptor, "wb", closefd=False) as file:
        file.write(content)
        file.flush()
        # Here, so that the syncs of small results do not wait for it.
        os.fsync(descriptor)


if __name__ == "__main__":
    main()
