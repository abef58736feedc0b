"""The writers of openai-whisper and WhisperX, without the models that their packages need.

The module with the writers needs the standard library alone, so it is loaded without its package.
Installing them with `--no-deps` is enough.
"""

import importlib.util
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from asr_daemon.transcript import Segment


class Writers:
    """The writers of one package, which must be installed."""

    def __init__(self, package: str) -> None:
        """Load them."""
        found = importlib.util.find_spec(package)
        assert found is not None
        assert found.origin is not None
        path = Path(found.origin).with_name("utils.py")
        spec = importlib.util.spec_from_file_location(f"{package}_utils", path)
        assert spec is not None
        assert spec.loader is not None
        self._utils = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self._utils)

    def write(self, suffix: str, segments: Sequence[Mapping[str, Any]], **options: Any) -> bytes:
        """Return the file that the package makes of the segments of its own JSON."""
        return self.write_document(suffix, {"segments": segments, "language": "en"}, **options)

    def write_document(self, suffix: str, document: Mapping[str, Any], **options: Any) -> bytes:
        """Return the file that the package makes of a whole document."""
        defaults = {"max_line_width": None, "max_line_count": None, "highlight_words": False}
        writer = getattr(self._utils, f"Write{suffix.upper()}")("")
        file = io.StringIO()
        writer.write_result(document, file, options=defaults | options)
        return file.getvalue().encode()


def whisper_segments(segments: Sequence[Segment], *, words: bool = False) -> list[dict[str, Any]]:
    """Return segments as whisper's JSON has them: seconds, and words with the blank before them."""
    entries: list[dict[str, Any]] = []
    for segment in segments:
        assert segment.start_ms is not None
        assert segment.end_ms is not None
        entry = {
            "start": segment.start_ms / 1000,
            "end": segment.end_ms / 1000,
            "text": segment.text,
        }
        if segment.speaker is not None:
            entry["speaker"] = segment.speaker
        if words:
            entry["words"] = [
                {
                    "word": word.text,
                    "start": (word.start_ms or 0) / 1000,
                    "end": (word.end_ms or 0) / 1000,
                }
                for word in segment.words
            ]
        entries.append(entry)
    return entries
