"""What a process has used, as Linux counts it."""

import os
import re
import time
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_UTIME, _STIME = 11, 12
"""Fields 14 and 15 of /proc/PID/stat, counted from behind the name (proc(5))."""

_LOOK_S = 0.2
_QUIET_LOOKS = 2
_QUIET_S = 0.011
"""A tick at most: a server that waits computes a little as well."""
_PATIENCE_S = 30.0


def cpu_s(pid: int) -> float:
    """Return the time that all threads of a process have computed, in user and kernel mode."""
    return parse_cpu_s(Path(f"/proc/{pid}/stat").read_text(encoding="utf-8"))


def wait_until_idle(pid: int) -> None:
    """Wait until a process has nothing more to do, for half a minute at most.

    When load ends, a server may still work for a while on requests whose senders are gone, and
    would take time from whoever is measured next.
    """
    quiet = 0
    deadline_s = time.monotonic() + _PATIENCE_S
    while quiet < _QUIET_LOOKS and time.monotonic() < deadline_s:
        before_s = cpu_s(pid)
        time.sleep(_LOOK_S)
        quiet = quiet + 1 if cpu_s(pid) - before_s <= _QUIET_S else 0


def rss_mb(pid: int) -> float:
    """Return the memory that a process has now, in MB (10^6 bytes)."""
    return parse_mb(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), "VmRSS")


def peak_rss_mb(pid: int) -> float:
    """Return the most memory that a process ever had, in MB (10^6 bytes)."""
    return parse_mb(Path(f"/proc/{pid}/status").read_text(encoding="utf-8"), "VmHWM")


def parse_cpu_s(stat: str) -> float:
    """Return user and kernel time from the content of /proc/PID/stat."""
    fields = stat.rpartition(")")[2].split()
    return (int(fields[_UTIME]) + int(fields[_STIME])) / _TICKS_PER_S


def parse_mb(status: str, field: str) -> float:
    """Return a field in kB of /proc/PID/status in MB (the kernel's kB are 1024 bytes)."""
    found = re.search(rf"^{field}:\s+(\d+) kB$", status, re.MULTILINE)
    if found is None:
        raise ValueError(f"there is no {field}")
    return int(found[1]) * 1024 / 1e6
