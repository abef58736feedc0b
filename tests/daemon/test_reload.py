"""Every kind of setting changes while the daemon serves; a mistake changes nothing."""

import json
import os
import signal
import stat
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.daemon.administrator import Administrator, administered
from tests.daemon.clients import TENCENT_PATH, body_of
from tests.daemon.process import CONFIG, Daemon, request, results
from tests.daemon.serving import FLAT, eventually, serving
from tests.daemon.upload import Upload
from tests.durability.requirements import WITHOUT_INOTIFY, require, user_namespaces

OLD, NEW = "old-key-of-sixteen", "new-key-of-sixteen"


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Administrator]:
    """Run a daemon that wants the old key, and return who edits its configuration."""
    with administered(tmp_path, output=FLAT, providers={"tencent": {"key": OLD}}) as started:
        yield started


@pytest.fixture
def daemon(admin: Administrator) -> Daemon:
    """Return the daemon."""
    return admin.daemon


def post(daemon: Daemon, id_: str, key: str = OLD) -> int:
    """Post a result, and return the status."""
    return daemon.post(f"{TENCENT_PATH}?key={key}", body_of(id_, "words")).status


def names(folder: Path) -> set[str]:
    """Return the names of all files that readers see in a tree."""
    return {Path(name).name for name in results(folder)}


def test_credentials(daemon: Daemon, admin: Administrator, tmp_path: Path) -> None:
    """A new key takes the place of the old one; who was let in with that is answered."""
    body = body_of("slow", "words")
    upload = Upload(daemon, body, sent=5, query=f"?key={OLD}")
    assert post(daemon, "1") == 200
    admin.edit(providers={"tencent": {"key": NEW}})
    assert [post(daemon, "2"), post(daemon, "3", NEW)] == [401, 200]
    upload.complete()
    assert upload.answer() == (200, False)
    assert {"1.json", "3.json", "slow.json"} <= names(tmp_path / "root")


def test_kept_connection(daemon: Daemon, admin: Administrator) -> None:
    """The next request on a connection is served under the new configuration; it lasts."""
    connection = HTTPConnection("127.0.0.1", daemon.port, timeout=30.0)
    connection.connect()
    local = connection.sock.getsockname()
    for key, statuses in ((NEW, [401, 200]), (OLD, [200, 401])):
        admin.edit(providers={"tencent": {"key": key}})
        for sent, status in zip((OLD, NEW), statuses, strict=True):
            connection.request("POST", f"{TENCENT_PATH}?key={sent}", body_of(sent, "x"))
            answer = connection.getresponse()
            assert answer.read()
            assert answer.status == status
    assert connection.sock.getsockname() == local
    connection.close()


def test_signal(daemon: Daemon, admin: Administrator) -> None:
    """SIGHUP reloads the file, changed or not."""
    admin.applies(admin.hang_up)
    admin.write(providers={"tencent": {"key": NEW}})
    admin.applies(admin.hang_up)
    eventually(lambda: post(daemon, "1", NEW) == 200, "the new key is taken")


def test_provider(daemon: Daemon, admin: Administrator) -> None:
    """A provider is served at another path, or no more."""
    admin.edit(providers={"tencent": {"key": OLD, "path": "/elsewhere"}})
    assert post(daemon, "1") == 404
    assert daemon.post(f"/elsewhere?key={OLD}", body_of("1", "x")).status == 200
    admin.edit(providers={"tencent": {"key": OLD, "enabled": False}})
    assert post(daemon, "1") == 404


def test_limits(daemon: Daemon, admin: Administrator) -> None:
    """The next body is held to the new limit."""
    body = body_of("1", "x" * 5000)
    assert daemon.post(f"{TENCENT_PATH}?key={OLD}", body).status == 200
    admin.edit(limits={"body": "4KiB"})
    assert daemon.post(f"{TENCENT_PATH}?key={OLD}", body).status == 413


def test_looks_of_results(daemon: Daemon, admin: Administrator, tmp_path: Path) -> None:
    """Modes, layout, text and formats are those of the next result."""
    admin.edit(output={"layout": "new/{id}", "file_mode": "0600", "text": {"timestamps": True}})
    detail = '[{"FinalSentence":"words","StartMs":1000,"EndMs":2000}]'
    body = body_of("1", "words") + f"&resultDetail={detail}".encode()
    assert daemon.post(f"{TENCENT_PATH}?key={OLD}", body).status == 200
    file = tmp_path / "root" / "new" / "1.txt"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "[00:01.000 --> " in file.read_text()
    admin.edit(output={"formats": ["json"], "json_indent": 0})
    assert post(daemon, "2") == 200
    assert names(tmp_path / "root") == {"1.json", "1.txt", "2.json"}
    assert (tmp_path / "root" / "new" / "2.json").read_bytes().count(b"\n") == 1


def test_log(daemon: Daemon, admin: Administrator) -> None:
    """The format and the level of the log change."""
    admin.edit(log={"format": "json"})
    assert post(daemon, "as-json") == 200
    line = daemon.wait_for('^{.*"id": "as-json".*')[0]
    assert json.loads(line)["level"] == "info"
    admin.edit(log={"level": "error"})
    assert post(daemon, "not-said") == 200
    admin.edit(log={"level": "info", "format": "text"})
    assert post(daemon, "said") == 200
    daemon.wait_for("^[-0-9T:.+]+ INFO .* id=said")
    assert "not-said" not in daemon.log


@pytest.mark.parametrize(
    ("key", "change"),
    [
        ("state", {"state": "moved"}),
        ("output.root", {"output": {"root": "moved"}}),
        ("output.durability", {"output": {"durability": "none"}}),
        ("admin", {"admin": {"port": 1}}),
    ],
)
def test_settings_that_wait_for_a_restart(
    daemon: Daemon, admin: Administrator, tmp_path: Path, key: str, change: dict[str, Any]
) -> None:
    """A change is named wherever an admin looks; what else changed is in use."""
    before = json.loads(admin.file.read_text())
    admin.edit(**change, providers={"tencent": {"key": NEW}})
    daemon.wait_for(f"WARNING {key}: a change takes effect at the next restart")
    note = f"ready\n{key}: a change takes effect at the next restart\n"
    assert daemon.get("/readyz") == (200, note.encode())
    assert admin.facts()["needs_restart"] == [key]
    assert (post(daemon, "1", NEW), (tmp_path / "moved").exists()) == (200, False)
    assert names(tmp_path / "root") == {"1.json", "1.txt"}
    output = {**before["output"], "durability": "fsync"}
    admin.edit(state=before["state"], admin=before["admin"], output=output)
    assert daemon.get("/readyz") == (200, b"ready\n")


def test_mistake(daemon: Daemon, admin: Administrator) -> None:
    """The old configuration serves on; file, line and setting are named; a good edit mends it."""
    told = admin.mistake(limits={"connections": "many"}, providers={"tencent": {"key": NEW}})
    lines = admin.file.read_text().splitlines()
    line = 1 + next(n for n, each in enumerate(lines) if "connections" in each)
    [problem] = told
    assert problem.startswith(f"{admin.file}:{line}: limits.connections: ")
    daemon.wait_for(f"ERROR +configuration not applied, the previous one stays active: {problem}")
    note = f"ready\nconfiguration not applied, the previous one stays active: {problem}\n"
    assert daemon.get("/readyz") == (200, note.encode())
    assert (admin.is_valid(), admin.facts()["configuration"]["valid"]) == (False, False)
    assert [post(daemon, "1"), post(daemon, "2", NEW)] == [200, 401]
    admin.edit(limits={"connections": 10})
    assert daemon.get("/readyz") == (200, b"ready\n")
    assert admin.is_valid()
    assert post(daemon, "2", NEW) == 200


def test_emptied_file(daemon: Daemon, admin: Administrator) -> None:
    """A file without any setting is not taken for the wish to have all defaults."""
    before = admin.reloads("invalid")
    admin.file.write_text("# nothing\n")
    eventually(lambda: admin.reloads("invalid") > before, "it is refused")
    [problem] = admin.facts()["configuration"]["problems"]
    assert problem.startswith(f"{admin.file}:1: (file): contains no settings")
    assert [post(daemon, "1"), post(daemon, "1", "")] == [200, 401]


def test_secret_in_a_file(daemon: Daemon, admin: Administrator, tmp_path: Path) -> None:
    """A secret that is edited or replaced is in use; one that is deleted stays in use."""
    secret, fresh = admin.file.with_name("secret"), tmp_path / "fresh"
    secret.write_text(NEW)
    admin.edit(providers={"tencent": {"key": "!file secret"}})
    assert [post(daemon, "1"), post(daemon, "1", NEW)] == [401, 200]
    admin.applies(lambda: secret.write_text("edited-key-of-some-length\n"))
    assert post(daemon, "1", "edited-key-of-some-length") == 200
    fresh.write_text("replaced-key-of-some-length")
    admin.applies(lambda: fresh.rename(secret))
    assert post(daemon, "1", "replaced-key-of-some-length") == 200
    secret.unlink()
    eventually(lambda: not admin.is_valid(), "it is missed")
    assert post(daemon, "1", "replaced-key-of-some-length") == 200
    admin.applies(lambda: secret.write_text(NEW))
    assert post(daemon, "1", NEW) == 200
    assert "of-some-length" not in daemon.log


@pytest.mark.parametrize("pause_s", [1.0, pytest.param(12.0, marks=pytest.mark.long)])
def test_half_written_file_is_not_applied(
    daemon: Daemon, admin: Administrator, pause_s: float
) -> None:
    """Be it valid so far, and although another file has changed meanwhile."""
    secret = admin.file.with_name("secret")
    secret.write_text(OLD)
    admin.edit(providers={"tencent": {"key": "!file secret"}}, limits={"body": "1MiB"})
    before = admin.reloads("applied") + admin.reloads("invalid")
    with admin.file.open("w") as writer:
        writer.write("limits: {body: 4KiB}\n")
        writer.flush()
        secret.write_text(NEW)
        until_s = time.monotonic() + pause_s
        while time.monotonic() < until_s:
            assert post(daemon, "1") == 200
        assert admin.reloads("applied") + admin.reloads("invalid") == before
        writer.write("nonsense: true\n")
    eventually(lambda: admin.reloads("invalid") > 0 and not admin.is_valid(), "it is read")
    [problem] = admin.facts()["configuration"]["problems"]
    assert problem.startswith(f"{admin.file}:2: nonsense: unknown setting")


def test_no_file_to_read(tmp_path: Path) -> None:
    """What is no file, such as a pipe, is read once; SIGHUP does no harm."""
    reading, writing = os.pipe()
    settings = CONFIG.format(folder=tmp_path, root=tmp_path / "root", output="", limits="")
    os.write(writing, settings.encode())
    os.close(writing)
    daemon = Daemon(Path(f"/dev/fd/{reading}"), descriptors=(reading,))
    os.close(reading)
    try:
        daemon.wait_until_ready()
        daemon.process.send_signal(signal.SIGHUP)
        daemon.wait_for("WARNING no configuration file to reload")
        assert request(daemon.port, "POST", TENCENT_PATH, body_of("1", "x")).status == 200
    finally:
        daemon.stop(signal.SIGKILL)


@pytest.mark.long
def test_without_inotify(tmp_path: Path) -> None:
    """Edits are found by looking, which is logged once."""
    require(user_namespaces)
    keyed = {"tencent": {"key": OLD}}
    with serving(tmp_path, None, WITHOUT_INOTIFY, output=FLAT, providers=keyed) as daemon:
        daemon.wait_for("inotify unavailable, polling every 5 s instead: inotify instance limit")
        file = tmp_path / "asr-daemon.yaml"
        for key in (NEW, OLD):
            file.write_text(file.read_text().replace(NEW if key == OLD else OLD, key))
            eventually(lambda key=key: post(daemon, "1", key) == 200, "it is applied")  # type: ignore[misc]
        assert daemon.log.count("inotify unavailable") == 1
