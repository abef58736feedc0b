"""Which listeners are open: all as configured, or as before."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from asr_daemon.config.model import ListenSettings, TlsSettings
from asr_daemon.daemon.listeners import Listeners, unusable_tls
from asr_daemon.daemon.sockets import Ports
from asr_daemon.errors import UnusableSetting
from asr_daemon.web.connection import Timeouts
from asr_daemon.web.connections import Connections
from asr_daemon.web.requests_in_flight import InFlight
from asr_daemon.web.routing import Router
from tests.free_port import free_port

TIMEOUTS = Timeouts(header_s=9.0, idle_s=9.0, body_min_rate_bytes_per_s=9)
FREE = ListenSettings(address="127.0.0.1", port=0)
DAY_S = 86_400.0
ANY = "0.0.0.0"  # noqa: S104 - everywhere is the point


def with_listeners(
    test: Callable[[Listeners], Awaitable[None]], ports: Ports | None = None
) -> None:
    """Run a test with no listener open yet, and close what it leaves open."""

    async def run() -> None:
        listeners = Listeners(ports or Ports(), Connections(TIMEOUTS), Router(), InFlight())
        await test(listeners)
        listeners.stop()

    asyncio.run(run())


async def serve(listeners: Listeners, *settings: ListenSettings) -> list[int]:
    """Apply listeners, and return their ports."""
    listeners.apply(await listeners.load(settings))
    return ports_of(listeners)


def ports_of(listeners: Listeners) -> list[int]:
    """Return the ports that are open."""
    return [int(url.rpartition(":")[2]) for url in listeners.urls]


def at(port: int, tls: TlsSettings | None = None) -> ListenSettings:
    """Return the settings of a listener."""
    return ListenSettings(address="127.0.0.1", port=port, tls=tls)


@pytest.fixture
def pair(tmp_path: Path) -> TlsSettings:
    """Return the settings of a pair that is there."""
    issued = trustme.CA().issue_cert("localhost")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    return TlsSettings(certificate=tmp_path / "certificate.pem", key=tmp_path / "key.pem")


def test_free_ports_stay() -> None:
    """A listener with the same settings stays as it is, also one of several at port 0."""

    async def run(listeners: Listeners) -> None:
        ports = await serve(listeners, FREE, FREE)
        assert await serve(listeners, FREE, FREE) == ports
        assert await serve(listeners, FREE) == ports[:1]
        assert listeners.urls == [f"http://127.0.0.1:{ports[0]}"]

    with_listeners(run)


@pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")  # Tornado's
def test_listeners_stay_as_they_are_if_one_cannot_be_opened() -> None:
    """The other new one is closed again, and the one that was moved is reopened."""

    async def run(listeners: Listeners) -> None:
        ports = await serve(listeners, FREE, at(free := free_port()))
        other, moved = free_port(), ListenSettings(address=ANY, port=free)
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port_taken = taken.getsockname()[1]
            with pytest.raises(UnusableSetting, match=r"listen\[2\].port: cannot listen on"):
                await serve(listeners, moved, at(other), at(port_taken))
        socket.create_server(("127.0.0.1", other)).close()
        assert ports_of(listeners) == ports
        assert listeners.urls[1] == f"http://127.0.0.1:{free}"
        assert listeners.problems == []

    with_listeners(run)


@pytest.mark.parametrize("other", [ANY, "127.0.0.2"])
def test_listener_moves_to_another_address_of_its_port(other: str) -> None:
    """Also if the addresses overlap, and back."""

    async def run(listeners: Listeners) -> None:
        ports = await serve(listeners, FREE, at(free := free_port()))
        await serve(listeners, FREE, ListenSettings(address=other, port=free))
        assert listeners.urls[1:] == [f"http://{other}:{free}"]
        assert await serve(listeners, FREE, at(free)) == ports

    with_listeners(run)


class ClosingPorts(Ports):
    """Cannot open anything once it is told so."""

    is_closing = False

    def open(self, address: str, port: int, key: str) -> list[socket.socket]:
        """Open a port, or fail."""
        if self.is_closing:
            raise UnusableSetting(key, "cannot listen", "wait")
        return super().open(address, port, key)


def test_listener_that_cannot_be_reopened_is_reported_and_opened_by_the_next_reload() -> None:
    """An address may have gone while the daemon listened at it."""
    ports = ClosingPorts()

    async def run(listeners: Listeners) -> None:
        await serve(listeners, at(free := free_port()))
        ports.is_closing = True
        with pytest.raises(UnusableSetting):
            await serve(listeners, ListenSettings(address=ANY, port=free))
        assert (listeners.urls, listeners.problems) == ([], ["listen: cannot listen, wait"])
        ports.is_closing = False
        assert await serve(listeners, at(free)) == [free]
        assert listeners.problems == []

    with_listeners(run, ports)


def test_files_that_are_not_there(tmp_path: Path, pair: TlsSettings) -> None:
    """Other files that cannot be loaded are an obstacle; of the same ones, those in use stay."""
    missing = TlsSettings(certificate=tmp_path / "missing.pem", key=pair.key)

    async def run(listeners: Listeners) -> None:
        await serve(listeners, at(0, pair))
        with pytest.raises(UnusableSetting, match="No such file") as raised:
            await listeners.load([at(0, missing)])
        assert (raised.value.key, listeners.problems) == ("listen[0].tls", [])
        pair.certificate.unlink()
        await serve(listeners, at(0, pair))
        [problem] = listeners.problems
        assert problem.startswith("listen[0].tls: cannot be loaded: No such file")
        assert [*listeners.certificates] == [str(pair.certificate)]

    with_listeners(run)


def test_what_may_not_be_read_has_its_own_remedy() -> None:
    error = PermissionError(13, "Permission denied", "/etc/key.pem")
    assert str(unusable_tls("listen[0].tls", error)) == (
        "listen[0].tls: cannot be loaded: Permission denied (/etc/key.pem), "
        "let the daemon's user read it"
    )


def test_certificate_problem_is_logged_once(
    pair: TlsSettings, caplog: pytest.LogCaptureFixture
) -> None:
    """What is wrong with a certificate is logged when it is found, and when it is another thing."""

    async def run(listeners: Listeners) -> None:
        await serve(listeners, at(0, pair))
        pair.key.unlink()
        for _ in range(2):
            await serve(listeners, at(0, pair))
        pair.key.write_bytes(b"no key")
        await serve(listeners, at(0, pair))

    with_listeners(run)
    assert len([line for line in caplog.messages if "the old one stays active" in line]) == 2


def test_warning_of_expiry(pair: TlsSettings, caplog: pytest.LogCaptureFixture) -> None:
    """Fourteen days ahead there is a warning, once a day, and another when it is too late."""
    caplog.set_level(logging.WARNING)
    warned: list[list[str]] = []

    async def run(listeners: Listeners) -> None:
        await serve(listeners, at(0, pair))
        [end_s] = listeners.certificates.values()
        for ahead_d in (14.1, 13.9, 13.8, 12.8, -0.1):
            caplog.clear()
            listeners.warn_of_expiry(end_s - ahead_d * DAY_S)
            warned.append(caplog.messages)

    with_listeners(run)
    soon = ["a certificate expires soon: renew it"]
    assert warned == [[], soon, [], soon, ["a certificate has expired: renew it"]]
