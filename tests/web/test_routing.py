"""Which endpoint serves a path, however consoles and vendors spell it."""

import asyncio
from datetime import UTC, datetime

import pytest

from asr_daemon.providers.base import Answer, Head
from asr_daemon.web.interfaces import Intake
from asr_daemon.web.refusal_log import RefusalLog
from asr_daemon.web.routing import Router
from asr_daemon.web.throttle import Throttle
from tests.web.conftest import MemorySpool, Recorder


async def _open_spool() -> MemorySpool:
    return MemorySpool()


def router(*paths: str) -> Router:
    """Return a router that serves an endpoint at each path, which has its name."""
    made = Router()
    intake = Intake(
        body_bytes=1,
        open_spool=_open_spool,
        throttle=Throttle(),
        refusal_log=RefusalLog(),
        answered=lambda endpoint, status: None,
    )
    endpoints = {path: Recorder() for path in paths}
    for path, endpoint in endpoints.items():
        endpoint.name = path
    made.serve(endpoints, intake)
    return made


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/callbacks/tencent", "/callbacks/tencent"),
        ("/callbacks/tencent/", "/callbacks/tencent"),
        ("/callbacks/tencent//", "/callbacks/tencent"),
        ("//callbacks/tencent", "/callbacks/tencent"),
        ("/callbacks//tencent/KEY", "/callbacks/tencent"),
        ("/callbacks/tencent/KEY/", "/callbacks/tencent"),
        ("/callbacks/tencent%3Fkey=KEY", "/callbacks/tencent"),
        ("/callbacks/tencent%3fkey=KEY&amp;job=1", "/callbacks/tencent"),
        ("/callbacks/tencent/huawei/x", "/callbacks/tencent/huawei"),
        ("//callbacks/tencent//huawei%3Fx", "/callbacks/tencent/huawei"),
        ("/callbacks/tencent/huaweix", "/callbacks/tencent"),
        ("/callbacks/tencents", "nowhere"),
        ("/callbacks", "nowhere"),
        ("/callbacks/Tencent", "nowhere"),
        ("/%63allbacks/tencent", "nowhere"),
        ("/x/callbacks/tencent", "nowhere"),
        ("/\xe9", "nowhere"),
        ("/", "nowhere"),
        ("", "nowhere"),
        ("*", "nowhere"),
    ],
)
def test_find(path: str, name: str) -> None:
    """The longest path of an endpoint that it is at or below, whatever its slashes."""
    assert router("/callbacks/tencent", "/callbacks/tencent/huawei").find(path).name == name


@pytest.mark.parametrize("path", ["/", "//", "/x", "/healthz", "/x%3Fy", ""])
def test_find_at_the_root(path: str) -> None:
    """An endpoint at `/` serves everything."""
    assert router("/").find(path).name == "/"


@pytest.mark.parametrize(
    ("is_healthy", "status", "body"), [(True, 200, b"ok\n"), (False, 503, b"unavailable\n")]
)
def test_health(is_healthy: bool, status: int, body: bytes) -> None:
    """A daemon that cannot store is taken out of rotation; why is for its administrator."""
    head = Head(b"/healthz", b"", {}, "192.0.2.1")
    responding = Router(lambda: is_healthy).health.respond(head, b"", datetime.now(UTC))
    assert asyncio.run(responding) == Answer(status, body, content_type="text/plain; charset=utf-8")
