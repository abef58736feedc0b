"""scripts/install and scripts/uninstall on a machine: what an admin has before and after."""

import pytest

from tests.daemon.serving import eventually
from tests.systemd.machine import Machine
from tests.test_readme import block

pytestmark = pytest.mark.long

RELEASES = "ls /opt/asr-daemon/releases"
CONFIG = "/etc/asr-daemon/asr-daemon.yaml"
NEXT = """
rm -rf /root/next
mkdir /root/next
cp -R setup.py pyproject.toml requirements*.lock README.md LICENSE /root/next
cp -R asr_daemon etc systemd scripts docs /root/next
sed -i 's/^__version__ = .*/__version__ = "99.0.0"/' /root/next/asr_daemon/__init__.py
cd /root/next
"""
"""Goes to a copy that is a version of its own."""


def test_readme(bare: Machine) -> None:
    """The README's lines, pasted into a fresh Debian, make a running daemon and a transcript."""
    bare.run(block("sh", "scripts/install"))
    assert bare.run("systemctl is-enabled asr-daemon") == "enabled"
    bare.run("test -e /usr/local/share/zsh/site-functions/_asr-daemon")
    assert bare.run("cat /var/lib/asr-daemon/transcripts/tencent/*/*/*/4000048858.txt")


def test_again(machine: Machine) -> None:
    """Installing the same once more changes nothing, and does not restart the daemon."""
    pid, releases = machine.main_pid(), machine.run(RELEASES)
    assert "Nothing to do" in machine.run("scripts/install")
    assert (machine.main_pid(), machine.run(RELEASES)) == (pid, releases)


def test_stopped_by_the_admin(machine: Machine) -> None:
    """A daemon that was stopped stays so."""
    machine.run("systemctl stop asr-daemon")
    assert "left so" in machine.run("scripts/install")
    assert machine.unit("ActiveState") == "inactive"


def test_image(bare: Machine) -> None:
    """With --no-start nothing runs, but will after the next boot."""
    bare.run("scripts/install --no-start")
    assert bare.unit("ActiveState") == "inactive"
    assert bare.run("systemctl is-enabled asr-daemon") == "enabled"


def test_upgrade(machine: Machine) -> None:
    """A new version takes over; one's configuration stays, and the new default is beside it."""
    machine.run(f"sed -i 's/level: info/level: debug/' {CONFIG}")
    machine.run(f"{NEXT} echo '# new' >> etc/asr-daemon.yaml; scripts/install")
    assert machine.run("asr-daemon --version") == "asr-daemon 99.0.0"
    machine.run(f"grep 'level: debug' {CONFIG}")
    machine.run(f"grep '# new' {CONFIG}.dist")
    machine.run("asr-daemon send tencent")
    assert len(machine.run(RELEASES).split()) == 2


@pytest.mark.parametrize(
    "broken",
    [
        "echo 'raise SystemExit(3)' > asr_daemon/daemon/lifecycle.py",
        "echo 'import time; time.sleep(1000)' > asr_daemon/daemon/lifecycle.py",
        "sed -i 's/^ProtectSystem=.*/BindPaths=\\/nowhere/' systemd/asr-daemon.service",
    ],
    ids=["ends", "hangs", "unit"],
)
def test_broken_upgrade(machine: Machine, broken: str) -> None:
    """A version that does not get ready gives way to the one before it, and to its units."""
    machine.run(f"echo '# mine' >> {CONFIG}")
    releases, default = machine.run(RELEASES), machine.run("cat etc/asr-daemon.yaml | wc -l")
    install = "ASR_DAEMON_READY_TIMEOUT_S=5 scripts/install"
    done = machine.attempt(f"{NEXT} echo '# new' >> etc/asr-daemon.yaml; {broken}; {install}")
    assert done.returncode == 1
    assert "is running again" in done.stderr
    assert done.stdout.count("is left as it is") == 1
    assert machine.run(f"cat {CONFIG}.dist | wc -l") == default
    assert machine.run(RELEASES) == releases
    assert "nowhere" not in machine.run("systemctl cat asr-daemon")
    machine.run("asr-daemon send tencent")


def test_upgrade_that_cannot_be_put_in_place(machine: Machine) -> None:
    """The version before it is in place again, and goes on running."""
    pid, releases = machine.main_pid(), machine.run(RELEASES)
    done = machine.attempt(f"{NEXT} echo junk >> systemd/asr-daemon.sysusers; scripts/install")
    assert done.returncode == 1
    assert "goes on running" in done.stderr
    assert (machine.main_pid(), machine.run(RELEASES)) == (pid, releases)
    assert machine.run("asr-daemon --version") != "asr-daemon 99.0.0"
    assert "junk" not in machine.run("cat /usr/local/lib/sysusers.d/asr-daemon.conf")


@pytest.mark.parametrize("number", ["HUP", "INT", "TERM"])
def test_upgrade_that_is_interrupted(machine: Machine, number: str) -> None:
    """Whoever loses the connection, or patience, has the version before it."""
    hang = "echo 'import time; time.sleep(1000)' > asr_daemon/daemon/lifecycle.py"
    install = machine.start(f"{NEXT} {hang}; echo $$ > /run/pid; exec setsid scripts/install")
    starting = "[ $(systemctl is-active asr-daemon) = activating ]"
    eventually(lambda: machine.attempt(starting).returncode == 0, "it is started", 60)
    machine.run(f"kill -{number} -$(cat /run/pid)")
    install.communicate()
    assert machine.run("asr-daemon --version") != "asr-daemon 99.0.0"
    machine.run("asr-daemon send tencent")


def test_upgrade_with_a_mistake_in_the_file(machine: Machine) -> None:
    """A daemon that runs, and would not start again, is left alone until the mistake is mended."""
    pid, releases = machine.main_pid(), machine.run(RELEASES)
    machine.run(f"cp {CONFIG} /root/good; echo 'admin: {{prt: 1}}' > {CONFIG}")
    told = "[ $(systemctl show -P StatusText asr-daemon | grep -c 'did you mean .port.') = 1 ]"
    eventually(lambda: machine.attempt(told).returncode == 0, "it is noticed")
    done = machine.attempt(f"{NEXT} scripts/install")
    assert done.returncode == 1
    assert f'{CONFIG}:1: admin.prt: unknown setting; did you mean "port"?' in done.stderr
    assert (machine.main_pid(), machine.run(RELEASES)) == (pid, releases)
    machine.run(f"cp /root/good {CONFIG}; sleep 2; {NEXT} scripts/install")
    assert machine.run("asr-daemon --version") == "asr-daemon 99.0.0"


def test_pip_fails(machine: Machine) -> None:
    """Where packages cannot be had nothing changes."""
    pid, releases = machine.main_pid(), machine.run(RELEASES)
    done = machine.attempt("PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 scripts/install")
    assert done.returncode != 0
    assert (machine.main_pid(), machine.run(RELEASES)) == (pid, releases)


def test_uninstall(machine: Machine) -> None:
    """Uninstalling leaves configuration and results, and nothing else; twice does no harm."""
    machine.run("asr-daemon send tencent; systemctl enable asr-daemon.socket")
    machine.write("/etc/asr-daemon/asr-daemon.yaml.dist", "# A default of ours.")
    drop_in = "/etc/systemd/system/asr-daemon.socket.d"
    machine.write(f"{drop_in}/mine.conf", "[Socket]\nBacklog=9\n")
    said = machine.run("scripts/uninstall").split()
    assert {"/etc/asr-daemon", "/var/lib/asr-daemon", drop_in} <= set(said)
    machine.run(f"test -e {CONFIG}; cat /var/lib/asr-daemon/transcripts/tencent/*/*/*/*.txt")
    left = machine.run(
        "find / -xdev -name '*asr-daemon*' -not -path '/root/*' -not -path '/proc/*'"
    )
    assert sorted(left.split()) == sorted(
        [CONFIG.rpartition("/")[0], CONFIG, drop_in, "/var/lib/asr-daemon"]
    )
    assert "could not be found" in machine.attempt("systemctl status asr-daemon").stderr
    machine.run("scripts/uninstall")


def test_back_again(machine: Machine) -> None:
    """What was uninstalled can be installed again, with its configuration and results."""
    machine.run(f"sed -i 's|path: /callbacks/tencent|path: /mine|' {CONFIG}")
    machine.run("/opt/asr-daemon/current/uninstall; scripts/install; asr-daemon send tencent")
    machine.run(f"grep 'path: /mine' {CONFIG}")
