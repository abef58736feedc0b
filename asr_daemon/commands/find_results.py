"""What the commands that show results share: which results, and how each is shown."""

import os
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from asr_daemon.commands.base import source
from asr_daemon.config.external_values import Sources
from asr_daemon.config.load import ConfigError
from asr_daemon.config.model import Config, ProvidersSettings
from asr_daemon.config.notation import read_duration
from asr_daemon.config.problems import Problem, Wrong
from asr_daemon.config.validate import validate
from asr_daemon.config.yaml_tree import read_document
from asr_daemon.index.queries import Filter, Row

STATUSES = ("succeeded", "failed", "rejected")
RESULTS = STATUSES[:2]
"""What is shown unless a status is named: a rejected body is no result."""

_NEEDED = ("(", "output", "state", "history")
"""Problems of these settings matter to commands that look for results."""


def places_in(options: Namespace) -> Config:
    """Return the configuration as far as it says where results and index are.

    Who may read results may not be who may read secrets.

    Raises:
        ConfigError: with what is wrong with these settings.
    """
    file = source(options)
    if file is None:
        return Config()
    document = read_document(file)
    validated = validate(document, Sources(file.absolute().parent, os.environ))
    problems = [*document.problems, *validated.problems]
    if needed := [problem for problem in problems if _is_needed(problem)]:
        raise ConfigError(needed)
    return validated.config


def add_filters(parser: ArgumentParser) -> None:
    """Add the options that `filter_in` reads."""
    parser.add_argument(
        "--since",
        type=_moment,
        metavar="TIME",
        help="only what was committed since: a duration such as 1h, or 2026-11-21T12:00",
    )
    providers = [field.encode_name for field in msgspec.structs.fields(ProvidersSettings)]
    parser.add_argument("--provider", choices=providers, help="only of this provider")
    parser.add_argument(
        "--status", choices=STATUSES, help="only of this status (default: succeeded and failed)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object a line")


def filter_in(options: Namespace) -> Filter:
    """Return which results are wanted."""
    statuses = RESULTS if options.status is None else (options.status,)
    return Filter(statuses, options.provider, options.since)


def facts_of(row: Row, root: Path) -> dict[str, Any]:
    """Return a result as `--json` shows it."""
    return {
        "path": str(root / row.path),
        "provider": row.provider,
        "id": row.id,
        "status": row.status,
        "digest": row.digest,
        "committed_at": shown_time(row.committed_at, "milliseconds"),
    }


def shown_time(moment_s: float, precision: str) -> str:
    """Return a moment in UTC."""
    text = datetime.fromtimestamp(moment_s, UTC).isoformat(timespec=precision)
    return text.replace("+00:00", "Z")


def _moment(text: str) -> float:
    """Read `1h` as an hour ago, or a date and time, which is local unless it says otherwise."""
    try:
        return datetime.now(UTC).timestamp() - read_duration(text, "0s")
    except Wrong as wrong:
        try:
            return datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError):
            raise ArgumentTypeError(f"{wrong.wrong}; {wrong.right}") from None


def _is_needed(problem: Problem) -> bool:
    return problem.key.startswith(_NEEDED)
