"""Tries what a daemon that was taken over would try, and prints what it could do.

    python3 probe.py

Runs in the machine, whose Python has nothing but its standard library. Prints a JSON object:
attempt to null if it succeeded, else to the reason why not.
"""

import ctypes
import errno
import json
import mmap
import os
import platform
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

Attempt = Callable[[], object]

_libc = ctypes.CDLL(None, use_errno=True)
_NUMBERS = {"x86_64": (175, 101, 250), "aarch64": (105, 117, 219)}
_INIT_MODULE, _PTRACE, _KEYCTL = _NUMBERS[platform.machine()]
_CLONE_NEWUSER = 0x10000000


def write(path: str) -> Attempt:
    """Write a new file."""
    return lambda: Path(path).write_text("x")


def read(path: str) -> Attempt:
    """Read a file of somebody else."""
    return lambda: Path(path).read_bytes()


def open_socket(family: int, kind: int, protocol: int = 0) -> Attempt:
    """Open a socket that a web server has no use for."""
    return lambda: socket.socket(family, kind, protocol).close()


def bind_low_port() -> None:
    """Listen on a port below 1024."""
    with socket.socket() as each:
        each.bind(("127.0.0.1", 81))


def see_others() -> None:
    """Look at the first process."""
    Path("/proc/1/status").read_bytes()


def map_writable_code() -> None:
    """Get memory that can be written and executed."""
    with mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC):
        pass


def make_code_of_data() -> None:
    """Make memory executable that was written before."""
    _libc.mmap.restype = ctypes.c_void_p
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    address = _libc.mmap(None, 4096, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    _check(_libc.mprotect(ctypes.c_void_p(address), 4096, mmap.PROT_READ | mmap.PROT_EXEC))


def run_from_memory() -> None:
    """Execute a program that is no file."""
    descriptor = os.memfd_create("probe")
    os.write(descriptor, Path("/bin/true").read_bytes())
    path = f"/proc/self/fd/{descriptor}"
    subprocess.run([path], pass_fds=[descriptor], check=True)


def run_own_file(folder: str) -> Attempt:
    """Execute a program that was written to a folder."""

    def attempt() -> None:
        program = Path(folder, "probe-program")
        program.write_bytes(Path("/bin/true").read_bytes())
        program.chmod(0o700)
        try:
            subprocess.run([str(program)], check=True)
        finally:
            program.unlink()

    return attempt


def make_setuid() -> None:
    """Leave a program that runs as its owner."""
    program = Path(os.environ.get("STATE_DIRECTORY", "/root"), "probe-setuid")
    program.touch()
    try:
        program.chmod(0o4755)
    finally:
        program.unlink()


def mount() -> None:
    """Mount a file system."""
    _check(_libc.mount(b"none", b"/mnt", b"tmpfs", 0, None))


def unshare() -> None:
    """Become root in a namespace of one's own."""
    child = os.fork()
    if child == 0:
        os._exit(0 if _libc.unshare(_CLONE_NEWUSER) == 0 else 1)
    if os.waitpid(child, 0)[1]:
        raise PermissionError("refused")


def call(number: int, *arguments: object) -> Attempt:
    """Make a system call with senseless arguments; only a refusal as such counts as one."""

    def attempt() -> None:
        ctypes.set_errno(0)
        _libc.syscall(number, *arguments)
        if ctypes.get_errno() == errno.EPERM:
            raise PermissionError("refused")

    return attempt


def rename_host() -> None:
    """Give the machine another name."""
    name = socket.gethostname()
    socket.sethostname(name)


def become_root() -> None:
    """Turn into another user."""
    os.setuid(0)


def _check(result: int) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


ATTEMPTS: dict[str, Attempt] = {
    "write to /etc": write("/etc/probe"),
    "write to /etc/asr-daemon": write("/etc/asr-daemon/probe"),
    "write to its own code": write("/opt/asr-daemon/current/probe"),
    "write to /usr": write("/usr/local/probe"),
    "write to /var": write("/var/lib/probe"),
    "write to /srv": write("/srv/probe"),
    "write to /dev/shm of others": write("/dev/shm/others/probe"),  # noqa: S108 - in the machine
    "read a home": read("/home/alice/secret"),
    "read root's home": read("/root/secret"),
    "read /tmp of others": read("/tmp/secret"),  # noqa: S108 - in the machine
    "read the password file": read("/etc/shadow"),
    "see other processes": see_others,
    "open a packet socket": open_socket(socket.AF_PACKET, socket.SOCK_RAW, 3),
    "open a raw socket": open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP),
    "open a netlink socket": open_socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "bind a low port": bind_low_port,
    "map writable code": map_writable_code,
    "make code of data": make_code_of_data,
    "run from memory": run_from_memory,
    "run from its state": run_own_file(os.environ.get("STATE_DIRECTORY", "/root")),
    "run from /tmp": run_own_file("/tmp"),  # noqa: S108 - in the machine
    "make a setuid program": make_setuid,
    "mount": mount,
    "make a namespace": unshare,
    "load a kernel module": call(_INIT_MODULE, b"garbage", 0, b""),
    "trace a process": call(_PTRACE, 16, 0, 0, 0),
    "use the kernel's keys": call(_KEYCTL, 0, -3, 0),
    "rename the machine": rename_host,
    "become root": become_root,
}


def main() -> None:
    """Make every attempt."""
    outcomes: dict[str, str | None] = {}
    for name, attempt in ATTEMPTS.items():
        try:
            attempt()
        except (OSError, subprocess.SubprocessError) as error:
            outcomes[name] = repr(error)
        else:
            outcomes[name] = None
    json.dump(outcomes, sys.stdout)


if __name__ == "__main__":
    main()
