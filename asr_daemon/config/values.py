"""The kinds of values: types that say how a setting is written and which values are valid.

The model is made of them. Everything that has to know what a setting may be (validation,
messages, the example, the schema, the manual) asks `kind_of` and `describe`.
"""

from collections.abc import Callable, Mapping
from datetime import tzinfo
from enum import Enum
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta, Struct

from asr_daemon.config import notation
from asr_daemon.config.external_values import read_directory
from asr_daemon.config.problems import one_of
from asr_daemon.layout import FIELDS
from asr_daemon.networks import CLIENT_HEADERS, Network
from asr_daemon.secret import Secret


class Text(Struct, frozen=True):
    """How a value that is text in the file is written, read and described."""

    what: str
    """What to write, for people: follows "write "."""
    read: Callable[[str], Any] = str
    """Turns text into the value; raises `Wrong`."""
    write: Callable[[Any], str] = str
    """Turns a value into what the file holds, for defaults."""
    schema: Mapping[str, Any] = {}
    """What a JSON Schema can say of it, besides that it is a string."""
    numbers: bool = False
    """Whether `123` without quotes is passed to `read` too; else it is a wrong type."""


class Marker(Enum):
    """What a type alone does not say about a setting."""

    ONE_OR_MANY = "a list, or a single value that stands for a list of one; never empty"
    OR_NULL = "null stands for no value"
    READ_FILE = "a file that exists and can be read, found as the files of secrets are"


class Example(Struct, frozen=True):
    """What the example file shows, commented out, for a setting that has no default."""

    text: str


def _pattern(pattern: str) -> Mapping[str, Any]:
    return {"pattern": pattern}


_IPV6 = r"[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*"
_IN_PATH = "A-Za-z0-9._~!$&'()*+,;=:@"
_IN_LAYOUT = rf"([A-Za-z0-9_.-]|\{{({'|'.join(FIELDS)})\}})"

Count = Annotated[int, Meta(ge=1, le=1_000_000)]
CountOrNull = Annotated[int, Meta(ge=1, le=1_000_000), Marker.OR_NULL] | None
Port = Annotated[int, Meta(ge=0, le=65535)]
Indent = Annotated[int, Meta(ge=0, le=8)]

Duration = Annotated[
    float,
    Text(
        "a duration such as 10s or 48h",
        notation.read_duration,
        notation.write_duration,
        _pattern("^0*[1-9][0-9]*(ms|s|m|h|d)$"),
        numbers=True,
    ),
]
WholeSeconds = Annotated[
    float,
    Text(
        "a duration such as 1h, at least 1s",
        partial(notation.read_duration, least="1s"),
        notation.write_duration,
        _pattern("^0*[1-9][0-9]*([0-9]{3}ms|s|m|h|d)$"),
        numbers=True,
    ),
]
Size = Annotated[
    int,
    Text(
        "a size such as 64MiB",
        notation.read_size,
        notation.write_size,
        _pattern("^0*[1-9][0-9]*(B|KiB|MiB|GiB)$"),
        numbers=True,
    ),
]
SizeOrNone = Annotated[
    int,
    Text(
        "a size such as 64MiB, or 0B for none",
        partial(notation.read_size, least=0),
        notation.write_size,
        _pattern("^[0-9]+(B|KiB|MiB|GiB)$"),
        numbers=True,
    ),
]
FileMode = Annotated[
    int,
    Text(
        'an octal mode in quotes such as "0640"',
        notation.read_file_mode,
        notation.write_mode,
        _pattern("^0?[67][0-7][0145]$"),
    ),
]
DirectoryMode = Annotated[
    int,
    Text(
        'an octal mode in quotes such as "0750"',
        notation.read_directory_mode,
        notation.write_mode,
        _pattern("^0?7[0-7][0145]$"),
    ),
]

Host = Annotated[
    str,
    Text(
        "an IP address or a host name",
        notation.read_host,
        schema=_pattern(rf"^([A-Za-z0-9._-]+|{_IPV6}(%\S+)?)$"),
    ),
]
HostPattern = Annotated[
    str,
    Text(
        'a host name, or "*." and a name in quotes such as "*.myqcloud.com"',
        notation.read_host_pattern,
        '"{}"'.format,
        _pattern(r"^(\*\.)?([A-Za-z0-9_-]+\.)+[A-Za-z][A-Za-z0-9_-]*$"),
    ),
]
CidrNetwork = Annotated[
    Network,
    Text(
        "a network such as 10.0.0.0/8 or 2001:db8::/32",
        notation.read_network,
        schema=_pattern(rf"^([0-9.]+(/[0-9.]+)?|{_IPV6}(/[0-9]+)?)$"),
    ),
]
HostName = Annotated[
    str,
    Text("a host name", notation.read_host_name, schema=_pattern(rf"^([A-Za-z0-9._-]+|{_IPV6})$")),
]
HeaderName = Annotated[
    str,
    Text(
        "the name of a header, such as x-forwarded-for",
        notation.read_header_name,
        schema={**_pattern("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), "examples": list(CLIENT_HEADERS)},
    ),
]
UrlPath = Annotated[
    str,
    Text(
        "a path such as /callbacks/asr",
        notation.read_url_path,
        schema=_pattern(rf"^/([{_IN_PATH}/-]*[{_IN_PATH}-])?$"),
    ),
]

UrlKey = Annotated[Secret, Text("a key, !file PATH or !env NAME", notation.read_url_key)]
AnySecret = Annotated[Secret, Text("a secret, !file PATH or !env NAME", Secret)]
UrlKeys = Annotated[tuple[UrlKey, ...], Marker.ONE_OR_MANY]
AnySecrets = Annotated[tuple[AnySecret, ...], Marker.ONE_OR_MANY]

Name = Annotated[str, Text("a name")]
TextEncoding = Annotated[
    str,
    Text(
        "an encoding such as utf-8 or gb18030",
        notation.read_text_encoding,
        schema={"examples": ["utf-8", "gb18030", "big5"]},
    ),
]
LayoutText = Annotated[
    str,
    Text(
        'a layout in quotes such as "{provider}/{year}/{id}"',
        notation.read_layout,
        '"{}"'.format,
        _pattern(rf"^((?!\.){_IN_LAYOUT}+/)*(?!\.){_IN_LAYOUT}*\{{id\}}{_IN_LAYOUT}*$"),
    ),
]
TimeZone = Annotated[
    tzinfo,
    Text(
        "a time zone such as UTC or Asia/Shanghai",
        notation.read_timezone,
        schema={"examples": ["UTC", "Asia/Shanghai", "Europe/Berlin"]},
    ),
]

WrittenDirectory = Annotated[
    Path, Text("the path of a directory", read_directory, notation.write_directory)
]
ReadFile = Annotated[Path, Marker.READ_FILE]


class Kind(Struct, frozen=True):
    """The type of a setting, taken apart."""

    annotation: Any
    """The type without `None`, as msgspec understands it."""
    base: Any
    """The type without `Annotated` and `None`: a class, `tuple[..., ...]` or `Literal[...]`."""
    notes: tuple[Any, ...] = ()

    @property
    def text(self) -> Text | None:
        """Return how the value is written if it is text in the file."""
        return next((note for note in self.notes if isinstance(note, Text)), None)

    @property
    def item(self) -> Any:
        """Return the type of the items if this is a list, else `None`."""
        return get_args(self.base)[0] if get_origin(self.base) is tuple else None

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the words that are valid if these are all, else nothing."""
        return get_args(self.base) if get_origin(self.base) is Literal else ()

    @property
    def is_section(self) -> bool:
        """Say whether this has settings of its own."""
        return isinstance(self.base, type) and issubclass(self.base, Struct)

    @property
    def one_or_many(self) -> bool:
        """Say whether a single value may stand for a list."""
        return Marker.ONE_OR_MANY in self.notes

    @property
    def or_null(self) -> bool:
        """Say whether null may stand for no value."""
        return Marker.OR_NULL in self.notes

    @property
    def is_read_file(self) -> bool:
        """Say whether this is the path of a file that has to exist."""
        return Marker.READ_FILE in self.notes

    @property
    def example(self) -> str:
        """Return what the example shows where there is no default."""
        return next((note.text for note in self.notes if isinstance(note, Example)), "")


def kind_of(annotation: Any) -> Kind:
    """Take the type of a field apart."""
    if get_origin(annotation) in {Union, UnionType}:
        annotation = next(kind for kind in get_args(annotation) if kind is not NoneType)
    if get_origin(annotation) is Annotated:
        base, *notes = get_args(annotation)
        return Kind(annotation, base, tuple(notes))
    return Kind(annotation, annotation)


def describe(kind: Kind) -> str:
    """Say what to write for a setting of this kind, so that it follows "write "."""
    for note in kind.notes:
        match note:
            case Text(what=what):
                return what
            case Meta(ge=least, le=most):
                number = f"a whole number from {least} to {most}"
                return f"{number}, or null" if kind.or_null else number
            case Marker.READ_FILE:
                return "the path of a file"
            case Marker.ONE_OR_MANY:
                return f"{describe(kind_of(kind.item))}, or a list of them"
    return _describe_shape(kind)


def _describe_shape(kind: Kind) -> str:
    if kind.item is not None:
        return 'a list, each item on a line of its own after "- "'
    if kind.is_section:
        return 'indented lines of "key: value" below it'
    return one_of(kind.choices) if kind.choices else "true or false"
