"""`asr-daemon init`: write a configuration to start from."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from asr_daemon.commands.base import DONE, Command, CommandFailed
from asr_daemon.config.load import example, packaged

DEFAULT = Path("asr-daemon.yaml")
SCHEMA_NAME = "asr-daemon.schema.json"
"""The file next to the configuration that the first line of the example names to editors."""


def run(options: Namespace) -> int:
    """Write a commented configuration; never replace an existing one."""
    file: Path = options.file or options.config or DEFAULT
    try:
        with file.open("x", encoding="utf-8") as output:
            output.write(example())
        file.with_name(SCHEMA_NAME).write_text(packaged(SCHEMA_NAME), encoding="utf-8")
    except FileExistsError as error:
        raise CommandFailed(f"{file} already exists and was not changed") from error
    except OSError as error:
        raise CommandFailed(f"could not write {error.filename}: {error.strerror}") from error
    print(f"{file}: written; edit it, then run: asr-daemon check --config {file}")
    return DONE


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "file",
        nargs="?",
        type=Path,
        metavar="FILE",
        help="file to write (default: --config, or ./asr-daemon.yaml)",
    )


COMMAND = Command(
    description="""\
Writes a configuration with every setting, its default, unit, reason and
consequence, and next to it asr-daemon.schema.json, by which an editor
completes and validates. A configuration that exists already is not changed.""",
    run=run,
    add_arguments=_add_arguments,
)
