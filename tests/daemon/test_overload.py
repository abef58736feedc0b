"""More than the limits allow: senders wait, and nobody who is served loses a connection."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest
from msgspec import Struct

from tests.conftest import NoteFigure
from tests.daemon.clients import TENCENT_PATH, body_of
from tests.daemon.crowd import many_descriptors
from tests.daemon.process import Daemon
from tests.daemon.serving import serving

LASTS_S = 8.0
"""Shorter than `header_timeout`, after which those that wait are closed."""
SUCCESS = b'{"code":0,"message":"success"}'


class Sender(Struct):
    """What became of one busy sender."""

    answers: int = 0
    lost: bool = False
    """Its connection was closed although it had been served."""


async def send_on(port: int, ids: Iterator[int], ends_s: float, sender: Sender) -> None:
    """Send results one after another on one connection, without a pause."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(TimeoutError):
        async with asyncio.timeout_at(ends_s):
            while True:
                body = body_of(f"{next(ids)}", "hello")
                head = f"POST {TENCENT_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}"
                writer.write(head.encode() + b"\r\n\r\n" + body)
                try:
                    await reader.readuntil(SUCCESS)
                except (asyncio.IncompleteReadError, ConnectionError):
                    sender.lost = sender.answers > 0
                    return
                sender.answers += 1
    writer.transport.abort()


def send_all(daemon: Daemon, connections: int) -> list[Sender]:
    """Keep so many connections of one address busy."""
    senders = [Sender() for _ in range(connections)]

    async def run() -> None:
        ids, ends_s = count(time.monotonic_ns()), asyncio.get_running_loop().time() + LASTS_S
        await asyncio.gather(*(send_on(daemon.port, ids, ends_s, each) for each in senders))

    with many_descriptors():
        asyncio.run(run())
    return senders


@pytest.mark.long
def test_busy_connections_of_one_address(tmp_path: Path, note_figure: NoteFigure) -> None:
    """Of 400 of them none that was served is closed; how much is done with 150 is noted too."""
    with serving(tmp_path) as daemon:
        fewer = sum(each.answers for each in send_all(daemon, 150))
        senders = send_all(daemon, 400)
        more = sum(each.answers for each in senders)
    note_figure("answers on 150 connections", fewer)
    note_figure("answers on 400 connections", more)
    note_figure("of 400 connections were served", sum(each.answers > 0 for each in senders))
    assert not any(each.lost for each in senders)
