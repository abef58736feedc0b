"""The life of the daemon: start, serve, follow the configuration, leave."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs
from tornado.web import Application

from asr_daemon import __version__
from asr_daemon.config.load import ConfigError, problem_at
from asr_daemon.config.model import Config, ProvidersSettings
from asr_daemon.config.shown import shown
from asr_daemon.config.watcher import is_other_than_file
from asr_daemon.daemon.history import History
from asr_daemon.daemon.listeners import tls_obstacle
from asr_daemon.daemon.overview import Overview
from asr_daemon.daemon.reload import Reloader, Standing
from asr_daemon.daemon.service import Service, root_obstacle
from asr_daemon.daemon.sockets import Ports, obstacles_at
from asr_daemon.daemon.systemd import Manager
from asr_daemon.daemon.wiring import check_state, make_output, make_tls
from asr_daemon.errors import AsrDaemonError, Obstacle
from asr_daemon.metrics import Metrics
from asr_daemon.output.base import reason_of
from asr_daemon.web.admin import Reports, make_application
from asr_daemon.web.status.pages import View, status_routes

BEAT_S = 1.0
"""How often the service manager is told how things are."""

_UNFOLLOWED = "the configuration is no longer followed; a restart helps"

_log = logging.getLogger(__name__)


class StartError(AsrDaemonError):
    """The daemon cannot start; the message says why and what to do."""


def check_start(config: Config, warn: Callable[[str], object]) -> list[Obstacle]:
    """Return what would keep the daemon from starting, and warn of the rest; changes nothing."""
    obstacles = []
    try:
        for sentence in make_output(config).check():
            warn(sentence)
    except OSError as error:
        obstacles.append(root_obstacle(error))
    for number, listen in enumerate(config.listen):
        try:
            make_tls(listen)
        except OSError as error:
            obstacles.append(tls_obstacle(f"listen[{number}].tls", error))
        obstacles += obstacles_at(listen.address, listen.port, f"listen[{number}].port")
    obstacles += obstacles_at(config.admin.address, config.admin.port, "admin.port")
    try:
        check_state(config)
    except OSError as error:
        right = "write a folder that the daemon's user may write to"
        obstacles.append(Obstacle("state", f"cannot be used: {reason_of(error)}", right))
    return obstacles


class Server:
    """The daemon, from start to end."""

    def __init__(
        self, config: Config, source: Path | None, environ: Mapping[str, str], manager: Manager
    ) -> None:
        """Take what the daemon is to serve under; nothing is touched until `run`.

        Args:
            config: valid.
            source: the file that it is from, which is followed; `None` for the built-in defaults.
            environ: what the file may refer to.
            manager: is told how the daemon is.
        """
        self._config = config
        # The folder that we are in may be removed.
        self._source = None if source is None else source.absolute()
        self._environ = environ
        self._manager = manager
        self._metrics = Metrics()
        self._first = Standing(datetime.now(UTC))
        self._reloader: Reloader | None = None
        self._unfollowed = False
        self._began_s = time.monotonic()
        self._leaving = asyncio.Event()
        reports = Reports(self._obstacles, self._notes, self._metrics.exposition)
        self._history = History(self._metrics.callbacks)
        self._overview = Overview(config.state, config.output.root.absolute())
        ports = Ports(self._manager.sockets())
        self._metrics.gauge(
            "asr_daemon_config_valid",
            "0 if the configuration file as it is now is not used",
            lambda: not self._standing.problems,
        )
        self._service = Service(ports, self._metrics, self._admin_application(reports))

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then leave in order.

        Raises:
            StartError: the tree cannot be opened, or an address cannot be listened on.
        """
        self._watch_signals()
        try:
            await self._service.start(self._config)
        except Obstacle as error:
            raise StartError(self._located(error)) from error
        following = asyncio.create_task(self._follow())
        beating = asyncio.create_task(self._beat())
        self._manager.ready()
        try:
            await self._leaving.wait()
        finally:
            self._manager.stopping()
            for task in (following, beating):
                task.cancel()
            await asyncio.wait((following, beating))
            self._overview.stop()
            await self._service.stop()
            _log.info("stopped")

    def _admin_application(self, reports: Reports) -> Application:
        view = View(
            facts=self._facts,
            settings=lambda: list(shown(self._service.config)),
            providers=[field.encode_name for field in structs.fields(ProvidersSettings)],
            minutes=self._minutes,
            results=self._overview.results,
            troubles=self._overview.troubles,
            result=self._overview.result,
        )
        return make_application(reports, status_routes(view))

    def _minutes(self) -> list[tuple[int, Mapping[tuple[str, str], int]]]:
        now = time.time()
        self._history.note(now)
        return [(minute.began_at, minute.counts) for minute in self._history.minutes(now)]

    def _located(self, obstacle: Obstacle) -> str:
        """Say where in the file the setting stands, as `check` does; a pipe is not read again."""
        if self._source is not None and not is_other_than_file(self._source):
            # The file may have been changed since, or be gone.
            with suppress(ConfigError):
                found = problem_at(self._source, obstacle.key, obstacle.wrong, obstacle.right)
                return str(found)
        return str(obstacle)

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._leave)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _leave(self) -> None:
        if self._leaving.is_set():
            _log.warning("leaving at once; what was not acknowledged may not be stored")
            os._exit(1)
        _log.info("stopping")
        self._leaving.set()

    def _reload(self) -> None:
        if self._unfollowed:
            _log.error(_UNFOLLOWED)
        elif self._reloader is None:
            _log.warning("there is no configuration file to be read anew")
        else:
            self._reloader.ask()

    async def _follow(self) -> None:
        """Keep in step with the configuration file; what is no file (a pipe) is read once."""
        if self._source is None or is_other_than_file(self._source):
            return
        try:
            self._reloader = Reloader(
                self._source, self._environ, self._service, self._manager, self._metrics
            )
            await self._reloader.run()
        except Exception:  # noqa: BLE001 - what is served is served on, and it is logged
            _log.exception(_UNFOLLOWED)
            self._unfollowed = True

    async def _beat(self) -> None:
        """Tell the service manager and the log how things are.

        Storage that fails or does not answer is well in this sense: a restart would not mend it,
        and callbacks are refused honestly meanwhile.
        """
        watchdog_s = self._manager.watchdog_s
        every_s = BEAT_S if watchdog_s is None else min(BEAT_S, watchdog_s / 3)
        told = ""
        while True:
            if watchdog_s is not None and self._service.is_well:
                self._manager.alive()
            try:
                self._history.note(time.time())
                status = self._status()
                if status != told:
                    self._manager.status(status)
                    told = status
                self._service.warn_of_expiry()
            except Exception:  # noqa: BLE001 - the watchdog is pinged on, and it is logged
                _log.exception("status not reported")
            asked_s = time.monotonic()
            await asyncio.sleep(every_s)
            self._metrics.event_loop_lag(max(time.monotonic() - asked_s - every_s, 0.0))

    @property
    def _standing(self) -> Standing:
        return self._first if self._reloader is None else self._reloader.standing

    def _obstacles(self) -> list[str]:
        return self._service.obstacles

    def _notes(self) -> list[str]:
        return [*self._standing.notes, *self._warnings]

    @property
    def _warnings(self) -> list[str]:
        """What is wrong although callbacks are served and the file has no mistake."""
        unfollowed = [_UNFOLLOWED] if self._unfollowed else []
        return [*unfollowed, *self._service.complaints]

    def _status(self) -> str:
        """Return what `systemctl status` shows."""
        serving = f"Receiving callbacks at {', '.join(self._service.urls)}"
        return "; ".join([*self._obstacles(), *self._notes(), serving])

    def _facts(self) -> dict[str, Any]:
        standing = self._standing
        return {
            "version": __version__,
            "up_s": round(time.monotonic() - self._began_s, 1),
            "ready": not self._obstacles(),
            "obstacles": self._obstacles(),
            "configuration": {
                "file": None if self._source is None else str(self._source),
                "valid": not standing.problems,
                "problems": list(standing.problems),
                "loaded_at": standing.loaded_at.isoformat(timespec="seconds"),
            },
            "needs_restart": list(standing.needs_restart),
            "warnings": self._warnings,
            **self._service.describe(),
        }
