"""The pages of the status page and their data. They only read."""

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import msgspec
from msgspec import Struct
from tornado import web
from tornado.template import Loader

from asr_daemon.status import Status
from asr_daemon.web.admin import AdminHandler
from asr_daemon.web.status.timeline import MOST_NAMED, TimelineSegment, timeline

SHOWN = 25
"""Results on a page."""

SEGMENTS = 500
"""Segments on a page."""

_HERE = Path(__file__).parent
_TEMPLATES = ("page.html", "result.html")
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_MINUTE_S, _HOUR_S = 60, 3600


class Wanted(Struct, frozen=True):
    """Which results are looked for."""

    provider: str | None = None
    status: str | None = None
    id_part: str | None = None
    before: int | None = None
    """Only results with smaller numbers."""


class ResultLine(Struct, frozen=True):
    """A result in a list."""

    seq: int
    committed_at: float
    provider: str
    status: str
    id: str | None
    path: str
    reason: str | None = None
    """Why it failed or was rejected, if that was looked up."""

    @property
    def name(self) -> str:
        """The vendor's id, or the name of the file where there is none."""
        return self.id or self.path.rpartition("/")[2]


class ShownResult(Struct, frozen=True):
    """A result in full."""

    line: ResultLine
    facts: Sequence[tuple[str, str]]
    segments: Sequence[TimelineSegment]
    duration_s: float | None
    problem: str | None = None
    """Why the rest is missing."""


class Bar(Struct, frozen=True):
    """What came in a minute, in one colour of the chart."""

    x: int
    y: float
    height: float
    colour: int
    title: str


class View(Struct, frozen=True):
    """The data of the pages, read at each request."""

    status: Callable[[], Status]
    settings: Callable[[], Sequence[tuple[str, str]]]
    """Path and value of each setting of the active configuration."""
    providers: Sequence[str]
    minutes: Callable[[], Sequence[tuple[int, Mapping[tuple[str, str], int]]]]
    """When each of the last minutes began, and its callbacks by provider and outcome."""
    results: Callable[[Wanted], Awaitable[Sequence[ResultLine] | str]]
    """The newest results; a sentence says why there are none."""
    failures: Callable[[], Awaitable[Sequence[ResultLine]]]
    """The newest failed and rejected ones, with their reasons."""
    result: Callable[[int], Awaitable[ShownResult | None]]


class _Page(AdminHandler):
    def initialize(self, view: View, loader: Loader) -> None:
        self._view = view
        self._loader = loader

    async def get(self, *arguments: str) -> None:
        raise NotImplementedError

    def show(self, template: str, **values: Any) -> None:
        self.set_header("Content-Type", "text/html; charset=utf-8")
        self.set_header("Content-Security-Policy", _POLICY)
        self.set_header("Referrer-Policy", "no-referrer")
        self.set_header("X-Content-Type-Options", "nosniff")
        formats = {"moment": moment, "size": size, "span": span, "clock": clock, "utc": utc}
        self.finish(self._loader.load(template).generate(**formats, **values))

    def _word(self, name: str) -> str | None:
        return self.get_query_argument(name, "") or None


class StatusPage(_Page):
    """Answers with the status in JSON, or with the page for people."""

    async def get(self, *_: str) -> None:
        """Show how the daemon is and what arrived."""
        status = self._view.status()
        if "application/json" in self.request.headers.get("Accept", ""):
            self.set_header("Content-Type", "application/json; charset=UTF-8")
            self.finish(msgspec.json.encode(status))
            return
        wanted = self._wanted()
        results = await self._view.results(wanted)
        lines: Sequence[ResultLine] = [] if isinstance(results, str) else results
        self.show(
            "page.html",
            status=status,
            bars=(chart := _chart(self._view.minutes()))[0],
            legend=chart[1],
            peak=chart[2],
            results=lines,
            problem=results if isinstance(results, str) else None,
            failures=await self._view.failures(),
            settings=self._view.settings(),
            providers=self._view.providers,
            wanted=wanted,
            older=_older(wanted, lines),
        )

    def _wanted(self) -> Wanted:
        before = self._word("before")
        number = int(before) if before is not None and before.isdecimal() else None
        return Wanted(self._word("provider"), self._word("status"), self._word("id"), number)


class ResultPage(_Page):
    """Shows one result: its text, and who speaks when."""

    async def get(self, *arguments: str) -> None:
        """Show the result of a number, from a segment on."""
        [seq] = arguments
        result = await self._view.result(int(seq))
        if result is None:
            raise web.HTTPError(404)
        start = self._word("from") or ""
        first = int(start) if start.isdecimal() else 0
        picture = timeline(result.segments, result.duration_s)
        self.show(
            "result.html",
            result=result,
            first=first,
            segments=result.segments[first : first + SEGMENTS],
            after=first + SEGMENTS if first + SEGMENTS < len(result.segments) else None,
            before=max(first - SEGMENTS, 0) if first else None,
            picture=picture,
            named=list(picture.colours.items())[:MOST_NAMED],
        )


class PageFile(AdminHandler):
    """Serves a file that the pages consist of."""

    def initialize(self, content: bytes, content_type: str) -> None:
        """Take what is in it."""
        self._content = content
        self._content_type = content_type

    def get(self) -> None:
        """Answer with it."""
        self.set_header("Content-Type", self._content_type)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.finish(self._content)


def status_routes(view: View) -> list[tuple[str, type[AdminHandler], dict[str, Any]]]:
    """Return the routes of the status page."""
    # All of it now: an upgrade may remove the files of a daemon that runs.
    loader = Loader(str(_HERE), autoescape="xhtml_escape")
    for name in _TEMPLATES:
        loader.load(name)
    data = {"view": view, "loader": loader}
    files = {
        "status.css": "text/css; charset=utf-8",
        "status.js": "text/javascript; charset=utf-8",
        "icon.svg": "image/svg+xml",
    }
    return [
        ("/", StatusPage, data),
        (r"/results/([0-9]{1,18})", ResultPage, data),
        *(
            (f"/{name}", PageFile, {"content": (_HERE / name).read_bytes(), "content_type": type_})
            for name, type_ in files.items()
        ),
    ]


def moment(unix_s: float) -> str:
    """Return a moment in UTC, to the second."""
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%d %H:%M:%S")


def utc(iso: str) -> str:
    """Return a moment in ISO 8601 as a person reads it."""
    return f"{moment(datetime.fromisoformat(iso).timestamp())} UTC"


def clock(seconds: float | None) -> str:
    """Return a place in the audio."""
    if seconds is None:
        return ""
    whole = int(seconds)
    hours, minutes = whole // _HOUR_S, whole // _MINUTE_S % 60
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"


def span(seconds: float) -> str:
    """Return a duration, in the largest units."""
    minutes = int(seconds // _MINUTE_S)
    if minutes < 1:
        return f"{seconds:.0f} s"
    if minutes < _HOUR_S // _MINUTE_S:
        return f"{minutes} min"
    days, hours = divmod(minutes // 60, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes % 60} min"


def size(number: float | None) -> str:
    """Return bytes in a unit that a person reads."""
    if number is None:
        return "unknown"
    for unit in ("B", "KiB", "MiB", "GiB"):
        if number < 1024:  # noqa: PLR2004 - what these units are
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"


def _chart(
    minutes: Sequence[tuple[int, Mapping[tuple[str, str], int]]],
) -> tuple[list[Bar], list[tuple[int, str, int]], int]:
    """Return bars of a picture that is 100 high, the legend, and the largest minute."""
    series = sorted({key for _, counts in minutes for key in counts})
    peak = max([sum(counts.values()) for _, counts in minutes], default=0)
    bars = []
    for x, (began_at, counts) in enumerate(minutes):
        top = 100.0
        for colour, key in enumerate(series):
            if number := counts.get(key, 0):
                height = 100 * number / peak
                top -= height
                at = time.strftime("%H:%M", time.gmtime(began_at))
                title = f"{at} {' '.join(key)}: {number}"
                bars.append(Bar(x, round(top, 2), round(height, 2), colour % 8, title))
    legend = [
        (colour % 8, " ".join(key), sum(counts.get(key, 0) for _, counts in minutes))
        for colour, key in enumerate(series)
    ]
    return bars, legend, peak


def _older(wanted: Wanted, lines: Sequence[ResultLine]) -> str | None:
    """Return the address of the next page, if this one is full."""
    if len(lines) < SHOWN:
        return None
    filters = {"provider": wanted.provider, "status": wanted.status, "id": wanted.id_part}
    query = {name: value for name, value in filters.items() if value}
    return "/?" + urlencode({**query, "before": lines[-1].seq})
