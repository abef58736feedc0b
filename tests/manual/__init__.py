"""Tests of `asr_daemon.manual`."""
