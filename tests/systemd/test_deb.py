"""The Debian package on a machine."""

import pytest

from tests.daemon.serving import eventually
from tests.systemd.machine import Machine

pytestmark = pytest.mark.long

CONFIG = "/etc/asr-daemon/asr-daemon.yaml"
BUILD = "scripts/deb /root/dist"
INSTALL = "dpkg --install /root/dist/*.deb"
FOLLOWER = "systemctl show asr-daemon-follow@keep"
LEFT = "find / -xdev -name '*asr-daemon*' -not -path '/root/*' -not -path '/proc/*'"


def test_package(bare: Machine) -> None:
    """It installs, serves, upgrades, is removed and purged cleanly; results stay."""
    bare.run(f"{BUILD}; {INSTALL}; asr-daemon send tencent; asr-daemon send huawei")
    assert bare.run("systemctl is-enabled asr-daemon") == "enabled"
    assert bare.run("dpkg --verify asr-daemon") == ""
    bare.run("test -e /usr/share/zsh/vendor-completions/_asr-daemon")

    pid = bare.main_pid()
    bare.run(f"sed -i 's/level: info/level: debug/' {CONFIG}; {INSTALL}; asr-daemon send tencent")
    assert bare.main_pid() != pid

    bare.run("dpkg --remove asr-daemon")
    assert "could not be found" in bare.attempt("systemctl status asr-daemon").stderr
    bare.run(f"{INSTALL}; grep 'level: debug' {CONFIG}; asr-daemon send tencent")

    bare.run("dpkg --purge asr-daemon")
    assert bare.run(LEFT) == "/var/lib/asr-daemon"
    assert bare.run("find /var/lib/asr-daemon/transcripts -name '*.txt'")


def test_programs_for_results_are_restarted_at_upgrade_and_stopped_at_removal(
    bare: Machine,
) -> None:
    bare.run(f"{BUILD}; {INSTALL}")
    bare.write("/etc/asr-daemon/follow/keep", "#!/bin/sh\n", "755")
    bare.run("systemctl enable --now asr-daemon-follow@keep; asr-daemon send tencent")
    pid = bare.run(f"{FOLLOWER} -P MainPID")
    bare.run(INSTALL)
    eventually(lambda: bare.run(f"{FOLLOWER} -P MainPID") not in ("0", pid), "it is restarted")
    bare.run("dpkg --remove asr-daemon")
    assert bare.run(f"{FOLLOWER} -P ActiveState") == "inactive"
    assert bare.run("pgrep --full 'asr-daemon follow' || true") == ""
    bare.run(f"{INSTALL}; systemctl start asr-daemon-follow@keep; dpkg --purge asr-daemon")
    assert bare.run("find /etc/systemd -name 'asr-daemon*'") == ""


def test_mistake_in_the_file(bare: Machine) -> None:
    """A daemon that runs, and would not start again, is not restarted by an upgrade."""
    bare.run(f"{BUILD}; {INSTALL}")
    pid = bare.main_pid()
    bare.run(f"cp {CONFIG} /root/good; echo 'admin: {{prt: 1}}' > {CONFIG}")
    told = "[ $(systemctl show -P StatusText asr-daemon | grep -c 'did you mean .port.') = 1 ]"
    eventually(lambda: bare.attempt(told).returncode == 0, "it is noticed")
    assert f"{CONFIG}:1: admin.prt: unknown setting" in bare.run(f"{INSTALL} 2>&1")
    assert bare.main_pid() == pid
    bare.run(f"cp /root/good {CONFIG}; sleep 2; {INSTALL}; asr-daemon send tencent")
    assert bare.main_pid() != pid


def test_not_both(machine: Machine) -> None:
    """It is not installed over what scripts/install has put in place, and says what to do."""
    done = machine.attempt(f"{BUILD}; {INSTALL}")
    assert done.returncode != 0
    assert "/opt/asr-daemon/current/uninstall" in done.stderr
    machine.run(f"scripts/uninstall; {INSTALL}; asr-daemon send tencent")
    done = machine.attempt("scripts/install")
    assert done.returncode == 1
    assert "package asr-daemon is installed" in done.stderr
