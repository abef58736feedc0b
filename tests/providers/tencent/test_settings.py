"""What Tencent's settings may be."""

import pytest

from asr_daemon.config.problems import Wrong
from asr_daemon.providers.tencent.settings import read_name_by


@pytest.mark.parametrize("text", ["request_id", "audio_key", "query:job", "query:a:b"])
def test_name_by_is_read(text: str) -> None:
    assert read_name_by(text) == text


@pytest.mark.parametrize("text", ["requestId", "query", "query:", "query: ", "audio_key:x"])
def test_unknown_name_by_is_refused_with_a_list_of_the_forms(text: str) -> None:
    with pytest.raises(Wrong, match="write request_id, audio_key or query:NAME"):
        read_name_by(text)


def test_key_never_names_a_result() -> None:
    with pytest.raises(Wrong, match="the parameter key is the secret"):
        read_name_by("query:key")
