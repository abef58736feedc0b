"""What a service manager and the daemon tell each other: sd_notify(3), sd_listen_fds(3).

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
        """Take the environment that it left."""
        self._address = environ.get("NOTIFY_SOCKET", "")
        self._environ = environ

    @property
    def watchdog_s(self) -> float | None:
        """How long it may hear no `alive` before it restarts the daemon; `None` for ever."""
        wanted = self._environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        given = self._environ.get("WATCHDOG_USEC", "")
        microseconds = int(given) if wanted and given.isdecimal() else 0
        return microseconds / 1e6 if microseconds else None

    def is_journal(self, descriptor: int) -> bool:
        """Say whether what is written to a descriptor goes to the journal directly."""
        journal = self._environ.get("JOURNAL_STREAM")
        if journal is None:
            return False
        status = os.fstat(descriptor)
        return journal == f"{status.st_dev}:{status.st_ino}"

    def sockets(self) -> list[socket.socket]:
        """Return the listening sockets that it passed on, which stay open in it."""
        if self._environ.get("LISTEN_PID") != str(os.getpid()):
            return []
        count = int(self._environ.get("LISTEN_FDS", "0"))
        descriptors = range(FIRST_DESCRIPTOR, FIRST_DESCRIPTOR + count)
        for each in descriptors:
            os.set_inheritable(each, False)
        return [socket.socket(fileno=each) for each in descriptors]

    def ready(self) -> None:
        """Say that the daemon serves, or serves with the new configuration."""
        self._tell("READY=1")

    def reloading(self) -> None:
        """Say that the configuration is being read anew; `ready` ends that."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self) -> None:
        """Say that the daemon is leaving."""
        self._tell("STOPPING=1")

    def alive(self) -> None:
        """Say that the daemon is well."""
        self._tell("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """Say what `systemctl status` is to show, in one line."""
        self._tell(f"STATUS={' '.join(sentence.split())}")

    def _tell(self, state: str) -> None:
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
            _log.warning("the service manager cannot be told %s: %s", what, error.strerror)
