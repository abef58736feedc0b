"""Reads the configuration anew when its files change, and has it put in place if it is sound."""

import asyncio
import logging
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from msgspec import Struct, structs

from asr_daemon import logs
from asr_daemon.config.load import ConfigError, Reading, problem_at, read
from asr_daemon.config.model import Config
from asr_daemon.config.problems import Problem
from asr_daemon.config.watch import Watch, is_other_than_file
from asr_daemon.errors import Obstacle
from asr_daemon.metrics import Metrics
from asr_daemon.service import Service
from asr_daemon.systemd import Manager

_log = logging.getLogger(__name__)


class Standing(Struct, frozen=True):
    """What is known of the configuration that is used, and of the file as it is now."""

    loaded_at: datetime
    problems: tuple[str, ...] = ()
    """Why the file as it is now is not used, a line each; empty if it is."""
    needs_restart: tuple[str, ...] = ()
    """Settings in the file that hold from the next start on."""

    @property
    def notes(self) -> list[str]:
        """What an admin should know of it, a sentence each."""
        return [
            *(f"the configuration stays as it was: {each}" for each in self.problems),
            *(f"{key}: a change waits for a restart" for key in self.needs_restart),
        ]


class Reloader:
    """Keeps a service in step with a configuration file."""

    def __init__(
        self,
        source: Path,
        environ: Mapping[str, str],
        service: Service,
        manager: Manager,
        metrics: Metrics,
    ) -> None:
        """Take the file from which the service was started."""
        self._source = source
        self._environ = environ
        self._service = service
        self._manager = manager
        self._metrics = metrics
        self._watch = Watch()
        self.standing = Standing(datetime.now(UTC))

    def ask(self) -> None:
        """Read the file anew even if it has not changed."""
        self._watch.ask()

    async def run(self) -> None:
        """Follow the file until cancelled."""
        try:
            reading = await self._read()
            if reading.config != self._service.config:
                await self._take(reading)
            else:
                # They may have changed since they were loaded, before anything was watched.
                await self._service.renew_certificates()
            while True:
                await self._watch.changed()
                self._manager.reloading()
                await self._take(await self._read())
                self._manager.ready()
        finally:
            self._watch.close()

    async def _read(self) -> Reading:
        """Return what the file says, such that any later change is noticed."""
        reading = await asyncio.to_thread(self._look)
        while True:
            # Whatever the file says now, certificates in use may be renewed.
            await self._watch.aim(reading.files | certificate_files(self._service.config))
            again = await asyncio.to_thread(self._look)
            if again == reading:
                return reading
            reading = again

    def _look(self) -> Reading:
        if is_other_than_file(self._source):
            wrong, right = "is no regular file any more", "write the settings into a file"
            problem = Problem(str(self._source), 1, "(file)", wrong, right)
            return Reading(None, (problem,), frozenset({self._source.absolute()}))
        return read(self._source, self._environ)

    async def _take(self, reading: Reading) -> None:
        """Put what was read in place, or say why not and keep what is."""
        try:
            needs_restart = await self._service.change(self._config_in(reading))
        except (ConfigError, Obstacle) as error:
            self._refuse(self._problems(error))
            await self._service.renew_certificates()
        else:
            self._accept(needs_restart)
            for warning in reading.warnings:
                _log.warning("%s", warning)

    def _config_in(self, reading: Reading) -> Config:
        if reading.config is None:
            raise ConfigError(reading.problems)
        if reading.is_empty and reading.config != self._service.config:
            # Whoever empties a file is in the middle of writing it, or has lost it.
            wrong, right = (
                "holds no setting any more",
                "write it anew, or restart with the defaults",
            )
            raise ConfigError([Problem(str(self._source), 1, "(file)", wrong, right)])
        return reading.config

    def _problems(self, error: ConfigError | Obstacle) -> tuple[str, ...]:
        if isinstance(error, ConfigError):
            return tuple(map(str, error.problems))
        try:
            return (str(problem_at(self._source, error.key, error.wrong, error.right)),)
        except ConfigError:
            # The file has changed since, and will be read again.
            return (f"{self._source}: {error}",)

    def _refuse(self, problems: tuple[str, ...]) -> None:
        self._metrics.reloaded("invalid")
        self.standing = structs.replace(self.standing, problems=problems)
        for each in problems:
            _log.error("the configuration stays as it was: %s", each)

    def _accept(self, needs_restart: tuple[str, ...]) -> None:
        self._metrics.reloaded("applied")
        self.standing = Standing(datetime.now(UTC), needs_restart=needs_restart)
        log = self._service.config.log
        journal = self._manager.is_journal(sys.stderr.fileno())
        logs.configure(log.level, log.format, journal=journal)
        _log.info("the configuration was read anew and is in use")
        for each in needs_restart:
            _log.warning("%s: a change waits for a restart", each)


def certificate_files(config: Config) -> frozenset[Path]:
    """Return the files of all listeners that speak TLS."""
    pairs = [each.tls for each in config.listen if each.tls is not None]
    files = [file for tls in pairs for file in (tls.certificate, tls.key, tls.client_ca)]
    return frozenset(file for file in files if file is not None)
