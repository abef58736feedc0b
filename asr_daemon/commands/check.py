"""`asr-daemon check`: says whether the daemon would start with this."""

import os
from argparse import Namespace

from asr_daemon.commands.base import DONE, Command, source
from asr_daemon.config.load import ConfigError, load_with_warnings, problem_at
from asr_daemon.server import check_start


def run(options: Namespace) -> int:
    """Say everything that is wrong with the configuration, or that nothing is."""
    file = source(options)
    config, warnings = load_with_warnings(file, os.environ)
    for warning in warnings:
        _warn(str(warning))
    obstacles = check_start(config, _warn)
    if obstacles:
        raise ConfigError(
            [problem_at(file, each.key, each.wrong, each.right) for each in obstacles]
        )
    print(f"{file or 'built-in defaults'}: ok")
    return DONE


def _warn(sentence: str) -> None:
    print(f"{sentence} (warning)")


COMMAND = Command(
    name="check",
    summary="say what is wrong with the configuration",
    description="""\
Does what a start does and changes nothing: reads the configuration, resolves
its secrets, loads its certificates, and looks whether its folders can be
written to and its addresses listened on. Run it as the daemon's user, whose
permissions count. A port that somebody listens on is taken for the daemon's.

Every problem is told at once, one a line, with the line it stands on and what
would be right:

  FILE:LINE: KEY: what is wrong, what would be right""",
    run=run,
)
