"""asr-daemon receives the callbacks of speech recognition vendors and commits them as files."""

from importlib.metadata import version

__version__ = version("asr-daemon")
