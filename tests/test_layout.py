"""Names are safe and telling, whatever the vendor sent."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from asr_daemon.layout import Layout, Place, check_layout, encode_name, name_in
from asr_daemon.transcript import VendorError
from tests.conftest import MakeTranscript

DEFAULT = "{provider}/{year}/{month}/{day}/{id}"


def test_default_layout(make_transcript: MakeTranscript) -> None:
    """A result stands below provider, year, month and day."""
    place = Layout(DEFAULT, UTC).place(make_transcript())
    assert place == Place("tencent/2026/11/21", "4000048858")


def test_failed_task(make_transcript: MakeTranscript) -> None:
    """A task that failed stands below `failed`."""
    failed = make_transcript(error=VendorError("10001", "recognition failed"))
    assert Layout(DEFAULT, UTC).place(failed).directory == "failed/tencent/2026/11/21"


def test_timezone_decides_the_day(make_transcript: MakeTranscript) -> None:
    """The folders of a day follow `output.timezone`."""
    late = make_transcript(received_at=datetime(2026, 12, 31, 20, 0, tzinfo=UTC))
    layout = Layout("{year}-{month}-{day}/{hour}/{id}", ZoneInfo("Asia/Shanghai"))
    assert layout.place(late).directory == "2027-01-01/04"


def test_nothing_to_be_named_by(make_transcript: MakeTranscript) -> None:
    """A result without a name is named by its digest."""
    assert Layout(DEFAULT, UTC).place(make_transcript(name=None)).stem == "no-id~abababababababab"


def test_appid(make_transcript: MakeTranscript) -> None:
    """`{appid}` is `none` where there is none, and encoded where it is hostile."""
    layout = Layout("{appid:}/{id}", UTC)
    assert layout.place(make_transcript()).directory == "none"
    assert layout.place(make_transcript(appid="../x")).directory == "%2E.%2Fx"


@pytest.mark.parametrize("appid", ["failed", "rejected"])
def test_reserved_folders(make_transcript: MakeTranscript, appid: str) -> None:
    """No vendor can put a transcript among the failed or rejected ones."""
    place = Layout("{appid}/{id}", UTC).place(make_transcript(appid=appid))
    assert place.directory == f"%{ord(appid[0]):02X}{appid[1:]}"


@pytest.mark.parametrize(
    ("raw", "encoded"),
    [
        ("FJKkMeepk8l", "FJKkMeepk8l"),
        ("a.b_c-d", "a.b_c-d"),
        ("..", "%2E%2E"),
        (".hidden", "%2Ehidden"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("a\x00b\n", "a%00b%0A"),
        ("\x1b[2J\u202egpj", "%1B%5B2J%E2%80%AEgpj"),
        ("通话", "%E9%80%9A%E8%AF%9D"),
        ("50%", "50%25"),
        ("x~2", "x%7E2"),
    ],
)
def test_encode_name(raw: str, encoded: str) -> None:
    """What is not plainly safe is percent-encoded."""
    assert encode_name(raw) == encoded


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("42", "42"),
        ("42~2", "42"),
        ("42~text", "42"),
        ("x%7E2~text", "x~2"),
        ("%E9%80%9A", "通"),
        ("no-id~0123456789abcdef", None),
        ("no-id", "no-id"),
    ],
)
def test_name_in_the_name_of_a_file(stem: str, name: str | None) -> None:
    assert name_in(stem) == name


def test_long_name_is_cut() -> None:
    """An encoded name over 120 bytes keeps 80 and gets part of its SHA-256."""
    assert encode_name("a" * 120) == "a" * 120
    assert encode_name("a" * 121) == "a" * 80 + "~e9615320128cc7a3"


LONG = "{provider}-{year}{month}{day}-{appid}-{id}"
BEFORE = "tencent-20261121-" + "7" * 113 + "-"


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("9" * 109, BEFORE + "9" * 109),
        ("9" * 110, BEFORE + "9" * 92 + "~01086ea0271fe1a0"),
        ("9" * 109 + "8", BEFORE + "9" * 92 + "~c9f93c7f07e37b40"),
    ],
)
def test_long_component_is_cut(make_transcript: MakeTranscript, name: str, stem: str) -> None:
    """To 240 bytes: with a suffix and a number it is still one that file systems take."""
    transcript = make_transcript(appid="7" * 113, name=name)
    assert Layout(LONG, UTC).place(transcript) == Place("", stem)
    assert Layout(f"{LONG}/{{id}}", UTC).place(transcript).directory == stem
    assert len(stem) == 240


@pytest.mark.parametrize("layout", [f"{LONG}/{LONG}", "{id}{id}{id}/x{id}", "{appid}{id}x/{id}"])
@pytest.mark.parametrize("raw", ["x" * 120, "x" * 121, "通" * 13, "通" * 500, "/" * 40])
def test_every_component_is_short_enough(
    make_transcript: MakeTranscript, layout: str, raw: str
) -> None:
    place = Layout(layout, UTC).place(make_transcript(name=raw, appid=raw))
    assert all(len(one) <= 240 for one in (*place.directory.split("/"), place.stem))


@given(st.text(), st.text())
def test_names_are_safe_and_distinct(first: str, second: str) -> None:
    """Any two different ids have different names, each one safe component."""
    name = encode_name(first)
    assert "/" not in name
    assert not name.startswith(".")
    assert len(name) <= 120
    assert (name == encode_name(second)) == (first == second)


@pytest.mark.parametrize(
    ("layout", "complaint"),
    [
        (DEFAULT, None),
        ("{id}", None),
        ("calls.{appid}/{year}-{month}/{hour}-{id}", None),
        ("../{id}", "no component may be empty or start with a dot"),
        ("/{id}", "no component may be empty or start with a dot"),
        ("{id}/x", "the last component must hold {id}, or results would share one name"),
        ("failed/{id}", "the first component 'failed' is reserved"),
        ("{provider}/{id!r}", "{id} is not one of"),
        ("{tenant}/{id}", "{tenant} is not one of"),
        ("a b/{id}", "outside braces only"),
        ("{id", "the braces do not match"),
        (f"{'a' * 100}/{'b' * 100}{{id}}", None),
        (f"{'a' * 101}/{{id}}", "more than 100 characters in a row outside braces"),
        ("a/" * 11 + "{id}", None),
        ("a/" * 12 + "{id}", "more than 12 components"),
    ],
)
def test_check_layout(layout: str, complaint: str | None) -> None:
    """A layout that could lose or hide results is refused with the reason."""
    found = check_layout(layout)
    assert found == complaint or (complaint and found and found.startswith(complaint))


@pytest.mark.parametrize(
    ("layout", "directory"),
    [
        ("{provider}/{year}/{month}/{day}/{id}", "tencent/2026/11/21"),
        ("{provider}/{day}T{hour}/{id}", "tencent/21T12"),
        ("{provider}/{appid}/{day}/{id}", "tencent"),
        ("{id}/{day}/{id}", ""),
        ("{id}", ""),
        ("failed{day}/{id}", "failed21"),
    ],
)
def test_directory_of_a_moment(layout: str, directory: str) -> None:
    """As far as no result has to be known for it."""
    moment = datetime(2026, 11, 21, 12, 34, tzinfo=UTC)
    assert Layout(layout, UTC).directory_at("tencent", moment) == directory


def test_directory_of_a_moment_is_that_of_its_results(make_transcript: MakeTranscript) -> None:
    """A reserved name is written in the same way."""
    layout = Layout("{provider}/{day}/{id}", UTC)
    transcript = make_transcript(provider="failed")
    moment = transcript.received_at
    assert layout.directory_at("failed", moment) == layout.place(transcript).directory
