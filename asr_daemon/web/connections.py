"""How many connections there may be, and which give way: in all, and by client address.

A busy daemon makes senders wait. A connection is closed for another one only when its sender has
wrong credentials, when it has been idle for a while, or when its upload is slow.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import chain, takewhile

from tornado.ioloop import PeriodicCallback

from asr_daemon.networks import Network, is_in
from asr_daemon.web.connection import PATIENCE_S, Connection, State, Timeouts

RESERVED_DESCRIPTORS = 384
"""Kept from connections: for the files of a batch, the index, listeners and the admin."""

_SWEEP_S = 0.5

_IDLE = (
    State.NEW,
    State.IDLE,
    State.HEAD,
    State.DELAYED,
    State.DISCARDING,
    State.CLOSING,
)


class Connections:
    """All connections of the callback listeners.

    Where an address has its share, those that are over it are queued: accepted, but not served
    until one of the others is closed, or has been idle for `PATIENCE_S`. They are the first to go
    when there are too many connections in all.
    """

    def __init__(self, timeouts: Timeouts, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with no room at all; `limit` makes some. `clock` returns seconds."""
        self.timeouts = timeouts
        self.clock = clock
        self._most = 0
        self._most_per_address = 0
        self._proxies: tuple[Network, ...] = ()
        self._served: dict[Connection, None] = {}
        self._idle: dict[Connection, None] = {}
        self._queues: dict[str, deque[Connection]] = {}
        self._queued = 0
        self._by_network: Counter[str] = Counter()
        self._sweeping = PeriodicCallback(self.sweep, _SWEEP_S * 1000)

    def limit(
        self, most: int, most_per_address: int, proxies: tuple[Network, ...], timeouts: Timeouts
    ) -> None:
        """Change the limits; connections that are over them stay.

        Args:
            most: in all.
            most_per_address: from one address, or one /64 of IPv6.
            proxies: addresses that stand for many senders, and have no share.
            timeouts: hold for each connection from its next step on.
        """
        self._most = most
        self._most_per_address = most_per_address
        self._proxies = proxies
        self.timeouts = timeouts

    def start(self) -> None:
        """Close from now on what is overdue."""
        self._sweeping.start()

    @property
    def queued(self) -> int:
        """How many are accepted and wait for their share."""
        return self._queued

    def __len__(self) -> int:
        """Return how many there are, queued ones too."""
        return len(self._served) + self._queued

    @property
    def is_full(self) -> bool:
        """Whether none can be accepted now, for none would give way."""
        return len(self) >= self._most and next(self._evictable(), None) is None

    def enter(self, connection: Connection) -> None:
        """Serve a connection that was accepted, queue it, or close it."""
        if not self._has_share(connection):
            self._queue(connection)
            return
        if len(self) >= self._most:
            self._evict()
        self._serve(connection)

    def moved(self, connection: Connection) -> None:
        """Note that a connection is in another state."""
        self._idle.pop(connection, None)
        if connection.state in _IDLE:
            self._idle[connection] = None
        elif connection.state is State.CLOSED:
            self._leave(connection)

    def sweep(self) -> None:
        """Close what is overdue, and serve those of the queued that have a place now."""
        now_s = self.clock()
        for connection in [*self._served, *chain.from_iterable(self._queues.values())]:
            if connection.is_overdue(now_s):
                connection.abort()
        for network in tuple(self._queues):
            self._serve_queue(network)
            while network in self._queues and self._evict(network):
                pass

    def serve_queued(self) -> None:
        """Serve all that are queued, whatever their share: the daemon stops."""
        for queue in tuple(self._queues.values()):
            while queue:
                self._queued -= 1
                self._serve(queue.popleft())
        self._queues.clear()

    async def close(self, timeout_s: float) -> None:
        """Close all; those that have sent a last answer have so long until it is read."""
        for connection in [one for one in self._served if one.state is not State.CLOSING]:
            connection.close()
        ends_s = self.clock() + timeout_s
        while self._served and self.clock() < ends_s:
            await asyncio.sleep(0.01)
        for connection in tuple(self._served):
            connection.abort()
        self._sweeping.stop()

    def _has_share(self, connection: Connection) -> bool:
        network = connection.network
        if network in self._queues:
            return False
        return self._by_network[network] < self._most_per_address or is_in(
            connection.address, self._proxies
        )

    def _queue(self, connection: Connection) -> None:
        if len(self) >= self._most:
            connection.abort()
            return
        self._queues.setdefault(connection.network, deque()).append(connection)
        self._queued += 1
        self._evict(connection.network)

    def _serve(self, connection: Connection) -> None:
        self._served[connection] = None
        self._by_network[connection.network] += 1
        connection.serve()

    def _serve_queue(self, network: str) -> None:
        queue = self._queues.get(network)
        while queue and self._by_network[network] < self._most_per_address:
            self._queued -= 1
            self._serve(queue.popleft())
        if not queue:
            self._queues.pop(network, None)

    def _leave(self, connection: Connection) -> None:
        network = connection.network
        if connection in self._served:
            del self._served[connection]
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]
        elif network in self._queues and connection in self._queues[network]:
            self._queues[network].remove(connection)
            self._queued -= 1
        self._serve_queue(network)

    def _evict(self, network: str | None = None) -> bool:
        """Close the first that gives way, in all or of an address; return whether there is one."""
        connection = next(self._evictable(network), None)
        if connection is not None:
            connection.abort()
        return connection is not None

    def _evictable(self, network: str | None = None) -> Iterator[Connection]:
        if network is None:
            yield from (queue[-1] for queue in self._queues.values())
        now_s = self.clock()
        delayed = (one for one in self._idle if one.state is State.DELAYED)
        idle = takewhile(lambda one: one.since_s <= now_s - PATIENCE_S, self._idle)
        slow = (one for one in self._served if one.is_slow(now_s))
        yield from (one for one in chain(delayed, idle, slow) if network in (None, one.network))


def affordable_connections(wanted: int, descriptors: int) -> int:
    """Return how many connections may be open in a process with so many file descriptors.

    Where these are few, a quarter: a request under way may need two more for its files.
    """
    return min(wanted, max(descriptors - RESERVED_DESCRIPTORS, descriptors // 4))
