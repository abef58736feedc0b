"""What is sent is what the vendors document."""

import json
from collections.abc import Callable
from urllib.parse import parse_qs

import pytest

from benchmarks.bodies import ID, huawei, tencent, tencent_detail


@pytest.mark.parametrize("make", [tencent, tencent_detail, huawei])
@pytest.mark.parametrize("size_bytes", [1_000, 1_000_000])
def test_body_is_as_large_as_asked_for(make: Callable[[int], bytes], size_bytes: int) -> None:
    """But for less than one sentence."""
    head, _, body = make(size_bytes).partition(b"\r\n\r\n")
    assert head.endswith(b"\r\nContent-Length: %d" % len(body))
    # One sentence of `resultDetail` is longer than 1,000 bytes.
    assert abs(size_bytes - len(body)) < 1_000
    assert body.count(ID) == 1


def test_tencent_has_a_sentence_a_line() -> None:
    """With its times in minutes and seconds."""
    fields = parse_qs(tencent(250).partition(b"\r\n\r\n")[2].decode())
    assert fields["requestId"] == [ID.decode()]
    assert fields["text"] == ["[0:5.420,0:7.820]  明天早上说哈。\n"]


def test_tencent_detail_has_words() -> None:
    """Each with its times."""
    fields = parse_qs(tencent_detail(5_000).partition(b"\r\n\r\n")[2].decode())
    sentences = json.loads(fields["resultDetail"][0])
    assert [word["Word"] for word in sentences[-1]["Words"]] == ["腾讯云", "语音识别", "欢迎", "您"]


def test_huawei_has_lattices() -> None:
    """One a sentence."""
    result = json.loads(huawei(1_000).partition(b"\r\n\r\n")[2])["body"]["body"]
    assert result["aid"] == ID.decode()
    assert {lattice["end"] for lattice in result["lattices"]} == {5970}
