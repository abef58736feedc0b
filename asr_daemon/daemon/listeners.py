"""The listeners for callbacks: opened, closed and moved as the configuration says."""

import asyncio
import logging
import socket
import ssl
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from msgspec import Struct

from asr_daemon.config.model import ListenSettings
from asr_daemon.daemon.sockets import Ports, netloc
from asr_daemon.daemon.wiring import make_tls
from asr_daemon.errors import UnusableSetting
from asr_daemon.web.connections import Connections
from asr_daemon.web.interfaces import Routing
from asr_daemon.web.requests_in_flight import InFlight
from asr_daemon.web.server import CallbackServer
from asr_daemon.web.tls import BETTER_FILES, Tls, UnfitFile

_DAY_S = 86_400.0

_log = logging.getLogger(__name__)

_Binding = tuple[str, int, int]
"""Address and port as configured, and a number where several entries have the same."""


class Planned(Struct, frozen=True):
    """A listener as it is wanted, with its certificate loaded."""

    settings: ListenSettings
    tls: Tls | None


Plan = Mapping[_Binding, Planned]


class _Listener(Struct, frozen=True):
    """A listener that is open."""

    server: CallbackServer
    planned: Planned

    @property
    def urls(self) -> list[str]:
        scheme = "http" if self.planned.tls is None else "https"
        names = [listening.getsockname() for listening in self.server.sockets]
        return [f"{scheme}://{netloc(*name[:2])}" for name in names]


class Listeners:
    """All listeners for callbacks."""

    def __init__(
        self,
        ports: Ports,
        connections: Connections,
        routing: Routing,
        in_flight: InFlight,
    ) -> None:
        self._ports = ports
        self._connections = connections
        self._routing = routing
        self._in_flight = in_flight
        self._open: dict[_Binding, _Listener] = {}
        self._certificate_problems: dict[str, str] = {}
        self._closed_by_failure: list[str] = []
        self._warned_at_s: dict[str, float] = {}

    @property
    def certificates(self) -> dict[str, float]:
        """When each active certificate expires, in Unix seconds, by its file."""
        active = (listener.planned.tls for listener in self._open.values())
        return {str(tls.certificate): tls.expires_at_s for tls in active if tls is not None}

    @property
    def problems(self) -> list[str]:
        """Certificates that could not be renewed, and listeners that could not be reopened."""
        return [*self._certificate_problems.values(), *self._closed_by_failure]

    @property
    def urls(self) -> list[str]:
        """Where callbacks are received."""
        return [url for listener in self._open.values() for url in listener.urls]

    async def load(self, settings: Sequence[ListenSettings]) -> Plan:
        """Load the certificates of the next listeners; what is open does not change.

        Args:
            settings: valid, so that no two of them conflict.

        Raises:
            UnusableSetting: a certificate cannot be used.
        """
        plan: dict[_Binding, Planned] = {}
        problems: dict[str, str] = {}
        for number, (binding, wanted) in enumerate(_bindings(settings)):
            tls = await self._load_tls(binding, wanted, f"listen[{number}].tls", problems)
            plan[binding] = Planned(wanted, tls)
        self._report(problems)
        return plan

    def apply(self, plan: Plan) -> None:
        """Open and close listeners as planned; those that keep their address are not interrupted.

        A listener whose port is wanted at another address is closed first, and reopened if the
        plan fails. Between the two the kernel refuses new connections.

        Raises:
            UnusableSetting: an address cannot be listened on; the listeners are as before.
        """
        closed = self._close_conflicting(plan)
        try:
            opened = self._open_sockets(plan)
        except UnusableSetting:
            self._reopen(closed)
            raise
        for binding in self._open.keys() - plan.keys():
            self._close(binding)
        self._open = {
            binding: self._start(opened[binding], planned)
            if binding in opened
            else self._update(binding, planned)
            for binding, planned in plan.items()
        }
        self._closed_by_failure = []

    def warn_of_expiry(self, now_s: float) -> None:
        """Log each certificate that expires soon, once a day."""
        active = (listener.planned.tls for listener in self._open.values())
        for tls in {tls for tls in active if tls is not None}:
            file, sentence = str(tls.certificate), tls.expiry(now_s)
            if sentence and now_s - self._warned_at_s.get(file, -_DAY_S) >= _DAY_S:
                self._warned_at_s[file] = now_s
                end = datetime.fromtimestamp(tls.expires_at_s, UTC).isoformat(timespec="seconds")
                fields = {"certificate": file, "expires_at": end}
                _log.warning("%s", sentence, extra={"fields": fields})

    def stop(self) -> None:
        """Accept no more; what waits at inherited ports is left to the next process."""
        for binding in tuple(self._open):
            self._stop(binding)

    def _open_sockets(self, plan: Plan) -> dict[_Binding, list[socket.socket]]:
        """Return the sockets of all listeners that are not open yet, or open none."""
        opened: dict[_Binding, list[socket.socket]] = {}
        with ExitStack() as on_failure:
            for number, binding in enumerate(plan):
                if binding not in self._open:
                    address, port, _ = binding
                    opened[binding] = self._ports.open(address, port, f"listen[{number}].port")
                    for listening in opened[binding]:
                        on_failure.callback(listening.close)
            on_failure.pop_all()
        return opened

    def _close_conflicting(self, plan: Plan) -> dict[_Binding, Planned]:
        """Close the listeners whose port is wanted at another address, and return them."""
        wanted = {port for _, port, _ in plan.keys() - self._open.keys()} - {0}
        removed = self._open.keys() - plan.keys()
        conflicting = {
            binding: self._open[binding].planned for binding in removed if binding[1] in wanted
        }
        for binding in conflicting:
            self._close(binding)
        return conflicting

    def _reopen(self, closed: Mapping[_Binding, Planned]) -> None:
        for binding, planned in closed.items():
            address, port, _ = binding
            try:
                self._open[binding] = self._start(
                    self._ports.open(address, port, "listen"), planned
                )
            except UnusableSetting as error:
                _log.error("listener not reopened: %s", error)
                self._closed_by_failure.append(str(error))

    def _start(self, sockets: list[socket.socket], planned: Planned) -> _Listener:
        server = CallbackServer(
            sockets, self._routing, self._in_flight, self._connections, _context(planned.tls)
        )
        server.start()
        listener = _Listener(server, planned)
        for url in listener.urls:
            _log.info("callbacks at %s", url)
        return listener

    def _update(self, binding: _Binding, planned: Planned) -> _Listener:
        server = self._open[binding].server
        server.tls = _context(planned.tls)
        return _Listener(server, planned)

    def _close(self, binding: _Binding) -> None:
        """Close a listener; each of its connections ends with its next answer."""
        _log.info("callbacks no longer received at %s", netloc(*binding[:2]))
        self._stop(binding)

    def _stop(self, binding: _Binding) -> None:
        self._open.pop(binding).server.stop(leave_waiting=self._ports.is_inherited(binding[1]))

    async def _load_tls(
        self, binding: _Binding, wanted: ListenSettings, key: str, problems: dict[str, str]
    ) -> Tls | None:
        listener = self._open.get(binding)
        active = None if listener is None else listener.planned
        try:
            tls = await asyncio.to_thread(make_tls, wanted)
        except OSError as error:
            problem = unusable_tls(key, error)
            if active is None or active.settings.tls != wanted.tls:
                raise problem from error
            problems[key] = str(problem)
            return active.tls
        known = active.tls.doubts if active is not None and active.tls is not None else ()
        for doubt in tls.doubts if tls is not None else ():
            if doubt not in known:
                _log.warning("%s: %s", key, doubt)
        return tls

    def _report(self, problems: dict[str, str]) -> None:
        for key, problem in problems.items():
            if self._certificate_problems.get(key) != problem:
                _log.error("certificate not loaded, the old one stays active: %s", problem)
        self._certificate_problems = problems


def unusable_tls(key: str, error: OSError) -> UnusableSetting:
    """Return why a listener's files cannot be used."""
    where = f" ({error.filename})" if error.filename else ""
    right = error.right if isinstance(error, UnfitFile) else BETTER_FILES
    if isinstance(error, PermissionError):
        right = "let the daemon's user read it"
    return UnusableSetting(key, f"cannot be loaded: {error.strerror or error}{where}", right)


def _bindings(settings: Iterable[ListenSettings]) -> Iterator[tuple[_Binding, ListenSettings]]:
    """Yield each with its binding; port 0 is a free one, and may be there several times."""
    seen: Counter[tuple[str, int]] = Counter()
    for listen in settings:
        at = (listen.address, listen.port)
        yield (*at, seen[at]), listen
        seen[at] += 1


def _context(tls: Tls | None) -> ssl.SSLContext | None:
    return None if tls is None else tls.context
