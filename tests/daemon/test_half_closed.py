"""A sender that says with its request that it has nothing more to say."""

import socket
from pathlib import Path

from tests.daemon.process import results, running

REQUEST = (
    b"POST /callbacks/tencent HTTP/1.1\r\nHost: x\r\nContent-Length: 32\r\n\r\n"
    b"code=0&requestId=1&text=last+one"
)


def test_half_closed(tmp_path: Path) -> None:
    """It is answered, its result is stored, and its connection is closed."""
    with (
        running(tmp_path) as daemon,
        socket.create_connection(("127.0.0.1", daemon.port), 10.0) as sender,
    ):
        sender.sendall(REQUEST)
        sender.shutdown(socket.SHUT_WR)
        with sender.makefile("rb") as reader:
            answer = reader.read()
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert answer.endswith(b'\r\n\r\n{"code":0,"message":"success"}')
        assert len(results(tmp_path / "root")) == 2
