"""Certificates that change while the daemon shows them."""

import ssl
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.client import HTTPSConnection
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.conftest import NoteFigure
from tests.daemon.administrator import Administrator, administered
from tests.daemon.clients import TENCENT_PATH, body_of
from tests.daemon.load import load
from tests.daemon.pairs import (
    ADDRESS,
    Authority,
    Files,
    Pair,
    both_by_link,
    by_link,
    by_rename,
    in_place,
    one_by_one,
    secure,
    serial_at,
)
from tests.daemon.serving import eventually, metric

BAR_S = 2.0
"""Within which a new certificate is shown, from when the pair is complete."""
DAY_S = 86_400.0

Rotate = Callable[[Files, Pair], None]


@pytest.fixture(scope="module")
def authority() -> Authority:
    """Return the authority of most tests."""
    return Authority()


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Administrator]:
    """Run one daemon for all tests; each gives its listeners other certificates."""
    with administered(tmp_path_factory.mktemp("certificates")) as started:
        yield started


@pytest.fixture
def files(tmp_path: Path) -> Files:
    """Return where the pair of most tests lies, in a folder of its own."""
    (tmp_path / "tls").mkdir()
    return Files(tmp_path / "tls" / "certificate.pem", tmp_path / "tls" / "key.pem")


def put(files: Files, pair: Pair) -> Pair:
    """Write both files, and return the pair."""
    files.certificate.write_bytes(pair.certificate)
    files.key.write_bytes(pair.key)
    return pair


def listen(files: Files, **more: str) -> list[dict[str, Any]]:
    """Return the setting of one listener with TLS."""
    return [{"address": ADDRESS, "port": 0, "tls": {**files.settings(), **more}}]


def shown_soon(port: int, pair: Pair) -> float:
    """Wait until a certificate is shown, and return how many seconds that took."""
    return eventually(lambda: serial_at(port) == pair.serial, "the new certificate is shown")


def post(port: int, context: ssl.SSLContext) -> int:
    """Post a result, and return the status."""
    connection = HTTPSConnection(ADDRESS, port, timeout=30.0, context=context)
    try:
        connection.request("POST", TENCENT_PATH, body_of("1", "x"))
        return connection.getresponse().status
    finally:
        connection.close()


def check_rotations(
    admin: Administrator, authority: Authority, files: Files, ways: Sequence[Rotate]
) -> tuple[list[float], int]:
    """Change a pair under load; return how long each took to be shown, and how many handshakes."""
    put(files, authority.issue())
    took_s = []
    admin.edit(listen=listen(files))
    context = authority.context()
    with load(secure(admin.daemon.port, context), clients=4) as seen:
        eventually(lambda: len(seen.answered_in_s) > 20, "load")
        for rotate in ways:
            pair = authority.issue()
            rotate(files, pair)
            took_s.append(shown_soon(admin.daemon.port, pair))
        eventually(lambda: admin.facts()["warnings"] == [], "no warning is left")
    assert "Traceback" not in admin.daemon.log
    assert seen.lost == []
    return took_s, len(seen.answered_in_s)


def orders(pauses_s: Sequence[float]) -> list[Rotate]:
    """Return a way for each of three ways to replace one file, each order, and each pause."""
    return [
        partial(one_by_one, replace=replace, key_first=key_first, pause_s=pause_s)
        for replace in (in_place, by_rename, by_link)
        for key_first in (False, True)
        for pause_s in pauses_s
    ]


def test_rotation_under_load(
    admin: Administrator, authority: Authority, files: Files, note_figure: NoteFigure
) -> None:
    """A new pair is shown, whichever file came first; no handshake fails."""
    took_s, _ = check_rotations(admin, authority, files, [*orders([0.1])[::2], both_by_link])
    note_figure("ms at worst until the new certificate was shown", round(max(took_s) * 1000))
    assert max(took_s) < BAR_S


@pytest.mark.long
def test_many_rotations_under_load(
    admin: Administrator,
    authority: Authority,
    files: Files,
    chance: Random,
    note_figure: NoteFigure,
) -> None:
    """The same fifty times, the files from nothing to a second apart."""
    ways = [*orders([0.0, 0.02, 0.05, 0.1, 0.2, 0.4, 1.0]), *[both_by_link] * 8]
    chance.shuffle(ways)
    took_s, answered = check_rotations(admin, authority, files, ways)
    note_figure("changes of certificate", len(ways))
    note_figure("requests were acknowledged meanwhile", answered)
    note_figure("ms at worst until the new certificate was shown", round(max(took_s) * 1000))
    assert max(took_s) < BAR_S


def test_pair_that_does_not_match(admin: Administrator, authority: Authority, files: Files) -> None:
    """Nothing changes, and it is said wherever an admin looks, until the pair is complete."""
    before, after = put(files, authority.issue()), authority.issue()
    admin.edit(listen=listen(files))
    files.certificate.write_bytes(after.certificate)
    eventually(lambda: admin.facts()["warnings"], "it is noticed")
    [wrong] = admin.facts()["warnings"]
    assert wrong.startswith("listen[0].tls: cannot be loaded: ")
    assert "the key is not that of " in wrong
    assert f"ERROR   certificate not loaded, the old one stays active: {wrong}" in admin.daemon.log
    assert serial_at(admin.daemon.port) == before.serial
    assert admin.daemon.get("/readyz") == (200, f"ready\n{wrong}\n".encode())
    assert metric(admin.daemon, "asr_daemon_config_valid") == {(): 1}
    files.key.write_bytes(after.key)
    assert shown_soon(admin.daemon.port, after) < BAR_S
    assert admin.daemon.get("/readyz") == (200, b"ready\n")


def test_files_that_are_gone(admin: Administrator, authority: Authority, files: Files) -> None:
    """A certificate stays in use when its files are deleted, and the next one is taken."""
    before, after = put(files, authority.issue()), authority.issue()
    admin.edit(listen=listen(files))
    files.certificate.unlink()
    files.key.unlink()
    eventually(lambda: admin.daemon.get("/readyz").body != b"ready\n", "it is said")
    assert serial_at(admin.daemon.port) == before.serial
    put(files, after)
    assert shown_soon(admin.daemon.port, after) < BAR_S
    eventually(lambda: admin.daemon.get("/readyz").body == b"ready\n", "it is well again")


def test_mistake_in_the_configuration(
    admin: Administrator, authority: Authority, files: Files
) -> None:
    """A file that cannot be used keeps no new certificate from being shown, then or later."""
    put(files, authority.issue())
    admin.edit(listen=listen(files))
    admin.file.write_text("{")
    eventually(lambda: metric(admin.daemon, "asr_daemon_config_valid") == {(): 0}, "it is noticed")
    for _ in range(2):
        pair = put(files, authority.issue())
        assert shown_soon(admin.daemon.port, pair) < BAR_S
    assert metric(admin.daemon, "asr_daemon_config_valid") == {(): 0}


def test_expiry(admin: Administrator, authority: Authority, files: Files) -> None:
    """When a certificate expires is a metric, and in the status."""
    put(files, authority.issue(days=15))
    admin.edit(listen=listen(files))
    name = "asr_daemon_certificate_expiry_timestamp_seconds"
    [(labels, expires_at_s)] = metric(admin.daemon, name, "certificate").items()
    assert labels == (str(files.certificate),)
    put(files, authority.issue(days=115))
    eventually(
        lambda: metric(admin.daemon, name, "certificate")[labels] > expires_at_s + 99 * DAY_S,
        "the metric follows",
    )
    [shown] = admin.facts()["certificates"]
    assert shown["file"] == str(files.certificate)


@pytest.mark.parametrize(("days", "verb"), [(13.9, "expires soon"), (-1.0, "has expired")])
def test_warning_of_expiry(
    admin: Administrator, authority: Authority, files: Files, days: float, verb: str
) -> None:
    """Fourteen days ahead, and when it is too late, a warning names the file; it is shown on."""
    pair = put(files, authority.issue(days=days))
    admin.edit(listen=listen(files))
    admin.daemon.wait_for(
        rf"WARNING a certificate {verb}: renew it certificate={files.certificate}"
    )
    assert serial_at(admin.daemon.port) == pair.serial
    assert admin.daemon.get("/readyz").status == 200


def test_several_listeners(admin: Administrator, authority: Authority, tmp_path: Path) -> None:
    """Each listener has its own certificate, and one that cannot change keeps no other back."""
    both = [Files(tmp_path / f"{n}.pem", tmp_path / f"{n}.key") for n in range(2)]
    before = [put(files, authority.issue()) for files in both]
    admin.edit(listen=[each for files in both for each in listen(files)])
    ports = [int(url.rpartition(":")[2]) for url in admin.facts()["listeners"]]
    assert [serial_at(port) for port in ports] == [pair.serial for pair in before]
    both[0].certificate.write_bytes(b"no certificate")
    after = put(both[1], authority.issue())
    assert shown_soon(ports[1], after) < BAR_S
    assert serial_at(ports[0]) == before[0].serial
    [warning] = admin.facts()["warnings"]
    assert warning.startswith("listen[0].tls: ")


def test_client_certificates(admin: Administrator, authority: Authority, files: Files) -> None:
    """Who shows a certificate of `client_ca` is let in; with another authority, others are."""
    put(files, authority.issue())
    partners = [Authority(), Authority()]
    known = files.key.with_name("partners.pem")
    known.write_bytes(partners[0].certificate)
    contexts = [authority.context(each.issue(), known.parent) for each in partners]
    admin.edit(listen=listen(files, client_ca=str(known)))
    assert post(admin.daemon.port, contexts[0]) == 200
    for refused in (authority.context(), contexts[1]):
        with pytest.raises(OSError, match=r"(?i)alert|reset|broken|eof"):
            post(admin.daemon.port, refused)
    known.write_bytes(partners[1].certificate)
    eventually(lambda: lets_in(admin.daemon.port, contexts[1]), "the other one is let in")
    assert not lets_in(admin.daemon.port, contexts[0])


def lets_in(port: int, context: ssl.SSLContext) -> bool:
    """Say whether a client may post."""
    try:
        return post(port, context) == 200
    except OSError:
        return False
