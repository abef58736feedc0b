"""Whatever is sent: an honest answer, no traceback, and nothing outside the root.

An everyday run makes 100 bodies for each provider, `--long` 10,000.
"""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from asr_daemon.sample import HUAWEI_CALLBACK, TENCENT_CALLBACK
from tests.daemon.process import Daemon, running

HONEST = {200, 400}
NASTY = [
    "../../etc/x",
    "/etc/x",
    "..",
    ".",
    "",
    "\x00",
    "a" * 10_000,
    "\x1b[2J",
    "\u202e",
    "~2",
    "%2e",
]

any_text = st.text() | st.sampled_from(NASTY)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | any_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=10,
)
form_names = st.sampled_from(
    ["code", "Code", "requestId", "appid", "audioKey", "audioTime", "text", "resultDetail", "x"]
)


def form(pairs: list[tuple[str, str]]) -> bytes:
    """Return pairs as a form in which everything is escaped."""
    return b"&".join(
        b"=".join(b"".join(b"%%%02x" % byte for byte in _bytes(part)) for part in pair)
        for pair in pairs
    )


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@st.composite
def mutated(draw: st.DrawFn, body: bytes) -> bytes:
    """Return a documented body with a piece cut out and another put in."""
    start = draw(st.integers(0, len(body)))
    end = draw(st.integers(start, min(len(body), start + 30)))
    return body[:start] + draw(st.binary(max_size=20)) + body[end:]


lattices = st.lists(
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("lid", "begin", "end", "onebest", "spk"), any_json)
    ),
    max_size=3,
)
huawei_results = st.builds(
    lambda state, aid, lattices: {
        "body": {"state": state, "body": {"aid": aid, "lattices": lattices}}
    },
    st.fixed_dictionaries({"code": any_json, "success": any_json | st.just(True)}),
    any_text | any_json,
    lattices | any_json,
)
tencent_bodies = (
    st.binary()
    | mutated(TENCENT_CALLBACK)
    | st.lists(st.tuples(form_names | any_text, any_text), max_size=6).map(form)
    | st.dictionaries(form_names, any_json).map(lambda fields: json.dumps(fields).encode())
)
huawei_bodies = (
    st.binary()
    | mutated(HUAWEI_CALLBACK)
    | (any_json | huawei_results).map(lambda value: json.dumps(value).encode())
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of the daemon."""
    return tmp_path_factory.mktemp("hostile")


@pytest.fixture(scope="module")
def daemon(folder: Path) -> Iterator[Daemon]:
    """Run a daemon whose root has a neighbour that nothing may touch."""
    (folder / "etc").mkdir()
    with running(folder) as started:
        yield started
        assert "Traceback" not in started.log
        assert "internal error" not in started.log
        assert "\x1b" not in started.log
        assert not list((folder / "etc").iterdir())
        assert {each.name for each in folder.iterdir()} == {
            "asr-daemon.yaml",
            "etc",
            "root",
            "state",
        }
        assert {each.name for each in (folder / "root").iterdir()} <= {
            ".staging",
            "failed",
            "huawei",
            "rejected",
            "tencent",
        }


@pytest.fixture(scope="module")
def connection(daemon: Daemon) -> Iterator[HTTPConnection]:
    """Return a connection that is kept for all bodies."""
    made = HTTPConnection("127.0.0.1", daemon.port, timeout=30)
    yield made
    made.close()


def post(connection: HTTPConnection, path: str, body: bytes) -> int:
    """Post a body and return the status."""
    connection.request("POST", path, body)
    response = connection.getresponse()
    json.loads(response.read())
    return response.status


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=tencent_bodies)
def test_tencent(connection: HTTPConnection, body: bytes) -> None:
    """Any body to Tencent's path is acknowledged or refused."""
    assert post(connection, "/callbacks/tencent", body) in HONEST


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=huawei_bodies)
def test_huawei(connection: HTTPConnection, body: bytes) -> None:
    """Any body to Huawei's path is acknowledged or refused."""
    assert post(connection, "/oifde/rest/sysapi/asrcallback", body) in HONEST
