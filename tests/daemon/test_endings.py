"""How connections end: no answer is lost, whatever the sender says behind its last request."""

import socket
from pathlib import Path

import pytest

from tests.daemon.process import results, running

BODY = b"code=0&requestId=1&text=" + b"a" * 10_000


def request(*headers: bytes) -> bytes:
    """Return a callback, larger than what is read of a connection at once."""
    lines = [b"Host: x", b"Content-Length: %d" % len(BODY), *headers]
    return b"POST /callbacks/tencent HTTP/1.1\r\n" + b"\r\n".join([*lines, b"", BODY])


@pytest.mark.parametrize("behind", [b"", b"\r\n", request()])
def test_last_request(behind: bytes, tmp_path: Path) -> None:
    """Behind a request that is the last by its own word nothing is read, and nothing is reset."""
    assert _all_answers(tmp_path, request(b"Connection: close") + behind, half_close=False) == 1
    assert len(results(tmp_path / "root")) == 2


def test_half_closed(tmp_path: Path) -> None:
    """Who says with its requests that nothing more comes is answered all of them."""
    assert _all_answers(tmp_path, request() * 3, half_close=True) == 3
    assert len(results(tmp_path / "root")) == 2


def _all_answers(folder: Path, sent: bytes, *, half_close: bool) -> int:
    """Return how many times success is told before the daemon ends the connection."""
    with (
        running(folder) as daemon,
        socket.create_connection(("127.0.0.1", daemon.port), 10.0) as sender,
    ):
        sender.sendall(sent)
        if half_close:
            sender.shutdown(socket.SHUT_WR)
        with sender.makefile("rb") as reader:
            return reader.read().count(b'{"code":0,"message":"success"}')
