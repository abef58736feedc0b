"""`asr-daemon status`: show the status of the running daemon."""

import os
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Iterator
from contextlib import suppress
from http.client import HTTPConnection, HTTPException
from pathlib import Path

import msgspec

from asr_daemon.commands.base import DONE, FAILED, Command, CommandFailed, source
from asr_daemon.config.external_values import Sources
from asr_daemon.config.load import ConfigError
from asr_daemon.config.model import AdminSettings
from asr_daemon.config.problems import Problem
from asr_daemon.config.validate import validate
from asr_daemon.config.yaml_tree import YamlDocument, parse, read_document
from asr_daemon.networks import reachable
from asr_daemon.status import Status

ANSWER_TIMEOUT_S = 5.0
"""A daemon that works answers within milliseconds."""

_MOST_BYTES = 1 << 20
_OK = 200
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86_400
_KIB = 1024
_SIZE_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")

_Row = tuple[str, str]


def run(options: Namespace) -> int:
    """Request the status from the admin listener of the configuration, and show it."""
    answer = _ask(admin_in(source(options)))
    status = _read(answer)
    if options.json:
        print(answer.decode().rstrip("\n"))
    else:
        print(*_lines(list(_rows(status))), sep="\n")
    return DONE if status.ready else FAILED


def admin_in(file: Path | None) -> AdminSettings:
    """Return the admin listener of a file, which may have a mistake.

    The daemon keeps its active configuration then, and reports the mistake.
    """
    if file is None:
        return AdminSettings()
    sources = Sources(file.absolute().parent, os.environ)
    try:
        validated = validate(read_document(file), sources)
    except ConfigError as error:
        above = _above(file, error.problems[0].line)
        admin = AdminSettings() if above is None else validate(above, sources).config.admin
        _warn(error.problems, admin)
        return admin
    if problems := [problem for problem in validated.problems if problem.key.startswith("admin")]:
        _warn(problems, validated.config.admin)
    return validated.config.admin


def _warn(problems: Iterable[Problem], admin: AdminSettings) -> None:
    """Say what is wrong with the file, and where the daemon is asked nevertheless."""
    address = "the default address" if admin == AdminSettings() else "as far as the file says"
    asking = f"asr-daemon: asking {_url(admin)} ({address}); asr-daemon check shows all mistakes"
    print(*problems, asking, sep="\n", file=sys.stderr)


def _above(file: Path, line: int) -> YamlDocument | None:
    """Return the document above a line that is not YAML; `None` if that is not YAML either."""
    if not file.is_file():  # a pipe is read only once
        return None
    with suppress(OSError, ConfigError):
        lines = file.read_bytes().decode(errors="replace").splitlines()
        return parse("\n".join(lines[: line - 1]), str(file))
    return None


def _ask(admin: AdminSettings) -> bytes:
    if admin.port == 0:
        raise CommandFailed("admin.port is 0: only the daemon's log has the actual port")
    where = _url(admin)
    connection = HTTPConnection(reachable(admin.address), admin.port, timeout=ANSWER_TIMEOUT_S)
    try:
        connection.request("GET", "/", headers={"Accept": "application/json"})
        response = connection.getresponse()
        answer = response.read(_MOST_BYTES)
    except (OSError, HTTPException) as error:
        raise CommandFailed(f"no answer from {where}: {_likely_cause(error)}") from error
    finally:
        connection.close()
    if response.status != _OK:
        raise CommandFailed(f"what listens at {where} is not asr-daemon (HTTP {response.status})")
    return answer


def _url(admin: AdminSettings) -> str:
    host = reachable(admin.address)
    return f"http://{f'[{host}]' if ':' in host else host}:{admin.port}/"


def _likely_cause(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        likely = "asr-daemon is not running (asr-daemon check may say why)"
        return f"{likely}, or runs with another configuration (see --config)"
    if isinstance(error, TimeoutError):
        return f"asr-daemon hangs, or a firewall is in between ({ANSWER_TIMEOUT_S:g} s waited)"
    return str(error) or type(error).__name__


def _read(answer: bytes) -> Status:
    try:
        return msgspec.json.decode(answer, type=Status)
    except (msgspec.DecodeError, UnicodeError) as error:
        wrong = "the answer is not from this version of asr-daemon"
        raise CommandFailed(f"{wrong}: {error}") from error


def _rows(status: Status) -> Iterator[_Row]:
    """Yield names and values; a row without a name continues the one above."""
    yield "asr-daemon", f"{status.version}, up for {_duration(status.up_s)}"
    yield "ready", "yes" if status.ready else "no"
    yield from (("", reason) for reason in status.obstacles)
    yield from (("warning", warning) for warning in status.warnings)
    yield from _configuration_rows(status)
    yield from (("listening", url) for url in status.listeners)
    for certificate in status.certificates:
        yield "certificate", f"{certificate.file}, valid until {certificate.expires_at}"
    free = status.output.free_bytes
    yield "output", f"{status.output.root}, {'?' if free is None else _size(free)} free"
    if status.pending_texts:
        yield "texts", f"{status.pending_texts} to be fetched"
    for provider, outcomes in status.callbacks.items():
        yield provider, ", ".join(f"{number} {outcome}" for outcome, number in outcomes.items())


def _configuration_rows(status: Status) -> Iterator[_Row]:
    configuration = status.configuration
    yield "configuration", configuration.file or "built-in defaults"
    if not configuration.valid:
        yield "", "configuration not applied, the previous one stays active"
    yield "", f"active since {configuration.loaded_at}"
    yield from (("", problem) for problem in configuration.problems)
    if status.needs_restart:
        yield "", f"changed, and needs a restart: {', '.join(status.needs_restart)}"


def _lines(rows: list[_Row]) -> Iterator[str]:
    width = max(len(name) for name, _ in rows)
    for name, text in rows:
        yield f"{name:{width}}  {text}"


def _duration(seconds: float) -> str:
    if seconds < _MINUTE_S:
        return f"{seconds:.0f} s"
    if seconds < _HOUR_S:
        return f"{seconds / _MINUTE_S:.0f} min"
    if seconds < _DAY_S:
        return f"{seconds / _HOUR_S:.1f} h"
    return f"{seconds / _DAY_S:.1f} days"


def _size(size_bytes: int) -> str:
    size, unit = float(size_bytes), 0
    while size >= _KIB and unit < len(_SIZE_UNITS) - 1:
        size, unit = size / _KIB, unit + 1
    return f"{size:.{1 if unit else 0}f} {_SIZE_UNITS[unit]}"


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print one JSON object")


COMMAND = Command(
    description="""\
Shows the status of the running daemon, from the admin listener of the
configuration: whether results can be stored, whether the configuration file is
active and what is wrong with it if not, until when certificates are valid, how
much space is free, and the callbacks since the start.

Exit status 0: ready. 1: not ready, or not running.""",
    run=run,
    add_arguments=_add_arguments,
)
