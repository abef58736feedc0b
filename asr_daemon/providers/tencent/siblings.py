"""Bodies of Tencent's speech services, one of which is the result that is taken here."""

from asr_daemon.providers.siblings import sibling

_RECORDING = "a result of Tencent recording recognition"

SIBLINGS = (
    sibling(_RECORDING, "requestid", "code", provider="tencent"),
    sibling(_RECORDING, "requestid", "text", provider="tencent"),
    sibling("a result of Tencent real-time recognition", "voice_id"),
    sibling("a result of Tencent stream recognition", "taskid", "result"),
    sibling("a result of Tencent flash recognition", "request_id", "flash_result"),
    sibling("a result of Tencent sentence recognition", "response.result"),
    sibling("an answer of a Tencent Cloud API", "response.requestid"),
    sibling("a callback of Tencent Cloud Infinite", "eventname", "jobsdetail"),
)
