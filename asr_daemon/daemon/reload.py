"""Reload the configuration when its files change (`config/watcher.py`).

What is valid is applied by `Service.change` in `service.py`.
"""

import asyncio
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from msgspec import Struct, structs

from asr_daemon import logs
from asr_daemon.config.load import ConfigError, LoadedConfig, problem_at, read
from asr_daemon.config.model import Config
from asr_daemon.config.problems import Problem
from asr_daemon.config.watcher import Watcher, is_other_than_file
from asr_daemon.daemon.systemd import Manager
from asr_daemon.errors import UnusableSetting
from asr_daemon.metrics import Metrics

_NOT_APPLIED = "configuration not applied, the previous one stays active"
_NEEDS_RESTART = "a change takes effect at the next restart"

_log = logging.getLogger(__name__)


class ReloadState(Struct, frozen=True):
    """The outcome of the last reload."""

    loaded_at: datetime
    problems: tuple[str, ...] = ()
    """Why the file is not applied, a line each; empty if it is."""
    needs_restart: tuple[str, ...] = ()
    """Settings in the file that take effect at the next restart."""

    @property
    def notes(self) -> list[str]:
        """What an admin has to know of it, a sentence each."""
        return [
            *(f"{_NOT_APPLIED}: {problem}" for problem in self.problems),
            *(f"{key}: {_NEEDS_RESTART}" for key in self.needs_restart),
        ]


class Reloadable(Protocol):
    """What is reloaded: `Service`, or a double in tests."""

    @property
    def config(self) -> Config:
        """The active configuration."""
        ...

    async def change(self, config: Config) -> tuple[str, ...]:
        """Apply a configuration, as `Service.change` does; raise `UnusableSetting`."""
        ...

    async def renew_certificates(self) -> None:
        """Load the certificates again."""
        ...


class Reloader:
    """Reloads the configuration file of a service when it changes."""

    def __init__(
        self,
        source: Path,
        environ: Mapping[str, str],
        service: Reloadable,
        manager: Manager,
        metrics: Metrics,
    ) -> None:
        self._source = source
        self._environ = environ
        self._service = service
        self._manager = manager
        self._metrics = metrics
        self._watcher = Watcher()
        self.state = ReloadState(datetime.now(UTC))

    def reload_now(self) -> None:
        """Reload the file even if it has not changed."""
        self._watcher.ask()

    async def run(self) -> None:
        """Reload the file whenever it changes, until cancelled."""
        try:
            loaded = await self._read()
            if loaded.config != self._service.config:
                await self._apply(loaded)
            else:
                # They may have changed between the start and the watch.
                await self._service.renew_certificates()
            while True:
                await self._watcher.changed()
                self._manager.reloading()
                await self._apply(await self._read())
                self._manager.ready()
        finally:
            self._watcher.close()

    async def _read(self) -> LoadedConfig:
        """Read the file once neither it nor a file that it names is being written."""
        while True:
            loaded = await asyncio.to_thread(self._look)
            # Even if the file is invalid, the active certificates may be renewed.
            files = loaded.files | certificate_files(self._service.config)
            if await self._watcher.aim(files):
                return loaded

    def _look(self) -> LoadedConfig:
        if is_other_than_file(self._source):
            wrong, right = "no longer a regular file", "write the settings into a file"
            problem = Problem(str(self._source), 1, "(file)", wrong, right)
            return LoadedConfig(None, (problem,), frozenset({self._source.absolute()}))
        return read(self._source, self._environ)

    async def _apply(self, loaded: LoadedConfig) -> None:
        """Apply what was read, or report why not and keep the active configuration."""
        try:
            needs_restart = await self._service.change(self._config_in(loaded))
        except (ConfigError, UnusableSetting) as error:
            self._report_invalid(self._problems(error))
            await self._service.renew_certificates()
        else:
            self._report_applied(needs_restart)
            for warning in loaded.warnings:
                _log.warning("%s", warning)

    def _config_in(self, loaded: LoadedConfig) -> Config:
        if loaded.config is None:
            raise ConfigError(loaded.problems)
        if loaded.is_empty and loaded.config != self._service.config:
            # An emptied file is more likely a mistake than the wish for all defaults.
            wrong, right = "contains no settings", "write them, or restart with the defaults"
            raise ConfigError([Problem(str(self._source), 1, "(file)", wrong, right)])
        return loaded.config

    def _problems(self, error: ConfigError | UnusableSetting) -> tuple[str, ...]:
        if isinstance(error, ConfigError):
            return tuple(map(str, error.problems))
        try:
            return (str(problem_at(self._source, error.key, error.wrong, error.right)),)
        except ConfigError:
            # The file has changed again, and will be read again.
            return (f"{self._source}: {error}",)

    def _report_invalid(self, problems: tuple[str, ...]) -> None:
        self._metrics.reloaded("invalid")
        self.state = structs.replace(self.state, problems=problems)
        for problem in problems:
            _log.error("%s: %s", _NOT_APPLIED, problem)

    def _report_applied(self, needs_restart: tuple[str, ...]) -> None:
        self._metrics.reloaded("applied")
        self.state = ReloadState(datetime.now(UTC), needs_restart=needs_restart)
        log = self._service.config.log
        journal = self._manager.is_journal(sys.stderr.fileno())
        logs.configure(log.level, log.format, journal=journal)
        _log.info("configuration applied")
        for key in needs_restart:
            _log.warning("%s: %s", key, _NEEDS_RESTART)


def certificate_files(config: Config) -> frozenset[Path]:
    """Return the certificate and key files of all listeners."""
    settings = [listener.tls for listener in config.listen if listener.tls is not None]
    files = [file for tls in settings for file in (tls.certificate, tls.key, tls.client_ca)]
    return frozenset(file for file in files if file is not None)
