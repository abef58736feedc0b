"""The daemon as a service: what systemd and its admin see of it."""

import re

import pytest

from tests.conftest import NoteFigure
from tests.daemon.serving import eventually
from tests.systemd.machine import Machine

pytestmark = pytest.mark.long

CONFIG = "/etc/asr-daemon/asr-daemon.yaml"


def test_callbacks(machine: Machine) -> None:
    """Both vendors' callbacks become files, which members of the group can read."""
    machine.run("useradd --groups asr-daemon alice; useradd bob")
    machine.run("asr-daemon send tencent; asr-daemon send huawei")
    read = "cat /var/lib/asr-daemon/transcripts/*/*/*/*/*.txt"
    assert machine.run(f"runuser -u alice -- sh -c '{read}'")
    assert machine.attempt(f"runuser -u bob -- sh -c '{read}'").returncode != 0


def test_large_body(machine: Machine) -> None:
    """The sandbox lets the daemon start the child process that converts it."""
    body = "code=0&requestId=large&text=" + 6_000_000 * "x"
    machine.write("/root/large", body)
    machine.run("asr-daemon send tencent --file /root/large")
    transcript = machine.run("cat /var/lib/asr-daemon/transcripts/tencent/*/*/*/large.txt")
    assert len(transcript) == 6_000_000


def test_retention(machine: Machine) -> None:
    """With the lines uncommented old results go, though they are read daily; others stay."""
    machine.run(
        "sed 's/^#\\([ex] \\)/\\1/' /usr/local/lib/tmpfiles.d/asr-daemon.conf"
        " > /etc/tmpfiles.d/asr-daemon.conf"
    )
    machine.run("asr-daemon send tencent; asr-daemon send huawei")
    machine.run(
        "cd /var/lib/asr-daemon/transcripts; touch -d '91 days ago' tencent/*/*/*/*;"
        " cat tencent/*/*/*/*.json; touch -d '91 days ago' .staging/mine"
    )
    machine.run("systemd-tmpfiles --clean asr-daemon.conf")
    left = machine.run(
        "cd /var/lib/asr-daemon/transcripts; find . -name '*.*' -type f; ls .staging"
    )
    assert "tencent" not in left
    assert left.count("./huawei/") == 2
    assert "mine" in left
    machine.run("asr-daemon send tencent --count 2")


def test_readers_may_move_results(machine: Machine) -> None:
    """Members of the group take results out of the tree if the folders' mode lets them."""
    machine.run("useradd --create-home --groups asr-daemon alice")
    machine.run(f"sed -i 's/0750/0770/' {CONFIG}; systemctl reload asr-daemon")
    machine.run("asr-daemon send tencent")
    take = "mv /var/lib/asr-daemon/transcripts/tencent/*/*/*/*.json ~alice/"
    machine.run(f"runuser -u alice -- sh -c '{take}'; test -e ~alice/4000048858.json")


def test_readers_cannot_read_secrets(machine: Machine) -> None:
    """A secret that root leaves next to the configuration is the daemon's alone."""
    machine.run("useradd --groups asr-daemon alice; echo secret > /etc/asr-daemon/tencent.key")
    read = "-- cat /etc/asr-daemon/tencent.key"
    assert machine.run(f"runuser -u asr-daemon {read}") == "secret"
    assert machine.attempt(f"runuser -u alice {read}").returncode != 0


def test_daemon_cannot_change_its_configuration(machine: Machine) -> None:
    machine.run("install -m 640 /dev/null /etc/asr-daemon/tencent.key")
    owners = machine.run("stat --format='%U:%G %a' /etc/asr-daemon /etc/asr-daemon/*.*").split("\n")
    assert owners == [
        "root:asr-daemon-config 2750",
        "root:asr-daemon-config 777",  # the link to the schema
        "root:asr-daemon-config 640",
        "root:asr-daemon-config 640",
    ]
    for attempt in (f"sh -c 'echo >> {CONFIG}'", "touch /etc/asr-daemon/new"):
        assert machine.attempt(f"runuser -u asr-daemon -- {attempt}").returncode != 0


def test_credentials(machine: Machine) -> None:
    """A secret that only root can read reaches the daemon as a credential."""
    machine.run("install -m 600 /dev/null /root/key; echo 0123456789abcdef > /root/key")
    drop_in = "[Service]\nLoadCredential=tencent.key:/root/key\n"
    machine.write("/etc/systemd/system/asr-daemon.service.d/key.conf", drop_in)
    machine.run(f"sed -i 's/#key: !file tencent.key/key: !file tencent.key/' {CONFIG}")
    machine.run("systemctl daemon-reload; systemctl restart asr-daemon")
    url = "http://127.0.0.1:8787/callbacks/tencent"
    sending = "asr-daemon send tencent --config /dev/null --url"
    assert machine.attempt(f"{sending} {url}").returncode == 1
    machine.run(f"{sending} '{url}?key=0123456789abcdef'")
    machine.run("systemctl reload asr-daemon")


def test_credentials_that_a_container_clears(machine: Machine) -> None:
    """As LXC does with a drop-in for every unit: the log says so, and one that is later helps."""
    credential = "[Service]\nLoadCredential=tencent.key:/root/key\n"
    folder = "/etc/systemd/system/asr-daemon.service.d"
    machine.run("install -m 600 /dev/null /root/key; echo 0123456789abcdef > /root/key")
    machine.run(f"sed -i 's/#key: !file tencent.key/key: !file tencent.key/' {CONFIG}")
    machine.write(f"{folder}/key.conf", credential)
    clear = "[Service]\nLoadCredential=\n"
    machine.write("/run/systemd/system/service.d/zzz-lxc-service.conf", clear)
    machine.run("systemctl daemon-reload")
    assert machine.attempt("systemctl restart asr-daemon").returncode != 0
    assert (
        "providers.tencent.key: no such file: /etc/asr-daemon/tencent.key "
        "($CREDENTIALS_DIRECTORY is not set: no LoadCredential= is in effect); create it, or look "
        "for an empty LoadCredential= of a container in systemctl cat"
    ) in machine.journal()
    machine.write(f"{folder}/zzzz-credentials.conf", credential)
    machine.run("systemctl daemon-reload; systemctl reset-failed; systemctl restart asr-daemon")


PRIVATE_MOUNT = """
import ctypes, os, struct

descriptor = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={descriptor},rootmode=40000,user_id=1234,group_id=1234"
assert ctypes.CDLL(None).mount(b"x", b"/srv/calls/results", b"fuse", 0, options.encode()) == 0
while request := os.read(descriptor, 1 << 17):
    _, operation, number = struct.unpack_from("<IIQ", request)
    # To the first, what version is spoken; to all others, that they are not implemented.
    answer = struct.pack("<II56x", 7, 31) if operation == 26 else b""
    error = 0 if operation == 26 else -38
    os.write(descriptor, struct.pack("<IiQ", 16 + len(answer), error, number) + answer)
"""
"""A mount of another user's, which FUSE lets nobody else enter, root included."""


def test_mount_that_root_may_not_enter(machine: Machine) -> None:
    """Systemd fails to prepare it, and does not fail to prepare the directory above it."""
    machine.run("mknod /dev/fuse c 10 229; mkdir -p /srv/calls/results")
    machine.write("/root/mount.py", PRIVATE_MOUNT)
    machine.run("systemd-run python3 /root/mount.py")
    entered = "grep -q /srv/calls/results /proc/mounts && ! ls /srv/calls/results"
    eventually(lambda: machine.attempt(entered).returncode == 0, "root may not enter it")
    drop_in = "/etc/systemd/system/asr-daemon.service.d/output.conf"
    restart = "systemctl daemon-reload; systemctl restart asr-daemon"
    machine.write(drop_in, "[Service]\nReadWritePaths=/srv/calls/results\n")
    assert machine.attempt(restart).returncode != 0
    assert "status=226/NAMESPACE" in machine.journal()
    machine.write(drop_in, "[Service]\nReadWritePaths=/srv/calls\nNoExecPaths=/srv/calls\n")
    machine.run(restart)
    mounts = machine.run(f"cat /proc/{machine.main_pid()}/mounts")
    *_, options = re.findall(r"^x /srv/calls/results fuse (\S+)", mounts, re.MULTILINE)
    assert options.split(",")[0] == "rw"


def test_units_as_installed(machine: Machine) -> None:
    """Systemd has nothing to say about the units in their place."""
    done = machine.attempt("systemd-analyze verify --man=no asr-daemon.service asr-daemon.socket")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_status(machine: Machine) -> None:
    """`systemctl status` shows a sentence of the daemon's."""
    assert "Receiving callbacks at http://127.0.0.1:8787" in machine.unit("StatusText")
    assert machine.run("asr-daemon status")


def test_edit(machine: Machine, note_figure: NoteFigure) -> None:
    """An edit takes effect by itself, in the same process."""
    pid = machine.main_pid()
    machine.run(f"sed -i 's|path: /callbacks/tencent|path: /elsewhere|' {CONFIG}")
    elsewhere = "asr-daemon send tencent"
    took_s = eventually(lambda: machine.attempt(elsewhere).returncode == 0, "it is used", 10)
    note_figure("ms until it was in force, at most", round(1000 * took_s))
    assert machine.main_pid() == pid


def test_reload(machine: Machine) -> None:
    """`systemctl reload` applies an edit in the same process."""
    pid = machine.main_pid()
    machine.run(f"sed -i 's|path: /callbacks/tencent|path: /elsewhere|' {CONFIG}")
    machine.run("systemctl reload asr-daemon; asr-daemon send tencent")
    assert machine.main_pid() == pid


def test_careless_reload(machine: Machine) -> None:
    """With a mistake `systemctl reload` fails, the journal says why, and the daemon serves on."""
    pid = machine.main_pid()
    machine.run(f"cp {CONFIG} /root/good; sed -i 's/port: 8787/prt: 8787/' {CONFIG}")
    assert machine.attempt("systemctl reload asr-daemon").returncode != 0
    assert 'listen[0].prt: unknown setting; did you mean "port"?' in machine.journal()
    machine.run("asr-daemon send tencent --config /root/good")
    assert machine.main_pid() == pid


def test_killed(machine: Machine, note_figure: NoteFigure) -> None:
    """After kill -9 the daemon runs again within a few seconds."""
    pid = machine.main_pid()
    machine.run("systemctl kill --signal=KILL asr-daemon")
    note_figure("ms until it ran again", round(1000 * _runs_again(machine, pid)))


def test_busy(machine: Machine) -> None:
    """A daemon that works is not restarted, however much it has to do."""
    _watch(machine, 2)
    machine.run("timeout 60 asr-daemon send tencent --count 4000")
    assert machine.unit("NRestarts") == "0"


def test_hung(machine: Machine, note_figure: NoteFigure) -> None:
    """A daemon that does nothing any more is restarted by systemd."""
    _watch(machine, 2)
    pid = machine.main_pid()
    machine.run(f"kill -STOP {pid}")
    note_figure("ms until it ran again", round(1000 * _runs_again(machine, pid)))
    assert "Watchdog timeout" in machine.journal()


def test_disk_that_is_missing(machine: Machine) -> None:
    """A daemon that cannot start tries on until it can."""
    machine.run("mv /var/lib/asr-daemon/transcripts /var/lib/asr-daemon/away")
    machine.run("touch /var/lib/asr-daemon/transcripts")
    assert machine.attempt("systemctl restart asr-daemon").returncode != 0
    tried = "[ $(systemctl show -P NRestarts asr-daemon) -ge 6 ]"
    eventually(lambda: machine.attempt(tried).returncode == 0, "it is tried again", 60)
    machine.run("rm /var/lib/asr-daemon/transcripts")
    active = "systemctl is-active asr-daemon"
    eventually(lambda: machine.attempt(active).returncode == 0, "it runs")


def test_invalid_configuration(machine: Machine) -> None:
    """With an invalid configuration it is not tried again, and the reason is in the journal."""
    machine.run(f"sed -i 's/port: 8787/prt: 8787/' {CONFIG}")
    assert machine.attempt("systemctl restart asr-daemon").returncode != 0
    assert machine.unit("ActiveState") == "failed"
    assert f"{CONFIG}:" in machine.journal()


def _watch(machine: Machine, watchdog_s: int) -> None:
    drop_in = f"[Service]\nWatchdogSec={watchdog_s}\n"
    machine.write("/etc/systemd/system/asr-daemon.service.d/watchdog.conf", drop_in)
    machine.run("systemctl daemon-reload; systemctl restart asr-daemon")


def _runs_again(machine: Machine, pid: int) -> float:
    again = f"[ $(systemctl show -P MainPID asr-daemon) != {pid} ] && asr-daemon send tencent"
    return eventually(lambda: machine.attempt(again).returncode == 0, "it runs again", 30)
