"""Many senders at once that keep a daemon busy with being slow, and one that is not."""

import math
import resource
import select
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from threading import Event, Thread

from tests.daemon.clients import TENCENT_PATH, body_of

PAUSE_S = 0.02
"""Between two requests of the good client."""
SMALL_SEGMENT_BYTES = 536
"""Keeps what the kernel buffers for a peer that does not read below 100 KiB, even on loopback."""

_TICK_S = 0.05
_GOLDEN = 0.618
_GONE = select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR


@dataclass(frozen=True)
class Habit:
    """How a slow sender behaves; none ever reads."""

    name: str
    first: bytes = b""
    """What it sends at once."""
    then: bytes = b""
    """What it sends again and again, as far as it goes."""
    each_s: float = 1.0
    """How long it waits in between."""
    tls: bool = False
    """It goes to the TLS port."""


@dataclass
class Slow:
    """One slow sender, and when (on the monotonic clock) things happened to it."""

    habit: Habit
    connection: socket.socket
    began_s: float
    sent_s: float
    """When it could last send anything."""
    ended_s: float | None = None
    """When it was cut off."""


@dataclass
class Crowd:
    """Slow senders; a thread of their own keeps them going."""

    members: list[Slow] = field(default_factory=list)
    _told: Event = field(default_factory=Event)
    _watch: select.epoll = field(default_factory=select.epoll)

    def join(self, port: int, habit: Habit, source: str) -> None:
        """Let one more sender connect from a local address."""
        made = socket.socket()
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT_BYTES)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        made.bind((source, 0))
        made.connect(("127.0.0.1", port))
        made.setblocking(False)
        now_s = time.monotonic()
        # Those who come at once do not go on at once: that would be a flood and not a trickle.
        phase_s = habit.each_s * (len(self.members) * _GOLDEN % 1.0)
        member = Slow(habit, made, now_s, now_s - phase_s)
        self._send(member, habit.first)
        self._watch.register(made, _GONE)
        self.members.append(member)

    def of(self, habit: Habit) -> list[Slow]:
        """Return the senders of one habit."""
        return [each for each in self.members if each.habit is habit]

    def remaining(self, habit: Habit | None = None) -> list[Slow]:
        """Return those who are not cut off."""
        members = self.members if habit is None else self.of(habit)
        return [each for each in members if each.ended_s is None]

    def go_on(self) -> None:
        """Send what the habits say, and note who is cut off, until told to leave."""
        while not self._told.is_set():
            self._note_ends({member.connection.fileno(): member for member in list(self.members)})
            for member in self.remaining():
                if member.habit.then and time.monotonic() - member.sent_s >= member.habit.each_s:
                    self._send(member, member.habit.then)

    def leave(self) -> None:
        """End it all."""
        self._told.set()

    def close(self) -> None:
        """Close all connections."""
        for member in self.members:
            member.connection.close()
        self._watch.close()

    def _note_ends(self, members: dict[int, Slow]) -> None:
        for descriptor, _ in self._watch.poll(_TICK_S):
            if descriptor in members:
                members[descriptor].ended_s = time.monotonic()
                self._watch.unregister(descriptor)

    def _send(self, member: Slow, data: bytes) -> None:
        with suppress(OSError):
            if data and member.connection.send(data):
                member.sent_s = time.monotonic()


@contextmanager
def crowd() -> Iterator[Crowd]:
    """Yield a crowd that nobody has joined yet; it disperses with the block."""
    made = Crowd()
    thread = Thread(target=made.go_on, daemon=True)
    with many_descriptors():
        thread.start()
        try:
            yield made
        finally:
            made.leave()
            thread.join()
            made.close()


@contextmanager
def many_descriptors() -> Iterator[None]:
    """Let this process have as many file descriptors as it may while the block runs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@dataclass
class GoodClient:
    """Posts small results, each on a new connection, and notes how long each took."""

    port: int
    source: str = "127.0.0.1"
    query: str = ""
    took_s: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    """The statuses of the answers that acknowledge nothing."""

    def post(self) -> None:
        """Post one result that no good client has posted before."""
        id_ = f"{self.source.replace('.', '')}{time.monotonic_ns()}"
        began_s = time.monotonic()
        connection = HTTPConnection("127.0.0.1", self.port, 60.0, (self.source, 0))
        try:
            connection.request("POST", TENCENT_PATH + self.query, body_of(f"{id_}-0", "hello"))
            status = connection.getresponse().status
        finally:
            connection.close()
        self.took_s.append(time.monotonic() - began_s)
        if status != 200:
            self.refused.append(status)

    def post_for(self, duration_s: float) -> int:
        """Post for some time, and return the p99 of it in milliseconds."""
        first, ends_s = len(self.took_s), time.monotonic() + duration_s
        while time.monotonic() < ends_s:
            self.post()
            time.sleep(PAUSE_S)
        return p99_ms(self.took_s[first:])


def p99_ms(took_s: Sequence[float]) -> int:
    """Return what 99 of 100 are not above, in milliseconds."""
    return round(sorted(took_s)[math.ceil(len(took_s) * 0.99) - 1] * 1000)


def memory_bytes(pid: int, *, peak: bool = False) -> int:
    """Return how much memory a process has resident, or has had at most."""
    name = "VmHWM:" if peak else "VmRSS:"
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


def open_sockets(pid: int) -> int:
    """Return how many sockets a process has open."""
    count = 0
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):
            count += str(descriptor.readlink()).startswith("socket:")
    return count
