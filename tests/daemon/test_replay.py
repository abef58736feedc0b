"""`asr-daemon replay`: what was rejected is sent again, and counts add up."""

import json
import subprocess
import sys
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from asr_daemon.providers.huawei.samples import huawei_callback
from asr_daemon.renderers.rejection import Rejection
from tests.daemon.process import Daemon, results
from tests.daemon.serving import FLAT, metric, serving

KEY = "0123456789abcdef"
PROVIDERS: dict[str, Any] = {
    "tencent": {"key": KEY},
    "huawei": {"clients": [{"app_key": "ODFS", "app_secret": "fedcba9876543210"}]},
}
RECEIVED_AT = datetime(2026, 11, 21, 12, 34, 56, tzinfo=UTC)


def keep(root: Path, provider: str, number: int, body: bytes, content_type: str | None) -> None:
    """Write a body as a daemon that did not understand it has kept it."""
    digest = f"sha256:{sha256(body).hexdigest()}"
    rejection = Rejection(
        provider=provider,
        reason="not understood",
        received_at=RECEIVED_AT,
        digest=digest,
        size_bytes=len(body),
        content_type=content_type,
        query={"job": str(number)},
    )
    file = root / f"rejected/{provider}/2026/11/21/{number:06}.body"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(body)
    file.with_suffix(".json").write_bytes(rejection.render())


def replay(daemon: Daemon, folder: Path, *paths: Path) -> "subprocess.CompletedProcess[str]":
    """Run the command with the daemon's configuration and the port that it has got."""
    settings = json.loads((folder / "asr-daemon.yaml").read_text())
    settings["listen"][0]["port"] = daemon.port
    config = folder / "replay.yaml"
    config.write_text(json.dumps(settings))
    command = [sys.executable, "-m", "asr_daemon", "replay", "-c", str(config), *map(str, paths)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def replay_all(folder: Path, good: int, bad: int) -> None:
    """Replay bodies of both vendors, of which some are still not understood; then all again."""
    root = folder / "root"
    for number in range(good):
        if number % 2:
            text = f"sentence {number}".encode()
            body = b"code=0&requestId=%d&text=%b" % (number, text)
            keep(root, "tencent", number, body, "application/x-www-form-urlencoded")
        else:
            keep(root, "huawei", number, huawei_callback(number), None)
    with serving(folder, providers=PROVIDERS, output=FLAT) as daemon:
        for number in range(bad):
            assert daemon.post(f"/callbacks/tencent?key={KEY}", b"x=%d" % number).status == 400
        kept = {name for name in results(root) if name.startswith("rejected/")}
        assert len(kept) == 2 * (good + bad)
        for _ in range(2):
            done = replay(daemon, folder, root / "rejected")
            assert (done.returncode, done.stdout) == (1, f"{good} of {good + bad} acknowledged\n")
            refusals = [line for line in done.stderr.splitlines() if ".body: " in line]
            assert len(refusals) == bad
            assert all('.body: {"code":400,' in line for line in refusals)
            stored = [name for name in results(root) if name.endswith(".json")]
            assert len([name for name in stored if not name.startswith("rejected/")]) == good
            assert {name for name in results(root) if name.startswith("rejected/")} == kept
        counted = metric(daemon, "asr_daemon_results_total", "provider", "status")
        assert sum(counted.values()) == good


def test_each_body_becomes_one_result(tmp_path: Path) -> None:
    replay_all(tmp_path, 40, 10)


@pytest.mark.long
def test_each_of_a_thousand_bodies_becomes_one_result(tmp_path: Path) -> None:
    replay_all(tmp_path, 900, 100)


def test_body_is_sent_as_it_came(tmp_path: Path) -> None:
    """With the parameters of the URL, and the content type, which may name the encoding."""
    body = huawei_callback(0).replace(b"Hello, is the call connected?", "你好".encode("gbk"))
    keep(tmp_path / "root", "huawei", 7, body, "application/json; charset=GBK")
    with serving(tmp_path, providers=PROVIDERS, output=FLAT) as daemon:
        file = tmp_path / "root/rejected/huawei/2026/11/21/000007.json"
        assert replay(daemon, tmp_path, file).stdout == "1 of 1 acknowledged\n"
    document = json.loads((tmp_path / "root/huawei/FJKkMeepk8l.json").read_text())
    assert (document["text"], document["query"]) == ("你好", {"job": "7"})


def test_daemon_that_is_down(tmp_path: Path) -> None:
    """It is not asked for each of the bodies."""
    for number in range(9):
        keep(tmp_path / "root", "tencent", number, b"code=0&requestId=%d" % number, None)
    with serving(tmp_path, providers=PROVIDERS) as daemon:
        pass
    done = replay(daemon, tmp_path, tmp_path / "root/rejected")
    assert (done.returncode, done.stdout) == (1, "0 of 9 acknowledged\n")
    lines = done.stderr.splitlines()
    assert len(lines) == 3
    assert all("no answer from http://127.0.0.1:" in line for line in lines)
    assert KEY not in done.stderr


def test_body_that_cannot_be_read_holds_up_no_other(tmp_path: Path) -> None:
    """Its reason is not there yet while the daemon is about to keep it."""
    root = tmp_path / "root"
    for number in range(3):
        keep(root, "tencent", number, b"code=0&requestId=%d&text=x" % number, None)
    reason = root / "rejected/tencent/2026/11/21/000001.json"
    reason.unlink()
    with serving(tmp_path, providers=PROVIDERS, output=FLAT) as daemon:
        done = replay(daemon, tmp_path, root / "rejected")
    assert (done.returncode, done.stdout) == (1, "2 of 3 acknowledged\n")
    body = reason.with_suffix(".body")
    assert done.stderr == f"{body}: {reason} cannot be read: No such file or directory\n"


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tencent/1.json", "is not a rejected body; name a .body file or a directory"),
        ("lone.body", "cannot be read: No such file or directory"),
        ("strange.body", "does not describe a rejected body: "),
    ],
)
def test_what_is_no_rejected_body(name: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "tencent").mkdir()
    (tmp_path / "tencent/1.json").write_text("{}")
    (tmp_path / "lone.body").touch()
    (tmp_path / "strange.body").touch()
    (tmp_path / "strange.json").write_text("{}")
    command = [sys.executable, "-m", "asr_daemon", "replay", "-c", "/dev/null"]
    done = subprocess.run(
        [*command, str(tmp_path / name)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 1
    assert told in done.stderr
