"""Which files are made, by their names in the sources."""

from asr_daemon.cli import make_parser
from asr_daemon.commands.schema import schema_text
from asr_daemon.config.load import example
from asr_daemon.manual.completion import completion
from asr_daemon.manual.program_page import program_page
from asr_daemon.manual.settings_page import settings_page
from asr_daemon.manual.tree import read_parser


def generated() -> dict[str, str]:
    """Return the text of each file."""
    program = read_parser(make_parser())
    return {
        "docs/man/asr-daemon.1": program_page(program),
        "docs/man/asr-daemon.yaml.5": settings_page(example()),
        "etc/asr-daemon.schema.json": schema_text("config"),
        "etc/bash_completion.d/asr-daemon": completion(program),
    }
