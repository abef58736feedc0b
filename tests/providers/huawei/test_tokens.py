"""Tokens hold what they were issued for, and nothing else passes for one."""

import re
from string import ascii_letters, digits

import pytest

from asr_daemon.errors import TokenExpired, Unauthorized, WrongCredentials
from asr_daemon.providers.huawei.tokens import check_token, issue_token
from asr_daemon.secret import Secret

SECRET, OTHER = Secret("agreed by both"), Secret("agreed by others")
APP_KEY = "ODFS_SYS_OPENAPI"
ALPHABET = ascii_letters + digits + "-_"
ENDS_AT_S = 1_800_000_000.5


def test_own_token() -> None:
    """A token passes until it ends, with any of the secrets in use."""
    token = issue_token(APP_KEY, SECRET, ENDS_AT_S)
    check_token(token, APP_KEY, [OTHER, SECRET], ENDS_AT_S - 0.001)


def test_expired() -> None:
    """A token that has ended is told apart from one that was never good."""
    token = issue_token(APP_KEY, SECRET, ENDS_AT_S)
    with pytest.raises(TokenExpired):
        check_token(token, APP_KEY, [SECRET], ENDS_AT_S)


@pytest.mark.parametrize(
    ("app_key", "secrets"), [("OTHER", [SECRET]), ("", [SECRET]), (APP_KEY, [OTHER]), (APP_KEY, [])]
)
def test_of_another(app_key: str, secrets: list[Secret]) -> None:
    """A token is good for one app key, and as long as its secret is in use."""
    token = issue_token(APP_KEY, SECRET, ENDS_AT_S)
    with pytest.raises(Unauthorized) as refused:
        check_token(token, app_key, secrets, ENDS_AT_S + 1)
    assert refused.type is WrongCredentials


def test_every_change_is_noticed() -> None:
    """No character of a token can be changed, left out or added."""
    for app_key in (APP_KEY, f"{APP_KEY}1", f"{APP_KEY}22"):
        token = issue_token(app_key, SECRET, ENDS_AT_S)
        swapped = (
            token[:at] + other + token[at + 1 :]
            for at in range(len(token))
            for other in ALPHABET
            if other != token[at]
        )
        for forged in [*swapped, token[:-1], token[1:], token + "A", f" {token}", f"{token}é"]:
            with pytest.raises(Unauthorized):
                check_token(forged, app_key, [SECRET], 0)


@pytest.mark.parametrize("token", ["", "A", "====", "\n", "é", "\ud800", "A" * 100_000])
def test_no_token_at_all(token: str) -> None:
    """What is no token is refused, whatever it is made of."""
    with pytest.raises(Unauthorized):
        check_token(token, APP_KEY, [SECRET], 0)


def test_header_safe() -> None:
    """A token has characters that any header carries, and never comes twice."""
    tokens = {issue_token("密钥" * 20, SECRET, ENDS_AT_S) for _ in range(50)}
    assert len(tokens) == 50
    assert all(re.fullmatch(r"[A-Za-z0-9_-]+", token) for token in tokens)


def test_holds_elsewhere() -> None:
    """A token that another process issued with the same secret passes here."""
    token = "QdrAilIdqou1M2HJ9sojC4bauN4q4u2GYXRkpE0TGopur2j2JdSI8UYasyZGXEjh-PySvUPrOMlB"
    check_token(token, "a", [Secret("b")], 0)
