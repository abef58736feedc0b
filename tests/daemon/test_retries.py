"""A callback that comes again: acknowledged, and stored once."""

import json
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from tests.conftest import NoteFigure
from tests.daemon.clients import Ledger, body_of, senders
from tests.daemon.clock import Clock
from tests.daemon.process import Daemon, results
from tests.daemon.serving import FLAT, eventually, more, serving
from tests.durability import requirements
from tests.durability.requirements import require

TENCENT = "/callbacks/tencent"
HUAWEI = "/oifde/rest/sysapi/asrcallback"


class Kind(NamedTuple):
    """One kind of callback, and what has to come of it, however often it comes."""

    path: str
    body: bytes
    status: int
    files: tuple[str, ...]


def huawei(aid: str, rest: str) -> bytes:
    """Return a Huawei body that ends with `rest`."""
    return f'{{"body":{{"state":{{"code":0,"success":true}},"body":{{"aid":"{aid}"{rest}'.encode()


KINDS = (
    Kind(TENCENT, b"code=0&requestId=1&text=a+b", 200, ("tencent/1.json", "tencent/1.txt")),
    Kind(TENCENT, b'{"code":0,"requestId":2,"text":"a"}', 200, ("tencent/2.json", "tencent/2.txt")),
    Kind(f"{TENCENT}?code=0&requestId=3&text=a", b"", 200, ("tencent/3.json", "tencent/3.txt")),
    Kind(TENCENT, b"code=10001&requestId=4&message=no", 200, ("failed/tencent/4.json",)),
    Kind(
        TENCENT,
        b"code=0&text=no+id",
        200,
        ("tencent/no-id~6528699c67a7c27c.json", "tencent/no-id~6528699c67a7c27c.txt"),
    ),
    Kind(
        TENCENT,
        b"code=0&requestId=6&text=" + b"longer than is decoded at once" * 10_000,
        200,
        ("tencent/6.json", "tencent/6.txt"),
    ),
    Kind(
        TENCENT,
        b"hello",
        400,
        ("rejected/tencent/2cf24dba5fb0a30e.body", "rejected/tencent/2cf24dba5fb0a30e.json"),
    ),
    Kind(
        HUAWEI,
        huawei("7", ',"lattices":[{"lid":0,"begin":0,"end":9,"onebest":"Hello?","spk":0}]}}}'),
        200,
        ("huawei/7.json", "huawei/7.txt"),
    ),
    Kind(
        HUAWEI,
        b'{"body":{"state":{"code":1,"success":false},"body":{"aid":"8"}}}',
        200,
        ("failed/huawei/8.json",),
    ),
    Kind(
        HUAWEI,
        b'{"body":{}}',
        400,
        ("rejected/huawei/210e38355a29da2b.body", "rejected/huawei/210e38355a29da2b.json"),
    ),
)
EVERYTHING_ONCE = sorted(name for kind in KINDS for name in kind.files)


def send_all_twice_at_once(daemon: Daemon) -> None:
    """Post every kind over two connections at the same time, and check the answers."""
    twice = KINDS * 2
    with ThreadPoolExecutor(len(twice)) as pool:
        replies = list(pool.map(lambda kind: daemon.post(kind.path, kind.body), twice))
    assert [reply.status for reply in replies] == [kind.status for kind in twice]


def names(root: Path) -> list[str]:
    """Return the names below a root, of rejected bodies without their day and time."""
    dated = re.compile(r"^(rejected/\w+)/\d{4}/\d\d/\d\d/\d{6}-")
    return sorted(dated.sub(r"\1/", name) for name in results(root))


def test_twice_at_once(tmp_path: Path) -> None:
    """Whoever comes first, each kind is stored once, and both are answered alike."""
    with serving(tmp_path, output=FLAT) as daemon:
        for _ in range(3):
            send_all_twice_at_once(daemon)
    assert names(tmp_path / "root") == EVERYTHING_ONCE


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_again_after_an_end(tmp_path: Path, number: signal.Signals) -> None:
    """The same after a restart, and after a kill."""
    for _ in range(2):
        with serving(tmp_path, output=FLAT) as daemon:
            send_all_twice_at_once(daemon)
            daemon.stop(number)
        assert names(tmp_path / "root") == EVERYTHING_ONCE


def test_again_after_the_files_were_moved_away(tmp_path: Path) -> None:
    """Nothing is written again for a reader who has it by then, nor after a restart."""
    root = tmp_path / "root"
    with serving(tmp_path, output=FLAT) as daemon:
        send_all_twice_at_once(daemon)
        for name in results(root):
            (root / name).unlink()
        send_all_twice_at_once(daemon)
        assert daemon.stop() == 0
    with serving(tmp_path, output=FLAT) as daemon:
        send_all_twice_at_once(daemon)
    assert names(root) == []


def test_again_after_midnight(tmp_path: Path) -> None:
    """The same callback on the next day is not a new one; other bytes of that id are."""
    require(requirements.faketime)
    clock = Clock(tmp_path, datetime(2026, 11, 21, 23, 59, tzinfo=UTC))
    with serving(tmp_path, clock.environ) as daemon:
        send_all_twice_at_once(daemon)
        before = names(tmp_path / "root")
        clock.set(datetime(2026, 11, 22, 0, 1, tzinfo=UTC))
        send_all_twice_at_once(daemon)
        assert names(tmp_path / "root") == before
        assert daemon.post(TENCENT, b"code=0&requestId=1&text=other").status == 200
    after = names(tmp_path / "root")
    assert sorted(set(after) - set(before)) == [
        "tencent/2026/11/22/1.json",
        "tencent/2026/11/22/1.txt",
    ]
    assert "tencent/2026/11/21/1.json" in before


def test_again_after_the_window(tmp_path: Path) -> None:
    """What comes again later than `duplicate_window` is stored again."""
    require(requirements.faketime)
    clock = Clock(tmp_path, datetime(2026, 11, 21, 12, tzinfo=UTC))
    with serving(tmp_path, clock.environ, output={"formats": ["json"]}) as daemon:
        assert daemon.post(TENCENT, KINDS[0].body).status == 200
        clock.set(datetime(2026, 11, 23, 11, 59, tzinfo=UTC))
        assert daemon.post(TENCENT, KINDS[0].body).status == 200
        clock.set(datetime(2026, 11, 23, 12, 1, tzinfo=UTC))
        assert daemon.post(TENCENT, KINDS[0].body).status == 200
    assert names(tmp_path / "root") == ["tencent/2026/11/21/1.json", "tencent/2026/11/23/1.json"]


def test_again_after_the_window_where_the_layout_has_no_date(tmp_path: Path) -> None:
    """An id that the vendor gives again on another day, with a result that is equal."""
    require(requirements.faketime)
    clock = Clock(tmp_path, datetime(2026, 11, 21, 12, tzinfo=UTC))
    silence = b"code=0&requestId=1&text="
    output = {**FLAT, "formats": ["json"], "duplicate_window": "12h"}
    with serving(tmp_path, clock.environ, output=output) as daemon:
        for day, hour, stored in (
            (21, 12, ["tencent/1.json"]),
            (21, 23, ["tencent/1.json"]),
            (22, 1, ["tencent/1.json", "tencent/1~2.json"]),
            (22, 12, ["tencent/1.json", "tencent/1~2.json"]),
            (23, 12, ["tencent/1.json", "tencent/1~2.json", "tencent/1~3.json"]),
        ):
            clock.set(datetime(2026, 11, day, hour, tzinfo=UTC))
            assert daemon.post(TENCENT, silence).status == 200
            assert names(tmp_path / "root") == stored


SPELLINGS = {
    "hex digits": (
        TENCENT,
        b"code=0&requestId=1&text=%E6%88%91",
        b"code=0&requestId=1&text=%e6%88%91",
    ),
    "order": (TENCENT, b"code=0&requestId=2&text=a", b"text=a&requestId=2&code=0"),
    "blanks": (TENCENT, b"code=0&requestId=3&text=a+b", b"code=0&requestId=3&text=a%20b"),
    "escapes": (TENCENT, b"code=0&requestId=4&text=a%2Db", b"code=0&requestId=%34&text=a-b"),
    "names": (TENCENT, b"code=0&requestId=5&text=a", b"code=0&requestid=5&TEXT=a"),
    "json": (
        TENCENT,
        b'{"code":0,"requestId":6,"text":"a"}',
        b'{"text" : "\\u0061",\n"requestId" : 6, "code" : 0}',
    ),
    "huawei": (
        HUAWEI,
        huawei("7", ',"lattices":[]}}}'),
        b'{"body":{"body":{"lattices" : [], "aid":"\\u0037"},\n"state":{"success":true,"code":0}}}',
    ),
}


def test_other_spelling(tmp_path: Path) -> None:
    """A retry that is only spelled differently is a duplicate."""
    with serving(tmp_path, output={**FLAT, "formats": ["json"]}) as daemon:
        for what, (path, *spellings) in SPELLINGS.items():
            for body in spellings:
                assert daemon.post(path, body).status == 200, what
    stored = [f"huawei/{7}.json", *(f"tencent/{number}.json" for number in range(1, 7))]
    assert names(tmp_path / "root") == stored


def test_same_id_with_other_content(tmp_path: Path) -> None:
    """Both are kept, and each is known again."""
    bodies = [b"code=0&requestId=1&text=a", b"code=0&requestId=1&text=b"]
    with serving(tmp_path, output=FLAT) as daemon:
        for body in bodies * 2:
            assert daemon.post(TENCENT, body).status == 200
    files = results(tmp_path / "root")
    assert {name: data for name, data in files.items() if name.endswith(".txt")} == {
        "tencent/1.txt": b"a\n",
        "tencent/1~2.txt": b"b\n",
    }
    assert len(files) == 4


@pytest.mark.parametrize("runs", [[[2026, 2036, 2016, 2026]], [[2026], [2036], [2016]]])
def test_clock_that_jumps(tmp_path: Path, runs: list[list[int]]) -> None:
    """Ten years ahead and back: nothing is overwritten, and all that was acknowledged is there.

    What comes again ten years later is another result; a clock that shows less is not believed.
    """
    require(requirements.faketime)
    clock = Clock(tmp_path, datetime(2026, 11, 21, tzinfo=UTC))
    texts = {b"always\n"}
    for years in runs:
        with serving(tmp_path, clock.environ, output=FLAT) as daemon:
            for year in years:
                clock.set(datetime(year, 11, 21, tzinfo=UTC))
                before = results(tmp_path / "root")
                for text in ("always", f"{year}"):
                    body = f"code=0&requestId=1&text={text}".encode()
                    assert daemon.post(TENCENT, body).status == 200
                    texts.add(f"{text}\n".encode())
                assert results(tmp_path / "root").items() >= before.items()
    files = results(tmp_path / "root")
    stored = sorted(files[name] for name in files if name.endswith(".txt"))
    assert stored == sorted([*texts, b"always\n"])


def test_clock_that_is_not_set(tmp_path: Path) -> None:
    """A machine that starts in 1970 stores results by the last time that it knew."""
    require(requirements.faketime)
    clock = Clock(tmp_path, datetime(2027, 11, 21, tzinfo=UTC))
    with serving(tmp_path, clock.environ) as daemon:
        assert daemon.post(TENCENT, b"code=0&requestId=1&text=a").status == 200
    for id_ in (b"2", b"3"):
        clock.set(datetime(1970, 1, 1, tzinfo=UTC))
        with serving(tmp_path, clock.environ) as daemon:
            assert daemon.post(TENCENT, b"code=0&requestId=%s&text=a" % id_).status == 200
            assert daemon.log.count("the clock is not set") == 1
    folder = tmp_path / "root/tencent/2027/11/21"
    assert sorted(path.name for path in folder.glob("*.json")) == ["1.json", "2.json", "3.json"]
    assert json.loads((folder / "3.json").read_bytes())["received_at"].startswith("2027-11-21T")
    assert (folder / "3.json").stat().st_mtime > datetime(2027, 11, 20, tzinfo=UTC).timestamp()


@pytest.mark.long
def test_kills_under_load(tmp_path: Path, chance: Random, note_figure: NoteFigure) -> None:
    """Whatever was sent before a kill, answered or not, is sent twice again: each is there once."""
    ledger = Ledger()
    for _ in range(10):
        with serving(tmp_path, output=FLAT) as daemon, senders(daemon.port, ledger):
            eventually(more(ledger.acknowledged, chance.randrange(10, 200)), "load")
            daemon.stop(signal.SIGKILL)
    with serving(tmp_path, output=FLAT) as daemon, ThreadPoolExecutor(8) as pool:
        again = [body_of(id_, text) for id_, text in ledger.sent.items()] * 2
        assert {each.status for each in pool.map(lambda b: daemon.post(TENCENT, b), again)} == {200}
    stems = [f"tencent/{id_}" for id_ in ledger.sent]
    assert names(tmp_path / "root") == sorted(f"{s}.{k}" for s in stems for k in ("json", "txt"))
    note_figure("results were sent", len(ledger.sent))
    note_figure("of them were not answered", len(ledger.unanswered))
