"""Whatever is sent: an honest answer, no traceback, and nothing outside the root.

An everyday run makes 100 requests of each kind, `--long` 10,000 and `--nightly` 100,000. What
chance began with is printed when one fails: `--seed` repeats it.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from random import Random
from typing import Any

import pytest

from asr_daemon.providers.huawei.samples import HUAWEI_CALLBACK
from asr_daemon.providers.tencent.samples import tencent_callback
from tests.conftest import NoteFigure
from tests.daemon.hostile_bodies import huawei_body, tencent_body
from tests.daemon.hostile_requests import HUAWEI, TENCENT, hostile_request
from tests.daemon.process import Daemon
from tests.daemon.serving import serving
from tests.daemon.wire_clients import Patience, attack_all, attacks, statuses

HONEST = {200, 400}
HONEST_TO_STRANGERS = {100, 200, 400, 401, 404, 405, 413, 415}
CONNECTIONS = 4
AT_ONCE = 50
PATIENCE = Patience(1.0, 1.0)
"""Many are not answered."""
MOST_RSS_GROWTH_KIB = 5 * 1024
WARM_UP_REQUESTS = 10_000
"""As many as it takes until caches and the allocator have what they need."""

_COMMAND_OR_BIDI = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]")
_NAMES = re.compile(r"[A-Za-z0-9_%~-][A-Za-z0-9_.%~-]*")


@contextmanager
def attacked(folder: Path, limits: Mapping[str, object]) -> Iterator[Daemon]:
    """Run a daemon whose root has a neighbour that nothing may touch, and look at both afterwards.

    It believes what its senders say of their addresses, and wants a token for Huawei's path.
    """
    (folder / "etc").mkdir()
    clients = [{"app_key": "ODFS_SYS_OPENAPI", "app_secret": "not a guess"}]
    settings: dict[str, Any] = {
        "limits": {"free_space": "1MiB", **limits},
        "output": {"durability": "none"},
        "trusted_proxies": ["127.0.0.0/8"],
        "providers": {"tencent": {"allow_unauthenticated": True}, "huawei": {"clients": clients}},
    }
    with serving(folder, **settings) as started:
        yield started
        check_harmless(started.log)
        check_confined(folder)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon for bodies."""
    with attacked(tmp_path_factory.mktemp("bodies"), {}) as started:
        yield started


@pytest.fixture
def hasty_daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Run a daemon that reaps what is not whole at once."""
    with attacked(tmp_path, {"header_timeout": "300ms", "body_min_rate": "1GiB"}) as started:
        yield started


def check_harmless(log: str) -> None:
    """Check that a log tells of no bug, and that a terminal shows it as it is."""
    _, found, traceback = log.partition("Traceback")
    assert not found, traceback[:4000]
    assert "internal error" not in log
    assert not [line for line in log.split("\n") if _COMMAND_OR_BIDI.search(line)]


def check_confined(folder: Path) -> None:
    """Check that nothing was written but below the root, under names that are harmless."""
    assert not list((folder / "etc").iterdir())
    names = {each.name for each in folder.iterdir()}
    assert names == {"asr-daemon.yaml", "etc", "root", "state"}
    rooms = {each.name for each in (folder / "root").iterdir()}
    assert rooms <= {".staging", "failed", "huawei", "rejected", "tencent"}
    stored = (path for room in rooms - {".staging"} for path in (folder / "root" / room).rglob("*"))
    assert not [path for path in stored if not _NAMES.fullmatch(path.name) or path.is_symlink()]


def rss_kib(daemon: Daemon) -> int:
    """Return how much memory the daemon has."""
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])


def post_all(daemon: Daemon, path: str, bodies: list[bytes], headers: dict[str, str]) -> set[int]:
    """Post bodies over a few connections that are kept, and return all statuses."""

    def run(number: int) -> set[int]:
        connection = HTTPConnection("127.0.0.1", daemon.port, timeout=30)
        found = set()
        for body in bodies[number::CONNECTIONS]:
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            json.loads(response.read())
            found.add(response.status)
        connection.close()
        return found

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return set().union(*pool.map(run, range(CONNECTIONS)))


def check_growth(
    daemon: Daemon, requests: int, send: Callable[[int], None], note_figure: NoteFigure
) -> None:
    """Have requests sent; check that the daemon's memory does not grow with them."""
    send(min(WARM_UP_REQUESTS, requests))
    before_kib = rss_kib(daemon)
    send(requests)
    growth_kib = rss_kib(daemon) - before_kib
    note_figure("KiB more after as many again", growth_kib)
    assert growth_kib < MOST_RSS_GROWTH_KIB


def test_tencent(
    daemon: Daemon, chance: Random, hostile_requests: int, note_figure: NoteFigure
) -> None:
    """Any body to Tencent's path is acknowledged or refused."""

    def send(requests: int) -> None:
        bodies = [tencent_body(chance) for _ in range(requests)]
        assert post_all(daemon, TENCENT.decode(), bodies, {}) <= HONEST

    check_growth(daemon, hostile_requests, send, note_figure)


def test_huawei(
    daemon: Daemon, chance: Random, hostile_requests: int, note_figure: NoteFigure
) -> None:
    """Any body to Huawei's path is acknowledged or refused."""
    headers = token(daemon)

    def send(requests: int) -> None:
        bodies = [huawei_body(chance) for _ in range(requests)]
        assert post_all(daemon, HUAWEI.decode(), bodies, headers) <= HONEST

    check_growth(daemon, hostile_requests, send, note_figure)


def test_requests(
    hasty_daemon: Daemon, chance: Random, hostile_requests: int, note_figure: NoteFigure
) -> None:
    """Any bytes on any connection get honest answers or none, and others are served on."""
    port = hasty_daemon.port

    def send(requests: int) -> None:
        streams = [hostile_request(chance) for _ in range(requests)]
        for answered in attack_all(port, attacks(chance, streams), AT_ONCE, PATIENCE):
            assert set(statuses(answered)) <= HONEST_TO_STRANGERS, answered

    check_growth(hasty_daemon, hostile_requests, send, note_figure)
    assert hasty_daemon.post(TENCENT.decode(), tencent_callback(1)).status == 200


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"text=a&requestId=%E2%80%AEgpj.exe%E2%81%A6", r'"\u202egpj.exe\u2066"'),
        (b"text=a&requestId=%1B%5D0%3Bowned%07%1B%5B2J", r'"\u001b]0;owned\u0007\u001b[2J"'),
        (b"text=a&requestId=1%0AINFO+forged%C2%9B31m", r'"1\nINFO forged\u009b31m"'),
        (b'{"text": "a", "requestId": "1\\u2028\\u202e"}', r'"1\u2028\u202e"'),
    ],
)
def test_log_line(daemon: Daemon, body: bytes, shown: str) -> None:
    """An id that would command a terminal, or turn a line around, is logged in quotes."""
    assert daemon.post(TENCENT.decode(), body).status == 200
    daemon.wait_for(f"callback acknowledged provider=tencent id={re.escape(shown)} ")


def token(daemon: Daemon) -> dict[str, str]:
    """Return the headers of a sender that has got a token."""
    asked = b'{"appKey": "ODFS_SYS_OPENAPI", "appSecret": "not a guess"}'
    answer = json.loads(daemon.post("/oifde/rest/api/gettoken", asked).body)
    headers = {"userName": "ODFS_SYS_OPENAPI", "token": str(answer["authToken"])}
    assert daemon.post(HUAWEI.decode(), HUAWEI_CALLBACK, headers).status == 200
    return headers
