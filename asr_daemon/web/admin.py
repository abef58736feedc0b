"""The admin listener: health, readiness and metrics; the status page adds its own routes."""

import socket
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any

from msgspec import Struct
from tornado import web
from tornado.httpserver import HTTPServer

_MISDIRECTED = 421


class Reports(Struct, frozen=True):
    """What the admin listener reports, read at each request."""

    obstacles: Callable[[], list[str]]
    """What keeps the daemon from storing results, a sentence each."""
    notes: Callable[[], list[str]]
    """What is wrong although results are stored, a sentence each."""
    exposition: Callable[[str], tuple[str, bytes]]
    """Content type and text of the metrics, for what a scraper accepts."""


class AdminHandler(web.RequestHandler):
    """Answers in plain text, without a server's name, to hosts that are accepted."""

    def set_default_headers(self) -> None:
        """Name no server, and let nothing be cached."""
        self.clear_header("Server")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")

    def prepare(self) -> None:
        """Refuse other hosts: a web page may have its own name lead here (DNS rebinding)."""
        if not _is_accepted(self.request.host_name, self.settings["hosts"]):
            raise web.HTTPError(_MISDIRECTED)

    async def head(self, *arguments: str) -> None:
        """Answer as to GET; Tornado leaves the body out."""
        answered = self.get(*arguments)
        if answered is not None:
            await answered

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Answer in one line."""
        remedy = ": add the name to admin.hosts, or use the IP address"
        self.finish(
            f"{status_code} {self._reason}{remedy if status_code == _MISDIRECTED else ''}\n"
        )


def _is_accepted(host: str, names: frozenset[str]) -> bool:
    """Return whether a host is an IP address, which no web page has as its name, or in `names`."""
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return host.removesuffix(".") in names
    return True


class _Alive(AdminHandler):
    def get(self) -> None:
        self.finish("ok\n")


class _Ready(AdminHandler):
    def initialize(self, reports: Reports) -> None:
        self._reports = reports

    def get(self) -> None:
        obstacles = self._reports.obstacles()
        self.set_status(503 if obstacles else 200)
        lines = [*(obstacles or ["ready"]), *self._reports.notes()]
        self.finish("".join(f"{line}\n" for line in lines))


class _Metrics(AdminHandler):
    def initialize(self, reports: Reports) -> None:
        self._reports = reports

    def get(self) -> None:
        accepted = self.request.headers.get("Accept", "")
        content_type, text = self._reports.exposition(accepted)
        self.set_header("Content-Type", content_type)
        self.finish(text)


class _Elsewhere(AdminHandler):
    def prepare(self) -> None:
        super().prepare()
        raise web.HTTPError(404)


class AdminServer:
    """The admin listener."""

    def __init__(self, application: web.Application) -> None:
        """Serve nothing until `start`."""
        self._server = HTTPServer(application)

    def start(self, sockets: Iterable[socket.socket]) -> None:
        """Serve on sockets that are bound and listening."""
        self._server.add_sockets(sockets)

    async def stop(self) -> None:
        """Close everything."""
        self._server.stop()
        await self._server.close_all_connections()


def make_application(
    reports: Reports,
    hosts: Iterable[str] = (),
    more: Sequence[tuple[str, type[AdminHandler], dict[str, Any]]] = (),
) -> web.Application:
    """Return the admin application.

    Args:
        reports: what it reports.
        hosts: names that `Host` may have, in lower case, besides localhost and IP addresses.
        more: the routes of the status page.
    """
    reporting = {"reports": reports}
    return web.Application(
        [
            ("/healthz", _Alive),
            ("/readyz", _Ready, reporting),
            ("/metrics", _Metrics, reporting),
            *more,
        ],
        default_handler_class=_Elsewhere,
        log_function=_no_access_log,
        hosts=frozenset(["localhost", *hosts]),
    )


def _no_access_log(handler: web.RequestHandler) -> None:
    """Log nothing: health checks come every few seconds."""
