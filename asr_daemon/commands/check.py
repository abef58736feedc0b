"""`asr-daemon check`: report whether the daemon would start with this configuration."""

import os
from argparse import Namespace

from asr_daemon.commands.base import DONE, Command, source
from asr_daemon.config.load import ConfigError, load_with_warnings, problem_at
from asr_daemon.daemon.app import check_start


def run(options: Namespace) -> int:
    """Report everything that is wrong with the configuration, or that nothing is."""
    file = source(options)
    config, warnings = load_with_warnings(file, os.environ)
    for warning in warnings:
        _warn(str(warning))
    obstacles = check_start(config, _warn)
    if obstacles:
        raise ConfigError(
            [problem_at(file, found.key, found.wrong, found.right) for found in obstacles]
        )
    print(f"{file or 'built-in defaults'}: ok")
    return DONE


def _warn(sentence: str) -> None:
    print(f"{sentence} (warning)")


COMMAND = Command(
    description="""\
Follows the path of a start without changing anything: validates the
configuration, resolves its secrets, loads its certificates, and tries whether
its directories can be written and its addresses listened on. Run it as the
daemon's user, whose permissions count. A port that is in use is taken to be
the daemon's own.

All problems are reported at once, one a line, with what to write instead:

  FILE:LINE: key.path: what is wrong; what to write""",
    run=run,
)
