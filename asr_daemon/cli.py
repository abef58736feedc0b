"""Parse the command line, run the command, return the exit status."""

import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence

from asr_daemon import __version__
from asr_daemon.commands import check, follow, init, render, replay, schema, send, serve, status
from asr_daemon.commands import list as list_command
from asr_daemon.commands.base import (
    EXIT_STATUSES,
    FAILED,
    INVALID_CONFIGURATION,
    Command,
    add_config_option,
)
from asr_daemon.config.load import ConfigError
from asr_daemon.daemon.systemd import Manager
from asr_daemon.errors import AsrDaemonError
from asr_daemon.providers.registry import VENDORS

_STANDARD_ERROR = 2
_ERROR = "<3>"
"""Marks a line as an error for the journal (sd-daemon(3)), which removes the mark."""

COMMANDS = (
    serve.COMMAND,
    check.COMMAND,
    init.COMMAND,
    send.COMMAND,
    status.COMMAND,
    list_command.COMMAND,
    follow.COMMAND,
    render.COMMAND,
    replay.COMMAND,
    schema.COMMAND,
)

DESCRIPTION = f"""\
Receives the callbacks of speech recognition vendors
({", ".join(vendor.title for vendor in VENDORS)})
and commits each result as durable files before it acknowledges it.

Without a configuration it listens on loopback only, requires no credentials,
and writes below ./transcripts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = make_parser().parse_args(arguments)
    run: Callable[[Namespace], int] = options.run
    try:
        return run(options)
    except ConfigError as error:
        _report(str(error))
        return INVALID_CONFIGURATION
    except AsrDaemonError as error:
        _report(f"asr-daemon: {error}")
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def _report(failure: str) -> None:
    """Print why a command failed on standard error, which may be the journal."""
    prefix = _ERROR if Manager(os.environ).is_journal(_STANDARD_ERROR) else ""
    print(*(f"{prefix}{line}" for line in failure.split("\n")), sep="\n", file=sys.stderr)


def make_parser() -> ArgumentParser:
    """Return the parser of all commands; manual page and completion are generated from it."""
    parser = ArgumentParser(
        prog="asr-daemon",
        description=DESCRIPTION,
        epilog=_exit_statuses(),
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"asr-daemon {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in COMMANDS:
        _add(commands.add_parser, command)
    return parser


def _add(add_parser: Callable[..., ArgumentParser], command: Command) -> None:
    parser = add_parser(
        command.name,
        help=command.summary,
        description=command.description,
        formatter_class=RawDescriptionHelpFormatter,
    )
    command.add_arguments(parser)
    add_config_option(parser)
    parser.set_defaults(run=command.run)


def _exit_statuses() -> str:
    lines = (f"  {status:<4}{meaning}" for status, meaning in EXIT_STATUSES.items())
    return "\n".join(["exit status:", *lines])
