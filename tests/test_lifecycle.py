"""The life of the daemon in one process: start, ready, drain, stop."""

import asyncio
import gc
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from tornado.httpclient import AsyncHTTPClient

from asr_daemon.config.load import load
from asr_daemon.daemon.lifecycle import Server, StartError
from asr_daemon.daemon.systemd import Manager
from tests.free_port import free_port

BODY = b"code=0&requestId=1&text=hello"
HEAD = b"POST /callbacks/tencent HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(BODY)

Test = Callable[[], Awaitable[None]]


class ServiceManager:
    """The end of `NOTIFY_SOCKET` that a service manager has."""

    def __init__(self, address: Path) -> None:
        self.address = str(address)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(self.address)

    async def notification(self) -> str:
        """Return the next notification."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(20.0):
            return (await loop.sock_recv(self._socket, 4096)).decode()

    async def wait_for(self, start: str) -> None:
        """Return when a notification starts so."""
        while not (await self.notification()).startswith(start):
            pass

    def has_none(self) -> bool:
        """Return whether nothing was notified since."""
        try:
            self._socket.recv(4096)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        """Close it."""
        self._socket.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    """Return the service manager that the daemon notifies."""
    made = ServiceManager(tmp_path / "notify")
    yield made
    made.close()


@pytest.fixture
def port() -> int:
    """Return the port for callbacks."""
    return free_port()


@pytest.fixture
def file(tmp_path: Path, port: int) -> Path:
    """Return a configuration that keeps everything in a folder."""
    made = tmp_path / "asr-daemon.yaml"
    made.write_text(
        f"listen:\n- port: {port}\n"
        "admin: {port: 0}\n"
        "providers: {tencent: {allow: [127.0.0.0/8]}, huawei: {enabled: false}}\n"
        f"output: {{root: {tmp_path}/root, layout: '{{provider}}/{{id}}'}}\n"
        "limits: {free_space: 1B, shutdown: 5s}\n"
        f"state: {tmp_path}/state\n"
    )
    return made


def server(manager: ServiceManager, file: Path, source: Path | None = None) -> Server:
    """Return a daemon that has not started."""
    environ = {"NOTIFY_SOCKET": manager.address}
    return Server(load(file, {}), source, environ, Manager(environ))


def serve(server: Server, manager: ServiceManager, test: Test) -> None:
    """Run a test while a daemon serves, and stop it with a signal."""

    async def run() -> None:
        running = asyncio.create_task(server.run())
        await manager.wait_for("READY=1")
        try:
            await test()
        finally:
            signal.raise_signal(signal.SIGTERM)
            await running

    asyncio.run(run())


async def post(port: int) -> int:
    """Post a callback, and return the status of its answer."""
    url = f"http://127.0.0.1:{port}/callbacks/tencent"
    response = await AsyncHTTPClient(force_instance=True).fetch(
        url, method="POST", body=BODY, raise_error=False
    )
    return response.code


def test_daemon_serves_when_it_is_ready_and_is_gone_when_it_has_stopped(
    manager: ServiceManager, file: Path, port: int, caplog: pytest.LogCaptureFixture
) -> None:
    """The service manager is notified of either."""
    caplog.set_level("INFO")

    async def test() -> None:
        assert await post(port) == 200
        await manager.wait_for(f"STATUS=Receiving callbacks at http://127.0.0.1:{port}")

    serve(server(manager, file), manager, test)
    asyncio.run(manager.wait_for("STOPPING=1"))
    assert manager.has_none()
    assert caplog.messages[-2:] == ["stopping", "stopped"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_request_in_flight_is_answered_before_the_daemon_stops(
    manager: ServiceManager, file: Path, port: int, tmp_path: Path
) -> None:
    """And its result is stored."""
    answers: list[bytes] = []

    async def run() -> None:
        running = asyncio.create_task(server(manager, file).run())
        await manager.wait_for("READY=1")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + BODY[:5])
        await writer.drain()
        assert await post(port) == 200
        signal.raise_signal(signal.SIGTERM)
        await manager.wait_for("STOPPING=1")
        writer.write(BODY[5:])
        answers.append(await reader.read())
        writer.close()
        await running

    asyncio.run(run())
    [answer] = answers
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"Connection: close\r\n" in answer
    assert (tmp_path / "root/tencent/1.txt").read_text() == "hello\n"


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
def test_daemon_that_cannot_start_names_the_line_and_is_never_ready(
    manager: ServiceManager, file: Path, port: int
) -> None:
    """As `check` does."""
    with socket.create_server(("127.0.0.1", port)):
        refused = server(manager, file, file)
        with pytest.raises(StartError, match=r"yaml:2: listen\[0\].port: cannot listen on 127"):
            asyncio.run(refused.run())
    assert manager.has_none()
    # Tornado leaves it to Python to close a socket that could not be bound.
    gc.collect()


def test_hangup_reloads_the_file(manager: ServiceManager, file: Path) -> None:
    """The service manager is notified when it begins and ends."""

    async def test() -> None:
        signal.raise_signal(signal.SIGHUP)
        await manager.wait_for("RELOADING=1")
        await manager.wait_for("READY=1")

    serve(server(manager, file, file), manager, test)


def test_mistake_in_the_file_is_part_of_the_status(manager: ServiceManager, file: Path) -> None:
    """What is served stays."""

    async def test() -> None:
        file.write_text("lisen: []\n" + file.read_text())
        await manager.wait_for("STATUS=configuration not applied, the previous one stays active")

    serve(server(manager, file, file), manager, test)


def test_hangup_without_a_file_is_logged(
    manager: ServiceManager, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The daemon may run with the built-in defaults."""

    async def test() -> None:
        signal.raise_signal(signal.SIGHUP)
        async with asyncio.timeout(20.0):
            while "no configuration file to reload" not in caplog.messages:
                await asyncio.sleep(0)

    serve(server(manager, file), manager, test)
