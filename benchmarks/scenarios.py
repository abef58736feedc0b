"""What is measured: each scenario starts servers on a new disk, and yields its rows."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec import Struct

from benchmarks import senders, servers
from benchmarks.bodies import huawei, tencent, tencent_detail, unknown
from benchmarks.senders import Answer, Load, Wrk
from benchmarks.servers import DAEMON, FASTAPI, TORNADO, Server, fresh_disk, running
from benchmarks.table import Row, ratios

T = TypeVar("T")

_PAUSE_S = 1
"""After each load: a server may still work on requests whose sender is gone."""
_IDLE_S = 2
_SIZES_BYTES, _SIZES_S = (1_000, 100_000, 1_000_000, 5_000_000, 20_000_000), 25
_STALLED_BYTES, _STALLED_PATIENCE_S = 50_000_000, 60
_LARGE_BYTES, _LARGE_BODIES, _LARGE_PATIENCE_S = 64 << 20, 16, 900
_REJECTED_BODIES = 200_000


class Bench(Struct, frozen=True):
    """What the command line asks for."""

    seconds: int
    rounds: int
    callbacks: int
    folder: Path | None


def throughput(bench: Bench) -> Iterator[Row]:
    """Compare the daemon with both rivals."""
    with (
        fresh_disk(bench.folder) as disk,
        running(disk, DAEMON, connections_per_address=1000) as ours,
        running(disk, TORNADO) as tornado,
        running(disk, FASTAPI) as fastapi,
    ):
        for connections in (32, 256):
            measures = {
                server.folder.name: partial(_measure, server, connections, bench.seconds)
                for server in (ours, tornado, fastapi)
            }
            yield from _compared(f"at {connections}", _in_turns(bench.rounds, measures))


def overload(bench: Bench) -> Iterator[Row]:
    """Compare 400 busy connections of one address, twice the default limit, with 150."""
    body = tencent()
    with fresh_disk(bench.folder) as disk, running(disk, DAEMON) as server:
        measures = {
            "few": lambda: senders.post_all(server, body, 150, bench.seconds),
            "many": lambda: Wrk(server, body, 400, bench.seconds).wait(),
        }
        few, many = _in_turns(bench.rounds, measures).values()
        count_lost = partial(senders.lost_connections, server, body, 400, bench.seconds)
        lost = [count_lost() for _ in range(bench.rounds)]
    per_s = [load.per_s for load in many]
    yield Row("requests/s at 400", per_s)
    yield Row("requests/s at 400, of those at 150", ratios(per_s, [load.per_s for load in few]))
    yield Row("not acknowledged", [load.refused for load in many])
    yield Row("socket errors, newcomers' included", [load.socket_errors for load in many])
    yield Row("connections served and then closed in mid-use", lost)


def stalled(bench: Bench) -> Iterator[Row]:
    """Post all sizes alone, and next to two uploads that stop after 1 KB."""
    bodies = [tencent(size_bytes) for size_bytes in _SIZES_BYTES]
    upload = tencent(_STALLED_BYTES)[:1000]
    with fresh_disk(bench.folder) as disk, running(disk, DAEMON) as server:
        alone = _post_in_turns(server, bodies)
        with ThreadPoolExecutor() as pool:
            stalls = pool.map(partial(senders.stall, server, upload), [_STALLED_PATIENCE_S] * 2)
            beside = _post_in_turns(server, bodies)
            ended_s = list(stalls)
    for size_bytes, without, answers in zip(_SIZES_BYTES, alone, beside, strict=True):
        yield _latency(f"{size_bytes:,} bytes, alone", without)
        yield _latency(f"{size_bytes:,} bytes, next to stalled uploads", answers)
    yield Row(f"stalled upload ended after (at most {_STALLED_PATIENCE_S} s)", ended_s, "s")


def large(bench: Bench) -> Iterator[Row]:
    """Post 16 bodies of 64 MiB at once, next to some 150 small callbacks a second."""
    for vendor, make in (("Tencent", tencent_detail), ("Huawei", huawei)):
        with fresh_disk(bench.folder) as disk, running(disk, DAEMON) as server:
            small = Wrk(server, tencent(), connections=4, delay_ms=20)
            try:
                answers, child_mb = _post_together(server, make(_LARGE_BYTES))
            finally:
                seen = small.stop()
            daemon_mb = servers.memory_mb(server.pid, "VmHWM")
        failed = seen.refused + seen.socket_errors
        yield _latency(f"{vendor}: each of 16 bodies of 64 MiB", answers)
        yield Row(f"{vendor}: RSS of the daemon, peak", [daemon_mb], "MB")
        yield Row(f"{vendor}: RSS of the largest child, peak", [child_mb], "MB")
        yield Row(f"{vendor}: p99 of small callbacks ({failed} failed)", [seen.p99_ms], "ms")


def memory(bench: Bench) -> Iterator[Row]:
    """Watch the memory over many callbacks."""
    size_gib = max(8, bench.callbacks * 12_000 >> 30)
    with fresh_disk(bench.folder, size_gib) as disk, running(disk, DAEMON) as server:
        time.sleep(_PAUSE_S)
        idle_mb = servers.memory_mb(server.pid, "VmRSS")
        while server.acknowledged < bench.callbacks:
            senders.post_all(server, tencent(), 32, bench.seconds)
        time.sleep(_PAUSE_S)
        growth_mb = servers.memory_mb(server.pid, "VmRSS") - idle_mb
    yield Row("RSS, idle", [idle_mb], "MB")
    yield Row(f"RSS, growth after {server.acknowledged:,} callbacks", [growth_mb], "MB")


def rejected(bench: Bench) -> Iterator[Row]:
    """Start and reject bodies where 200,000 rejected ones lie, and where none does."""
    with fresh_disk(bench.folder) as disk:
        measures = {}
        for name, bodies in (("none", 0), ("many", _REJECTED_BODIES)):
            (disk / name).mkdir()
            # The daemon makes its root: what it finds in one of its own is its own. While idle, it
            # notes that its index is complete, so that it does not read these bodies.
            with running(disk / name, DAEMON) as server:
                root = server.folder / "root"
                time.sleep(_IDLE_S)
            _fill(root / "rejected/tencent/2026/11/21", bodies)
            measures[name] = partial(_start_and_reject, disk / name, bench.seconds)
        none, many = _in_turns(bench.rounds, measures).values()
    p99_ms = [load.p99_ms for _, load in many]
    yield Row("start until ready", [ready_s for ready_s, _ in many], "s")
    yield Row("start until ready, empty folder", [ready_s for ready_s, _ in none], "s")
    yield Row("p99 of good callbacks", p99_ms, "ms")
    yield Row("p99, of the empty folder's", ratios(p99_ms, [load.p99_ms for _, load in none]))


SCENARIOS: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    scenario.__name__: scenario
    for scenario in (throughput, overload, stalled, large, memory, rejected)
}


def _in_turns(rounds: int, measures: Mapping[str, Callable[[], T]]) -> dict[str, list[T]]:
    """Measure in rounds, each of which begins with another one."""
    found: dict[str, list[T]] = {name: [] for name in measures}
    names = list(measures)
    for _ in range(rounds):
        for name in names:
            found[name].append(measures[name]())
            time.sleep(_PAUSE_S)
        names.append(names.pop(0))
    return found


def _measure(server: Server, connections: int, seconds: int) -> tuple[Load, float]:
    """Return the load, and the CPU's ms per request."""
    before_s = servers.cpu_s(server.pid)
    load = senders.post_all(server, tencent(), connections, seconds)
    return load, (servers.cpu_s(server.pid) - before_s) / load.answers * 1000


def _compared(at: str, found: Mapping[str, Sequence[tuple[Load, float]]]) -> Iterator[Row]:
    ours, tornado, fastapi = ([load.per_s for load, _ in found[name]] for name in found)
    cpu_ms, tornado_ms, _ = ([cpu_ms for _, cpu_ms in found[name]] for name in found)
    yield Row(f"requests/s {at}", ours)
    yield Row(f"requests/s {at}, of bare Tornado's", ratios(ours, tornado))
    yield Row(f"requests/s {at}, of FastAPI's with fsync", ratios(ours, fastapi))
    yield Row(f"CPU per request {at}", cpu_ms, "ms")
    yield Row(f"CPU per request {at}, of bare Tornado's", ratios(cpu_ms, tornado_ms))
    yield Row(f"p50 {at}", [load.p50_ms for load, _ in found[DAEMON]], "ms")
    yield Row(f"p99 {at}", [load.p99_ms for load, _ in found[DAEMON]], "ms")


def _latency(figure: str, answers: Sequence[Answer]) -> Row:
    figure = f"{figure} ({_acknowledged(answers)} of {len(answers)} acknowledged)"
    return Row(figure, [answer.seconds * 1000 for answer in answers], "ms")


def _acknowledged(answers: Sequence[Answer]) -> int:
    return sum(answer.status == senders.ACKNOWLEDGED for answer in answers)


def _post_in_turns(server: Server, bodies: Sequence[bytes]) -> list[list[Answer]]:
    """Post one body after another, again and again; return the answers to each."""
    ids, end_s = senders.new_ids(), time.monotonic() + _SIZES_S
    answers: list[list[Answer]] = [[] for _ in bodies]
    while time.monotonic() < end_s:
        for body, found in zip(bodies, answers, strict=True):
            found.append(senders.post(server, body, next(ids)))
    return answers


def _post_together(server: Server, body: bytes) -> tuple[list[Answer], float]:
    """Post a body 16 times at once; return the answers, and the peak of a child in MB."""
    ids, peak_mb = senders.new_ids(), 0.0
    with ThreadPoolExecutor(_LARGE_BODIES) as pool:
        post = partial(senders.post, server, body, patience_s=_LARGE_PATIENCE_S)
        posts = [pool.submit(post, next(ids)) for _ in range(_LARGE_BODIES)]
        while not all(sent.done() for sent in posts):
            for child in servers.descendants(server.pid):
                peak_mb = max(peak_mb, servers.memory_mb(child, "VmHWM"))
            time.sleep(0.02)
    answers = [sent.result() for sent in posts]
    server.acknowledged += _acknowledged(answers)
    return answers, peak_mb


def _fill(folder: Path, bodies: int) -> None:
    folder.mkdir(parents=True)
    for number in range(bodies):
        stem = f"{folder}/{number:06}-{number:016x}"
        Path(f"{stem}.body").write_bytes(b"unknown=%d" % number)
        Path(f"{stem}.json").write_bytes(b'{"status":"rejected","reason":"no requestId"}')
    os.sync()


def _start_and_reject(folder: Path, seconds: int) -> tuple[float, Load]:
    """Start the daemon, and post callbacks next to some 40 a second that are rejected."""
    with running(folder, DAEMON) as server:
        rejects = Wrk(server, unknown(), connections=2, delay_ms=50)
        try:
            load = senders.post_all(server, tencent(), 32, seconds)
        finally:
            rejects.stop()
    return server.ready_s, load
