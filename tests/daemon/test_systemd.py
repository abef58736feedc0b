"""What the daemon and a service manager tell each other."""

import json
import os
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from tests.conftest import NoteFigure
from tests.daemon.administrator import Administrator
from tests.daemon.clients import body_of
from tests.daemon.load import load, plain
from tests.daemon.manager import BY_JOURNAL, Manager, activated
from tests.daemon.process import CONFIG, request
from tests.daemon.serving import eventually, serving

TENCENT = "/callbacks/tencent"


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Return a service manager whose socket is in a folder."""
    made = Manager(f"{tmp_path}/notify")
    yield made
    made.close()


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    """Return a socket as a service manager opens it, for good."""
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as made:
        yield made


@pytest.fixture
def config(tmp_path: Path, listening: socket.socket) -> Path:
    """Return a configuration with the port of that socket."""
    file = tmp_path / "asr-daemon.yaml"
    settings = CONFIG.format(folder=tmp_path, root=tmp_path / "root", output="", limits="")
    port = listening.getsockname()[1]
    file.write_text(settings.replace("port: 0}]", f"port: {port}}}]"))
    return file


def test_life(tmp_path: Path, manager: Manager) -> None:
    """It is ready when it serves, is alive, reads anew with the time of that, and stops."""
    with serving(tmp_path, {**manager.environ, "WATCHDOG_USEC": "300000"}) as daemon:
        manager.wait_for("READY=1")
        assert manager.wait_for("STATUS=") == (
            f"STATUS=Receiving callbacks at http://127.0.0.1:{daemon.port}"
        )
        for _ in range(3):
            manager.wait_for("WATCHDOG=1", len(manager.told))
        so_far, began_s = len(manager.told), time.monotonic()
        daemon.process.send_signal(signal.SIGHUP)
        first, *more = manager.wait_for("RELOADING=1", so_far).split("\n")
        assert (first, [each.partition("=")[0] for each in more]) == (
            "RELOADING=1",
            ["MONOTONIC_USEC"],
        )
        moment_s = int(more[0].partition("=")[2]) / 1e6
        assert began_s <= moment_s <= time.monotonic()
        manager.wait_for("READY=1", so_far)
        assert daemon.stop() == 0
    assert [each for each in manager.listen() if each != "WATCHDOG=1"][-1] == "STOPPING=1"


def test_abstract_socket(tmp_path: Path) -> None:
    """A socket that is in no folder is told as well."""
    manager = Manager(f"@asr-daemon-tests-{os.getpid()}")
    with serving(tmp_path, manager.environ) as daemon:
        manager.wait_for("READY=1")
        assert daemon.stop() == 0
    assert manager.listen()[-1] == "STOPPING=1"
    manager.close()


def test_mistake(tmp_path: Path, manager: Manager) -> None:
    """`systemctl status` shows the mistake while there is one, and the reload ends with it."""
    with serving(tmp_path, manager.environ) as daemon:
        admin = Administrator(daemon, tmp_path)
        admin.applies(admin.hang_up)
        manager.wait_for("STATUS=")
        so_far = len(manager.listen())
        [problem] = admin.mistake(limits={"body": "much"})
        assert problem in manager.wait_for("STATUS=", so_far)
        manager.wait_for("READY=1", so_far)
        so_far = len(manager.told)
        admin.edit(limits={"body": "4KiB"})
        assert manager.wait_for("STATUS=", so_far).startswith("STATUS=Receiving callbacks")
    assert "WATCHDOG=1" not in manager.listen()


def test_watchdog_of_another_process(tmp_path: Path, manager: Manager) -> None:
    """A watchdog that waits for somebody else hears nothing."""
    environ = {**manager.environ, "WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"}
    with serving(tmp_path, environ) as daemon:
        manager.wait_for("STATUS=")
        daemon.process.send_signal(signal.SIGHUP)
        manager.wait_for("RELOADING=1")
    assert "WATCHDOG=1" not in manager.listen()


def test_manager_that_is_gone(tmp_path: Path, manager: Manager) -> None:
    """Whether anybody hears it makes no difference to callbacks."""
    with serving(tmp_path, manager.environ) as daemon:
        manager.close()
        Path(f"{tmp_path}/notify").unlink(missing_ok=True)
        Administrator(daemon, tmp_path).edit(limits={"body": "4KiB"})
        assert daemon.post(TENCENT, body_of("1", "x")).status == 200


def test_socket_that_was_open_before(config: Path, listening: socket.socket) -> None:
    """Whoever came before the daemon waits, and is answered when it is there."""
    port = listening.getsockname()[1]
    body = body_of("early", "x")
    with socket.create_connection(("127.0.0.1", port), 30.0) as early:
        head = f"POST {TENCENT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
        early.sendall(head.encode() + body)
        with activated(config, listening) as daemon:
            assert early.recv(100).startswith(b"HTTP/1.1 200 ")
            assert daemon.port == port


def test_listener_that_comes_back(config: Path, listening: socket.socket) -> None:
    """Whoever comes while no listener is configured for the open port waits for the next one."""
    settings, port = config.read_text(), listening.getsockname()[1]
    with activated(config, listening) as daemon, closing(plain(port)()) as later:
        config.write_text(settings.replace(f"port: {port}", "port: 0"))
        daemon.wait_for("callbacks no longer received at")
        later.request("POST", TENCENT, body_of("1", "x"))
        config.write_text(settings)
        assert later.getresponse().status == 200


def test_port_that_nobody_wants(config: Path, listening: socket.socket) -> None:
    """An open port without a listener in the configuration is said."""
    port = listening.getsockname()[1]
    config.write_text(config.read_text().replace(f"port: {port}", "port: 0"))
    with activated(config, listening) as daemon:
        daemon.wait_for(f"WARNING no listener is configured for the inherited port {port}")
        assert request(daemon.port, "POST", TENCENT, body_of("1", "x")).status == 200


@pytest.mark.parametrize(
    ("restarts", "each"), [(2, 30), pytest.param(15, 5000 // 15, marks=pytest.mark.long)]
)
def test_restarts_under_load(
    config: Path,
    listening: socket.socket,
    restarts: int,
    each: int,
    note_figure: NoteFigure,
) -> None:
    """A restart refuses nobody and resets no connection."""
    with ExitStack() as senders:
        seen = senders.enter_context(load(plain(listening.getsockname()[1])))
        for _ in range(restarts):
            with activated(config, listening):
                wanted = len(seen.answered_in_s) + each
                eventually(lambda wanted=wanted: len(seen.answered_in_s) > wanted, "load")  # type: ignore[misc]
        with activated(config, listening):
            so_far = len(seen.answered_in_s)
            eventually(lambda: len(seen.answered_in_s) > so_far, "whoever waited is answered")
            senders.close()
    note_figure("requests were answered", len(seen.answered_in_s))
    note_figure("ms the longest of them took", round(max(seen.answered_in_s) * 1000))
    assert seen.lost == []


def test_journal(tmp_path: Path) -> None:
    """Each line has its priority before it, also when the format has changed."""
    with serving(tmp_path, None, BY_JOURNAL) as daemon:
        admin = Administrator(daemon, tmp_path)
        admin.mistake(limits={"body": "much"})
        admin.edit(limits={"body": "4KiB"}, state=f"{tmp_path}/moved")
        daemon.wait_for("^<3>ERROR +configuration not applied, the previous one stays active")
        daemon.wait_for("^<4>WARNING state: a change takes effect at the next restart")
        admin.edit(log={"format": "json"})
        assert daemon.post(TENCENT, body_of("as-json", "x")).status == 200
        line = daemon.wait_for('^<6>({.*"as-json".*})$')[1]
        assert json.loads(line)["level"] == "info"
        assert daemon.stop() == 0
    assert [each for each in daemon.lines if not each.startswith("<")] == []
