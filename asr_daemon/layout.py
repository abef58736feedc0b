"""The path of a result in the tree: names that are safe whatever the vendor sent. Pure."""

import re
from datetime import datetime, tzinfo
from hashlib import sha256
from itertools import takewhile
from string import Formatter
from urllib.parse import unquote

from msgspec import Struct

from asr_daemon.transcript import Transcript

FIELDS = ("provider", "year", "month", "day", "hour", "appid", "id")
"""What may stand in braces in `output.layout`."""

RESERVED = ("failed", "rejected")
"""First folders below the root that results which succeeded never stand in."""

_NO_ID = "no-id"
LONGEST_COMPONENT = 240
"""File systems take 255 bytes; a suffix and the number of a name that comes again need some."""

_MOST_COMPONENTS = 12
"""Whatever stands in them, the path is one that the kernel takes."""

_LONGEST_TEXT = 100
_DIGEST_LENGTH = 16
_LONGEST_NAME = 120
_CUT_NAME = 80
_UNSAFE = re.compile(rb"[^A-Za-z0-9_.-]|\A\.|\.\Z")


class Place(Struct, frozen=True):
    """A folder relative to the root, with `/`, and the name in it without suffix."""

    directory: str
    stem: str


def encode_name(raw: str) -> str:
    """Return `raw` as one safe component of a path; different names stay different.

    Bytes outside `A-Z a-z 0-9 _ -` and inner dots are percent-encoded. What is then longer than
    120 bytes is cut to 80 and gets `~` and 16 hex digits of its SHA-256; `~` is never in a name
    that was not cut.
    """
    encoded = _UNSAFE.sub(
        lambda match: b"%%%02X" % match[0][0], raw.encode("utf-8", "surrogatepass")
    )
    if len(encoded) > _LONGEST_NAME:
        return _cut(encoded.decode("ascii"), _CUT_NAME)
    return encoded.decode("ascii")


def name_in(stem: str) -> str | None:
    """Return what a result was named by, as far as the name of its files shows it.

    `None` if it was named by nothing.
    """
    encoded, mark, _ = stem.partition("~")
    return None if mark and encoded == _NO_ID else unquote(encoded)


def _cut(name: str, kept: int) -> str:
    """Return the beginning of a name and what tells it from others with that beginning."""
    return f"{name[:kept]}~{sha256(name.encode()).hexdigest()[:_DIGEST_LENGTH]}"


def check_layout(layout: str) -> str | None:
    """Say in one sentence what is wrong with a layout, or return `None` if nothing is."""
    try:
        parsed = list(Formatter().parse(layout))
    except ValueError as error:
        return f"the braces do not match ({error})"
    for literal, name, spec, conversion in parsed:
        if name is not None and (name not in FIELDS or spec or conversion):
            return f"{{{name}}} is not one of {' '.join(f'{{{known}}}' for known in FIELDS)}"
        if re.search(r"[^A-Za-z0-9_./-]", literal):
            return "outside braces only A-Z a-z 0-9 _ - . and / may stand"
        if any(len(text) > _LONGEST_TEXT for text in literal.split("/")):
            return f"more than {_LONGEST_TEXT} characters in a row outside braces"
    return _check_components(layout.split("/"))


def _check_components(components: list[str]) -> str | None:
    if any(component.startswith(".") or not component for component in components):
        return "no component may be empty or start with a dot"
    if "{id}" not in components[-1]:
        return "the last component must hold {id}, or results would share one name"
    if len(components) > _MOST_COMPONENTS:
        return f"more than {_MOST_COMPONENTS} components"
    if len(components) > 1 and components[0] in RESERVED:
        return f"the first component {components[0]!r} is reserved"
    return None


class Layout:
    """Names results by `output.layout` in `output.timezone`."""

    def __init__(self, layout: str, timezone: tzinfo) -> None:
        """`layout` is one that `check_layout` finds nothing wrong with."""
        self._layout = layout
        self._timezone = timezone

    def place(self, transcript: Transcript) -> Place:
        """Return where `transcript` stands; failed tasks stand below `failed/`."""
        path = self._filled(
            self._layout,
            transcript.provider,
            transcript.received_at,
            appid=encode_name(transcript.appid or "none"),
            id=_name(transcript),
        )
        directory, _, stem = path.rpartition("/")
        directory = _escape_reserved(directory)
        if transcript.status == "failed":
            directory = f"failed/{directory}".rstrip("/")
        return Place(directory, stem)

    def directory_at(self, provider: str, moment: datetime) -> str:
        """Return the directory of results of a moment, as far as only that decides.

        What depends on the result as well (`{appid}`, `{id}`) ends it; it may be empty.
        """
        components = self._layout.split("/")[:-1]
        known = takewhile(lambda part: "{appid}" not in part and "{id}" not in part, components)
        return _escape_reserved(self._filled("/".join(known), provider, moment))

    def place_rejected(self, provider: str, received_at: datetime, digest: str) -> Place:
        """Return where a body that was not understood is kept: by day, then time and digest."""
        local = received_at.astimezone(self._timezone)
        stem = f"{local:%H%M%S}-{digest.removeprefix('sha256:')[:16]}"
        return Place(f"rejected/{provider}/{local.year:04}/{local:%m/%d}", stem)

    def _filled(self, layout: str, provider: str, moment: datetime, **fields: str) -> str:
        local = moment.astimezone(self._timezone)
        path = layout.format(
            provider=provider,
            year=f"{local.year:04}",
            month=f"{local.month:02}",
            day=f"{local.day:02}",
            hour=f"{local.hour:02}",
            **fields,
        )
        return path if len(path) <= LONGEST_COMPONENT else "/".join(map(_fit, path.split("/")))


def _fit(component: str) -> str:
    if len(component) <= LONGEST_COMPONENT:
        return component
    return _cut(component, LONGEST_COMPONENT - 1 - _DIGEST_LENGTH)


def _escape_reserved(directory: str) -> str:
    if directory.partition("/")[0] in RESERVED:
        return f"%{ord(directory[0]):02X}{directory[1:]}"
    return directory


def _name(transcript: Transcript) -> str:
    if transcript.name is None or transcript.name == "":
        return f"{_NO_ID}~{transcript.digest.removeprefix('sha256:')[:16]}"
    return encode_name(transcript.name)
