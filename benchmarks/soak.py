"""Memory and speed over many callbacks, or over hours."""

import math
import time
from pathlib import Path

from benchmarks.bodies import message
from benchmarks.comparison import say
from benchmarks.contenders import Server, daemon, running
from benchmarks.findings import Soaked, Stretch
from benchmarks.load import Wrk
from benchmarks.usage import rss_mb

CONNECTIONS = 32
STRETCH_S = 20
STEADY_STRETCH_S = 300
STEADY_REST_MS = 160
"""Makes 200 callbacks a second of 32 connections: more than a vendor sends, and room for hours."""

_SETTLE_S = 2.0


def soak(folder: Path, wrk: Wrk, callbacks: int) -> Soaked:
    """Post so many callbacks as fast as they are taken; with 0, only look at the idle daemon.

    Raises:
        RoundFailed: something was refused or lost.
    """
    with running([daemon()], folder) as servers:
        server = servers[0]
        idle_mb, stretches = _settled_rss_mb(server), list[Stretch]()
        while (done := stretches[-1].callbacks if stretches else 0) < callbacks:
            stretches.append(_stretch(server, wrk, done, STRETCH_S, 0))
            say(f"soak: {stretches[-1].callbacks:,} of {callbacks:,} callbacks")
    return Soaked(idle_mb, stretches)


def soak_steadily(folder: Path, wrk: Wrk, hours: float) -> Soaked:
    """Post some 200 callbacks a second for so many hours.

    Raises:
        RoundFailed: something was refused or lost.
    """
    end_s = time.monotonic() + hours * 3600
    with running([daemon()], folder) as servers:
        server = servers[0]
        idle_mb, stretches = _settled_rss_mb(server), list[Stretch]()
        while (left_s := end_s - time.monotonic()) > 0:
            done = stretches[-1].callbacks if stretches else 0
            duration_s = math.ceil(min(left_s, STEADY_STRETCH_S))
            stretches.append(_stretch(server, wrk, done, duration_s, STEADY_REST_MS))
            say(f"soak: {(end_s - time.monotonic()) / 60:.0f} minutes to go")
    return Soaked(idle_mb, stretches)


def _stretch(server: Server, wrk: Wrk, done: int, duration_s: int, rest_ms: int) -> Stretch:
    what = message("huawei", server.token)
    load = wrk.post(server.port, what, CONNECTIONS, duration_s, rest_ms)
    return Stretch(
        callbacks=done + load.requests,
        requests_per_s=load.requests_per_s,
        p99_ms=load.p99_us / 1000,
        rss_mb=_settled_rss_mb(server),
    )


def _settled_rss_mb(server: Server) -> float:
    time.sleep(_SETTLE_S)
    return rss_mb(server.pid)
