"""A path unit works off results, as docs/pipelines.md says."""

import re
from pathlib import Path

import pytest

from tests.daemon.serving import eventually
from tests.systemd.machine import Machine

pytestmark = pytest.mark.long

DOCUMENT = Path(__file__).parents[2] / "docs/pipelines.md"
ROOT = "/var/lib/asr-daemon/transcripts"
CONFIG = "/etc/asr-daemon/asr-daemon.yaml"
COUNT = 1000


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
