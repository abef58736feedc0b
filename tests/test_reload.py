"""A configuration file that changes, with a double for what is served under it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from asr_daemon.config.load import load
from asr_daemon.config.model import Config
from asr_daemon.daemon.reload import Reloader
from asr_daemon.daemon.systemd import Manager
from asr_daemon.errors import UnusableSetting
from asr_daemon.metrics import Metrics


class Served:
    """Serves under whatever configuration it is given, or fails."""

    def __init__(self, config: Config) -> None:
        """Begin with a configuration."""
        self.active = config
        self.failure: UnusableSetting | None = None
        self.renewed = 0

    @property
    def config(self) -> Config:
        """Return what it was given last."""
        return self.active

    async def change(self, config: Config) -> tuple[str, ...]:
        """Take the configuration; `state` waits for a restart."""
        if self.failure is not None:
            raise self.failure
        waiting = () if config.state == self.config.state else ("state",)
        self.active = config
        return waiting

    async def renew_certificates(self) -> None:
        """Count it."""
        self.renewed += 1


Follow = Callable[[Reloader, Served], Awaitable[None]]


def follow(file: Path, test: Follow) -> None:
    """Run a test while a file is followed."""

    async def run() -> None:
        served = Served(load(file, {}))
        reloader = Reloader(file, {}, served, Manager({}), Metrics())
        following = asyncio.create_task(reloader.run())
        await until(lambda: served.renewed > 0)
        try:
            await test(reloader, served)
        finally:
            following.cancel()
            await asyncio.wait([following])

    asyncio.run(run())


async def until(happened: Callable[[], bool]) -> None:
    """Return when something is so."""
    async with asyncio.timeout(20.0):
        while not happened():
            await asyncio.sleep(0.01)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a configuration file."""
    made = tmp_path / "asr-daemon.yaml"
    made.write_text("limits: {body: 1MiB}\n")
    return made


def test_edit_is_applied(file: Path) -> None:
    """And nothing is wrong afterwards."""

    async def test(reloader: Reloader, served: Served) -> None:
        file.write_text("limits: {body: 2MiB}\n")
        await until(lambda: served.config.limits.body_bytes == 2 << 20)
        assert reloader.state.notes == []

    follow(file, test)


def test_mistake_is_reported_and_changes_nothing(file: Path) -> None:
    """Until it is mended."""

    async def test(reloader: Reloader, served: Served) -> None:
        file.write_text("limits: {body: 2Mb}\n")
        await until(lambda: reloader.state.problems != ())
        [problem] = reloader.state.problems
        assert problem.startswith(f"{file}:1: limits.body: invalid size")
        assert served.config.limits.body_bytes == 1 << 20
        file.write_text("limits: {body: 2MiB}\n")
        await until(lambda: reloader.state.problems == ())
        assert served.config.limits.body_bytes == 2 << 20

    follow(file, test)


def test_what_cannot_be_applied_is_reported_at_its_line(file: Path) -> None:
    """As a mistake in the file is."""

    async def test(reloader: Reloader, served: Served) -> None:
        served.failure = UnusableSetting("listen[0].port", "cannot listen", "write another port")
        file.write_text("log: {level: debug}\nlisten:\n- port: 1\n")
        await until(lambda: reloader.state.problems != ())
        [problem] = reloader.state.problems
        assert problem.startswith(f"{file}:3: listen[0].port: cannot listen")

    follow(file, test)


def test_setting_that_waits_for_a_restart_is_noted(file: Path) -> None:
    """In a sentence that names it."""

    async def test(reloader: Reloader, served: Served) -> None:
        file.write_text("state: elsewhere\n")
        await until(lambda: reloader.state.notes != [])
        assert reloader.state.notes == ["state: a change takes effect at the next restart"]

    follow(file, test)


def test_asking_reloads_a_file_that_has_not_changed(file: Path) -> None:
    """SIGHUP does so."""

    async def test(reloader: Reloader, served: Served) -> None:
        served.active = Config()
        reloader.reload_now()
        await until(lambda: served.config.limits.body_bytes == 1 << 20)

    follow(file, test)


def test_emptied_file_is_not_taken_for_the_defaults(file: Path) -> None:
    """Who empties a file is in the middle of writing it."""

    async def test(reloader: Reloader, served: Served) -> None:
        file.write_text("")
        await until(lambda: reloader.state.problems != ())
        assert served.config.limits.body_bytes == 1 << 20

    follow(file, test)
