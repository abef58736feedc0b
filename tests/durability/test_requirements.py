"""A test skips with the reason, and in CI it fails."""

import pytest

from tests.durability.requirements import require


def missing() -> str | None:
    """Miss something."""
    return "a quantum disk"


def met() -> str | None:
    """Miss nothing."""
    return None


def test_requirements_that_are_met_let_the_test_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """In CI and elsewhere."""
    require(met)
    monkeypatch.setenv("CI", "true")
    require(met, met)


def test_missing_requirement_skips_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thing that is missing is named."""
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="needs a quantum disk, a quantum disk"):
        require(missing, met, missing)


def test_missing_requirement_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is left out there without anybody noticing."""
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="needs a quantum disk"):
        require(missing)
