"""What is served under the active configuration, and how the next one is applied.

A configuration is applied whole or not at all: what can fail (certificates, then ports) comes
first and is undone if something fails; the rest cannot fail.
"""

import asyncio
import logging
import resource
import time
from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec import structs
from tornado.web import Application

from asr_daemon.config.model import AdminSettings, Config, LimitsSettings
from asr_daemon.daemon.listeners import Listeners, Plan
from asr_daemon.daemon.sockets import Ports, netloc
from asr_daemon.daemon.storage import Gauge, Storage
from asr_daemon.daemon.wiring import make_intake
from asr_daemon.errors import UnusableSetting
from asr_daemon.metrics import Metrics
from asr_daemon.status import CertificateStatus
from asr_daemon.web.admin import AdminServer
from asr_daemon.web.connection import Timeouts
from asr_daemon.web.connections import Connections, affordable_connections
from asr_daemon.web.refusal_log import RefusalLog
from asr_daemon.web.requests_in_flight import InFlight
from asr_daemon.web.routing import Router
from asr_daemon.web.throttle import Throttle

DRAIN_S = 0.3
"""Between closing the listeners and the connections.

A request that was on its way when the listener closed is received and answered; without this pause
a few in a thousand are reset.
"""

MOST_DESCRIPTORS = 1 << 16
"""More than any `limits.connections` needs; some systems allow a thousand million."""

_log = logging.getLogger(__name__)


class Service:
    """Listeners, limits, providers and storage, under one configuration after another.

    Used on the event loop, one call at a time.
    """

    def __init__(self, ports: Ports, metrics: Metrics, admin: Application) -> None:
        """`start` opens what is not given."""
        self._ports = ports
        self._metrics = metrics
        self._admin = AdminServer(admin)
        self._in_flight = InFlight()
        self._connections = Connections(_timeouts(LimitsSettings()))
        self._throttle = Throttle()
        self._refusal_log = RefusalLog()
        self._router = Router(lambda: not (self._in_flight.is_draining or self._storage.unhealthy))
        self._listeners = Listeners(ports, self._connections, self._router, self._in_flight)

    async def start(self, config: Config) -> None:
        """Start under the first configuration.

        Raises:
            UnusableSetting: something that it names cannot be used; nothing is left open.
        """
        self._config = config
        self._storage = Storage(config, self._metrics)
        self._storage.open()
        try:
            self._apply(config, await self._listeners.load(config.listen))
            self._open_admin(config.admin)
        except UnusableSetting:
            self._listeners.stop()
            await self._storage.close()
            raise
        self._connections.start()
        self._storage.fetch()
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
        await self._storage.close()

    @property
    def urls(self) -> list[str]:
        """Where callbacks are received."""
        return self._listeners.urls

    @property
    def config(self) -> Config:
        """The active configuration."""
        return self._config

    @property
    def storage(self) -> Storage:
        """Where results are stored."""
        return self._storage

    @property
    def warnings(self) -> list[str]:
        """What is wrong although callbacks are served."""
        return [*self._storage.warnings, *self._listeners.problems]

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

    def _apply(self, config: Config, plan: Plan) -> None:
        """Apply from the next request on; only the listeners, which come first, can fail."""
        self._listeners.apply(plan)
        limits = config.limits
        self._connections.limit(
            _affordable(limits),
            limits.connections_per_address,
            config.trusted_proxies,
            _timeouts(limits),
        )
        output = self._storage.output
        intake = make_intake(config, output, self._throttle, self._refusal_log, self._metrics)
        endpoints = self._storage.apply(config)
        self._router.serve(endpoints, intake)
        self._metrics.certificates(self._listeners.certificates)
        self._config = config

    def _open_admin(self, settings: AdminSettings) -> None:
        sockets = self._ports.open(settings.address, settings.port, "admin.port")
        for listening in sockets:
            _log.info("admin at http://%s", netloc(*listening.getsockname()[:2]))
        self._admin.start(sockets)

    def _add_metrics(self) -> None:
        self._metrics.counter(
            "asr_daemon_throttled_attempts",
            "Refusals of wrong credentials that were delayed",
            lambda: self._throttle.delayed,
        )
        for name, help_text, read in (*self._gauges(), *self._storage.gauges()):
            self._metrics.gauge(f"asr_daemon_{name}", help_text, read)

    def _gauges(self) -> Iterator[Gauge]:
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


def _iso(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="seconds")
