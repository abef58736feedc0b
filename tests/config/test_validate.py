"""The tree becomes the model, and everything that does not fit is reported at once."""

from ipaddress import ip_network
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from asr_daemon.config.external_values import Sources
from asr_daemon.config.model import (
    AdminSettings,
    Config,
    LimitsSettings,
    ListenSettings,
    LogSettings,
    OutputSettings,
    TextSettings,
)
from asr_daemon.config.validate import Validated, validate
from asr_daemon.config.yaml_tree import parse
from asr_daemon.providers.huawei.settings import HuaweiClientSettings
from asr_daemon.secret import Secret


def validated(text: str) -> Validated:
    """Bind a text beside no files, with one variable."""
    return validate(parse(text, "f"), Sources(Path("/nowhere"), {"KEY": "hunter2"}))


def told(text: str) -> list[str]:
    """Return the problems of a text without the file's name."""
    return [str(problem).removeprefix("f:") for problem in validated(text).problems]


def test_nothing_is_the_defaults() -> None:
    """What is not in the file keeps its default."""
    assert validated("") == Validated(Config(), (), frozenset())


def test_values_of_all_kinds_are_bound() -> None:
    """Every notation reaches its field."""
    output = validated(
        "output:\n  root: /srv/asr\n  timezone: Asia/Shanghai\n  formats: [json]\n"
        "  text: {speakers: never, timestamps: on}\n  json_indent: 0\n  durability: none\n"
        '  duplicate_window: 5m\n  file_mode: "0600"\n  keep_payload: false\n'
    ).config.output
    assert output == OutputSettings(
        root=Path("/srv/asr"),
        timezone=ZoneInfo("Asia/Shanghai"),
        formats=("json",),
        text=TextSettings(speakers="never", timestamps=True),
        json_indent=0,
        durability="none",
        duplicate_window_s=300.0,
        file_mode=0o600,
        keep_payload=False,
    )


def test_lists_of_sections_are_bound() -> None:
    """Each item has the defaults of its own section."""
    config = validated(
        "listen:\n  - address: ::1\n  - port: 80\ntrusted_proxies: [10.0.0.0/8]\n"
    ).config
    assert config.listen == (ListenSettings(address="::1"), ListenSettings(port=80))
    assert config.trusted_proxies == (ip_network("10.0.0.0/8"),)


def test_an_empty_section_of_what_is_off_by_default_is_a_warning() -> None:
    """Whoever uncomments `tls:` alone serves plain HTTP."""
    found = validated("listen:\n  - port: 443\n    tls:\n")
    assert found.problems == ()
    assert [str(warning) for warning in found.warnings] == [
        (
            "f:3: listen[0].tls: the section is empty and has no effect; write its settings below "
            "it, or remove it (keys: certificate, key, client_ca)"
        )
    ]


def test_a_value_in_quotes_may_be_on_several_lines() -> None:
    config = validated('output:\n  root: "/srv/a\n    b"\n').config
    assert str(config.output.root) == "/srv/a b"


@pytest.mark.parametrize("value", ["hunter2", "!env KEY", "[hunter2]", "[!env KEY]"])
def test_one_secret_is_a_list_of_one(value: str) -> None:
    """Several are only needed while they change."""
    text = f"providers: {{huawei: {{clients: [{{app_key: A, app_secret: {value}}}]}}}}"
    client = HuaweiClientSettings(app_key="A", app_secrets=(Secret("hunter2"),))
    assert validated(text).config.providers.huawei.clients == (client,)


@pytest.mark.parametrize("text", ["log:\n", "listen:\n", "output:\n  text:\n", "trusted_proxies:"])
def test_a_section_with_everything_commented_out_is_its_defaults(text: str) -> None:
    """So is a list."""
    assert validated(text) == Validated(Config(), (), frozenset())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("state:\n", "1: state: empty; write the path of a directory, or remove the line"),
        (
            "listen:\n  -\n",
            (
                "2: listen[0]: must be a section, not a single value; "
                'write indented lines of "key: value" below it (keys: address, port, tls)'
            ),
        ),
        (
            "listen: {port: 1}\n",
            (
                "1: listen: must be a list, not a section; "
                'write "- " before "port", and indent the lines below it as far as "port"'
            ),
        ),
        (
            "listen: 127.0.0.1:8787\n",
            (
                "1: listen: must be a list, not a single value; write a list, "
                'each item on a line of its own after "- " (keys: address, port, tls)'
            ),
        ),
        (
            "providers: {huawei: {clients: {ODFS: hunter2}}}\n",
            (
                "1: providers.huawei.clients: must be a list, not a section; write a list, "
                'each item on a line of its own after "- " (keys: app_key, app_secret)'
            ),
        ),
        (
            "log:\n  level:info\n",
            (
                "2: log: must be a section, not a single value; "
                'write a space after the colon: "level: ..."'
            ),
        ),
        (
            "listen:\n  - port:80\n",
            (
                "2: listen[0]: must be a section, not a single value; "
                'write a space after the colon: "port: ..."'
            ),
        ),
        (
            "log: info\n",
            (
                "1: log: must be a section, not a single value; "
                'write indented lines of "key: value" below it (keys: level, format)'
            ),
        ),
        (
            "providers: {tencent: {key: {a: b}}}\n",
            (
                "1: providers.tencent.key: must be a list, not a section; "
                "write a key, !file PATH or !env NAME, or a list of them"
            ),
        ),
        (
            "providers:\n  tencent:\n    path: /a\n      key:hunter2\n",
            "3: providers.tencent.path: the value is on several lines; write it on one line",
        ),
        (
            "providers:\n  tencent:\n    key: []\n",
            (
                "3: providers.tencent.key: empty list; "
                "write a key, !file PATH or !env NAME, or a list of them"
            ),
        ),
        (
            "providers: {tencent: {key: }}\n",
            (
                "1: providers.tencent.key: empty; "
                "write a key, !file PATH or !env NAME, or remove the line"
            ),
        ),
        (
            "providers:\n  huawei:\n    clients:\n      - app_key: A\n",
            (
                "4: providers.huawei.clients[0].app_secret: required; "
                "write a secret, !file PATH or !env NAME, or a list of them"
            ),
        ),
        (
            "output: {root: !file x}\n",
            "1: output.root: !file is for secrets only; write the value itself",
        ),
        (
            "trusted_proxies: !env X\n",
            "1: trusted_proxies: !env is for secrets only; write the value itself",
        ),
        (
            "log: !!python/object:os.system {level: info}\n",
            (
                "1: log: unknown tag; "
                "write the value itself, in this file (a value that starts with ! needs quotes)"
            ),
        ),
        (
            "providers:\n  tencent:\n    key: !hunter2\n",
            (
                "3: providers.tencent.key: unknown tag; "
                "write !file PATH or !env NAME (a secret that starts with ! needs quotes)"
            ),
        ),
        (
            "providers: {tencent: {key: !file [hunter2]}}\n",
            (
                "1: providers.tencent.key: unknown tag; "
                "write !file PATH or !env NAME (a secret that starts with ! needs quotes)"
            ),
        ),
    ],
)
def test_a_wrong_shape_is_reported(text: str, said: str) -> None:
    """With the line, the path, and what would be right."""
    assert told(text) == [said]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("output: {formats: json}", "write [json]"),
        ('output: {formats: "json,txt"}', "write [json, txt]"),
        ("output:\n  formats: json, txt", "write [json, txt]"),
        ("output:\n  formats: json txt", "write [json, txt]"),
        ("output:\n  formats:\n    json\n    txt", "write [json, txt]"),
        ('output: {formats: "[json, txt]"}', "write [json, txt]"),
        ("output: {formats: text}", 'write a list, each item on a line of its own after "- "'),
        ("trusted_proxies: 10.0.0.0/8, ::1", 'write [10.0.0.0/8, "::1/128"]'),
        ("admin: {hosts: a.example}", "write [a.example]"),
        ("providers: {tencent: {fetch_hosts: '*.a.example'}}", 'write ["*.a.example"]'),
        ("providers: {tencent: {appids: 1300000000}}", "write [1300000000]"),
    ],
)
def test_a_list_as_one_value_is_shown_as_a_list(text: str, right: str) -> None:
    [said] = told(text)
    assert said.partition(": must be a list, not a single value; ")[2] == right


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stat: x\n", '1: stat: unknown setting; did you mean "state"?'),
        (
            "limits:\n  Body-Min-Rate: 1KiB\n",
            '2: limits.Body-Min-Rate: unknown setting; did you mean "body_min_rate"?',
        ),
        ("log_level: info\n", '1: log_level: unknown setting; did you mean "level" below "log"?'),
        (
            "tencent_key: abc\n",
            '1: tencent_key: unknown setting; did you mean "key" below "providers.tencent"?',
        ),
        (
            "output.root: x\n",
            '1: "output.root": unknown setting; did you mean "root" below "output"?',
        ),
        ("layout: x\n", "1: layout: unknown setting; move it below output"),
        ("port: 80\n", "1: port: unknown setting; move it below listen[] or admin"),
        (
            "admin: {enabled: false}\n",
            ("1: admin.enabled: unknown setting; valid here: address, port, hosts"),
        ),
        (
            "output: {connections: 1}\n",
            "1: output.connections: unknown setting; move it below limits",
        ),
        (
            "listen: [{tls: , client_ca: x}]\n",
            "1: listen[0].client_ca: unknown setting; move it below listen[].tls",
        ),
        (
            "providers: {tencent: {key_file: x}}\n",
            '1: providers.tencent.key_file: unknown setting; write "key: !file PATH"',
        ),
        (
            "log: {colour: on}\n",
            "1: log.colour: unknown setting; valid here: level, format",
        ),
        (
            "providers: {tencent: {key:hunter2}}\n",
            '1: providers.tencent."key:...": unknown setting; write a space after the colon',
        ),
    ],
)
def test_an_unknown_setting_is_reported_with_the_nearest(text: str, said: str) -> None:
    """A misspelt one, one in the wrong section, and one that is nowhere."""
    assert told(text) == [said]


def test_the_search_goes_on_after_a_mistake() -> None:
    """Every other value is bound, and every other mistake found."""
    result = validated(
        "log: {level: loud, format: json}\nadmin: {port: x, address: localhost}\nlimits: 5\n"
    )
    assert [problem.key for problem in result.problems] == ["log.level", "admin.port", "limits"]
    assert result.config == Config(
        log=LogSettings(format="json"),
        admin=AdminSettings(address="localhost"),
        limits=LimitsSettings(),
    )


def test_settings_that_are_not_what_the_file_means_are_doubtful() -> None:
    """Also the one that a misspelt name is likely to mean."""
    result = validated("state: 5\nlimits: {bdy: 1MiB}\n")
    assert result.doubtful == {"state", "limits.bdy", "limits.body"}


def test_an_incomplete_item_is_left_out() -> None:
    """A client without a secret never reaches a configuration."""
    result = validated(
        "providers: {huawei: {clients: [{app_key: A}, {app_key: B, app_secret: x}]}}\n"
    )
    assert [client.app_key for client in result.config.providers.huawei.clients] == ["B"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "log: level\uff1ainfo\n",
            'log: U+FF1A (fullwidth colon) is not what YAML expects; replace it by ":"',
        ),
        ("state: \u201c./state\u201d\n", "state: U+201C (left double quotation mark) is not"),
        ("limits: {connections: 10\u00a0}\n", "limits.connections: U+00A0 (no-break space) is not"),
    ],
)
def test_characters_that_look_like_those_of_yaml_are_named(text: str, said: str) -> None:
    [problem] = told(text)
    assert said in problem


def test_a_directory_may_have_any_name() -> None:
    text = "state: /srv/\u201c\u7ed3\u679c\u201d\uff1a1\noutput: {root: '\u201cx\u201d'}\n"
    assert told(text) == []
