"""Digests of the vendor's fields: equal for a retry that is only spelled differently."""

from collections.abc import Iterable
from hashlib import sha256
from operator import itemgetter
from typing import Any

from msgspec import json

from asr_daemon.providers.form import Pair

_LENGTH_BYTES = 8


def digest_pairs(pairs: Iterable[Pair]) -> str:
    """Return `sha256:` and the hex digest of decoded pairs, ordered by lower-case name.

    Pairs of one name keep their order, for the first of them means. Each part follows its
    length, so that different pairs never give the same input.
    """
    digest = sha256()
    ordered = sorted(((name.lower(), value) for name, value in pairs), key=itemgetter(0))
    for pair in ordered:
        for part in pair:
            digest.update(len(part).to_bytes(_LENGTH_BYTES, "big"))
            digest.update(part)
    return f"sha256:{digest.hexdigest()}"


def digest_json(value: Any) -> str:
    """Return `sha256:` and the hex digest of a decoded JSON value, its names in order."""
    return f"sha256:{sha256(json.encode(value, order='sorted')).hexdigest()}"
