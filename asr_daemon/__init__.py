"""asr-daemon receives the callbacks of speech recognition vendors and commits them as files."""

__version__ = "0.2.0"
"""The one place of the version: setup.py, the manual pages and the scripts read it from here."""
