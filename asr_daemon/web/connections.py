"""Limits on connections, in all and by client address: which wait in a queue or are evicted.

A busy daemon makes senders wait (backpressure). A connection is evicted for another one only when
its sender has wrong credentials, when it has been idle for a while, or when its upload is slow.
"""

import asyncio
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import chain, takewhile

from tornado.ioloop import PeriodicCallback

from asr_daemon.networks import Network, is_in
from asr_daemon.web.connection import EVICTABLE_AFTER_S, Connection, State, Timeouts

RESERVED_DESCRIPTORS = 384
"""Kept from connections: for the files of a batch, the index, listeners and the admin."""

SWEEP_S = 0.5
"""Between two looks for connections whose time is over."""

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

    At the limit of an address its further connections are queued: accepted, but not served until
    one of the others is closed, or has been idle for `EVICTABLE_AFTER_S`. They are the first to be
    closed when there are too many connections in all.
    """

    def __init__(self, timeouts: Timeouts, clock: Callable[[], float] = time.monotonic) -> None:
        """Accept none until `limit` is called; `clock` returns seconds."""
        self.timeouts = timeouts
        self.clock = clock
        self._max_connections = 0
        self._max_per_address = 0
        self._proxies: tuple[Network, ...] = ()
        self._served: dict[Connection, None] = {}
        self._idle: dict[Connection, None] = {}
        self._queues: dict[str, deque[Connection]] = {}
        self._queued = 0
        self._by_network: Counter[str] = Counter()
        self._sweeping = PeriodicCallback(self.sweep, SWEEP_S * 1000)

    def limit(
        self, connections: int, per_address: int, proxies: tuple[Network, ...], timeouts: Timeouts
    ) -> None:
        """Change the limits; connections that are over them stay.

        Args:
            connections: how many in all.
            per_address: how many from one address, or one /64 of IPv6.
            proxies: networks to which the limit by address does not apply.
            timeouts: apply to each connection from its next state on.
        """
        self._max_connections = connections
        self._max_per_address = per_address
        self._proxies = proxies
        self.timeouts = timeouts

    def start(self) -> None:
        """Close overdue connections from now on."""
        self._sweeping.start()

    @property
    def queued(self) -> int:
        """How many wait in a queue."""
        return self._queued

    def __len__(self) -> int:
        """Return how many there are, queued ones too."""
        return len(self._served) + self._queued

    @property
    def is_full(self) -> bool:
        """Whether none can be accepted now, as none can be evicted."""
        return len(self) >= self._max_connections and next(self._evictable(), None) is None

    def enter(self, connection: Connection) -> None:
        """Serve a connection that was accepted, queue it, or close it."""
        if not self._is_within_limit(connection):
            self._queue(connection)
            return
        if len(self) >= self._max_connections:
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
        """Close overdue connections, and serve queued ones that are within the limit now."""
        now_s = self.clock()
        for connection in [*self._served, *chain.from_iterable(self._queues.values())]:
            if connection.is_overdue(now_s):
                connection.abort()
        for network in tuple(self._queues):
            self._serve_queue(network)
            while network in self._queues and self._evict(network):
                pass

    def serve_queued(self) -> None:
        """Serve all queued connections, whatever the limit: the daemon stops."""
        for queue in tuple(self._queues.values()):
            while queue:
                self._queued -= 1
                self._serve(queue.popleft())
        self._queues.clear()

    async def close(self, timeout_s: float) -> None:
        """Close all, within `timeout_s` those whose last answer is not read yet."""
        for connection in [served for served in self._served if served.state is not State.CLOSING]:
            connection.close()
        ends_s = self.clock() + timeout_s
        while self._served and self.clock() < ends_s:
            await asyncio.sleep(0.01)
        for connection in tuple(self._served):
            connection.abort()
        self._sweeping.stop()

    def _is_within_limit(self, connection: Connection) -> bool:
        network = connection.network
        if network in self._queues:
            return False
        return self._by_network[network] < self._max_per_address or is_in(
            connection.address, self._proxies
        )

    def _queue(self, connection: Connection) -> None:
        if len(self) >= self._max_connections:
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
        while queue and self._by_network[network] < self._max_per_address:
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
        """Evict a connection, of all or of an address; return whether one could be."""
        connection = next(self._evictable(network), None)
        if connection is not None:
            connection.abort()
        return connection is not None

    def _evictable(self, network: str | None = None) -> Iterator[Connection]:
        if network is None:
            yield from (queue[-1] for queue in self._queues.values())
        now_s = self.clock()
        delayed = (idle for idle in self._idle if idle.state is State.DELAYED)
        idle = takewhile(lambda idle: idle.since_s <= now_s - EVICTABLE_AFTER_S, self._idle)
        slow = (served for served in self._served if served.is_slow(now_s))
        for connection in chain(delayed, idle, slow):
            if network in (None, connection.network):
                yield connection


def affordable_connections(wanted: int, descriptors: int) -> int:
    """Return how many connections may be open in a process with so many file descriptors.

    If these are few, a quarter: a request in flight may need two more for its files.
    """
    return min(wanted, max(descriptors - RESERVED_DESCRIPTORS, descriptors // 4))
