"""Bodies of many sizes, one after another over connections of their own."""

import time
from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import get_args

from benchmarks.bodies import Message, Vendor, message
from benchmarks.comparison import say, spread
from benchmarks.contenders import DAEMON, Contender, Refused, Server, running
from benchmarks.findings import Sized
from benchmarks.usage import cpu_s, peak_rss_mb

SIZES_BYTES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000, 50_000_000)

_TOGETHER_BYTES = 20_000_000
_FEWEST, _MOST = 3, 200


def sizes(contenders: Sequence[Contender], folder: Path) -> Iterator[Sized]:
    """Post bodies of each size to each contender, which is started anew for each size.

    Raises:
        RoundFailed: the daemon refused one, or a server did not start.
    """
    for vendor in get_args(Vendor):
        for size_bytes in SIZES_BYTES:
            with running(contenders, folder / f"{vendor}-{size_bytes}") as servers:
                for server in servers:
                    yield _measure(server, vendor, size_bytes)
            say(f"{vendor}, bodies of {size_bytes:,} bytes")


def _measure(server: Server, vendor: Vendor, size_bytes: int) -> Sized:
    try:
        return _posted(server, vendor, size_bytes)
    except Refused as refusal:
        if server.name == DAEMON:
            raise
        say(f"{refusal}")
        return Sized(vendor, size_bytes, server.name, None, None, peak_rss_mb(server.pid))


def _posted(server: Server, vendor: Vendor, size_bytes: int) -> Sized:
    times = min(_MOST, max(_FEWEST, _TOGETHER_BYTES // size_bytes))
    example, numbers = message(vendor, server.token, size_bytes), count()
    _post(server, example.with_id(next(numbers)))
    before_s = cpu_s(server.pid)
    taken_s = [_post(server, example.with_id(next(numbers))) for _ in range(times)]
    return Sized(
        vendor=vendor,
        size_bytes=size_bytes,
        name=server.name,
        answer_ms=spread([each * 1000 for each in taken_s]),
        cpu_ms=(cpu_s(server.pid) - before_s) / times * 1000,
        peak_rss_mb=peak_rss_mb(server.pid),
    )


def _post(server: Server, what: Message) -> float:
    began_s = time.perf_counter()
    server.post(what)
    return time.perf_counter() - began_s
