"""The commands and their arguments as values, read from the parser."""

from argparse import Action, ArgumentParser, _SubParsersAction
from pathlib import Path

from msgspec import Struct


class Argument(Struct, frozen=True):
    """One argument of a command."""

    names: tuple[str, ...]
    """Such as `-c`, `--config`; none for an argument that is told by its place."""
    value: str
    """What stands for its value, such as `FILE`; empty where it takes none."""
    choices: tuple[str, ...]
    is_file: bool
    required: bool
    help: str


class CommandHelp(Struct, frozen=True):
    """One command, or the program itself."""

    name: str
    summary: str
    description: str
    arguments: tuple[Argument, ...]

    @property
    def options(self) -> tuple[Argument, ...]:
        """Return the arguments that have names."""
        return tuple(each for each in self.arguments if each.names)

    @property
    def places(self) -> tuple[Argument, ...]:
        """Return the arguments that have none."""
        return tuple(each for each in self.arguments if not each.names)


class Program(Struct, frozen=True):
    """The program and its commands."""

    itself: CommandHelp
    commands: tuple[CommandHelp, ...]


def read_parser(parser: ArgumentParser) -> Program:
    """Return what a parser with commands knows."""
    [commands] = [each for each in parser._actions if isinstance(each, _SubParsersAction)]
    summaries = {each.dest: each.help or "" for each in commands._choices_actions}
    return Program(
        _command(parser, parser.prog, ""),
        tuple(_command(each, name, summaries[name]) for name, each in commands.choices.items()),
    )


def _command(parser: ArgumentParser, name: str, summary: str) -> CommandHelp:
    actions = [each for each in parser._actions if not isinstance(each, _SubParsersAction)]
    return CommandHelp(name, summary, parser.description or "", tuple(map(_argument, actions)))


def _argument(action: Action) -> Argument:
    choices = tuple(map(str, action.choices or ()))
    value = "|".join(choices) or str(action.metavar or action.dest.upper())
    return Argument(
        names=tuple(action.option_strings),
        value="" if action.nargs == 0 else value,
        choices=choices,
        is_file=action.type is Path,
        required=action.required,
        help=action.help or "",
    )
