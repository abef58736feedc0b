"""Listeners are added, removed and moved while the daemon serves."""

import os
import socket
from collections.abc import Iterator, Sequence
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import NoteFigure
from tests.daemon.administrator import Administrator, administered
from tests.daemon.clients import TENCENT_PATH, body_of
from tests.daemon.load import load, plain
from tests.daemon.pairs import Authority, secure
from tests.daemon.process import request
from tests.daemon.resources import resources
from tests.daemon.serving import eventually
from tests.free_port import free_port

LOCAL = "127.0.0.1"
ANY = "0.0.0.0"  # noqa: S104 - everywhere is the point
BY_THE_KERNEL = ("ConnectionRefusedError", "ConnectionResetError", "BrokenPipeError")


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Administrator]:
    """Run a daemon, and return who edits its configuration."""
    providers = {"tencent": {"allow": ["127.0.0.0/8"]}, "huawei": {"enabled": False}}
    with administered(tmp_path, providers=providers) as started:
        yield started


def at(port: int, address: str = LOCAL) -> dict[str, Any]:
    """Return the settings of a listener."""
    return {"address": address, "port": port}


def post(port: int) -> int:
    """Post a result, and return the status."""
    return request(port, "POST", TENCENT_PATH, body_of("1", "x")).status


def is_refused(port: int) -> bool:
    """Say whether nobody listens at a port."""
    try:
        socket.create_connection((LOCAL, port), 5.0).close()
    except (ConnectionRefusedError, ConnectionResetError):  # the latter if it closes meanwhile
        return True
    return False


def ask(connection: HTTPConnection) -> tuple[int, str | None]:
    """Post a result; return the status, and what is said of the connection."""
    connection.request("POST", TENCENT_PATH, body_of("1", "x"))
    answer = connection.getresponse()
    assert answer.read()
    return answer.status, answer.getheader("Connection")


def test_added_and_removed(admin: Administrator) -> None:
    """A listener more is served, one less is closed; connections to that end with their answer."""
    port, first = free_port(), admin.daemon.port
    admin.edit(listen=[at(0), at(port)])
    assert admin.facts()["listeners"] == [f"http://{LOCAL}:{first}", f"http://{LOCAL}:{port}"]
    kept = HTTPConnection(LOCAL, port, timeout=30.0)
    assert ask(kept) == (200, None)
    admin.edit(listen=[at(0)])
    assert is_refused(port)
    assert ask(kept) == (200, "close")
    assert post(first) == 200


def move(admin: Administrator, port: int, addresses: Sequence[str]) -> int:
    """Have a port listened on at one address after another, under load.

    Open connections are served on. Return how many new ones were refused or reset by the kernel,
    in the moment between two listeners.
    """
    with load(plain(port)) as seen:
        for address in addresses:
            kept = plain(port)()
            assert ask(kept) == (200, None)
            before = len(seen.answered_in_s)
            admin.edit(listen=[at(port, address)])
            assert ask(kept) == (200, "close")
            eventually(lambda before=before: len(seen.answered_in_s) > before + 20, "load")  # type: ignore[misc]
    assert [line for line in seen.lost if not any(name in line for name in BY_THE_KERNEL)] == []
    return len(seen.lost)


def test_overlapping_address(admin: Administrator) -> None:
    """From one address to all, back, and to its name."""
    port = free_port()
    admin.edit(listen=[at(port)])
    assert move(admin, port, [ANY, LOCAL, "localhost"]) < 6


@pytest.mark.long
def test_many_overlapping_addresses(admin: Administrator, note_figure: NoteFigure) -> None:
    """The same two hundred times; most moves refuse nobody."""
    port = free_port()
    admin.edit(listen=[at(port)])
    refused = move(admin, port, [ANY, LOCAL] * 100)
    note_figure("new connections were refused or reset by 200 moves", refused)
    assert refused < 100


def test_tls_at_the_same_port(admin: Administrator, tmp_path: Path) -> None:
    """New connections speak TLS, or no more; those that are open go on as they began."""
    authority, port = Authority(), free_port()
    pair = authority.issue()
    (tmp_path / "both.pem").write_bytes(pair.certificate + pair.key)
    tls = {"certificate": f"{tmp_path}/both.pem", "key": f"{tmp_path}/both.pem"}
    admin.edit(listen=[at(port)])
    bare, secured = plain(port)(), secure(port, authority.context())()
    assert ask(bare) == (200, None)
    admin.edit(listen=[{**at(port), "tls": tls}])
    assert [ask(bare), ask(secured)] == [(200, None)] * 2
    assert admin.facts()["listeners"] == [f"https://{LOCAL}:{port}"]
    admin.edit(listen=[at(port)])
    assert [ask(bare), ask(secured), (post(port), None)] == [(200, None)] * 3
    bare.close()
    secured.close()


def test_admin_waits_for_a_restart(admin: Administrator) -> None:
    """It stays where it is, and says so; listeners that changed with it are in use."""
    port, other = admin.daemon.admin_port, free_port()
    admin.edit(admin=at(other), listen=[at(0), at(free_port())])
    assert admin.daemon.get("/readyz") == (
        200,
        b"ready\nadmin: a change takes effect at the next restart\n",
    )
    assert len(admin.facts()["listeners"]) == 2
    assert is_refused(other)
    admin.edit(admin=at(0))
    assert request(port, "GET", "/readyz") == (200, b"ready\n")


def test_port_that_is_taken(admin: Administrator) -> None:
    """Everything in the file is refused, with what to do; when the port is free it is taken."""
    other = free_port()
    with socket.create_server((LOCAL, 0)) as server:
        port = server.getsockname()[1]
        [problem] = admin.mistake(listen=[at(other), at(port)], limits={"body": "4KiB"})
        assert f": listen[1].port: cannot listen on {LOCAL}:{port} (Address already" in problem
        assert problem.startswith(f"{admin.file}:")
        assert (is_refused(other), post(admin.daemon.port)) == (True, 200)
        large = body_of("1", "x" * 5000)
        assert admin.daemon.post(TENCENT_PATH, large).status == 200
    admin.applies(admin.hang_up)
    assert [post(other), post(port)] == [200, 200]
    assert request(port, "POST", TENCENT_PATH, large).status == 413


@pytest.mark.long
def test_many_reloads(admin: Administrator, tmp_path: Path, note_figure: NoteFigure) -> None:
    """Five hundred changes of everything at once leave nothing behind."""
    pair = Authority().issue()
    (tmp_path / "both.pem").write_bytes(pair.certificate + pair.key)
    tls = {"certificate": f"{tmp_path}/both.pem", "key": f"{tmp_path}/both.pem"}
    port = free_port()
    choices: list[list[dict[str, Any]]] = [
        [at(0), at(port)],
        [at(0), {**at(port), "tls": tls}],
        [at(0), at(port, ANY)],
        [at(0)],
    ]
    before = resources(admin.daemon)
    for number in range(500):
        output = {"duplicate_window": f"{1 + number % 3}h", "file_mode": f"06{number % 2}0"}
        admin.edit(listen=choices[number % 4], output=output, log={"format": "text"})
        if number == 100:
            before = resources(admin.daemon)
    after = resources(admin.daemon)
    note_figure("KiB of memory were gained by 400 reloads", after.memory_kib - before.memory_kib)
    assert after.memory_kib - before.memory_kib < 4096
    assert after.threads <= before.threads + (os.cpu_count() or 1) + 4
    # Files that are just being looked at, and whoever has just asked, come and go.
    eventually(
        lambda: resources(admin.daemon).descriptors <= before.descriptors + 2, "all are closed"
    )
