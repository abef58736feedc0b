"""strace, attached to a process for a while."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
            # It would hold the threads of a process that is ending for as long as it was told.
            tracer.send_signal(signal.SIGKILL if is_ending(pid) else signal.SIGINT)
            _reap(tracer)


def is_ending(pid: int) -> bool:
    """Say whether a process that nobody has waited for has called `exit`.

    No code of it runs any more, even where strace still holds one of its threads, which keeps
    whoever waits for the process waiting.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] == "Z"


def _reap(tracer: "subprocess.Popen[str]") -> None:
    try:
        tracer.communicate(timeout=_DETACH_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        tracer.kill()
