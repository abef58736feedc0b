"""What is made of the program is up to date in the sources."""

from pathlib import Path

import pytest

from asr_daemon.manual.__main__ import main
from asr_daemon.manual.files import generated

SOURCES = Path(__file__).parents[2]


@pytest.mark.parametrize(("name", "text"), generated().items())
def test_what_is_checked_in_is_what_is_made(name: str, text: str) -> None:
    """Else scripts/generate was forgotten."""
    assert (SOURCES / name).read_text(encoding="utf-8") == text


def test_all_is_written_below_a_folder(tmp_path: Path) -> None:
    """With folders made where they are missing."""
    main(tmp_path)
    written = {
        str(path.relative_to(tmp_path)): path.read_text(encoding="utf-8")
        for path in tmp_path.rglob("*")
        if path.is_file()
    }
    assert written == generated()
