"""The sockets that the daemon listens on: bound by itself, or passed on by a service manager."""

import ctypes
import errno
import socket
import struct
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from tornado.netutil import bind_sockets

from asr_daemon.errors import Obstacle

_SO_ATTACH_FILTER = 26
"""Of socket(7), on the processors that Debian has; Python does not name it."""

_NO_SYN = (
    (0x30, 0, 0, 13),  # load the flags of the TCP header
    (0x54, 0, 0, 0x12),  # keep SYN and ACK
    (0x15, 0, 1, 0x02),  # is it SYN alone?
    (0x06, 0, 0, 0),  # then drop it
    (0x06, 0, 0, 0xFFFFFFFF),  # else let it through
)
"""For the kernel's packet filter: code, jumps if true and if false, operand."""

_TABLES = (Path("/proc/self/net/tcp"), Path("/proc/self/net/tcp6"))
"""Of proc_net(5): the sockets of this network, a line each."""

_LISTENS = "0A"
_EVERYWHERE = {"0" * 8, "0" * 32}
"""As those tables write them: a state, and the addresses that stand for all."""


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


def obstacles_at(address: str, port: int, key: str) -> list[Obstacle]:
    """Return why an address and port could not be opened, if so; never opens them to anybody.

    A port that somebody listens on is not judged: it may be the daemon that runs, or a service
    manager that will pass its socket on, which needs neither privilege nor an address that is up.
    """
    try:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, kind, _, _, name in found:
            # Where IPv6 is switched off, localhost has its address all the same.
            optional = address == "localhost" and name[0] == "::1"
            if family in (socket.AF_INET, socket.AF_INET6) and not optional:
                _try_out(family, kind, name)
    except OSError as error:
        return [_obstacle(address, port, key, error)]
    return []


def hold_off(listening: socket.socket) -> None:
    """Have the kernel drop who is new to a socket that is about to be closed.

    A client that hears nothing tries again after a second, and then finds who has taken over. It
    would be reset if it came between the last `accept` and `close`. Who is not new comes through.
    """
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *each) for each in _NO_SYN))
    fprog = struct.pack("@HP", len(_NO_SYN), ctypes.addressof(program))
    # Where the kernel has no such filter, nearly nobody is reset all the same.
    with suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)


def shown(address: str, port: int) -> str:
    """Return how URLs write an address and a port."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _try_out(family: int, kind: int, name: tuple[Any, ...]) -> None:
    try:
        with socket.socket(family, kind) as made:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind(name)
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EAFNOSUPPORT):
            return
        anywhere = {local for local, port in _listening() if port == name[1]}
        if error.errno == errno.EADDRNOTAVAIL:
            anywhere &= {_in_table(family, str(name[0])), *_EVERYWHERE}
        if not anywhere:
            raise


def _listening() -> Iterator[tuple[str, int]]:
    """Yield where anybody listens: the address as the kernel's tables write it, and the port."""
    for table in filter(Path.exists, _TABLES):
        for line in table.read_text(encoding="ascii").splitlines()[1:]:
            _, where, _, state, *_ = line.split()
            if state == _LISTENS:
                local, _, port = where.partition(":")
                yield local, int(port, 16)


def _in_table(family: int, address: str) -> str:
    packed = socket.inet_pton(family, address)
    words = (packed[at : at + 4] for at in range(0, len(packed), 4))
    return "".join(f"{int.from_bytes(each, sys.byteorder):08X}" for each in words)


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
