"""Senders that go on whatever happens, and note every request that is lost."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from itertools import count
from threading import Event, Thread

from tests.daemon.clients import ANSWER_TIMEOUT_S, TENCENT_PATH, body_of

REQUESTS_A_CONNECTION = 10
"""After so many a sender that keeps its connection opens another one."""
PAUSE_S = 0.005
"""Between two requests of one sender, so that a test of minutes leaves room for others."""
_DIFFERENT = 200
"""Results a sender has; it sends them again and again, so that the disk does not fill."""
_ACKNOWLEDGED = 200

Connect = Callable[[], HTTPConnection]


@dataclass
class Load:
    """What all senders of one block were told."""

    answered_in_s: list[float] = field(default_factory=list)
    """How long each request took that was acknowledged, a new connection and handshake included."""
    lost: list[str] = field(default_factory=list)
    """What became of each other one."""


@contextmanager
def load(connect: Connect, target: str = TENCENT_PATH, clients: int = 6) -> Iterator[Load]:
    """Run senders until the block ends; every other one opens a connection for each request."""
    seen, stop = Load(), Event()
    threads = [
        Thread(target=_send_on, args=(seen, stop, connect, target, client), daemon=True)
        for client in range(clients)
    ]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        stop.set()
        for thread in threads:
            thread.join(ANSWER_TIMEOUT_S)


def plain(port: int, address: str = "127.0.0.1") -> Connect:
    """Return what connects to a port of this machine without TLS."""
    return lambda: HTTPConnection(address, port, timeout=ANSWER_TIMEOUT_S)


def _send_on(seen: Load, stop: Event, connect: Connect, target: str, client: int) -> None:
    connection = connect()
    for number in count():
        began_s = time.monotonic()
        try:
            _send(connection, target, f"{client}-{number % _DIFFERENT}")
        except (OSError, HTTPException, AssertionError) as error:
            seen.lost.append(f"{number} of {client} after {began_s:.3f}: {error!r}")
            connection.close()
        else:
            seen.answered_in_s.append(time.monotonic() - began_s)
        if client % 2 or number % REQUESTS_A_CONNECTION == 0:
            connection.close()
            connection = connect()
        if stop.wait(PAUSE_S):
            connection.close()
            return


def _send(connection: HTTPConnection, target: str, id_: str) -> None:
    connection.request("POST", target, body_of(id_, f"text-of-{id_}"))
    response = connection.getresponse()
    content = response.read()
    assert response.status == _ACKNOWLEDGED, (response.status, content)
