"""What Linux says of a process."""

import os
import subprocess
import sys

import pytest

from benchmarks.usage import cpu_s, parse_cpu_s, parse_mb, peak_rss_mb, rss_mb, wait_until_idle

STAT = (
    "4711 (a name) of mine) S 1 4711 4711 0 -1 4194560 9000 0 0 0 250 150 7 8 20 0 3 0 12345 "
    "50000000 9765 18446744073709551615 1 1 0 0 0 0 0 16781312 16386 0 0 0 17 1 0 0 0 0 0"
)
BUSY = "import time; print(flush=True)\nwhile time.process_time() < 0.3: pass\ntime.sleep(60)"
STATUS = "Name:\tpython3\nVmHWM:\t   50000 kB\nVmRSS:\t   40000 kB\nThreads:\t3\n"


def test_cpu_is_user_and_kernel_time() -> None:
    """Neither a name with brackets nor the children's time counts."""
    assert parse_cpu_s(STAT) == pytest.approx(400 / os.sysconf("SC_CLK_TCK"))


def test_memory_in_mb() -> None:
    """The kernel's kB have 1024 bytes, a MB here 10^6."""
    assert parse_mb(STATUS, "VmRSS") == pytest.approx(40.96)
    assert parse_mb(STATUS, "VmHWM") == pytest.approx(51.2)


def test_absent_field() -> None:
    """A process without memory of its own, such as a zombie, is an error."""
    with pytest.raises(ValueError, match="VmRSS"):
        parse_mb("Name:\tpython3\n", "VmRSS")


def test_this_process() -> None:
    """The files are where they are looked for."""
    assert cpu_s(os.getpid()) > 0
    assert 0 < rss_mb(os.getpid()) <= peak_rss_mb(os.getpid())


def test_waits_while_a_process_computes() -> None:
    """A server that still works on what is left has not finished."""
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        wait_until_idle(process.pid)
        assert cpu_s(process.pid) > 0.2
        process.terminate()
