"""The documented example, as the vendor's page prints it; `send` sends it."""

TENCENT_CALLBACK = (
    b"code=0&requestId=4000048858&appid=12516&projectid=0"
    b"&text=%5B0%3A1.640%2C0%3A4.600%5D++%E6%88%91%E5%9C%A8%E9%A9%AC%E4%B8%8A%E4%B8%8A%E5%A4%9C"
    b"%E7%8F%AD%E3%80%82%0A%5B0%3A5.420%2C0%3A7.820%5D++%E6%98%8E%E5%A4%A9%E6%97%A9%E4%B8%8A%E8%AF"
    b"%B4%E5%93%88%E3%80%82%0A&audioTime=8.420000&message=&resultDetail="
)
"""Tencent Cloud ASR, Recording Recognition Callback Description (document 1118/80043)."""

_TENCENT_ID = b"4000048858"


def tencent_callback(number: int) -> bytes:
    """Return the example as task `number` of a series; 0 is the example itself."""
    task_id = b"%d" % (int(_TENCENT_ID) + number)
    return TENCENT_CALLBACK.replace(_TENCENT_ID, task_id)
