"""From a file to the configuration: everything that is wrong at once, or values to rely on."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from asr_daemon.config.bind import bind
from asr_daemon.config.document import Document, read_document
from asr_daemon.config.model import Config
from asr_daemon.config.problems import ConfigError, Problem
from asr_daemon.config.rules import Finding, check
from asr_daemon.config.sources import Sources

__all__ = ["DEFAULT_FILE", "ConfigError", "example", "find", "load", "problem_at"]

DEFAULT_FILE = Path("/etc/asr-daemon/asr-daemon.yaml")
"""What is read if nothing else is named, and it is there."""


def find(
    explicit: Path | None, environ: Mapping[str, str], default: Path = DEFAULT_FILE
) -> Path | None:
    """Return the file to load: `explicit`, else `$ASR_DAEMON_CONFIG`, else `default` if it exists.

    `None` means the built-in defaults. A file that is named need not exist: `load` tells of it. So
    does it of a default file that is there and may not be looked at.
    """
    if explicit is not None:
        return explicit
    if named := environ.get("ASR_DAEMON_CONFIG"):
        return Path(named)
    try:
        default.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return default
    return default


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Return the configuration in `path`, secrets included; `None` gives the built-in defaults.

    Reads the file, and the files and variables that it names, anew at each call; opens nothing for
    writing and keeps nothing.

    Raises:
        ConfigError: with every problem in the file, in the order of its lines.
    """
    if path is None:
        return Config()
    document = read_document(path)
    bound = bind(document, Sources(path.absolute().parent, environ))
    doubtful = bound.doubtful.union(problem.key for problem in document.problems)
    broken = [
        _locate(finding, document)
        for finding in check(bound.config)
        if not _depends_on(finding, doubtful)
    ]
    problems = [*document.problems, *bound.problems, *broken]
    if problems:
        raise ConfigError(problems)
    return bound.config


def example() -> str:
    """Return the commented configuration that `init` writes: every setting with its default."""
    return files("asr_daemon.config").joinpath("asr-daemon.yaml").read_text(encoding="utf-8")


def problem_at(path: Path | None, key: str, wrong: str, right: str) -> Problem:
    """Return a problem with a setting that shows only later, such as a folder that is read-only.

    The line is that of `key`, or of the nearest section around it, in the file as it is now.
    """
    if path is None:
        return Problem("(built-in defaults)", 1, key, wrong, right)
    return Problem(str(path), read_document(path).line_of(key), key, wrong, right)


def _depends_on(finding: Finding, doubtful: Iterable[str]) -> bool:
    return any(
        _is_within(doubt, key) or _is_within(key, doubt)
        for doubt in doubtful
        for key in finding.depends
    )


def _is_within(key: str, section: str) -> bool:
    return key == section or key.startswith((f"{section}.", f"{section}["))


def _locate(finding: Finding, document: Document) -> Problem:
    named = (key for key in (finding.key, *finding.depends) if key in document.lines)
    line = document.line_of(next(named, finding.key))
    return Problem(document.file, line, finding.key, finding.wrong, finding.right)
