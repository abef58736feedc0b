"""Wrong credentials: refused before the body, and guessing is slow without hindering anybody."""

import json
import socket
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from http.client import HTTPResponse
from itertools import count
from pathlib import Path

import pytest

from asr_daemon.providers.huawei.samples import HUAWEI_CALLBACK
from asr_daemon.providers.huawei.tokens import issue_token
from asr_daemon.providers.tencent.samples import TENCENT_CALLBACK
from asr_daemon.secret import Secret
from asr_daemon.web.throttle import FREE_ATTEMPTS, INTERVAL_S, MAX_DELAY_S
from tests.conftest import NoteFigure
from tests.daemon.clients import TENCENT_PATH
from tests.daemon.crowd import GoodClient, Habit, crowd, memory_bytes
from tests.daemon.process import Daemon, Reply, results
from tests.daemon.serving import eventually, metric, serving

HUAWEI_PATH = "/oifde/rest/sysapi/asrcallback"
TOKEN_PATH = "/oifde/rest/api/gettoken"
KEY = "Round-And-Round-1"
SECRET = "Hunter2-hunter2"
CLIENT = "ODFS_SYS_OPENAPI"
OTHER_SECRET = "Jump-Over-The-Dog"
PROVIDERS = {
    "tencent": {"key": KEY, "allow": ["127.0.0.0/16"], "appids": ["12516"]},
    "huawei": {
        "allow": ["127.0.0.0/16"],
        "clients": [
            {"app_key": CLIENT, "app_secret": SECRET},
            {"app_key": "other", "app_secret": OTHER_SECRET},
        ],
    },
}
OUTSIDE = "127.1.0.1"
GUESSER = "127.0.9.9"
HONEST = "127.0.9.1"
MAX_CONNECTIONS = 200
"""From one address: each has a refusal in `MAX_DELAY_S` at least."""
UNREAD = "Content-Length: 1000000"
"""Of a body that is never sent."""

_newcomers = count(1)


def newcomer() -> str:
    """Return an address from which nothing wrong has come yet."""
    number = next(_newcomers)
    return f"127.0.{100 + number // 250}.{1 + number % 250}"


def ask(daemon: Daemon, source: str, target: str, *lines: str, body: bytes = b"") -> Reply:
    """Send a head and no more than the body that is given, and return the answer."""
    head = "".join(f"{line}\r\n" for line in (f"POST {target} HTTP/1.1", "Host: x", *lines))
    with socket.create_connection(("127.0.0.1", daemon.port), 30.0, (source, 0)) as connection:
        connection.sendall(head.encode() + b"\r\n" + body)
        with HTTPResponse(connection, method="POST") as response:
            response.begin()
            return Reply(response.status, response.read())


def token(ends_in_s: float = 3600.0, app_key: str = CLIENT, secret: str = SECRET) -> str:
    """Return a token as a daemon with that secret issues it."""
    return issue_token(app_key, Secret(secret), time.time() + ends_in_s)


@contextmanager
def guarded(folder: Path) -> Iterator[Daemon]:
    """Run a daemon that asks for a key."""
    with serving(folder, providers={"tencent": {"key": KEY}}) as daemon:
        yield daemon


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the daemon."""
    return tmp_path_factory.mktemp("guessing")


@pytest.fixture(scope="module")
def daemon(folder: Path) -> Iterator[Daemon]:
    """Run a daemon that asks for everything that it can ask for."""
    with serving(folder, providers=PROVIDERS) as started:
        yield started
        assert results(folder / "root") == {}


@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)])
@pytest.mark.parametrize(
    ("rest", "lines"),
    [
        ("", ()),
        ("?key", ()),
        ("?key=", ()),
        ("?key=wrong", ()),
        (f"?key={KEY[:-1]}", ()),
        (f"?key={KEY}1", ()),
        (f"?key={KEY}%00", ()),
        (f"?key={KEY.lower()}", ()),
        (f"?key=%20{KEY}", ()),
        (f"?token={KEY}", ()),
        (f"?{KEY}", ()),
        (f"?key=wrong&key={KEY}", ()),
        (f"?key={KEY}&key=wrong", ()),
        ("/wrong", ()),
        (f"/{KEY[:-1]}", ()),
        (f"/{KEY.lower()}", ()),
        (f"/wrong/{KEY}", ()),
        (f"/wrong?job={KEY}", ()),
        (f"/{KEY}?key=wrong", ()),
        (f"/code=0&key={KEY}", ()),
        ("", (f"key: {KEY}",)),
        ("", (f"Authorization: Bearer {KEY}",)),
        ("", (f"Cookie: key={KEY}",)),
        ("", (f"Referer: http://x/?key={KEY}",)),
    ],
)
def test_wrong_key(daemon: Daemon, rest: str, lines: tuple[str, ...], expect: tuple[str]) -> None:
    """Each way of getting Tencent's key wrong is a 401 although the body never comes."""
    reply = ask(daemon, newcomer(), TENCENT_PATH + rest, UNREAD, *lines, *expect)
    assert (reply.status, json.loads(reply.body)["code"]) == (401, 401)


@pytest.mark.parametrize(
    ("name", "user", "sent", "code"),
    [
        ("token", CLIENT, "", "900001"),
        ("X-Auth-Token", CLIENT, token(), "900001"),
        ("Authorization", CLIENT, token(), "900001"),
        ("token", CLIENT, token(ends_in_s=-1.0), "900001"),
        ("token", CLIENT, "wrong", "900002"),
        ("token", CLIENT, SECRET, "900002"),
        ("token", CLIENT, token()[:-1], "900002"),
        ("token", CLIENT, token().swapcase(), "900002"),
        ("token", CLIENT, f"{token()}, {token()}", "900002"),
        ("token", CLIENT, token(secret="Retired-Secret"), "900002"),
        ("token", CLIENT, token(secret="Retired-Secret", ends_in_s=-1.0), "900002"),
        ("token", CLIENT, token(app_key="other", secret=OTHER_SECRET), "900002"),
        ("token", "other", token(), "900002"),
        ("token", "", token(), "900002"),
        ("token", CLIENT.lower(), token(), "900002"),
        ("token", "nobody", token(app_key="nobody"), "900002"),
    ],
    # Tokens differ from run to run.
    ids=[
        "none",
        "another header",
        "an authorization header",
        "expired",
        "no token",
        "the secret",
        "cut short",
        "swapped case",
        "two",
        "removed secret",
        "removed secret and expired",
        "another client's",
        "a user that is not its own",
        "no user",
        "lower-case user",
        "an unknown user",
    ],
)
def test_wrong_token(daemon: Daemon, name: str, user: str, sent: str, code: str) -> None:
    """Each way of getting Huawei's token wrong is a 401 although the body never comes."""
    lines = (UNREAD, f"userName: {user}", f"{name}: {sent}")
    reply = ask(daemon, newcomer(), HUAWEI_PATH, *lines)
    assert (reply.status, json.loads(reply.body)["retCode"]) == (401, code)


@pytest.mark.parametrize(
    ("app_key", "secret", "code"),
    [
        ("nobody", SECRET, 200800001),
        ("", SECRET, 200800001),
        (CLIENT.lower(), SECRET, 200800001),
        (CLIENT, "wrong", 200800002),
        (CLIENT, "", 200800002),
        (CLIENT, SECRET[:-1], 200800002),
        (CLIENT, SECRET.lower(), 200800002),
        (CLIENT, f"{SECRET}\0", 200800002),
        (CLIENT, OTHER_SECRET, 200800002),
        ("other", SECRET, 200800002),
    ],
)
def test_wrong_secret(daemon: Daemon, app_key: str, secret: str, code: int) -> None:
    """Each way of getting Huawei's secret wrong is a 401 without a token."""
    body = json.dumps({"appKey": app_key, "appSecret": secret}).encode()
    reply = ask(daemon, newcomer(), TOKEN_PATH, f"Content-Length: {len(body)}", body=body)
    content = json.loads(reply.body)
    assert (reply.status, content["errorCode"]) == (401, code)
    assert content.keys() == {"errorCode", "errorMsg"}


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X-Real-Ip", "Forwarded"])
@pytest.mark.parametrize(
    ("target", "more"),
    [
        (f"{TENCENT_PATH}?key={KEY}", ()),
        (f"{TENCENT_PATH}/{KEY}", ()),
        (HUAWEI_PATH, (f"userName: {CLIENT}", f"token: {token()}")),
        (TOKEN_PATH, ()),
    ],
)
def test_address_that_is_refused(
    daemon: Daemon, name: str, target: str, more: tuple[str, ...]
) -> None:
    """Right credentials from a wrong address are a 401, whatever address the sender claims."""
    forged = f"{name}: {'for=' if name == 'Forwarded' else ''}127.0.0.1"
    reply = ask(daemon, OUTSIDE, target, "Content-Length: 9", forged, *more)
    assert reply.status == 401


@pytest.mark.parametrize("appid", [b"&appid=12517", b"&appid=", b""])
def test_appid_that_is_refused(daemon: Daemon, appid: bytes) -> None:
    """The right key with an appid that is not let in is a 401, and leaves nothing behind."""
    body = b"code=0&requestId=1&text=a" + appid
    target = f"{TENCENT_PATH}?key={KEY}"
    reply = ask(daemon, newcomer(), target, f"Content-Length: {len(body)}", body=body)
    assert (reply.status, json.loads(reply.body)["code"]) == (401, 401)


def test_a_large_body_for_the_token_interface(daemon: Daemon) -> None:
    """Who has not shown credentials yet gets no room for a large body."""
    assert ask(daemon, newcomer(), TOKEN_PATH, UNREAD).status == 400


def test_right_credentials(tmp_path: Path) -> None:
    """The bed of all this lets in what is right."""
    with serving(tmp_path, providers=PROVIDERS) as daemon:
        key = {"Content-Type": "application/x-www-form-urlencoded"}
        assert daemon.post(f"{TENCENT_PATH}?key={KEY}", TENCENT_CALLBACK, key).status == 200
        headers = {"userName": CLIENT, "token": token()}
        assert daemon.post(HUAWEI_PATH, HUAWEI_CALLBACK, headers).status == 200


def test_ipv6_addresses_of_one_customer(tmp_path: Path) -> None:
    """Guesses from anywhere in one /64 count together; the next network is not hindered."""
    providers = {"tencent": {"key": KEY}, "huawei": {"enabled": False}}
    with (
        ThreadPoolExecutor(20) as pool,
        serving(tmp_path, providers=providers, trusted_proxies=["127.0.0.1"]) as daemon,
    ):

        def guess(address: str) -> float:
            reply = ask(daemon, "127.0.0.1", TENCENT_PATH, UNREAD, f"X-Forwarded-For: {address}")
            assert reply.status == 401
            return time.monotonic()

        began_s = time.monotonic()
        for number in range(FREE_ATTEMPTS):
            guess(f"2001:db8:1:2::{number}")
        held_up = [pool.submit(guess, f"2001:db8:1:2:{number}::1") for number in range(20)]
        first, _ = wait(held_up, return_when=FIRST_COMPLETED)
        assert first.pop().result() >= began_s + INTERVAL_S
        guess("2001:db8:1:3::1")
        assert sum(each.done() for each in held_up) < len(held_up) / 2


def check_guessing(
    folder: Path, connections: int, each: int, duration_s: float, note_figure: NoteFigure
) -> None:
    """Guess on many connections, with the right key among the first; look who is hindered."""
    guess = f"POST {TENCENT_PATH}?key=%s HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    wrong = Habit("guesses", (guess % "wrong").encode() * each)
    right = Habit("has the right one", (guess % KEY).encode() + wrong.first)
    with guarded(folder) as daemon, crowd() as guessers:
        others = GoodClient(daemon.port, HONEST, f"?key={KEY}")
        idle_ms = others.post_for(duration_s / 4)
        memory, began_s = memory_bytes(daemon.process.pid), time.monotonic()
        for number in range(connections):
            guessers.join(daemon.port, right if number == connections - 9 else wrong, GUESSER)
        note_figure("guesses were sent", connections * each)
        loaded_ms = others.post_for(duration_s)
        told = metric(daemon, "asr_daemon_answers_total", "status")
        took_s = time.monotonic() - began_s
        note_figure("guesses were answered", round(told[("401",)]))
        note_figure("ms is the p99 of who does not guess, before", idle_ms)
        note_figure("ms is the p99 of who does not guess, meanwhile", loaded_ms)
        more_bytes = memory_bytes(daemon.process.pid, peak=True) - memory
        note_figure("bytes of memory more", more_bytes)
        most = FREE_ATTEMPTS + took_s / INTERVAL_S + 1
        if took_s > MAX_DELAY_S:
            most += MAX_CONNECTIONS * (took_s / MAX_DELAY_S)
        assert FREE_ATTEMPTS <= told[("401",)] <= most
        assert told[("200",)] == len(others.took_s)
        assert told[("400",)] == 1  # the right one, whose body is empty
        assert others.refused == []
        assert more_bytes < 60_000_000


def test_guesses_are_one_a_second(tmp_path: Path, note_figure: NoteFigure) -> None:
    """However many come at once; only the right one among them is answered at once."""
    check_guessing(tmp_path, 40, 10, 1.0, note_figure)


@pytest.mark.long
def test_ten_thousand_guesses(tmp_path: Path, note_figure: NoteFigure) -> None:
    """The same with many more connections than one address may have."""
    check_guessing(tmp_path, 1000, 10, 20.0, note_figure)


def check_neighbour(
    folder: Path, connections: int, duration_s: float, note_figure: NoteFigure
) -> None:
    """Guess from the address of an honest client."""
    guess = f"POST {TENCENT_PATH}?key=wrong HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
    guesses = Habit("guesses", guess.encode() * 10)
    with guarded(folder) as daemon, crowd() as guessers:
        honest = GoodClient(daemon.port, GUESSER, f"?key={KEY}")
        idle_ms = honest.post_for(duration_s / 4)
        for _ in range(connections):
            guessers.join(daemon.port, guesses, GUESSER)
        eventually(
            lambda: metric(daemon, "asr_daemon_answers_total", "status").get(("401",)), "a 401"
        )
        loaded_ms = honest.post_for(duration_s)
        note_figure("ms is the p99 of who shares the address, before", idle_ms)
        note_figure("ms is the p99 of who shares the address, meanwhile", loaded_ms)
        assert honest.refused == []
        assert loaded_ms < INTERVAL_S * 1000  # in the queue it would be minutes


def test_a_neighbour_of_a_guesser(tmp_path: Path, note_figure: NoteFigure) -> None:
    """Who has the right key is not hindered by guesses from the same address."""
    check_neighbour(tmp_path, 40, 1.0, note_figure)


@pytest.mark.long
def test_a_neighbour_of_ten_thousand_guesses(tmp_path: Path, note_figure: NoteFigure) -> None:
    """The same while the guesser has all connections of the address, and asks for more."""
    check_neighbour(tmp_path, 1000, 20.0, note_figure)
