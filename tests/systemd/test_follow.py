"""asr-daemon-follow@.service runs a program for each result, and keeps its place."""

import pytest

from tests.daemon.serving import eventually
from tests.systemd.machine import Machine
from tests.systemd.test_install import NEXT

pytestmark = pytest.mark.long

KEEP = '#!/bin/sh\nset -e\n[ ! -e broken ]\necho "$ASR_DAEMON_ID $1" >>kept\n'
HOME = "/var/lib/asr-daemon-follow/keep"
TREE = "/var/lib/asr-daemon/transcripts"


def kept(machine: Machine) -> list[str]:
    """Return the ids of what the program has taken."""
    return machine.attempt(f"cut -d ' ' -f 1 {HOME}/kept").stdout.split()


def test_program_is_run_for_each_result(machine: Machine) -> None:
    machine.write("/etc/asr-daemon/follow/keep", KEEP, "755")
    machine.run("systemctl enable --now asr-daemon-follow@keep")
    machine.run("asr-daemon send tencent --count 3")
    first = ["4000048858", "4000048859", "4000048860"]
    eventually(lambda: kept(machine) == first, "three results are taken")
    path = machine.run(f"ls {TREE}/tencent/*/*/*/4000048858.json")
    assert machine.run(f"head -1 {HOME}/kept") == f"4000048858 {path}"
    machine.run("systemctl stop asr-daemon-follow@keep")
    machine.run("asr-daemon send huawei; systemctl restart asr-daemon")
    machine.run(f"touch {HOME}/broken; systemctl start asr-daemon-follow@keep")
    failed = "journalctl -u asr-daemon-follow@keep | grep 'failed with status 1; next try in 1 s'"
    eventually(lambda: machine.attempt(failed).returncode == 0, "a failure is reported")
    machine.run(f"rm {HOME}/broken")
    eventually(lambda: kept(machine) == [*first, "FJKkMeepk8l"], "the next result is taken")
    pid = machine.run("systemctl show -P MainPID asr-daemon-follow@keep")
    machine.run(f"{NEXT} scripts/install")
    restarted = "systemctl show -P MainPID asr-daemon-follow@keep"
    eventually(lambda: machine.run(restarted) not in ("0", pid), "it runs the new version")
    machine.run("scripts/uninstall")
    assert machine.run("find /etc/systemd /usr/local/lib/systemd -name 'asr-daemon-follow@*'") == ""
