"""A file becomes a tree that knows its lines."""

from errno import EACCES
from pathlib import Path
from unittest.mock import Mock

import pytest

from asr_daemon.config.problems import ConfigError
from asr_daemon.config.yaml_tree import (
    LARGEST_FILE_BYTES,
    Scalar,
    Section,
    Sequence,
    YamlSetting,
    join,
    parse,
    read_document,
)


def problem_of(file: Path) -> str:
    """Return the one problem that reading `file` meets, without the file's folder."""
    with pytest.raises(ConfigError) as caught:
        read_document(file)
    return str(caught.value).removeprefix(f"{file.parent}/")


def test_values_stay_as_they_were_written() -> None:
    """YAML's view of a value is in its tag; its characters are untouched."""
    root = parse('mode: 0640\nname: "yes"\n', "f").root
    assert root.entries == (
        YamlSetting("mode", Scalar(1, "int", "0640")),
        YamlSetting("name", Scalar(2, "str", "yes", quoted=True)),
    )


def test_lists_and_sections_nest() -> None:
    """Every item and setting has the line on which it starts."""
    document = parse("listen:\n  - port: 1\n  - !env X\n", "f")
    first = Section(2, "map", (YamlSetting("port", Scalar(2, "int", "1")),))
    second = Scalar(3, "!env", "X")
    assert document.root.entries[0].value == Sequence(1, "seq", (first, second))
    assert document.lines == {
        "": 1, "listen": 1, "listen[0]": 2, "listen[0].port": 2, "listen[1]": 3
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "line"),
    [("listen[0].port", 3), ("listen[0].tls.key", 2), ("listen[7]", 1), ("log.level", 1)],
)
def test_what_is_not_there_has_the_line_of_what_is_around_it(key: str, line: int) -> None:
    """The nearest section that is in the file is where it would have to be added."""
    assert parse("listen:\n  - address: x\n    port: 1\n", "f").line_of(key) == line


def test_duplicate_settings_are_reported_with_both_lines() -> None:
    """At any depth; the first is kept, and the search goes on."""
    document = parse("log:\n  level: info\n  level: debug\nlog: {}\n", "f")
    assert [str(problem) for problem in document.problems] == [
        "f:3: log.level: duplicate setting, first on line 2; keep one of the two",
        "f:4: log: duplicate setting, first on line 1; keep one of the two",
    ]
    assert document.root.entries[0].value.line == 1


def test_merge_keys_and_braces_as_keys_are_refused() -> None:
    """So is a template that nobody filled in."""
    document = parse("admin: {<<: {port: 1}, {{ port }}: 2}\n", "f")
    assert [problem.wrong for problem in document.problems] == [
        "merge keys are not supported",
        "a key is a mapping or a list",
    ]


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n...\n", "null\n", "~\n"])
def test_an_empty_file_is_an_empty_section(text: str) -> None:
    """An empty configuration means the defaults."""
    assert parse(text, "f").root == Section(1, "map")


@pytest.mark.parametrize("text", ["- listen\n", "listen\n", '""\n', "8787\n"])
def test_a_file_without_settings_is_refused(text: str) -> None:
    """A list or a word is no configuration."""
    with pytest.raises(ConfigError, match=r"f:1: \(top level\): not a mapping of settings"):
        parse(text, "f")


@pytest.mark.parametrize("text", ["!include other.yaml\n", "!config\nlog: {level: info}\n"])
def test_a_tag_of_the_whole_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(text, "f")
    said = "f:1: (top level): unknown tag; remove it, and write all settings in this file"
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("key:hunter2", '"key:..."'),
        ("key hunter2", '"key ..."'),
        ("key=hunter2", '"key=..."'),
        ("k\u201d hunter2", '"k\u201d ..."'),
    ],
)
def test_a_missing_colon_or_space_does_not_show_the_value(name: str, shown: str) -> None:
    """In `{key:SECRET}` everything is the key."""
    assert join("providers", name) == f"providers.{shown}"


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    """Editors on Windows write one."""
    file = tmp_path / "bom.yaml"
    file.write_bytes(b"\xef\xbb\xbfstate: x\r\n")
    assert read_document(file).root.entries == (YamlSetting("state", Scalar(1, "str", "x")),)


def test_other_encodings_are_refused_with_the_line(tmp_path: Path) -> None:
    """The line is that of the first byte that is not UTF-8."""
    file = tmp_path / "gbk.yaml"
    file.write_bytes("state: x\noutput: {root: 语音结果}\n".encode("gbk"))
    assert problem_of(file) == "gbk.yaml:2: (file): not UTF-8; save the file as UTF-8"


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    """A file that was named has to be there."""
    said = problem_of(tmp_path / "no.yaml")
    assert said.startswith("no.yaml:1: (file): cannot be read (No such file or directory); name")


def test_an_unreadable_file_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there, so what helps is another user or other permissions."""
    error = PermissionError(EACCES, "Permission denied")
    monkeypatch.setattr(Path, "open", Mock(side_effect=error))
    assert problem_of(tmp_path / "root.yaml") == (
        "root.yaml:1: (file): cannot be read (Permission denied); "
        "let the daemon's user read it, or run this with sudo"
    )


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    """The system's own words say why."""
    (tmp_path / "folder").mkdir()
    assert "cannot be read (Is a directory)" in problem_of(tmp_path / "folder")


def test_an_impossible_name_is_no_file(tmp_path: Path) -> None:
    """NUL is in no path."""
    assert "cannot be read (invalid path)" in problem_of(tmp_path / "a\0b")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    """No more than the limit is read of it."""
    file = tmp_path / "huge.yaml"
    file.write_bytes(b"#" * LARGEST_FILE_BYTES)
    assert read_document(file).root.entries == ()
    file.write_bytes(b"#" * (LARGEST_FILE_BYTES + 1))
    assert "larger than 256 KiB" in problem_of(file)


def test_a_space_that_is_none_is_named() -> None:
    [problem] = parse("log: {\u00a0level: info}\n", "f").problems
    assert problem.wrong == "U+00A0 (no-break space) is not what YAML expects"
    assert problem.right == "replace it by a space, or put the text in quotes"
