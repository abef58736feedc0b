"""The admin listener: is it alive, can it store, and what is it doing."""

import html
from collections.abc import Callable, Mapping

from tornado import web

Facts = Mapping[str, str]


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
    def initialize(self, obstacles: Callable[[], list[str]]) -> None:
        self._obstacles = obstacles

    def get(self) -> None:
        obstacles = self._obstacles()
        self.set_status(503 if obstacles else 200)
        self.finish("".join(f"{each}\n" for each in obstacles) or "ready\n")


class _Status(_Handler):
    def initialize(self, facts: Callable[[], Facts]) -> None:
        self._facts = facts

    def get(self) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        rows = "".join(
            f"<tr><th>{html.escape(name)}</th><td>{html.escape(value)}</td></tr>"
            for name, value in self._facts().items()
        )
        self.finish(_PAGE.format(rows=rows))


_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>asr-daemon</title>
<style>body{{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:46rem;padding:0 1rem}}
th{{text-align:left;font-weight:600;padding:.2rem 1.5rem .2rem 0;vertical-align:top}}
td{{overflow-wrap:anywhere}}</style></head>
<body><h1>asr-daemon</h1><table>{rows}</table>
<p><a href="/healthz">/healthz</a> <a href="/readyz">/readyz</a></p></body></html>
"""


def make_application(
    obstacles: Callable[[], list[str]], facts: Callable[[], Facts]
) -> web.Application:
    """Return the admin application.

    Args:
        obstacles: what keeps the daemon from storing results, a sentence each; asked a request.
        facts: what the status page shows, by name; asked a request.
    """
    return web.Application(
        [
            ("/healthz", _Alive),
            ("/readyz", _Ready, {"obstacles": obstacles}),
            ("/", _Status, {"facts": facts}),
        ],
        log_function=_no_access_log,
    )


def _no_access_log(handler: web.RequestHandler) -> None:
    """Say nothing: probes ask every few seconds."""
