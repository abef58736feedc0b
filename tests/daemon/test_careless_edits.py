"""Whatever becomes of the configuration file: the daemon serves on, and takes the next good one."""

import json
import os
from collections.abc import Sequence
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from random import Random
from statistics import median

import pytest

from tests.conftest import NoteFigure
from tests.daemon.clients import TENCENT_PATH, body_of
from tests.daemon.edits import BAD, GOOD, Editor
from tests.daemon.load import load, plain
from tests.daemon.process import Daemon
from tests.daemon.resources import Resources, resources
from tests.daemon.serving import eventually, metric, serving

BAR_S = 1.0
"""Within which a sound edit takes effect."""
NOISE = 3.0
"""How many times that one edit in hundreds may take on a machine that is shared."""
KEY = "key-of-all-senders"


class Prober:
    """Asks a daemon which keys it takes, each time from another address: it slows guesses down."""

    def __init__(self, port: int) -> None:
        """Take the port for callbacks."""
        self._port = port
        self._numbers = count(1)

    def takes(self, key: str) -> bool:
        """Say whether a result with this key is stored."""
        number = next(self._numbers)
        source = f"127.{1 + (number >> 16)}.{number >> 8 & 255}.{number & 255}"
        connection = HTTPConnection("127.0.0.1", self._port, 30.0, (source, 0))
        connection.request("POST", f"{TENCENT_PATH}?key={key}", body_of("probe", "x"))
        status = connection.getresponse().status
        connection.close()
        assert status in {200, 401}
        return status == 200


def without_privileges() -> Sequence[str]:
    """Return what lets even root's daemon read only what it is allowed to."""
    if os.geteuid() != 0:
        return ()
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search", "--")


def is_valid(daemon: Daemon) -> bool:
    """Say whether the file as it is now is used."""
    return metric(daemon, "asr_daemon_config_valid") == {(): 1}


def edited(sound: str, key: str) -> str:
    """Return a configuration whose only change is a key besides that of all senders."""
    settings = json.loads(sound)
    settings["providers"] = {"tencent": {"key": [KEY, key]}}
    return json.dumps(settings, indent=1)


def check_edits(
    folder: Path, edits: Sequence[tuple[str, str, bool]], note_figure: NoteFigure
) -> None:
    """Spoil the file and mend it again and again.

    Args:
        folder: for everything.
        edits: how to spoil it, how to mend it, and whether the daemon notices in between.
        note_figure: notes what was seen.
    """
    (folder / "etc").mkdir()
    places = {"output": {"root": f"{folder}/root"}, "state": f"{folder}/state"}
    tencent = {"tencent": {"key": [KEY, "key-before-all-edits"]}}
    with serving(folder / "etc", None, without_privileges(), providers=tencent, **places) as daemon:
        editor, prober = Editor(folder / "etc" / "asr-daemon.yaml"), Prober(daemon.port)
        sound, took_s, before = editor.file.read_text(), [], None
        with load(plain(daemon.port), f"{TENCENT_PATH}?key={KEY}") as seen:
            last = "key-before-all-edits"
            for number, (bad, good, noticed) in enumerate(edits):
                BAD[bad](editor, edited(sound, "never-taken-key"))
                if noticed:
                    eventually(lambda: not is_valid(daemon), f"it is noticed: {bad}")
                assert prober.takes(last), f"the old configuration is gone: {bad}"
                key = f"key-of-edit-{number}"
                GOOD[good](editor, edited(sound, key))
                what = f"it is taken again after {bad}, {good}"
                took_s.append(eventually(lambda key=key: prober.takes(key), what))  # type: ignore[misc]
                assert not prober.takes(last)
                last = key
                # Not at the start: the threads that follow the file may not be there yet.
                before = before or resources(daemon)
            eventually(lambda: is_valid(daemon), "all is well in the end")
        assert before is not None
        eventually(lambda: keeps_nothing(before, resources(daemon)), "nothing is left behind")
        after = resources(daemon)
        assert "Traceback" not in daemon.log
    report(edits, took_s, note_figure)
    note_figure("requests were acknowledged meanwhile", len(seen.answered_in_s))
    note_figure("KiB of memory were gained", after.memory_kib - before.memory_kib)
    assert seen.lost == []


def report(
    edits: Sequence[tuple[str, str, bool]], took_s: Sequence[float], note_figure: NoteFigure
) -> None:
    """Note how long it took, and hold it to the bar."""
    worst_s = max(took_s)
    _, good, _ = edits[took_s.index(worst_s)]
    note_figure("edits", 2 * len(edits))
    note_figure("ms until a sound edit took effect, in the middle", round(median(took_s) * 1000))
    note_figure(f"ms at worst ({good})", round(worst_s * 1000))
    assert median(took_s) < BAR_S
    assert worst_s < BAR_S * NOISE


def keeps_nothing(before: Resources, after: Resources) -> bool:
    """Say whether nothing was left behind, a few connections and a pool of threads apart."""
    more_threads, more_descriptors = (os.cpu_count() or 1) + 4, 10
    return (
        after.threads <= before.threads + more_threads
        and after.descriptors <= before.descriptors + more_descriptors
    )


def test_careless_edits(tmp_path: Path, chance: Random, note_figure: NoteFigure) -> None:
    """Some ways to spoil a file, and each to mend it: no request is lost, the next is taken."""
    bad = chance.sample(list(BAD), len(GOOD))
    check_edits(tmp_path, [(*pair, True) for pair in zip(bad, GOOD, strict=True)], note_figure)


@pytest.mark.long
def test_many_careless_edits(tmp_path: Path, chance: Random, note_figure: NoteFigure) -> None:
    """Every way to spoil and to mend it, five hundred edits, every other mended before noticed."""
    bad = [each for each in BAD for _ in range(-(-250 // len(BAD)))]
    good = [chance.choice(list(GOOD)) for _ in bad]
    edits = [(*pair, n % 2 == 0) for n, pair in enumerate(zip(bad, good, strict=True))]
    chance.shuffle(edits)
    check_edits(tmp_path, edits, note_figure)
