"""What is served under the configuration of the moment, and how the next one takes its place.

A configuration is put in place whole or not at all: everything that can fail (certificates, ports)
is done first and undone if something fails; what is left then cannot.
"""

import asyncio
import logging
import math
import resource
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from msgspec import structs
from tornado.web import Application

from asr_daemon.config.model import AdminSettings, Config, LimitsSettings
from asr_daemon.daemon.listeners import Listeners, Plan
from asr_daemon.daemon.sockets import Ports, shown
from asr_daemon.daemon.wiring import make_endpoints, make_intake, make_output, output_settings
from asr_daemon.errors import Obstacle
from asr_daemon.metrics import Metrics
from asr_daemon.output.base import reason_of
from asr_daemon.output.committer import Committer
from asr_daemon.web.access_log import AccessLog
from asr_daemon.web.admin import AdminServer
from asr_daemon.web.connection import Timeouts
from asr_daemon.web.connections import Connections, affordable_connections
from asr_daemon.web.in_flight import InFlight
from asr_daemon.web.routing import Router
from asr_daemon.web.throttle import Throttle

DRAIN_S = 0.3
"""Between closing the listeners and the connections.

A request that was on its way on one of them when the listener closed is received and answered;
without this pause a few in a thousand are reset.
"""

LAST_BATCH_S = 1.0
"""How long the committer may take to end when nothing is left to answer."""

MOST_DESCRIPTORS = 1 << 16
"""More than any sensible `limits.connections` needs; some systems allow a thousand million."""

_log = logging.getLogger(__name__)


class Service:
    """Listeners, limits, providers and the committer, under one configuration after another.

    Used on the event loop, one call at a time.
    """

    def __init__(self, ports: Ports, metrics: Metrics, admin: Application) -> None:
        """Take what outlives every configuration; `start` opens everything else."""
        self._ports = ports
        self._metrics = metrics
        self._admin_application = admin
        self._in_flight = InFlight()
        self._connections = Connections(_timeouts(LimitsSettings()))
        self._throttle = Throttle()
        self._access_log = AccessLog()
        self._medium = ThreadPoolExecutor(1, thread_name_prefix="medium")
        self._router = Router()
        self._listeners = Listeners(ports, self._connections, self._router, self._in_flight)

    async def start(self, config: Config) -> None:
        """Serve under the first configuration.

        Raises:
            Obstacle: something that it names cannot be used.
        """
        self._config = config
        self._output = make_output(config)
        try:
            self._output.open()
        except OSError as error:
            raise root_obstacle(error) from error
        self._committer = Committer(self._output, self._metrics.batch)
        self._committer.start()
        plan = await self._listeners.prepare(config.listen)
        self._admin = self._open_admin(config.admin)
        self._put_in_place(config, plan)
        self._connections.start()
        self._add_gauges()
        for port in self._ports.unused([*(each.port for each in config.listen), config.admin.port]):
            _log.warning("nothing is configured for port %d, which was passed on open", port)

    async def change(self, config: Config) -> tuple[str, ...]:
        """Serve under another configuration; return the settings that wait for a restart.

        No connection is closed and no request is lost. Certificates are loaded anew; one that
        cannot be, while its settings are the same, stays as it was, and that is logged.

        Raises:
            Obstacle: something that it names cannot be used; nothing has changed.
        """
        config, waiting = _with_active(config, self._config)
        plan = await self._listeners.prepare(config.listen)
        self._put_in_place(config, plan)
        return waiting

    async def renew_certificates(self) -> None:
        """Load the certificates of the listeners anew, whatever became of the configuration."""
        await self.change(self._config)

    async def stop(self) -> None:
        """Take no more connections, answer what was received, and end."""
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
        self._medium.shutdown(wait=False)
        if await self._committer.stop(LAST_BATCH_S):
            self._output.close()
        else:
            # Whoever touches the index now would wait for the thread that hangs in it.
            _log.warning("the disk does not answer; what was not acknowledged may not be stored")

    @property
    def urls(self) -> list[str]:
        """Where callbacks are received."""
        return self._listeners.urls

    @property
    def config(self) -> Config:
        """The configuration that holds now."""
        return self._config

    @property
    def is_well(self) -> bool:
        """Say whether a restart would help nothing: the committer works, be it in vain."""
        return self._committer.is_well

    @property
    def obstacles(self) -> list[str]:
        """What keeps results from being stored now, a sentence each."""
        reason = self._committer.unhealthy
        return [] if reason is None else [f"results are being refused: {reason}"]

    @property
    def complaints(self) -> list[str]:
        """What is wrong although callbacks are served."""
        refused = {} if self.obstacles else self._committer.refused
        return [
            *(
                f"results of {provider} are being refused: {reason}"
                for provider, reason in refused.items()
            ),
            *self._listeners.complaints,
        ]

    def warn_of_expiry(self) -> None:
        """Say of each certificate that expires soon that it has to be renewed."""
        self._listeners.warn_of_expiry(time.time())

    def describe(self) -> dict[str, Any]:
        """Return what an admin may want to know of it, as JSON has it."""
        certificates = self._listeners.certificates.items()
        return {
            "listeners": self.urls,
            "certificates": [{"file": file, "expires_at": _iso(at)} for file, at in certificates],
            "output": {
                "root": str(self._config.output.root.absolute()),
                "free_bytes": self._output.free_bytes,
            },
            "callbacks": self._metrics.callbacks(),
        }

    def _put_in_place(self, config: Config, plan: Plan) -> None:
        """Serve so from the next request on; here nothing fails."""
        limits = config.limits
        self._output.apply(output_settings(config))
        self._connections.limit(
            _affordable(limits),
            limits.connections_per_address,
            config.trusted_proxies,
            _timeouts(limits),
        )
        intake = make_intake(config, self._output, self._throttle, self._access_log, self._metrics)
        endpoints = make_endpoints(
            config, self._committer, self._output, self._medium, self._metrics
        )
        self._router.serve(endpoints, intake)
        self._listeners.put_in_place(plan)
        self._metrics.certificates(self._listeners.certificates)
        self._config = config

    def _open_admin(self, settings: AdminSettings) -> AdminServer:
        sockets = self._ports.open(settings.address, settings.port, "admin.port", ())
        for each in sockets:
            _log.info("admin at http://%s", shown(*each.getsockname()[:2]))
        return AdminServer(self._admin_application, sockets)

    def _add_gauges(self) -> None:
        gauge = self._metrics.gauge
        gauge("asr_daemon_ready", "1 if results can be stored", lambda: not self.obstacles)
        gauge(
            "asr_daemon_queued_results",
            "Results that wait for the next batch",
            lambda: self._committer.queued,
        )
        gauge(
            "asr_daemon_connections",
            "Open connections to the callback listeners",
            lambda: len(self._connections),
        )
        gauge(
            "asr_daemon_connections_queued",
            "Connections that wait, as their address has its share",
            lambda: self._connections.queued,
        )
        gauge(
            "asr_daemon_connections_limit",
            "What limits.connections says",
            lambda: self._config.limits.connections,
        )
        self._metrics.counter(
            "asr_daemon_throttled_attempts",
            "Refusals of wrong credentials that had to wait",
            lambda: self._throttle.delayed,
        )
        gauge(
            "asr_daemon_index_backlog_results",
            "Stored results that wait until the index can be written",
            lambda: self._output.index_backlog,
        )
        gauge(
            "asr_daemon_rejected_bytes",
            "What rejected bodies take of limits.rejected",
            lambda: self._output.rejected_bytes,
        )
        gauge(
            "asr_daemon_in_flight_bytes",
            "Bytes of bodies that are received and not yet answered",
            lambda: self._in_flight.received_bytes,
        )
        gauge(
            "asr_daemon_free_bytes",
            "Bytes left on the file system of the results",
            lambda: _known(self._output.free_bytes),
        )
        gauge(
            "asr_daemon_free_inodes",
            "Inodes left on the file system of the results",
            lambda: _known(self._output.free_inodes),
        )


def root_obstacle(error: OSError) -> Obstacle:
    """Return why `output.root` cannot be used."""
    right = "write a folder that is there for this daemon alone"
    if isinstance(error, PermissionError):
        right = "write a folder that the daemon's user may write to, or give it to that user"
    return Obstacle("output.root", f"cannot be used: {reason_of(error)}", right)


def _with_active(config: Config, active: Config) -> tuple[Config, tuple[str, ...]]:
    """Return a configuration with what only a restart changes as it is; and what of it differs."""
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
    """Return how many connections may be open, and say so if these are fewer than configured."""
    descriptors = _raise_descriptor_limit()
    most = affordable_connections(limits.connections, descriptors)
    if most < limits.connections:
        _log.warning(
            "only %d of limits.connections can be open with %d file descriptors: raise "
            "LimitNOFILE= of the unit, or ulimit -n",
            most,
            descriptors,
        )
    return most


def _raise_descriptor_limit() -> int:
    """Let the process have as many file descriptors as it may, and return how many these are."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = MOST_DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, MOST_DESCRIPTORS)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most


def _known(value: int | None) -> float:
    return math.nan if value is None else value


def _iso(moment_s: float) -> str:
    return datetime.fromtimestamp(moment_s, UTC).isoformat(timespec="seconds")
