"""How fast the daemon is with a tree that holds much already.

The trees are made without the daemon and without a sync. Their files are empty: nobody reads them,
and what may slow a daemon down are names, inodes and the index, which holds all of them.
"""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path

from msgspec import Struct

from asr_daemon.assembly import make_output
from asr_daemon.config.model import Config, OutputSettings
from asr_daemon.index.index import Entry, Index
from benchmarks.bars import ONE_FOLDER, ONE_TREE
from benchmarks.comparison import Case, compare, figure, ratio, say
from benchmarks.contenders import daemon, place_of
from benchmarks.findings import Grown
from benchmarks.load import Wrk

EMPTY = "an empty tree"

_RECORDED_AT_ONCE = 5000


class Tree(Struct, frozen=True):
    """A tree with so many results in each folder of so many days; the last day is today."""

    name: str
    days: int
    results_a_day: int


TREES = (Tree(ONE_TREE, 100, 10_000), Tree(ONE_FOLDER, 1, 100_000))


def growth(case: Case, folder: Path, wrk: Wrk) -> list[Grown]:
    """Compare the daemon on an empty tree with the daemon on each of `TREES`, in rounds.

    Raises:
        RoundFailed: something was refused or lost.
    """
    for tree in TREES:
        began_s = time.monotonic()
        fill(place_of(folder, tree.name), tree)
        say(f"made {tree.name} in {time.monotonic() - began_s:.0f} s")
    contenders = [daemon(name=name) for name in (EMPTY, *(tree.name for tree in TREES))]
    rounds = compare(case, contenders, folder, wrk)
    return [
        Grown(
            each.name,
            figure(rounds, each.name, lambda of: of.requests_per_s),
            ratio(rounds, each.name, EMPTY, lambda of: of.requests_per_s),
        )
        for each in contenders
    ]


def fill(folder: Path, tree: Tree) -> None:
    """Make a tree and its index, as the daemon that is started in `folder` expects them."""
    root = folder / "root"
    settings = OutputSettings(root=root)
    output = make_output(Config(output=settings, state=folder / "state"))
    folder.mkdir(parents=True)
    output.open()
    output.close()
    [mark] = (root / ".staging").glob("tree-*")
    index = Index(folder / "state")
    index.open(mark.name.removeprefix("tree-"))
    entries = _entries(tree, datetime.now(UTC).date())
    while chunk := list(islice(entries, _RECORDED_AT_ONCE)):
        for entry in chunk:
            _make_files(root, entry.path.removesuffix(".json"), settings)
        index.record(chunk, settings.duplicate_window_s)
    index.close()


def _entries(tree: Tree, today: date) -> Iterator[Entry]:
    number = 0
    for ago in reversed(range(tree.days)):
        day = today - timedelta(days=ago)
        for _ in range(tree.results_a_day):
            number += 1
            yield _entry(f"earlier-{number:08}", f"huawei/{day:%Y/%m/%d}")


def _entry(id_: str, directory: str) -> Entry:
    digest = f"sha256:{id_:0>64}"
    return Entry(
        identity=f"huawei/{id_}/{digest}",
        provider="huawei",
        id=id_,
        digest=digest,
        path=f"{directory}/{id_}.json",
        status="succeeded",
    )


def _make_files(root: Path, name: str, output: OutputSettings) -> None:
    stem = f"{root}/{name}"
    try:
        os.mknod(f"{stem}.txt", output.file_mode)
    except FileNotFoundError:
        os.makedirs(os.path.dirname(stem), output.directory_mode)
        os.mknod(f"{stem}.txt", output.file_mode)
    os.mknod(f"{stem}.json", output.file_mode)
