"""Define what a command is, and what all commands share.

To add one: write `commands/<name>.py` with a `COMMAND`, and name it in `COMMANDS` of `cli.py`. Then
`scripts/generate` updates the manual page and the completion.
"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from asr_daemon.config.load import DEFAULT_FILE, find, load
from asr_daemon.config.model import Config
from asr_daemon.errors import AsrDaemonError

DONE = 0
FAILED = 1
WRONG_USE = 2
INVALID_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h."""

EXIT_STATUSES = {
    DONE: "success",
    FAILED: "failure; a line on standard error says why",
    WRONG_USE: "usage error",
    INVALID_CONFIGURATION: "invalid configuration",
}


class CommandFailed(AsrDaemonError):
    """The command failed; the message is one line that says why."""


def _none(_parser: ArgumentParser) -> None:
    """Add no arguments."""


class Command(Struct, frozen=True, kw_only=True):
    """One command, for the parser and the manual."""

    description: str
    """Paragraphs of lines of up to 80 characters; indented lines are literal."""
    run: Callable[[Namespace], int]
    """Runs it and returns the exit status, or raises `AsrDaemonError` with the reason."""
    add_arguments: Callable[[ArgumentParser], None] = _none


def add_config_option(parser: ArgumentParser) -> None:
    """Add the option whose file `source` returns."""
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        metavar="FILE",
        help=f"configuration file (default: {DEFAULT_FILE})",
    )


def source(options: Namespace) -> Path | None:
    """Return the configuration file; `None` stands for the built-in defaults."""
    return find(options.config, os.environ)


def configuration(options: Namespace) -> Config:
    """Return the configuration of a command.

    Raises:
        ConfigError: with everything that is wrong with it.
    """
    return load(source(options), os.environ)
