"""Mounts that do not outlive the test, whatever becomes of it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

_REPOSITORY = Path(__file__).parents[2]
_UNMOUNT_TIMEOUT_S = 20.0
_SERVER_END_TIMEOUT_S = 1.0

_GUARD = """
read -r _
umount --recursive "$1" 2>/dev/null || umount --recursive --lazy "$1"
rmdir "$1"
"""
"""Waits for a line, or for the end of whoever was to write it, and then clears everything away."""


def run(*command: str) -> None:
    """Run a tool to its end.

    Raises:
        subprocess.CalledProcessError: it failed; standard error says why.
    """
    subprocess.run(command, check=True)


@contextmanager
def work_directory() -> Iterator[Path]:
    """Yield an empty directory in memory; everything that is mounted below it goes with it.

    A process of its own does the clearing, so that it also happens when this one is killed.
    """
    directory = mkdtemp(prefix="asr-daemon-durability-")
    guard = subprocess.Popen(
        ["/bin/sh", "-c", _GUARD, "guard", directory],
        stdin=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        run("mount", "-t", "tmpfs", "-o", "mode=0755", "asr-daemon-durability", directory)
        yield Path(directory)
    finally:
        guard.communicate(b"\n", timeout=_UNMOUNT_TIMEOUT_S)


@contextmanager
def mounted(source: Path | str, directory: Path, *options: str) -> Iterator[Path]:
    """Mount `source` on a new `directory`, with `-o` and other `options`, and yield `directory`.

    A file is mounted through a loop device, which goes away with the mount.
    """
    directory.mkdir()
    run("mount", *options, str(source), str(directory))
    try:
        yield directory
    finally:
        _unmount(directory)
        directory.rmdir()


@contextmanager
def fuse_mounted(bed: str, directory: Path, *arguments: str) -> Iterator[Path]:
    """Serve `bed` (see `fuse_server`) on a new `directory` from a process of its own.

    The test may then do to the mount what it likes: it never has to answer its own requests.

    Raises:
        RuntimeError: the server did not come up; standard error says why.
    """
    directory.mkdir()
    with subprocess.Popen(
        [sys.executable, "-m", "tests.durability.fuse_server", bed, str(directory), *arguments],
        cwd=_REPOSITORY,
        # The binding would take libfuse 2 where both are installed.
        env={**os.environ, "FUSE_LIBRARY_NAME": "fuse3"},
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as server:
        try:
            if server.stdout is None or not server.stdout.readline():
                raise RuntimeError("the FUSE server did not start")
            yield directory
        finally:
            _unmount(directory)
            _reap(server)


def _unmount(directory: Path) -> None:
    """Unmount; what is still in use, or broken, is taken out of sight at once."""
    try:
        run("umount", str(directory))
    except subprocess.CalledProcessError:
        with suppress(subprocess.CalledProcessError):
            run("umount", "--lazy", str(directory))


def _reap(server: "subprocess.Popen[bytes]") -> None:
    """Wait for a server that ends with its mount; kill it if somebody still holds the mount."""
    try:
        server.wait(timeout=_SERVER_END_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        server.kill()
