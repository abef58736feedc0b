"""Tests of what `scripts/bench` makes of its measurements."""
