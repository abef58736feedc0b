"""Commands are found, told of, and end with the status that scripts look at."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from asr_daemon import __version__
from asr_daemon.cli import COMMANDS, main
from tests.daemon.manager import BY_JOURNAL


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[object, str, str]:
    """Return status, output and errors of a command that ends by itself."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    return (caught.value.code, *capsys.readouterr())


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """It is that of the package."""
    assert said(capsys, "--version") == (0, f"asr-daemon {__version__}\n", "")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """And what their exit statuses mean."""
    status, out, _ = said(capsys, "--help")
    assert status == 0
    assert re.findall(r"^    ([a-z]+) ", out, re.MULTILINE) == list(COMMANDS)
    assert out.endswith(
        "exit status:\n"
        "  0   success\n"
        "  1   failure; a line on standard error says why\n"
        "  2   usage error\n"
        "  78  invalid configuration\n"
    )


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_help_fits_a_terminal(
    command: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command takes a configuration, and every argument says what it is for."""
    monkeypatch.setenv("COLUMNS", "80")
    status, out, _ = said(capsys, *command, "--help")
    assert status == 0
    assert "--config FILE" in out or not command
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["serv"], "argument COMMAND: invalid choice: 'serv'"),
        (["send", "baidu"], "argument provider: invalid choice: 'baidu'"),
        (["check", "--file", "x"], "unrecognized arguments: --file x"),
    ],
)
def test_wrong_use(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told from other failures."""
    status, _, err = said(capsys, *arguments)
    assert status == 2
    assert told in err


@pytest.mark.parametrize(
    ("settings", "status", "told"),
    [
        (
            "lisen: []\nadmn: {}\n",
            78,
            ["FILE:1: lisen: unknown setting", "FILE:2: admn: unknown setting"],
        ),
        ("output: {root: FILE}\n", 1, ["asr-daemon: FILE:1: output.root: cannot be used"]),
        (
            (
                "output: {root: FILE-root}\nstate: FILE-state\nadmin: {port: 0}\n"
                "listen:\n  - {address: 192.0.2.1, port: 0}\n"
                "providers: {tencent: {allow_unauthenticated: true}, huawei: {enabled: false}}\n"
            ),
            1,
            ["asr-daemon: FILE:5: listen[0].port: cannot listen on 192.0.2.1:0"],
        ),
    ],
)
def test_a_start_that_fails_by_the_journal(
    settings: str, status: int, told: list[str], tmp_path: Path
) -> None:
    """Each line is an error there too, not a piece of information that `-p err` leaves out.

    It names file and line, whatever went wrong.
    """
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(settings.replace("FILE", str(file)))
    command = [*BY_JOURNAL, sys.executable, "-m", "asr_daemon", "serve", "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    lines = done.stderr.splitlines()
    assert done.returncode == status
    beginnings = [f"<3>{each.replace('FILE', str(file))}" for each in told]
    assert [line[: len(each)] for each, line in zip(beginnings, lines, strict=True)] == beginnings
