"""`asr-daemon check` does what a start does."""

from pathlib import Path

from tests.commands.conftest import Run


def test_nothing_is_wrong(tmp_path: Path, run: Run) -> None:
    """And nothing is left behind."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"output: {{root: {tmp_path}/root}}\nstate: {tmp_path}/state\n")
    assert run("check", "--config", file) == (0, f"{file}: ok\n", "")
    assert list(tmp_path.iterdir()) == [file]


def test_every_mistake_is_told(tmp_path: Path, run: Run) -> None:
    """With its line, and what would be right."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text("lisen: []\nlimits: {shutdown: 10}\n")
    assert run("check", "-c", file) == (
        78,
        "",
        (
            f"{file}:1: lisen: is no setting here, did you mean listen?\n"
            f'{file}:2: limits.shutdown: "10" is no duration, '
            "write 10s (the units are ms, s, m, h and d)\n"
        ),
    )


def test_what_only_a_start_finds_is_told(tmp_path: Path, run: Run) -> None:
    """As a mistake of the setting."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"output:\n  root: {file}\nstate: {tmp_path}/state\n")
    status, _, err = run("check", "--config", file)
    assert status == 78
    assert err.startswith(f"{file}:2: output.root: cannot be used: ")
