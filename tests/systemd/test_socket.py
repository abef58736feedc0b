"""The port that systemd holds: restarts refuse nobody, and 443 needs no privilege."""

import json

import pytest

from tests.conftest import NoteFigure
from tests.daemon.serving import eventually
from tests.systemd.machine import SOURCE, Machine
from tests.test_readme import block

pytestmark = pytest.mark.long

RESTARTS = 15
REQUESTS = 5_000
URL = "http://127.0.0.1:8787/callbacks/tencent"
STOP = "/run/enough"
OPERATIONS = (SOURCE / "docs/operations.md").read_text()


def test_restarts_refuse_nobody(machine: Machine, note_figure: NoteFigure) -> None:
    """Every callback is acknowledged while the daemon is restarted again and again."""
    machine.run("systemctl enable asr-daemon.socket; systemctl restart asr-daemon")
    load = machine.start(f"python3 tests/systemd/load.py {URL} {REQUESTS} {STOP}")
    for _ in range(RESTARTS):
        machine.run("systemctl restart asr-daemon")
    machine.run(f"touch {STOP}")
    output, _ = load.communicate()
    outcome = json.loads(output)
    note_figure("requests during 15 restarts", outcome["sent"])
    note_figure("ms the slowest took", round(outcome["slowest_s"] * 1000))
    assert outcome["trouble"] == []
    assert outcome["sent"] >= REQUESTS
    committed = machine.run("find /var/lib/asr-daemon/transcripts -name '*.json' | wc -l")
    assert int(committed) == outcome["sent"]


def test_port_443(machine: Machine) -> None:
    """The daemon serves a privileged port that the socket unit opens."""
    machine.run("sed -i 's/port: 8787/port: 443/' /etc/asr-daemon/asr-daemon.yaml")
    machine.run(block("sh", "port.conf", OPERATIONS))
    machine.run("asr-daemon send tencent")
    # `check`, which is not allowed to bind the port, finds that it is listened on.
    machine.run("systemctl reload asr-daemon")
    assert machine.unit("NRestarts") == "0"


def test_invalid_configuration(machine: Machine) -> None:
    """With a mistake in the file, callers do not start the daemon over and over."""
    machine.run("systemctl enable asr-daemon.socket; systemctl restart asr-daemon")
    machine.run("sed -i 's/port: 8787/prt: 8787/' /etc/asr-daemon/asr-daemon.yaml")
    assert machine.attempt("systemctl restart asr-daemon").returncode != 0
    call = "python3 -c \"import socket; socket.create_connection(('127.0.0.1', 8787)).close()\""
    machine.attempt(call)
    given_up = "[ $(systemctl is-active asr-daemon.socket) = failed ]"
    eventually(lambda: machine.attempt(given_up).returncode == 0, "the socket gives up", 60)
    assert machine.journal().count("did you mean port") <= 15
    machine.run("sed -i 's/prt: 8787/port: 8787/' /etc/asr-daemon/asr-daemon.yaml")
    machine.run("systemctl restart asr-daemon; asr-daemon send tencent")
    assert machine.run("systemctl is-active asr-daemon.socket") == "active"
