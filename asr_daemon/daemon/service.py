"""What is served under the active configuration, and how the next one is applied.

A configuration is applied whole or not at all: what can fail (certificates, then ports) comes
first and is undone if something fails; the rest cannot fail.
"""

import asyncio
import logging
import math
import resource
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from msgspec import structs
from tornado.web import Application

from asr_daemon.config.model import AdminSettings, Config, LimitsSettings
from asr_daemon.daemon.listeners import Listeners, Plan
from asr_daemon.daemon.sockets import Ports, netloc
from asr_daemon.daemon.wiring import (
    make_endpoints,
    make_fetcher,
    make_intake,
    make_origins,
    make_output,
    output_settings,
)
from asr_daemon.errors import UnusableSetting
from asr_daemon.metrics import Metrics
from asr_daemon.output.base import describe
from asr_daemon.output.committer import Committer
from asr_daemon.status import CertificateStatus, OutputStatus
from asr_daemon.web.access_log import AccessLog
from asr_daemon.web.admin import AdminServer
from asr_daemon.web.connection import Timeouts
from asr_daemon.web.connections import Connections, affordable_connections
from asr_daemon.web.in_flight import InFlight
from asr_daemon.web.routing import Router
from asr_daemon.web.throttle import Throttle

DRAIN_S = 0.3
"""Between closing the listeners and the connections.

A request that was on its way when the listener closed is received and answered; without this pause
a few in a thousand are reset.
"""

LAST_BATCH_S = 1.0
"""How long the committer may take to stop when every request is answered."""

MOST_DESCRIPTORS = 1 << 16
"""More than any `limits.connections` needs; some systems allow a thousand million."""

_log = logging.getLogger(__name__)

_Gauge = tuple[str, str, Callable[[], float]]
"""Name, help and current value."""


class Service:
    """Listeners, limits, providers and the committer, under one configuration after another.

    Used on the event loop, one call at a time.
    """

    def __init__(self, ports: Ports, metrics: Metrics, admin: Application) -> None:
        """Take what outlives a reload; `start` opens the rest."""
        self._ports = ports
        self._metrics = metrics
        self._admin_application = admin
        self._in_flight = InFlight()
        self._connections = Connections(_timeouts(LimitsSettings()))
        self._throttle = Throttle()
        self._access_log = AccessLog()
        self._medium = ThreadPoolExecutor(1, thread_name_prefix="medium")
        self._router = Router(lambda: not (self._in_flight.is_draining or self.unhealthy))
        self._listeners = Listeners(ports, self._connections, self._router, self._in_flight)

    async def start(self, config: Config) -> None:
        """Start under the first configuration.

        Raises:
            UnusableSetting: something that it names cannot be used; nothing is left open.
        """
        self._config = config
        self._output = make_output(config)
        try:
            self._output.open()
        except OSError as error:
            raise unusable_root(error) from error
        self._committer = Committer(self._output, self._metrics.batch)
        self._committer.start()
        self._fetcher = make_fetcher(config, self._committer, self._metrics, self._output.clock)
        try:
            self._apply(config, await self._listeners.load(config.listen))
            self._admin = self._open_admin(config.admin)
        except UnusableSetting:
            self._listeners.stop()
            await self._close_output()
            raise
        self._connections.start()
        self._fetcher.start()
        self._add_metrics()
        wanted = [config.admin.port, *(listen.port for listen in config.listen)]
        for port in self._ports.unused(wanted):
            _log.warning("no listener is configured for the inherited port %d", port)

    async def change(self, config: Config) -> tuple[str, ...]:
        """Serve under another configuration; return the settings that need a restart.

        No open connection is closed and no request on one is lost. Certificates are loaded again;
        where one cannot be and its settings are the same, the old one stays active.

        Raises:
            UnusableSetting: something that it names cannot be used; the active configuration stays.
        """
        config, needs_restart = _with_active(config, self._config)
        self._apply(config, await self._listeners.load(config.listen))
        return needs_restart

    async def renew_certificates(self) -> None:
        """Load the certificates of the active configuration again."""
        try:
            await self.change(self._config)
        except UnusableSetting as error:
            # A listener that an earlier reload could not reopen.
            _log.error("listener not reopened: %s", error)

    async def stop(self) -> None:
        """Drain and stop: accept no connection, answer what was received, close everything."""
        deadline_s = time.monotonic() + self._config.limits.shutdown_s
        self._in_flight.is_draining = True
        self._throttle.release()
        self._listeners.stop()
        self._connections.serve_queued()
        if self._connections:
            await asyncio.sleep(min(DRAIN_S, self._config.limits.shutdown_s))
        await self._in_flight.settle(deadline_s - time.monotonic())
        await self._in_flight.refuse()
        await self._connections.close(DRAIN_S)
        await self._admin.stop()
        await self._fetcher.stop()
        self._medium.shutdown(wait=False)
        await self._close_output()

    async def _close_output(self) -> None:
        if await self._committer.stop(LAST_BATCH_S):
            self._output.close()
        else:
            # Closing the index would wait for the thread that hangs in it.
            _log.warning("the disk does not answer; what was not acknowledged may not be stored")

    @property
    def urls(self) -> list[str]:
        """Where callbacks are received."""
        return self._listeners.urls

    @property
    def config(self) -> Config:
        """The active configuration."""
        return self._config

    @property
    def is_alive(self) -> bool:
        """Return whether the committer runs, even if it cannot store: no restart is needed."""
        return self._committer.is_well

    @property
    def unhealthy(self) -> list[str]:
        """Why results cannot be stored now, a sentence each."""
        reason = self._committer.unhealthy
        return [] if reason is None else [f"results are being refused: {reason}"]

    @property
    def warnings(self) -> list[str]:
        """What is wrong although callbacks are served."""
        return self._listeners.problems

    def warn_of_expiry(self) -> None:
        """Log each certificate that expires soon."""
        self._listeners.warn_of_expiry(time.time())

    @property
    def certificates(self) -> tuple[CertificateStatus, ...]:
        """The active certificates, and until when they are valid."""
        return tuple(
            CertificateStatus(file=file, expires_at=_iso(expires_at_s))
            for file, expires_at_s in self._listeners.certificates.items()
        )

    @property
    def pending_texts(self) -> int:
        """How many texts that lie elsewhere are still to be fetched."""
        return self._fetcher.pending

    @property
    def output(self) -> OutputStatus:
        """Where results are stored, and how much space is free there."""
        return OutputStatus(
            root=str(self._config.output.root.absolute()), free_bytes=self._output.free_bytes
        )

    def _apply(self, config: Config, plan: Plan) -> None:
        """Apply from the next request on; only the listeners, which come first, can fail."""
        self._listeners.apply(plan)
        limits = config.limits
        self._output.apply(output_settings(config))
        self._connections.limit(
            _affordable(limits),
            limits.connections_per_address,
            config.trusted_proxies,
            _timeouts(limits),
        )
        intake = make_intake(config, self._output, self._throttle, self._access_log, self._metrics)
        endpoints = make_endpoints(config, self._fetcher, self._output, self._medium, self._metrics)
        self._fetcher.apply(make_origins(config))
        self._router.serve(endpoints, intake)
        self._metrics.certificates(self._listeners.certificates)
        self._config = config

    def _open_admin(self, settings: AdminSettings) -> AdminServer:
        sockets = self._ports.open(settings.address, settings.port, "admin.port")
        for listening in sockets:
            _log.info("admin at http://%s", netloc(*listening.getsockname()[:2]))
        return AdminServer(self._admin_application, sockets)

    def _add_metrics(self) -> None:
        self._metrics.counter(
            "asr_daemon_throttled_attempts",
            "Refusals of wrong credentials that were delayed",
            lambda: self._throttle.delayed,
        )
        for name, help_text, read in (*self._connection_gauges(), *self._storage_gauges()):
            self._metrics.gauge(f"asr_daemon_{name}", help_text, read)

    def _connection_gauges(self) -> Iterator[_Gauge]:
        yield (
            "connections",
            "Open connections to the callback listeners",
            lambda: len(self._connections),
        )
        yield (
            "connections_queued",
            "Connections waiting in a queue, over limits.connections_per_address",
            lambda: self._connections.queued,
        )
        yield (
            "connections_limit",
            "Limit of connections (limits.connections)",
            lambda: self._config.limits.connections,
        )
        yield "in_flight_bytes", "Bytes of bodies in flight", lambda: self._in_flight.received_bytes
        yield (
            "pending_texts",
            "Texts that lie elsewhere and are still to be fetched",
            lambda: self._fetcher.pending,
        )

    def _storage_gauges(self) -> Iterator[_Gauge]:
        output = self._output
        yield "ready", "1 if results can be stored, else 0", lambda: not self.unhealthy
        yield (
            "queued_results",
            "Results waiting for the next batch",
            lambda: self._committer.queued,
        )
        yield (
            "index_backlog_results",
            "Stored results not yet in the index",
            lambda: output.index_backlog,
        )
        yield (
            "rejected_bytes",
            "Bytes of rejected bodies (limits.rejected)",
            lambda: output.rejected_bytes,
        )
        yield (
            "free_bytes",
            "Free bytes on the file system of the results",
            lambda: _known(output.free_bytes),
        )
        yield (
            "free_inodes",
            "Free inodes on the file system of the results",
            lambda: _known(output.free_inodes),
        )


def unusable_root(error: OSError) -> UnusableSetting:
    """Return why `output.root` cannot be used."""
    right = "write a folder that is there for this daemon alone"
    if isinstance(error, PermissionError):
        right = "write a folder that the daemon's user may write to, or give it to that user"
    return UnusableSetting("output.root", f"cannot be used: {describe(error)}", right)


def _with_active(config: Config, active: Config) -> tuple[Config, tuple[str, ...]]:
    """Keep the active values of settings that need a restart; return which of them differ."""
    output = structs.replace(
        config.output, root=active.output.root, durability=active.output.durability
    )
    differs = {
        "output.root": config.output.root != active.output.root,
        "output.durability": config.output.durability != active.output.durability,
        "state": config.state != active.state,
        "admin": config.admin != active.admin,
    }
    config = structs.replace(config, output=output, state=active.state, admin=active.admin)
    return config, tuple(key for key, has_changed in differs.items() if has_changed)


def _timeouts(limits: LimitsSettings) -> Timeouts:
    return Timeouts(
        header_s=limits.header_timeout_s,
        idle_s=limits.idle_timeout_s,
        body_min_rate_bytes_per_s=limits.body_min_rate_bytes_per_s,
    )


def _affordable(limits: LimitsSettings) -> int:
    """Return how many connections may be open; warn if these are fewer than configured."""
    descriptors = _raise_descriptor_limit()
    most = affordable_connections(limits.connections, descriptors)
    if most < limits.connections:
        _log.warning(
            "limits.connections lowered to %d, as there are %d file descriptors: raise "
            "LimitNOFILE= of the unit, or ulimit -n",
            most,
            descriptors,
        )
    return most


def _raise_descriptor_limit() -> int:
    """Raise the soft limit of file descriptors to the hard one, and return it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def _known(value: int | None) -> float:
    return math.nan if value is None else value


def _iso(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="seconds")
