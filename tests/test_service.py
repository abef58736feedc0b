"""What is served under one configuration after another, with real sockets and files."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from msgspec import structs
from tornado.httpclient import AsyncHTTPClient, HTTPResponse

from asr_daemon.config.model import (
    AdminSettings,
    Config,
    LimitsSettings,
    ListenSettings,
    OutputSettings,
    ProvidersSettings,
)
from asr_daemon.daemon.service import Service
from asr_daemon.daemon.sockets import Ports
from asr_daemon.errors import UnusableSetting
from asr_daemon.metrics import Metrics
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.web.admin import Reports, make_application

BODY = b"code=0&requestId=%s&text=hello"
SUCCESS = b'{"code":0,"message":"success"}'


def config_in(folder: Path, path: str = "/callbacks/tencent") -> Config:
    """Return a configuration with free ports that keeps everything in a folder."""
    return Config(
        listen=(ListenSettings(port=0),),
        admin=AdminSettings(port=0),
        providers=ProvidersSettings(tencent=TencentSettings(path=path)),
        output=OutputSettings(root=folder / "root", layout="{provider}/{id}"),
        limits=LimitsSettings(free_space_bytes=1),
        state=folder / "state",
    )


def serve(folder: Path, test: Callable[[Service], Awaitable[None]]) -> None:
    """Run a test with a service that has started, and stop it."""

    async def run() -> None:
        reports = Reports(list, list, lambda accepted: ("text/plain", b""))
        service = Service(Ports(), Metrics(), make_application(reports))
        await service.start(config_in(folder))
        try:
            await test(service)
        finally:
            await service.stop()

    asyncio.run(run())


async def post(service: Service, path: str, id_: bytes) -> HTTPResponse:
    """Post a callback to the only listener."""
    [url] = service.urls
    return await AsyncHTTPClient().fetch(
        url + path, method="POST", body=BODY % id_, raise_error=False
    )


def test_callback_is_stored_and_acknowledged(tmp_path: Path) -> None:
    """From a request to a file."""

    async def test(service: Service) -> None:
        response = await post(service, "/callbacks/tencent", b"1")
        assert (response.code, response.body) == (200, SUCCESS)
        assert (tmp_path / "root/tencent/1.txt").read_text() == "hello\n"
        assert service.storage.unhealthy == []
        assert service.storage.is_alive

    serve(tmp_path, test)


def test_change_applies_to_the_next_request(tmp_path: Path) -> None:
    """The listener and its port stay."""

    async def test(service: Service) -> None:
        before = service.urls
        assert await service.change(config_in(tmp_path, "/elsewhere")) == ()
        assert service.urls == before
        assert (await post(service, "/elsewhere", b"1")).code == 200
        assert (await post(service, "/callbacks/tencent", b"2")).code == 404

    serve(tmp_path, test)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # Tornado's
def test_change_that_cannot_be_applied_changes_nothing(tmp_path: Path) -> None:
    """Not even what could be applied."""

    async def test(service: Service) -> None:
        before = service.config
        with socket.create_server(("127.0.0.1", 0)) as taken:
            listen = (*before.listen, ListenSettings(port=taken.getsockname()[1]))
            wanted = structs.replace(config_in(tmp_path, "/elsewhere"), listen=listen)
            with pytest.raises(UnusableSetting, match=r"listen\[1\].port: cannot listen on"):
                await service.change(wanted)
        assert service.config == before
        assert (await post(service, "/callbacks/tencent", b"1")).code == 200

    serve(tmp_path, test)


def test_settings_that_only_a_restart_changes_are_returned(tmp_path: Path) -> None:
    """Everything else of the change is applied."""

    async def test(service: Service) -> None:
        other = config_in(tmp_path / "other", "/elsewhere")
        assert await service.change(other) == ("output.root", "state")
        assert service.config.output.root == tmp_path / "root"
        assert (await post(service, "/elsewhere", b"1")).code == 200
        assert (tmp_path / "root/tencent/1.json").exists()
        assert not (tmp_path / "other").exists()

    serve(tmp_path, test)


def test_root_that_cannot_be_used_is_an_obstacle(tmp_path: Path) -> None:
    """A start reports the setting."""
    (tmp_path / "root").write_text("a file")

    async def test(_: Service) -> None:
        raise AssertionError

    with pytest.raises(UnusableSetting, match=r"output.root: cannot be used: "):
        serve(tmp_path, test)


def test_stopped_service_accepts_no_connection(tmp_path: Path) -> None:
    """Its port is free again, and the tree too."""

    async def test(service: Service) -> None:
        [url] = service.urls
        await service.stop()
        port = int(url.rpartition(":")[2])
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port))

    serve(tmp_path, test)
    serve(tmp_path, lambda service: asyncio.sleep(0))
