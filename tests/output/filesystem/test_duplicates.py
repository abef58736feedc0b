"""Which results of a batch were received before."""

from msgspec import structs

from asr_daemon.errors import CannotStore
from asr_daemon.index.index import Known
from asr_daemon.output.base import Stored
from asr_daemon.output.filesystem.duplicates import Deduplicated
from tests.output.filesystem.conftest import result

KNOWN = Known("tencent/2026/11/20/42~2.json", is_found=False)
FOUND = Known("tencent/2026/11/20/42~2.json", is_found=True)
PATH = "tencent/2026/11/21/42.json"


def test_each_result_is_written_once() -> None:
    """Others of its identity share its fate, and are duplicates."""
    batch = Deduplicated([result(), result("43"), result()], {}, lambda path: False)
    assert batch.new == [result(), result("43")]
    refusal = CannotStore("no room")
    first, second, third = batch.outcomes([Stored(PATH, duplicate=False), refusal])
    assert (first, second, third) == (Stored(PATH, False), refusal, Stored(PATH, True))


def test_refusal_is_one_of_all_that_are_equal() -> None:
    refusal = CannotStore("no room")
    assert Deduplicated([result()] * 2, {}, lambda path: False).outcomes([refusal]) == [refusal] * 2


def test_known_result_is_not_written() -> None:
    """Also where a reader has moved its files away."""
    batch = Deduplicated([result()], {"42 d1": KNOWN}, lambda path: False)
    assert batch.new == []
    assert batch.outcomes([]) == [Stored(KNOWN.path, duplicate=True)]


def test_found_result_is_made_durable_under_its_name() -> None:
    """The process that wrote it may have been killed before its syncs."""
    batch = Deduplicated([result()], {"42 d1": FOUND}, {FOUND.path}.__contains__)
    placed = structs.replace(result(), directory="tencent/2026/11/20", stem="42~2")
    assert batch.new == [placed]


def test_found_result_that_a_reader_took_is_known() -> None:
    batch = Deduplicated([result()], {"42 d1": FOUND}, lambda path: False)
    assert batch.outcomes([]) == [Stored(FOUND.path, duplicate=True)]
