"""When two results are the same."""

import pytest

from asr_daemon.transcript import fingerprint_of, identity_of


@pytest.mark.parametrize(
    ("id_", "query", "fingerprint"),
    [
        ("42", {"job": "1"}, "sha256:00"),
        (None, {}, "sha256:00"),
        (None, {"b": "2", "a": "1"}, 'sha256:00 {"a":"1","b":"2"}'),
    ],
)
def test_fingerprint(id_: str | None, query: dict[str, str | list[str]], fingerprint: str) -> None:
    """Without an id only the parameters of the URL say which task a result is of."""
    assert fingerprint_of(id_, "sha256:00", query) == fingerprint


def test_identity() -> None:
    """Provider, id, name and content all have to be the same."""
    same = ("tencent", "42", "42", "sha256:00")
    others = [
        ("huawei", "42", "42", "sha256:00"),
        ("tencent", "43", "42", "sha256:00"),
        ("tencent", None, "42", "sha256:00"),
        ("tencent", "42", "job", "sha256:00"),
        ("tencent", "42", "42", "sha256:01"),
    ]
    assert identity_of(*same) == identity_of(*same)
    assert len({identity_of(*each) for each in [same, *others]}) == 6
