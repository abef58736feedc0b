"""The kinds of settings: types that say how a value is written and which values are taken.

The model is made of them; `bind.py` reads values by them, and whatever else has to know what may
stand where (messages, a schema, a manual) asks `unwrap` and `describe`.
"""

from collections.abc import Callable
from datetime import tzinfo
from enum import Enum
from functools import partial
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from msgspec import Meta, Struct

from asr_daemon.config import notation
from asr_daemon.config.problems import one_of
from asr_daemon.networks import Network
from asr_daemon.secret import Secret


class Written(Struct, frozen=True):
    """How a value that is text in the file is written, and how to read it."""

    what: str
    """What to write there, for people: follows "write "."""
    read: Callable[[str], Any] = str
    """Turns text into the value; raises `Wrong`."""
    unquoted_numbers: bool = False
    """Whether `123` without quotes is handed to `read` too; else it is a wrong type."""


class Marker(Enum):
    """What a type alone does not say about a setting."""

    ONE_OR_MANY = "a list, or a single value that stands for a list of one; never empty"
    READ_FILE = "a file that is there and can be read, found as the files of secrets are"


Count = Annotated[int, Meta(ge=1, le=1_000_000)]
Port = Annotated[int, Meta(ge=0, le=65535)]
Indent = Annotated[int, Meta(ge=0, le=8)]

Duration = Annotated[
    float, Written("a duration such as 10s or 48h", notation.read_duration, unquoted_numbers=True)
]
WholeSeconds = Annotated[
    float,
    Written(
        "a duration such as 1h, from 1s on",
        partial(notation.read_duration, least="1s"),
        unquoted_numbers=True,
    ),
]
Size = Annotated[int, Written("a size such as 64MiB", notation.read_size, unquoted_numbers=True)]
SizeOrNone = Annotated[
    int,
    Written(
        "a size such as 64MiB, or 0B for none",
        partial(notation.read_size, least=0),
        unquoted_numbers=True,
    ),
]
FileMode = Annotated[
    int, Written('an octal mode in quotes such as "0640"', notation.read_file_mode)
]
DirectoryMode = Annotated[
    int, Written('an octal mode in quotes such as "0750"', notation.read_directory_mode)
]

Host = Annotated[str, Written("an IP address or a host name", notation.read_host)]
CidrNetwork = Annotated[
    Network, Written("a network such as 10.0.0.0/8 or 2001:db8::/32", notation.read_network)
]
UrlPath = Annotated[str, Written("a path such as /callbacks/asr", notation.read_url_path)]

UrlKey = Annotated[Secret, Written("a key, !file PATH or !env NAME", notation.read_url_key)]
AnySecret = Annotated[Secret, Written("a secret, !file PATH or !env NAME", Secret)]
UrlKeys = Annotated[tuple[UrlKey, ...], Marker.ONE_OR_MANY]
AnySecrets = Annotated[tuple[AnySecret, ...], Marker.ONE_OR_MANY]

Name = Annotated[str, Written("a name")]
AppId = Annotated[str, Written("an app id such as 1300000000", unquoted_numbers=True)]
NameBy = Annotated[str, Written("request_id, audio_key or query:NAME", notation.read_name_by)]
TextEncoding = Annotated[
    str, Written("an encoding such as utf-8 or gb18030", notation.read_text_encoding)
]
LayoutText = Annotated[
    str, Written('a layout in quotes such as "{provider}/{year}/{id}"', notation.read_layout)
]
TimeZone = Annotated[
    tzinfo, Written("a time zone such as UTC or Asia/Shanghai", notation.read_timezone)
]

WrittenFolder = Annotated[Path, Written("the path of a folder", Path)]
ReadFile = Annotated[Path, Marker.READ_FILE]


class Kind(Struct, frozen=True):
    """A type of the model, taken apart."""

    base: Any
    """What is left without `Annotated` and `None`: a class, `tuple[..., ...]` or `Literal[...]`."""
    note: Written | Marker | Meta | None = None

    @property
    def item(self) -> Any:
        """Return the type of the items if this is a list, else `None`."""
        return get_args(self.base)[0] if get_origin(self.base) is tuple else None

    @property
    def choices(self) -> tuple[str, ...]:
        """Return the words that may stand here if these are all that may, else nothing."""
        return get_args(self.base) if get_origin(self.base) is Literal else ()

    @property
    def is_section(self) -> bool:
        """Say whether this has settings of its own."""
        return isinstance(self.base, type) and issubclass(self.base, Struct)


def unwrap(annotation: Any) -> Kind:
    """Take the type of a field apart."""
    if get_origin(annotation) in {Union, UnionType}:
        annotation = next(kind for kind in get_args(annotation) if kind is not NoneType)
    if get_origin(annotation) is Annotated:
        base, note = get_args(annotation)
        return Kind(base, note)
    return Kind(annotation)


def describe(kind: Kind) -> str:
    """Say what to write for a setting of this kind, so that it follows "write "."""
    match kind.note:
        case Written(what=what):
            text = what
        case Meta(ge=least, le=most):
            text = f"a whole number from {least} to {most}"
        case Marker.READ_FILE:
            text = "the path of a file"
        case Marker.ONE_OR_MANY:
            text = f"{describe(unwrap(kind.item))}, or a list of them"
        case _:
            text = _describe_shape(kind)
    return text


def _describe_shape(kind: Kind) -> str:
    if kind.item is not None:
        return 'a list, each item behind "- " on a line of its own'
    if kind.is_section:
        return 'indented lines of "key: value" below it'
    return one_of(kind.choices) if kind.choices else "true or false"
