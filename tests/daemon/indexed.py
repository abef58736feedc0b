"""The index of a daemon, as another program reads it, or fills it."""

import sqlite3
from collections.abc import Callable
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


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    """Read the index as another program would."""
    with closing(sqlite3.connect(f"file:{folder}/state/index.sqlite?mode=ro", uri=True)) as index:
        return index.execute(query).fetchall()


def is_filled(folder: Path, count: int) -> Callable[[], bool]:
    """Return what tells whether so many results are indexed, and none are looked for."""
    query = "SELECT (SELECT count(*) FROM results), (SELECT min(is_filled) FROM trees)"
    return lambda: rows(folder, query) == [(count, 1)]
