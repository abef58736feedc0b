"""Text as groff and mandoc read it, in the macros of man(7)."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from textwrap import wrap

_WIDTH = 72
"""Of a line of the source; escapes may make it somewhat longer."""

_ESCAPES = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)


def escape(text: str) -> str:
    """Return text in which nothing is an instruction, as it can stand at the start of a line."""
    escaped = text.translate(_ESCAPES)
    return rf"\&{escaped}" if escaped.startswith(".") else escaped


def bold(text: str) -> str:
    """Return text as it is typed."""
    return rf"\fB{escape(text)}\fR"


def italic(text: str) -> str:
    """Return a word that stands for another."""
    return rf"\fI{escape(text)}\fR"


def beginning(title: str, section: int, version: str, kind: str) -> Iterator[str]:
    """Yield the first lines of a page; it has no date, so that it is the same whenever made."""
    yield f'.TH {escape(title)} {section} "" "{escape(version)}" "{kind}"'
    # Names of files and settings are not to be hyphenated or torn apart.
    yield from (".nh", ".ad l")


def tagged(tag: str, lines: Iterable[str]) -> Iterator[str]:
    """Yield an entry of a list: `tag`, in roff already, and what is told of it."""
    yield from (".TP", tag, *lines)


def paragraphs(text: str) -> Iterator[str]:
    """Yield paragraphs, which empty lines set apart; indented lines stay as they are."""
    for number, paragraph in enumerate(text.strip("\n").split("\n\n")):
        if number:
            yield ".PP"
        yield from filled(paragraph)


def filled(paragraph: str) -> Iterator[str]:
    """Yield one paragraph; indented lines in it stay as they are."""
    for literal, lines in groupby(paragraph.splitlines(), lambda line: line.startswith(" ")):
        if literal:
            yield from verbatim(line.strip() for line in lines)
        else:
            yield from map(escape, wrap(" ".join(lines), _WIDTH, break_on_hyphens=False))


def verbatim(lines: Iterable[str]) -> Iterator[str]:
    """Yield lines that are shown as they are, indented."""
    yield from (".RS 4", ".nf", *map(escape, lines), ".fi", ".RE")
