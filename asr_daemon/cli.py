"""Parse the command line, run the command, return the exit status.

The module of a command is imported when the command is chosen: most need little of the package,
and imports are most of what `asr-daemon list` takes.
"""

import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Collection, Sequence
from importlib import import_module

from asr_daemon import __version__
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

COMMANDS = {
    "serve": "run the daemon in the foreground",
    "check": "check the configuration and report every problem",
    "init": "write a commented configuration",
    "send": "send a callback the way a vendor does",
    "status": "show how the running daemon is",
    "list": "list results, newest first",
    "follow": "print or process each result, from a cursor on",
    "render": "make further formats from JSON documents",
    "replay": "send rejected bodies to the daemon again",
    "schema": "print the JSON Schema of the configuration or of results",
}
"""What each does, by name, which is that of its module in `commands`, too."""

DESCRIPTION = f"""\
Receives the callbacks of speech recognition vendors
({", ".join(vendor.title for vendor in VENDORS)})
and commits each result as durable files before it acknowledges it.

Without a configuration it listens on loopback only, requires no credentials,
and writes below ./transcripts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    # No option that comes before the command takes a value.
    options = make_parser(given).parse_args(given)
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


def make_parser(wanted: Collection[str] = COMMANDS.keys()) -> ArgumentParser:
    """Return the parser; manual page and completion are generated from it.

    Args:
        wanted: the commands whose arguments it knows; of others it knows the name.
    """
    parser = ArgumentParser(
        prog="asr-daemon",
        description=DESCRIPTION,
        epilog=_exit_statuses(),
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"asr-daemon {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for name, summary in COMMANDS.items():
        parser_of_command = commands.add_parser(
            name, help=summary, formatter_class=RawDescriptionHelpFormatter
        )
        if name in wanted:
            _add(parser_of_command, import_module(f"asr_daemon.commands.{name}").COMMAND)
    return parser


def _add(parser: ArgumentParser, command: Command) -> None:
    parser.description = command.description
    command.add_arguments(parser)
    add_config_option(parser)
    parser.set_defaults(run=command.run)


def _exit_statuses() -> str:
    lines = (f"  {status:<4}{meaning}" for status, meaning in EXIT_STATUSES.items())
    return "\n".join(["exit status:", *lines])
