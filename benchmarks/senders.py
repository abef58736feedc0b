"""Senders: wrk where requests are counted, threads where connections are counted."""

import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from http.client import HTTPException, HTTPResponse
from itertools import count
from pathlib import Path
from socket import MSG_MORE, create_connection, socket

import msgspec
from msgspec import Struct

from benchmarks.bodies import ID
from benchmarks.servers import Failed, Server

ACKNOWLEDGED = 200
_HOUR_S, _PATIENCE_S = 3600, 10


class Load(Struct, frozen=True):
    """What wrk saw, as `callbacks.lua` prints it."""

    answers: int
    refused: int
    socket_errors: int
    seconds: float
    p50_ms: float
    p99_ms: float

    @property
    def per_s(self) -> float:
        """Acknowledged callbacks a second."""
        return (self.answers - self.refused) / self.seconds


class Answer(Struct, frozen=True):
    """The status of an answer, 0 if none came, and how long it took."""

    status: int
    seconds: float


class Wrk:
    """Posts a callback over open connections, each time with a new id."""

    def __init__(
        self, server: Server, request: bytes, connections: int, seconds: int = 0, delay_ms: int = 0
    ) -> None:
        """Start it, without `seconds` until `stop`; each connection rests `delay_ms` between."""
        self._server = server
        run = new_run()
        file = server.folder / f"request-{run}-{connections}"
        file.write_bytes(request)
        script = Path(__file__).with_name("callbacks.lua")
        command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds or _HOUR_S}", "--timeout=60s"]
        command += [f"-s{script}", f"http://127.0.0.1:{server.port}", "--"]
        command += [f"{file}", f"{run}", f"{delay_ms}"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def stop(self) -> Load:
        """End it early, and return what it saw."""
        self._process.send_signal(signal.SIGINT)
        return self.wait()

    def wait(self) -> Load:
        """Wait for its end, and return what it saw."""
        load = read_load(self._process.communicate()[0])
        self._server.acknowledged += load.answers - load.refused
        return load


def read_load(output: str) -> Load:
    """Return what `callbacks.lua` printed after what wrk prints for people."""
    _, _, printed = output.rpartition("\n{")
    if not printed:
        raise Failed(f"wrk has not finished: {output}")
    return msgspec.json.decode("{" + printed, type=Load)


def post_all(server: Server, request: bytes, connections: int, seconds: int) -> Load:
    """Post a callback for so long; raise Failed if one was not acknowledged."""
    load = Wrk(server, request, connections, seconds).wait()
    if load.refused or load.socket_errors or not load.answers:
        raise Failed(f"{server.folder.name} at {connections} connections: {load}")
    return load


def post(server: Server, request: bytes, id_: int, patience_s: int = _PATIENCE_S) -> Answer:
    """Post one callback over a connection of its own."""
    began_s, status = time.perf_counter(), 0
    with (
        suppress(OSError, HTTPException),
        create_connection(("127.0.0.1", server.port), patience_s) as connection,
    ):
        status = _exchange(connection, request, id_)
    return Answer(status, time.perf_counter() - began_s)


def stall(server: Server, begin: bytes, patience_s: int) -> float:
    """Send the begin of a request; return after how many seconds the server ended it."""
    began_s = time.perf_counter()
    with create_connection(("127.0.0.1", server.port), patience_s) as connection:
        connection.sendall(begin)
        with suppress(OSError):
            connection.recv(1)
    return time.perf_counter() - began_s


def lost_connections(server: Server, request: bytes, connections: int, seconds: float) -> int:
    """Keep so many connections busy; return how many were served and then closed in mid-use."""
    ids, end_s = new_ids(), time.monotonic() + seconds
    with ThreadPoolExecutor(connections) as pool:
        return sum(pool.map(partial(_post_until, end_s, server, request), [ids] * connections))


def new_run() -> int:
    """Return the time in ms: thirteen digits for ids that no earlier run had."""
    return time.time_ns() // 1_000_000


def new_ids() -> Iterator[int]:
    """Return ids that no earlier run had."""
    return count(new_run() * 10**8)  # Twenty-one digits.


def _post_until(end_s: float, server: Server, request: bytes, ids: Iterator[int]) -> int:
    lost = 0
    while time.monotonic() < end_s:
        served = False
        try:
            with create_connection(("127.0.0.1", server.port), _PATIENCE_S) as connection:
                while time.monotonic() < end_s:
                    _exchange(connection, request, next(ids))
                    served = True
        except (OSError, HTTPException):
            lost += served
    return lost


def _exchange(connection: socket, request: bytes, id_: int) -> int:
    """Send a request, and return the status of its answer."""
    begin = request.index(ID)
    connection.sendall(request[:begin] + b"%d" % id_, MSG_MORE)
    connection.sendall(memoryview(request)[begin + len(ID) :])
    response = HTTPResponse(connection, method="POST")
    response.begin()
    response.read()
    return response.status
