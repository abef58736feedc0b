"""A whole machine: a Debian tree that is booted with systemd as its first process."""

import os
import shlex
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from tempfile import gettempdir

from tests.daemon.serving import eventually
from tests.systemd.requirements import cgroup2_mount

BOOT_TIMEOUT_S = 60.0
COMMAND_TIMEOUT_S = 300.0
SOURCE = Path(__file__).parents[2]
CHECKOUT = "/root/asr-daemon"
"""Where the machine finds this folder; it cannot write there."""
WHEELS = "/srv/wheels"
PIP_CONFIG = f"[global]\nno-index = true\nfind-links = {WHEELS}\n"

_ENVIRON = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}
_JOIN = 'echo $$ > "$1"; shift; exec "$@"'
"""Enters a control group, then does what the machine is started with."""
_LOG = "journalctl --no-pager --output=cat --lines=1000 --unit=asr-daemon"
_numbers = count()


class Machine:
    """A running machine. It has a network of its own, in which nobody else is."""

    def __init__(self, nspawn: "subprocess.Popen[str]") -> None:
        """Take the process that has started it."""
        self._nspawn = nspawn
        self._leader = 0

    def wait_until_booted(self) -> None:
        """Return once systemd has started everything."""
        eventually(self._find_leader, "the machine's first process", BOOT_TIMEOUT_S)
        eventually(self._has_booted, "the machine is up", BOOT_TIMEOUT_S)

    def attempt(self, script: str, text: str = "") -> "subprocess.CompletedProcess[str]":
        """Run shell commands as root, with `text` as their input."""
        command = [*self._enter(), "sh", "-euc", f"cd {CHECKOUT}\n{script}"]
        return subprocess.run(
            command,
            input=text,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )

    def run(self, script: str, text: str = "") -> str:
        """Run shell commands that succeed, and return what they print."""
        done = self.attempt(script, text)
        log = "" if done.returncode == 0 else self.attempt(_LOG).stdout
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}\n{log}"
        return done.stdout.strip()

    def start(self, command: str) -> "subprocess.Popen[str]":
        """Start a shell command; whoever asks for it waits for its end."""
        return subprocess.Popen(
            [*self._enter(), "sh", "-euc", f"cd {CHECKOUT}\n{command}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def write(self, path: str, content: str, mode: str = "644") -> None:
        """Put a file there, with its folders."""
        self.run(f"install -D -m {mode} /dev/stdin {shlex.quote(path)}", content)

    def main_pid(self) -> int:
        """Return the daemon's process id inside the machine; 0 if it does not run."""
        return int(self.run("systemctl show -P MainPID asr-daemon"))

    def unit(self, name: str) -> str:
        """Return a property of the daemon's unit."""
        return self.run(f"systemctl show -P {name} asr-daemon")

    def journal(self) -> str:
        """Return what the daemon and systemd have logged about it."""
        return self.run(_LOG)

    def power_off(self) -> None:
        """Shut it down as its power button does, and wait."""
        os.kill(self._leader, signal.SIGRTMIN + 4)
        self._nspawn.wait(BOOT_TIMEOUT_S)

    def kill(self) -> None:
        """End it at once, with every process in it."""
        if self._nspawn.poll() is None:
            if self._leader or self._find_leader():
                with suppress(ProcessLookupError):
                    os.kill(self._leader, signal.SIGKILL)
            else:
                self._nspawn.kill()
        self._nspawn.wait(BOOT_TIMEOUT_S)

    def _enter(self) -> list[str]:
        environ = [f"{name}={value}" for name, value in _ENVIRON.items()]
        return ["nsenter", "-t", str(self._leader), "-a", "env", "-i", *environ]

    def _find_leader(self) -> bool:
        assert self._nspawn.poll() is None, "systemd-nspawn has ended"
        pid = self._nspawn.pid
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            if _command_of(child) == "systemd\n":
                self._leader = int(child)
        return self._leader != 0

    def _has_booted(self) -> bool:
        state = self.attempt("systemctl is-system-running --wait").stdout.strip()
        assert state != "degraded", self.run("systemctl --failed --no-pager")
        return state == "running"


@contextmanager
def booted(tree: Path, wheels: Path, *, forgetful: bool = True) -> Iterator[Machine]:
    """Boot a tree, and end the machine afterwards.

    Args:
        tree: its root.
        wheels: the Python packages that pip finds in it; there are no others.
        forgetful: keeps what it writes in memory, and leaves the tree as it is.
    """
    name = f"asr-daemon-{os.getpid()}-{next(_numbers)}"
    mount = cgroup2_mount()
    assert mount is not None
    group = mount / name
    group.mkdir()
    log = Path(gettempdir(), f"{name}.log")
    command = _command(tree, name, {SOURCE: CHECKOUT, wheels: WHEELS}, forgetful)
    with log.open("w") as output:
        nspawn = subprocess.Popen(
            ["sh", "-c", _JOIN, "sh", group / "cgroup.procs", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            env={**os.environ, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"},
        )
    machine = Machine(nspawn)
    try:
        machine.wait_until_booted()
        machine.write("/etc/pip.conf", PIP_CONFIG)
        yield machine
    finally:
        machine.kill()
        log.unlink()
        _remove(group)


def _command(tree: Path, name: str, binds: Mapping[Path, str], forgetful: bool) -> list[str]:
    command = ["systemd-nspawn", "--quiet", f"--directory={tree}", f"--machine={name}", "--boot"]
    command += ["--register=no", "--keep-unit", "--console=pipe", "--private-network"]
    command += ["--kill-signal=SIGRTMIN+3", "--system-call-filter=bpf", "--capability=all"]
    command += [f"--bind-ro={here}:{there}" for here, there in binds.items()]
    return [*command, "--volatile=overlay"] if forgetful else command


def _remove(group: Path) -> None:
    """Remove a control group with those that the machine has made below it."""
    for folder, _, _ in os.walk(group, topdown=False):
        Path(folder).rmdir()


def _command_of(pid: str) -> str:
    """Return the name of a process, none if it has ended meanwhile."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text()
    return ""
