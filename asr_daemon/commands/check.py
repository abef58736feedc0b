"""`asr-daemon check`: report whether the daemon would start with this configuration."""

import os
from argparse import Namespace
from collections.abc import Iterable, Sequence

from asr_daemon.commands.base import DONE, Command, source
from asr_daemon.config.load import ConfigError, load_with_warnings, problem_at, warning_at
from asr_daemon.daemon.lifecycle import check_start

NOT_TRIED = "not tried until these are fixed: certificates, directories, ports"


def run(options: Namespace) -> int:
    """Report everything that is wrong with the configuration, or that nothing is."""
    file = source(options)
    try:
        config, found = load_with_warnings(file, os.environ)
    except ConfigError as error:
        _warn(map(str, error.warnings))
        raise ConfigError(error.problems, remark=NOT_TRIED) from None
    warnings = [str(warning) for warning in found]
    problems = check_start(
        config, lambda key, sentence: warnings.append(warning_at(file, key, sentence))
    )
    _warn(warnings)
    if problems:
        raise ConfigError(
            [problem_at(file, problem.key, problem.wrong, problem.right) for problem in problems]
        )
    print(f"{file or 'built-in defaults'}: ok{_number_of(warnings)}")
    return DONE


def _warn(warnings: Iterable[str]) -> None:
    for warning in warnings:
        print(f"{warning} (warning)")


def _number_of(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    return f", {len(warnings)} warning{'s' * (len(warnings) > 1)}"


COMMAND = Command(
    description="""\
Follows the path of a start without changing anything: validates the
configuration, resolves its secrets, loads its certificates, and tries whether
its directories can be written and its addresses listened on. Run it as the
daemon's user, whose permissions count. A port that is in use is taken to be
the daemon's own.

All problems are reported at once, one a line, with what to write instead:

  FILE:LINE: key.path: what is wrong; what to write

What a daemon starts with and is hardly meant has (warning) at the end.""",
    run=run,
)
