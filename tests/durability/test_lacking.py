"""A process that finds less in a file system than there is takes the next best way."""

import subprocess
import sys
from pathlib import Path

import pytest

from asr_daemon.output.filesystem.capabilities import Capabilities
from tests.durability import lacking

FIND = """
import sys
from asr_daemon.output.filesystem.capabilities import find_capabilities
print(find_capabilities(sys.argv[1]))
"""


@pytest.mark.parametrize(
    ("lacks", "expected"),
    [
        ("rename-flags", Capabilities(takes_unnamed=True, placing="link")),
        ("unnamed", Capabilities(takes_unnamed=False, placing="link")),
        ("link", Capabilities(takes_unnamed=False, placing="rename")),
        ("link,rename-flags", Capabilities(takes_unnamed=False, placing="look")),
    ],
)
def test_ways(tmp_path: Path, lacks: str, expected: Capabilities) -> None:
    """What is refused is not used."""
    command = [sys.executable, lacking.__file__, lacks, sys.executable, "-c", FIND, str(tmp_path)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert found.startswith(repr(expected).removesuffix("weaker=())"))
