"""What a daemon says of itself, and what `asr-daemon status` makes of it."""

import json
import signal
import sys
from pathlib import Path

import pytest

from asr_daemon import __version__
from asr_daemon.cli import main
from tests.daemon.serving import eventually, serving
from tests.free_port import free_port

FOLLOWS_NOTHING = """
import sys
from asr_daemon import cli
from asr_daemon.daemon import reload
async def run(self): raise RuntimeError("a mistake of ours")
reload.Reloader.run = run
sys.exit(cli.main(sys.argv[4:]))
"""
"""Becomes a daemon that fails to follow its configuration; takes the command of the usual one."""


def test_status(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is told for a person, and as JSON; a mistake in the file is in both."""
    config = tmp_path / "asr-daemon.yaml"
    admin = {"address": "127.0.0.1", "port": free_port()}
    with serving(tmp_path, admin=admin) as daemon:
        assert daemon.post("/callbacks/tencent", b"code=0&requestId=1&text=a").status == 200
        assert main(["status", "--config", str(config)]) == 0
        told = capsys.readouterr().out
        assert f"asr-daemon     {__version__}, up for " in told
        assert f"configuration  {config}\n               active since " in told
        assert f"listening      http://127.0.0.1:{daemon.port}\n" in told
        assert "tencent        1 committed" in told
        settings = json.loads(config.read_text())
        config.write_text(json.dumps(settings | {"lisen": []}))
        eventually(lambda: "lisen" in daemon.log, "the mistake is found")
        assert main(["status", "--json", "--config", str(config)]) == 0
        problems = json.loads(capsys.readouterr().out)["configuration"]["problems"]
        assert problems == [f'{config}:1: lisen: unknown setting; did you mean "listen"?']
    assert main(["status", "--config", str(config)]) == 1
    assert "asr-daemon is not running" in capsys.readouterr().err


def test_no_longer_followed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever went wrong, whoever edits the file or asks for a reload is told."""
    admin = {"address": "127.0.0.1", "port": free_port()}
    told = "configuration no longer reloaded; restart the daemon"
    with serving(tmp_path, None, (sys.executable, "-c", FOLLOWS_NOTHING), admin=admin) as daemon:
        daemon.wait_for(f" ERROR   {told}")
        assert told in daemon.get("/readyz").body.decode()
        assert main(["status", "--config", f"{tmp_path}/asr-daemon.yaml"]) == 0
        assert f"warning        {told}\n" in capsys.readouterr().out
        daemon.process.send_signal(signal.SIGHUP)
        eventually(lambda: daemon.log.count(told) == 2, "it is said again")
        assert "no configuration file" not in daemon.log
