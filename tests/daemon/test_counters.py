"""The counters: each answer is counted once, under the outcome that its sender was told."""

import json
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http.client import HTTPResponse
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.conftest import NoteFigure
from tests.daemon.causes import filled
from tests.daemon.clients import TENCENT_PATH, Ledger, body_of, senders
from tests.daemon.process import Daemon, Reply, request
from tests.daemon.serving import eventually, metric, more, serving
from tests.durability import requirements
from tests.durability.faults import small_tmpfs
from tests.durability.requirements import require

HUAWEI = "/oifde/rest/sysapi/asrcallback"
TOKEN = "/oifde/rest/api/gettoken"
KEY = "0123456789abcdef"
PROVIDERS = {
    "tencent": {"key": KEY},
    "huawei": {"clients": [{"app_key": "ODFS_SYS_OPENAPI", "app_secret": "hunter2hunter2"}]},
}

Outcomes = Counter[tuple[str, ...]]


def counted(daemon: Daemon) -> Outcomes:
    """Return how many callbacks the daemon has counted, by provider and outcome, if any."""
    return +Counter(metric(daemon, "asr_daemon_callbacks_total", "provider", "outcome"))


def results(daemon: Daemon) -> Outcomes:
    """Return how many results the daemon has counted, by provider and the vendor's outcome."""
    return +Counter(metric(daemon, "asr_daemon_results_total", "provider", "status"))


def kept(daemon: Daemon) -> Outcomes:
    """Return how many rejected bodies the daemon has counted as kept, by provider."""
    counts = metric(daemon, "asr_daemon_rejected_kept_total", "provider")
    return +Counter({(*provider, "rejected"): number for provider, number in counts.items()})


def in_tree(root: Path) -> Outcomes:
    """Return how many documents there are, by provider and status."""
    documents = [json.loads(path.read_bytes()) for path in root.rglob("*.json")]
    return Counter((document["provider"], document["status"]) for document in documents)


def statuses(daemon: Daemon) -> Outcomes:
    """Return how many answers the daemon has counted, by endpoint and status."""
    return Counter(metric(daemon, "asr_daemon_answers_total", "endpoint", "status"))


def is_calm(daemon: Daemon) -> bool:
    """Say whether the daemon holds no byte of a body."""
    return metric(daemon, "asr_daemon_in_flight_bytes") == {(): 0.0}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Run a daemon that asks for credentials and takes bodies up to 100 KiB."""
    limits = {"body": "100KiB"}
    with serving(tmp_path, providers=PROVIDERS, limits=limits) as started:
        yield started


def huawei(aid: str) -> bytes:
    """Return a Huawei body."""
    document = {"state": {"code": 0, "success": True}, "body": {"aid": aid, "lattices": []}}
    return json.dumps({"body": document}).encode()


def credentials(daemon: Daemon) -> dict[str, str]:
    """Return the headers of a Huawei callback."""
    asked = json.dumps({"appKey": "ODFS_SYS_OPENAPI", "appSecret": "hunter2hunter2"}).encode()
    token = json.loads(daemon.post(TOKEN, asked).body)["authToken"]
    return {"userName": "ODFS_SYS_OPENAPI", "token": token}


def tencent(daemon: Daemon, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
    """Post to Tencent's path with the key."""
    return daemon.post(f"{TENCENT_PATH}?key={KEY}", body, headers)


def test_nothing_yet(daemon: Daemon) -> None:
    """What alerts look at is there from zero on: Prometheus sees no increase to a first value."""
    for name, labels in (
        ("asr_daemon_callbacks_total", ("tencent", "committed")),
        ("asr_daemon_callbacks_total", ("huawei", "failed")),
        ("asr_daemon_rejected_kept_total", ("tencent",)),
        ("asr_daemon_conflicts_total", ("huawei",)),
    ):
        names = ("provider", "outcome")[: len(labels)]
        assert metric(daemon, name, *names)[labels] == 0.0, name


def test_results_and_duplicates(daemon: Daemon) -> None:
    """Each result is committed once, and every further answer is a duplicate."""
    token = credentials(daemon)
    with ThreadPoolExecutor(8) as pool:
        for number in list(range(20)) * 3:
            pool.submit(tencent, daemon, body_of(f"{number}", "x"))
            pool.submit(daemon.post, HUAWEI, huawei(f"{number}"), token)
    assert counted(daemon) == {
        ("tencent", "committed"): 20,
        ("tencent", "duplicate"): 40,
        ("huawei", "committed"): 20,
        ("huawei", "duplicate"): 40,
    }
    assert results(daemon) == {("tencent", "succeeded"): 20, ("huawei", "succeeded"): 20}
    assert is_calm(daemon)


def test_failed_tasks_are_results(daemon: Daemon) -> None:
    """A task that failed at the vendor is committed like any other."""
    failed = b"code=10001&requestId=1&message=no"
    assert [tencent(daemon, failed).status for _ in range(2)] == [200, 200]
    assert counted(daemon) == {("tencent", "committed"): 1, ("tencent", "duplicate"): 1}
    assert results(daemon) == {("tencent", "failed"): 1}
    failures = metric(daemon, "asr_daemon_vendor_failures_total", "provider", "code")
    assert failures["tencent", "10001"] == 1


def test_failure_codes_are_bounded(daemon: Daemon) -> None:
    """What a sender makes up does not become series without end."""
    for number in range(60):
        body = b"code=%d&requestId=%d&message=no" % (20000 + number, number)
        assert tencent(daemon, body).status == 200
    failures = metric(daemon, "asr_daemon_vendor_failures_total", "provider", "code")
    assert failures["tencent", "other"] == 10
    assert len([code for provider, code in failures if provider == "tencent"]) == 51


def test_same_id_with_other_content(daemon: Daemon) -> None:
    """Both are committed, and the second is a conflict."""
    assert tencent(daemon, body_of("1", "a")).status == 200
    assert tencent(daemon, body_of("1", "b")).status == 200
    assert counted(daemon) == {("tencent", "committed"): 2}
    assert metric(daemon, "asr_daemon_conflicts_total", "provider")[("tencent",)] == 1


def test_rejected_bodies(daemon: Daemon) -> None:
    """Each refusal is counted, each kept body once."""
    token = credentials(daemon)
    for _ in range(3):
        assert tencent(daemon, b"hello").status == 400
        assert daemon.post(HUAWEI, b"{}", token).status == 400
    assert counted(daemon) == {("tencent", "rejected"): 3, ("huawei", "rejected"): 3}
    kept = metric(daemon, "asr_daemon_rejected_kept_total", "provider")
    assert kept == {("tencent",): 1, ("huawei",): 1}
    assert is_calm(daemon)


def test_requests_that_are_refused_unread(daemon: Daemon) -> None:
    """Refusals by the head of the request are counted by their reason."""
    large = bytes(200_000)
    assert daemon.post(TENCENT_PATH, b"code=0").status == 401
    assert daemon.post(f"{TENCENT_PATH}/x?key={KEY}", b"code=0").status == 404
    assert request(daemon.port, "GET", TENCENT_PATH).status == 405
    assert tencent(daemon, large).status == 413
    assert tencent(daemon, b"x", {"Content-Encoding": "gzip"}).status == 415
    assert daemon.post(HUAWEI, b"{}").status == 401
    assert counted(daemon) == {("tencent", "rejected"): 5, ("huawei", "rejected"): 1}
    assert metric(daemon, "asr_daemon_refusals_total", "provider", "reason") == {
        ("tencent", "WrongCredentials"): 1,
        ("tencent", "NotFound"): 1,
        ("tencent", "MethodNotAllowed"): 1,
        ("tencent", "BodyTooLarge"): 1,
        ("tencent", "UnsupportedBody"): 1,
        ("huawei", "TokenExpired"): 1,
    }
    assert statuses(daemon) == {
        ("tencent", "401"): 1,
        ("tencent", "404"): 1,
        ("tencent", "405"): 1,
        ("tencent", "413"): 1,
        ("tencent", "415"): 1,
        ("huawei", "401"): 1,
    }
    eventually(lambda: is_calm(daemon), "nothing is in flight")


def test_full_disk(tmp_path: Path) -> None:
    """What cannot be stored is counted as failed, be it understood or not."""
    require(requirements.root)
    ledger, tries = Ledger(), []
    with small_tmpfs(4000) as disk, serving(tmp_path, output={"root": f"{disk}/root"}) as daemon:
        with senders(daemon.port, ledger):
            eventually(more(ledger.acknowledged, 50), "results are acknowledged")
            with filled(disk, 100_000):
                eventually(more(ledger.refused, 50), "results are refused")
                tries.append(daemon.post(TENCENT_PATH, b"hello").status)
            eventually(more(ledger.acknowledged, 50), "results are acknowledged again")
        assert tries == [503]
        assert counted(daemon) == {
            ("tencent", "committed"): len(ledger.acknowledged),
            ("tencent", "failed"): len(ledger.refused) + len(tries),
        }
        assert statuses(daemon) == {
            ("tencent", "200"): len(ledger.acknowledged),
            ("tencent", "503"): len(ledger.refused) + len(tries),
        }
        assert is_calm(daemon)


def test_uploads_that_break_off(daemon: Daemon) -> None:
    """Whoever leaves in the middle is told nothing, so nothing is counted and nothing is held."""
    for number in range(20):
        head = f"POST {TENCENT_PATH}?key={KEY} HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
            connection.sendall(head.encode() + bytes(number * 50))
    eventually(lambda: is_calm(daemon), "nothing is in flight")
    assert counted(daemon) == statuses(daemon) == {}


def test_upload_that_grows_too_large(daemon: Daemon) -> None:
    """Chunks that are refused on the way are not in flight any more."""
    head = (
        f"POST {TENCENT_PATH}?key={KEY} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
        connection.sendall(head.encode())
        for _ in range(3):
            connection.sendall(b"c350\r\n" + bytes(50_000) + b"\r\n")
        response = HTTPResponse(connection)
        response.begin()
        assert response.status == 413
        assert is_calm(daemon)
    assert counted(daemon) == {("tencent", "rejected"): 1}


def test_labels_are_bounded(tmp_path: Path) -> None:
    """Whatever senders put into paths, ids and headers, there are no more series than before."""
    token = {"token": "none is asked for"}

    def try_all(daemon: Daemon, word: str) -> None:
        tencent(daemon, f"code={quote(word)}&requestId={quote(word)}&appid={quote(word)}".encode())
        daemon.post(f"{TENCENT_PATH}/{quote(word)}?key={KEY}", b"code=0&text=a")
        daemon.post(f"/{quote(word)}", b"code=0", {"userName": quote(word), "token": quote(word)})
        daemon.post(HUAWEI, b"{}", {**token, "userName": quote(word)})
        request(daemon.port, "PUT" if len(word) % 2 else "DELETE", HUAWEI)

    def series(daemon: Daemon) -> list[str]:
        lines = daemon.get("/metrics").body.decode().splitlines()
        return sorted(line.rpartition(" ")[0] for line in lines if not line.startswith("#"))

    with serving(tmp_path) as daemon:
        try_all(daemon, "first")
        try_all(daemon, "second")
        before = series(daemon)
        for number in range(50):
            try_all(daemon, f'{number}"\n\\我')
        assert series(daemon) == before
    assert len(before) < 200


def send_all(daemon: Daemon, number: int) -> Outcomes:
    """Send callbacks of several kinds, some for the second time; return what one was told."""
    replies = [
        ("tencent", daemon.post(TENCENT_PATH, body_of(f"{number // 3}", "x"))),
        ("tencent", daemon.post(TENCENT_PATH, b"hello %d" % (number % 5))),
        ("huawei", daemon.post(HUAWEI, huawei(f"{number // 2}"))),
        ("huawei", request(daemon.port, "GET", HUAWEI)),
    ]
    told = {200: "acknowledged", 503: "failed", 500: "failed"}
    return Counter((name, told.get(reply.status, "rejected")) for name, reply in replies)


@pytest.mark.long
def test_everything_at_once(tmp_path: Path, note_figure: NoteFigure) -> None:
    """Thousands of answers of all kinds, many while the disk is full: the sums are the same."""
    require(requirements.root)
    told: Outcomes = Counter()
    with (
        small_tmpfs(40_000) as disk,
        serving(tmp_path, output={"root": f"{disk}/root"}) as daemon,
        ThreadPoolExecutor(8) as pool,
    ):
        for each in pool.map(partial(send_all, daemon), range(600)):
            told += each
        with filled(disk, 100_000):
            for each in pool.map(partial(send_all, daemon), range(300, 900)):
                told += each
        seen = counted(daemon)
        assert is_calm(daemon)
        assert results(daemon) + kept(daemon) == in_tree(Path(disk) / "root")
    for name in ("tencent", "huawei"):
        seen[name, "acknowledged"] = seen.pop((name, "committed")) + seen.pop((name, "duplicate"))
    assert seen == told
    assert all(told[name, "failed"] > 0 for name in ("tencent", "huawei"))
    note_figure("answers were counted", told.total())


@pytest.mark.parametrize(
    ("app_key", "outcome"), [("ODFS_SYS_OPENAPI", "WrongSecret"), ("ODFS", "UnknownKey")]
)
def test_token_that_is_refused(daemon: Daemon, app_key: str, outcome: str) -> None:
    """The log says why, in a word that collectors can count."""
    asked = json.dumps({"appKey": app_key, "appSecret": "hunter3"}).encode()
    assert daemon.post(TOKEN, asked).status == 401
    daemon.wait_for(f"request refused provider=huawei-token outcome={outcome} ")
