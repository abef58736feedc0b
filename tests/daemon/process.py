"""A real daemon in a process of its own, and a client that talks to it."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from threading import Condition, Thread
from typing import NamedTuple

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0

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
        self.process = subprocess.Popen(
            [*wrapper, *command],
            stderr=subprocess.PIPE,
            text=True,
            env=environ,
            cwd=config.parent,
            pass_fds=descriptors,
        )
        self.lines: list[str] = []
        self._ended = False
        self._changed = Condition()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def log(self) -> str:
        """All that it has logged."""
        with self._changed:
            return "\n".join(self.lines)

    def wait_until_ready(self) -> None:
        """Wait until both listeners are open, and note their ports."""
        self.port = self._port_behind("callbacks at http")
        self.admin_port = self._port_behind("admin at http")

    def wait_for(self, pattern: str, timeout_s: float = START_TIMEOUT_S) -> re.Match[str]:
        """Wait for a log line that matches; fail if the daemon ends without it."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._find(pattern), timeout_s)
            found = self._find(pattern)
        assert found, f"no line matches {pattern!r} in:\n{self.log}"
        return found

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
        self._reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            with self._changed:
                self.lines.append(line.rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _find(self, pattern: str) -> re.Match[str] | None:
        matches = (re.search(pattern, line) for line in self.lines)
        return next(filter(None, matches), None)

    def _port_behind(self, what: str) -> int:
        return int(self.wait_for(rf"{what}s?://\S+:(\d+)")[1])


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
