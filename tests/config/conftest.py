"""What the tests of the configuration begin with."""

from collections.abc import Callable
from pathlib import Path

import pytest

from asr_daemon.config.load import load
from asr_daemon.config.model import Config
from asr_daemon.config.problems import ConfigError

Load = Callable[..., Config]
Told = Callable[..., list[str]]


@pytest.fixture
def load_text(tmp_path: Path) -> Load:
    """Load the text of a file, with the environment that is given by keywords."""

    def load_it(text: str, **environ: str) -> Config:
        file = tmp_path / "asr.yaml"
        file.write_text(text, encoding="utf-8")
        return load(file, environ)

    return load_it


@pytest.fixture
def told(load_text: Load, tmp_path: Path) -> Told:
    """Return the problems of a text as `LINE: key: wrong; right`, with `DIR` for its folder."""

    def tell(text: str, **environ: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            load_text(text, **environ)
        lines = str(caught.value).splitlines()
        return [
            line.removeprefix(f"{tmp_path}/asr.yaml:").replace(str(tmp_path), "DIR")
            for line in lines
        ]

    return tell
