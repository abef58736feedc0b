"""`asr-daemon status` asks and tells."""

import json
import re
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from asr_daemon.commands.status import admin_in
from asr_daemon.config.model import AdminSettings
from tests.commands.conftest import Run

STATUS: dict[str, Any] = {
    "version": "0.1.0",
    "ready": True,
    "obstacles": [],
    "warnings": [],
    "configuration": {
        "file": "/etc/asr-daemon/asr-daemon.yaml",
        "valid": True,
        "problems": [],
        "loaded_at": "2026-11-21T12:34:56.789Z",
    },
    "up_s": 12.3,
    "listeners": ["https://0.0.0.0:443"],
    "certificates": [{"file": "/etc/c.pem", "expires_at": "2027-01-31T00:00:00Z"}],
    "output": {"root": "/srv/transcripts", "free_bytes": 13_314_398_618},
    "callbacks": {"tencent": {"committed": 1, "duplicate": 0, "failed": 0, "rejected": 0}},
    "needs_restart": [],
}


class Admin(HTTPServer):
    """Answers one request with what it was given."""

    answer = b""
    status = 200
    accepted = ""


class AdminHandler(BaseHTTPRequestHandler):
    """Notes what the client takes, and says nothing of its own."""

    server: Admin

    def do_GET(self) -> None:
        """Answer."""
        self.server.accepted = self.headers["Accept"]
        self.send_response(self.server.status)
        self.end_headers()
        self.wfile.write(self.server.answer)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def admin() -> Iterator[Admin]:
    """Return a listener on a port of its own, which serves one request."""
    with Admin(("127.0.0.1", 0), AdminHandler) as server:
        server.timeout = 10
        thread = Thread(target=server.handle_request)
        thread.start()
        yield server
        thread.join()


@pytest.fixture
def config(tmp_path: Path, admin: Admin) -> Path:
    """Return a configuration with the port of `admin`."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"admin: {{port: {admin.server_port}}}\n")
    return file


def answer(admin: Admin, **changes: object) -> None:
    """Let `admin` tell `STATUS` with changes."""
    admin.answer = json.dumps(STATUS | changes).encode()


def test_a_daemon_that_is_ready(admin: Admin, config: Path, run: Run) -> None:
    """Each fact is on a line of its own, under its name."""
    answer(admin)
    assert run("status", "-c", config) == (
        0,
        (
            "asr-daemon     0.1.0, up for 12 s\n"
            "ready          yes\n"
            "configuration  /etc/asr-daemon/asr-daemon.yaml\n"
            "               active since 2026-11-21T12:34:56.789Z\n"
            "listening      https://0.0.0.0:443\n"
            "certificate    /etc/c.pem, valid until 2027-01-31T00:00:00Z\n"
            "output         /srv/transcripts, 12.4 GiB free\n"
            "tencent        1 committed, 0 duplicate, 0 failed, 0 rejected\n"
        ),
        "",
    )
    assert admin.accepted == "application/json"


def test_a_daemon_in_trouble(admin: Admin, config: Path, run: Run) -> None:
    """What keeps it from storing is told, and what is wrong with the file."""
    problem = "/etc/a.yaml:3: lisen: is no setting here, did you mean listen?"
    broken = {**STATUS["configuration"], "valid": False, "problems": [problem]}
    obstacles, warnings = ["disk full", "read-only"], ["c.pem expires soon"]
    answer(admin, ready=False, obstacles=obstacles, warnings=warnings, configuration=broken)
    status, out, _ = run("status", "-c", config)
    assert status == 1
    assert out.splitlines()[1:9] == [
        "ready          no",
        "               disk full",
        "               read-only",
        "warning        c.pem expires soon",
        "configuration  /etc/asr-daemon/asr-daemon.yaml",
        "               configuration not applied, the previous one stays active",
        "               active since 2026-11-21T12:34:56.789Z",
        f"               {problem}",
    ]


def test_what_needs_a_restart_is_told(admin: Admin, config: Path, run: Run) -> None:
    """And a daemon without a file has none."""
    configuration = {**STATUS["configuration"], "file": None}
    answer(admin, configuration=configuration, needs_restart=["state", "admin"], up_s=90_000)
    lines = run("status", "-c", config).out.splitlines()
    assert lines[0] == "asr-daemon     0.1.0, up for 1.0 days"
    assert lines[2] == "configuration  built-in defaults"
    assert lines[4] == "               changed, and needs a restart: state, admin"


@pytest.mark.parametrize(
    ("free_bytes", "told"),
    [(None, "?"), (0, "0 B"), (1023, "1023 B"), (1 << 20, "1.0 MiB"), (3 << 50, "3072.0 TiB")],
)
def test_room(free_bytes: int | None, told: str, admin: Admin, config: Path, run: Run) -> None:
    """In units that a person reads."""
    answer(admin, output={"root": "/srv", "free_bytes": free_bytes})
    assert f"/srv, {told} free\n" in run("status", "-c", config).out


def test_json_is_the_answer(admin: Admin, config: Path, run: Run) -> None:
    """As it came; the exit status is the same."""
    answer(admin, ready=False)
    status, out, _ = run("status", "--json", "-c", config)
    assert status == 1
    assert out == admin.answer.decode() + "\n"


def test_a_mistake_in_the_file_does_not_hide_the_daemon(
    admin: Admin, config: Path, run: Run
) -> None:
    """It is asked as far as the file says."""
    config.write_text(f"lisen: []\nlimits: {{body: 1}}\n{config.read_text()}")
    answer(admin)
    assert run("status", "-c", config).status == 0


@pytest.mark.parametrize("text", ["", "admin: {port: x}"])
def test_a_file_that_does_not_say_where(tmp_path: Path, text: str) -> None:
    """The default holds."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(text)
    assert admin_in(file) == AdminSettings(address="127.0.0.1", port=8788)


@pytest.mark.parametrize(
    ("text", "problem"),
    [("admin: {port: 9000", "(syntax): a brace or bracket is opened"), (None, "(file): cannot be")],
)
def test_a_file_that_cannot_be_read(
    text: str | None, problem: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is told, and the daemon is likely to be where it is by default."""
    file = tmp_path / "asr-daemon.yaml"
    if text is not None:
        file.write_text(text)
    assert admin_in(file) == AdminSettings(address="127.0.0.1", port=8788)
    told, asking = capsys.readouterr().err.splitlines()
    assert told.startswith(f"{file}:1: {problem}")
    assert asking == (
        "asr-daemon: asking http://127.0.0.1:8788/ (the default address); "
        "asr-daemon check shows all mistakes"
    )


@pytest.mark.parametrize(
    "broken",
    ["log: [", "log: [\n\n", "log:\n\tlevel: info", "log: {level: info}\n=======\n", "state: \xe4"],
)
def test_a_file_that_is_half_edited(
    broken: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """What stands above the line that is no YAML may say where the daemon is."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"admin:\n  port: 9000\n{broken}", encoding="latin-1")
    assert admin_in(file).port == 9000
    *_, asking = capsys.readouterr().err.splitlines()
    assert asking == (
        "asr-daemon: asking http://127.0.0.1:9000/ (as far as the file says); "
        "asr-daemon check shows all mistakes"
    )


def test_an_admin_address_that_is_wrong_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "asr-daemon.yaml"
    file.write_text("lisen: []\nadmin: {address: 127.0.0.2, port: x}\n")
    assert admin_in(file) == AdminSettings(address="127.0.0.2", port=8788)
    assert capsys.readouterr().err == (
        f'{file}:2: admin.port: "x" is text; write a whole number from 0 to 65535\n'
        "asr-daemon: asking http://127.0.0.2:8788/ (as far as the file says); "
        "asr-daemon check shows all mistakes\n"
    )


def test_no_daemon(run: Run, tmp_path: Path) -> None:
    """The address that was asked is told, and what is likely; all addresses are asked as one."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"admin: {{address: 0.0.0.0, port: {port}}}\n")
    assert run("status", "-c", file) == (
        1,
        "",
        (
            f"asr-daemon: no answer from http://127.0.0.1:{port}/: asr-daemon is not running "
            "(asr-daemon check may say why), or runs with another configuration (see --config)\n"
        ),
    )


def test_a_port_that_nobody_knows(run: Run, tmp_path: Path) -> None:
    """Port 0 is any."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text("admin: {port: 0}\n")
    told = "asr-daemon: admin.port is 0: only the daemon's log has the actual port\n"
    assert run("status", "-c", file) == (1, "", told)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"<html>", "the answer is not from this version of asr-daemon: "),
        (b"{}", "the answer is not from .*: Object missing required field `version`"),
        (b'{"version": "\xff"}', "the answer is not from "),
    ],
)
def test_an_answer_of_somebody_else(
    body: bytes, told: str, admin: Admin, config: Path, run: Run
) -> None:
    """It is not taken for a daemon's."""
    admin.answer = body
    outcome = run("status", "-c", config)
    assert outcome.status == 1
    assert re.match(f"asr-daemon: {told}", outcome.err)


def test_somebody_who_knows_no_status(admin: Admin, config: Path, run: Run) -> None:
    """It is told who."""
    admin.status = 404
    where = f"http://127.0.0.1:{admin.server_port}/"
    told = f"asr-daemon: what listens at {where} is not asr-daemon (HTTP 404)\n"
    assert run("status", "-c", config) == (1, "", told)
