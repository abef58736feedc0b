"""What was sent in confidence is in no log line, metric, error answer or file name."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from asr_daemon.providers.huawei.samples import HUAWEI_CALLBACK
from tests.daemon.clients import TENCENT_PATH
from tests.daemon.process import Daemon, Reply, request, results
from tests.daemon.serving import serving

HUAWEI_PATH = "/oifde/rest/sysapi/asrcallback"
TOKEN_PATH = "/oifde/rest/api/gettoken"
KEYS = ["first-right-key-0", "second.right~key_1"]
SECRETS = ["right-Secret-of-one", 'right "Secret"\\two']
WRONG_KEY, WRONG_SECRET, WRONG_TOKEN = "wrong-Key-77", "wrong-Secret-88", "wrong-Token-99"
SPOKEN = ["马上上夜班", "call connected", "spoken-in-confidence", "spoken-and-not-understood"]
PROVIDERS = {
    "tencent": {"key": KEYS, "appids": ["12516"]},
    "huawei": {"clients": [{"app_key": "one", "app_secret": SECRETS}]},
}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Conversation:
    """What was sent to a daemon, and every answer of it."""

    def __init__(self, daemon: Daemon) -> None:
        """Begin with nothing sent."""
        self._daemon = daemon
        self.replies: list[Reply] = []
        self.tokens: list[str] = []

    def hold(self) -> None:
        """Send what is right and what is wrong, in many ways."""
        for key in (*KEYS, WRONG_KEY):
            self._send_tencent(quote(key, safe=""))
        for secret in (*SECRETS, WRONG_SECRET):
            self._get_token("one", secret)
        self._get_token(WRONG_KEY, SECRETS[0])
        for token in (*self.tokens, WRONG_TOKEN, self.tokens[0][::-1]):
            self._send_huawei(token)

    def _send_tencent(self, key: str) -> None:
        said = quote(SPOKEN[0])
        bodies = [
            f"code=0&requestId=1&appid=12516&text={said}".encode(),
            f"code=0&requestId=1&appid=12516&text={said}".encode(),
            f"code=0&requestId=2&appid=12517&text={SPOKEN[2]}".encode(),
            f"code=0&requestId=1&appid=12516&text={SPOKEN[2]}".encode(),
            f"code=1&requestId=3&appid=12516&text={SPOKEN[2]}".encode(),
            f'{{"appid": 12516, "x": "{SPOKEN[3]}"'.encode(),
            b"code=0&requestId=4&appid=12516&text=" + SPOKEN[2].encode() + b"\xff%zz\0",
        ]
        for body in bodies:
            self._post(f"{TENCENT_PATH}?key={key}", body, FORM)
        self._post(f"{TENCENT_PATH}/{key}", bodies[0], FORM)
        self._post(f"{TENCENT_PATH}/{key}/{key}", bodies[0], FORM)
        self._post(f"/elsewhere/{key}?key={key}", bodies[0], FORM)
        self._post(f"{TENCENT_PATH}?key={key}", bodies[0], {"Content-Encoding": key})
        self._break(f"{TENCENT_PATH}?key={key}", f"X-Key: {key}\0")
        self._break(f"{TENCENT_PATH}?key={key}", f"Content-Length: {key}")

    def _get_token(self, app_key: str, secret: str) -> None:
        asked = {"appKey": app_key, "appSecret": secret}
        body = json.dumps(asked).encode()
        reply = self._post(TOKEN_PATH, body, {})
        token = json.loads(reply.body).get("authToken")
        if token is not None:
            self.tokens.append(token)
            self.replies.remove(reply)
        self._post(TOKEN_PATH, body[:-1], {})
        self._post(TOKEN_PATH, json.dumps({"appSecret": secret}).encode(), {})
        self._post(f"{TOKEN_PATH}/{app_key}", body, {"Content-Type": f"multipart/{app_key}"})

    def _send_huawei(self, token: str) -> None:
        headers = {"userName": "one", "token": token}
        self._post(HUAWEI_PATH, HUAWEI_CALLBACK, headers)
        self._post(HUAWEI_PATH, HUAWEI_CALLBACK, {**headers, "userName": token})
        self._post(HUAWEI_PATH, b'{"x": "%s"}' % SPOKEN[3].encode(), headers)
        self._post(HUAWEI_PATH, SPOKEN[3].encode(), headers)
        self.replies.append(request(self._daemon.port, "PUT", HUAWEI_PATH, b"", headers))
        self._break(HUAWEI_PATH, f"userName: one\r\ntoken: {token}\0")
        self._break(HUAWEI_PATH, f"userName: one\r\n{token}")

    def _post(self, target: str, body: bytes, headers: dict[str, str]) -> Reply:
        # Each is from another address: none has to wait for others that were wrong.
        sender = f"192.0.2.{len(self.replies)}"
        reply = self._daemon.post(target, body, {**headers, "X-Forwarded-For": sender})
        self.replies.append(reply)
        return reply

    def _break(self, target: str, lines: str) -> None:
        """Send a head that is none."""
        with socket.create_connection(("127.0.0.1", self._daemon.port), 30.0) as connection:
            connection.sendall(f"POST {target} HTTP/1.1\r\nHost: x\r\n{lines}\r\n\r\n".encode())
            self.replies.append(Reply(400, connection.recv(1000)))


def traces(daemon: Daemon, replies: list[Reply], root: Path) -> Iterator[str]:
    """Yield all that others may see of what was sent: the log, answers, metrics, names."""
    yield daemon.log
    for reply in replies:
        yield reply.body.decode()
    for path in ("/metrics", "/", "/readyz", "/healthz"):
        yield daemon.get(path).body.decode()
    yield from results(root)
    yield from (str(path) for path in root.rglob("*"))


def spellings(secret: str) -> set[str]:
    """Return what something is called in a log, a URL, or JSON."""
    return {secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)}


@pytest.mark.parametrize("style", ["text", "json"])
def test_confidence_is_kept(tmp_path: Path, style: str) -> None:
    """Right and wrong ones alike are nowhere, even where everything is logged."""
    log = {"level": "debug", "format": style}
    with serving(tmp_path, providers=PROVIDERS, trusted_proxies=["127.0.0.1"], log=log) as daemon:
        conversation = Conversation(daemon)
        conversation.hold()
        assert len(conversation.tokens) == len(SECRETS)
        assert {reply.status for reply in conversation.replies} >= {200, 400, 401, 404, 405, 415}
        seen = "\n".join(traces(daemon, conversation.replies, tmp_path / "root"))
    assert "request refused" in seen
    assert "callback acknowledged" in seen
    confidential = [
        *KEYS,
        *SECRETS,
        *conversation.tokens,
        WRONG_KEY,
        WRONG_SECRET,
        WRONG_TOKEN,
        *SPOKEN,
    ]
    for secret in confidential:
        assert not [each for each in spellings(secret) if each in seen], secret
