"""The sockets that the daemon listens on: bound by itself, or inherited from a service manager."""

import errno
import socket
from collections.abc import Iterable, Sequence
from typing import Any

from tornado.netutil import bind_sockets

from asr_daemon.errors import UnusableSetting
from asr_daemon.networks import reachable

_IP_FREEBIND = 15
"""Of ip(7); Python does not name it."""

_CONNECT_TIMEOUT_S = 1.0

_FAMILIES = (socket.AF_INET, socket.AF_INET6)


class Ports:
    """Opens ports; an inherited socket serves the listener that is configured with its port."""

    def __init__(self, inherited: Sequence[socket.socket] = ()) -> None:
        """`inherited` are listening, and stay open when the daemon ends."""
        self._inherited: dict[int, list[socket.socket]] = {}
        for listening in inherited:
            if listening.family in _FAMILIES:
                self._inherited.setdefault(listening.getsockname()[1], []).append(listening)

    def is_inherited(self, port: int) -> bool:
        """Return whether the connections that wait at a port may be left to the next process."""
        return port in self._inherited

    def unused(self, wanted: Iterable[int]) -> list[int]:
        """Return the inherited ports that are not wanted."""
        return sorted(self._inherited.keys() - set(wanted))

    def open(self, address: str, port: int, key: str) -> list[socket.socket]:
        """Return sockets that listen at an address and port.

        Args:
            address: an IP address or a host name; of an inherited port any will do.
            port: 0 for any that is free.
            key: the setting, for the message.

        Raises:
            UnusableSetting: the address is in use, not one of this machine, or not allowed.
        """
        if port in self._inherited:
            return [listening.dup() for listening in self._inherited[port]]
        try:
            return bind_sockets(port, address)
        except OSError as error:
            raise _unusable_port(address, port, key, error) from error


def bind_problems(address: str, port: int, key: str) -> list[UnusableSetting]:
    """Return why an address and port could not be opened, if so; never listens on them.

    A port that is listened on already is not judged: it may be the daemon that runs, or a service
    manager that will pass its socket on, which needs neither privilege nor an address that is up.
    """
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, _, _, name in found:
            # Where IPv6 is switched off, localhost has its address all the same.
            is_optional = address == "localhost" and name[0] == "::1"
            if family in _FAMILIES and not is_optional:
                _try_bind(family, kind, name)
    except OSError as error:
        return [_unusable_port(address, port, key, error)]
    return []


def netloc(address: str, port: int) -> str:
    """Return an address and a port as URLs have them."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _try_bind(family: int, kind: int, name: tuple[Any, ...]) -> None:
    with socket.socket(family, kind) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            trial.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        try:
            trial.bind(name)
        except OSError as error:
            if not _is_listened_on(trial, name, error):
                raise


def _is_listened_on(trial: socket.socket, name: tuple[Any, ...], error: OSError) -> bool:
    """Return whether a bind failed at a port that another socket listens on already."""
    if error.errno == errno.EADDRNOTAVAIL:
        # As systemd does with FreeBind=yes: in use means that it, or a wildcard, listens there.
        trial.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
        try:
            trial.bind(name)
        except OSError as second:
            return second.errno == errno.EADDRINUSE
        return False
    if error.errno == errno.EACCES:
        trial.settimeout(_CONNECT_TIMEOUT_S)
        return trial.connect_ex((reachable(name[0]), *name[1:])) == 0
    return error.errno in (errno.EADDRINUSE, errno.EAFNOSUPPORT)


def _unusable_port(address: str, port: int, key: str, error: OSError) -> UnusableSetting:
    where = netloc(address, port)
    right = "write an address of this machine and a port that the daemon may listen on"
    if error.errno == errno.EADDRINUSE:
        right = "stop what listens there (is another asr-daemon running?), or write another port"
    elif error.errno == errno.EACCES:
        right = "write a port above 1023, or let systemd open it (asr-daemon.socket)"
    return UnusableSetting(key, f"cannot listen on {where} ({error.strerror})", right)
