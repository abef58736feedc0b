"""The sockets that the daemon listens on: bound by itself, or passed on by a service manager."""

import errno
import socket
from collections.abc import Iterable, Sequence

from tornado.netutil import bind_sockets

from asr_daemon.errors import Obstacle


class Ports:
    """Opens ports; knows those that were open before the daemon."""

    def __init__(self, inherited: Sequence[socket.socket] = ()) -> None:
        """Take listening sockets that stay open when the daemon ends.

        Each serves the listener that is configured with its port, at whatever address.
        """
        self._inherited: dict[int, list[socket.socket]] = {}
        for each in inherited:
            if each.family in (socket.AF_INET, socket.AF_INET6):
                self._inherited.setdefault(each.getsockname()[1], []).append(each)

    def is_inherited(self, port: int) -> bool:
        """Say whether what waits at a port may be left to the next process."""
        return port in self._inherited

    def unused(self, wanted: Iterable[int]) -> list[int]:
        """Return the inherited ports that nobody wants."""
        return sorted(self._inherited.keys() - set(wanted))

    def open(
        self, address: str, port: int, key: str, giving_way: Sequence[socket.socket] = ()
    ) -> list[socket.socket]:
        """Return sockets that listen at an address and port.

        Args:
            address: an IP address or a host name.
            port: 0 for any that is free.
            key: the setting, for the message.
            giving_way: sockets of ours that may be in the way and will be closed soon.

        Raises:
            Obstacle: the address is taken, not one of this machine, or not allowed.
        """
        if port in self._inherited:
            return [each.dup() for each in self._inherited[port]]
        try:
            return _bind(address, port, giving_way)
        except OSError as error:
            raise _obstacle(address, port, key, error) from error


def shown(address: str, port: int) -> str:
    """Return how URLs write an address and a port."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _bind(address: str, port: int, giving_way: Sequence[socket.socket]) -> list[socket.socket]:
    """Bind beside sockets of ours, as from 127.0.0.1 to 0.0.0.0, without a gap between them."""
    beside = [each for each in giving_way if each.getsockname()[1] == port != 0]
    for each in beside:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made = bind_sockets(port, address, reuse_port=bool(beside))
    for each in made:
        # From now on a second daemon is told that the port is taken.
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)
    return made


def _obstacle(address: str, port: int, key: str, error: OSError) -> Obstacle:
    where = shown(address, port)
    right = "write an address of this machine and a port that the daemon may listen on"
    if error.errno == errno.EADDRINUSE:
        right = "stop what listens there (is another asr-daemon running?), or write another port"
    elif error.errno == errno.EACCES:
        right = "write a port above 1023, or let systemd open it (asr-daemon.socket)"
    return Obstacle(key, f"cannot listen on {where} ({error.strerror})", right)
