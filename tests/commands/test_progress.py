"""Progress of long commands."""

from collections.abc import Iterator
from io import StringIO

from asr_daemon.commands.progress import Progress


class Terminal(StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        """Return that it is one."""
        return True


def seconds(step_s: float) -> Iterator[float]:
    """Yield moments that are `step_s` apart."""
    now_s = 0.0
    while True:
        yield now_s
        now_s += step_s


def test_bar_on_a_terminal() -> None:
    stream = Terminal()
    progress = Progress(stream, 4, "documents", seconds(0.1).__next__)
    progress.advance()
    progress.report("a.json: no such file")
    progress.advance()
    progress.clear()
    assert stream.getvalue() == (
        "\r\x1b[K[" + "#" * 10 + "." * 30 + "] 1 of 4 documents"
        "\r\x1b[Ka.json: no such file\n"
        "\r\x1b[K[" + "#" * 20 + "." * 20 + "] 2 of 4 documents"
        "\r\x1b[K"
    )


def test_lines_elsewhere() -> None:
    """One every five seconds, and none for what is done sooner."""
    stream = StringIO()
    progress = Progress(stream, 4, "documents", seconds(2.5).__next__)
    for _ in range(4):
        progress.advance()
    progress.report("a.json: no such file")
    progress.clear()
    assert stream.getvalue() == "2 of 4 documents\n4 of 4 documents\na.json: no such file\n"
