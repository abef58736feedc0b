"""One scalar becomes one value, or a sentence on why not."""

from collections.abc import Callable
from pathlib import Path
from typing import Literal

import pytest

from asr_daemon.config.external_values import Sources
from asr_daemon.config.problems import Wrong
from asr_daemon.config.validate import read_scalar
from asr_daemon.config.values import (
    AnySecret,
    Duration,
    FileMode,
    Name,
    Port,
    ReadFile,
    TimeZone,
    UrlKey,
    kind_of,
)
from asr_daemon.config.yaml_tree import Node, Scalar, Section, Sequence
from asr_daemon.providers.tencent.settings import AppId
from asr_daemon.secret import Secret

Read = Callable[[object, Node], object]
Told = Callable[[object, Node], str]


def plain(tag: str, text: str) -> Scalar:
    """Return a scalar without quotes."""
    return Scalar(1, tag, text)


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Read a node as a kind, beside the files `key`, `empty` and `lines`."""
    for name, content in (("key", "hunter2\n"), ("empty", "\n"), ("lines", "hunter2\nx\n")):
        (tmp_path / name).write_text(content)
    sources = Sources(tmp_path, {"KEY": "hunter2", "EMPTY": "", "LINES": "hunter2\nx"})
    return lambda kind, node: read_scalar(kind_of(kind), node, sources)


@pytest.fixture
def told(read: Read) -> Told:
    """Return what is said of a node that is refused."""

    def tell(kind: object, node: Node) -> str:
        with pytest.raises(Wrong) as caught:
            read(kind, node)
        return str(caught.value)

    return tell


@pytest.mark.parametrize(("text", "value"), [("true", True), ("Yes", True), ("off", False)])
def test_truth_values_are_read(read: Read, text: str, value: bool) -> None:
    """As YAML spells them."""
    assert read(bool, plain("bool", text)) is value


@pytest.mark.parametrize(
    ("kind", "node", "said"),
    [
        (
            bool,
            Scalar(1, "str", "yes", quoted=True),
            '"yes" in quotes is text; write true or false, without quotes',
        ),
        (bool, plain("int", "1"), "1 without quotes is a number; write true or false"),
        (
            Port,
            Scalar(1, "str", "8787", quoted=True),
            '"8787" in quotes is text; write a whole number from 0 to 65535, without quotes',
        ),
        (Port, plain("int", "65536"), "65536 is out of range; write a whole number from 0 to"),
        (Port, plain("int", "-1"), "-1 is out of range; write a whole number from 0 to 65535"),
        (Port, plain("int", "0x10"), '"0x10" is not a plain decimal number; write a whole number'),
        (Port, plain("int", "080"), '"080" is not a plain decimal number; write a whole number'),
        (Port, plain("float", "1.5"), '"1.5" is not a plain decimal number; write a whole number'),
        (Port, plain("str", "http"), '"http" is text; write a whole number from 0 to 65535'),
        (Port, plain("null", ""), "empty; write a whole number from 0 to 65535, or remove the"),
        (
            Literal["info", "error"],
            plain("str", "warn"),
            '"warn" not supported; write info or error',
        ),
        (
            Literal["auto", "never"],
            plain("bool", "no"),
            "no without quotes is a boolean; write auto or never",
        ),
        (
            Name,
            plain("timestamp", "2026-11-21"),
            '2026-11-21 without quotes is a date; write "2026-11-21"',
        ),
        (Name, Scalar(1, "str", "", quoted=True), "empty; write a name"),
        (
            Name,
            Scalar(1, "str", "a\x00b", quoted=True),
            "the value contains a line break or control character",
        ),
        (
            Name,
            Scalar(1, "str", "\ud800", quoted=True),
            "the value contains a line break or control character",
        ),
        (
            Name,
            Section(1, "map"),
            "must be a single value, not a section; write a name (in quotes if",
        ),
        (Name, Sequence(1, "seq"), "must be a single value, not a list; write a name"),
        (Port, Sequence(1, "seq"), "must be a single value, not a list; write a whole number from"),
        (
            FileMode,
            plain("int", "0640"),
            '0640 without quotes is a number; write "0640"',
        ),
        (FileMode, plain("int", "640"), '640 without quotes is a number; write "0640"'),
        (FileMode, plain("int", "0777"), '0777 without quotes is a number; write "0775"'),
        (
            FileMode,
            plain("int", "488"),
            '488 without quotes is a number; write octal digits in quotes, such as "0640"',
        ),
        (
            TimeZone,
            plain("int", "+8"),
            (
                "+8 without quotes is a number; write a name such as UTC, Asia/Shanghai or "
                "Europe/Berlin, or Etc/GMT-8 (there the sign is reversed)"
            ),
        ),
        (Duration, plain("int", "3600"), 'invalid duration "3600"; write 3600s'),
        (ReadFile, plain("str", "no.pem"), "no such file: "),
    ],
)
def test_a_wrong_value_is_reported(told: Told, kind: object, node: Node, said: str) -> None:
    """What it is, and what would be right."""
    assert told(kind, node).startswith(said)


def test_whole_numbers_are_read(read: Read) -> None:
    """In plain digits, with the bounds themselves."""
    assert [read(Port, plain("int", text)) for text in ("0", "65535")] == [0, 65535]


def test_app_ids_may_be_numbers(read: Read) -> None:
    """They keep their digits as they were written."""
    assert read(AppId, plain("int", "0125")) == "0125"
    assert read(AppId, Scalar(1, "str", "1300000000", quoted=True)) == "1300000000"


def test_a_file_to_read_becomes_its_path(read: Read, tmp_path: Path) -> None:
    """It is found as the files of secrets are."""
    assert read(ReadFile, plain("str", "key")) == tmp_path / "key"


@pytest.mark.parametrize(
    "node", [plain("str", "hunter2"), plain("!file", "key"), plain("!env", "KEY")]
)
def test_secrets_come_from_three_places(read: Read, node: Node) -> None:
    """The text itself, a file, a variable."""
    assert read(AnySecret, node) == Secret("hunter2")


@pytest.mark.parametrize(
    ("node", "said"),
    [
        (plain("int", "1234567890"), "the secret is not text as written; put it in quotes"),
        (plain("timestamp", "2026-11-21"), "the secret is not text as written; put it in"),
        (plain("!file", ""), "empty; write a secret, !file PATH or !env NAME"),
        (plain("!file", "empty"), "the file is empty; write only the secret into the file"),
        (plain("!file", "lines"), "the file contains a line break or control character; write"),
        (plain("!env", "EMPTY"), "the variable is empty; set the variable to the secret"),
        (plain("!env", "LINES"), "the variable contains a line break or control character; set"),
        (Sequence(1, "seq"), "must be a single value, not a list; write a secret"),
    ],
)
def test_a_wrong_secret_is_reported(told: Told, node: Node, said: str) -> None:
    """By its place, not by what it is."""
    assert told(AnySecret, node).startswith(said)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hunter2 \n", "the file begins or ends with a blank; write only the secret into"),
        ("\thunter2", "the file contains a line break or control character; write only"),
        ("hunter2\n\n", "the file contains a line break or control character; write only"),
        ("\ufeffhunter2", "the file contains U+FEFF (byte order mark), which is not visible; re"),
        ("hunter2\xa0\n", "the file contains U+00A0 (no-break space), which is not visible; re"),
        ("hun\u200bter2", "the file contains U+200B (zero width space), which is not visible; "),
        ("hun\xadter2", "the file contains U+00AD (soft hyphen), which is not visible; remove it"),
        ("\u202ahunter2", "the file contains U+202A (left-to-right embedding), which is not vis"),
    ],
)
def test_what_nobody_sees_in_a_secret_is_reported(
    told: Told, tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "key").write_bytes(content.encode())
    assert told(AnySecret, plain("!file", "key")).startswith(said)
    text = content.removesuffix("\n")
    for node in (plain("str", text), Scalar(1, "str", text, quoted=True)):
        if "U+" in said:
            assert told(AnySecret, node).startswith(said.replace("file", "secret"))


def test_quotes_show_a_blank_at_the_end(read: Read) -> None:
    assert read(AnySecret, Scalar(1, "str", "hunter2 ", quoted=True)) == Secret("hunter2 ")


def test_letters_of_any_language_may_be_a_secret(read: Read) -> None:
    assert read(AnySecret, plain("str", "密码 pässword")) == Secret("密码 pässword")


def test_what_nobody_sees_in_a_name_is_reported(told: Told) -> None:
    said = "the value contains U+200B (zero width space), which is not visible; remove it"
    assert told(Name, Scalar(1, "str", "ODFS\u200b", quoted=True)) == said


def test_quotes_of_a_text_processor_are_no_part_of_a_secret(told: Told) -> None:
    said = "U+201C (left double quotation mark) is not what YAML expects; replace it by a straight"
    assert told(AnySecret, plain("str", "\u201chunter2\u201d")).startswith(said)


@pytest.mark.parametrize(
    "node",
    [
        plain("str", "hunter2/hunter2/hunter2"),
        plain("int", "1234567"),
        plain("!file", "lines"),
        plain("!env", "LINES"),
        Scalar(1, "str", "hunter2\nhunter2", quoted=True),
    ],
)
def test_no_message_holds_a_secret(told: Told, node: Node) -> None:
    """Whatever is wrong with it."""
    message = told(UrlKey, node)
    assert "hunter2" not in message
    assert "1234567" not in message
