"""Tests of a room: see the modules of the same names."""
