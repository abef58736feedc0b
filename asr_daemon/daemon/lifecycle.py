"""The life of the daemon: start, serve, reload, drain, stop."""

import asyncio
import logging
import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from msgspec import structs
from tornado.web import Application

from asr_daemon import __version__
from asr_daemon.config.load import ConfigError, problem_at
from asr_daemon.config.model import Config, ListenSettings, ProvidersSettings
from asr_daemon.config.shown import shown
from asr_daemon.config.watcher import is_other_than_file
from asr_daemon.daemon.listeners import unusable_tls
from asr_daemon.daemon.minute_counts import MinuteCounts
from asr_daemon.daemon.reload import Reloader, ReloadState
from asr_daemon.daemon.service import Service
from asr_daemon.daemon.shown_results import Overview
from asr_daemon.daemon.sockets import Ports, bind_problems
from asr_daemon.daemon.storage import unusable_root
from asr_daemon.daemon.systemd import Manager
from asr_daemon.daemon.wiring import check_state, make_output, make_tls
from asr_daemon.errors import AsrDaemonError, UnusableSetting
from asr_daemon.metrics import Metrics
from asr_daemon.output.base import reason_of
from asr_daemon.status import ConfigurationStatus, Status
from asr_daemon.web.admin import Reports, make_application
from asr_daemon.web.status.pages import View, status_routes

HEARTBEAT_S = 1.0
"""How often the service manager is notified."""

_NOT_RELOADED = "configuration no longer reloaded; restart the daemon"

_log = logging.getLogger(__name__)


class StartError(AsrDaemonError):
    """The daemon cannot start; the message has the reason and what to do."""


def check_start(config: Config, warn: Callable[[str, str], object]) -> list[UnusableSetting]:
    """Return why the daemon could not start, and warn of what is weaker; changes nothing.

    Args:
        config: valid.
        warn: gets a setting and a sentence on what it names.
    """
    problems = []
    try:
        for sentence in make_output(config).check():
            warn("output.root", sentence)
    except OSError as error:
        problems.append(unusable_root(error))
    for number, listen in enumerate(config.listen):
        try:
            _check_tls(listen, f"listen[{number}].tls", warn)
        except OSError as error:
            problems.append(unusable_tls(f"listen[{number}].tls", error))
        problems += bind_problems(listen.address, listen.port, f"listen[{number}].port")
    problems += bind_problems(config.admin.address, config.admin.port, "admin.port")
    try:
        check_state(config)
    except OSError as error:
        right = "write a directory that the daemon's user may write to"
        problems.append(UnusableSetting("state", f"cannot be used: {reason_of(error)}", right))
    return problems


def _check_tls(listen: ListenSettings, key: str, warn: Callable[[str, str], object]) -> None:
    tls = make_tls(listen)
    if tls is None:
        return
    for doubt in tls.doubts:
        warn(key, doubt)
    if sentence := tls.expiry(time.time()):
        warn(key, f"{sentence} ({tls.certificate})")


class Server:
    """The daemon, from start to end."""

    def __init__(
        self, config: Config, source: Path | None, environ: Mapping[str, str], manager: Manager
    ) -> None:
        """Make a daemon that `run` starts.

        Args:
            config: valid.
            source: its file, which is reloaded when it changes; `None` for the built-in defaults.
            environ: for `!env` in the file.
            manager: is notified of start, reload and stop.
        """
        self._config = config
        # The working directory may be removed.
        self._source = None if source is None else source.absolute()
        self._environ = environ
        self._manager = manager
        self._metrics = Metrics()
        self._initial_state = ReloadState(datetime.now(UTC))
        self._reloader: Reloader | None = None
        self._reload_failed = False
        self._began_s = time.monotonic()
        self._stopping = asyncio.Event()
        reports = Reports(self._unhealthy, self._notes, self._metrics.exposition)
        self._minute_counts = MinuteCounts(self._metrics.callbacks)
        self._overview = Overview(config.state, config.output.root.absolute(), self._history_begins)
        ports = Ports(self._manager.sockets())
        self._metrics.gauge(
            "asr_daemon_config_valid",
            "1 if the configuration file is active, 0 if it is invalid",
            lambda: not self._reload_state.problems,
        )
        self._service = Service(ports, self._metrics, self._admin_application(reports))

    async def run(self) -> None:
        """Serve until SIGTERM or SIGINT, then drain and stop.

        Raises:
            StartError: the tree cannot be opened, or an address cannot be listened on.
        """
        self._watch_signals()
        try:
            await self._service.start(self._config)
        except UnusableSetting as error:
            raise StartError(self._located(error)) from error
        tasks = [asyncio.create_task(work) for work in (self._keep_reloading(), self._heartbeat())]
        self._manager.ready()
        try:
            await self._stopping.wait()
        finally:
            self._manager.stopping()
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            self._overview.stop()
            await self._service.stop()
            _log.info("stopped")

    def _admin_application(self, reports: Reports) -> Application:
        view = View(
            status=self._status,
            settings=lambda: list(shown(self._service.config)),
            providers=[field.encode_name for field in structs.fields(ProvidersSettings)],
            minutes=self._minutes,
            results=self._overview.results,
            failures=self._overview.failures,
            result=self._overview.result,
        )
        admin = self._config.admin
        hosts = [admin.address.lower(), *admin.hosts]
        return make_application(reports, hosts, status_routes(view))

    def _history_begins(self) -> float:
        return time.time() - self._service.config.history_s

    def _minutes(self) -> list[tuple[int, Mapping[tuple[str, str], int]]]:
        now = time.time()
        self._minute_counts.note(now)
        return [(minute.began_at, minute.counts) for minute in self._minute_counts.minutes(now)]

    def _located(self, error: UnusableSetting) -> str:
        """Return the message with its line, as `check` does; a pipe is not read again."""
        if self._source is not None and not is_other_than_file(self._source):
            # The file may have been changed since, or be gone.
            with suppress(ConfigError):
                found = problem_at(self._source, error.key, error.wrong, error.right)
                return str(found)
        return str(error)

    def _watch_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)

    def _stop(self) -> None:
        if self._stopping.is_set():
            _log.warning("stopped at once; what was not acknowledged may not be stored")
            os._exit(1)
        _log.info("stopping")
        self._stopping.set()

    def _reload(self) -> None:
        if self._reload_failed:
            _log.error(_NOT_RELOADED)
        elif self._reloader is None:
            _log.warning("no configuration file to reload")
        else:
            self._reloader.reload_now()

    async def _keep_reloading(self) -> None:
        """Reload the configuration file when it changes; a pipe is read once."""
        if self._source is None or is_other_than_file(self._source):
            return
        try:
            self._reloader = Reloader(
                self._source, self._environ, self._service, self._manager, self._metrics
            )
            await self._reloader.run()
        except Exception:  # noqa: BLE001 - the active configuration stays, and it is logged
            _log.exception(_NOT_RELOADED)
            self._reload_failed = True

    async def _heartbeat(self) -> None:
        """Notify the service manager, and warn of certificates that expire.

        The watchdog is reset also while storage is unhealthy: a restart would not help, and
        callbacks are refused honestly meanwhile.
        """
        watchdog_s = self._manager.watchdog_s
        every_s = HEARTBEAT_S if watchdog_s is None else min(HEARTBEAT_S, watchdog_s / 3)
        notified = ""
        while True:
            if watchdog_s is not None and self._service.storage.is_alive:
                self._manager.alive()
            try:
                self._minute_counts.note(time.time())
                summary = self._summary()
                if summary != notified:
                    self._manager.status(summary)
                    notified = summary
                self._service.warn_of_expiry()
            except Exception:  # noqa: BLE001 - the watchdog is still reset, and it is logged
                _log.exception("status not reported")
            slept_at_s = time.monotonic()
            await asyncio.sleep(every_s)
            self._metrics.event_loop_lag(max(time.monotonic() - slept_at_s - every_s, 0.0))

    @property
    def _reload_state(self) -> ReloadState:
        return self._initial_state if self._reloader is None else self._reloader.state

    def _unhealthy(self) -> list[str]:
        return self._service.storage.unhealthy

    def _notes(self) -> list[str]:
        return [*self._reload_state.notes, *self._warnings]

    @property
    def _warnings(self) -> list[str]:
        """What is wrong although results are stored and the file is applied."""
        failed = [_NOT_RELOADED] if self._reload_failed else []
        return [*failed, *self._service.warnings]

    def _summary(self) -> str:
        """Return what `systemctl status` shows."""
        serving = f"Receiving callbacks at {', '.join(self._service.urls)}"
        return "; ".join([*self._unhealthy(), *self._notes(), serving])

    def _status(self) -> Status:
        state, unhealthy = self._reload_state, tuple(self._unhealthy())
        return Status(
            version=__version__,
            up_s=round(time.monotonic() - self._began_s, 1),
            ready=not unhealthy,
            obstacles=unhealthy,
            configuration=ConfigurationStatus(
                file=None if self._source is None else str(self._source),
                valid=not state.problems,
                problems=state.problems,
                loaded_at=state.loaded_at.isoformat(timespec="seconds"),
            ),
            needs_restart=state.needs_restart,
            warnings=tuple(self._warnings),
            listeners=tuple(self._service.urls),
            certificates=self._service.certificates,
            output=self._service.storage.status,
            callbacks=self._metrics.callbacks(),
            pending_texts=self._service.storage.pending_texts,
        )
