"""What senders may take of the machine: connections, and memory for bodies.

A busy daemon makes callers wait. It closes on somebody only who has no request under way that was
let in and comes on, and only when others would have to be turned away.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from itertools import chain, takewhile
from typing import Protocol

from asr_daemon.networks import Network, is_in

IPV6_PREFIX = 64
"""What one customer of a provider has of IPv6, and so counts as one address."""


PATIENCE_S = 0.5
"""How long a connection may be without a byte although others need its place."""

RESERVED_DESCRIPTORS = 256
"""Kept from connections: for the files of a batch, the index, listeners and the admin."""


class Closable(Protocol):
    """A connection, as far as its limits go."""

    @property
    def origin(self) -> str:
        """Whom it counts against, see `origin_of`."""
        ...

    @property
    def is_slow(self) -> bool:
        """Say whether the request on it that was let in does not come on, for now."""
        ...

    def close(self) -> None:
        """Close it at once."""
        ...


class Connections:
    """All open connections of the callback listeners, in all and by origin.

    A connection is idle until a request on it is let in, and again after each answer. When there
    is no room, the one that has been idle longest gives way: a sender that is slow to begin, or an
    attacker that never means to, or has no credentials. Where none has been idle for `PATIENCE_S`,
    those are next that were let in and are slow to send the rest.
    """

    def __init__(
        self,
        most: int,
        most_per_origin: int,
        many: tuple[Network, ...] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the limits, as `limit` does; `clock` returns seconds."""
        self.limit(most, most_per_origin, many)
        self._clock = clock
        self._idle: dict[Closable, float] = {}
        self._at_work: dict[Closable, None] = {}
        self._by_origin: Counter[str] = Counter()

    def limit(self, most: int, most_per_origin: int, many: tuple[Network, ...] = ()) -> None:
        """Change the limits for new connections; open ones stay.

        Args:
            most: in all.
            most_per_origin: from one address.
            many: who is in one of these networks stands for many senders and has no share.
        """
        self._most = most
        self._most_per_origin = most_per_origin
        self._many = many

    def __len__(self) -> int:
        """Return how many are open."""
        return len(self._idle) + len(self._at_work)

    @property
    def is_full(self) -> bool:
        """Say whether a new one would have nobody to take its place from."""
        return len(self) >= self._most and self._who_gives_way(None) is None

    def enter(self, connection: Closable) -> bool:
        """Take in a new connection, in place of an idle one if need be; say whether that was done.

        It is not if its origin has its share of connections, all of them at work.
        """
        if self._has_its_share(connection.origin):
            if not self._make_room(connection.origin):
                return False
        elif len(self) >= self._most:
            self._make_room(None)
        self._idle[connection] = self._clock()
        self._by_origin[connection.origin] += 1
        return True

    def begins(self, connection: Closable) -> None:
        """Note that a request on a connection is let in."""
        if self._idle.pop(connection, None) is not None:
            self._at_work[connection] = None

    def rests(self, connection: Closable) -> None:
        """Note that a connection waits for a head."""
        if connection in self._at_work:
            del self._at_work[connection]
            self._idle[connection] = self._clock()

    def leave(self, connection: Closable) -> None:
        """Note that a connection is closed."""
        if connection in self._idle:
            del self._idle[connection]
        elif connection in self._at_work:
            del self._at_work[connection]
        else:
            return
        self._by_origin[connection.origin] -= 1
        if not self._by_origin[connection.origin]:
            del self._by_origin[connection.origin]

    def _has_its_share(self, origin: str) -> bool:
        return self._by_origin[origin] >= self._most_per_origin and not is_in(origin, self._many)

    def _make_room(self, origin: str | None) -> bool:
        connection = self._who_gives_way(origin)
        if connection is None:
            return False
        self.leave(connection)
        connection.close()
        return True

    def _who_gives_way(self, origin: str | None) -> Closable | None:
        long_ago_s = self._clock() - PATIENCE_S
        idle = takewhile(lambda each: self._idle[each] <= long_ago_s, self._idle)
        slow = (each for each in self._at_work if each.is_slow)
        candidates = chain(idle, slow, self._idle)
        return next((each for each in candidates if origin in (None, each.origin)), None)


class Memory:
    """Room for large bodies, handed out in the order of asking."""

    def __init__(self, limit_bytes: int) -> None:
        """Take the limit."""
        self._limit_bytes = limit_bytes
        self._taken_bytes = 0
        self._queue: deque[Share] = deque()

    def limit(self, limit_bytes: int) -> None:
        """Change the limit; what was handed out stays so."""
        self._limit_bytes = limit_bytes
        self._hand_out()

    def ask(self, size_bytes: int) -> "Share":
        """Return a share of this size, or of everything if it is larger; it may have to wait."""
        share = Share(self, min(size_bytes, self._limit_bytes))
        self._queue.append(share)
        self._hand_out()
        return share

    def take_back(self, share: "Share") -> None:
        """Let others have a share; `Share.give_back` calls this, once."""
        if share.is_granted:
            self._taken_bytes -= share.size_bytes
        else:
            self._queue.remove(share)
        self._hand_out()

    def _hand_out(self) -> None:
        while self._queue:
            share = self._queue[0]
            # One that was asked for under a larger limit gets everything there is.
            if self._taken_bytes and self._taken_bytes + share.size_bytes > self._limit_bytes:
                return
            self._taken_bytes += share.size_bytes
            self._queue.popleft()
            share.grant()


class Share:
    """Room for one body: asked for, granted, given back."""

    def __init__(self, memory: Memory, size_bytes: int) -> None:
        """Begin as asked for; made by `Memory.ask`."""
        self.size_bytes = size_bytes
        self.is_granted = False
        self._memory: Memory | None = memory
        self._waiting: asyncio.Future[None] | None = None

    def wait(self) -> asyncio.Future[None] | None:
        """Return `None` if the room is there, else a future that is done when waiting is over."""
        if self.is_granted:
            return None
        if self._waiting is None:
            self._waiting = asyncio.get_running_loop().create_future()
        return self._waiting

    def grant(self) -> None:
        """Note that the room is there; `Memory` calls this."""
        self.is_granted = True
        self._end_waiting()

    def give_back(self) -> None:
        """Let others have the room, or give up waiting for it; a second time does nothing."""
        if self._memory is not None:
            memory, self._memory = self._memory, None
            memory.take_back(self)
            self._end_waiting()

    def _end_waiting(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


@lru_cache(maxsize=1024)
def origin_of(address: str) -> str:
    """Return whom an address counts against: itself, or the IPv6 network of its customer."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if not isinstance(parsed, IPv6Address) or parsed.ipv4_mapped is not None:
        return address
    return str(ip_network((int(parsed), IPV6_PREFIX), strict=False))


def affordable_connections(wanted: int, descriptors: int) -> int:
    """Return how many connections may be open in a process with so many file descriptors.

    Where these are few, a quarter: a request under way may need two more for its files.
    """
    return min(wanted, max(descriptors - RESERVED_DESCRIPTORS, descriptors // 4))
