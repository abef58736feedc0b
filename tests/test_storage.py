"""Where results go, with a real directory."""

import asyncio
from pathlib import Path

import pytest

from asr_daemon.config.model import Config, LimitsSettings, OutputSettings
from asr_daemon.daemon.storage import Storage
from asr_daemon.errors import UnusableSetting
from asr_daemon.metrics import Metrics


def config_in(folder: Path) -> Config:
    """Return a configuration that keeps everything in a folder."""
    return Config(
        output=OutputSettings(root=folder / "root"),
        limits=LimitsSettings(free_space_bytes=1),
        state=folder / "state",
    )


def test_root_that_is_a_file_is_reported_at_its_setting(tmp_path: Path) -> None:
    (tmp_path / "root").touch()

    async def run() -> None:
        with pytest.raises(UnusableSetting, match=r"output.root: cannot be used: Not a directory"):
            Storage(config_in(tmp_path), Metrics()).open()

    asyncio.run(run())


def test_open_storage_is_healthy_and_serves_every_enabled_provider(tmp_path: Path) -> None:
    async def run() -> None:
        storage = Storage(config_in(tmp_path), Metrics())
        storage.open()
        endpoints = storage.apply(config_in(tmp_path))
        assert {"/callbacks/tencent", "/oifde/rest/sysapi/asrcallback"} <= endpoints.keys()
        assert (storage.unhealthy, storage.is_alive, storage.pending_texts) == ([], True, 0)
        assert storage.status.root == str(tmp_path / "root")
        await storage.close()

    asyncio.run(run())


def test_closed_storage_may_be_opened_by_another(tmp_path: Path) -> None:
    async def run() -> None:
        for _ in range(2):
            storage = Storage(config_in(tmp_path), Metrics())
            storage.open()
            await storage.close()

    asyncio.run(run())


def test_storage_of_another_daemon_is_not_opened(tmp_path: Path) -> None:
    async def run() -> None:
        first = Storage(config_in(tmp_path), Metrics())
        first.open()
        with pytest.raises(UnusableSetting, match="write a directory that is there for"):
            Storage(config_in(tmp_path), Metrics()).open()
        await first.close()

    asyncio.run(run())
