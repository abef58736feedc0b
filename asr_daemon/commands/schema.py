"""`asr-daemon schema`: print the JSON Schema of configuration or results."""

from argparse import ArgumentParser, Namespace

import msgspec

from asr_daemon.commands.base import DONE, Command
from asr_daemon.config.load import packaged
from asr_daemon.renderers.document_schema import transcript_schema

_DRAFT = "https://json-schema.org/draft/2020-12/schema"


def schema_text(schema: dict[str, object]) -> str:
    """Return a schema as the text of a file."""
    encoded = msgspec.json.encode({"$schema": _DRAFT, **schema})
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


def run(options: Namespace) -> int:
    """Print a JSON Schema."""
    if options.schema == "config":
        print(packaged("asr-daemon.schema.json"), end="")
    else:
        print(schema_text(transcript_schema()), end="")
    return DONE


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "schema", choices=["config", "transcript"], help="documents that the schema describes"
    )


COMMAND = Command(
    description="""\
Prints a JSON Schema (draft 2020-12): config describes the configuration, so
that an editor completes and validates it; transcript describes the .json file
of each result, for programs that read them.""",
    run=run,
    add_arguments=_add_arguments,
)
