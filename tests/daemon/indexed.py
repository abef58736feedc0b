"""An index with many results, without the files of them."""

import sqlite3
from contextlib import closing
from pathlib import Path

from asr_daemon.index.index import FILE, Entry, Index

_DAY_S = 86_400.0


def add_to_index(state: Path, results: int) -> None:
    """Index results of the ids 0, 1, 2 ... for the tree of a daemon that is down."""
    with closing(sqlite3.connect(state / FILE)) as connection:
        [(tree_id,)] = connection.execute("SELECT id FROM trees")
    with closing(Index(state)) as index:
        index.open(tree_id)
        entries = [
            Entry(f"{n}", "tencent", f"{n}", "sha256:00", f"tencent/{n}.json", "succeeded")
            for n in range(results)
        ]
        index.record(entries, _DAY_S)
