"""The examples of docs/proxies.md, as they stand there, with the real nginx and HAProxy."""

import json
import re
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path

import pytest
from msgspec import Struct

from asr_daemon.providers.huawei.samples import HUAWEI_CALLBACK
from asr_daemon.providers.tencent.samples import TENCENT_CALLBACK
from tests.daemon.process import Daemon, Reply
from tests.daemon.proxies import (
    haproxy,
    haproxy_serving,
    nginx,
    nginx_serving,
)
from tests.daemon.serving import eventually, serving
from tests.durability.requirements import require
from tests.free_port import free_port

KEY = "0123456789abcdef0123456789abcdef"
ALLOWED = "127.0.0.2"
OTHER = "127.0.0.3"
TENCENT = f"/callbacks/tencent?key={KEY}&job=42"
TOKEN = "/oifde/rest/api/gettoken"
HUAWEI = "/oifde/rest/sysapi/asrcallback"
TIMEOUT_S = 10.0

Serving = Callable[[Path, int, int], AbstractContextManager[None]]


class Bed(Struct):
    """A daemon behind a proxy."""

    folder: Path
    port: int
    """Where the daemon listens, each time it is started."""
    tls_port: int
    """Where the proxy does."""
    authority: Path

    @contextmanager
    def running(self) -> Iterator[Daemon]:
        """Run the daemon."""
        with serving(
            self.folder,
            listen=[{"address": "127.0.0.1", "port": self.port}],
            trusted_proxies=["127.0.0.1"],
            limits={"body": "1MiB", "free_space": "1MiB"},
            providers={
                "tencent": {"key": KEY, "allow": [ALLOWED]},
                "huawei": {"clients": [{"app_key": "ODFS_SYS_OPENAPI", "app_secret": "sesame"}]},
            },
        ) as daemon:
            yield daemon

    def post(
        self,
        target: str,
        body: bytes,
        sender: str = ALLOWED,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Post to the proxy, from an address of one's own."""
        context = ssl.create_default_context(cafile=self.authority)
        connection = HTTPSConnection(
            "localhost",
            self.tls_port,
            timeout=TIMEOUT_S,
            context=context,
            source_address=(sender, 0),
        )
        try:
            connection.request("POST", target, body, dict(headers or {}))
            response = connection.getresponse()
            return Reply(response.status, response.read())
        finally:
            connection.close()


@contextmanager
def _behind_nginx(folder: Path, port: int, tls_port: int) -> Iterator[None]:
    with nginx_serving(folder, port, tls_port=str(tls_port)):
        yield


@contextmanager
def _behind_haproxy(folder: Path, port: int, tls_port: int) -> Iterator[None]:
    with haproxy_serving(folder, port, tls_port):
        yield


@pytest.fixture(params=["nginx", "haproxy"])
def bed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    """Run a proxy; the daemon behind it is up to the test."""
    require(nginx if request.param == "nginx" else haproxy)
    proxy: Serving = _behind_nginx if request.param == "nginx" else _behind_haproxy
    port, tls_port = free_port(), free_port()
    with proxy(tmp_path, port, tls_port):
        yield Bed(tmp_path, port, tls_port, tmp_path / request.param / "authority.pem")


def logs(bed: Bed) -> str:
    """Return all that the proxy has logged."""
    home = bed.authority.parent
    files = [*home.glob("*.log"), *home.glob("log")]
    return "".join(file.read_text() for file in files)


def documents(bed: Bed) -> list[dict[str, object]]:
    """Return the documents of all results, by provider."""
    paths = sorted((bed.folder / "root").glob("[ht]*/**/*.json"))
    return [json.loads(path.read_bytes()) for path in paths]


def test_callbacks(bed: Bed) -> None:
    """Both vendors' callbacks come through, with their token and their parameters."""
    with bed.running():
        asked = bed.post(TOKEN, b'{"appKey": "ODFS_SYS_OPENAPI", "appSecret": "sesame"}')
        token = str(json.loads(asked.body)["authToken"])
        headers = {"userName": "ODFS_SYS_OPENAPI", "token": token}
        huawei = bed.post(HUAWEI, HUAWEI_CALLBACK, OTHER, headers)
        tencent = bed.post(TENCENT, TENCENT_CALLBACK)
    assert huawei == Reply(200, b'{"retCode":"0","retMsg":"success"}')
    assert tencent == Reply(200, b'{"code":0,"message":"success"}')
    assert [document["id"] for document in documents(bed)] == ["FJKkMeepk8l", "4000048858"]
    assert documents(bed)[1]["query"] == {"job": "42"}


@pytest.mark.long
def test_address(bed: Bed) -> None:
    """It is the sender who is judged and logged, whatever the sender says of itself."""
    with bed.running() as daemon:
        for name in ("X-Forwarded-For", "X-Real-Ip", "x_forwarded_for", "Forwarded"):
            assert bed.post(TENCENT, TENCENT_CALLBACK, OTHER, {name: ALLOWED}).status == 401
            assert bed.post(TENCENT, TENCENT_CALLBACK, ALLOWED, {name: OTHER}).status == 200
        refusals = [line for line in daemon.log.split("\n") if " status=401 " in line]
    # A minute's are one line, and four addresses would be four.
    assert [re.findall(r"address=(\S+)", line) for line in refusals] == [[OTHER]]


def test_proxy_that_sets_another_header(tmp_path: Path) -> None:
    """An outsider's X-Forwarded-For, which it passes on, opens nothing and hides nobody."""
    require(nginx)
    port = free_port()
    header = {"X-Forwarded-For $remote_addr": "X-Real-IP $remote_addr"}
    with (
        nginx_serving(tmp_path, port, **header) as proxy_port,
        serving(
            tmp_path,
            listen=[{"address": "127.0.0.1", "port": port}],
            trusted_proxies=["127.0.0.1"],
            client_address_header="X-Real-IP",
            providers=only_tencent(ALLOWED),
        ) as daemon,
    ):
        for name in ("X-Forwarded-For", "Forwarded", "X-Real-IP"):
            assert post(proxy_port, OTHER, {name: ALLOWED}) == 401
            assert post(proxy_port, ALLOWED, {name: OTHER}) == 200
        assert re.findall(r" status=401 address=(\S+)", daemon.log) == [OTHER]
        assert "client address unknown" not in daemon.log


def test_proxy_that_does_not_name_its_clients(tmp_path: Path) -> None:
    """Each is refused as the proxy, and one line says why and what to do."""
    with serving(
        tmp_path,
        trusted_proxies=["127.0.0.0/29"],
        providers=only_tencent("198.51.100.7"),
    ) as daemon:
        for proxy in ("127.0.0.1", "127.0.0.2"):
            for _ in range(3):
                assert post(daemon.port, proxy, {"X-Real-IP": "198.51.100.7"}) == 401
        assert post(daemon.port, "127.0.0.1", {"X-Forwarded-For": "198.51.100.7:51008"}) == 200
        lines = [line for line in daemon.lines if "client address unknown" in line]
    assert [re.findall(r"proxy=(\S+)", line) for line in lines] == [["127.0.0.1"], ["127.0.0.2"]]
    reason = "the header x-forwarded-for is missing or empty; this request has x-real-ip"
    assert f'reason="{reason}"' in lines[0]
    assert "set client_address_header to the one that it sets" in lines[0]


@pytest.mark.parametrize(("trusted", "address"), [("127.0.0.1", "::1"), ("::1", "127.0.0.1")])
def test_proxy_on_localhost(tmp_path: Path, trusted: str, address: str) -> None:
    """It may come from either address of localhost, whichever was configured."""
    with serving(
        tmp_path,
        listen=[{"address": address, "port": 0}],
        trusted_proxies=[trusted],
        providers=only_tencent("198.51.100.7"),
    ) as daemon:
        assert post(daemon.port, address, {"X-Forwarded-For": "198.51.100.7"}) == 200


@pytest.mark.parametrize(
    "target",
    [
        f"//callbacks/tencent?key={KEY}",
        f"/callbacks/tencent/?key={KEY}",
        f"/callbacks//tencent/{KEY}/",
        f"/callbacks/tencent%3Fkey={KEY}",
        f"/callbacks/tencent%3Fkey={KEY}&amp;job=42",
        f"/callbacks/tencent?key={KEY}?code=0&amp;requestId=7",
    ],
)
def test_right_key_in_other_spellings_of_the_url(tmp_path: Path, target: str) -> None:
    """As consoles, documents and vendors build it."""
    with serving(tmp_path, providers=only_tencent()) as daemon:
        assert daemon.post(target, TENCENT_CALLBACK).status == 200
        assert daemon.post(target.replace(KEY, KEY[::-1]), TENCENT_CALLBACK).status == 401


def only_tencent(*allowed: str) -> dict[str, object]:
    """Return the settings of the providers, where these addresses may send."""
    return {"tencent": {"key": KEY, "allow": [*allowed]}, "huawei": {"enabled": False}}


def post(port: int, sender: str, headers: Mapping[str, str]) -> int:
    """Post a callback without TLS from an address, and return the status."""
    host = "::1" if ":" in sender else "127.0.0.1"
    connection = HTTPConnection(host, port, TIMEOUT_S, source_address=(sender, 0))
    try:
        connection.request("POST", TENCENT, TENCENT_CALLBACK, dict(headers))
        return connection.getresponse().status
    finally:
        connection.close()


@pytest.mark.long
def test_oversized(bed: Bed) -> None:
    """Who sends too much reads it in the vendor's words."""
    with bed.running():
        reply = bed.post(TENCENT, b"text=" + b"a" * 3_000_000)
    message = b"the body is larger than 1048576 bytes"
    assert reply == Reply(413, b'{"code":413,"message":"%s"}' % message)


@pytest.mark.long
def test_elsewhere(bed: Bed) -> None:
    """Other paths do not reach the daemon."""
    with bed.running() as daemon:
        assert bed.post("/metrics", b"").status == 404
        assert "refused" not in daemon.log


@pytest.mark.long
def test_restart(bed: Bed) -> None:
    """A daemon that comes back is found again, over connections that went with the old one."""
    for number in range(2):
        with bed.running():
            body = TENCENT_CALLBACK.replace(b"4000048858", b"400004885%d" % number)
            assert bed.post(TENCENT, body).status == 200
    assert [document["id"] for document in documents(bed)] == ["4000048850", "4000048851"]


@pytest.mark.long
def test_logs(bed: Bed) -> None:
    """The key is in no log, also not when requests are refused, broken, or lead nowhere."""
    with bed.running():
        assert bed.post(TENCENT, TENCENT_CALLBACK).status == 200
        assert bed.post(f"/callbacks/tencent/{KEY}", b"x").status == 400
        assert bed.post(TENCENT, b"text=" + b"a" * 3_000_000).status == 413
        send_broken(bed)
        eventually(lambda: re.search(rf"{ALLOWED}.* POST 413 ", logs(bed)), "a line in the log")
    assert KEY not in logs(bed)


def send_broken(bed: Bed) -> None:
    """Have the proxy refuse a request whose line holds the key."""
    context = ssl.create_default_context(cafile=bed.authority)
    with ExitStack() as stack:
        plain = stack.enter_context(socket.create_connection(("127.0.0.1", bed.tls_port)))
        plain.settimeout(TIMEOUT_S)
        secured = stack.enter_context(context.wrap_socket(plain, server_hostname="localhost"))
        secured.sendall(f"POST {TENCENT} HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n".encode())
        assert b" 400 " in secured.recv(1000)


@pytest.mark.long
def test_nginx_without_a_daemon(tmp_path: Path) -> None:
    """While nobody listens nginx says so, and its logs still hold no key."""
    require(nginx)
    port, tls_port = free_port(), free_port()
    with nginx_serving(tmp_path, port, tls_port=str(tls_port)):
        bed = Bed(tmp_path, port, tls_port, tmp_path / "nginx" / "authority.pem")
        assert bed.post(TENCENT, TENCENT_CALLBACK).status == 502
        eventually(lambda: re.search("POST 502 .* upstream=502", logs(bed)), "a line in the log")
    assert KEY not in logs(bed)


@pytest.mark.long
def test_haproxy_waits_for_the_daemon(tmp_path: Path) -> None:
    """A callback that comes while the daemon restarts is answered when it is back."""
    require(haproxy)
    port, tls_port = free_port(), free_port()
    with haproxy_serving(tmp_path, port, tls_port), ExitStack() as stack:
        bed = Bed(tmp_path, port, tls_port, tmp_path / "haproxy" / "authority.pem")
        pool = stack.enter_context(ThreadPoolExecutor(1))
        waiting = pool.submit(bed.post, TENCENT, TENCENT_CALLBACK)
        with bed.running():
            assert waiting.result(TIMEOUT_S).status == 200
