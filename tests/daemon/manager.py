"""A service manager as the daemon sees one: a socket that is told things, and sockets passed on."""

import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.daemon.process import Daemon
from tests.daemon.serving import eventually

_MOST_BYTES = 4096

_PASS_ON = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""

BY_JOURNAL = (
    "sh",
    "-c",
    'export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2); exec "$@"',
    "sh",
)
"""A wrapper whose daemon takes what is behind its standard error for the journal."""


class Manager:
    """Listens to what a daemon notifies it of."""

    def __init__(self, address: str) -> None:
        """Bind to an address as `NOTIFY_SOCKET` has it."""
        self.environ = {"NOTIFY_SOCKET": address}
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        self._socket.setblocking(False)

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()

    def listen(self) -> list[str]:
        """Return all that was told so far, in order."""
        try:
            while True:
                self.told.append(self._socket.recv(_MOST_BYTES).decode())
        except BlockingIOError:
            return self.told

    def wait_for(self, beginning: str, after: int = 0) -> str:
        """Wait until something is told that begins so, the first so many things left out."""

        def found() -> list[str]:
            return [each for each in self.listen()[after:] if each.startswith(beginning)]

        eventually(found, f"{beginning} is told, beyond {self.told}")
        return found()[0]


def pass_on(listening: socket.socket) -> Sequence[str]:
    """Return a wrapper that passes a socket on; it needs the descriptor."""
    return (sys.executable, "-c", _PASS_ON, str(listening.fileno()))


@contextmanager
def activated(config: Path, listening: socket.socket) -> Iterator[Daemon]:
    """Run a daemon that is passed a listening socket on; end it as a service manager does."""
    daemon = Daemon(config, None, pass_on(listening), (listening.fileno(),))
    try:
        daemon.wait_until_ready()
        yield daemon
    finally:
        assert daemon.stop() == 0
