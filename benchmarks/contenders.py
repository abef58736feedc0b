"""The servers that are measured: how each is started, spoken to and ended."""

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple

from benchmarks.bodies import APP_KEY, APP_SECRET, HUAWEI_TOKEN_PATH, Message
from benchmarks.load import RoundFailed

REPOSITORY = Path(__file__).parents[1]

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 300.0
_LOOK_AGAIN_S = 0.05
_OK = 200
_DEFAULT_PER_ADDRESS = 200

DAEMON = "asr-daemon"
TORNADO = "bare Tornado"
FASTAPI = "FastAPI, fsync"


class Refused(RoundFailed):
    """A server did not take what was posted; the message says what it answered."""


class Seat(NamedTuple):
    """Where a server runs."""

    folder: Path
    port: int
    connections_per_address: int | None
    """The daemon's limit, if it is not to be the default."""


class Start(NamedTuple):
    """How a server is started."""

    arguments: Sequence[str]
    """Of Python."""
    directory: Path = REPOSITORY
    environ: Mapping[str, str] = {}


class Contender(NamedTuple):
    """A server that takes part."""

    name: str
    start: Callable[[Seat], Start]
    gives_tokens: bool = True


class Server:
    """A contender that runs."""

    def __init__(self, contender: Contender, seat: Seat, prefix: Sequence[str] = ()) -> None:
        """Start it; `prefix` stands before the command."""
        self.name = contender.name
        self.port = seat.port
        self.folder = seat.folder
        self._log = seat.folder / "log"
        seat.folder.mkdir(parents=True, exist_ok=True)
        start = contender.start(seat)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*prefix, sys.executable, *start.arguments],
                stdout=log,
                stderr=log,
                cwd=start.directory,
                env={**os.environ, **start.environ},
            )
        self._wait_until_it_listens()
        self.token = self._get_token() if contender.gives_tokens else "0" * 64

    @property
    def pid(self) -> int:
        """Of its only process."""
        return self._process.pid

    def post(self, message: Message) -> bytes:
        """Post a callback over a connection of its own, and return the answer's body.

        Raises:
            Refused: the answer is not 200.
        """
        connection = HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_TIMEOUT_S)
        try:
            connection.request("POST", message.path, message.body, dict(message.headers))
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status != _OK:
            raise Refused(f"{self.name} answered {response.status}: {content[:200]!r}")
        return content

    def stop(self) -> None:
        """End it, and wait for its end."""
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait_until_it_listens(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not _listens(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                self.stop()
                raise RoundFailed(f"{self.name} does not start:\n{self._log.read_text()}")
            time.sleep(_LOOK_AGAIN_S)

    def _get_token(self) -> str:
        body = json.dumps({"appKey": APP_KEY, "appSecret": APP_SECRET}).encode()
        kind = ("Content-Type", "application/json; charset=UTF-8")
        answer = json.loads(self.post(Message(HUAWEI_TOKEN_PATH, (kind,), body)))
        return str(answer["authToken"])


def daemon(checkout: Path = REPOSITORY, name: str = DAEMON) -> Contender:
    """Return the daemon of a checkout: all defaults, but for where it is and a Huawei client."""

    def start(seat: Seat) -> Start:
        limits = {}
        if seat.connections_per_address is not None:
            limits["connections_per_address"] = seat.connections_per_address
        settings = {
            "listen": [{"address": "127.0.0.1", "port": seat.port}],
            "admin": {"address": "127.0.0.1", "port": free_port()},
            "providers": {"huawei": {"clients": [{"app_key": APP_KEY, "app_secret": APP_SECRET}]}},
            "output": {"root": str(seat.folder / "root")},
            "limits": limits,
            "state": str(seat.folder / "state"),
        }
        config = seat.folder / "asr-daemon.yaml"
        config.write_text(json.dumps(settings), encoding="utf-8")
        return Start(["-m", "asr_daemon", "serve", "--config", str(config)], checkout)

    return Contender(name, start)


def bare_tornado() -> Contender:
    """Return Tornado with a handler that keeps nothing: as fast as Python's loop gets here."""

    def start(seat: Seat) -> Start:
        return Start(["-m", "benchmarks.rivals.bare_tornado", str(seat.port)])

    return Contender(TORNADO, start, gives_tokens=False)


def fastapi() -> Contender:
    """Return FastAPI on uvicorn, as an engineer writes it who syncs files and directory."""

    def start(seat: Seat) -> Start:
        arguments = ["-m", "uvicorn", "benchmarks.rivals.fastapi_fsync:app", "--no-access-log"]
        arguments += ["--host", "127.0.0.1", "--port", str(seat.port)]
        return Start(arguments, environ={"ROOT": str(seat.folder / "root")})

    return Contender(FASTAPI, start)


@contextmanager
def running(
    contenders: Sequence[Contender],
    folder: Path,
    connections: int = 1,
    prefix: Sequence[str] = (),
) -> Iterator[list[Server]]:
    """Run contenders side by side, each in a folder of its own, until the block ends."""
    raised = connections if connections > _DEFAULT_PER_ADDRESS else None
    with ExitStack() as stack:
        servers = []
        for contender in contenders:
            seat = Seat(place_of(folder, contender.name), free_port(), raised)
            server = Server(contender, seat, prefix)
            stack.callback(server.stop)
            servers.append(server)
        yield servers


def place_of(folder: Path, name: str) -> Path:
    """Return where below `folder` a contender of this name keeps everything."""
    return folder / re.sub(r"[^a-zA-Z0-9]+", "-", name)


def free_port() -> int:
    """Return a port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
