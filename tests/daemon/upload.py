"""A sender that takes its time."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPResponse
from threading import Event, Thread

from tests.daemon.clients import TENCENT_PATH
from tests.daemon.process import Daemon


class Upload:
    """A request whose body comes bit by bit."""

    def __init__(self, daemon: Daemon, body: bytes, sent: int, query: str = "") -> None:
        """Send the head, and of the body as much as said."""
        self._rest = body[sent:]
        self._connection = socket.create_connection(("127.0.0.1", daemon.port), 30.0)
        target = TENCENT_PATH + query
        head = f"POST {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}"
        self._connection.sendall(head.encode() + b"\r\n\r\n" + body[:sent])

    def close(self) -> None:
        """Break the connection."""
        self._connection.close()

    def complete(self) -> None:
        """Send the rest of the body."""
        self._connection.sendall(self._rest)

    @contextmanager
    def going_on(self) -> Iterator[None]:
        """Send the rest while the block runs, 64 KiB each hundredth of a second."""
        told = Event()

        def send() -> None:
            rest = memoryview(self._rest)
            with suppress(OSError):
                while not told.wait(0.01):
                    self._connection.sendall(rest[:65536])
                    rest = rest[65536:]

        thread = Thread(target=send)
        thread.start()
        yield
        told.set()
        thread.join()

    def wait_for_answer(self, timeout_s: float) -> None:
        """Return when there is an answer.

        Raises:
            TimeoutError: there is none.
        """
        self._connection.settimeout(timeout_s)
        self._connection.recv(1, socket.MSG_PEEK)
        self._connection.settimeout(30.0)

    def is_closed(self) -> bool:
        """Return whether the daemon has closed the connection without an answer."""
        self._connection.setblocking(False)
        try:
            return self._connection.recv(1) == b""
        except BlockingIOError:
            return False
        except ConnectionResetError:
            return True

    def answer(self) -> tuple[int, bool]:
        """Return the status of the answer, and whether it announces the end of the connection."""
        with self._connection, HTTPResponse(self._connection, method="POST") as response:
            response.begin()
            response.read()
            return response.status, response.will_close
