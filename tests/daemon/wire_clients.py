"""Clients that write whatever bytes they like, many at a time, and read what is answered."""

import asyncio
import json
import re
import socket
import struct
from collections.abc import Iterable
from contextlib import suppress
from itertools import pairwise
from random import Random
from typing import Literal

from msgspec import Struct

ADDRESSES = 1000
"""Of senders: so many that hardly one guesses often enough to be slowed down."""

Ending = Literal["wait", "half-close", "reset"]

_ANSWER_LIMIT_BYTES = 1 << 20
_CONTINUE = 100
_HEAD = re.compile(rb"HTTP/1\.1 (\d{3}) [ -~]+\r\n((?:[ -~]+\r\n)*)\r\n")
_LENGTH = re.compile(rb"Content-Length: (\d+)\r\n")


class Attack(Struct, frozen=True):
    """What one connection carries."""

    address: str
    """Where it comes from, within 127.0.0.0/8: each address may guess credentials for itself."""
    pieces: tuple[bytes, ...]
    ending: Ending


def attacks(chance: Random, streams: Iterable[bytes]) -> Iterable[Attack]:
    """Return connections from anywhere that write these streams in pieces, and end in any way."""
    for stream in streams:
        cuts = sorted(chance.randint(0, len(stream)) for _ in range(chance.randrange(3)))
        bounds = [0, *cuts, len(stream)]
        pieces = tuple(stream[start:end] for start, end in pairwise(bounds))
        ending: Ending = chance.choice(("wait", "wait", "wait", "half-close", "reset"))
        host = chance.randrange(ADDRESSES)
        yield Attack(f"127.1.{host >> 8}.{host & 255}", pieces, ending)


class Patience(Struct, frozen=True):
    """For how long nothing may come on a connection before it is given up."""

    before_s: float
    """When there is no answer yet."""
    after_s: float
    """When there is one."""


def attack_all(
    port: int, all_attacks: Iterable[Attack], at_once: int, patience: Patience
) -> list[bytes]:
    """Carry out attacks, `at_once` at a time, and return all that is answered to each."""
    return asyncio.run(_attack_all(port, list(all_attacks), at_once, patience))


async def _attack_all(
    port: int, all_attacks: list[Attack], at_once: int, patience: Patience
) -> list[bytes]:
    gate = asyncio.Semaphore(at_once)

    async def run(attack: Attack) -> bytes:
        async with gate:
            return await _attack(port, attack, patience)

    return await asyncio.gather(*(run(attack) for attack in all_attacks))


async def _attack(port: int, attack: Attack, patience: Patience) -> bytes:
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, local_addr=(attack.address, 0), limit=_ANSWER_LIMIT_BYTES
    )
    try:
        return await _write_and_read(reader, writer, attack, patience)
    finally:
        with suppress(OSError):
            writer.close()
            await writer.wait_closed()


async def _write_and_read(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, attack: Attack, patience: Patience
) -> bytes:
    answered = b""
    with suppress(OSError):
        for piece in attack.pieces:
            writer.write(piece)
            await asyncio.wait_for(writer.drain(), patience.before_s)
        if attack.ending == "half-close":
            writer.write_eof()
        if attack.ending == "reset":
            # Closing a socket that lingers for no time at all resets it.
            own: socket.socket = writer.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return answered
        quiet_s = patience.before_s
        while piece := await asyncio.wait_for(reader.read(1 << 16), quiet_s):
            answered += piece
            quiet_s = patience.after_s
    return answered


def statuses(answered: bytes) -> list[int]:
    """Return the status of each answer in a stream; fail if it is not whole answers with JSON."""
    found = []
    while answered:
        head = _HEAD.match(answered)
        assert head, f"no answer: {answered[:200]!r}"
        found.append(int(head[1]))
        length = _LENGTH.search(head[2])
        body, answered = answered[head.end() :], b""
        if length is not None and body.startswith(b"{"):
            body, answered = body[: int(length[1])], body[int(length[1]) :]
            assert isinstance(json.loads(body), dict)
        elif length is not None or found[-1] == _CONTINUE:
            # HEAD is answered without a body, whatever its length.
            answered = body
        else:
            assert body == b"", f"no length: {body[:200]!r}"
    return found
