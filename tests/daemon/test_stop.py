"""The end of the daemon: whoever was let in is answered, and the answer is true."""

import signal
import socket
import time
from contextlib import AbstractContextManager
from pathlib import Path
from random import Random

import pytest

from asr_daemon.web.throttle import FREE_ATTEMPTS
from tests.conftest import NoteFigure
from tests.daemon.clients import TENCENT_PATH, Damage, Ledger, body_of, find_damage, senders
from tests.daemon.process import Daemon, results
from tests.daemon.serving import eventually, metric, serving
from tests.daemon.upload import Upload
from tests.daemon.witnesses import Witness, accepted_ports, witnesses
from tests.durability import requirements
from tests.durability.requirements import require
from tests.durability.strace import attached, is_ending

SHUTDOWN_S = 10.0
"""The default of `limits.shutdown`."""
FOR_EVER_S = 60.0
"""Longer than any test lasts."""
NO_SIGNAL = 0
"""With it `Daemon.stop` only waits for the end."""


def leave(daemon: Daemon) -> None:
    """Tell the daemon to leave, and do not wait for it."""
    daemon.process.send_signal(signal.SIGTERM)


def is_closed(daemon: Daemon) -> bool:
    """Say whether the daemon has closed its listener."""
    try:
        socket.create_connection(("127.0.0.1", daemon.port), 5.0).close()
    except (ConnectionRefusedError, ConnectionResetError):  # the latter if it closes meanwhile
        return True
    return False


def in_flight(daemon: Daemon, count: int) -> bool:
    """Say whether the daemon has received just so many bytes that it has not answered."""
    return metric(daemon, "asr_daemon_in_flight_bytes") == {(): count}


def stop_under_load(folder: Path, moment: int) -> Witness:
    """Stop a daemon after so many answers, and check what can be checked of every stop."""
    folder.mkdir()
    with serving(folder) as daemon, witnesses(daemon.port) as witness:
        eventually(lambda: len(witness.sightings) >= moment, "load")
        began_s = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - began_s < SHUTDOWN_S
    assert find_damage(folder / "root", witness.ledger) == Damage()
    assert witness.broken() == []
    return witness


def check_stops(folder: Path, chance: Random, stops: int, note_figure: NoteFigure) -> None:
    """Stop many daemons under load, each at some moment."""
    all_seen = [
        stop_under_load(folder / f"{number}", chance.randrange(20, 400)) for number in range(stops)
    ]
    note_figure("requests were answered", sum(len(each.sightings) for each in all_seen))
    note_figure(
        "requests on new connections were reset, perhaps by the kernel alone",
        sum(len(each.unanswered) for each in all_seen),
    )


def test_stop_under_load(tmp_path: Path, chance: Random, note_figure: NoteFigure) -> None:
    """Acknowledged means on the disk, kept connections are answered, and the status is 0."""
    check_stops(tmp_path, chance, 2, note_figure)


@pytest.mark.long
def test_many_stops_under_load(tmp_path: Path, chance: Random, note_figure: NoteFigure) -> None:
    """The same at fifty moments."""
    check_stops(tmp_path, chance, 50, note_figure)


def check_accepted(folder: Path, moment: int) -> int:
    """Stop a daemon whose accepted connections are known; return how many there were."""
    folder.mkdir()
    with (
        serving(folder) as daemon,
        accepted_ports(daemon.process.pid, folder / "log") as accepted,
        witnesses(daemon.port) as witness,
    ):
        eventually(lambda: len(witness.sightings) >= moment, "load")
        assert daemon.stop() == 0
    assert {each.port for each in witness.sightings if each.status} <= accepted
    assert witness.broken(accepted) == []
    return len(accepted)


@pytest.mark.long
def test_accepted_connections_are_answered(tmp_path: Path, chance: Random) -> None:
    """Whatever connection was accepted, new ones too, gets its answer."""
    require(requirements.strace)
    assert check_accepted(tmp_path / "0", chance.randrange(100, 300)) > 0


@pytest.mark.long
def test_many_accepted_connections_are_answered(
    tmp_path: Path, chance: Random, note_figure: NoteFigure
) -> None:
    """The same at twenty moments."""
    require(requirements.strace)
    moments = [chance.randrange(100, 300) for _ in range(20)]
    accepted = [check_accepted(tmp_path / f"{n}", moment) for n, moment in enumerate(moments)]
    note_figure("connections were accepted", sum(accepted))


def test_upload_that_is_completed_meanwhile(tmp_path: Path) -> None:
    """An upload that was under way is stored when it is completed before the deadline."""
    with serving(tmp_path) as daemon:
        upload = Upload(daemon, body_of("slow", "x" * 1000), sent=500)
        eventually(lambda: in_flight(daemon, 500), "the first half")
        leave(daemon)
        eventually(lambda: is_closed(daemon), "the listener is closed")
        upload.complete()
        assert upload.answer() == (200, True)
        assert daemon.stop(NO_SIGNAL) == 0
    assert {Path(name).name for name in results(tmp_path / "root")} == {"slow.json", "slow.txt"}


def test_upload_that_is_completed_late(tmp_path: Path) -> None:
    """The same after longer than the pause that is left for connections to come in."""
    with serving(tmp_path) as daemon:
        upload = Upload(daemon, body_of("slow", "x" * 1000), sent=500)
        eventually(lambda: in_flight(daemon, 500), "the first half")
        leave(daemon)
        with pytest.raises(TimeoutError):
            upload.wait_for_answer(1.0)
        upload.complete()
        assert upload.answer() == (200, True)
        assert daemon.stop(NO_SIGNAL) == 0


def test_upload_that_never_ends(tmp_path: Path) -> None:
    """At the deadline the sender is told that nothing was stored, and the daemon leaves."""
    with serving(tmp_path, limits={"shutdown": "1s"}) as daemon:
        upload = Upload(daemon, body_of("endless", "x" * 1000), sent=500)
        eventually(lambda: in_flight(daemon, 500), "the first half")
        began_s = time.monotonic()
        leave(daemon)
        assert upload.answer() == (503, True)
        assert 0.9 < time.monotonic() - began_s < 2.0
        assert daemon.stop(NO_SIGNAL) == 0
        assert time.monotonic() - began_s < 2.0
    assert results(tmp_path / "root") == {}


def test_sender_that_goes_on_sending(tmp_path: Path) -> None:
    """Who is in the middle of a long upload at the deadline can still read the refusal."""
    with serving(tmp_path, limits={"shutdown": "1s"}) as daemon:
        upload = Upload(daemon, bytes(60 << 20), sent=1)
        with upload.going_on():
            eventually(lambda: not in_flight(daemon, 1), "more than the first byte")
            leave(daemon)
            assert upload.answer() == (503, True)
        assert daemon.stop(NO_SIGNAL) == 0


def delayed(daemon: Daemon, call: str, delay_s: float, *more: str) -> AbstractContextManager[None]:
    """Make each such system call of the daemon take longer while the block runs.

    Args:
        daemon: runs.
        call: the name of the system call.
        delay_s: before it is done.
        more: options for strace, such as which calls of that name are meant, and where they go.
    """
    fault = f"inject={call}:delay_enter={delay_s * 1e6:.0f}"
    return attached(
        daemon.process.pid, "-o", "/dev/null", "-e", f"trace={call}", "-e", fault, *more
    )


def wait_for_end(daemon: Daemon, since_s: float) -> None:
    """Wait until nothing of the daemon runs any more, which has to be soon.

    In a block of `delayed`: the calls are done when it ends, and the daemon would go on from there.
    """
    eventually(lambda: is_ending(daemon.process.pid), "the daemon leaves")
    assert time.monotonic() - since_s < 4.0


def begin(daemon: Daemon, id_: str) -> Upload:
    """Send a whole request."""
    body = body_of(id_, "x")
    return Upload(daemon, body, sent=len(body))


def test_slow_disk(tmp_path: Path) -> None:
    """A request that is being stored at the end is answered when it is, and is the last one."""
    require(requirements.strace)
    with serving(tmp_path) as daemon, delayed(daemon, "fsync", 0.1):
        request = begin(daemon, "slow")
        eventually(lambda: in_flight(daemon, len(body_of("slow", "x"))), "it is under way")
        leave(daemon)
        assert request.answer() == (200, True)
        assert daemon.stop(NO_SIGNAL) == 0
    assert {Path(name).name for name in results(tmp_path / "root")} == {"slow.json", "slow.txt"}


@pytest.mark.long
def test_disk_that_does_not_answer(tmp_path: Path) -> None:
    """At the deadline the sender is told the truth, and the daemon leaves without the disk."""
    require(requirements.strace)
    with serving(tmp_path, limits={"shutdown": "1s"}) as daemon:
        with delayed(daemon, "fsync", FOR_EVER_S):
            request = begin(daemon, "stuck")
            eventually(lambda: in_flight(daemon, len(body_of("stuck", "x"))), "it is under way")
            began_s = time.monotonic()
            leave(daemon)
            assert request.answer() == (503, True)
            wait_for_end(daemon, began_s)
        assert daemon.stop(NO_SIGNAL) == 0
    assert results(tmp_path / "root") == {}


def test_configuration_on_a_disk_that_does_not_answer(tmp_path: Path) -> None:
    """A daemon that is just looking at its configuration leaves without an answer, too."""
    require(requirements.strace)
    log, config = tmp_path / "log", tmp_path / "asr-daemon.yaml"
    with serving(tmp_path) as daemon:
        with delayed(daemon, "openat", FOR_EVER_S, "-P", str(config), "-o", str(log)):
            eventually(lambda: "openat" in log.read_text(), "it looks")
            began_s = time.monotonic()
            leave(daemon)
            wait_for_end(daemon, began_s)
        assert daemon.stop(NO_SIGNAL) == 0


def test_refusals_that_are_delayed(tmp_path: Path) -> None:
    """They do not hold up the end, nor a right request from the address of who guesses."""
    key, body = "0123456789abcdef", body_of("patient", "x")
    with serving(tmp_path, providers={"tencent": {"key": key}}) as daemon:
        for _ in range(FREE_ATTEMPTS):
            assert daemon.post(TENCENT_PATH, body).status == 401
        # Their refusals are delayed, by up to ten seconds.
        guesses = [Upload(daemon, body, sent=len(body)) for _ in range(20)]
        upload = Upload(daemon, body, sent=len(body), query=f"?key={key}")
        began_s = time.monotonic()
        leave(daemon)
        assert upload.answer() == (200, True)
        assert [guess.answer() for guess in guesses] == [(401, True)] * 20
        assert daemon.stop(NO_SIGNAL) == 0
        assert time.monotonic() - began_s < 2.0


def test_large_upload_that_is_completed_meanwhile(tmp_path: Path) -> None:
    """The same of a body that is spooled while it arrives."""
    body = body_of("large", "x" * 900_000)
    with serving(tmp_path) as daemon:
        upload = Upload(daemon, body, sent=800_000)
        eventually(lambda: in_flight(daemon, 800_000), "most of it")
        leave(daemon)
        eventually(lambda: is_closed(daemon), "the listener is closed")
        upload.complete()
        assert upload.answer() == (200, True)
        assert daemon.stop(NO_SIGNAL) == 0


def test_second_signal(tmp_path: Path) -> None:
    """A second SIGTERM does not wait for anybody, and nothing was acknowledged in vain."""
    ledger = Ledger()
    with serving(tmp_path) as daemon, senders(daemon.port, ledger):
        upload = Upload(daemon, body_of("endless", "x" * 1000), sent=500)
        eventually(lambda: len(ledger.acknowledged) > 100, "load")
        leave(daemon)
        daemon.wait_for("stopping")
        began_s = time.monotonic()
        assert daemon.stop() == 1
        assert time.monotonic() - began_s < 1.0
        upload.close()
    assert find_damage(tmp_path / "root", ledger) == Damage()
