"""`asr-daemon send` is the vendor, and says how it went."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from asr_daemon.providers.tencent.samples import tencent_callback
from tests.commands.conftest import Run


class Receiver(HTTPServer):
    """Acknowledges every second callback of those it gets."""

    def __init__(self) -> None:
        """Listen on a port of its own."""
        super().__init__(("127.0.0.1", 0), ReceiverHandler)
        self.bodies: list[bytes] = []


class ReceiverHandler(BaseHTTPRequestHandler):
    """Notes what comes."""

    server: Receiver

    def do_POST(self) -> None:
        """Answer as a daemon does."""
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        code = 0 if len(self.server.bodies) % 2 else 503
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b'{"code":%d}' % code)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Return a receiver that serves until the test is over."""
    with Receiver() as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_one_callback(receiver: Receiver, run: Run) -> None:
    """Its answer is shown."""
    url = f"http://127.0.0.1:{receiver.server_port}/x"
    assert run("send", "tencent", "--url", url, "-c", "/dev/null") == (0, '200 {"code":0}\n', "")
    assert receiver.bodies == [tencent_callback(0)]


def test_a_body_of_ones_own(receiver: Receiver, run: Run, tmp_path: Path) -> None:
    """Each time the same; one that is not acknowledged comes again, and is shown."""
    body = tmp_path / "body"
    body.write_bytes(b"code=0")
    url = f"http://127.0.0.1:{receiver.server_port}/x"
    arguments = ("--url", url, "--file", body, "--count", 2, "-c", "/dev/null")
    assert run("send", "tencent", *arguments) == (
        0,
        "2 of 2 acknowledged\n",
        "",
    )
    assert receiver.bodies == [b"code=0"] * 3


def test_a_body_that_is_not_there(run: Run, tmp_path: Path) -> None:
    """It is named."""
    told = f"asr-daemon: {tmp_path}/no cannot be read: No such file or directory\n"
    assert run("send", "huawei", "--file", tmp_path / "no", "-c", "/dev/null") == (1, "", told)


@pytest.mark.parametrize("count", ["0", "-1", "many"])
def test_a_count_that_is_none(count: str, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """It is wrong use."""
    with pytest.raises(SystemExit) as caught:
        run("send", "tencent", f"--count={count}")
    assert caught.value.code == 2
    assert f"--count: {count!r} is no whole number from 1 on" in capsys.readouterr().err
