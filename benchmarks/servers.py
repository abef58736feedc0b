"""The servers that are measured, the disk they write to, and what Linux says of their processes."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from tempfile import TemporaryDirectory

DAEMON, TORNADO, FASTAPI = "asr-daemon", "bare-tornado", "fastapi-fsync"
REPOSITORY = Path(__file__).parents[1]
CACHE = REPOSITORY / ".cache" / "bench"
_START_TIMEOUT_S, _STOP_TIMEOUT_S = 300, 120
_SERVER_ERROR = 500


class Failed(Exception):
    """A measurement that says nothing; the message says why."""


class Server:
    """A server that runs in a process of its own, and how many callbacks it has acknowledged."""

    def __init__(self, folder: Path, port: int, pid: int, ready_s: float) -> None:
        self.folder, self.port, self.pid, self.ready_s = folder, port, pid, ready_s
        self.acknowledged = 0

    def check(self) -> None:
        """See that there is a JSON file for each callback that was acknowledged."""
        trees = (self.folder / "root" / provider for provider in ("tencent", "huawei"))
        names = (name for tree in trees for _, _, names in os.walk(tree) for name in names)
        found = sum(name.endswith(".json") for name in names)
        if found < self.acknowledged:
            raise Failed(f"{self.folder.name}: {self.acknowledged} acknowledged, {found} stored")


@contextmanager
def running(disk: Path, name: str, **limits: int) -> Iterator[Server]:
    """Run a server; at the end all that it acknowledged must be on the disk.

    `limits` are settings of the daemon; everything else has its default.
    """
    folder = disk / name
    folder.mkdir(exist_ok=True)
    port, admin_port = _free_port(), _free_port()
    arguments, ready_port = {
        DAEMON: (["asr_daemon", "serve", "--config", f"{folder}/asr-daemon.yaml"], admin_port),
        TORNADO: (["benchmarks.rivals.bare_tornado", f"{port}"], port),
        FASTAPI: (["benchmarks.rivals.fastapi_fsync", f"{port}", f"{folder}/root"], port),
    }[name]
    _write_config(folder, port, admin_port, limits)
    command = [sys.executable, "-m", *arguments]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=REPOSITORY)
    try:
        server = Server(folder, port, process.pid, _wait_until_ready(process, ready_port))
        yield server
    finally:
        process.terminate()
        try:
            process.wait(_STOP_TIMEOUT_S)
        finally:
            process.kill()
    if name != TORNADO:
        server.check()


@contextmanager
def fresh_disk(folder: Path | None, size_gib: int = 8) -> Iterator[Path]:
    """Yield an empty folder below `folder`; without one, and as root, an ext4 of its own.

    On ext4, creating files soon after many were deleted can cost many times as much for minutes.
    A new file system has no such past.
    """
    CACHE.mkdir(parents=True, exist_ok=True)
    if folder is not None or os.geteuid() != 0:
        with TemporaryDirectory(prefix="asr-daemon-bench-", dir=folder or CACHE) as name:
            yield Path(name)
        return
    mount_point = CACHE / "disk"
    mount_point.mkdir(exist_ok=True)
    if mount_point.is_mount():
        _output("umount", f"{mount_point}")
    _mount_new(CACHE / "disk.img", size_gib << 30, mount_point)
    try:
        yield mount_point
    finally:
        _output("umount", f"{mount_point}")


def cpu_s(pid: int) -> float:
    """Return the user and kernel time of a process and all its descendants."""
    ticks = 0
    for process in (pid, *descendants(pid)):
        # Fields 14 to 17 of proc(5): its own time, and that of the children that it waited for.
        fields = _read(Path(f"/proc/{process}/stat")).rpartition(")")[2].split()
        ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int, field: str) -> float:
    """Return VmRSS or VmHWM (its peak) of a process in MB of 10^6 bytes; 0 if it has ended."""
    status = _read(Path(f"/proc/{pid}/status"))
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


def descendants(pid: int) -> list[int]:
    """Return the children of a process, and theirs."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for file in files for child in _read(file).split()]
    return [process for child in children for process in (child, *descendants(child))]


def _write_config(folder: Path, port: int, admin_port: int, limits: dict[str, int]) -> None:
    settings = {
        "listen": [{"address": "127.0.0.1", "port": port}],
        "admin": {"address": "127.0.0.1", "port": admin_port},
        "output": {"root": f"{folder}/root"},
        "limits": limits,
        "state": f"{folder}/state",
    }
    (folder / "asr-daemon.yaml").write_text(json.dumps(settings), encoding="utf-8")


def _wait_until_ready(process: subprocess.Popen[bytes], port: int) -> float:
    """Return how many seconds it took until /readyz answered without a server error."""
    began_s = time.monotonic()
    while not _is_ready(port):
        if process.poll() is not None or time.monotonic() - began_s > _START_TIMEOUT_S:
            raise Failed(f"not ready: {process.args!r}")
        time.sleep(0.01)
    return time.monotonic() - began_s


def _is_ready(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status < _SERVER_ERROR
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _mount_new(image: Path, size_bytes: int, mount_point: Path) -> None:
    # Written in whole: in a file with holes every sync waits for the file system below as well.
    with image.open("ab") as file:
        while file.tell() < size_bytes:
            file.write(bytes(1 << 22))
        os.fsync(file.fileno())
    # Results are small: mkfs's own estimate would run out of inodes before it ran out of room.
    options = ["-i", "4096", "-E", "nodiscard,lazy_itable_init=0,lazy_journal_init=0"]
    _output("mkfs.ext4", "-q", "-F", *options, f"{image}", f"{size_bytes >> 10}k")
    device = _output("losetup", "--find", "--show", "--direct-io=on", f"{image}").strip()
    try:
        _output("mount", device, f"{mount_point}")
    finally:
        # While it is mounted this only marks it: it is detached when it is unmounted.
        _output("losetup", "--detach", device)


def _output(*command: str) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return ""
