"""Measures how fast the daemon is, beside bare Tornado and FastAPI with fsync."""

import argparse
import resource
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from benchmarks.comparison import Case, compare, say
from benchmarks.contenders import REPOSITORY, Contender, bare_tornado, daemon, fastapi
from benchmarks.disk import GIB, Disk
from benchmarks.findings import Compared, Findings, this_machine
from benchmarks.growth import growth
from benchmarks.load import RoundFailed, Wrk
from benchmarks.picture import picture
from benchmarks.sizes import sizes
from benchmarks.soak import soak, soak_steadily
from benchmarks.stall import stall
from benchmarks.tables import report

QUICK = (Case("huawei", 32, 3, 3), Case("huawei", 1, 2, 2), Case("huawei", 256, 2, 3))
USUAL = (
    Case("huawei", 1, 5, 4),
    Case("huawei", 32, 6, 5),
    Case("huawei", 256, 5, 5),
    Case("huawei", 1000, 3, 8),
    Case("tencent", 32, 4, 5),
)
MORE = (Case("tencent", 1, 3, 4), Case("tencent", 256, 3, 5), Case("tencent", 1000, 3, 8))
GROWTH = Case("huawei", 32, 7, 5)
STALL_ROUNDS, STALL_S = 2, 8
SOAK_CALLBACKS = 1_000_000

COMPARISON_DISK_BYTES = 8 * GIB
GROWTH_DISK_BYTES = 12 * GIB
SOAK_DISK_BYTES = 16 * GIB
SOAK_DISK_BYTES_AN_HOUR = 8 * GIB

PARTS = ("comparison", "memory", "stall", "sizes", "growth")
USUAL_PARTS = PARTS[:3]
QUICK_PARTS = PARTS[:2]


class Bench:
    """One run: measures what the options ask for, and gathers what it finds."""

    def __init__(self, options: argparse.Namespace, wrk: Wrk) -> None:
        """Take the options of the command, and what makes load."""
        self._options = options
        self._wrk = wrk
        self._disk = Disk(options.out, options.folder)
        self.findings = Findings(this_machine(self._disk.kind), [], [], [])

    def run(self) -> None:
        """Measure.

        Raises:
            RoundFailed: something was refused or lost.
        """
        measure = {
            "comparison": self._compare,
            "memory": self._watch_memory,
            "stall": self._stall,
            "sizes": self._send_sizes,
            "growth": self._grow,
        }
        for part in _parts(self._options):
            measure[part]()

    def _compare(self) -> None:
        contenders = _contenders(self._options.against)
        for case in _cases(self._options):
            with self._disk.fresh(COMPARISON_DISK_BYTES) as folder:
                rounds = compare(case, contenders, folder, self._wrk)
            self.findings.compared.append(Compared(case, rounds))

    def _watch_memory(self) -> None:
        callbacks = SOAK_CALLBACKS if self._options.soak else 0
        hours = self._options.soak_hours
        size_bytes = SOAK_DISK_BYTES if callbacks else COMPARISON_DISK_BYTES
        with self._disk.fresh(size_bytes + int(hours * SOAK_DISK_BYTES_AN_HOUR)) as folder:
            if hours:
                self.findings.soaked = soak_steadily(folder, self._wrk, hours)
            else:
                self.findings.soaked = soak(folder, self._wrk, callbacks)

    def _stall(self) -> None:
        with self._disk.fresh(COMPARISON_DISK_BYTES) as folder:
            self.findings.stalled = stall(folder, self._wrk, STALL_ROUNDS, STALL_S)

    def _send_sizes(self) -> None:
        with self._disk.fresh(COMPARISON_DISK_BYTES) as folder:
            self.findings.sized.extend(sizes(_contenders(None), folder))

    def _grow(self) -> None:
        with self._disk.fresh(GROWTH_DISK_BYTES) as folder:
            self.findings.grown = growth(GROWTH, folder, self._wrk)


def main() -> int:
    """Measure, print the tables, and keep them with the picture in the output folder."""
    options = _options().parse_args()
    _raise_descriptor_limit()
    # So that servers are ended and the disk is unmounted.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    options.out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix="asr-daemon-bench-") as folder:
        bench = Bench(options, Wrk(Path(folder)))
        try:
            bench.run()
        except RoundFailed as failure:
            say(f"failed: {failure}")
            return 1
        finally:
            _keep(bench.findings, options.out)
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="a minute or two, to see whether it works")
    add("--all", action="store_true", help="also Tencent's other connections, sizes and trees")
    add("--only", choices=PARTS, action="append", help="only this part; may be repeated")
    add("--soak", action="store_true", help="memory after 1,000,000 callbacks")
    add("--soak-hours", type=float, default=0, metavar="N", help="memory over hours, at 200/s")
    add("--against", type=Path, metavar="CHECKOUT", help="compare with another checkout as well")
    add("--folder", type=Path, help="write below this folder, and not to a disk image")
    out = REPOSITORY / ".cache" / "bench"
    add("--out", type=Path, default=out, help="for tables, picture and image (%(default)s)")
    return parser


def _parts(options: argparse.Namespace) -> Sequence[str]:
    if options.only:
        return tuple(options.only)
    if options.soak or options.soak_hours:
        return PARTS if options.all else ("memory",)
    if options.quick:
        return QUICK_PARTS
    return PARTS if options.all else USUAL_PARTS


def _cases(options: argparse.Namespace) -> Sequence[Case]:
    if options.quick:
        return QUICK
    return USUAL + MORE if options.all else USUAL


def _contenders(against: Path | None) -> list[Contender]:
    contenders = [daemon(), bare_tornado(), fastapi()]
    if against is not None:
        contenders.append(daemon(against.resolve(), f"asr-daemon of {against.resolve().name}"))
    return contenders


def _keep(findings: Findings, out: Path) -> None:
    text = report(findings)
    (out / "results.md").write_text(text, encoding="utf-8")
    (out / "results.svg").write_text(picture(findings), encoding="utf-8")
    (out / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(findings)))
    print(text)


def _raise_descriptor_limit() -> None:
    """Let wrk and the servers, which inherit it, have a descriptor for each connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
