"""What is generated from settings and commands is up to date, sound, and works."""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

import pytest

from asr_daemon.cli import COMMANDS
from asr_daemon.config.reference import Setting, settings
from tests.config.conftest import Load, load_text
from tests.durability.requirements import require

__all__ = ["load_text"]

PROJECT = Path(__file__).parents[1]
PROGRAM, SETTINGS = (PROJECT / "docs/man" / name for name in ("asr-daemon.1", "asr-daemon.yaml.5"))
BASH, ZSH = (PROJECT / "etc/completion" / f"asr-daemon.{shell}" for shell in ("bash", "zsh"))


def tool(name: str, package: str) -> Callable[[], str | None]:
    """Return what asks for a program."""
    return lambda: None if shutil.which(name) else f"{name} (Debian: {package})"


def test_generated_files_are_up_to_date() -> None:
    """If this fails, run scripts/generate."""
    command = [sys.executable, "scripts/generated.py", "--check"]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def shown(page: Path) -> str:
    """Return a page as a terminal shows it, without overstrikes, on one line."""
    require(tool("groff", "groff-base"))
    command = ["groff", "-man", "-ww", "-Tutf8", "-P-cbou", "-K", "utf8", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    assert done.stderr == ""
    return " ".join(done.stdout.split())


def test_program_page_describes_every_command() -> None:
    text = shown(PROGRAM)
    for name, summary in COMMANDS.items():
        assert f"asr-daemon {name} {summary} usage: asr-daemon" in text
        description = import_module(f"asr_daemon.commands.{name}").COMMAND.description
        assert " ".join(description.split()) in text
    for title in ("EXIT STATUS 0 success.", "ENVIRONMENT ASR_DAEMON_CONFIG", "SIGNALS SIGTERM"):
        assert title in text
    assert "asr-daemon send [-h] [--url URL] [--file BODY] [--count N] [-c FILE]" in text


def paths(group: tuple[Setting, ...]) -> Iterator[str]:
    """Yield the path of each setting and of those below it."""
    for setting in group:
        yield setting.path
        yield from paths(setting.below)


def test_settings_page_describes_every_setting() -> None:
    text = shown(SETTINGS)
    assert [path for path in paths(settings()) if f" {path} " not in text] == []
    assert (
        "limits.header_timeout Value: a duration such as 10s or 48h. Default: 10s "
        "How long the head of a request may take." in text
    )
    assert 'Default: "{provider}/{year}/{month}/{day}/{id}"' in text
    assert "listen[].tls.key Value: the path of a file. Required. PEM" in text
    assert "Default: [json, txt]" in text


@pytest.mark.parametrize("page", [PROGRAM, SETTINGS])
def test_mandoc_finds_nothing(page: Path) -> None:
    """But that there is no date, which would change each time."""
    require(tool("mandoc", "mandoc"))
    command = ["mandoc", "-T", "lint", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert [line for line in done.stdout.splitlines() if "missing date" not in line] == []


def test_example_of_the_settings_page_is_valid(tmp_path: Path, load_text: Load) -> None:
    for name in ("tencent.key", "fullchain.pem", "privkey.pem"):
        (tmp_path / name).write_text("0123456789abcdef\n")
    [example] = re.findall(r"\.SH EXAMPLES.*?\.nf\n(.*?)\.fi", SETTINGS.read_text(), re.DOTALL)
    assert load_text(example.replace("\\-", "-")).listen[0].port == 443


ASK = """
source "$1"; shift
complete -p asr-daemon >/dev/null || exit 3
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_shtab_asr_daemon
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offered(folder: Path, *words: str) -> list[str]:
    """Return what bash offers for the last word of a command line, in a folder."""
    command = ["bash", "--norc", "-c", ASK, "bash", str(BASH), "asr-daemon", *words]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=folder, check=True, timeout=30
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (
            "",
            [
                *("serve", "check", "init", "send", "status", "list", "follow", "render"),
                *("replay", "schema"),
            ],
        ),
        ("se", ["serve", "send"]),
        ("--v", ["--version"]),
        ("send ", ["tencent", "huawei"]),
        ("send t", ["tencent"]),
        ("send --f", ["--file"]),
        ("schema c", ["config"]),
        ("status --j", ["--json"]),
    ],
)
def test_bash_completes_commands_and_options(line: str, words: list[str], tmp_path: Path) -> None:
    (tmp_path / "tencent.yaml").touch()
    assert offered(tmp_path, *line.split(" ")) == words


@pytest.mark.parametrize(
    "line", ["check --config t", "serve -c t", "send huawei --file t", "init t"]
)
def test_bash_completes_files(line: str, tmp_path: Path) -> None:
    (tmp_path / "tencent.yaml").touch()
    assert offered(tmp_path, *line.split(" ")) == ["tencent.yaml"]


def test_zsh_finds_its_completion(tmp_path: Path) -> None:
    require(tool("zsh", "zsh"))
    shutil.copy(ZSH, tmp_path / "_asr-daemon")
    ask = (
        "zsh -n $1/_* && fpath=($1 $fpath) && autoload -U compinit && compinit -D && "
        'echo "$_comps[asr-daemon]" && autoload +X _asr-daemon'
    )
    command = ["zsh", "--no-rcs", "-c", ask, "zsh", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, "_asr-daemon\n", "")
