"""From 0.1.0 to this version: configuration, secrets, index and tree are taken over as they are."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.serving import eventually
from tests.systemd.machine import SOURCE, Machine, booted
from tests.systemd.tree import wheels

pytestmark = pytest.mark.long

OLD = "996a2372a8e2efdae0a46ddf03ddabe7c498bd78"
"""The last commit of 0.1.0 before what CHANGELOG.md lists for 0.2.0."""
CONFIG = "/etc/asr-daemon/asr-daemon.yaml"
TREE = "/var/lib/asr-daemon/transcripts"
OWNERS = "cd /etc/asr-daemon; stat --format='%n %U:%G %a' . asr-daemon.yaml tencent.key"
EDITED = f"""# Our receiver.
providers:
  tencent:
    key: !file tencent.key
  huawei:
    clients:
      - {{app_key: us, app_secret: 0123456789abcdef0123456789abcdef}}
output:
  root: {TREE}
  json_indent: 0
  duplicate_window: 72h
limits:
  memory: 512MiB
state: /var/lib/asr-daemon/state
"""
SEND = "asr-daemon send tencent"
POST = """
import json, sys
from urllib.request import Request, urlopen
def post(path, body, **headers):
    request = Request(f"http://127.0.0.1:8787/oifde/rest/{path}", json.dumps(body).encode())
    request.headers.update({"Content-type": "application/json", **headers})
    return json.load(urlopen(request))
"""
REQUEST_TOKEN = f"""{POST}
secret = "0123456789abcdef0123456789abcdef"
print(post("api/gettoken", {{"appKey": "us", "appSecret": secret}})["authToken"])
"""
USE_TOKEN = f"""{POST}
text = {{"begin": 0, "end": 1, "onebest": "x"}}
body = {{"state": {{"code": 0, "success": True}}, "body": {{"aid": "y", "lattices": [text]}}}}
headers = {{"userName": "us", "token": sys.argv[1]}}
print(post("sysapi/asrcallback", {{"body": body}}, **headers)["retCode"])
"""


@pytest.fixture(scope="module")
def old_tree(bare_tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return a Debian with the source of 0.1.0 in it; nothing may be changed in it."""
    tree = tmp_path_factory.mktemp("old") / "tree"
    subprocess.run(["cp", "-a", "--reflink=auto", bare_tree, tree], check=True)
    source = tree / "root/old"
    source.mkdir()
    archive = ["git", "-c", f"safe.directory={SOURCE}", "archive", OLD]
    packed = subprocess.run(archive, cwd=SOURCE, capture_output=True, check=False)
    if packed.returncode != 0:
        pytest.skip("0.1.0 is not in this clone (git fetch --unshallow)")
    subprocess.run(["tar", "-x", "-C", source], input=packed.stdout, check=True)
    yield tree
    shutil.rmtree(tree)


@pytest.fixture
def old(old_tree: Path) -> Iterator[Machine]:
    """Return a fresh machine with that source."""
    with booted(old_tree, wheels()) as machine:
        yield machine


def use(old: Machine) -> str:
    """Do what an administrator and a vendor do with 0.1.0; return Huawei's token."""
    old.write("/etc/asr-daemon/tencent.key", "0123456789abcdef0123456789abcdef\n")
    old.run("chown asr-daemon /etc/asr-daemon/tencent.key; chmod 400 /etc/asr-daemon/tencent.key")
    old.run(f"cat > {CONFIG}", EDITED)
    old.run("systemctl restart asr-daemon")
    assert old.run("asr-daemon --version") == "asr-daemon 0.1.0"
    old.run(f"{SEND} --count 3; asr-daemon send huawei")
    return old.run("python3 -", REQUEST_TOKEN)


def assert_taken_over(machine: Machine, tree: str, token: str) -> None:
    """Check what the new version makes of what the old one has left."""
    assert machine.run("asr-daemon --version") == "asr-daemon 0.2.0"
    assert machine.run(f"cat {CONFIG}") == EDITED.strip()
    assert machine.run(OWNERS).splitlines() == [
        ". root:asr-daemon-config 2750",
        "asr-daemon.yaml root:asr-daemon-config 640",
        "tencent.key root:asr-daemon-config 440",
    ]
    machine.run(f"{SEND} --count 3; asr-daemon send huawei")
    assert contents(machine) == tree
    assert machine.run("asr-daemon list | wc -l") == "4"
    checked = machine.attempt("runuser -u asr-daemon -- asr-daemon check")
    assert checked.returncode == 0, checked.stderr
    assert f"{CONFIG}:13: limits.memory" in checked.stdout + checked.stderr
    machine.run("asr-daemon status; systemctl reload asr-daemon")
    assert machine.run(f"python3 - '{token}'", USE_TOKEN) == "0"


def contents(machine: Machine) -> str:
    """Return every file of the tree with its hash."""
    return machine.run(f"cd {TREE}; sha256sum $(find . -name '*.*' -type f | sort)")


def test_installed_by_the_script(old: Machine) -> None:
    old.run("/root/old/scripts/install")
    token = use(old)
    tree = contents(old)
    old.run("scripts/install")
    assert_taken_over(old, tree, token)
    pid = old.main_pid()
    old.run("echo fedcba9876543210fedcba9876543210 > /etc/asr-daemon/tencent.key")
    eventually(lambda: old.attempt(SEND).returncode == 0, "the new key is used", 10)
    assert old.main_pid() == pid


def test_installed_as_a_debian_package(old: Machine) -> None:
    old.run("/root/old/scripts/deb /root/dist; dpkg --install /root/dist/*_0.1.0_*.deb")
    token = use(old)
    tree = contents(old)
    # Without a terminal dpkg has to be told what an administrator would answer.
    old.run("scripts/deb /root/dist; dpkg --force-confold --install /root/dist/*_0.2.0_*.deb")
    assert_taken_over(old, tree, token)
