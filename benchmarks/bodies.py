"""What is sent: callbacks of both vendors, of any size, as raw requests."""

from typing import Literal
from urllib.parse import quote_plus

from msgspec import Struct

Vendor = Literal["huawei", "tencent"]

ID = "@" * 12
"""Stands where the id of each request goes: twelve digits, as `callbacks.lua` has them."""

APP_KEY = "ODFS_SYS_OPENAPI"
APP_SECRET = "made-up-secret-of-benchmarks"  # noqa: S105 - opens nothing but a benchmark

HUAWEI_PATH = "/oifde/rest/sysapi/asrcallback"
HUAWEI_TOKEN_PATH = "/oifde/rest/api/gettoken"  # noqa: S105 - a path, not a secret
TENCENT_PATH = "/callbacks/tencent"

USUAL_BYTES: dict[Vendor, int] = {"huawei": 1100, "tencent": 2048}
"""About a minute of speech."""

_LATTICE = b'{"lid":%d,"begin":%d,"end":%d,"onebest":"Hello, is the call connected?","spk":%d}'
_LINE = "[%d:%d.640,%d:%d.820]  我在马上上夜班。\n"
_SENTENCE_S = 3


class Message(Struct, frozen=True):
    """One callback; `ID` stands in its body."""

    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def raw(self) -> bytes:
        """Return the request as it goes over the wire."""
        lines = [f"POST {self.path} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in self.headers]
        lines += [f"Content-Length: {len(self.body)}", "", ""]
        return "\r\n".join(lines).encode() + self.body

    def with_id(self, number: int) -> "Message":
        """Return the same callback of a task of its own."""
        return Message(self.path, self.headers, self.body.replace(ID.encode(), b"%012d" % number))


def message(vendor: Vendor, token: str, size_bytes: int | None = None) -> Message:
    """Return a callback with a body of about this size, by default the usual one."""
    size_bytes = USUAL_BYTES[vendor] if size_bytes is None else size_bytes
    if vendor == "tencent":
        kind = ("Content-Type", "application/x-www-form-urlencoded")
        return Message(TENCENT_PATH, (kind,), tencent_body(size_bytes))
    headers = (
        ("Content-Type", "application/json; charset=UTF-8"),
        ("userName", APP_KEY),
        ("token", token),
    )
    return Message(HUAWEI_PATH, headers, huawei_body(size_bytes))


def huawei_body(size_bytes: int) -> bytes:
    """Return Huawei's JSON with as many sentences as fit, at least one."""
    head = (
        b'{"body":{"state":{"code":0,"success":true},"body":{"aid":"%s","lattices":[' % ID.encode()
    )
    tail = b"]}}}"
    lattices, room = [_lattice(0)], size_bytes - len(head) - len(tail) - len(_lattice(0))
    while room >= (length := len(_lattice(len(lattices))) + 1):
        room -= length
        lattices.append(_lattice(len(lattices)))
    return head + b",".join(lattices) + tail


def tencent_body(size_bytes: int) -> bytes:
    """Return Tencent's form with as many sentences as fit, at least one."""
    head = f"code=0&requestId={ID}&appid=12516&projectid=0&text="
    tail = "&audioTime=8.420000&message=&resultDetail="
    lines, room = [_line(0)], size_bytes - len(head) - len(tail) - len(_line(0))
    while room >= (length := len(_line(len(lines)))):
        room -= length
        lines.append(_line(len(lines)))
    return f"{head}{''.join(lines)}{tail}".encode()


def _lattice(number: int) -> bytes:
    begin_ms = number * _SENTENCE_S * 1000
    return _LATTICE % (number, begin_ms, begin_ms + 1610, number % 2)


def _line(number: int) -> str:
    minute, second = divmod(number * _SENTENCE_S, 60)
    return quote_plus(_LINE % (minute, second, minute, second + 2))
