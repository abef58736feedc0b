"""What the daemon could do to its machine if it were taken over."""

import json

import pytest

from tests.systemd.machine import SOURCE, Machine
from tests.systemd.probe import ATTEMPTS
from tests.test_readme import block

pytestmark = pytest.mark.long

OPERATIONS = (SOURCE / "docs/operations.md").read_text()
PROBE = "/usr/local/lib/probe.py"
OTHERS = f"""
install -m 644 tests/systemd/probe.py {PROBE}
useradd --create-home alice
install -d -m 777 /dev/shm/others
install -m 644 /dev/null /tmp/secret
install -m 644 /dev/null /root/secret
install -m 644 /dev/null /home/alice/secret
chmod 755 /root /home/alice
"""
"""A machine whose other users are careless."""
INSIDE = f"""
[Service]
ExecStartPre=/bin/sh -c 'exec python3 {PROBE} >/var/lib/asr-daemon/probe.json'
"""


def test_everything_is_refused(machine: Machine) -> None:
    """Inside the unit nothing works that the daemon does not need, whoever permits it."""
    machine.run(OTHERS)
    machine.write("/etc/systemd/system/asr-daemon.service.d/probe.conf", INSIDE)
    machine.run("systemctl daemon-reload; systemctl restart asr-daemon")
    outcomes = json.loads(machine.run("cat /var/lib/asr-daemon/probe.json"))
    assert outcomes.keys() == ATTEMPTS.keys()
    assert [name for name, why in outcomes.items() if why is None] == []


def test_the_probe_would_notice(machine: Machine) -> None:
    """Root outside the unit can do all of it, so each refusal is one of the unit's."""
    machine.run(OTHERS)
    outcomes = json.loads(machine.run(f"python3 {PROBE}"))
    assert {name: why for name, why in outcomes.items() if why is not None} == {}


def test_results_elsewhere(machine: Machine) -> None:
    """Another folder can be opened to the daemon, and a group of its own reads it."""
    machine.run("systemctl stop asr-daemon")
    edit = "s|/var/lib/asr-daemon/transcripts|/srv/transcripts|"
    machine.run(f"sed -i '{edit}' /etc/asr-daemon/asr-daemon.yaml")
    machine.run(block("sh", "asr-readers", OPERATIONS))
    machine.run("useradd --groups asr-readers alice; asr-daemon send tencent")
    text = machine.run("runuser -u alice -- sh -c 'cat /srv/transcripts/tencent/*/*/*/*.txt'")
    assert text
    assert machine.run("stat -c %U:%G:%a /srv/transcripts/tencent/*/*/*/*.txt") == (
        "asr-daemon:asr-readers:640"
    )
