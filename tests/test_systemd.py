"""What passes between a service manager and the daemon."""

import errno
import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_daemon.daemon.systemd import Manager


@pytest.fixture
def told(tmp_path: Path) -> Iterator[socket.socket]:
    """Return the manager's end of `NOTIFY_SOCKET`, which is `notify` in the folder."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(f"{tmp_path}/notify")
        made.settimeout(5.0)
        yield made


def test_notifications(tmp_path: Path, told: socket.socket) -> None:
    """Each is one datagram; a status is one line."""
    manager = Manager({"NOTIFY_SOCKET": f"{tmp_path}/notify"})
    manager.ready()
    manager.alive()
    manager.status("one\nand  two")
    manager.stopping()
    received = [told.recv(999) for _ in range(4)]
    assert received == [b"READY=1", b"WATCHDOG=1", b"STATUS=one and two", b"STOPPING=1"]
    manager.reloading()
    assert re.fullmatch(rb"RELOADING=1\nMONOTONIC_USEC=\d+", told.recv(999))


def test_nobody_listens(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Without a manager nothing is told; one that is gone is a warning."""
    Manager({}).ready()
    assert caplog.messages == []
    Manager({"NOTIFY_SOCKET": f"{tmp_path}/nowhere"}).ready()
    assert caplog.messages == ["service manager not notified of READY: No such file or directory"]


def test_no_descriptor_is_left(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Running out of them is a warning, and no reason to stop telling."""

    def none_left(*arguments: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(socket, "socket", none_left)
    Manager({"NOTIFY_SOCKET": "/nowhere"}).alive()
    assert caplog.messages == ["service manager not notified of WATCHDOG: Too many open files"]


@pytest.mark.parametrize(
    ("environ", "watchdog_s"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "1500000"}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": str(os.getpid())}, 1.5),
        ({"WATCHDOG_USEC": "1500000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_watchdog(environ: dict[str, str], watchdog_s: float | None) -> None:
    """There is one if it is meant for this process, and has a time."""
    assert Manager(environ).watchdog_s == watchdog_s


def test_journal() -> None:
    """A descriptor goes to the journal if its device and inode are the journal's."""
    reading, writing = os.pipe()
    status = os.fstat(writing)
    manager = Manager({"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"})
    with open(os.devnull, "wb") as elsewhere:
        assert manager.is_journal(writing)
        assert not manager.is_journal(elsewhere.fileno())
        assert not Manager({}).is_journal(writing)
    os.close(reading)
    os.close(writing)


@pytest.mark.parametrize(
    "environ", [{}, {"LISTEN_FDS": "1"}, {"LISTEN_FDS": "1", "LISTEN_PID": "1"}]
)
def test_sockets_of_nobody_or_another(environ: dict[str, str]) -> None:
    """Sockets that were not passed on to this process are left alone."""
    assert Manager(environ).sockets() == []


def test_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets that were passed on are taken, and not passed on further."""
    passed = socket.create_server(("127.0.0.1", 0))
    address, descriptor = passed.getsockname(), passed.detach()
    os.set_inheritable(descriptor, True)
    monkeypatch.setattr("asr_daemon.daemon.systemd.FIRST_DESCRIPTOR", descriptor)
    [taken] = Manager({"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}).sockets()
    assert taken.getsockname() == address
    assert not taken.get_inheritable()
    taken.close()
