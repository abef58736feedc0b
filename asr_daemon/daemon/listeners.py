"""The listeners for callbacks: which are open, and how others take their place without a gap."""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from msgspec import Struct

from asr_daemon.config.model import ListenSettings
from asr_daemon.daemon.sockets import Ports, hold_off, shown
from asr_daemon.daemon.wiring import make_tls
from asr_daemon.errors import Obstacle
from asr_daemon.web.connections import Connections
from asr_daemon.web.in_flight import InFlight
from asr_daemon.web.intake import Routing
from asr_daemon.web.server import CallbackServer
from asr_daemon.web.tls import BETTER_FILES, Tls, UnfitFile

_DAY_S = 86_400.0

_log = logging.getLogger(__name__)

_Place = tuple[str, int, int]
"""Address and port as they are configured, and a number where several entries have the same."""


class _Serving(Struct, frozen=True):
    """A listener that is open, and what for."""

    server: CallbackServer
    settings: ListenSettings
    tls: Tls | None


@dataclass(frozen=True, slots=True)
class Plan:
    """What the next listeners need, got before anything is changed."""

    settings: dict[_Place, ListenSettings]
    tls: dict[_Place, Tls | None] = field(default_factory=dict)
    sockets: dict[_Place, list[socket.socket]] = field(default_factory=dict)

    def drop(self) -> None:
        """Close what was opened for nothing."""
        for each in [one for opened in self.sockets.values() for one in opened]:
            each.close()


class Listeners:
    """All listeners for callbacks."""

    def __init__(
        self,
        ports: Ports,
        connections: Connections,
        routing: Routing,
        in_flight: InFlight,
    ) -> None:
        """Take what opens ports, and what all listeners have in common."""
        self._ports = ports
        self._connections = connections
        self._routing = routing
        self._in_flight = in_flight
        self._serving: dict[_Place, _Serving] = {}
        self._complaints: dict[str, str] = {}
        self._warned_at_s: dict[str, float] = {}

    @property
    def certificates(self) -> dict[str, float]:
        """When each certificate that is shown expires, in Unix seconds, by its file."""
        shown = (each.tls for each in self._serving.values() if each.tls is not None)
        return {str(tls.certificate): tls.expires_at_s for tls in shown}

    @property
    def complaints(self) -> list[str]:
        """What is wrong with certificates that could not take the place of those before."""
        return list(self._complaints.values())

    @property
    def urls(self) -> list[str]:
        """Where callbacks are received."""
        return [
            f"{_scheme(each.tls)}://{shown(*one.getsockname()[:2])}"
            for each in self._serving.values()
            for one in each.server.sockets
        ]

    @property
    def sockets(self) -> list[socket.socket]:
        """What is listened on."""
        return [one for each in self._serving.values() for one in each.server.sockets]

    async def prepare(
        self, settings: Sequence[ListenSettings], giving_way: Sequence[socket.socket] = ()
    ) -> Plan:
        """Load certificates and open ports for these listeners; what is served stays as it is.

        Args:
            settings: valid, so that no two of them are in each other's way.
            giving_way: sockets, besides those of listeners, that will be closed soon.

        Raises:
            Obstacle: one of them cannot be had.
        """
        plan = Plan(dict(_places(settings)))
        complaints: dict[str, str] = {}
        try:
            for number, (place, wanted) in enumerate(plan.settings.items()):
                plan.tls[place] = await self._load(
                    place, wanted, f"listen[{number}].tls", complaints
                )
                if place not in self._serving:
                    key = f"listen[{number}].port"
                    in_the_way = [*self.sockets, *giving_way]
                    plan.sockets[place] = self._ports.open(*place[:2], key, in_the_way)
        except Obstacle:
            plan.drop()
            raise
        self._complain(complaints)
        return plan

    def put_in_place(self, plan: Plan) -> None:
        """Listen as planned: new listeners begin before old ones end, and none is interrupted."""
        serving = {}
        for place, settings in plan.settings.items():
            tls = plan.tls[place]
            context = None if tls is None else tls.context
            if place in self._serving:
                server = self._serving[place].server
                server.tls = context
            else:
                sockets = plan.sockets[place]
                server = self._make_server(sockets, context)
                server.start()
                _announce(sockets, tls)
            serving[place] = _Serving(server, settings, tls)
        for place in self._serving.keys() - serving.keys():
            self._retire(place)
        self._serving = serving

    def warn_of_expiry(self, now_s: float) -> None:
        """Say of each certificate that expires soon, once a day, that it has to be renewed."""
        for tls in {each.tls for each in self._serving.values() if each.tls is not None}:
            file, sentence = str(tls.certificate), tls.expiry(now_s)
            if sentence and now_s - self._warned_at_s.get(file, -_DAY_S) >= _DAY_S:
                self._warned_at_s[file] = now_s
                end = datetime.fromtimestamp(tls.expires_at_s, UTC).isoformat(timespec="seconds")
                fields = {"certificate": file, "expires_at": end}
                _log.warning("%s", sentence, extra={"fields": fields})

    def stop(self) -> None:
        """Accept no more; what waits at ports that stay open is left to the next process."""
        for place, each in self._serving.items():
            self._end(place, each.server)

    def _make_server(
        self, sockets: list[socket.socket], tls: ssl.SSLContext | None
    ) -> CallbackServer:
        return CallbackServer(sockets, self._routing, self._in_flight, self._connections, tls)

    async def _load(
        self, place: _Place, wanted: ListenSettings, key: str, complaints: dict[str, str]
    ) -> Tls | None:
        before = self._serving.get(place)
        try:
            tls = await asyncio.to_thread(make_tls, wanted)
        except OSError as error:
            obstacle = tls_obstacle(key, error)
            if before is None or before.settings.tls != wanted.tls:
                raise obstacle from error
            complaints[key] = str(obstacle)
            return before.tls
        known = before.tls.doubts if before is not None and before.tls is not None else ()
        for doubt in tls.doubts if tls is not None else ():
            if doubt not in known:
                _log.warning("%s: %s", key, doubt)
        return tls

    def _complain(self, complaints: dict[str, str]) -> None:
        for key, complaint in complaints.items():
            if self._complaints.get(key) != complaint:
                _log.error("certificate not loaded, the old one stays active: %s", complaint)
        self._complaints = complaints

    def _retire(self, place: _Place) -> None:
        """End a listener; its connections are closed when they are done."""
        _log.info("callbacks are no longer received at %s", shown(*place[:2]))
        self._end(place, self._serving[place].server)

    def _end(self, place: _Place, server: CallbackServer) -> None:
        is_inherited = self._ports.is_inherited(place[1])
        if not is_inherited:
            for each in server.sockets:
                hold_off(each)
        server.stop(leave_waiting=is_inherited)


def tls_obstacle(key: str, error: OSError) -> Obstacle:
    """Return why a listener's files cannot be used."""
    where = f" ({error.filename})" if error.filename else ""
    right = error.right if isinstance(error, UnfitFile) else BETTER_FILES
    if isinstance(error, PermissionError):
        right = "let the daemon's user read it"
    return Obstacle(key, f"cannot be loaded: {error.strerror or error}{where}", right)


def _places(settings: Iterable[ListenSettings]) -> Iterator[tuple[_Place, ListenSettings]]:
    """Yield each with its place; port 0 is a free one, and may be there several times."""
    seen: Counter[tuple[str, int]] = Counter()
    for each in settings:
        at = (each.address, each.port)
        yield (*at, seen[at]), each
        seen[at] += 1


def _scheme(tls: Tls | None) -> str:
    return "http" if tls is None else "https"


def _announce(sockets: Iterable[socket.socket], tls: Tls | None) -> None:
    for each in sockets:
        _log.info("callbacks at %s://%s", _scheme(tls), shown(*each.getsockname()[:2]))
