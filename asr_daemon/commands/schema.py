"""`asr-daemon schema`: what documents look like, for editors and readers."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from asr_daemon.commands.base import DONE, Command
from asr_daemon.config.schema import config_schema
from asr_daemon.renderers.schema import transcript_schema

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    "config": config_schema,
    "transcript": transcript_schema,
}


def schema_text(name: str) -> str:
    """Return the schema `config` or `transcript` as a file holds it."""
    encoded = msgspec.json.encode({"$schema": _DRAFT, **_SCHEMAS[name]()})
    return msgspec.json.format(encoded, indent=2).decode() + "\n"


def run(options: Namespace) -> int:
    """Print a JSON Schema."""
    print(schema_text(options.schema), end="")
    return DONE


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("schema", choices=list(_SCHEMAS), help="of which documents")


COMMAND = Command(
    name="schema",
    summary="print the JSON Schema of the configuration or of results",
    description="""\
Prints a JSON Schema (draft 2020-12): config is that of the configuration, by
which an editor completes and underlines; transcript is that of the .json file
of each result, for those who write readers.""",
    run=run,
    add_arguments=_add_arguments,
)
