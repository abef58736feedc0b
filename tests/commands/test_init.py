"""`asr-daemon init` leaves something to begin with."""

import re
from pathlib import Path

from asr_daemon.config.load import example, packaged
from tests.commands.conftest import Run


def test_the_example_and_its_schema_are_written(tmp_path: Path, run: Run) -> None:
    """The first line leads an editor from the one to the other."""
    file = tmp_path / "my.yaml"
    assert run("init", file) == (
        0,
        f"{file}: written; edit it, then run: asr-daemon check --config {file}\n",
        "",
    )
    assert file.read_text(encoding="utf-8") == example()
    line = re.match(r"# yaml-language-server: \$schema=(\S+)\n", example())
    assert line is not None
    assert (tmp_path / line[1]).read_text(encoding="utf-8") == packaged("asr-daemon.schema.json")


def test_named_as_for_other_commands(tmp_path: Path, run: Run) -> None:
    """With --config."""
    file = tmp_path / "my.yaml"
    assert run("init", "--config", file).status == 0
    assert file.read_text(encoding="utf-8") == example()


def test_what_is_there_is_left(tmp_path: Path, run: Run) -> None:
    """Whatever it is, and nothing is put beside it."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text("log: {}\n")
    assert run("init", file) == (
        1,
        "",
        f"asr-daemon: {file} already exists and was not changed\n",
    )
    assert [each.name for each in tmp_path.iterdir()] == ["asr-daemon.yaml"]
    assert file.read_text() == "log: {}\n"


def test_an_older_schema_is_replaced(tmp_path: Path, run: Run) -> None:
    """It is of no use, and nobody's work."""
    schema = tmp_path / "asr-daemon.schema.json"
    schema.write_text("{}")
    assert run("init", tmp_path / "asr-daemon.yaml").status == 0
    assert schema.read_text(encoding="utf-8") == packaged("asr-daemon.schema.json")


def test_a_folder_that_is_not_there(tmp_path: Path, run: Run) -> None:
    """The file that cannot be written is named."""
    file = tmp_path / "no" / "asr-daemon.yaml"
    told = f"asr-daemon: could not write {file}: No such file or directory\n"
    assert run("init", file) == (1, "", told)
