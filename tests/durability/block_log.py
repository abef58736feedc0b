"""What a disk was asked to do, in order, and the states in which a power cut could leave it. Pure.

A disk may keep or lose, each for itself, the blocks that were written since the last flush; what
was written before a flush is kept. A block is 4 KiB and never half written, as ext4 and xfs expect
of the disks that they are made for.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from struct import Struct
from typing import NamedTuple

BLOCK_BYTES = 4096

_HEADER = Struct("<BQI")


class Kind(IntEnum):
    """What a record is."""

    WRITE = 1
    FLUSH = 2
    MARK = 3


class Record(NamedTuple):
    """One request to the disk, or a mark that the test put between two of them."""

    kind: Kind
    offset: int = 0
    """In bytes, of a write."""
    data: bytes = b""
    """What was written, or what the mark says."""


class Write(NamedTuple):
    """Bytes that reached the disk, or were on their way to it."""

    offset: int
    data: bytes


class CrashPoint(NamedTuple):
    """A moment at which the power may go."""

    marks: tuple[bytes, ...]
    """All that were made before."""
    flushed: tuple[Write, ...]
    """Safe since the crash point before this one, in order."""
    pending: tuple[Write, ...]
    """Written and not flushed, in order."""
    at_mark: bool
    """Right after a mark, not right before a flush."""


def pack(record: Record) -> bytes:
    """Return `record` as it stands in the log."""
    return _HEADER.pack(record.kind, record.offset, len(record.data)) + record.data


def unpack(log: bytes) -> Iterator[Record]:
    """Yield the records of a log; one at the end that is still being written is left out."""
    position = 0
    while position + _HEADER.size <= len(log):
        kind, offset, length = _HEADER.unpack_from(log, position)
        position += _HEADER.size + length
        if position <= len(log):
            yield Record(Kind(kind), offset, log[position - length : position])


def crash_points(records: Iterable[Record]) -> Iterator[CrashPoint]:
    """Yield a point right after each mark, and one right before each flush that has work to do."""
    marks: tuple[bytes, ...] = ()
    flushed: list[Write] = []
    pending: list[Write] = []
    for record in records:
        if record.kind is Kind.WRITE:
            pending.append(Write(record.offset, record.data))
            continue
        if record.kind is Kind.MARK:
            marks += (record.data,)
        elif not pending:
            continue
        at_mark = record.kind is Kind.MARK
        yield CrashPoint(marks, tuple(flushed), tuple(pending), at_mark)
        flushed.clear()
        if not at_mark:
            flushed, pending = pending, []


def pick_blocks(pending: Sequence[Write], chance: random.Random) -> tuple[Write, ...]:
    """Return the blocks of `pending` that happened to reach the disk: few, many, all or none."""
    density = chance.random()
    return tuple(block for block in _blocks(pending) if chance.random() < density)


def _blocks(writes: Iterable[Write]) -> Iterator[Write]:
    for offset, data in writes:
        start = 0
        while start < len(data):
            end = start + BLOCK_BYTES - (offset + start) % BLOCK_BYTES
            yield Write(offset + start, data[start:end])
            start = end
