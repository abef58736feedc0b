"""The command line: which command, and the exit status that a script sees."""

import os
import sys
from argparse import ArgumentParser, Namespace, RawDescriptionHelpFormatter
from collections.abc import Callable, Sequence

from asr_daemon import __version__
from asr_daemon.commands import check, init, schema, send, serve, status
from asr_daemon.commands.base import (
    EXIT_STATUSES,
    FAILED,
    INVALID_CONFIGURATION,
    Command,
    add_config_option,
)
from asr_daemon.config.load import ConfigError
from asr_daemon.errors import AsrDaemonError
from asr_daemon.systemd import Manager

_STANDARD_ERROR = 2
_ERROR = "<3>"
"""Makes a line an error in the journal (sd-daemon(3)), which takes it off."""

COMMANDS = (
    serve.COMMAND,
    check.COMMAND,
    init.COMMAND,
    send.COMMAND,
    status.COMMAND,
    schema.COMMAND,
)

DESCRIPTION = """\
Receives the callbacks of speech recognition vendors (Tencent Cloud ASR, Huawei
CEC/OIAP) and commits each result as files, before it is acknowledged.

Without a configuration it listens on loopback only, asks for no credentials,
and writes below ./transcripts."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = make_parser().parse_args(arguments)
    run: Callable[[Namespace], int] = options.run
    try:
        return run(options)
    except ConfigError as error:
        _tell(str(error))
        return INVALID_CONFIGURATION
    except AsrDaemonError as error:
        _tell(f"asr-daemon: {error}")
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def _tell(trouble: str) -> None:
    """Say on standard error, which may be the journal, why a command is not done."""
    prefix = _ERROR if Manager(os.environ).is_journal(_STANDARD_ERROR) else ""
    print(*(f"{prefix}{line}" for line in trouble.split("\n")), sep="\n", file=sys.stderr)


def make_parser() -> ArgumentParser:
    """Return the parser of all commands; the manual and the completion are made of it too."""
    parser = ArgumentParser(
        prog="asr-daemon",
        description=DESCRIPTION,
        epilog=_exit_statuses(),
        formatter_class=RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"asr-daemon {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
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
