"""Fields that NIST's formats have in common: apart by blanks, so none holds any."""

from asr_daemon.layout import encode_name
from asr_daemon.transcript import Transcript


def recording(transcript: Transcript) -> str:
    """Return the name of the recording: that of the result's files."""
    if not transcript.name:
        return f"no-id~{transcript.digest.removeprefix('sha256:')[:16]}"
    return encode_name(transcript.name)


def seconds(time_ms: int) -> str:
    """Return a time in seconds, to the millisecond."""
    return f"{time_ms // 1000}.{time_ms % 1000:03}"
