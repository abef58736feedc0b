"""A secret that cannot be printed by accident."""

import hmac
from collections.abc import Iterable
from typing import Self


class Secret:
    """A key, password or token that shows itself only to `reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value.encode()

    def reveal(self) -> bytes:
        """Return the secret in UTF-8, for computing with it, never for printing."""
        return self._value

    def __eq__(self, other: object) -> bool:
        """Compare in constant time, so that configurations can be compared."""
        return isinstance(other, type(self)) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        """Hash by value, as equality is by value."""
        return hash(self._value)

    def __repr__(self) -> str:
        """Show that there is a secret, and nothing of it."""
        return "Secret(...)"

    @classmethod
    def any_matches(cls, secrets: Iterable[Self], candidate: bytes) -> bool:
        """Say whether `candidate` is one of `secrets`, in a time that tells nothing of which.

        Every secret is compared, in constant time each, whether or not an earlier one matched.
        """
        matched = False
        for secret in secrets:
            matched |= hmac.compare_digest(secret.reveal(), candidate)
        return matched
