"""Bodies of Huawei's speech services, one of which is the result that is taken here."""

from asr_daemon.providers.other_services import other_service

OTHER_SERVICES = (
    other_service("a result of Huawei offline conversion", "body.body", provider="huawei"),
    other_service(
        "a request for a token",
        *("appkey", "appsecret"),
        taker="the provider huawei takes at its token_path",
    ),
    other_service("a result of Huawei SIS recording recognition", "job_id", "segments"),
    other_service("a result of Huawei SIS recording recognition", "job_id", "status"),
    other_service("a result of Huawei SIS real-time recognition", "resp_type", "trace_id"),
    other_service("a result of Huawei SIS flash recognition", "trace_id", "flash_result"),
    other_service("a result of Huawei SIS sentence recognition", "trace_id", "result"),
)
