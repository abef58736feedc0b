"""The admin listener: is it alive, can it store, and what is it doing."""

import socket
from collections.abc import Callable, Sequence
from typing import Any

from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST
from tornado import web
from tornado.httpserver import HTTPServer


class Reports(Struct, frozen=True):
    """What the admin listener tells, asked anew at each request."""

    obstacles: Callable[[], list[str]]
    """What keeps the daemon from storing results, a sentence each."""
    notes: Callable[[], list[str]]
    """What is wrong although results are stored, a sentence each."""
    exposition: Callable[[], bytes]
    """The metrics in Prometheus' text format."""


class AdminHandler(web.RequestHandler):
    """Answers in plain text and names no server."""

    def set_default_headers(self) -> None:
        """Name no server, and let nothing be cached."""
        self.clear_header("Server")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code: int, **kwargs: object) -> None:
        """Answer in one line."""
        self.finish(f"{status_code} {self._reason}\n")


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
        self.finish("".join(f"{each}\n" for each in lines))


class _Metrics(AdminHandler):
    def initialize(self, reports: Reports) -> None:
        self._reports = reports

    def get(self) -> None:
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(self._reports.exposition())


class _Elsewhere(AdminHandler):
    def prepare(self) -> None:
        raise web.HTTPError(404)


class AdminServer:
    """The admin listener, open from the beginning."""

    def __init__(self, application: web.Application, sockets: Sequence[socket.socket]) -> None:
        """Serve on sockets that are bound and listening."""
        self.sockets = tuple(sockets)
        self._server = HTTPServer(application)
        self._server.add_sockets(self.sockets)

    async def stop(self) -> None:
        """Close everything."""
        self._server.stop()
        await self._server.close_all_connections()


def make_application(
    reports: Reports, more: Sequence[tuple[str, type[AdminHandler], dict[str, Any]]] = ()
) -> web.Application:
    """Return the admin application, with the routes of the status page."""
    asked = {"reports": reports}
    return web.Application(
        [
            ("/healthz", _Alive),
            ("/readyz", _Ready, asked),
            ("/metrics", _Metrics, asked),
            *more,
        ],
        default_handler_class=_Elsewhere,
        log_function=_no_access_log,
    )


def _no_access_log(handler: web.RequestHandler) -> None:
    """Say nothing: probes ask every few seconds."""
