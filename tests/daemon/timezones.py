"""A time zone in which it is any time now, so that an hour changes when a test wants it to."""

import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

NAME = "Test/Now"


def zone_where_it_is(folder: Path, moment: datetime) -> dict[str, str]:
    """Return the environment in which the zone `NAME` has this local time now; good for a day."""
    east = round((moment.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds())
    # An offset of less than a day, as every zone's.
    east = (east + 43_200) % 86_400 - 43_200
    sign = "-" if east >= 0 else "+"
    offset = str(timedelta(seconds=abs(east)))
    file = folder / "zones" / NAME
    file.parent.mkdir(parents=True)
    file.write_bytes(_zone(east, f"<NOW>{sign}{offset}"))
    return {"PYTHONTZPATH": str(folder / "zones")}


def _zone(east: int, rule: str) -> bytes:
    """Return a zone without transitions, as RFC 9636 has it."""
    header = b"TZif2" + bytes(15)
    counts = struct.pack(">6l", 0, 0, 0, 0, 1, 4)
    data = struct.pack(">lBB", east, 0, 0) + b"NOW\0"
    return (header + counts + data) * 2 + f"\n{rule}\n".encode()
