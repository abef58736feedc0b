"""The picture of who speaks when."""

from asr_daemon.web.status.timeline import Run, TimelineSegment, timeline


def test_segments_are_where_they_are_in_the_audio() -> None:
    segments = [TimelineSegment("a", 0, 2.5, "A"), TimelineSegment("b", 5, 10, "B")]
    picture = timeline(segments, None)
    assert picture.runs == [Run(0, 250, "A", 0), Run(500, 500, "B", 1)]
    assert picture.duration_s == 10


def test_silence_at_the_end() -> None:
    assert timeline([TimelineSegment("a", 0, 5)], 20.0).runs == [Run(0, 250, "", 0)]


def test_no_times() -> None:
    assert timeline([TimelineSegment("a", None, None, "A")], 8.0).runs == []
    assert timeline([], None).runs == []


def test_short_segments_share_a_cell() -> None:
    segments = [
        TimelineSegment("x", number, number + 1, str(number % 3)) for number in range(100_000)
    ]
    picture = timeline(segments, None)
    assert len(picture.runs) <= 1000
    assert picture.colours == {"0": 0, "1": 1, "2": 2}


def test_times_that_cannot_be() -> None:
    """A vendor may send anything."""
    segments = [
        TimelineSegment("a", -5, -1),
        TimelineSegment("b", 9, 3),
        TimelineSegment("c", 0, 4),
    ]
    assert all(run.x >= 0 and run.x + run.width <= 1000 for run in timeline(segments, 2.0).runs)
