"""One request, one answer: nobody can hide a request in another, also not from a proxy in front."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.daemon.clients import body_of
from tests.daemon.process import Daemon, request
from tests.daemon.proxies import nginx, nginx_serving
from tests.daemon.serving import serving
from tests.daemon.smuggling import tricks
from tests.daemon.wire_clients import Attack, Patience, attack_all, statuses
from tests.durability.requirements import require

ALL = list(tricks())
AT_ONCE = 20
PATIENCE = Patience(20.0, 0.5)
"""Every one is answered."""
REFUSED = {400, 413}


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Run a daemon."""
    with serving(tmp_path) as started:
        yield started


def play(port: int, read: Callable[[bytes], list[int]]) -> dict[str, list[int]]:
    """Send every trick to a port, and return the statuses of what is answered to each."""
    sent = [Attack("127.0.0.1", (trick.request,), "wait") for trick in ALL]
    answers = attack_all(port, sent, AT_ONCE, PATIENCE)
    return {trick.name: read(each) for trick, each in zip(ALL, answers, strict=True)}


def nginx_statuses(answered: bytes) -> list[int]:
    """Return the status of each answer; nginx refuses what it takes for HTTP/0.9 without a head."""
    heads = [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answered)]
    return heads or [int(status) for status in re.findall(rb"<title>(\d{3}) ", answered)]


def stored_ids(folder: Path) -> set[str]:
    """Return the ids of all results."""
    rooms = [folder / "root" / provider for provider in ("tencent", "huawei")]
    return {json.loads(path.read_bytes())["id"] for room in rooms for path in room.rglob("*.json")}


def test_direct(daemon: Daemon, tmp_path: Path) -> None:
    """Whatever can be read in two ways is refused, once, and nothing of it is stored."""
    answers = play(daemon.port, statuses)
    assert {name: found for name, found in answers.items() if len(found) != 1} == {}
    assert {name: found for name, [found] in answers.items() if found not in REFUSED} == {}
    assert stored_ids(tmp_path) == set()


def test_behind_nginx(daemon: Daemon, tmp_path: Path) -> None:
    """Each is answered once, and nobody gets an answer to what another had hidden."""
    require(nginx)
    with nginx_serving(tmp_path, daemon.port) as port:
        answers = play(port, nginx_statuses)
        honest = [f"honest{number}" for number in range(AT_ONCE)]
        honest_answers = [
            request(port, "POST", "/callbacks/tencent", body_of(id_, "hello")) for id_ in honest
        ]
    assert {name: found for name, found in answers.items() if len(found) != 1} == {}
    assert [each.status for each in honest_answers] == [200] * AT_ONCE
    taken = {trick.outer for trick in ALL if answers[trick.name] == [200]}
    assert stored_ids(tmp_path) == taken | set(honest)
