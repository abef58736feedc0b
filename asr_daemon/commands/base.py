"""What a command is, and what all of them share.

To add one: write `commands/<name>.py` with a `COMMAND`, and add it to `COMMANDS` in `cli.py`. Help
follows; `scripts/generate` writes manual page and completion anew.
"""

import os
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from asr_daemon.config.load import find, load
from asr_daemon.config.model import Config
from asr_daemon.errors import AsrDaemonError

DONE = 0
FAILED = 1
WRONG_USE = 2
INVALID_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h."""

EXIT_STATUSES = {
    DONE: "done",
    FAILED: "failed; a line on standard error says why",
    WRONG_USE: "the command line is wrong",
    INVALID_CONFIGURATION: "the configuration is not valid",
}


class CommandFailed(AsrDaemonError):
    """The command could not do what was asked; the message is one line that says why."""


def _none(_parser: ArgumentParser) -> None:
    """Add no arguments."""


class Command(Struct, frozen=True, kw_only=True):
    """One command, for the parser and for the manual."""

    name: str
    summary: str
    """Half a sentence, for the list of commands."""
    description: str
    """Paragraphs, in lines of up to 80 characters as they are shown; indented lines are literal."""
    run: Callable[[Namespace], int]
    """Does it and returns the exit status; raises `AsrDaemonError` with what to tell instead."""
    add_arguments: Callable[[ArgumentParser], None] = _none


def add_config_option(parser: ArgumentParser) -> None:
    """Let a command take the file that `source` returns."""
    parser.add_argument(
        "-c",
        "--config",
        type=Path,
        metavar="FILE",
        help="the configuration; else $ASR_DAEMON_CONFIG, else /etc/asr-daemon/asr-daemon.yaml, "
        "else built-in defaults",
    )


def source(options: Namespace) -> Path | None:
    """Return the file of the configuration; `None` stands for the built-in defaults."""
    return find(options.config, os.environ)


def configuration(options: Namespace) -> Config:
    """Return the configuration that is asked for.

    Raises:
        ConfigError: with everything that is wrong with it.
    """
    return load(source(options), os.environ)
