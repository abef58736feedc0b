"""How connections end: no answer is lost, whatever the sender says behind its last request."""

import socket
from pathlib import Path

import pytest

from tests.daemon.process import results, running
from tests.daemon.serving import eventually

BODY = b"code=0&requestId=1&text=" + b"a" * 10_000


def request(*headers: bytes) -> bytes:
    """Return a callback, larger than what is read of a connection at once."""
    lines = [b"Host: x", b"Content-Length: %d" % len(BODY), *headers]
    return b"POST /callbacks/tencent HTTP/1.1\r\n" + b"\r\n".join([*lines, b"", BODY])


@pytest.mark.parametrize("behind", [b"", b"\r\n", request()])
def test_last_request(behind: bytes, tmp_path: Path) -> None:
    """Behind a request that is the last by its own word nothing is read, and nothing is reset."""
    with (
        running(tmp_path) as daemon,
        socket.create_connection(("127.0.0.1", daemon.port), 10.0) as sender,
        sender.makefile("rb") as reader,
    ):
        sender.sendall(request(b"Connection: close") + behind)
        assert reader.read().count(b'{"code":0,"message":"success"}') == 1
    assert len(results(tmp_path / "root")) == 2


def test_half_closed(tmp_path: Path) -> None:
    """What a sender sent is stored, although it closes its half and may get no answer."""
    with running(tmp_path) as daemon:
        with socket.create_connection(("127.0.0.1", daemon.port), 10.0) as sender:
            sender.sendall(request())
            sender.shutdown(socket.SHUT_WR)
        eventually(lambda: len(results(tmp_path / "root")) == 2, "the result is stored")
