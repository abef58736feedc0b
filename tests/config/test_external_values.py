"""Secrets and files to read come from next to the file, from systemd, or from variables."""

import os
import subprocess
import sys
from os import mkfifo
from pathlib import Path

import pytest

from asr_daemon.config.external_values import LARGEST_SECRET_BYTES, Sources, read_directory
from asr_daemon.config.problems import Wrong

WITHOUT_RIGHTS = ["setpriv", "--bounding-set=-all"] if os.geteuid() == 0 else []
"""What a command follows that is to respect modes even if it is run by root."""

READ = "let the daemon's user read it, pass it with LoadCredential=, or name another file"
LOCATE = """
import sys
from pathlib import Path
from asr_daemon.config.problems import Wrong
from asr_daemon.config.external_values import Sources

try:
    Sources(Path(), {}).locate(sys.argv[1])
except Wrong as wrong:
    print(wrong)
"""


def test_a_relative_path_is_looked_up_beside_the_file(tmp_path: Path) -> None:
    """Without systemd that is the only place."""
    (tmp_path / "key").write_text("beside")
    assert Sources(tmp_path, {}).read_secret_file("key") == "beside"


def test_credentials_of_systemd_come_first(tmp_path: Path) -> None:
    """What is not among them is still found next to the file."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "key").write_text("of systemd")
    (tmp_path / "key").write_text("beside")
    (tmp_path / "other").write_text("other")
    sources = Sources(tmp_path, {"CREDENTIALS_DIRECTORY": str(credentials)})
    assert sources.read_secret_file("key") == "of systemd"
    assert sources.read_secret_file("other") == "other"


def test_an_absolute_path_is_taken_as_it_is(tmp_path: Path) -> None:
    """Wherever the configuration stands."""
    (tmp_path / "key").write_text("absolute")
    sources = Sources(Path("/nowhere"), {"CREDENTIALS_DIRECTORY": "/nowhere"})
    assert sources.read_secret_file(str(tmp_path / "key")) == "absolute"


def test_a_missing_file_is_reported_with_every_place(tmp_path: Path) -> None:
    """Each place that was looked at is named, once."""
    sources = Sources(tmp_path, {"CREDENTIALS_DIRECTORY": "/nowhere"})
    with pytest.raises(Wrong) as relative:
        sources.locate("key")
    assert relative.value.wrong == f"no such file: /nowhere/key or {tmp_path}/key"
    with pytest.raises(Wrong) as absolute:
        sources.locate("/nowhere/key")
    assert absolute.value.wrong == "no such file: /nowhere/key"


@pytest.mark.parametrize(
    ("name", "environ", "said"),
    [
        (
            "key",
            {"NOTIFY_SOCKET": "@/x"},
            (
                "no such file: /nowhere/key ($CREDENTIALS_DIRECTORY is not set: no LoadCredential= "
                "is in effect); create it, or look for an empty LoadCredential= of a container in "
                "systemctl cat"
            ),
        ),
        (
            "/run/credentials/asr-daemon.service/key",
            {"NOTIFY_SOCKET": "@/x"},
            (
                "no such file: /run/credentials/asr-daemon.service/key ($CREDENTIALS_DIRECTORY is "
                "not set: no LoadCredential= is in effect); create it, or look for an empty "
                "LoadCredential= of a container in systemctl cat"
            ),
        ),
        (
            "key",
            {},
            (
                "no such file: /nowhere/key ($CREDENTIALS_DIRECTORY is not set: only systemd does "
                "that); create it or name another file"
            ),
        ),
        ("/nowhere/key", {}, "no such file: /nowhere/key; create it or name another file"),
        (
            "key",
            {"NOTIFY_SOCKET": "@/x", "CREDENTIALS_DIRECTORY": "/none"},
            "no such file: /none/key or /nowhere/key; create it or name another file",
        ),
    ],
)
def test_a_credential_that_systemd_has_not_passed_on(
    name: str, environ: dict[str, str], said: str
) -> None:
    with pytest.raises(Wrong) as caught:
        Sources(Path("/nowhere"), environ).locate(name)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    "name", ["$CREDENTIALS_DIRECTORY/key", "${CREDENTIALS_DIRECTORY}/key", "%d/key"]
)
def test_variables_are_not_expanded(name: str) -> None:
    with pytest.raises(Wrong) as caught:
        Sources(Path("/nowhere"), {"CREDENTIALS_DIRECTORY": "/none"}).locate(name)
    assert str(caught.value) == (
        f'"{name}": variables are not expanded here; write "key", which is looked up there first'
    )


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("~/key", "~"),
        ("~asr/key", "~"),
        ("~", "~"),
        ("$HOME/key", "$HOME"),
        ("/srv/${NAME}/key", "${NAME}"),
    ],
)
def test_what_a_shell_would_expand_is_reported(name: str, shown: str) -> None:
    said = f'"{shown}" is not expanded; write an absolute path'
    with pytest.raises(Wrong) as caught:
        Sources(Path("/nowhere"), {}).locate(name)
    assert str(caught.value) == said
    with pytest.raises(Wrong) as caught:
        read_directory(name)
    assert str(caught.value) == said


@pytest.mark.parametrize("name", ["s3://user:hunter2@bucket/x", "file:///srv/asr"])
def test_a_url_is_no_directory(name: str) -> None:
    with pytest.raises(Wrong) as caught:
        read_directory(name)
    assert str(caught.value) == "a URL, not a path; write the path of a directory of this machine"


@pytest.mark.parametrize("name", ["/srv/a~", "a~/b", "/srv/~/a", "/srv/$/a", "5$", "./~"])
def test_other_paths_are_as_written(name: str) -> None:
    assert read_directory(name) == Path(name)


@pytest.mark.parametrize("name", ["~", "$HOME"])
def test_what_a_shell_would_expand_may_be_a_name(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 0.1.0 has made such directories."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).mkdir()
    (tmp_path / name / "key").touch()
    assert read_directory(name) == Path(name)
    assert Sources(tmp_path, {}).locate(f"{name}/key") == tmp_path / name / "key"


def test_what_the_user_may_not_read_is_reported(tmp_path: Path) -> None:
    """By the file, or by the directory above it."""
    private = tmp_path / "live"
    private.mkdir()
    (private / "key").touch(mode=0)
    for mode, right in (
        (
            0o700,
            "let the daemon's user read it, pass it with LoadCredential=, or name another file",
        ),
        (0o600, f"let the daemon's user enter {private}, or pass the file with LoadCredential="),
    ):
        private.chmod(mode)
        done = subprocess.run(
            [*WITHOUT_RIGHTS, sys.executable, "-c", LOCATE, str(private / "key")],
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout == f"cannot read {private}/key (Permission denied); {right}\n"
    private.chmod(0o700)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (b"hunter2\n", "hunter2"),
        (b"hunter2\r\n", "hunter2"),
        (b"hunter2", "hunter2"),
        (b"hunter2\n\n", "hunter2\n"),
        (b" hunter2 \n", " hunter2 "),
    ],
)
def test_one_newline_at_the_end_is_cut(tmp_path: Path, content: bytes, secret: str) -> None:
    """Editors add one; everything else is the secret."""
    (tmp_path / "key").write_bytes(content)
    assert Sources(tmp_path, {}).read_secret_file("key") == secret


def test_a_pipe_is_not_opened(tmp_path: Path) -> None:
    """Opening it would wait for a writer for ever."""
    mkfifo(tmp_path / "key")
    with pytest.raises(Wrong, match=r"cannot read .*key \(not a regular file\)"):
        Sources(tmp_path, {}).locate("key")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    """A path that ends too early is told."""
    with pytest.raises(Wrong) as caught:
        Sources(tmp_path, {}).locate(".")
    assert str(caught.value) == f"is a directory: {tmp_path}; name a file in it"


def test_a_name_that_no_file_can_have_is_reported(tmp_path: Path) -> None:
    """A secret behind `!file` by mistake may be one."""
    with pytest.raises(Wrong, match="File name too long"):
        Sources(tmp_path, {}).locate("x" * 1000)


def test_a_large_file_is_no_secret(tmp_path: Path) -> None:
    """A wrong path does not fill the memory."""
    (tmp_path / "key").write_bytes(b"x" * (LARGEST_SECRET_BYTES + 1))
    with pytest.raises(Wrong, match="is too large for a secret"):
        Sources(tmp_path, {}).read_secret_file("key")


def test_bytes_are_no_secret(tmp_path: Path) -> None:
    """Secrets are text in UTF-8."""
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(Wrong, match="key is not UTF-8"):
        Sources(tmp_path, {}).read_secret_file("key")


def test_a_variable_is_read() -> None:
    """As it is."""
    assert Sources(Path(), {"KEY": "hunter2\n"}).read_variable("KEY") == "hunter2\n"


def test_a_variable_that_is_not_set_is_reported() -> None:
    """By its name."""
    with pytest.raises(Wrong, match='environment variable "KEY" is not set; set it or'):
        Sources(Path(), {}).read_variable("KEY")
