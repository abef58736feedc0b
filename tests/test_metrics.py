"""What a scraper reads."""

import re

import pytest
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as read_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families as read_text

from asr_daemon import __version__
from asr_daemon.metrics import Metrics

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
OPEN = "application/openmetrics-text; version=1.0.0; charset=utf-8"
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;"
    "q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accepted", "content_type"),
    [
        ("", PLAIN),
        ("*/*", PLAIN),
        ("text/plain", PLAIN),
        ("text/plain;version=0.0.4;q=0.3,*/*;q=0.1", PLAIN),
        ("text/html,application/xhtml+xml", PLAIN),
        (PROMETHEUS_2, OPEN),
        (PROMETHEUS_3, OPEN),
    ],
)
def test_content_type(accepted: str, content_type: str) -> None:
    """It is the format that every scraper reads, unless another is asked for."""
    announced, _ = Metrics().exposition(accepted)
    # Which escaping of names is announced besides is up to the version of prometheus_client.
    assert announced.split("; escaping=")[0] == content_type


def test_only_an_announced_version_has_an_escaping() -> None:
    """Scrapers before text format 1.0.0 refuse the parameter."""
    assert Metrics().exposition("text/plain;version=0.0.4")[0] == PLAIN


@pytest.mark.parametrize("accepted", ["", PROMETHEUS_3])
def test_every_metric_can_be_read(accepted: str) -> None:
    """In both formats, and none of them twice."""
    metrics = Metrics()
    metrics.expect("tencent")
    metrics.committed("tencent", "failed", "10001", conflict=True)
    metrics.counter("asr_daemon_throttled_attempts", "Delayed refusals", lambda: 2.0)
    content_type, text = metrics.exposition(accepted)
    read = read_openmetrics if content_type.startswith("application") else read_text
    families = [family.name for family in read(text.decode())]
    assert len(families) == len(set(families))
    assert {"asr_daemon_build", "asr_daemon_build_info"} & set(families)


def test_build_and_process() -> None:
    """What dashboards of every program show is there for this one."""
    _, text = Metrics().exposition()
    assert re.search(rb'^asr_daemon_build_info{python="3\.\S+",version="(.*)"} 1\.0$', text, re.M)
    assert f'version="{__version__}"'.encode() in text
    samples = {
        sample.name: sample.value
        for family in read_text(text.decode())
        for sample in family.samples
    }
    assert samples["process_cpu_seconds_total"] > 0
    assert samples["process_start_time_seconds"] > 1_700_000_000
    assert samples["process_virtual_memory_bytes"] > samples["process_resident_memory_bytes"] > 1e6
    assert 3 <= samples["process_open_fds"] <= samples["process_max_fds"]
