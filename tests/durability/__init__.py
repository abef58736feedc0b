"""Beds that a test of the whole daemon lies down on: disks that lose power, traces, faults."""
