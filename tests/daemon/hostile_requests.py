"""What arrives on a public port: requests that are broken in any place, and what is no HTTP."""

from collections.abc import Callable
from random import Random
from typing import TypeVar

from asr_daemon.providers.huawei.samples import HUAWEI_CALLBACK
from asr_daemon.providers.tencent.samples import TENCENT_CALLBACK
from tests.daemon.hostile_bodies import NASTY, huawei_body, tamper, tencent_body

TENCENT = b"/callbacks/tencent"
HUAWEI = b"/oifde/rest/sysapi/asrcallback"
TOKEN = b"/oifde/rest/api/gettoken"

METHODS: tuple[bytes, ...] = (
    b"GET",
    b"HEAD",
    b"PUT",
    b"OPTIONS",
    b"CONNECT",
    b"TRACE",
    b"PRI",
    b"post",
    b"P\x1b[2J",
)
METHODS += (b"", b"POST\x00", b"POST\t", b"\xff", b"A" * 9000)
VERSIONS: tuple[bytes, ...] = (
    b"HTTP/1.0",
    b"HTTP/1.1 ",
    b"HTTP/1.2",
    b"HTTP/2.0",
    b"HTTP/0.9",
    b"HTTP/11",
    b"http/1.1",
)
VERSIONS += (b"", b"HTTP/1.1\r", b"HTTP/\xe2\x80\xae1.1")
TARGETS: tuple[bytes, ...] = (
    b"/",
    b"*",
    b"x:443",
    b"//" + TENCENT,
    b"http://x" + TENCENT,
    b"http://",
    b"://?#",
)
TARGETS += (TENCENT + b"/../../etc", TENCENT + b"/code=0&requestId=%00", TENCENT + b"?\x1b[2J", b"")
TARGETS += (TENCENT + b"?" + b"a&" * 2000, TENCENT + b"#x", b"/%zz" + b"%" * 500, b"\xff\xfe")
NAMES: tuple[bytes, ...] = (
    b"X-Forwarded-For",
    b"X-Real-Ip",
    b"Host",
    b"Content-Type",
    b"Content-Encoding",
    b"Expect",
)
NAMES += (b"userName", b"token", b"Connection", b"Upgrade", b"Cookie", b"Content-Length", b"TE")
NAMES += (
    b"Transfer-Encoding",
    b"Content-Length ",
    b" X",
    b"",
    b"\x1b[2J",
    b"X" * 9000,
    b"a:b",
    b"\xff",
)
VALUES: tuple[bytes, ...] = (
    b"",
    b"chunked",
    b"identity",
    b"gzip",
    b"close",
    b"keep-alive",
    b"100-continue",
    b"5",
    b"-1",
)
VALUES += (b"+5", b"5, 5", b"9" * 30, b"9" * 5000, b"127.0.0.1", b"::1, x", b"\r\n folded", b"a\rb")
VALUES += (b"a\nX: b", b"\x00", b"\x1b[2J", b"multipart/form-data; boundary=", b"h2c", b'"' * 5000)
SIZES = (
    b"-1",
    b"+5",
    b"0x5",
    b"5;a=b",
    b"5 ",
    b" 5",
    b"",
    b"f" * 17,
    b"f" * 100,
    b"5\n",
    b"5\r",
    b"\x00",
)
ENDS = (
    b"0\r\nX: y\r\n\r\n",
    b"0\r\n",
    b"0\n\n",
    b"00000\r\n\r\n",
    b"",
    b"0\r\n\r\n0\r\n\r\n",
    b"0;\x1b\r\n",
)

TLS_HELLO = b"\x16\x03\x01\x00\xc5\x01\x00\x00\xc1\x03\x03" + bytes(range(190))
HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x12\x04\x00\x00\x00\x00\x00"
STRANGERS: tuple[bytes, ...] = (
    TLS_HELLO,
    HTTP2_PREFACE,
    b"GET /\r\n\r\n",
    b"\r\n" * 400,
    b"\n",
    b"\x00" * 300,
    b"POST ",
)
STRANGERS += (
    b"A" * 300_000,
    b"SSH-2.0-x\r\n",
    b"\x05\x01\x00",
    b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
)


T = TypeVar("T")


def hostile_request(chance: Random) -> bytes:
    """Return what one sender writes: a request or a few of them, or something else."""
    kind = chance.random()
    if kind < 0.1:
        return chance.choice(STRANGERS)
    sent = b"".join(_request(chance) for _ in range(chance.choice((1, 1, 1, 2, 4))))
    if kind < 0.3:
        return tamper(chance, sent)
    if kind < 0.5:
        return sent[: chance.randint(0, len(sent))]
    return sent


def _request(chance: Random) -> bytes:
    framing, body = _framed(chance, _body(chance))
    headers = [b"Host: x", framing, *(_header(chance) for _ in range(chance.randrange(4)))]
    chance.shuffle(headers)
    end = _usually(chance, b"\r\n", (b"\n", b"\r", b"\r\r\n", b"\r\n "))
    return end.join([_start_line(chance), *headers]) + b"\r\n\r\n" + body


def _start_line(chance: Random) -> bytes:
    parts = (
        _usually(chance, b"POST", METHODS),
        _usually(chance, chance.choice((TENCENT, HUAWEI, TOKEN)), TARGETS),
        _usually(chance, b"HTTP/1.1", VERSIONS),
    )
    return _usually(chance, b" ", (b"  ", b"\t", b"", b"\x0b")).join(parts)


def _header(chance: Random) -> bytes:
    nasty = chance.choice(NASTY).encode("utf-8", "surrogatepass")
    value = chance.choice((*VALUES, nasty))
    return chance.choice(NAMES) + _usually(chance, b": ", (b":", b" : ", b"", b":\t")) + value


def _body(chance: Random) -> bytes:
    token = b'{"appKey": "ODFS_SYS_OPENAPI", "appSecret": "guess"}'
    plain: tuple[bytes, ...] = (TENCENT_CALLBACK, HUAWEI_CALLBACK, token, b"")
    makers: tuple[Callable[[Random], bytes], ...] = (tencent_body, huawei_body)
    return chance.choice(plain) if chance.random() < 0.3 else chance.choice(makers)(chance)


def _framed(chance: Random, body: bytes) -> tuple[bytes, bytes]:
    """Return the header that tells how long a body is, and the body, as it is sent."""
    if chance.random() < 0.5:
        told = _usually(chance, len(body), (len(body) + 5, max(0, len(body) - 5), 10**9, 10**19))
        return b"Content-Length: %d" % told, body
    size = _usually(chance, b"%x" % len(body), SIZES)
    chunk = size + _usually(chance, b"\r\n", (b"\n", b"\r")) + body + b"\r\n"
    return b"Transfer-Encoding: chunked", chunk + _usually(chance, b"0\r\n\r\n", ENDS)


def _usually(chance: Random, honest: T, others: tuple[T, ...]) -> T:
    return honest if chance.random() < 0.8 else chance.choice(others)
