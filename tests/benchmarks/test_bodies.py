"""What is sent is what the vendors send."""

from datetime import UTC, datetime

import pytest

from asr_daemon.config.model import HuaweiSettings, TencentSettings
from asr_daemon.providers.base import Callback, Head, Provider
from asr_daemon.providers.huawei import Huawei
from asr_daemon.providers.tencent import Tencent
from asr_daemon.transcript import Transcript
from benchmarks.bodies import ID, Message, Vendor, message

PROVIDERS: dict[Vendor, Provider] = {
    "huawei": Huawei(HuaweiSettings()),
    "tencent": Tencent(TencentSettings()),
}


def parse(vendor: Vendor, body: bytes) -> Transcript:
    """Parse a body as the daemon does."""
    head = Head(b"/", b"", {}, "127.0.0.1")
    return PROVIDERS[vendor].parse(Callback(head, body, datetime.now(UTC)))


@pytest.mark.parametrize("vendor", PROVIDERS)
def test_is_understood(vendor: Vendor) -> None:
    """Each body is a result that succeeded, of the task whose id was put in."""
    transcript = parse(vendor, message(vendor, "token").with_id(7).body)
    assert (transcript.id, transcript.status) == ("000000000007", "succeeded")
    assert {each.end_ms is not None for each in transcript.segments} == {True}


@pytest.mark.parametrize("vendor", PROVIDERS)
@pytest.mark.parametrize("size_bytes", [1_000, 100_000])
def test_has_the_size(vendor: Vendor, size_bytes: int) -> None:
    """A body is as large as asked for, but for less than one sentence."""
    body = message(vendor, "token", size_bytes).body
    assert size_bytes - 150 < len(body) <= size_bytes
    assert body.count(ID.encode()) == 1


def test_raw_request() -> None:
    """It goes over the wire as HTTP/1.1 says."""
    raw = Message("/path", (("token", "t"),), b"body").raw()
    assert raw == (
        b"POST /path HTTP/1.1\r\nHost: 127.0.0.1\r\ntoken: t\r\nContent-Length: 4\r\n\r\nbody"
    )
