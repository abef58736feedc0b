"""The files of a daemon that runs are removed, as an upgrade does before it restarts it."""

import re
import shutil
import sysconfig
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.daemon.administrator import Administrator, administered
from tests.daemon.process import Daemon, Reply, results
from tests.daemon.serving import FLAT

TENCENT = "/callbacks/tencent"
HUAWEI = "/oifde/rest/sysapi/asrcallback"
PACKAGES = ("asr_daemon", "msgspec", "prometheus_client", "tornado", "tzdata", "watchdog", "yaml")
UNUSED = shutil.ignore_patterns(
    "site-packages", "test", "tests", "config-*", "idlelib", "ensurepip"
)
OPEN = {"tencent": {"text_encoding": "big5"}, "huawei": {"allow_unauthenticated": True}}
OK = Reply(200, b'{"code":0,"message":"success"}')
NONSENSE = Reply(
    400, b'{"code":400,"message":"the body holds none of the fields code, requestId and text"}'
)
LARGE = b"code=0&requestId=9&text=" + b"x" * 5_000_000
RESULT = (
    '{"state":{"success":true,"code":0},"body":{"body":{"aid":"7","lattices":'
    '[{"lid":"0","begin":"0","end":"900","onebest":"你好你好","speaker":"1"}]}}}'
)


@pytest.fixture
def admin(tmp_path: Path) -> Iterator[Administrator]:
    """Run a daemon from a copy of the program and of Python's library, and take the copy away."""
    installed = tmp_path / "installed"
    library = Path(sysconfig.get_path("stdlib"))
    shutil.copytree(library, installed / "lib" / library.name, symlinks=True, ignore=UNUSED)
    for name in PACKAGES:
        spec = find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        shutil.copytree(Path(spec.origin).parent, installed / name)
    environ = {
        "PYTHONHOME": str(installed),
        "PYTHONPATH": str(installed),
        "PYTHONTZPATH": "",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    changes = {"providers": OPEN, "output": {**FLAT, "timezone": "Asia/Shanghai"}}
    with administered(tmp_path, environ, **changes) as started:
        installed.rename(tmp_path / "removed")
        yield started


def post(daemon: Daemon, path: str, body: str, encoding: str, content_type: str) -> Reply:
    """Post a body that declares its encoding."""
    headers = {"Content-Type": f"{content_type}; charset={encoding}"}
    return daemon.post(path, body.encode(encoding), headers)


def test_callbacks_are_answered(admin: Administrator, tmp_path: Path) -> None:
    daemon, form = admin.daemon, "application/x-www-form-urlencoded"
    for _ in range(2):
        assert daemon.post(TENCENT, b"code=0&requestId=1&text=hello") == OK
    assert daemon.post(TENCENT, b"nonsense") == NONSENSE
    assert post(daemon, TENCENT, "code=0&requestId=2&text=你好你好", "gbk", form) == OK
    assert post(daemon, TENCENT, "code=0&requestId=3&text=語音辨識", "big5", form) == OK
    assert daemon.post(TENCENT, "code=0&requestId=4&text=語音辨識".encode("big5")) == OK
    assert post(daemon, HUAWEI, RESULT, "gb18030", "application/json").status == 200
    assert daemon.post(TENCENT, b"code=0&requestId=5&text=" + b"x" * 300_000) == OK
    texts = {name: data for name, data in results(tmp_path / "root").items() if ".txt" in name}
    assert texts.pop("tencent/5.txt") == b"x" * 300_000 + b"\n"
    assert {name: data.decode() for name, data in texts.items()} == {
        "tencent/1.txt": "hello\n",
        "tencent/2.txt": "你好你好\n",
        "tencent/3.txt": "語音辨識\n",
        "tencent/4.txt": "語音辨識\n",
        "huawei/7.txt": "你好你好\n",
    }
    assert "Traceback" not in daemon.log


@pytest.mark.parametrize("is_replaced", [False, True])
def test_large_body_is_kept_until_the_restart(
    admin: Administrator, tmp_path: Path, is_replaced: bool
) -> None:
    """It would be converted by a child process, which would be another version or none."""
    if is_replaced:
        shutil.copytree(tmp_path / "removed", tmp_path / "installed")
    reply = admin.daemon.post(TENCENT, LARGE)
    assert reply == Reply(503, b'{"code":503,"message":"the body cannot be processed"}')
    [body] = (tmp_path / "root" / "rejected").rglob("*.body")
    assert body.read_bytes() == LARGE
    reason = "the program was replaced or removed after the daemon had started: restart it"
    assert f'reason="{reason}"' in admin.daemon.log
    assert admin.daemon.post(TENCENT, b"code=0&requestId=1&text=hello") == OK


def test_administrator_sees_everything(admin: Administrator) -> None:
    daemon = admin.daemon
    assert daemon.post(TENCENT, b"code=0&requestId=1&text=hello") == OK
    page = daemon.get("/")
    links = set(re.findall(r'(?:href|src)="(/[^"]*)"', page.body.decode()))
    assert links >= {"/status.css", "/status.js", "/icon.svg", "/metrics", "/readyz", "/healthz"}
    assert any(link.startswith("/results/") for link in links)
    assert {link: daemon.get(link).status for link in links} == dict.fromkeys(links, 200)
    assert daemon.get("/nothing").status == 404
    assert "Traceback" not in daemon.log


def test_configuration_is_followed(admin: Administrator) -> None:
    admin.edit(log={"format": "json"})
    admin.applies(admin.hang_up)
    listen = [{"address": "localhost", "port": 0}, {"address": "127.0.0.1", "port": 0}]
    admin.edit(listen=listen)
    [problem] = admin.mistake(limits={"shutdown": "soon"})
    assert 'limits.shutdown: invalid duration "soon"' in problem
    admin.edit(limits={"shutdown": "1s"})
    assert "Traceback" not in admin.daemon.log
    assert admin.daemon.stop() == 0
