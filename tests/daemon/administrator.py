"""Who edits the configuration of a daemon that runs, and sees what becomes of it."""

import json
import re
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.daemon.process import Daemon
from tests.daemon.serving import eventually, metric, serving


class Administrator:
    """Edits the file that `serving` has written, and asks what the daemon makes of it."""

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        """Take a daemon that keeps its configuration in `folder`."""
        self.daemon = daemon
        self.file = folder / "asr-daemon.yaml"
        self._settings: dict[str, Any] = json.loads(self.file.read_text())

    def write(self, **changes: Any) -> None:
        """Change settings in the file; sections keep the rest of theirs, `None` removes one.

        The text "!file name" becomes what YAML has for it. Nobody sees half of the file.
        """
        for name, change in changes.items():
            before = self._settings.pop(name, {})
            if change is not None:
                both = isinstance(before, dict) and isinstance(change, dict)
                self._settings[name] = {**before, **change} if both else change
        text = json.dumps(self._settings, indent=1)
        fresh = self.file.with_suffix(".fresh")
        fresh.write_text(re.sub(r'"(!file [^"]*)"', r"\1", text))
        fresh.rename(self.file)

    def edit(self, **changes: Any) -> None:
        """Change settings, and wait until they are in use."""
        self.applies(lambda: self.write(**changes))

    def mistake(self, **changes: Any) -> list[str]:
        """Change settings for what cannot be used; wait until it is found, return what is told."""
        before = self.reloads("invalid")
        self.write(**changes)
        eventually(lambda: self.reloads("invalid") > before, f"the mistake is found: {changes}")
        return [str(each) for each in self.facts()["configuration"]["problems"]]

    def applies(self, act: Callable[[], object]) -> None:
        """Do something, and wait until the file is used as it is then."""
        before = self.reloads("applied")

        act()
        eventually(lambda: self.reloads("applied") > before, f"use: {self._settings}")

    def hang_up(self) -> None:
        """Ask the daemon to read its file anew."""
        self.daemon.process.send_signal(signal.SIGHUP)

    def facts(self) -> dict[str, Any]:
        """Return the status, as JSON has it."""
        return dict(json.loads(self.daemon.get("/", {"Accept": "application/json"}).body))

    def reloads(self, outcome: str) -> float:
        """Return how often the file was read anew, with this outcome."""
        counted = metric(self.daemon, "asr_daemon_config_reloads_total", "outcome")
        return counted.get((outcome,), 0)

    def is_valid(self) -> bool:
        """Say whether the file as it is now is used."""
        return metric(self.daemon, "asr_daemon_config_valid") == {(): 1}


@contextmanager
def administered(
    folder: Path, environ: Mapping[str, str] | None = None, **changes: Any
) -> Iterator[Administrator]:
    """Run a daemon as `serving` does, and yield who edits its configuration."""
    with serving(folder, environ, **changes) as daemon:
        yield Administrator(daemon, folder)
