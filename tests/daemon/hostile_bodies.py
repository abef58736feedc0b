"""Bodies that no vendor would send: made by chance, and documented ones that were tampered with."""

import json
from collections.abc import Callable
from random import Random

from asr_daemon.providers.huawei.samples import huawei_callback
from asr_daemon.providers.tencent.samples import tencent_callback

NASTY = (
    "../../etc/x",
    "/etc/x",
    "..",
    ".",
    "",
    "\x00",
    "a\nb",
    "a" * 10_000,
    "\x1b[2J\x1b]0;owned\x07",
    "\x9b31m",
    "\u202e\u2066gpj.exe",
    "\u2028",
    "\ud800",
    "~2",
    "%2e%2e%2f",
    "failed",
    "COM1",
    "通话",
)
NUMBERS = (0, -1, 1e308, 2**31, 2**53 + 1, 2**64, -(2**63), 10**400, 0.1, float("nan"), 1e-320)
FORM_NAMES = ("code", "Code", "requestId", "appid", "audioKey", "audioTime", "text", "resultDetail")
PIECES: tuple[bytes, ...] = (
    b"&",
    b"=",
    b"%",
    b"%00",
    b"%zz",
    b'"',
    b"[",
    b"}",
    b"null",
    b"-1",
    b"NaN",
    b"\\ud800",
)
PIECES += (b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b[2J", b"\x00", b"1e999", b'"a":1,"a":2', b"[" * 5000)

_DEEPEST = 4


def tencent_body(chance: Random) -> bytes:
    """Return a body for Tencent's path."""
    return _one_of(chance, _noise, _tampered(tencent_callback), _form, _fields)


def huawei_body(chance: Random) -> bytes:
    """Return a body for Huawei's path."""
    return _one_of(chance, _noise, _tampered(huawei_callback), _result, _anything)


def text(chance: Random) -> str:
    """Return a text of any characters, or one that is known to do harm."""
    if chance.random() < 0.5:
        return chance.choice(NASTY)
    return "".join(chr(chance.randrange(0x250)) for _ in range(chance.randrange(12)))


def tamper(chance: Random, body: bytes) -> bytes:
    """Return a body with pieces cut out, put in and repeated."""
    for _ in range(chance.randint(1, 3)):
        start = chance.randint(0, len(body))
        end = min(len(body), start + chance.randrange(30))
        piece = chance.choice((*PIECES, chance.randbytes(8), body[start:end] * 2, b""))
        body = body[:start] + piece + body[end:]
    return body


def _one_of(chance: Random, *makers: Callable[[Random], bytes]) -> bytes:
    return chance.choice(makers)(chance)


def _noise(chance: Random) -> bytes:
    return chance.randbytes(chance.randrange(200))


def _tampered(example: Callable[[int], bytes]) -> Callable[[Random], bytes]:
    return lambda chance: tamper(chance, example(chance.randrange(1 << 30)))


def _form(chance: Random) -> bytes:
    pairs = [(_name(chance), text(chance)) for _ in range(chance.randrange(7))]
    return b"&".join(b"=".join(_escaped(part) for part in pair) for pair in pairs)


def _escaped(part: str) -> bytes:
    return b"".join(b"%%%02x" % byte for byte in part.encode("utf-8", "surrogatepass"))


def _name(chance: Random) -> str:
    return chance.choice(FORM_NAMES) if chance.random() < 0.8 else text(chance)


def _fields(chance: Random) -> bytes:
    return _dump(chance, {_name(chance): _value(chance) for _ in range(chance.randrange(6))})


def _result(chance: Random) -> bytes:
    names = ("lid", "begin", "end", "onebest", "spk")
    lattices: object = [
        {name: _value(chance) for name in names if chance.random() < 0.8}
        for _ in range(chance.randrange(4))
    ]
    state = {"code": chance.choice(("0", 0, _value(chance))), "success": _value(chance)}
    body = {"aid": _value(chance), "lattices": chance.choice((lattices, _value(chance)))}
    return _dump(chance, {"body": {"state": state, "body": body}})


def _anything(chance: Random) -> bytes:
    return _dump(chance, _value(chance))


def _value(chance: Random, depth: int = 0) -> object:
    kind = chance.randrange(4 if depth == _DEEPEST else 6)
    if kind == 0:
        return chance.choice((None, True, False))
    if kind == 1:
        return chance.choice((*NUMBERS, chance.randrange(100_000)))
    if kind < 4:
        return text(chance)
    values = [_value(chance, depth + 1) for _ in range(chance.randrange(3))]
    return values if kind == 4 else {text(chance): value for value in values}


def _dump(chance: Random, value: object) -> bytes:
    """Return JSON, in one of the encodings that senders have been seen to use, or should not."""
    encoding = chance.choice(("utf-8", "utf-8", "utf-8", "utf-16", "latin-1"))
    written = json.dumps(value, ensure_ascii=chance.random() < 0.5)
    return written.encode(encoding, "surrogatepass" if encoding != "latin-1" else "replace")
