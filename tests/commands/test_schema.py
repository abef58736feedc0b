"""`asr-daemon schema` prints what validators and editors read."""

import json

import pytest

from asr_daemon.config.reference import schema as config_schema
from asr_daemon.renderers.document_schema import transcript_schema
from tests.commands.conftest import Run


@pytest.mark.parametrize(
    ("name", "schema"), [("config", config_schema()), ("transcript", transcript_schema())]
)
def test_a_schema_is_printed(name: str, schema: dict[str, object], run: Run) -> None:
    """It says of which draft it is."""
    status, out, err = run("schema", name)
    assert (status, err) == (0, "")
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    assert json.loads(out) == draft | schema
    assert out.endswith("}\n")
