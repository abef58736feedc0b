"""Texts that lie elsewhere, fetched by a real daemon in a network of its own."""

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.daemon.clients import TENCENT_PATH
from tests.daemon.process import Daemon, results
from tests.daemon.seclusion import secluded
from tests.daemon.serving import FLAT, eventually, metric, serving
from tests.daemon.text_server import Answer, TextServer, serving_texts
from tests.durability import requirements
from tests.durability.requirements import require

PUBLIC = "1.2.3.4"
NAMES = {
    "text.example.com": PUBLIC,
    "private.example.com": "10.1.2.3",
    "loopback.example.com": "127.0.0.1",
    "metadata.example.com": "169.254.169.254",
    "carrier.example.com": "100.64.1.2",
    "six.example.com": "::1",
    "unique-local.example.com": "fd00::1",
}
FETCHING = {"tencent": {"fetch_text": "when_empty", "fetch_hosts": ["*.example.com"]}}
TEXT = "[0:1.640,0:4.600]  你好\n"
ERROR = Answer(500)
WELL = Answer(200, TEXT.encode())


@contextmanager
def fetching(folder: Path, **changes: Any) -> Iterator[Daemon]:
    """Run a daemon that fetches texts and trusts who issues the server's certificates."""
    environ = {"SSL_CERT_FILE": str(folder / "authority.pem")}
    settings = {"output": FLAT, "providers": FETCHING, **changes}
    with serving(folder, environ, **settings) as daemon:
        yield daemon


def in_network(folder: Path, answers: dict[str, list[Answer]]) -> Callable[..., None]:
    """Return a decorator that runs a function at once, with a server in a network of its own."""
    require(requirements.root, requirements.iproute)

    def run(test: Callable[[TextServer], None]) -> None:
        def serve() -> None:
            with serving_texts(folder, answers, *NAMES) as server:
                test(server)

        secluded(folder, NAMES, serve)

    return run


def post(daemon: Daemon, id_: str, url: str) -> None:
    """Have a callback acknowledged that has no text but its URL."""
    body = f"code=0&requestId={id_}&text=&audioTime=8.42&textUrl={quote(url, '')}"
    assert daemon.post(f"{TENCENT_PATH}?job={id_}", body.encode()).status == 200


def outcomes(daemon: Daemon) -> dict[str, float]:
    """Return how many tries had which outcome."""
    counted = metric(daemon, "asr_daemon_text_fetches_total", "outcome")
    return {outcome: count for (outcome,), count in counted.items() if count}


def document(folder: Path, name: str) -> dict[str, Any]:
    """Return a JSON document of the tree."""
    return dict(json.loads((folder / "root/tencent" / name).read_bytes()))


def is_there(folder: Path, name: str) -> Callable[[], bool]:
    """Return what tells whether a file of the tree is there."""
    return (folder / "root/tencent" / name).exists


def test_text_arrives_after_errors_and_a_restart(tmp_path: Path) -> None:
    @in_network(tmp_path, {"/t?sign=x": [ERROR, ERROR, WELL]})
    def test(server: TextServer) -> None:
        with fetching(tmp_path) as daemon:
            post(daemon, "1", "https://text.example.com/t?sign=x")
            assert document(tmp_path, "1.json")["text_url"] == "https://text.example.com/t?sign=x"
            eventually(lambda: outcomes(daemon).get("failed") == 1, "the first try fails")
            daemon.stop(signal.SIGKILL)
        assert not is_there(tmp_path, "1~text.json")()
        with fetching(tmp_path) as daemon:
            eventually(is_there(tmp_path, "1~text.json"), "the text arrives")
            daemon.wait_for("text fetched")
            assert outcomes(daemon) == {"failed": 1, "fetched": 1}
            assert metric(daemon, "asr_daemon_pending_texts") == {(): 0}
            assert "sign" not in daemon.log
            assert daemon.stop() == 0
        assert server.times("/t?sign=x") == 3

    first, text = document(tmp_path, "1.json"), document(tmp_path, "1~text.json")
    assert (first["text"], first["segments"]) == ("", [])
    assert (text["text"], text["segments"][0]["start"]) == ("你好", 1.64)
    assert text["fetched"]["document"] == "1.json"
    assert (text["id"], text["query"], text["audio"]) == (
        first["id"],
        first["query"],
        first["audio"],
    )
    assert text["payload"] == {"text": TEXT}
    assert (tmp_path / "root/tencent/1~text.txt").read_text() == "你好\n"


def test_nothing_is_fetched_that_should_not_be(tmp_path: Path) -> None:
    refused = {
        "private": "https://private.example.com/secret",
        "loopback": "https://loopback.example.com/secret",
        "metadata": "https://metadata.example.com/secret",
        "carrier": "https://carrier.example.com/secret",
        "six": "https://six.example.com/secret",
        "unique-local": "https://unique-local.example.com/secret",
        "plain": "http://text.example.com/secret",
        "address": f"https://{PUBLIC}/secret",
        "other": "https://text.example.org/secret",
        "user": "https://loopback.example.com@text.example.com/secret",
        "port": "https://text.example.com:8787/secret",
        "to-loopback": "https://text.example.com/to-loopback",
        "to-private": "https://text.example.com/to-private",
        "endless": "https://text.example.com/endless",
    }

    @in_network(
        tmp_path,
        {
            "/to-loopback": [Answer(302, location="https://127.0.0.1/secret")],
            "/to-private": [Answer(302, location="https://private.example.com/secret")],
            "/endless": [Answer(200, is_endless=True)],
            "/silent": [Answer(200, is_silent=True)],
            "/t": [WELL],
        },
    )
    def test(server: TextServer) -> None:
        with fetching(tmp_path) as daemon:
            post(daemon, "silent", "https://text.example.com/silent")
            for id_, url in refused.items():
                post(daemon, id_, url)
            post(daemon, "well", "https://text.example.com/t")
            eventually(is_there(tmp_path, "well~text.json"), "another text arrives meanwhile")
            eventually(lambda: outcomes(daemon).get("refused") == len(refused), "all are refused")
            assert outcomes(daemon) == {"refused": len(refused), "fetched": 1}
            assert metric(daemon, "asr_daemon_pending_texts") == {(): 1}
            assert daemon.stop() == 0
        assert {*server.connected} == {PUBLIC}
        assert server.times("/secret") == 0

    texts = [name for name in results(tmp_path / "root") if "~text" in name]
    assert sorted(texts) == ["tencent/well~text.json", "tencent/well~text.txt"]


def test_text_is_fetched_when_first_result_and_index_were_taken_away(tmp_path: Path) -> None:
    """The index knows what a reader has moved away; the tree knows what the index has lost."""

    @in_network(tmp_path, {"/moved": [ERROR, WELL], "/lost": [ERROR, WELL]})
    def test(server: TextServer) -> None:
        with fetching(tmp_path, output={**FLAT, "keep_payload": False}) as daemon:
            post(daemon, "moved", "https://text.example.com/moved")
            eventually(lambda: outcomes(daemon).get("failed") == 1, "the first try fails")
            daemon.stop(signal.SIGKILL)
        for name in ("moved.json", "moved.txt"):
            (tmp_path / "root/tencent" / name).unlink()
        with fetching(tmp_path, output={**FLAT, "keep_payload": False}) as daemon:
            eventually(is_there(tmp_path, "moved~text.json"), "the text arrives")
            post(daemon, "lost", "https://text.example.com/lost")
            eventually(lambda: outcomes(daemon).get("failed") == 1, "the first try fails")
            daemon.stop(signal.SIGKILL)
        shutil.rmtree(tmp_path / "state")
        with fetching(tmp_path, output={**FLAT, "keep_payload": False}) as daemon:
            eventually(is_there(tmp_path, "lost~text.json"), "the text arrives")
            daemon.wait_for("text fetched")
            assert outcomes(daemon) == {"fetched": 1}
        assert (server.times("/moved"), server.times("/lost")) == (2, 2)


def test_texts_are_fetched_as_soon_as_the_configuration_says_so(tmp_path: Path) -> None:
    """Never by default; and what was refused is tried again."""

    @in_network(tmp_path, {"/t": [WELL]})
    def test(server: TextServer) -> None:
        with fetching(tmp_path, providers={}) as daemon:
            post(daemon, "1", "https://text.example.com/t")
            assert metric(daemon, "asr_daemon_text_fetches_total", "outcome") == {}
            assert daemon.stop() == 0
        other = {"tencent": {"fetch_text": "when_empty"}}
        with fetching(tmp_path, providers=other) as daemon:
            eventually(lambda: outcomes(daemon) == {"refused": 1}, "the host is not configured")
            config = tmp_path / "asr-daemon.yaml"
            fresh = config.with_suffix(".fresh")
            settings = {**json.loads(config.read_text()), "providers": FETCHING}
            fresh.write_text(json.dumps(settings))
            assert server.asked == []
            fresh.rename(config)
            eventually(is_there(tmp_path, "1~text.json"), "the text arrives")
            assert daemon.stop() == 0
        with fetching(tmp_path) as daemon:
            post(daemon, "2", "https://text.example.com/t")
            eventually(is_there(tmp_path, "2~text.json"), "another text arrives")
            assert daemon.stop() == 0
        assert server.times("/t") == 2
