"""Equal fields have equal digests, and no others."""

import hashlib

import pytest

from asr_daemon.providers.digest import digest_json, digest_pairs

PAIRS = [(b"code", b"0"), (b"text", b"\xff")]


def test_digest_of_pairs_is_documented() -> None:
    """Each part stands behind its length in eight bytes."""
    canonical = b"\0" * 7 + b"\4code" + b"\0" * 7 + b"\1" + b"0"
    assert digest_pairs([(b"code", b"0")]) == f"sha256:{hashlib.sha256(canonical).hexdigest()}"


@pytest.mark.parametrize("same", [PAIRS, PAIRS[::-1], [(b"CODE", b"0"), (b"Text", b"\xff")]])
def test_same_fields(same: list[tuple[bytes, bytes]]) -> None:
    """Neither the order of the pairs nor the case of a name matters."""
    assert digest_pairs(same) == digest_pairs(PAIRS)


@pytest.mark.parametrize(
    "other",
    [
        [],
        [(b"code", b"0")],
        [(b"code", b"0"), (b"text", b"\xfe")],
        [(b"code", b"0text"), (b"", b"\xff")],
        [(b"code0", b""), (b"text", b"\xff")],
        [*PAIRS, (b"text", b"\xff")],
        [(b"code", b"\xff"), (b"text", b"0")],
    ],
)
def test_other_fields(other: list[tuple[bytes, bytes]]) -> None:
    """Where a name ends and a value begins matters."""
    assert digest_pairs(other) != digest_pairs(PAIRS)


def test_first_of_repeated_names_matters() -> None:
    """The first of repeated names means, so their order is part of what is said."""
    repeated = [(b"code", b"0"), (b"code", b"1")]
    assert digest_pairs(repeated) != digest_pairs(repeated[::-1])


def test_digest_of_json() -> None:
    """The order of names does not matter, and the order of a list does."""
    assert digest_json({"a": 1, "b": [1, 2]}) == digest_json({"b": [1, 2], "a": 1})
    assert digest_json({"a": [1, 2]}) != digest_json({"a": [2, 1]})
