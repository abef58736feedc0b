"""asr-daemon(1): the commands."""

from collections.abc import Iterator

from asr_daemon import __version__
from asr_daemon.commands.base import EXIT_STATUSES
from asr_daemon.manual.roff import (
    beginning,
    bold,
    escape,
    filled,
    italic,
    paragraphs,
    tagged,
    verbatim,
)
from asr_daemon.manual.tree import Argument, CommandHelp, Program

_SHARED = {"--help", "--config", "--version"}
_ENVIRONMENT = {
    "ASR_DAEMON_CONFIG": "The configuration, if --config names none.",
    "CREDENTIALS_DIRECTORY": "Where files that the configuration names are looked up first; "
    "systemd sets it where the unit has LoadCredential=.",
    "NOTIFY_SOCKET, WATCHDOG_USEC, LISTEN_FDS": "Set by systemd: where serve says that it is "
    "ready, how often that it is well, and which sockets it was handed.",
}
_FILES = {
    "/etc/asr-daemon/asr-daemon.yaml": "The configuration, if none is named; see "
    "asr-daemon.yaml(5).",
    "/etc/asr-daemon/asr-daemon.schema.json": "Its JSON Schema, for editors.",
    "ROOT/failed": "Below output.root: tasks that failed at the vendor.",
    "ROOT/rejected": "Below output.root: bodies that were not understood, and why.",
}
_SIGNALS = {
    "SIGTERM, SIGINT": "serve answers what it has received and leaves. A second one ends it at "
    "once.",
    "SIGHUP": "serve reads the configuration, its secrets and its certificates anew, as it does by "
    "itself when one of the files changes. With a mistake in them it keeps to what it has.",
}
_EXAMPLES = {
    "Write a configuration, look it over, and run with it:": """\
asr-daemon init asr-daemon.yaml
asr-daemon check --config asr-daemon.yaml
asr-daemon serve --config asr-daemon.yaml""",
    "Be Tencent, in another terminal, and look how the daemon is:": """\
asr-daemon send tencent --config asr-daemon.yaml
asr-daemon status --config asr-daemon.yaml""",
    "Tell a monitoring system which settings wait for a restart:": """\
asr-daemon status --json | jq .needs_restart""",
}


def program_page(program: Program) -> str:
    """Return the manual page."""
    return "\n".join(_page(program)) + "\n"


def _page(program: Program) -> Iterator[str]:
    yield from beginning("ASR-DAEMON", 1, f"asr-daemon {__version__}", "User Commands")
    yield from (".SH NAME", escape("asr-daemon - commits speech recognition callbacks as files"))
    yield ".SH SYNOPSIS"
    for number, command in enumerate(program.commands):
        yield from (*([".br"] if number else []), _usage(command))
    yield from (".SH DESCRIPTION", *paragraphs(program.itself.description))
    yield ".SH COMMANDS"
    for command in program.commands:
        yield from _command(command)
    yield ".SH OPTIONS"
    yield from _options(program)
    statuses = {str(status): f"{meaning}." for status, meaning in EXIT_STATUSES.items()}
    yield from _section("EXIT STATUS", statuses)
    yield from _section("ENVIRONMENT", _ENVIRONMENT)
    yield from _section("FILES", _FILES)
    yield from _section("SIGNALS", _SIGNALS)
    yield ".SH EXAMPLES"
    for number, (what, lines) in enumerate(_EXAMPLES.items()):
        yield from (*([".PP"] if number else []), escape(what), *verbatim(lines.splitlines()))
    yield from (
        ".SH SEE ALSO",
        r"\fBasr\-daemon.yaml\fR(5), \fBsystemctl\fR(1), \fBjournalctl\fR(1)",
    )


def _usage(command: CommandHelp) -> str:
    parts = [bold(f"asr-daemon {command.name}"), *map(_in_usage, command.places)]
    parts += [_in_usage(each) for each in command.options if "--help" not in each.names]
    return " ".join(parts)


def _in_usage(argument: Argument) -> str:
    value = _value(argument)
    if argument.names:
        return f"[{' '.join(filter(None, (bold(argument.names[-1]), value)))}]"
    return value if argument.required else f"[{value}]"


def _value(argument: Argument) -> str:
    if argument.choices:
        return "|".join(map(bold, argument.choices))
    return italic(argument.value) if argument.value else ""


def _command(command: CommandHelp) -> Iterator[str]:
    yield f".SS {escape(command.name)}"
    yield from paragraphs(command.description)
    for argument in command.arguments:
        if not _SHARED.intersection(argument.names):
            yield from _told(argument)


def _options(program: Program) -> Iterator[str]:
    told: set[tuple[str, ...]] = set()
    for argument in (*program.itself.options, *program.commands[0].options):
        if argument.names not in told:
            yield from _told(argument)
        told.add(argument.names)


def _told(argument: Argument) -> Iterator[str]:
    names = ", ".join(map(bold, argument.names))
    yield from tagged(" ".join(filter(None, (names, _value(argument)))), filled(argument.help))


def _section(title: str, entries: dict[str, str]) -> Iterator[str]:
    yield f".SH {title}"
    for name, text in entries.items():
        yield from tagged(bold(name), filled(text))
