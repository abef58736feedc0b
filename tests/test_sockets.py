"""Sockets to listen on: bound, inherited, or not available."""

import gc
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from errno import EACCES
from unittest.mock import Mock

import pytest

from asr_daemon.daemon.sockets import Ports, bind_problems, netloc
from asr_daemon.errors import UnusableSetting

pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
"""Tornado leaves it to Python to close a socket that could not be bound."""

LOCAL = "127.0.0.1"
ANY = "0.0.0.0"  # noqa: S104 - everywhere is the point


@pytest.fixture(autouse=True)
def opened() -> Iterator[ExitStack]:
    """Return what closes sockets at the end."""
    with ExitStack() as stack:
        yield stack
    gc.collect()


def open_one(opened: ExitStack, ports: Ports, address: str, port: int) -> socket.socket:
    """Open a port that is one socket."""
    [made] = ports.open(address, port, "listen[0].port")
    return opened.enter_context(made)


def refusal(address: str, port: int) -> str:
    """Return why a port cannot be opened, and what to do; keep nothing of what was tried."""
    try:
        made = Ports().open(address, port, "listen[0].port")
    except UnusableSetting as error:
        return str(error)
    for each in made:
        each.close()
    return ""


def test_free_port(opened: ExitStack) -> None:
    """Port 0 is one that is free, and connections are taken."""
    made = open_one(opened, Ports(), LOCAL, 0)
    with socket.create_connection(made.getsockname(), 5.0):
        pass


def test_port_that_is_taken(opened: ExitStack) -> None:
    """It is an obstacle that names the setting, the address, the reason, and what to do."""
    port = open_one(opened, Ports(), LOCAL, 0).getsockname()[1]
    assert refusal(LOCAL, port) == (
        f"listen[0].port: cannot listen on {LOCAL}:{port} (Address already in use), stop what "
        "listens there (is another asr-daemon running?), or write another port"
    )


def test_address_of_another_machine() -> None:
    """It is an obstacle."""
    assert "(Cannot assign requested address)" in refusal("192.0.2.1", 0)


def test_port_that_was_open_before(opened: ExitStack) -> None:
    """A socket that was passed on is used for its port, again and again, and stays open."""
    passed = opened.enter_context(socket.create_server((LOCAL, 0)))
    port = passed.getsockname()[1]
    ports = Ports([passed])
    for address in (ANY, LOCAL):
        again = open_one(opened, ports, address, port)
        assert again.getsockname() == (LOCAL, port)
        again.close()
    assert passed.fileno() >= 0
    assert [ports.is_inherited(each) for each in (port, port + 1)] == [True, False]


def test_ports_that_nobody_wants(opened: ExitStack) -> None:
    """They are told; sockets of another kind are no ports."""
    passed = [opened.enter_context(socket.create_server((LOCAL, 0))) for _ in range(2)]
    other = opened.enter_context(socket.socket(socket.AF_UNIX))
    ports = Ports([*passed, other])
    one, two = (each.getsockname()[1] for each in passed)
    assert ports.unused([one, 8787]) == [two]


@pytest.mark.parametrize(
    ("address", "text"), [("127.0.0.1", "127.0.0.1:80"), ("::1", "[::1]:80"), ("host", "host:80")]
)
def test_netloc(address: str, text: str) -> None:
    """An address of IPv6 is in brackets, as in a URL."""
    assert netloc(address, 80) == text


def test_trying_out_a_port(opened: ExitStack) -> None:
    """Nobody finds the port open meanwhile, and one that is taken is nothing to complain of."""
    free = opened.enter_context(socket.create_server((LOCAL, 0))).getsockname()[1]
    opened.close()
    assert bind_problems(LOCAL, free, "listen[0].port") == []
    again = opened.enter_context(socket.create_server((LOCAL, free)))
    assert bind_problems(LOCAL, again.getsockname()[1], "listen[0].port") == []
    assert bind_problems(ANY, free, "listen[0].port") == []


@pytest.mark.parametrize("address", [LOCAL, "::1", "localhost", ANY, "::"])
def test_addresses_of_this_machine(address: str) -> None:
    """They can be listened on, in either family."""
    assert bind_problems(address, 0, "admin.port") == []


def test_address_that_is_down_is_no_problem_where_its_port_is_listened_on(
    opened: ExitStack,
) -> None:
    """As systemd may do, which passes its socket on."""
    listening = opened.enter_context(socket.create_server((ANY, 0)))
    [found] = bind_problems("192.0.2.1", 0, "listen[0].port")
    assert "(Cannot assign requested address)" in str(found)
    assert bind_problems("192.0.2.1", listening.getsockname()[1], "listen[0].port") == []


def test_privileged_port_is_no_problem_where_it_is_listened_on(
    opened: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise systemd is proposed."""
    served = opened.enter_context(socket.create_server((LOCAL, 0))).getsockname()[1]
    denied = Mock(side_effect=PermissionError(EACCES, "Permission denied"))
    monkeypatch.setattr("asr_daemon.daemon.sockets.socket.socket.bind", denied)
    assert bind_problems(LOCAL, served, "listen[0].port") == []
    assert bind_problems(ANY, served, "listen[0].port") == []
    [found] = bind_problems(LOCAL, 1, "listen[0].port")
    assert str(found).endswith(
        "cannot listen on 127.0.0.1:1 (Permission denied), "
        "write a port above 1023, or let systemd open it (asr-daemon.socket)"
    )
