"""Slow clients: cut off at their deadline, and nobody else notices them."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import trustme

from asr_daemon.web.connection import EVICTABLE_AFTER_S
from tests.conftest import NoteFigure
from tests.daemon.clients import TENCENT_PATH, body_of
from tests.daemon.crowd import Crowd, GoodClient, Habit, crowd, memory_bytes, open_sockets
from tests.daemon.process import Daemon
from tests.daemon.serving import eventually, serving
from tests.daemon.upload import Upload

HEAD = f"POST {TENCENT_PATH} HTTP/1.1\r\nHost: x\r\n".encode()
TRICKLED_BYTES = 32 * 1024
HALF_HEAD = Habit("half head", HEAD, b"X-A: b\r\n", 4.0)
TRICKLED = Habit("trickled body", HEAD + b"Content-Length: %d\r\n\r\n" % TRICKLED_BYTES, b"x", 2.0)
SILENT = Habit("silent handshake", tls=True)
NEVER_READS = Habit("never reads", then=b"POST /nowhere HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
GREEDY = replace(NEVER_READS, then=NEVER_READS.then * 5, each_s=0.1)
"""Never reads either, and does not pause for so long that its next head is late."""
DEADLINES_S = {HALF_HEAD: 1.0, SILENT: 1.0, GREEDY: 1.0, TRICKLED: 10.0}
"""With a `header_timeout` of one second."""

KEY = "0123456789abcdef"
REFUSED = Habit("lingers", HEAD + b"Content-Length: 60000\r\n\r\n", b"x")
NO_TOKEN = Habit(
    "asks for a token",
    b"POST /oifde/rest/api/gettoken HTTP/1.1\r\nHost: x\r\nContent-Length: 9999\r\n\r\n",
    b"x",
)
ATTACKERS = "127.0.0.2"
EARLY_S, LATE_S = 0.5, 5.0
MOST_MS_MORE = 100
TIMES_BUSY = 5
"""How much slower than they should be the shared machines of CI may be."""
_BETWEEN_TWO_S = 0.001
MOST_BYTES_MORE = 60_000_000


class Bed(NamedTuple):
    """A daemon with a plain and a TLS port, and a crowd that comes to it."""

    daemon: Daemon
    crowd: Crowd

    def gather(self, habit: Habit, count: int, source: str = ATTACKERS) -> None:
        """Have so many more of a habit, from one address."""
        plain = self.daemon.port
        port = int(self.daemon.wait_for(r"callbacks at https://\S+:(\d+)")[1])
        for _ in range(count):
            self.crowd.join(port if habit.tls else plain, habit, source)
            time.sleep(_BETWEEN_TWO_S)

    def wait_until_cut_off(self, habit: Habit, deadline_s: float) -> int:
        """Wait until all of a habit are cut off; return after how many milliseconds the last was.

        The time of who never reads counts from when nothing could be sent any more.
        """
        eventually(lambda: not self.crowd.remaining(habit), f"{habit.name}s are cut off", 60.0)
        lasted_s = [
            (each.ended_s or 0.0)
            - (each.sent_s if habit in (NEVER_READS, GREEDY) else each.began_s)
            for each in self.crowd.of(habit)
        ]
        assert max(lasted_s) < deadline_s + LATE_S
        if habit not in (NEVER_READS, GREEDY):
            assert min(lasted_s) > deadline_s - EARLY_S
        return round(max(lasted_s) * 1000)


@contextmanager
def bed(
    folder: Path, limits: Mapping[str, Any], providers: Mapping[str, Any] | None = None
) -> Iterator[Bed]:
    """Run a daemon with such limits."""
    certificate = trustme.CA().issue_cert("localhost")
    certificate.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    both = str(folder / "both.pem")
    plain = {"address": "127.0.0.1", "port": 0}
    tls = {**plain, "tls": {"certificate": both, "key": both}}
    settings: dict[str, Any] = {"listen": [plain, tls], "limits": limits}
    settings["providers"] = providers or {}
    with serving(folder, **settings) as daemon, crowd() as people:
        yield Bed(daemon, people)


def post_all_sizes(daemon: Daemon) -> None:
    """Have results of many sizes acknowledged, none of which waits long."""
    for number in range(20):
        body = body_of(f"other{number}", "x" * (1000 << number % 14))
        sent_s = time.monotonic()
        assert daemon.post(TENCENT_PATH, body).status == 200
        assert time.monotonic() - sent_s < 5.0


def test_slow_clients_are_cut_off(tmp_path: Path) -> None:
    """Each way of being slow has a deadline; others are served meanwhile, and nothing is left."""
    with bed(tmp_path, {"header_timeout": "1s"}) as made:
        before = open_sockets(made.daemon.process.pid)
        began_s = time.monotonic()
        stalled = [Upload(made.daemon, bytes(50 << 20), sent=1024) for _ in range(2)]
        for habit in DEADLINES_S:
            made.gather(habit, 5)
        post_all_sizes(made.daemon)
        for habit, deadline_s in DEADLINES_S.items():
            made.wait_until_cut_off(habit, deadline_s)
        for upload in stalled:
            eventually(upload.is_closed, "a stalled upload is cut off")
            upload.close()
        assert time.monotonic() - began_s > 9.0
        eventually(lambda: open_sockets(made.daemon.process.pid) <= before, "all are closed")
        assert "Traceback" not in made.daemon.log


@pytest.mark.parametrize("habit", [HALF_HEAD, TRICKLED, SILENT])
def test_a_flood_from_one_address(tmp_path: Path, habit: Habit, note_figure: NoteFigure) -> None:
    """With the limits as they are, one address has its share, and others are served."""
    with bed(tmp_path, {}) as made:
        good = GoodClient(made.daemon.port)
        made.gather(habit, 400)
        loaded_ms = good.post_for(0.5)
        note_figure(f"ms is the good client's p99 with each {habit.name}", loaded_ms)
        eventually(lambda: len(made.crowd.remaining()) <= 200, "all but the share are cut off")
        assert max(good.took_s) < 5.0
        assert good.refused == []


def test_a_flood_from_the_same_address(tmp_path: Path) -> None:
    """Even beside trickled bodies that were let in, and have all of its share, one is served."""
    with bed(tmp_path, {}) as made:
        good, pid = GoodClient(made.daemon.port, ATTACKERS), made.daemon.process.pid
        others = open_sockets(pid)
        made.gather(TRICKLED, 200)
        eventually(lambda: open_sockets(pid) >= others + 200, "they have all of the share")
        slow_s = time.monotonic() + 2 * EVICTABLE_AFTER_S
        eventually(lambda: time.monotonic() > slow_s, "they have shown that they are slow")
        for _ in range(20):
            good.post()
            # The next one takes the place of this one only when the daemon knows that it is free.
            eventually(lambda: open_sockets(pid) < others + 200, "it is closed")
        assert good.refused == []
        eventually(lambda: len(made.crowd.remaining()) < 200, "one gave way")
        assert len(made.crowd.remaining()) == 200 - 1


@pytest.mark.long
@pytest.mark.parametrize("habit", [HALF_HEAD, REFUSED, NO_TOKEN])
def test_a_flood_from_many_addresses(tmp_path: Path, habit: Habit, note_figure: NoteFigure) -> None:
    """Who has no credentials cannot keep others out, be it with all connections there are."""
    clients = [{"app_key": "a", "app_secret": "agreed by both"}]
    providers = {"tencent": {"key": KEY}, "huawei": {"clients": clients}}
    with bed(tmp_path, {}, providers) as made:
        good = GoodClient(made.daemon.port, query=f"?key={KEY}")
        for number in range(2, 10):
            made.gather(habit, 200, f"127.0.0.{number}")
        loaded_ms = good.post_for(1.0)
        note_figure(f"ms is the good client's p99 with each that {habit.name}", loaded_ms)
        eventually(lambda: len(made.crowd.remaining()) <= 1000, "the limit holds")
        assert max(good.took_s) < 5.0
        assert good.refused == []


@pytest.mark.long
def test_a_crowd_of_slow_clients(tmp_path: Path, note_figure: NoteFigure) -> None:
    """Thousands are held until their deadline, and a good client does not notice."""
    limits = {"connections": 4000, "connections_per_address": 4000}
    with bed(tmp_path, limits) as made:
        pid = made.daemon.process.pid
        good = GoodClient(made.daemon.port)
        good.post_for(1.0)
        idle_ms = good.post_for(5.0)
        sockets, memory = open_sockets(pid), memory_bytes(pid)
        for habit, count in ((NEVER_READS, 200), (HALF_HEAD, 2000), (TRICKLED, 500), (SILENT, 200)):
            made.gather(habit, count)
        note_figure("connections were held at once", open_sockets(pid) - sockets)
        loaded_ms = good.post_for(20.0)
        note_figure("bytes of memory more", memory_bytes(pid, peak=True) - memory)
        note_figure("ms is the good client's p99 without the crowd", idle_ms)
        note_figure("ms is the good client's p99 with it", loaded_ms)
        for habit, deadline_s in ((HALF_HEAD, 10), (SILENT, 10), (TRICKLED, 10), (NEVER_READS, 10)):
            last_ms = made.wait_until_cut_off(habit, deadline_s)
            note_figure(f"ms lasted the last {habit.name}", last_ms)
        eventually(lambda: open_sockets(pid) <= sockets, "all are closed")
        assert "Traceback" not in made.daemon.log
        assert good.refused == []
        assert loaded_ms <= (idle_ms + MOST_MS_MORE) * TIMES_BUSY
        assert memory_bytes(pid, peak=True) - memory < MOST_BYTES_MORE
