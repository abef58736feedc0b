"""Senders that note what became of each request and of the connection that carried it."""

import re
import socket
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

from tests.daemon.clients import ANSWER_TIMEOUT_S, TENCENT_PATH, Ledger, body_of
from tests.durability.strace import attached

PAUSE_S = 0.1
"""Who idles for longer may send into the end of an idle connection, which HTTP cannot avoid."""

_LAST_DATA = struct.Struct("44x I 4x I")
"""Of the kernel's `tcp_info`: for how many milliseconds no data was sent, and none received."""


@dataclass(frozen=True)
class Sighting:
    """One request whose bytes were sent to the last."""

    port: int
    """Of the sender's end of the connection, which tells connections apart."""
    kept: bool
    """The connection had carried an answer that did not announce its end."""
    paused_s: float
    """How long nothing had come on the connection when the request was sent: since that answer, or
    since there is a connection. As the kernel saw it: a sender may have to wait for its turn."""
    status: int | None
    """Of the answer; `None` if the connection ended without one."""


@dataclass
class Witness:
    """What all senders of one test saw."""

    ledger: Ledger = field(default_factory=Ledger)
    sightings: list[Sighting] = field(default_factory=list)

    @property
    def unanswered(self) -> list[Sighting]:
        """The requests that were sent whole and got no answer."""
        return [each for each in self.sightings if each.status is None]

    def broken(self, accepted: Collection[int] = ()) -> list[Sighting]:
        """Return the unanswered requests that the daemon owed an answer.

        It owes one to every connection that it accepted: those that carried an answer before, and
        those of the ports in `accepted`. What the kernel held when the listener closed was never
        the daemon's.
        """
        return [
            each
            for each in self.unanswered
            if (each.kept or each.port in accepted) and each.paused_s < PAUSE_S
        ]


@contextmanager
def witnesses(port: int, kept: int = 8, fresh: int = 8) -> Iterator[Witness]:
    """Run senders that keep their connections, and others that open one a request.

    They end with the block, or when they cannot connect any more.
    """
    witness, stop = Witness(), Event()
    threads = [
        Thread(target=_send_on, args=(witness, stop, port, client, client < kept), daemon=True)
        for client in range(kept + fresh)
    ]
    for thread in threads:
        thread.start()
    try:
        yield witness
    finally:
        stop.set()
        for thread in threads:
            thread.join(ANSWER_TIMEOUT_S)


@contextmanager
def accepted_ports(pid: int, log: Path) -> Iterator[set[int]]:
    """Yield a set that holds, after the block, the port of every connection that was accepted.

    Needs the requirement `strace`.
    """
    ports: set[int] = set()
    with attached(pid, "-o", str(log), "-e", "trace=accept4"):
        yield ports
    ports.update(int(found) for found in re.findall(r"accept4.*htons\((\d+)\)", log.read_text()))


class _End(NamedTuple):
    """How an exchange ended."""

    status: int | None
    """Of the answer; `None` if there was none."""
    lasts: bool
    """The connection does."""
    paused_s: float
    """Before the request."""


def _send_on(witness: Witness, stop: Event, port: int, client: int, keep: bool) -> None:
    connection: socket.socket | None = None
    for number in count():
        kept = connection is not None
        try:
            connection = connection or socket.create_connection(
                ("127.0.0.1", port), ANSWER_TIMEOUT_S
            )
        except OSError:
            return
        own_port = connection.getsockname()[1]
        end = _exchange(connection, f"{client}-{number}", witness.ledger)
        witness.sightings.append(Sighting(own_port, kept, end.paused_s, end.status))
        if not (keep and end.lasts) or stop.is_set():
            connection.close()
            connection = None
        if end.status is None or stop.is_set():
            return


def _exchange(connection: socket.socket, id_: str, ledger: Ledger) -> _End:
    """Send one result, and wait for the answer."""
    body = body_of(id_, f"text-of-{id_}")
    head = f"POST {TENCENT_PATH} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    status, lasts, sent = None, False, False
    try:
        connection.sendall(head.encode() + body)
        sent = True
        with HTTPResponse(connection, method="POST") as response:
            response.begin()
            response.read()
            status, lasts = response.status, not response.will_close
    except (OSError, HTTPException):
        pass
    ledger.note(id_, f"text-of-{id_}", status)
    return _End(status, lasts, _paused_s(connection, sent=sent))


def _paused_s(connection: socket.socket, *, sent: bool) -> float:
    """Return how long nothing had come when the last was sent, or until now if it was not sent.

    Nothing, if something has come since.
    """
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _LAST_DATA.size)
    since_sent_ms, since_received_ms = map(int, _LAST_DATA.unpack(info))
    return max(0, since_received_ms - (since_sent_ms if sent else 0)) / 1000
