"""Bodies of Tencent's speech services, one of which is the result that is taken here."""

from asr_daemon.providers.other_services import other_service

_RECORDING = "a result of Tencent recording recognition"

OTHER_SERVICES = (
    other_service(_RECORDING, "requestid", "code", provider="tencent"),
    other_service(_RECORDING, "requestid", "text", provider="tencent"),
    other_service("a result of Tencent real-time recognition", "voice_id"),
    other_service("a result of Tencent stream recognition", "taskid", "result"),
    other_service("a result of Tencent flash recognition", "request_id", "flash_result"),
    other_service("a result of Tencent sentence recognition", "response.result"),
    other_service("an answer of a Tencent Cloud API", "response.requestid"),
    other_service("a callback of Tencent Cloud Infinite", "eventname", "jobsdetail"),
)
