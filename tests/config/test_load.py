"""A file is found and loaded, or everything wrong with it is reported."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from asr_daemon.config.external_values import Sources
from asr_daemon.config.load import example, find, load, load_with_warnings, problem_at
from asr_daemon.config.model import Config, LimitsSettings
from asr_daemon.config.problems import ConfigError
from asr_daemon.config.validate import validate
from asr_daemon.config.yaml_tree import parse
from asr_daemon.secret import Secret
from tests.config.conftest import Load, Told


def test_a_named_file_comes_first(tmp_path: Path) -> None:
    """Whether or not it is there: `load` tells of that."""
    environ = {"ASR_DAEMON_CONFIG": "/from/variable"}
    assert find(Path("named"), environ, tmp_path) == Path("named")
    assert find(None, environ, tmp_path) == Path("/from/variable")


@pytest.mark.parametrize("environ", [{}, {"ASR_DAEMON_CONFIG": ""}])
def test_then_the_default_file_if_it_is_there(tmp_path: Path, environ: dict[str, str]) -> None:
    """Without it the built-in defaults hold."""
    file = tmp_path / "asr-daemon.yaml"
    assert find(None, environ, file) is None
    file.touch()
    assert find(None, environ, file) == file
    assert find(None, environ, file / "below") is None


def test_a_default_file_out_of_reach_is_not_passed_over(tmp_path: Path) -> None:
    """The defaults do not silently take the place of what cannot be looked at."""
    (tmp_path / "loop").symlink_to("loop")
    assert find(None, {}, tmp_path / "loop") == tmp_path / "loop"


def test_no_file_is_the_defaults() -> None:
    """They need neither files nor variables."""
    assert load(None, {}) == Config()


def test_a_setting_that_was_removed_has_no_effect(tmp_path: Path) -> None:
    """A file of an earlier version is valid, and its reader is warned."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text("limits:\n  shutdown: 5s\n  memory: 1MiB\n")
    config, warnings = load_with_warnings(file, {})
    assert config == Config(limits=LimitsSettings(shutdown_s=5.0))
    assert list(map(str, warnings)) == [
        f"{file}:3: limits.memory: has no effect; large bodies wait on disk: remove the line"
    ]


def test_secrets_are_found_beside_the_file(load_text: Load, tmp_path: Path) -> None:
    """And in variables."""
    (tmp_path / "tencent.key").write_text("0123456789abcdef\n")
    text = "providers: {tencent: {key: [!file tencent.key, !env KEY]}}\n"
    config = load_text(text, KEY="fedcba9876543210")
    keys = (Secret("0123456789abcdef"), Secret("fedcba9876543210"))
    assert config.providers.tencent.keys == keys


SECRET = "providers:\n  huawei:\n    clients:\n    - app_key: ODFS\n      app_secret: "
KEY = "providers.huawei.clients[0].app_secret"


@pytest.mark.parametrize(
    ("secret", "warned"),
    [
        ("abc #def", True),
        ("!file key #2", True),
        ("abc # the second one", False),
        ("'abc #def'", False),
        ("'abc' #def", False),
        ("abc#def", False),
        ("abc ## old ##", False),
        ("abc", False),
    ],
)
def test_a_secret_that_a_comment_cuts_is_a_warning(
    tmp_path: Path, secret: str, warned: bool
) -> None:
    (tmp_path / "key").write_text("abc")
    (tmp_path / "asr-daemon.yaml").write_text(f"{SECRET}{secret}\n")
    _, warnings = load_with_warnings(tmp_path / "asr-daemon.yaml", {})
    wrong = "what stands behind the # is a comment, and no part of the secret"
    right = "put the secret in quotes if it is one, or write a blank behind the #"
    file = tmp_path / "asr-daemon.yaml"
    assert list(map(str, warnings)) == [f"{file}:5: {KEY}: {wrong}; {right}"] * warned


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("#abc", "empty: what starts with # is a comment; put the value in quotes"),
        ("abc\n       def", "the value is on several lines; write it on one line"),
    ],
)
def test_a_secret_that_yaml_changes_is_reported(told: Told, secret: str, said: str) -> None:
    [problem] = told(f"{SECRET}{secret}\n")
    assert said in problem


VARIABLE = "looks like a variable, which is not expanded; write !env NAME"


@pytest.mark.parametrize(
    ("secret", "warned"),
    [
        ("$HUNTER2", VARIABLE),
        ("${HUNTER2}", VARIABLE),
        ("'$HUNTER2'", VARIABLE),
        ("'!env HUNTER2'", '"!env" in quotes is text; write it without quotes'),
        ('"!file hunter2"', '"!file" in quotes is text; write it without quotes'),
        ("a$HUNTER2", None),
        ("$HUNTER2$", None),
        ("'!environment'", None),
        ("!env KEY", None),
    ],
)
def test_a_secret_that_looks_like_a_reference(
    tmp_path: Path, secret: str, warned: str | None
) -> None:
    """It is a warning, as it may be one, and a mistake where no key can have its characters."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"{SECRET}{secret}\n")
    _, warnings = load_with_warnings(file, {"KEY": "$HUNTER2"})
    expected = [] if warned is None else [f"{file}:5: {KEY}: {warned}"]
    assert list(map(str, warnings)) == expected
    if warned is not None:
        file.write_text(f"providers:\n  tencent:\n    key: {secret}\n")
        with pytest.raises(ConfigError) as caught:
            load(file, {})
        assert str(caught.value) == f"{file}:3: providers.tencent.key: {warned}"


def test_warnings_come_with_mistakes(tmp_path: Path) -> None:
    file = tmp_path / "asr-daemon.yaml"
    file.write_text("client_address_header: x-real-ip\nlimits:\n  memory: 1MiB\n  bdy: 1MiB\n")
    with pytest.raises(ConfigError) as caught:
        load_with_warnings(file, {})
    assert [(problem.line, problem.key) for problem in caught.value.problems] == [(4, "limits.bdy")]
    assert [(warning.line, warning.key) for warning in caught.value.warnings] == [
        (1, "client_address_header"),
        (3, "limits.memory"),
    ]


def test_five_mistakes_are_reported_at_once(told: Told) -> None:
    """A duplicate, a type, an unknown name, a range and a rule, by their lines."""
    text = (
        "listen:\n  - address: 0.0.0.0\n    port: '80'\n"
        "providers:\n  huawei: {enabled: false}\n  tencent: {pth: /a}\n"
        "limits:\n  connections: 0\n  body: 1MiB\n  body: 2MiB\n"
    )
    assert [line.partition("; ")[0] for line in told(text)] == [
        '3: listen[0].port: "80" in quotes is text',
        "6: providers.tencent.pth: unknown setting",
        (
            "6: providers.tencent: accepts results from any machine without credentials "
            "(listen[0].address is 0.0.0.0)"
        ),
        "8: limits.connections: 0 is out of range",
        "10: limits.body: duplicate setting, first on line 9",
    ]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\nlisten:\n  - address: 0.0.0.0\n", 3),
        ("\ntrusted_proxies: [10.0.0.0/8]\n", 2),
        ("listen: [{address: '::'}]\nproviders:\n  tencent:\n    enabled: true\n", 3),
    ],
)
def test_a_broken_rule_has_the_line_of_what_breaks_it(told: Told, text: str, line: int) -> None:
    """If the setting is not in the file, that of another one that is part of it."""
    assert told(text)[-1].startswith(f"{line}: providers.")


@pytest.mark.parametrize(
    "setting",
    ["key: '1/2'", "kee: 0123456789abcdef", "allow: [x]", "allow_unauthenticated: maybe"],
)
def test_no_rule_is_applied_to_what_is_in_doubt(told: Told, setting: str) -> None:
    """A wrong key is not also a missing one."""
    doors = "listen: [{address: '::'}]\nproviders:\n  huawei: {enabled: no}\n  tencent: "
    assert len(told(f"{doors} {{{setting}}}\n")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "limits:\n  memory: 1MiB\n  memory: 1GiB\n",
        "listen: [{address: '::'}]\nproviders: none\n",
        "listen: none\ntrusted_proxies: [10.0.0.0/8, x]\n",
    ],
)
def test_a_section_in_doubt_is_left_alone_too(told: Told, text: str) -> None:
    """So is a setting that is given twice."""
    assert not any("less than" in line or "any machine" in line for line in told(text))


def test_a_certificate_without_key_is_reported(told: Told, tmp_path: Path) -> None:
    """Both are needed, and both have to be there."""
    (tmp_path / "cert.pem").touch()
    assert told("listen:\n  - tls:\n      certificate: cert.pem\n") == [
        "2: listen[0].tls.key: required; write the path of a file"
    ]
    assert told("listen:\n  - tls: {certificate: cert.pem, key: no.pem}\n") == [
        (
            "2: listen[0].tls.key: no such file: DIR/no.pem ($CREDENTIALS_DIRECTORY is not set: "
            "only systemd does that); create it or name another file"
        )
    ]


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    """As every other problem."""
    with pytest.raises(ConfigError, match=r"no\.yaml:1: \(file\): cannot be read"):
        load(tmp_path / "no.yaml", {})


def test_a_problem_found_later_has_its_line(tmp_path: Path) -> None:
    """As has a root that turns out to be read-only."""
    file = tmp_path / "asr.yaml"
    file.write_text("log: {}\noutput:\n  root: /proc\n")
    assert str(problem_at(file, "output.root", "is read-only", "name another")) == (
        f"{file}:3: output.root: is read-only; name another"
    )
    assert str(problem_at(None, "output.root", "is read-only", "name another")) == (
        "(built-in defaults):1: output.root: is read-only; name another"
    )


# Each parses the whole example, so that more would take minutes.
@settings(max_examples=200)
@given(st.text(max_size=40), st.integers(0, 10_000), st.integers(0, 4))
def test_any_slip_is_accepted_or_reported(text: str, place: int, cut: int) -> None:
    """A slip of the keyboard never ends in a traceback."""
    whole = example()
    slipped = whole[:place] + text + whole[place + cut :]
    with suppress(ConfigError):
        validate(parse(slipped, "f"), Sources(Path("/nowhere"), {}))
