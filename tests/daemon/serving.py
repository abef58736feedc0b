"""A daemon with settings of one's own, and what tests ask it while it serves."""

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence, Sized
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client.parser import text_string_to_metric_families

from tests.daemon.process import Daemon

PATIENCE_S = 20.0
"""How long a test waits for what is going to happen."""
FLAT = {"layout": "{provider}/{id}"}
"""An `output` without days, so that a test may run at midnight."""
_LOOK_AGAIN_S = 0.01

T = TypeVar("T")
Labels = tuple[str, ...]


@contextmanager
def serving(
    folder: Path,
    environ: Mapping[str, str] | None = None,
    wrapper: Sequence[str] = (),
    **changes: Any,
) -> Iterator[Daemon]:
    """Run a daemon that keeps everything in `folder`, unless its settings are changed.

    Args:
        folder: of the configuration, `root` and `state`.
        environ: set in the daemon's environment besides what is there.
        wrapper: a command that ends by becoming the daemon, whose command follows it.
        changes: such as `limits={"shutdown": "1s"}`, of which the rest keeps its value.
    """
    config = folder / "asr-daemon.yaml"
    config.write_text(json.dumps(_settings(folder, changes)))
    daemon = Daemon(config, {**os.environ, **(environ or {})}, wrapper)
    try:
        daemon.wait_until_ready()
        yield daemon
    finally:
        daemon.stop(signal.SIGKILL)


def eventually(happened: Callable[[], T], what: str, timeout_s: float = PATIENCE_S) -> float:
    """Wait until `happened` returns something true, and return how many seconds that took."""
    began_s = time.monotonic()
    while not happened():
        assert time.monotonic() - began_s < timeout_s, f"not within {timeout_s} s: {what}"
        time.sleep(_LOOK_AGAIN_S)
    return time.monotonic() - began_s


def more(names: Sized, by: int) -> Callable[[], bool]:
    """Return what tells whether something has grown by so many since now."""
    before = len(names)
    return lambda: len(names) >= before + by


def is_ready(daemon: Daemon) -> bool:
    """Ask the daemon whether it can store results."""
    return daemon.get("/readyz").status == 200


def metric(daemon: Daemon, name: str, *labels: str) -> dict[Labels, float]:
    """Return the samples of one metric by the values of these labels."""
    exposition = daemon.get("/metrics").body.decode()
    families = text_string_to_metric_families(exposition)
    samples = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(each.labels[label] for label in labels): each.value for each in samples}


def _settings(folder: Path, changes: Mapping[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "listen": [{"address": "127.0.0.1", "port": 0}],
        "admin": {"address": "127.0.0.1", "port": 0},
        "output": {"root": f"{folder}/root"},
        "state": f"{folder}/state",
        "limits": {"free_space": "1MiB"},
    }
    for name, change in changes.items():
        settings[name] = (
            {**settings.get(name, {}), **change} if isinstance(change, dict) else change
        )
    return settings
