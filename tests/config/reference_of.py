"""Models whose texts the tests read; `inspect` needs them in a file."""

from msgspec import Struct


class Section(Struct, frozen=True):
    """A section."""


class Undescribed(Struct, frozen=True):
    """A section with a field that has no text."""

    described: int = 0
    """Here."""

    wanted: int = 0


class Described(Struct, frozen=True):
    """A section with texts for all."""

    one: int = 0
    two: int = 0
    """Shared."""

    section: Section = Section()
