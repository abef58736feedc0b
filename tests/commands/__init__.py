"""Tests of `asr_daemon.commands`."""
