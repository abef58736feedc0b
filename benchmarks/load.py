"""Load from wrk, and what it says about it."""

import subprocess
from itertools import count
from pathlib import Path

import msgspec
from msgspec import Struct

from benchmarks.bodies import Message

SCRIPT = Path(__file__).with_name("callbacks.lua")

TIMEOUT_S = 30
"""How long wrk waits for an answer; at 1,000 connections a slow server takes seconds."""


class RoundFailed(Exception):
    """A round in which something was refused or lost says nothing; the message says what."""


class Load(Struct, frozen=True):
    """What wrk saw."""

    requests: int
    duration_us: int
    p50_us: int
    p99_us: int
    longest_us: int
    errors: dict[str, int]

    @property
    def requests_per_s(self) -> float:
        """Answers a second."""
        return self.requests * 1e6 / self.duration_us


class Wrk:
    """Runs wrk with one thread, which is plenty; every request of one `Wrk` has its own id."""

    def __init__(self, folder: Path, prefix: tuple[str, ...] = ()) -> None:
        """Take a folder for what is to be sent, and what stands before the command."""
        self._template = folder / "request"
        self._prefix = prefix
        self._runs = count()

    def post(
        self, port: int, message: Message, connections: int, duration_s: int, rest_ms: int = 0
    ) -> Load:
        """Post a callback again and again over so many connections, and return what was seen.

        Args:
            port: of loopback.
            message: what is posted, each time with another id.
            connections: that are kept open; each waits for its answer before it posts again.
            duration_s: how long.
            rest_ms: how long each connection waits between two requests.

        Raises:
            RoundFailed: an answer was not 200, or did not come.
        """
        self._template.write_bytes(message.raw())
        command = [*self._prefix, "wrk", "-t1", f"-c{connections}", f"-d{duration_s}"]
        command += ["--timeout", f"{TIMEOUT_S}s", "-s", str(SCRIPT), f"http://127.0.0.1:{port}"]
        command += ["--", str(self._template), f"{next(self._runs):04}", str(rest_ms)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        return read_load(done.stdout)


def read_load(output: str) -> Load:
    """Return what wrk saw, from what it printed.

    Raises:
        RoundFailed: an answer was not 200, did not come, or came too late.
    """
    load = msgspec.json.decode(output[output.rindex('\n{"requests"') :], type=Load)
    errors = {what: number for what, number in load.errors.items() if number}
    if errors:
        raise RoundFailed(f"beside {load.requests} answers with 200: {errors}")
    return load
