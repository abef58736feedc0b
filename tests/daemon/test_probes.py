"""What load balancers, scanners and browsers ask of a daemon."""

import re
import socket
import ssl
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import trustme

from tests.daemon.process import Daemon, request
from tests.daemon.serving import eventually, metric, serving

TIMEOUT_S = 10.0
CHECKS = 50
"""As many as some balancers send in a minute."""

CLIENT_HELLO = bytes.fromhex("16030100050100000100")
RESET = b"\1\0\0\0\0\0\0\0"
"""For SO_LINGER: closing sends a reset, as balancers do to save the rest of the handshake."""

PROBES = [
    b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"HEAD /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /healthz HTTP/1.0\r\n\r\n",
    b"OPTIONS / HTTP/1.0\r\n\r\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"",
    CLIENT_HELLO,
]


def probe(port: int, sent: bytes, *, resets: bool = False) -> None:
    """Connect, send, and go without waiting for an answer."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as connection:
        if resets:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        connection.sendall(sent)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_health_check(tmp_path: Path, method: str) -> None:
    with serving(tmp_path) as daemon:
        body = b"ok\n" if method == "GET" else b""
        assert request(daemon.port, method, "/healthz") == (200, body)
        answered = metric(daemon, "asr_daemon_answers_total", "endpoint", "status")
        assert answered["health", "200"] == 1


def test_health_check_while_nothing_can_be_stored(tmp_path: Path) -> None:
    """The reason is for the administrator: the port is everybody's."""
    with serving(tmp_path, limits={"free_space": "1000000GiB"}) as daemon:
        unavailable = (503, b"unavailable\n")
        eventually(lambda: request(daemon.port, "GET", "/healthz") == unavailable, "unavailable")
        assert daemon.get("/readyz").status == 503


def test_probes_are_not_logged_each(tmp_path: Path) -> None:
    """Whatever a balancer sends every second, the log has at most a line a day of each kind."""
    with serving(tmp_path) as daemon:
        before = len(daemon.lines)
        for _ in range(CHECKS):
            for sent in PROBES:
                probe(daemon.port, sent)
                probe(daemon.port, sent, resets=True)
        still_serves(daemon)
        logged = [line for line in daemon.lines[before:] if "callback acknowledged" not in line]
    kinds = [re.search(r"outcome=(\w+)", line) for line in logged]
    assert sorted(kind[1] for kind in kinds if kind) == ["MethodNotAllowed", "NotHttp"]
    assert len(logged) == len(kinds)


def test_probes_of_https_are_not_logged_each(tmp_path: Path) -> None:
    """Plain HTTP, half a handshake, and a client that does not trust the certificate."""
    authority = trustme.CA()
    issued = authority.issue_cert("localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "certificate.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    tls = {"certificate": f"{tmp_path}/certificate.pem", "key": f"{tmp_path}/key.pem"}
    listen = [{"address": "127.0.0.1", "port": 0, "tls": tls}]
    with serving(tmp_path, listen=listen) as daemon:
        before, doubting = len(daemon.lines), ssl.create_default_context()
        for _ in range(CHECKS):
            for sent in PROBES:
                probe(daemon.port, sent)
            with suppress(ssl.SSLError), socket.create_connection(("127.0.0.1", daemon.port)) as it:
                doubting.wrap_socket(it, server_hostname="localhost").close()
        trusting = ssl.create_default_context()
        authority.configure_trust(trusting)
        with (
            socket.create_connection(("127.0.0.1", daemon.port), TIMEOUT_S) as plain,
            trusting.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            secured.sendall(PROBES[0])
            assert secured.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")
        assert daemon.lines[before:] == []


def test_admin_answers_head(tmp_path: Path) -> None:
    with serving(tmp_path) as daemon:
        for path in ("/", "/healthz", "/readyz", "/metrics", "/status.css", "/icon.svg"):
            assert request(daemon.admin_port, "HEAD", path) == (200, b""), path


@pytest.fixture(scope="module")
def named_daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """Run a daemon whose admin has a name."""
    with serving(tmp_path_factory.mktemp("named"), admin={"hosts": ["asr.example.org"]}) as started:
        yield started


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/metrics", "/status.js", "/x"])
def test_names_of_strangers_lead_nowhere(named_daemon: Daemon, path: str) -> None:
    """A page in a browser gets no answer under a name that its author pointed here."""
    sentence = b"421 Misdirected Request: add the name to admin.hosts, or use the IP address\n"
    stranger = f"attacker.example:{named_daemon.admin_port}"
    headers = {"Host": stranger, "Accept": "application/json"}
    assert named_daemon.get(path, headers) == (421, sentence)
    for host in ("localhost", "192.0.2.7:8788", "[2001:db8::7]:8788", "ASR.example.org:8788"):
        assert named_daemon.get(path, {"Host": host}).status == (404 if path == "/x" else 200)


def still_serves(daemon: Daemon) -> None:
    """Check that callbacks are stored, behind all that was sent before."""
    assert daemon.post("/callbacks/tencent", b"code=0&requestId=1").status == 200
