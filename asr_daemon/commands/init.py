"""`asr-daemon init`: a configuration to begin with."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from asr_daemon.commands.base import DONE, Command, CommandFailed
from asr_daemon.commands.schema import schema_text
from asr_daemon.config.load import example

DEFAULT = Path("asr-daemon.yaml")
SCHEMA_NAME = "asr-daemon.schema.json"
"""The file beside the configuration to which the first line of the example points editors."""


def run(options: Namespace) -> int:
    """Write a commented configuration; never over one that is there."""
    file: Path = options.file or options.config or DEFAULT
    try:
        with file.open("x", encoding="utf-8") as output:
            output.write(example())
        file.with_name(SCHEMA_NAME).write_text(schema_text("config"), encoding="utf-8")
    except FileExistsError as error:
        raise CommandFailed(f"{file} is there already and is left as it is") from error
    except OSError as error:
        raise CommandFailed(f"{error.filename} cannot be written: {error.strerror}") from error
    print(f"{file}: written; now edit it, then `asr-daemon check --config {file}`")
    return DONE


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="where to; else --config, else asr-daemon.yaml in this folder",
    )


COMMAND = Command(
    name="init",
    summary="write a commented configuration",
    description="""\
Writes a configuration in which every setting stands with its default, unit,
reason and consequence, and beside it asr-daemon.schema.json, by which an
editor completes and underlines. A configuration that is there already is left
as it is.""",
    run=run,
    add_arguments=_add_arguments,
)
