#!/usr/bin/env python3
"""Keep the text of a result in an SQLite database.

Usage: asr-daemon follow --cursor-file cursor --exec ./archive.py DATABASE {}

It is run for each result, at least once. A result that comes again has the same digest and changes
nothing. If it fails, it is run again with the same result.
"""

import json
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

TABLE = """
CREATE TABLE IF NOT EXISTS results (
    provider TEXT NOT NULL, id TEXT NOT NULL, digest TEXT NOT NULL, received_at TEXT NOT NULL,
    status TEXT NOT NULL, text TEXT NOT NULL, UNIQUE (provider, id, digest)
)
"""
INSERT = """
INSERT OR IGNORE INTO results
VALUES (:provider, ifnull(:id, ''), :digest, :received_at, :status, :text)
"""


def main() -> None:
    """Keep one result, whose document somebody else may have moved away."""
    database, path = sys.argv[1:]
    try:
        document = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        print(f"{path} is no longer there", file=sys.stderr)
        return
    facts = ("provider", "id", "digest", "received_at", "status", "text")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(TABLE)
        connection.execute(INSERT, {name: document[name] for name in facts})


if __name__ == "__main__":
    main()
