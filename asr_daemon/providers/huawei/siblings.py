"""Bodies of Huawei's speech services, one of which is the result that is taken here."""

from asr_daemon.providers.siblings import sibling

SIBLINGS = (
    sibling("a result of Huawei offline conversion", "body.body", provider="huawei"),
    sibling(
        "a request for a token",
        *("appkey", "appsecret"),
        taker="the provider huawei takes at its token_path",
    ),
    sibling("a result of Huawei SIS recording recognition", "job_id", "segments"),
    sibling("a result of Huawei SIS recording recognition", "job_id", "status"),
    sibling("a result of Huawei SIS real-time recognition", "resp_type", "trace_id"),
    sibling("a result of Huawei SIS flash recognition", "trace_id", "flash_result"),
    sibling("a result of Huawei SIS sentence recognition", "trace_id", "result"),
)
