"""strace, attached to a process for a while."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

_DETACH_TIMEOUT_S = 10.0


@contextmanager
def attached(pid: int, *options: str) -> Iterator[None]:
    """Have strace, with these options, follow all threads of a process; let go of it at the end.

    From the first line of the block on it is there. A process can have one strace at a time.

    Raises:
        RuntimeError: strace could not attach.
    """
    command = ["strace", "-f", "-p", str(pid), *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as tracer:
        try:
            announced = tracer.stderr.readline() if tracer.stderr else ""
            if "attached" not in announced:
                raise RuntimeError(f"strace could not attach: {announced.strip()}")
            yield
        finally:
            tracer.send_signal(signal.SIGINT)
            _reap(tracer)


def _reap(tracer: "subprocess.Popen[str]") -> None:
    try:
        tracer.communicate(timeout=_DETACH_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        tracer.kill()
