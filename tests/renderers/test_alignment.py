"""Places in a text, and where they are in the audio."""

from asr_daemon.renderers.alignment import align, letters
from asr_daemon.renderers.timing import Span
from asr_daemon.transcript import Word


def times(words: tuple[Word, ...], *parts: str) -> list[tuple[int, int]]:
    """Return the times of the parts of a text that begins after a second and takes two."""
    spans = align(parts, Span(1000, 3000), words)
    return [(span.start_ms, span.end_ms) for span in spans]


def test_without_words_time_is_shared_by_letters() -> None:
    """Blanks and punctuation take none."""
    assert times((), "one,", "three!") == [(1000, 1750), (1750, 3000)]


def test_words_have_their_own_times() -> None:
    """The text adds punctuation and capitals to the words, and a pause stays one."""
    words = (Word("hello", 1100, 1400), Word("is", 1900, 2000))
    assert times(words, "“Hello,", "is…") == [(1100, 1400), (1900, 2000)]


def test_what_is_in_no_word_is_between_its_neighbours() -> None:
    """The vendor wrote as a number what it heard as words."""
    words = (Word("at", 1000, 1200), Word("twenty", 1300, 1800), Word("today", 2000, 2600))
    assert times(words, "At", "20", "today") == [
        (1000, 1200),
        (1200, 2000),
        (2000, 2600),
    ]


def test_characters_share_the_time_of_their_word() -> None:
    """Chinese words have several characters."""
    words = (Word("语音", 1000, 1400), Word("识别", 1400, 2000))
    assert times(words, "语", "音", "识", "别。") == [
        (1000, 1200),
        (1200, 1400),
        (1400, 1700),
        (1700, 2000),
    ]


def test_words_without_times_are_interpolated() -> None:
    """They are found, but pin nothing."""
    words = (Word("a", None, None), Word("b", 2000, 2500), Word("c", 7, None))
    assert times(words, "a", "b", "c") == [(1000, 2000), (2000, 2500), (2500, 3000)]


def test_times_never_go_back() -> None:
    """Words that are said to be earlier than those before them take no time."""
    words = (Word("a", 2000, 2500), Word("b", 1000, 1100))
    assert times(words, "a", "b") == [(2000, 2500), (2500, 2500)]


def test_words_of_another_text_change_nothing() -> None:
    """A word far behind in the text is not taken for one that is missing."""
    text = "a" + "x" * 100 + "b"
    assert times((Word("b", 1001, 1002),), text) == [(1000, 3000)]
    assert times((Word("b", 1001, 1002),)) == []


def test_text_without_letters_is_shared_by_length() -> None:
    """There is nothing else to go by."""
    assert times((), "。", " ……!") == [(1000, 1400), (1400, 3000)]


def test_letters_keep_their_places() -> None:
    """A letter that is two in lower case stays as it is."""
    assert letters("Né, don’t_1 好。") == "nédont1好"
    assert letters("İx") == "İx"
