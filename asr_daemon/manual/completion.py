"""Completion for bash."""

from collections.abc import Iterable, Iterator

from asr_daemon.manual.tree import Argument, CommandHelp, Program

_SCRIPT = """\
# Completes the command line of asr-daemon in bash; written by scripts/generate.

_asr_daemon() {{
    local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}}
    local each command='' choice='' files='' words=''
    for each in "${{COMP_WORDS[@]:1:COMP_CWORD-1}}"; do
        case $each in
            {commands}) command=${{command:-$each}} ;;
            {choices}) choice=$each ;;
        esac
    done
    case $before in
        {file_options}) files=yes ;;
        {text_options}) COMPREPLY=(); return ;;
        *)
            case $command:$choice:$word in
{cases}
            esac
            ;;
    esac
    if [ -n "$files" ]; then
        compopt -o filenames 2>/dev/null
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
    else
        mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    fi
}}
complete -F _asr_daemon asr-daemon
"""
_INDENT = 16 * " "


def completion(program: Program) -> str:
    """Return the script that bash sources."""
    arguments = [each for command in program.commands for each in command.arguments]
    valued = [each for each in arguments if each.names and each.value]
    return _SCRIPT.format(
        commands="|".join(each.name for each in program.commands),
        choices="|".join(_once(word for each in arguments for word in each.choices)),
        file_options="|".join(_names(each for each in valued if each.is_file)),
        text_options="|".join(_names(each for each in valued if not each.is_file)),
        cases="\n".join(_cases(program)),
    )


def _cases(program: Program) -> Iterator[str]:
    """Yield what is offered, by `COMMAND:CHOICE:WORD`, each empty if it is not there yet."""
    yield _offer("::-*", _long_names(program.itself))
    yield _offer("::*", [each.name for each in program.commands])
    for command in program.commands:
        yield _offer(f"{command.name}:*:-*", _long_names(command))
        for place in command.places:
            if place.choices:
                yield _offer(f"{command.name}::*", place.choices)
        if any(place.is_file for place in command.places):
            yield f"{_INDENT}{command.name}:*) files=yes ;;"
        else:
            yield _offer(f"{command.name}:*", _long_names(command))


def _offer(pattern: str, words: Iterable[str]) -> str:
    return f"{_INDENT}{pattern}) words='{' '.join(words)}' ;;"


def _long_names(command: CommandHelp) -> list[str]:
    return [each.names[-1] for each in command.options]


def _names(arguments: Iterable[Argument]) -> list[str]:
    return _once(name for each in arguments for name in each.names)


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
