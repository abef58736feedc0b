"""The log of a disk, and the states that follow from it."""

import random

from tests.durability.block_log import (
    CrashPoint,
    Kind,
    Record,
    Write,
    crash_points,
    pack,
    pick_blocks,
    unpack,
)

FLUSH = Record(Kind.FLUSH)


def chance(seed: int) -> random.Random:
    """Return a choice that can be repeated."""
    return random.Random(seed)  # noqa: S311 - not a secret


def test_what_is_packed_is_unpacked() -> None:
    """Records come out of the log as they went in."""
    records = [Record(Kind.WRITE, 4096, b"data"), FLUSH, Record(Kind.MARK, 0, b"ack 1")]
    assert list(unpack(b"".join(map(pack, records)))) == records


def test_record_that_is_being_written_is_left_out() -> None:
    """A log may be read while the server is at it."""
    log = pack(FLUSH) + pack(Record(Kind.WRITE, 0, b"data"))
    assert list(unpack(log[:-1])) == [FLUSH]
    assert list(unpack(log[:15])) == [FLUSH]


def test_what_was_written_after_the_last_flush_is_pending_at_a_mark() -> None:
    """A mark divides what is safe from what is not."""
    records = [
        Record(Kind.WRITE, 0, b"a"),
        FLUSH,
        Record(Kind.WRITE, 1, b"b"),
        Record(Kind.MARK, 0, b"ack"),
    ]
    assert list(crash_points(records)) == [
        CrashPoint((), (), (Write(0, b"a"),), at_mark=False),
        CrashPoint((b"ack",), (Write(0, b"a"),), (Write(1, b"b"),), at_mark=True),
    ]


def test_each_flushed_write_is_handed_out_once() -> None:
    """An image that is built along the points gets each write once, in order."""
    a, b = Record(Kind.WRITE, 0, b"a"), Record(Kind.WRITE, 1, b"b")
    mark = Record(Kind.MARK, 0, b"ack")
    points = crash_points([a, FLUSH, mark, mark, b, FLUSH, FLUSH, mark])
    flushed = [[write.data for write in point.flushed] for point in points]
    assert flushed == [[], [b"a"], [], [], [b"b"]]


def test_writes_are_picked_by_block() -> None:
    """A write that spans blocks may be kept in part, at the borders of blocks."""
    pending = [Write(4000, bytes(5000))]
    seen = {pick_blocks(pending, chance(seed)) for seed in range(100)}
    blocks = {Write(4000, bytes(96)), Write(4096, bytes(4096)), Write(8192, bytes(808))}
    assert {block for picked in seen for block in picked} == blocks
    assert len(seen) == 8


def test_same_seed_picks_the_same_blocks() -> None:
    """A failure can be had again."""
    pending = [Write(0, bytes(100_000))]
    assert pick_blocks(pending, chance(7)) == pick_blocks(pending, chance(7))
