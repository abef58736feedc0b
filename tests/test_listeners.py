"""Which listeners are open: all as configured, or as before."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
import trustme

from asr_daemon.config.model import ListenSettings, TlsSettings
from asr_daemon.daemon.listeners import Listeners, tls_obstacle
from asr_daemon.daemon.sockets import Ports
from asr_daemon.errors import Obstacle
from asr_daemon.web.connection import Timeouts
from asr_daemon.web.connections import Connections
from asr_daemon.web.in_flight import InFlight
from asr_daemon.web.routing import Router

TIMEOUTS = Timeouts(header_s=9.0, idle_s=9.0, body_min_rate_bytes_per_s=9)
FREE = ListenSettings(address="127.0.0.1", port=0)
DAY_S = 86_400.0


def with_listeners(test: Callable[[Listeners], Awaitable[None]]) -> None:
    """Run a test with no listener open yet, and close what it leaves open."""

    async def run() -> None:
        listeners = Listeners(Ports(), Connections(TIMEOUTS), Router(), InFlight())
        await test(listeners)
        listeners.stop()

    asyncio.run(run())


async def serve(listeners: Listeners, *settings: ListenSettings) -> list[int]:
    """Put listeners in place, and return their ports."""
    plan = await listeners.prepare(settings)
    listeners.put_in_place(plan)
    return [each.getsockname()[1] for each in listeners.sockets]


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
def test_one_that_cannot_be_opened() -> None:
    """What was opened for a plan that fails is closed, and nothing else has changed."""

    async def run(listeners: Listeners) -> None:
        ports = await serve(listeners, FREE)
        with socket.create_server(("127.0.0.1", 0)) as probe:
            free = probe.getsockname()[1]
        with socket.create_server(("127.0.0.1", 0)) as taken:
            with pytest.raises(Obstacle, match="cannot listen on"):
                await listeners.prepare([at(free), at(taken.getsockname()[1])])
            socket.create_server(("127.0.0.1", free)).close()
        assert [each.getsockname()[1] for each in listeners.sockets] == ports

    with_listeners(run)


def test_plan_that_is_dropped() -> None:
    """Its ports are free again."""

    async def run(listeners: Listeners) -> None:
        plan = await listeners.prepare([FREE])
        [[opened]] = plan.sockets.values()
        port = opened.getsockname()[1]
        plan.drop()
        socket.create_server(("127.0.0.1", port)).close()
        assert listeners.sockets == []

    with_listeners(run)


def test_files_that_are_not_there(tmp_path: Path, pair: TlsSettings) -> None:
    """Other files that cannot be loaded are an obstacle; of the same ones, those in use stay."""
    missing = TlsSettings(certificate=tmp_path / "missing.pem", key=pair.key)

    async def run(listeners: Listeners) -> None:
        await serve(listeners, at(0, pair))
        with pytest.raises(Obstacle, match="No such file") as raised:
            await listeners.prepare([at(0, missing)])
        assert (raised.value.key, listeners.complaints) == ("listen[0].tls", [])
        pair.certificate.unlink()
        await serve(listeners, at(0, pair))
        [complaint] = listeners.complaints
        assert complaint.startswith("listen[0].tls: cannot be loaded: No such file")
        assert [*listeners.certificates] == [str(pair.certificate)]

    with_listeners(run)


def test_what_may_not_be_read_has_its_own_remedy() -> None:
    error = PermissionError(13, "Permission denied", "/etc/key.pem")
    assert str(tls_obstacle("listen[0].tls", error)) == (
        "listen[0].tls: cannot be loaded: Permission denied (/etc/key.pem), "
        "let the daemon's user read it"
    )


def test_complaint_is_made_once(pair: TlsSettings, caplog: pytest.LogCaptureFixture) -> None:
    """What is wrong with a certificate is logged when it is found, and when it is another thing."""

    async def run(listeners: Listeners) -> None:
        await serve(listeners, at(0, pair))
        pair.key.unlink()
        for _ in range(2):
            await serve(listeners, at(0, pair))
        pair.key.write_bytes(b"no key")
        await serve(listeners, at(0, pair))

    with_listeners(run)
    assert len([each for each in caplog.messages if "certificate not loaded" in each]) == 2


def test_warning_of_expiry(pair: TlsSettings, caplog: pytest.LogCaptureFixture) -> None:
    """Fourteen days ahead there is a warning, once a day, and another when it is too late."""
    caplog.set_level(logging.WARNING)
    told: list[list[str]] = []

    async def run(listeners: Listeners) -> None:
        await serve(listeners, at(0, pair))
        [end_s] = listeners.certificates.values()
        for ahead_d in (14.1, 13.9, 13.8, 12.8, -0.1):
            caplog.clear()
            listeners.warn_of_expiry(end_s - ahead_d * DAY_S)
            told.append(caplog.messages)

    with_listeners(run)
    soon = ["a certificate expires soon: renew it"]
    assert told == [[], soon, [], soon, ["a certificate has expired: renew it"]]
