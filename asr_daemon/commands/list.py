"""`asr-daemon list`: what arrived, newest first."""

import json
import os
import sys
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from msgspec import structs

from asr_daemon.commands.base import DONE, Command
from asr_daemon.commands.find_results import add_filters, facts_of, filter_in, places_in, shown_time
from asr_daemon.index.queries import Filter, Queries, Row

_PAGE = 10_000
_SHOWN = 50


def run(options: Namespace) -> int:
    """Print results until there are no more, or the reader is gone."""
    config = places_in(options)
    root = config.output.root.absolute()
    asked = filter_in(options)
    oldest = time.time() - config.history_s
    wanted = structs.replace(asked, since=max(asked.since or oldest, oldest))
    rows = _rows(Queries(config.state), wanted, options.limit)
    try:
        for row in rows:
            print(json.dumps(facts_of(row, root)) if options.json else _line(row, root))
        sys.stdout.flush()
    except BrokenPipeError:
        # What is still buffered would be written, and complained about, at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return DONE


def _rows(queries: Queries, wanted: Filter, limit: int) -> Iterator[Row]:
    """Yield the newest results, a page at a time."""
    with closing(queries):
        page = queries.newest(wanted, min(limit, _PAGE))
        while page:
            yield from page
            limit -= len(page)
            page = queries.newest(wanted, min(limit, _PAGE), page[-1].seq) if limit else []


def _line(row: Row, root: Path) -> str:
    moment = shown_time(row.committed_at, "seconds")
    return f"{moment}  {row.provider:8} {row.status:9}  {root / row.path}"


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"invalid number {text!r}; write a whole number from 1 on")
    return int(text)


def _add_arguments(parser: ArgumentParser) -> None:
    add_filters(parser)
    parser.add_argument(
        "--limit",
        type=_count,
        default=_SHOWN,
        metavar="N",
        help="how many at most (default: %(default)s)",
    )


COMMAND = Command(
    description="""\
Lists the results that the index knows: when each was committed (UTC), the
provider, the status and the path of its JSON document, which a reader may have
moved away. They reach back as far as the setting history says. The daemon need
not run.

Anybody who may read the directories state and output.root can use it; the
secrets of the configuration are not needed.""",
    run=run,
    add_arguments=_add_arguments,
)
