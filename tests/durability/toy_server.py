"""A small daemon around the toy writer: `python -m tests.durability.toy_server ROOT [STEP]...`.

It prints its port. A connection brings a name, gets an HTTP reply and is closed: 200 when something
is committed under the name, 503 when that failed. The daemon ends with its standard input.
"""

import select
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.durability.toy_writer import Step, ToyWriter

_REPOSITORY = Path(__file__).parents[2]
_TIMEOUT_S = 10.0


class ToyServer:
    """A running toy daemon."""

    def __init__(self, pid: int, port: int) -> None:
        """Say where it is."""
        self.pid = pid
        self._port = port

    def commit(self, name: str) -> str:
        """Ask for `name` to be committed; return the first line of the reply."""
        with socket.create_connection(("127.0.0.1", self._port), _TIMEOUT_S) as connection:
            connection.sendall(name.encode())
            return connection.recv(1024).decode().partition("\r\n")[0]


@contextmanager
def toy_server(root: Path, without: Collection[Step] = ()) -> Iterator[ToyServer]:
    """Run a toy daemon that leaves out the steps in `without`."""
    command = [sys.executable, "-m", "tests.durability.toy_server", str(root), *without]
    with subprocess.Popen(
        command, cwd=_REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        announced = process.stdout.readline() if process.stdout else ""
        yield ToyServer(process.pid, int(announced))


def main(root: str, *without: Step) -> None:
    """Serve until standard input ends."""
    writer = ToyWriter(Path(root), without)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        while sys.stdin not in select.select([sys.stdin, listener], [], [])[0]:
            connection, _ = listener.accept()
            with connection:
                _answer(connection, writer)


def _answer(connection: socket.socket, writer: ToyWriter) -> None:
    name = connection.recv(1024).decode()
    try:
        writer.commit(name, b"committed")
    except OSError:
        connection.sendall(b"HTTP/1.1 503 Service Unavailable\r\n\r\n")
    else:
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")


if __name__ == "__main__":
    main(*sys.argv[1:])  # type: ignore[arg-type]  # only this module starts it
