"""The manual pages are sound, whole, and true."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from asr_daemon.cli import COMMANDS
from asr_daemon.config.load import example
from asr_daemon.config.settings import Setting, read_settings
from asr_daemon.manual.files import generated
from asr_daemon.manual.settings_page import EXAMPLE, settings_page
from tests.config.conftest import Load, load_text
from tests.durability.requirements import require

__all__ = ["load_text"]

PROGRAM = "docs/man/asr-daemon.1"
SETTINGS = "docs/man/asr-daemon.yaml.5"


def tool(name: str, package: str) -> Callable[[], str | None]:
    """Return what asks for a program."""
    return lambda: None if shutil.which(name) else f"{name} (Debian: {package})"


def shown(page: str) -> str:
    """Return a page as a terminal shows it, without overstrikes, on one line."""
    require(tool("groff", "groff-base"))
    command = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-K", "utf8"]
    done = subprocess.run(command, input=page.encode(), capture_output=True, check=True, timeout=30)
    assert done.stderr == b""
    return " ".join(done.stdout.decode().split())


def paths(setting: Setting) -> list[str]:
    """Return the path of a setting and of those below it."""
    return [setting.path, *(path for each in setting.below for path in paths(each))]


def test_every_command_and_status_is_told() -> None:
    """With all sections that a page of a command has."""
    text = shown(generated()[PROGRAM])
    for command in COMMANDS:
        assert f"asr-daemon {command.name} " in text
        assert command.description.split()[0] in text
    for title in ("EXIT STATUS 0 done.", "ENVIRONMENT ASR_DAEMON_CONFIG", "SIGNALS SIGTERM"):
        assert title in text
    assert "send tencent|huawei [--url URL] [--file BODY] [--count N] [--config FILE]" in text


def test_every_setting_is_told() -> None:
    """Each with what to write and its default; sections that say nothing are left out."""
    text = shown(generated()[SETTINGS])
    named = [path for setting in read_settings(example()) for path in paths(setting)]
    missing = [path for path in named if f" {path} " not in text]
    assert missing == ["providers", "log"]
    assert (
        "limits.header_timeout Value: a duration such as 10s or 48h. Default: 10s "
        "How long a request's head may take." in text
    )
    assert 'Default: "{provider}/{year}/{month}/{day}/{id}"' in text
    assert "listen[].tls.key Value: the path of a file. Required. PEM" in text
    assert "Default: [json, txt]" in text


def test_a_paragraph_more_is_one_more() -> None:
    """In an entry too."""
    page = settings_page("# Head.\n\n# Notation.\n\n# One.\n#\n# Two.\nstate: ./x\n")
    assert "Value: the path of a folder. Default: ./x\n.IP\nOne.\n.IP\nTwo.\n" in page


@pytest.mark.parametrize("name", [PROGRAM, SETTINGS])
def test_mandoc_finds_nothing(name: str) -> None:
    """But that there is no date, which would change each time."""
    require(tool("mandoc", "mandoc"))
    command = ["mandoc", "-T", "lint"]
    done = subprocess.run(
        command, input=generated()[name], capture_output=True, text=True, check=False, timeout=30
    )
    told = [line for line in done.stdout.splitlines() if "missing date" not in line]
    assert told == []


def test_the_example_is_a_configuration(tmp_path: Path, load_text: Load) -> None:
    """Beside the files that it names."""
    for name in ("tencent.key", "fullchain.pem", "privkey.pem"):
        (tmp_path / name).write_text("0123456789abcdef\n")
    assert load_text(EXAMPLE).listen[0].port == 443
