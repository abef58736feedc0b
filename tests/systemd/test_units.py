"""The units, as far as they can be judged without running them."""

import shutil
import subprocess
from pathlib import Path

import pytest

from asr_daemon.config.load import load
from tests.durability.requirements import require
from tests.systemd.requirements import systemd_analyze

SOURCE = Path(__file__).parents[2]
SERVICE = SOURCE / "systemd/asr-daemon.service"
SOCKET = SOURCE / "systemd/asr-daemon.socket"
FOLLOW = SOURCE / "systemd/asr-daemon-follow@.service"


def analyze(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run systemd-analyze."""
    require(systemd_analyze)
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def directives(unit: Path) -> list[str]:
    """Return the lines that systemd reads."""
    return [line for line in unit.read_text().splitlines() if line and line[0] not in "#["]


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """Return copies of the units that start what is there."""
    text = SERVICE.read_text().replace("/opt/asr-daemon/current/bin/asr-daemon ", "/bin/true ")
    (tmp_path / SERVICE.name).write_text(text)
    shutil.copy(SOCKET, tmp_path)
    return [tmp_path / SERVICE.name, tmp_path / SOCKET.name]


def test_verified(units: list[Path]) -> None:
    """Systemd knows every word of them."""
    done = analyze("verify", "--man=no", *units)
    assert (done.returncode, done.stderr) == (0, "")


def test_commented_examples_verified(units: list[Path]) -> None:
    """It also knows what the comments propose."""
    for unit in units:
        lines = unit.read_text().splitlines()
        examples = [line[1:] if _is_example(line) else line for line in lines]
        assert examples != lines
        unit.write_text("\n".join(examples))
    done = analyze("verify", "--man=no", *units)
    assert (done.returncode, done.stderr) == (0, "")


def test_follow_template_verified(tmp_path: Path) -> None:
    text = FOLLOW.read_text().replace("/opt/asr-daemon/current/bin/asr-daemon ", "/bin/true ")
    unit = tmp_path / "asr-daemon-follow@archive.service"
    unit.write_text(text)
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_exposure() -> None:
    """The service can do little harm: 1.5 or better, of 10."""
    done = analyze("security", "--offline=true", "--threshold=15", SERVICE)
    assert done.returncode == 0, done.stdout


def test_socket_is_optional() -> None:
    """The service does not need the socket."""
    assert not any("asr-daemon.socket" in line for line in directives(SERVICE))


def test_socket_fits_the_default_configuration() -> None:
    """The socket has the address of the one listener that is there by default."""
    [listen] = load(None, {}).listen
    assert f"ListenStream={listen.address}:{listen.port}" in directives(SOCKET)


def test_stop_may_take_as_long_as_configured() -> None:
    """Systemd waits longer for the end than the daemon does for callbacks."""
    [timeout] = [line for line in directives(SERVICE) if line.startswith("TimeoutStopSec=")]
    assert int(timeout.partition("=")[2]) > load(None, {}).limits.shutdown_s + 5


def _is_example(line: str) -> bool:
    return line.startswith("#") and line[1:2].isupper() and "=" in line
