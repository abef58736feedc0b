"""The life of the daemon: open the tree, listen, serve, leave."""

import asyncio
import errno
import logging
import math
import os
import resource
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor

from msgspec import Struct
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets

from asr_daemon import __version__
from asr_daemon.assembly import (
    make_endpoints,
    make_http_parameters,
    make_intake,
    make_stores,
    make_tls,
)
from asr_daemon.config.model import Config
from asr_daemon.errors import AsrDaemonError
from asr_daemon.http.admin import Facts, Reports, make_application
from asr_daemon.http.callbacks import Router
from asr_daemon.http.exchange import Exchanges
from asr_daemon.http.limits import Connections, affordable_connections
from asr_daemon.http.listener import Listener
from asr_daemon.metrics import Metrics
from asr_daemon.store.committer import Committer
from asr_daemon.store.space import Room
from asr_daemon.store.staging import check_writable

DRAIN_S = 0.3
"""Between closing the listeners and the connections.

A request that was on its way when the listener closed is still received and answered; without this
pause a few in a thousand are reset.
"""

LAST_BATCH_S = 1.0
"""How long the committer may take to end when nothing is left to answer."""

MOST_DESCRIPTORS = 1 << 16
"""More than any sensible `limits.connections` needs; some systems allow a thousand million."""

_log = logging.getLogger(__name__)


class StartError(AsrDaemonError):
    """The daemon cannot start; the message says why and what to do."""


class Obstacle(Struct, frozen=True):
    """What keeps the daemon from starting although the configuration is valid."""

    key: str
    wrong: str
    right: str


def check_start(config: Config) -> list[Obstacle]:
    """Return what would keep the daemon from starting; changes nothing."""
    obstacles = []
    try:
        make_stores(config).tree.check()
    except OSError as error:
        obstacles.append(_root_obstacle(error))
    for number, listen in enumerate(config.listen):
        try:
            make_tls(listen)
        except OSError as error:
            obstacles.append(_tls_obstacle(number, error))
    try:
        check_writable(os.path.abspath(config.state))
    except OSError as error:
        right = "write a folder that the daemon's user may write to"
        obstacles.append(Obstacle("state", f"cannot be used: {_words(error)}", right))
    return obstacles


class Server:
    """The daemon, from start to end."""

    def __init__(self, config: Config) -> None:
        """Take a valid configuration; nothing is touched until `run`."""
        self._config = config
        self._metrics = Metrics()
        self._stores = make_stores(config)
        self._committer = Committer(self._stores.store, self._metrics.batch)
        self._heavy = ThreadPoolExecutor(1, thread_name_prefix="heavy")
        self._exchanges = Exchanges()
        self._listeners: list[Listener] = []
        self._began_s = time.monotonic()
        self._leaving = asyncio.Event()

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then leave in order.

        Raises:
            StartError: the tree cannot be opened, or an address cannot be listened on.
        """
        self._open_tree()
        self._add_gauges()
        self._watch_signals()
        self._committer.start()
        self._listen()
        try:
            await self._leaving.wait()
        finally:
            await self._stop()

    def _open_tree(self) -> None:
        try:
            self._stores.tree.open()
        except OSError as error:
            raise _start_error(_root_obstacle(error)) from error
        self._stores.index.open(self._stores.tree.id)

    def _watch_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._leave)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, _decline_reload)

    def _leave(self) -> None:
        if self._leaving.is_set():
            _log.warning("leaving at once; what was not acknowledged may not be stored")
            os._exit(1)
        _log.info("stopping")
        self._leaving.set()

    def _listen(self) -> None:
        limits = self._config.limits
        descriptors = _raise_descriptor_limit()
        most = affordable_connections(limits.connections, descriptors)
        if most < limits.connections:
            _log.warning(
                "only %d of limits.connections can be open with %d file descriptors: raise "
                "LimitNOFILE= of the unit, or ulimit -n",
                most,
                descriptors,
            )
        connections = Connections(
            most, limits.connections_per_address, self._config.trusted_proxies
        )
        intake = make_intake(self._config, self._metrics)
        endpoints = make_endpoints(self._config, self._committer, self._heavy, self._metrics)
        router = Router(endpoints, intake, self._exchanges)
        for number, listen in enumerate(self._config.listen):
            try:
                tls = make_tls(listen)
            except OSError as error:
                raise _start_error(_tls_obstacle(number, error)) from error
            scheme = "http" if tls is None else "https"
            sockets = _bind(listen.address, listen.port, f"callbacks at {scheme}")
            parameters = make_http_parameters(limits)
            listener = Listener(sockets, router, parameters, connections, tls)
            listener.start()
            self._listeners.append(listener)
        reports = Reports(self._obstacles, self._facts, self._metrics.exposition)
        self._admin = HTTPServer(make_application(reports))
        admin = self._config.admin
        self._admin.add_sockets(_bind(admin.address, admin.port, "admin at http"))

    async def _stop(self) -> None:
        """Take no more connections, answer what was received, and leave."""
        deadline_s = time.monotonic() + self._config.limits.shutdown_s
        self._exchanges.leaving = True
        for listener in self._listeners:
            listener.stop()
        await asyncio.sleep(min(DRAIN_S, self._config.limits.shutdown_s))
        await self._exchanges.settle(deadline_s - time.monotonic())
        await self._exchanges.refuse()
        for listener in self._listeners:
            await listener.close_connections()
        self._admin.stop()
        await self._admin.close_all_connections()
        if not await self._committer.stop(LAST_BATCH_S):
            _log.warning("the disk does not answer; what was not acknowledged may not be stored")
        self._heavy.shutdown(wait=False)
        self._stores.index.close()
        self._stores.tree.close()
        _log.info("stopped")

    def _add_gauges(self) -> None:
        gauge, space = self._metrics.gauge, self._stores.space
        gauge("asr_daemon_ready", "1 if results can be stored", lambda: not self._obstacles())
        gauge(
            "asr_daemon_in_flight_bytes",
            "Bytes of bodies that are received and not yet answered",
            lambda: self._exchanges.in_flight_bytes,
        )
        gauge(
            "asr_daemon_free_bytes",
            "Bytes left on the file system of the results",
            lambda: math.nan if space.room is None else space.room.free_bytes,
        )
        gauge(
            "asr_daemon_free_inodes",
            "Inodes left on the file system of the results",
            lambda: _inodes(space.room),
        )

    def _obstacles(self) -> list[str]:
        trouble = self._committer.trouble
        return [] if trouble is None else [f"results are being refused: {trouble}"]

    def _facts(self) -> Facts:
        return {
            "version": __version__,
            "up for": f"{time.monotonic() - self._began_s:.0f} s",
            "ready": "; ".join(self._obstacles()) or "yes",
            "output": str(self._config.output.root.absolute()),
        }


def _inodes(room: Room | None) -> float:
    return math.nan if room is None or room.free_inodes is None else room.free_inodes


def _root_obstacle(error: OSError) -> Obstacle:
    right = "write a folder that is there for this daemon alone"
    if isinstance(error, PermissionError):
        right = "write a folder that the daemon's user may write to, or give it to that user"
    return Obstacle("output.root", f"cannot be used: {_words(error)}", right)


def _tls_obstacle(number: int, error: OSError) -> Obstacle:
    right = "write a certificate (PEM, the whole chain) and the key that belongs to it"
    return Obstacle(f"listen[{number}].tls", f"cannot be loaded: {_words(error)}", right)


def _start_error(obstacle: Obstacle) -> StartError:
    return StartError(f"{obstacle.key}: {obstacle.wrong}, {obstacle.right}")


def _words(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    return f"{error.strerror or error}{where}"


def _decline_reload() -> None:
    _log.warning("the configuration is read at start only: restart to apply a change")


def _bind(address: str, port: int, what: str) -> list[socket.socket]:
    try:
        sockets = bind_sockets(port, address)
    except OSError as error:
        taken = error.errno == errno.EADDRINUSE
        hint = "; is another asr-daemon running?" if taken else ""
        where = _shown(address, port)
        raise StartError(f"cannot listen on {where}: {error.strerror}{hint}") from error
    for each in sockets:
        _log.info("%s://%s", what, _shown(*each.getsockname()[:2]))
    return sockets


def _raise_descriptor_limit() -> int:
    """Let the process have as many file descriptors as it may, and return how many these are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def _shown(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
