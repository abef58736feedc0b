"""`asr-daemon check` does what a start does."""

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from tests.commands.conftest import Run


def test_nothing_is_wrong(tmp_path: Path, run: Run) -> None:
    """And nothing is left behind."""
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"output: {{root: {tmp_path}/root}}\nstate: {tmp_path}/state\n")
    assert run("check", "--config", file) == (0, f"{file}: ok\n", "")
    assert list(tmp_path.iterdir()) == [file]


def test_a_setting_without_effect_is_a_warning(tmp_path: Path, run: Run) -> None:
    """A daemon starts with it."""
    file = tmp_path / "asr-daemon.yaml"
    limits = "limits: {memory: 256MiB}"
    file.write_text(f"output: {{root: {tmp_path}/root}}\nstate: {tmp_path}/state\n{limits}\n")
    warning = "limits.memory: has no effect; large bodies wait on disk: remove the line"
    told = f"{file}:3: {warning} (warning)\n{file}: ok, 1 warning\n"
    assert run("check", "--config", file) == (0, told, "")


def test_all_mistakes_are_reported_with_line_and_remedy(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "asr-daemon.yaml"
    file.write_text("lisen: []\nlimits: {shutdown: 10}\n")
    assert run("check", "-c", file) == (
        78,
        "",
        (
            f'{file}:1: lisen: unknown setting; did you mean "listen"?\n'
            f'{file}:2: limits.shutdown: invalid duration "10"; '
            "write 10s (units: ms, s, m, h, d)\n"
            "not tried until these are fixed: certificates, directories, ports\n"
        ),
    )


def test_warnings_are_shown_with_mistakes(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "asr-daemon.yaml"
    file.write_text("lisen: []\nclient_address_header: x-real-ip\n")
    assert run("check", "-c", file) == (
        78,
        (
            f"{file}:2: client_address_header: has no effect without trusted_proxies; "
            "write the networks of your proxies there, or remove the line (warning)\n"
        ),
        (
            f'{file}:1: lisen: unknown setting; did you mean "listen"?\n'
            "not tried until these are fixed: certificates, directories, ports\n"
        ),
    )


def test_a_root_that_cannot_be_made(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason and the directory are named, not what was tried there."""

    def refuse(path: str, _mode: int) -> None:
        raise OSError(errno.ENOENT, "No such file or directory", path)

    monkeypatch.setattr(os, "makedirs", refuse)
    right = "write a directory that is there for this daemon alone"
    wrong = f"cannot be used: cannot make a directory (No such file or directory): {tmp_path}"
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"output: {{root: {tmp_path}/root}}\nstate: {tmp_path}/state\n")
    assert run("check", "-c", file) == (78, "", f"{file}:1: output.root: {wrong}; {right}\n")


def test_what_only_a_start_finds_is_reported(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "asr-daemon.yaml"
    file.write_text(f"output:\n  root: {file}\nstate: {tmp_path}/state\n")
    status, _, err = run("check", "--config", file)
    assert status == 78
    assert err.startswith(f"{file}:2: output.root: cannot be used: ")


YESTERDAY = datetime.now(UTC) - timedelta(days=1)
ELSEWHERE = "192.0.2.1"
"""Of TEST-NET-1: nobody's."""
OPEN = "{tencent: {allow_unauthenticated: true}, huawei: {enabled: false}}"


@pytest.fixture
def taken() -> Iterator[int]:
    """Return a port that somebody listens on, at every address."""
    with socket.create_server(("", 0)) as server:
        yield int(server.getsockname()[1])


def checked(run: Run, folder: Path, settings: str) -> tuple[int, str]:
    """Return the status of a check, and what it complains of."""
    file = folder / "asr-daemon.yaml"
    file.write_text(f"output: {{root: {folder}/root}}\nstate: {folder}/state\n{settings}\n")
    status, _, err = run("check", "--config", file)
    return status, err.replace(f"{file}:", "")


def test_an_address_of_another_machine(tmp_path: Path, run: Run) -> None:
    """A start would fail, for callbacks and for the admin."""
    right = "write an address of this machine and a port that the daemon may listen on"
    told = f"cannot listen on {ELSEWHERE}:0 (Cannot assign requested address); {right}\n"
    admin = f"admin: {{address: {ELSEWHERE}, port: 0}}"
    assert checked(run, tmp_path, admin) == (78, f"3: admin.port: {told}")
    callbacks = f"listen: [{{port: 0}}, {{address: {ELSEWHERE}, port: 0}}]\nproviders: {OPEN}"
    assert checked(run, tmp_path, callbacks) == (78, f"3: listen[1].port: {told}")


def test_a_port_that_is_taken(tmp_path: Path, run: Run, taken: int) -> None:
    """It may be the daemon itself, or systemd, which passes its socket on at whatever address."""
    assert checked(run, tmp_path, f"admin: {{port: {taken}}}") == (0, "")
    assert checked(run, tmp_path, f"admin: {{address: {ELSEWHERE}, port: {taken}}}") == (0, "")


def test_a_port_that_is_taken_elsewhere(tmp_path: Path, run: Run) -> None:
    """The daemon, as it is now, tells nothing of where it cannot be."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        status, err = checked(run, tmp_path, f"admin: {{address: {ELSEWHERE}, port: {port}}}")
    assert status == 78
    assert err.startswith(f"3: admin.port: cannot listen on {ELSEWHERE}:{port} (")


def test_a_certificate_that_senders_may_refuse_is_a_warning(tmp_path: Path, run: Run) -> None:
    pair, file = trustme.CA().issue_cert("asr.example", not_after=YESTERDAY), tmp_path / "c.pem"
    pair.private_key_and_cert_chain_pem.write_to_path(file)
    tls = f"listen: [{{port: 0, tls: {{certificate: {file}, key: {file}}}}}]"
    config = tmp_path / "asr-daemon.yaml"
    config.write_text(f"output: {{root: {tmp_path}/root}}\nstate: {tmp_path}/state\n{tls}\n")
    status, out, err = run("check", "--config", config)
    incomplete, expired, ok = out.splitlines()
    assert (status, ok, err) == (0, f"{config}: ok, 2 warnings", "")
    assert f"is neither in {file} nor trusted by this machine" in incomplete
    assert incomplete.startswith(f"{config}:3: listen[0].tls: ")
    assert expired == (
        f"{config}:3: listen[0].tls: a certificate has expired: renew it ({file}) (warning)"
    )


def test_a_certificate_in_another_form_is_named(tmp_path: Path, run: Run) -> None:
    file = tmp_path / "c.der"
    file.write_bytes(ssl.PEM_cert_to_DER_cert(trustme.CA().cert_pem.bytes().decode()))
    tls = f"listen: [{{port: 0, tls: {{certificate: {file}, key: {file}}}}}]"
    command = f"run: openssl x509 -inform DER -in {file} -out NEW.pem"
    assert checked(run, tmp_path, tls) == (
        78,
        f"3: listen[0].tls: cannot be loaded: it is DER ({file}); {command}\n",
    )
