"""Every row of the table of answers, asked of a real daemon."""

import json
import socket
from binascii import hexlify
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from asr_daemon.providers.huawei.samples import HUAWEI_CALLBACK
from asr_daemon.providers.tencent.samples import TENCENT_CALLBACK
from tests.daemon.process import Daemon, Reply, results, running

TENCENT = "/callbacks/tencent"
HUAWEI = "/oifde/rest/sysapi/asrcallback"
TOKEN = "/oifde/rest/api/gettoken"
KEY = "0123456789abcdef"
SETTINGS = f"""
providers:
  tencent: {{key: {KEY}, appids: [12516]}}
  huawei:
    clients: [{{app_key: ODFS_SYS_OPENAPI, app_secret: hunter2hunter2}}]
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the daemon."""
    return tmp_path_factory.mktemp("answers")


@pytest.fixture(scope="module")
def daemon(folder: Path) -> Iterator[Daemon]:
    """Run a daemon that asks for credentials and takes bodies up to 1 MiB."""
    with running(folder, SETTINGS, limits="free_space: 1MiB, body: 1MiB") as started:
        yield started


def token(
    daemon: Daemon, app_key: str = "ODFS_SYS_OPENAPI", secret: str = "hunter2hunter2"
) -> Reply:
    """Ask for a token."""
    body = json.dumps({"appKey": app_key, "appSecret": secret}).encode()
    return daemon.post(TOKEN, body, {"Content-Type": "application/json; charset=UTF-8"})


def credentials(daemon: Daemon) -> dict[str, str]:
    """Return the headers of a Huawei callback."""
    issued = json.loads(token(daemon).body)
    return {"userName": "ODFS_SYS_OPENAPI", "token": issued["authToken"]}


def test_tencent_committed_and_again(daemon: Daemon, folder: Path) -> None:
    """The documented example becomes two files, is acknowledged, and so is its retry."""
    for _ in range(2):
        reply = daemon.post(f"{TENCENT}?key={KEY}&job=42", TENCENT_CALLBACK)
        assert reply == (200, b'{"code":0,"message":"success"}')
    files = {name: data for name, data in results(folder / "root").items() if "4000048858" in name}
    text, document = sorted(files.items(), reverse=True)
    assert text[1].decode() == "我在马上上夜班。\n明天早上说哈。\n"
    assert json.loads(document[1])["segments"][0] == {
        "id": 0,
        "start": 1.64,
        "end": 4.6,
        "text": "我在马上上夜班。",
    }
    assert json.loads(document[1])["query"] == {"job": "42"}
    assert len(files) == 2


def test_tencent_failed_task(daemon: Daemon, folder: Path) -> None:
    """A failure of the vendor is a result: acknowledged, and kept below `failed`."""
    body = b"code=10002&message=audio+too+short&requestId=77&appid=12516"
    assert daemon.post(f"{TENCENT}/{KEY}", body) == (200, b'{"code":0,"message":"success"}')
    [(name, document)] = [
        each for each in results(folder / "root").items() if each[0].endswith("/77.json")
    ]
    assert name.startswith("failed/tencent/")
    assert json.loads(document)["error"] == {"code": "10002", "message": "audio too short"}


@pytest.mark.parametrize(
    ("path", "body", "headers", "status"),
    [
        (f"?key={KEY}", b"nothing=known", {}, 400),
        ("", TENCENT_CALLBACK, {}, 401),
        ("?key=wrong", TENCENT_CALLBACK, {}, 401),
        ("/wrong", TENCENT_CALLBACK, {}, 401),
        (f"?key={KEY}", b"code=0&requestId=1&appid=666", {}, 401),
        (f"/{KEY}/further", TENCENT_CALLBACK, {}, 404),
        (f"?key={KEY}", b"x" * 1_048_577, {}, 413),
        (f"?key={KEY}", TENCENT_CALLBACK, {"Content-Encoding": "gzip"}, 415),
        (f"?key={KEY}", TENCENT_CALLBACK, {"Content-Type": "multipart/form-data; boundary=x"}, 415),
    ],
)
def test_tencent_refusals(
    daemon: Daemon, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    """Each refusal has its status, the same as its code, and says why in a sentence."""
    reply = daemon.post(TENCENT + path, body, headers)
    content = json.loads(reply.body)
    assert (reply.status, content["code"]) == (status, status)
    assert content["message"]


def test_huawei_committed_and_again(daemon: Daemon, folder: Path) -> None:
    """With a token the documented example is committed, once."""
    headers = {**credentials(daemon), "Content-Type": "application/json; charset=UTF-8"}
    for _ in range(2):
        assert daemon.post(HUAWEI, HUAWEI_CALLBACK, headers) == (
            200,
            b'{"retCode":"0","retMsg":"success"}',
        )
    texts = [text for name, text in results(folder / "root").items() if name.endswith("k8l.txt")]
    assert texts == [b"Hello, is the call connected?\n"]


@pytest.mark.parametrize(
    ("body", "more", "status", "code"),
    [
        (b"{}", {}, 400, "10000002"),
        (b'{"body":{"state":{"success":true},"body":{"lattices":[]}}}', {}, 400, "10000002"),
        (HUAWEI_CALLBACK, {"token": ""}, 401, "900001"),
        (HUAWEI_CALLBACK, {"token": "forged"}, 401, "900002"),
        (HUAWEI_CALLBACK, {"userName": "SOMEBODY"}, 401, "900002"),
        (b" " * 1_048_577, {}, 400, "10000002"),
        (HUAWEI_CALLBACK, {"Content-Encoding": "gzip"}, 400, "10000002"),
        (HUAWEI_CALLBACK, {"Content-Type": "multipart/form-data; boundary=x"}, 400, "10000002"),
    ],
)
def test_huawei_refusals(
    daemon: Daemon, body: bytes, more: dict[str, str], status: int, code: str
) -> None:
    """Each refusal has the status and the code of the interface."""
    reply = daemon.post(HUAWEI, body, {**credentials(daemon), **more})
    content = json.loads(reply.body)
    assert (reply.status, content["retCode"]) == (status, code)
    assert content["retMsg"]


def test_token(daemon: Daemon) -> None:
    """The right secret gets a token for an hour."""
    status, body = token(daemon)
    content = json.loads(body)
    assert content.pop("authToken")
    assert (status, content) == (200, {"errorCode": 0, "errorMsg": "", "expireTime": 3600})


def test_no_token(tmp_path: Path) -> None:
    """A wrong key or secret gets none."""
    with running(tmp_path, SETTINGS) as daemon:  # of its own: failed attempts slow down the next
        for app_key, secret, code in (
            ("X", "hunter2hunter2", 200800001),
            ("ODFS_SYS_OPENAPI", "x", 200800002),
        ):
            refused = token(daemon, app_key, secret)
            assert refused.status == 401
            assert json.loads(refused.body)["errorCode"] == code
            assert "authToken" not in json.loads(refused.body)


def test_token_survives_a_restart(tmp_path: Path) -> None:
    """A token holds on any daemon with the same secrets."""
    with running(tmp_path, SETTINGS) as first:
        headers = credentials(first)
    with running(tmp_path, SETTINGS) as second:
        assert second.post(HUAWEI, HUAWEI_CALLBACK, headers).status == 200


@pytest.mark.parametrize("path", ["/", "/callbacks", "/callbacks/tencents", f"{HUAWEI}/more"])
def test_no_such_path(daemon: Daemon, path: str) -> None:
    """Elsewhere there is nothing, and it is said in JSON."""
    reply = daemon.post(path, TENCENT_CALLBACK, credentials(daemon))
    assert reply.status == 404
    assert json.loads(reply.body)


def test_what_is_not_understood_is_kept_once(daemon: Daemon, folder: Path) -> None:
    """An authenticated body that is no result is kept with the reason, and without the key."""
    for _ in range(2):
        daemon.post(f"{TENCENT}?key={KEY}&job=7", b"not=a&known=thing")
    daemon.post(f"{TENCENT}?key=wrong", b"not=authenticated")
    kept = {n: d for n, d in results(folder / "root").items() if d == b"not=a&known=thing"}
    [name] = kept
    assert name.startswith("rejected/tencent/")
    document = (folder / "root" / name).with_suffix(".json").read_bytes()
    assert KEY.encode() not in document
    assert json.loads(document)["query"] == {"job": "7"}
    assert b"not=authenticated" not in results(folder / "root").values()


def test_no_secret_and_no_text_in_the_log(daemon: Daemon) -> None:
    """Whatever was sent, the log names neither keys nor tokens nor what was said."""
    issued = credentials(daemon)["token"]
    daemon.post(f"{TENCENT}?key={KEY}", TENCENT_CALLBACK)
    with socket.create_connection(("127.0.0.1", daemon.port)) as connection:
        head = f"POST {HUAWEI} HTTP/1.1\r\nHost: x\r\ntoken: {issued}\0\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")
    for secret in (KEY, "hunter2", issued, "夜班", "call connected"):
        assert secret not in daemon.log


def test_large_result_and_others_meanwhile(tmp_path: Path) -> None:
    """A result of 20 MB is stored, and small ones are answered while it is being worked on."""
    words = [{"OffsetStartMs": n, "OffsetEndMs": n + 9, "Word": f"词{n}"} for n in range(100)]
    sentence = {"FinalSentence": "一句话", "StartMs": 0, "EndMs": 1000, "Words": words}
    detail = json.dumps([sentence] * 1400, ensure_ascii=False).encode()
    large = b"code=0&requestId=20&text=x&resultDetail=%" + hexlify(detail, "%")
    assert len(large) > 20_000_000
    with running(tmp_path) as daemon, ThreadPoolExecutor(1) as pool:
        pending = pool.submit(daemon.post, TENCENT, large)
        answered = 0
        while not pending.done():
            reply = daemon.post(TENCENT, b"code=0&text=hi&requestId=%d" % (1000 + answered))
            assert reply.status == 200
            answered += 1
        assert pending.result().status == 200
        assert answered > 3
        [document] = [d for n, d in results(tmp_path / "root").items() if n.endswith("/20.json")]
    assert len(json.loads(document)["segments"]) == 1400
    assert len(json.loads(document)["segments"][0]["words"]) == 100
