"""The service manager's interface: sd_notify(3), sd_listen_fds(3).

Both are a few environment variables and a datagram; without a manager nothing happens.
"""

import logging
import os
import socket
import time
from collections.abc import Mapping

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START."""

_log = logging.getLogger(__name__)


class Manager:
    """The service manager that started this process, if one did."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._environ = environ

    @property
    def watchdog_s(self) -> float | None:
        """After how long without `alive` the daemon is restarted; `None`: never."""
        is_ours = self._environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        timeout = self._environ.get("WATCHDOG_USEC", "")
        microseconds = int(timeout) if is_ours and timeout.isdecimal() else 0
        return microseconds / 1e6 if microseconds else None

    def is_journal(self, descriptor: int) -> bool:
        """Return whether a descriptor is connected to the journal."""
        journal = self._environ.get("JOURNAL_STREAM")
        if journal is None:
            return False
        status = os.fstat(descriptor)
        return journal == f"{status.st_dev}:{status.st_ino}"

    def sockets(self) -> list[socket.socket]:
        """Return the inherited listening sockets, which the manager keeps open, too."""
        if self._environ.get("LISTEN_PID") != str(os.getpid()):
            return []
        count = int(self._environ.get("LISTEN_FDS", "0"))
        descriptors = range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + count)
        for descriptor in descriptors:
            os.set_inheritable(descriptor, False)
        return [socket.socket(fileno=descriptor) for descriptor in descriptors]

    def ready(self) -> None:
        """Notify that the daemon has started or reloaded."""
        self._notify("READY=1")

    def reloading(self) -> None:
        """Notify that a reload begins; `ready` ends it."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._notify(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        """Notify that the shutdown begins."""
        self._notify("STOPPING=1")

    def alive(self) -> None:
        """Reset the watchdog."""
        self._notify("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """Set what `systemctl status` shows, in one line."""
        self._notify(f"STATUS={' '.join(sentence.split())}")

    def _notify(self, state: str) -> None:
        if not self._address:
            return
        address = self._address
        if address.startswith("@"):
            address = f"\0{address[1:]}"
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.sendto(state.encode(), socket.MSG_DONTWAIT, address)
        except OSError as error:
            what = state.partition("=")[0]
            _log.warning("service manager not notified of %s: %s", what, error.strerror)
