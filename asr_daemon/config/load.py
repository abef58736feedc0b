"""Load the configuration of a file, or report everything that is wrong with it at once."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from msgspec import Struct

from asr_daemon.config.cross_checks import check
from asr_daemon.config.external_values import Sources
from asr_daemon.config.model import Config
from asr_daemon.config.problems import ConfigError, Finding, Problem, by_line
from asr_daemon.config.validate import validate
from asr_daemon.config.yaml_tree import YamlDocument, read_document

__all__ = [
    "DEFAULT_FILE",
    "ConfigError",
    "LoadedConfig",
    "example",
    "find",
    "load",
    "load_with_warnings",
    "packaged",
    "problem_at",
    "read",
    "warning_at",
]

DEFAULT_FILE = Path("/etc/asr-daemon/asr-daemon.yaml")
"""What is read if nothing else is named and it exists."""


def find(
    explicit: Path | None, environ: Mapping[str, str], default: Path = DEFAULT_FILE
) -> Path | None:
    """Return the file to load: `explicit`, else `$ASR_DAEMON_CONFIG`, else `default` if it exists.

    `None` means the built-in defaults. Whether a named file exists is left to `load`, and so is a
    default file that exists but cannot be accessed.
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


class LoadedConfig(Struct, frozen=True):
    """The content of a file: a configuration, or what is wrong with it."""

    config: Config | None
    problems: tuple[Problem, ...]
    """Empty if there is a configuration."""
    files: frozenset[Path]
    """The file and those that it refers to, whether or not they exist: a change of any counts."""
    warnings: tuple[Problem, ...] = ()
    """What is valid and yet hardly meant, such as a setting that has no effect."""
    is_empty: bool = False
    """Whether the file has no setting, so that everything is the default."""


def read(path: Path, environ: Mapping[str, str]) -> LoadedConfig:
    """Read the configuration in `path`, secrets included.

    Reads the file, and the files and variables that it refers to, again at each call; opens nothing
    for writing and caches nothing.
    """
    sources = Sources(path.absolute().parent, environ)
    try:
        document = read_document(path)
        config, warnings = _configure(document, sources)
    except ConfigError as error:
        return LoadedConfig(None, error.problems, _looked_at(path, sources), error.warnings)
    files = _looked_at(path, sources)
    return LoadedConfig(config, (), files, warnings, is_empty=not document.root.entries)


def load(path: Path | None, environ: Mapping[str, str]) -> Config:
    """Return the configuration in `path`; `None` gives the built-in defaults.

    Raises:
        ConfigError: with every problem in the file, in the order of its lines.
    """
    return load_with_warnings(path, environ)[0]


def load_with_warnings(
    path: Path | None, environ: Mapping[str, str]
) -> tuple[Config, tuple[Problem, ...]]:
    """Return the configuration as `load` does, and what is valid in the file and hardly meant."""
    if path is None:
        return Config(), ()
    loaded = read(path, environ)
    if loaded.config is None:
        raise ConfigError(loaded.problems, loaded.warnings)
    return loaded.config, loaded.warnings


def example() -> str:
    """Return the commented configuration that `init` writes: every setting with its default."""
    return packaged("asr-daemon.yaml")


def packaged(name: str) -> str:
    """Return a file of this package that `scripts/generate` wrote (see `reference.py`)."""
    return files("asr_daemon.config").joinpath(name).read_text(encoding="utf-8")


def problem_at(path: Path | None, key: str, wrong: str, right: str) -> Problem:
    """Return a problem that only the start finds, such as a directory that is read-only.

    The line is that of `key`, or of the nearest section around it, in the file as it is now.
    """
    return Problem(*_place(path, key), key, wrong, right)


def warning_at(path: Path | None, key: str, sentence: str) -> str:
    """Return a sentence of the start on what a setting names, with its line as `problem_at`."""
    file, line = _place(path, key)
    return f"{file}:{line}: {key}: {sentence}"


def _place(path: Path | None, key: str) -> tuple[str, int]:
    if path is None:
        return "(built-in defaults)", 1
    return str(path), read_document(path).line_of(key)


def _looked_at(path: Path, sources: Sources) -> frozenset[Path]:
    return frozenset({path.absolute(), *sources.files})


def _configure(document: YamlDocument, sources: Sources) -> tuple[Config, tuple[Problem, ...]]:
    validated = validate(document, sources)
    doubtful = validated.doubtful.union(problem.key for problem in document.problems)
    found: dict[bool, list[Problem]] = {False: [], True: []}
    for finding in check(validated.config):
        if not _depends_on(finding, doubtful):
            found[finding.is_warning].append(_locate(finding, document))
    problems = [*document.problems, *validated.problems, *found[False]]
    warnings = [*validated.warnings, *found[True]]
    if problems:
        raise ConfigError(problems, warnings)
    return validated.config, by_line(warnings)


def _depends_on(finding: Finding, doubtful: Iterable[str]) -> bool:
    return any(
        _is_within(doubt, key) or _is_within(key, doubt)
        for doubt in doubtful
        for key in finding.depends
    )


def _is_within(key: str, section: str) -> bool:
    return key == section or key.startswith((f"{section}.", f"{section}["))


def _locate(finding: Finding, document: YamlDocument) -> Problem:
    named = (key for key in (finding.key, *finding.depends) if key in document.lines)
    line = document.line_of(next(named, finding.key))
    return Problem(document.file, line, finding.key, finding.wrong, finding.right)
