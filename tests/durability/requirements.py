"""What the beds need from the machine, and what happens where it is missing.

A missing requirement skips the test with the reason; where the environment says `CI=true` it
fails instead, so that nothing is left out there without anybody noticing.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from ctypes.util import find_library
from importlib.util import find_spec
from pathlib import Path

import pytest

Requirement = Callable[[], str | None]
"""Returns what is missing, in a few words, or `None`."""


def with_inotify(what: str, most: int) -> tuple[str, ...]:
    """Return what a command follows that is to have so many inotify `instances` or `watches`."""
    limit = f'echo {most} >/proc/sys/user/max_inotify_{what} && exec "$@"'
    return ("unshare", "--user", "--map-root-user", "sh", "-c", limit, "sh")


WITHOUT_INOTIFY = with_inotify("instances", 0)

_CAP_SYS_PTRACE = 19
_CAP_SYS_ADMIN = 21


_NO_DRIVER = "in the kernel"


def require(*requirements: Requirement) -> None:
    """Skip the running test, or fail it in CI, unless all `requirements` are met."""
    missing = [what for requirement in requirements if (what := requirement()) is not None]
    if not missing:
        return
    reason = f"needs {', '.join(missing)}"
    # No package brings what the kernel has no driver for.
    if os.environ.get("CI") == "true" and _NO_DRIVER not in reason:
        pytest.fail(reason)
    pytest.skip(reason)


def root() -> str | None:
    """Ask for root, with the right to mount."""
    if os.geteuid() == 0 and _has_capability(_CAP_SYS_ADMIN):
        return None
    return "root with CAP_SYS_ADMIN"


def user_namespaces() -> str | None:
    """Ask for the right to make a user namespace, in which inotify can be forbidden."""
    done = subprocess.run([*WITHOUT_INOTIFY, "true"], capture_output=True, check=False)
    return None if done.returncode == 0 else "user namespaces (unshare --user)"


def iproute() -> str | None:
    """Ask for what gives a network its addresses."""
    return _program("ip", "iproute2")


def loop_devices() -> str | None:
    """Ask for loop devices."""
    if not Path("/dev/loop-control").exists():
        return "loop devices (/dev/loop-control)"
    return _program("losetup", "mount")


def fuse() -> str | None:
    """Ask for the kernel's FUSE, libfuse 3 and its Python binding."""
    if not Path("/dev/fuse").exists():
        return "/dev/fuse"
    if find_library("fuse3") is None:
        return "libfuse 3 (Debian: fuse3)"
    return None if find_spec("mfusepy") else "the Python package mfusepy"


def ext4() -> str | None:
    """Ask for what makes an ext4."""
    return _program("mkfs.ext4", "e2fsprogs")


def xfs() -> str | None:
    """Ask for what makes an xfs."""
    return _program("mkfs.xfs", "xfsprogs")


def strace() -> str | None:
    """Ask for what traces system calls and makes them fail."""
    scope = Path("/proc/sys/kernel/yama/ptrace_scope")
    if not _has_capability(_CAP_SYS_PTRACE) and scope.exists() and scope.read_text() != "0\n":
        return "CAP_SYS_PTRACE, or kernel.yama.ptrace_scope=0"
    return _program("strace", "strace")


def inotifywait() -> str | None:
    """Ask for what watches directories."""
    return _program("inotifywait", "inotify-tools")


def incron() -> str | None:
    """Ask for the cron of file events."""
    return _program("incrond", "incron")


def rsync() -> str | None:
    """Ask for what copies trees."""
    return _program("rsync", "rsync")


def npm() -> str | None:
    """Ask for what installs and runs JavaScript."""
    return _program("npm", "npm")


def setfacl() -> str | None:
    """Ask for what sets access control lists."""
    return _program("setfacl", "acl")


def exfat() -> str | None:
    """Ask for what makes an exFAT and mounts it through FUSE, as kernels without it do."""
    return _program("mkfs.exfat", "exfatprogs") or _program("mount.exfat-fuse", "exfat-fuse")


def ntfs() -> str | None:
    """Ask for what makes an NTFS and mounts it through FUSE."""
    return _program("mkfs.ntfs", "ntfs-3g")


def vfat() -> str | None:
    """Ask for what makes a FAT and mounts it through FUSE, as kernels without it do."""
    return _program("mkfs.vfat", "dosfstools") or _program("fusefat", "fusefat")


def btrfs() -> str | None:
    """Ask for what makes a btrfs, and for the kernel's driver."""
    return _program("mkfs.btrfs", "btrfs-progs") or _file_system("btrfs")


def overlay() -> str | None:
    """Ask for file systems that lie over others."""
    return _file_system("overlay")


def slowhttptest() -> str | None:
    """Ask for what attacks a server by being slow."""
    return _program("slowhttptest", "slowhttptest")


def faketime() -> str | None:
    """Ask for what shows another time to a process."""
    return None if faketime_library() else "libfaketime (Debian: faketime)"


def faketime_library() -> Path | None:
    """Return the library that does so when it is preloaded, `None` if there is none."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


def _has_capability(number: int) -> bool:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    effective = next(line for line in status.splitlines() if line.startswith("CapEff:"))
    return bool(int(effective.split()[1], 16) >> number & 1)


def _file_system(name: str) -> str | None:
    """Ask for a file system that the kernel knows, or has as a module."""
    if f"\t{name}\n" in Path("/proc/filesystems").read_text(encoding="ascii"):
        return None
    modules = Path("/lib/modules", os.uname().release)
    if any(modules.glob(f"**/{name}.ko*")):
        return None
    return f"the file system {name} {_NO_DRIVER}"


def _program(name: str, package: str) -> str | None:
    return None if shutil.which(name) else f"{name} (Debian: {package})"
