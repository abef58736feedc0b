"""The admin listener: is it alive, can it store, and what is it doing."""

import html
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST
from tornado import web
from tornado.httpserver import HTTPServer

Facts = Mapping[str, Any]


class Reports(Struct, frozen=True):
    """What the admin listener tells, asked anew at each request."""

    obstacles: Callable[[], list[str]]
    """What keeps the daemon from storing results, a sentence each."""
    notes: Callable[[], list[str]]
    """What is wrong although results are stored, a sentence each."""
    facts: Callable[[], Facts]
    """What the status page shows, as JSON has it."""
    exposition: Callable[[], bytes]
    """The metrics in Prometheus' text format."""


class _Handler(web.RequestHandler):
    """Answers in plain text and names no server."""

    def set_default_headers(self) -> None:
        self.clear_header("Server")
        self.set_header("Content-Type", "text/plain; charset=utf-8")
        self.set_header("Cache-Control", "no-store")

    def write_error(self, status_code: int, **kwargs: object) -> None:
        self.finish(f"{status_code} {self._reason}\n")


class _Alive(_Handler):
    def get(self) -> None:
        self.finish("ok\n")


class _Ready(_Handler):
    def initialize(self, reports: Reports) -> None:
        self._reports = reports

    def get(self) -> None:
        obstacles = self._reports.obstacles()
        self.set_status(503 if obstacles else 200)
        lines = [*(obstacles or ["ready"]), *self._reports.notes()]
        self.finish("".join(f"{each}\n" for each in lines))


class _Metrics(_Handler):
    def initialize(self, reports: Reports) -> None:
        self._reports = reports

    def get(self) -> None:
        self.set_header("Content-Type", CONTENT_TYPE_LATEST)
        self.finish(self._reports.exposition())


class _Status(_Handler):
    def initialize(self, reports: Reports) -> None:
        self._reports = reports

    def get(self) -> None:
        facts = self._reports.facts()
        if "application/json" in self.request.headers.get("Accept", ""):
            self.finish(dict(facts))
            return
        self.set_header("Content-Type", "text/html; charset=utf-8")
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in _rows(facts)
        )
        self.finish(_PAGE.format(rows=rows))


class _Elsewhere(_Handler):
    def prepare(self) -> None:
        raise web.HTTPError(404)


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>asr-daemon</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:46rem;padding:0 1rem}}
th{{text-align:left;font-weight:600;padding:.2rem 1.5rem .2rem 0;vertical-align:top}}
td{{overflow-wrap:anywhere}}</style></head>
<body><h1>asr-daemon</h1><table>{rows}</table>
<p><a href="/healthz">/healthz</a> <a href="/readyz">/readyz</a>
<a href="/metrics">/metrics</a></p></body></html>
"""


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


def make_application(reports: Reports) -> web.Application:
    """Return the admin application."""
    asked = {"reports": reports}
    return web.Application(
        [
            ("/healthz", _Alive),
            ("/readyz", _Ready, asked),
            ("/metrics", _Metrics, asked),
            ("/", _Status, asked),
        ],
        default_handler_class=_Elsewhere,
        log_function=_no_access_log,
    )


def _rows(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield a name and a text for each fact, of nested ones too."""
    for key, value in facts.items():
        name = f"{prefix}{key.replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _rows(value, f"{name}: ")
        elif isinstance(value, list):
            yield name, "; ".join(map(_text, value)) or "none"
        else:
            yield name, _text(value)


def _text(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key.replace('_', ' ')} {_text(each)}" for key, each in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "unknown" if value is None else str(value)


def _no_access_log(handler: web.RequestHandler) -> None:
    """Say nothing: probes ask every few seconds."""
