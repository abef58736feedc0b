"""A path unit works off results, as docs/pipelines.md says."""

import re
from pathlib import Path

import pytest

from tests.daemon.serving import eventually
from tests.systemd.machine import Machine

pytestmark = pytest.mark.long

EXAMPLE = "scripts/examples"
COLLECTED = "/var/lib/asr-collect"
DOCUMENT = Path(__file__).parents[2] / "docs/pipelines.md"
ROOT = "/var/lib/asr-daemon/transcripts"
CONFIG = "/etc/asr-daemon/asr-daemon.yaml"
COUNT = 1000
SINGLE = 30
ONE_BY_ONE = f"""
for number in $(seq {SINGLE}); do
    echo "code=0&requestId=single$number&text=x" >/tmp/body
    asr-daemon send tencent --file /tmp/body
done
"""
"""Each starts the service again, more often than systemd lets a unit start by default."""


def test_path_unit(machine: Machine) -> None:
    """Every result is processed once, and its text is there."""
    section = DOCUMENT.read_text(encoding="utf-8").partition("\n## systemd path unit\n")[2]
    for unit in re.findall(r"```ini\n(.*?)```", section, re.DOTALL)[:2]:
        path = unit.splitlines()[0].removeprefix("# ")
        machine.write(path, unit.replace("/srv/transcripts", ROOT))
    program = '#!/bin/sh\ntest -e "${1%.json}.txt" && echo "$1" >>/srv/done/log\n'
    machine.write("/usr/local/bin/process", program, "755")
    layout = "{provider}/{id}"
    machine.run(f"sed -i 's|layout: .*|layout: \"{layout}\"|' {CONFIG}; mkdir /srv/done")
    machine.run("systemctl restart asr-daemon; systemctl start process.path")
    machine.run(f"asr-daemon send tencent --count {COUNT}")
    count = "ls /srv/done | grep -c json || true"
    eventually(lambda: machine.run(count) == str(COUNT), "all are processed", 60.0)
    assert machine.run("sort -u /srv/done/log | wc -l; wc -l </srv/done/log").split() == [
        str(COUNT),
        str(COUNT),
    ]


def test_example_of_a_path_unit(machine: Machine) -> None:
    """The files as they are shipped, installed as their page says, collect each result."""
    page = (Path(__file__).parents[2] / EXAMPLE / "README.md").read_text(encoding="utf-8")
    section = page.partition("\n## collect: in shell, on a path unit\n")[2]
    [commands] = re.findall(r"```sh\n(.*?)```", section.partition("\n## ")[0], re.DOTALL)
    machine.run(f"cd {EXAMPLE}; {commands}")
    machine.run(f"asr-daemon send tencent --count {COUNT}")
    machine.run(ONE_BY_ONE)
    collected = f"find {COLLECTED} -name '*.json' | wc -l"
    eventually(lambda: machine.run(collected) == f"{COUNT + SINGLE}", "all are collected", 60.0)
    assert machine.run(f"find {COLLECTED} -name '*.txt' | wc -l") == f"{COUNT + SINGLE}"
    assert machine.run(f"find {ROOT} -name '*.json'") == ""
