"""The schema and `load` are of one mind, as a real validator sees it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from asr_daemon.config.load import example
from asr_daemon.config.problems import ConfigError
from asr_daemon.config.reference import schema as make_schema
from tests.config.conftest import Load
from tests.config.uncommented import uncommented

SCHEMA = make_schema()


class Loader(yaml.SafeLoader):
    """Reads YAML as an editor does that knows our tags: behind them it sees the text."""


def read_tagged(loader: Loader, node: yaml.ScalarNode) -> object:
    """Return the text behind a tag."""
    return loader.construct_scalar(node)


Loader.add_constructor("!file", read_tagged)
Loader.add_constructor("!env", read_tagged)


def complaints(text: str) -> list[str]:
    """Return what a validator says of a file."""
    document = yaml.load(text, Loader)  # noqa: S506 - a SafeLoader
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(document)]


def properties(schema: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every setting below a part of the schema, by name."""
    for name, each in schema.get("properties", {}).items():
        yield name, each
        yield from properties(each)
        yield from properties(each.get("items", {}))


def test_it_is_a_schema() -> None:
    """Of the draft that it claims."""
    Draft202012Validator.check_schema(SCHEMA)


def test_the_example_is_valid() -> None:
    """As it stands, and with everything in force that is commented out."""
    assert complaints(example()) == []
    assert complaints(uncommented(example())) == []


def test_defaults_are_valid() -> None:
    """Each by the schema of its own setting."""
    for name, schema in properties(SCHEMA):
        assert "default" in schema or schema.get("type") != "boolean", name
        if "default" in schema:
            Draft202012Validator(schema).validate(schema["default"])


def test_every_setting_is_described() -> None:
    assert [name for name, each in properties(SCHEMA) if "description" not in each] == []


def test_a_description_is_prose_and_notation() -> None:
    """Both as they stand elsewhere."""
    header_timeout = SCHEMA["properties"]["limits"]["properties"]["header_timeout"]
    assert header_timeout["description"] == (
        "How long the head of a request may take.\n\nWrite a duration such as 10s or 48h."
    )
    assert header_timeout["default"] == "10s"
    assert header_timeout["patternErrorMessage"] == "write a duration such as 10s or 48h"


ANYBODY = "providers: {tencent: {allow_unauthenticated: true}, huawei: {enabled: false}}"
RIGHT = [
    "",
    "log:\nlisten:\noutput: {text: }\ntrusted_proxies:",
    f"listen: [{{address: '::1', port: 0}}, {{address: a_1.example.net}}]\n{ANYBODY}",
    f"listen: [{{address: fe80::1%eth0}}]\n{ANYBODY}",
    f"trusted_proxies: [10.0.0.0/8, 192.0.2.7, 2001:db8::/32, '::1']\n{ANYBODY}",
    f"trusted_proxies: [10.0.0.0/255.0.0.0]\n{ANYBODY}",
    "client_address_header: X-Real-IP\nadmin: {hosts: [Asr.example.org, node-1, '::1']}",
    "client_address_header: cf-connecting-ip",
    "providers: {tencent: {path: /, key: 0a-Z._~, appids: [1300000000, a]}}",
    "providers: {tencent: {key: [!env KEY, '16'], name_by: 'query:job', text_encoding: big5}}",
    "providers: {huawei: {path: /a/b.c, token_lifetime: 1000ms}}",
    "providers: {huawei: {clients: [{app_key: A, app_secret: x}]}}",
    "output: {layout: '{id}', timezone: Asia/Shanghai, formats: [json], json_indent: 8}",
    "output: {layout: 'a.b/{provider}_{year}/x{id}', durability: none, keep_payload: false}",
    "output: {layout: '{month}{day}/{hour}-{appid}/{id}.{id}'}",
    "output: {duplicate_window: 250ms, file_mode: '600', directory_mode: '0775'}",
    "limits: {body: 512B, free_space: 0B, rejected: 1GiB, connections: 1, shutdown: 007s}",
    "limits: {idle_timeout: 60s}",
    "limits: {idle_timeout: 620s}",
    "limits: {idle_timeout: 1h}",
    "log: {level: debug, format: json}\nstate: /var/lib/x",
]


@pytest.mark.parametrize("text", RIGHT)
def test_what_load_takes_the_schema_takes(text: str, load_text: Load) -> None:
    """In every notation."""
    load_text(text, KEY="0123456789abcdef")
    assert complaints(text) == []


WRONG = [
    "lisen: []",
    "listen: {port: 1}",
    "listen: [127.0.0.1]",
    "listen: []",
    "listen: [{port: '80'}]",
    "listen: [{port: 65536}]",
    "listen: [{address: '127.0.0.1:80'}]",
    "listen: [{address: '[::1]'}]",
    "listen: [{tls: {certificate: a}}]",
    "listen: [{tls: {certificate: a, key: b, keyy: c}}]",
    "trusted_proxies: 10.0.0.0/8",
    "trusted_proxies: [example.net]",
    "client_address_header: 'X-Real-IP, Forwarded'",
    "client_address_header: [x-real-ip, forwarded]",
    "admin: 8788",
    "admin: {hosts: asr.example.org}",
    "admin: {hosts: ['asr.example.org:8788']}",
    "admin: {hosts: ['*.example.org']}",
    "providers: {tencnt: {}}",
    "providers: {tencent: {enabled: 1}}",
    "providers: {tencent: {enabled: 'true'}}",
    "providers: {tencent: {path: callbacks}}",
    "providers: {tencent: {path: '/a?b'}}",
    "providers: {tencent: {path: /a/}}",
    "providers: {tencent: {key: []}}",
    "providers: {tencent: {key: {a: b}}}",
    "providers: {tencent: {key: 12345678}}",
    "providers: {tencent: {key: }}",
    "providers: {tencent: {name_by: requestid}}",
    "providers: {huawei: {token_lifetime: 500ms}}",
    "providers: {huawei: {token_lifetime: 3600}}",
    "providers: {huawei: {clients: [{app_key: A}]}}",
    "providers: {huawei: {clients: [{app_key: A, app_secret: x, name: y}]}}",
    "output: {layout: '{provider}/{year}'}",
    "output: {layout: '/{id}'}",
    "output: {layout: '.a/{id}'}",
    "output: {layout: '{provider}/{yaer}/{id}'}",
    "output: {layout: '{id!r}'}",
    "output: {layout: 'a b/{id}'}",
    "output: {formats: [json, xml]}",
    "output: {formats: [txt]}",
    "output: {formats: []}",
    "output: {formats: [json, txt, json]}",
    "output: {text: {speakers: sometimes}}",
    "output: {json_indent: 9}",
    "output: {json_indent: 2.5}",
    "output: {durability: sync}",
    "output: {duplicate_window: 48}",
    "output: {duplicate_window: 48 hours}",
    "output: {duplicate_window: 0s}",
    "output: {file_mode: 0640}",
    "output: {file_mode: '0440'}",
    "output: {file_mode: '0642'}",
    "output: {directory_mode: '0650'}",
    "limits: {body: 64MB}",
    "limits: {body: 0B}",
    "limits: {body: 1.5GiB}",
    "limits: {connections: 0}",
    "limits: {shutdown: -1s}",
    "log: {level: WARNING}",
    "log: [level]",
    "state: ''",
    "state: [a]",
]


@pytest.mark.parametrize("text", WRONG)
def test_what_the_schema_underlines_load_refuses(
    text: str, load_text: Load, tmp_path: Path
) -> None:
    """Both find these mistakes."""
    for name in ("a", "b", "c"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError):
        load_text(text)
    assert complaints(text) != []


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("lisen: []", 'did you mean "listen"?'),
        ("output: {duplicate-window: 1h}", 'did you mean "duplicate_window"?'),
        ("limits: {Body: 1MiB}", 'did you mean "body"?'),
        ("duplicate_window: 1h", "move it below output"),
    ],
)
def test_an_unknown_key_has_a_nearest_one(text: str, near: str, load_text: Load) -> None:
    """Which is named."""
    with pytest.raises(ConfigError, match=f"unknown setting; {near.replace('?', '[?]')}$"):
        load_text(text)
