"""A real daemon in a process of its own, and a client that talks to it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Lock
from typing import NamedTuple

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
LOOK_AGAIN_S = 0.005

CONFIG = """
listen: [{{address: 127.0.0.1, port: 0}}]
admin: {{address: 127.0.0.1, port: 0}}
output: {{root: {root}, {output}}}
state: {folder}/state
limits: {{{limits}}}
"""


class Reply(NamedTuple):
    """An answer: status and body."""

    status: int
    body: bytes


class Daemon:
    """A daemon that runs `asr-daemon serve` until it is told to stop."""

    def __init__(
        self,
        config: Path,
        environ: Mapping[str, str] | None = None,
        wrapper: Sequence[str] = (),
        descriptors: Sequence[int] = (),
    ) -> None:
        """Start it; `wait_until_ready` says when it serves.

        Args:
            config: the file; its folder is the one that the daemon runs in.
            environ: all of its environment, by default ours.
            wrapper: a command that ends by becoming the daemon, whose command follows it.
            descriptors: open files of ours that the wrapper has too.
        """
        command = [sys.executable, "-m", "asr_daemon", "serve", "--config", str(config)]
        self._log = _Log()
        self.process = subprocess.Popen(
            [*wrapper, *command],
            stderr=self._log.descriptor,
            env=environ,
            cwd=config.parent,
            pass_fds=descriptors,
        )

    @property
    def lines(self) -> list[str]:
        """What it has logged up to now."""
        return self._log.lines

    @property
    def log(self) -> str:
        """All that it has logged up to now."""
        return "\n".join(self.lines)

    def wait_until_ready(self) -> None:
        """Wait until both listeners are open, and note their ports."""
        self.port = self._port_behind("callbacks at http")
        self.admin_port = self._port_behind("admin at http")

    def wait_for(self, pattern: str, timeout_s: float = START_TIMEOUT_S) -> re.Match[str]:
        """Wait for a log line that matches; fail if the daemon ends without it."""
        ends_s = time.monotonic() + timeout_s
        seen = 0
        while True:
            # In this order: what was logged before the end is there.
            goes_on = self.process.poll() is None and time.monotonic() < ends_s
            lines = self.lines
            for line in lines[seen:]:
                if found := re.search(pattern, line):
                    return found
            seen = len(lines)
            assert goes_on, f"no line matches {pattern!r} in:\n{self.log}"
            time.sleep(LOOK_AGAIN_S)

    def post(self, path: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Post to the callback listener over a new connection."""
        return request(self.port, "POST", path, body, headers)

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Get from the admin listener."""
        return request(self.admin_port, "GET", path, None, headers)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal, wait for the end, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        status = self.process.wait(STOP_TIMEOUT_S)
        self._log.close()
        return status

    def _port_behind(self, what: str) -> int:
        return int(self.wait_for(rf"{what}s?://\S+:(\d+)")[1])


class _Log:
    """Takes what a process writes, in memory: what is written can be read, without a delay."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("log")
        self._lines: list[str] = []
        self._rest = b""
        self._read_bytes = 0
        self._is_open = True
        self._lock = Lock()

    @property
    def lines(self) -> list[str]:
        """All whole lines up to now; after `close` what is left of the last one, too."""
        with self._lock:
            if self._is_open:
                self._read_on()
            return self._lines.copy()

    def close(self) -> None:
        """Read all there is, for the last time."""
        with self._lock:
            if self._is_open:
                self._read_on()
                if self._rest:
                    self._lines.append(self._rest.decode())
                os.close(self.descriptor)
                self._is_open = False

    def _read_on(self) -> None:
        size = os.fstat(self.descriptor).st_size
        while self._read_bytes < size:
            # Whoever writes shares the position; `pread` has its own.
            piece = os.pread(self.descriptor, size - self._read_bytes, self._read_bytes)
            self._read_bytes += len(piece)
            *whole, self._rest = (self._rest + piece).split(b"\n")
            self._lines += [each.decode() for each in whole]


def request(
    port: int,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """Make one request to a local port."""
    connection = HTTPConnection("127.0.0.1", port, timeout=START_TIMEOUT_S)
    try:
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Reply(response.status, response.read())
    finally:
        connection.close()


@contextmanager
def running(
    folder: Path,
    more: str = "",
    limits: str = "free_space: 1MiB",
    *,
    root: Path | None = None,
    output: str = "",
) -> Iterator[Daemon]:
    """Run a daemon with `more`, `limits` and `output` in its settings.

    Its tree is `root`, or `folder/root`; all else of it is in `folder`.
    """
    root = root or folder / "root"
    config = folder / "asr-daemon.yaml"
    settings = CONFIG.format(folder=folder, root=root, output=output, limits=limits)
    config.write_text(settings + more)
    daemon = Daemon(config)
    try:
        daemon.wait_until_ready()
        yield daemon
    finally:
        daemon.stop(signal.SIGKILL)


def results(root: Path) -> dict[str, bytes]:
    """Return what readers see below a root: each file by its name, staging left out."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in root.rglob("*")
        if path.is_file() and ".staging" not in path.parts
    }
