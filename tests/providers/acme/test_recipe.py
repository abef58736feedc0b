"""The recipe of CONTRIBUTING for a provider: one folder, registered by an entry point."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from asr_daemon.providers.registry import ENTRY_POINTS
from tests.daemon.process import CONFIG, Daemon, results

PROJECT = Path(__file__).parents[3]
KEY = "0123456789abcdef"
OTHERS_OFF = (
    "listen: [{address: 0.0.0.0}]\nproviders:\n  tencent: {enabled: false}\n"
    "  huawei: {enabled: false}\n"
)
ENABLED = f"providers: {{acme: {{enabled: true, key: {KEY}}}}}\n"


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """Return an environment in which a distribution with Acme is installed."""
    metadata = tmp_path / "installed" / "acme-1.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 1\n")
    entry = f"[{ENTRY_POINTS}]\nacme = tests.providers.acme.vendor:ACME\n"
    (metadata / "entry_points.txt").write_text(entry)
    return {**os.environ, "PYTHONPATH": f"{tmp_path / 'installed'}{os.pathsep}{PROJECT}"}


def run(environ: dict[str, str], folder: Path, *arguments: str) -> tuple[int, str]:
    """Run a command and return its exit status and all that it prints."""
    command = [sys.executable, "-m", "asr_daemon", *arguments]
    done = subprocess.run(
        command,
        env=environ,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


@pytest.fixture
def daemon(environ: dict[str, str], tmp_path: Path) -> Iterator[Daemon]:
    """Return a daemon that serves Acme."""
    config = tmp_path / "asr-daemon.yaml"
    settings = CONFIG.format(
        folder=tmp_path, root=tmp_path / "root", output="", limits="free_space: 1MiB"
    )
    config.write_text(settings + ENABLED)
    daemon = Daemon(config, environ=environ)
    try:
        daemon.wait_until_ready()
        yield daemon
    finally:
        daemon.stop()


def test_send_and_store(daemon: Daemon, environ: dict[str, str], tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{daemon.port}/callbacks/acme?{KEY}"
    assert run(environ, tmp_path, "send", "acme", "--url", url) == (0, '200 {"ok":true,"why":""}\n')
    [document] = [
        json.loads(body)
        for name, body in results(tmp_path / "root").items()
        if name.startswith("acme/") and name.endswith("/job-0.json")
    ]
    assert (document["provider"], document["text"]) == ("acme", "hello")
    assert b'asr_daemon_callbacks_total{outcome="committed",provider="acme"} 1.0' in (
        daemon.get("/metrics").body
    )


@pytest.mark.usefixtures("daemon")
def test_directory_of_today_is_there_before_the_first_result(tmp_path: Path) -> None:
    assert [path.parts[-4] for path in (tmp_path / "root").glob("acme/*/*/*")] == ["acme"]


def test_large_body(daemon: Daemon, tmp_path: Path) -> None:
    body = b'{"job":"large","said":"%b"}' % (b"a" * 5_000_000)
    assert daemon.post(f"/callbacks/acme?{KEY}", body) == (200, b'{"ok":true,"why":""}')
    assert any(name.endswith("/large.json") for name in results(tmp_path / "root"))


def test_wrong_key(daemon: Daemon) -> None:
    refusal = (401, b'{"ok":false,"why":"invalid key"}')
    assert daemon.post("/callbacks/acme?0123456789abcdeF", b"{}") == refusal


def test_result_at_another_path(daemon: Daemon) -> None:
    refused = daemon.post("/callbacks/tencent", b'{"job":"1","said":"hello"}')
    assert b"a result of Acme, which the provider acme takes at its path" in refused.body


@pytest.mark.parametrize(
    ("settings", "finding"),
    [
        (
            OTHERS_OFF + "  acme: {enabled: true}\n",
            "providers.acme: accepts results from any machine without credentials",
        ),
        (
            OTHERS_OFF + "  acme: {enabled: true, key: short}\n",
            "providers.acme.key: too short to be the only protection from other machines",
        ),
        (
            "providers: {acme: {enabled: true, path: /callbacks/tencent}}\n",
            "providers.acme.path: /callbacks/tencent is already used by providers.tencent.path",
        ),
    ],
)
def test_check(environ: dict[str, str], tmp_path: Path, settings: str, finding: str) -> None:
    file = tmp_path / "broken.yaml"
    file.write_text(settings)
    status, printed = run(environ, tmp_path, "check", "--config", str(file))
    assert (status, finding in printed) == (78, True), printed


def test_schema_and_help(environ: dict[str, str], tmp_path: Path) -> None:
    made = "from asr_daemon.config.reference import example, schema; print(example(), schema())"
    command = [sys.executable, "-c", made]
    shown = subprocess.run(
        command, env=environ, cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    assert "  acme:\n    # true serves this provider.\n    enabled: false" in shown
    assert "Acme Dictation" in run(environ, tmp_path, "--help")[1]


def test_provider_that_cannot_be_loaded_is_reported_in_a_sentence(
    environ: dict[str, str], tmp_path: Path
) -> None:
    metadata = tmp_path / "installed" / "acme-1.dist-info"
    (metadata / "entry_points.txt").write_text(f"[{ENTRY_POINTS}]\nacme = acme_is_gone:ACME\n")
    config = tmp_path / "asr-daemon.yaml"
    config.write_text(f"log: {{level: info}}\n{ENABLED}")
    status, printed = run(environ, tmp_path, "check", "-c", str(config))
    assert status == 78
    assert printed.splitlines() == [
        f"{config}:2: providers.acme: unknown setting; valid here: tencent, huawei",
        (
            f"{config}:2: providers: provider acme is installed but cannot be loaded "
            "(ModuleNotFoundError: No module named 'acme_is_gone'); "
            "repair or uninstall the distribution that adds it"
        ),
        "not tried until these are fixed: certificates, directories, ports",
    ]
    assert run(environ, tmp_path, "send", "--help")[0] == 0
