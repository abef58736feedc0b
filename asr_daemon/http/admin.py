"""The admin listener: is it alive, can it store, and what is it doing."""

import html
from collections.abc import Callable, Mapping

from msgspec import Struct
from prometheus_client import CONTENT_TYPE_LATEST
from tornado import web

Facts = Mapping[str, str]


class Reports(Struct, frozen=True):
    """What the admin listener tells, asked anew at each request."""

    obstacles: Callable[[], list[str]]
    """What keeps the daemon from storing results, a sentence each."""
    facts: Callable[[], Facts]
    """What the status page shows, by name."""
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
        self.finish("".join(f"{each}\n" for each in obstacles) or "ready\n")


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
        self.set_header("Content-Type", "text/html; charset=utf-8")
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self._reports.facts().items()
        )
        self.finish(_PAGE.format(rows=rows))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>asr-daemon</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:46rem;padding:0 1rem}}
th{{text-align:left;font-weight:600;padding:.2rem 1.5rem .2rem 0;vertical-align:top}}
td{{overflow-wrap:anywhere}}</style></head>
<body><h1>asr-daemon</h1><table>{rows}</table>
<p><a href="/healthz">/healthz</a> <a href="/readyz">/readyz</a>
<a href="/metrics">/metrics</a></p></body></html>
"""


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
        log_function=_no_access_log,
    )


def _no_access_log(handler: web.RequestHandler) -> None:
    """Say nothing: probes ask every few seconds."""
