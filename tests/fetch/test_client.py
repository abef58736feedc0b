"""Downloads from a real TLS server: what arrives, and what is neither asked for nor kept."""

import asyncio
import gzip
import logging
import ssl
from typing import Any

import pytest

from asr_daemon.fetch.client import Download, Downloader, FetchFailed, Limits, SystemResolver
from asr_daemon.fetch.policy import FetchRefused, Policy, is_public
from tests.fetch.tls_server import Names, Serve, TlsServer, redirect, response, serving, status

HOSTS = ("text.example.com", "*.example.net")
TEXT = "[0:1.640,0:4.600]  你好\n".encode()
# Without the time in its head: workers that collect in different seconds have to name cases alike.
PACKED = gzip.compress(TEXT, mtime=0)
MOST = 200_000
LIMITS = Limits(size_bytes=MOST, total_s=5)
LOOPBACK = {"text.example.com": ["127.0.0.1"], "a.example.net": ["127.0.0.1"]}


def download(  # noqa: PLR0913 - each is what a test is about
    answers: dict[str, bytes | Serve],
    path: str = "/t",
    *,
    host: str = "text.example.com",
    names: dict[str, list[str]] | None = None,
    limits: Limits = LIMITS,
    allowed: Any = lambda _: True,
    trusts: bool = True,
) -> tuple[Download | Exception, TlsServer, Names]:
    """Download from a server whose policy lets loopback pass unless `allowed` says otherwise."""

    async def run() -> tuple[Download | Exception, TlsServer, Names]:
        async with serving(answers) as server:
            lookup = Names(names or LOOPBACK)
            tls = server.trusting if trusts else None
            client = Downloader(Policy(allowed, server.port), limits, lookup, tls)
            try:
                return await client.fetch(server.url(path, host), HOSTS), server, lookup
            except (FetchFailed, FetchRefused) as error:
                return error, server, lookup
            finally:
                client.close()

    return asyncio.run(run())


def test_text_is_fetched_with_the_name_that_was_checked() -> None:
    done, server, names = download({"/t?a=b": response(TEXT, "Content-Type: text/plain")}, "/t?a=b")
    assert done == Download(TEXT, "text/plain")
    assert names.asked == ["text.example.com"]
    head = server.heads[0].lower()
    assert f"host: text.example.com:{server.port}" in head
    assert "accept-encoding: identity" in head
    assert "cookie" not in head


def test_chunked_text_is_fetched() -> None:
    chunked = (
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    assert download({"/t": chunked})[0] == Download(b"abcde", "")


def test_text_until_the_connection_ends_is_fetched() -> None:
    assert download({"/t": b"HTTP/1.1 200 X\r\n\r\nabc"})[0] == Download(b"abc", "")


def test_redirects_are_followed_to_allowed_hosts() -> None:
    async def run() -> tuple[Download, TlsServer]:
        answers: dict[str, bytes | Serve] = {"/u": redirect("v"), "/v": response(TEXT)}
        async with serving(answers) as server:
            answers["/t"] = redirect(server.url("/u", "a.example.net"))
            policy = Policy(lambda _: True, server.port)
            client = Downloader(policy, LIMITS, Names(LOOPBACK), server.trusting)
            return await client.fetch(server.url("/t"), HOSTS), server

    done, server = asyncio.run(run())
    assert done.content == TEXT
    assert server.paths == ["/t", "/u", "/v"]
    assert "host: a.example.net" in server.heads[2].lower()


@pytest.mark.parametrize(
    "location",
    [
        "https://127.0.0.1/secret",
        "https://[::1]/secret",
        "https://localhost/secret",
        "https://2130706433/secret",
        "http://text.example.com/secret",
        "//evil.com/secret",
        "file:///etc/passwd",
        "https://user@text.example.com/secret",
        "https://text.example.com:22/secret",
    ],
)
def test_redirect_to_elsewhere_is_not_followed(location: str) -> None:
    done, server, names = download({"/t": redirect(location)})
    assert isinstance(done, FetchRefused)
    assert server.paths == ["/t"]
    assert names.asked == ["text.example.com"]


def test_redirects_end() -> None:
    done, server, _ = download({"/t": redirect("/t")})
    assert isinstance(done, FetchFailed)
    assert server.paths == ["/t"] * 4


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["8.8.8.8", "127.0.0.1"],
        ["127.0.0.1", "8.8.8.8"],
    ],
)
def test_name_of_an_address_that_is_not_public_is_not_connected_to(addresses: list[str]) -> None:
    done, server, _ = download(
        {"/t": response(TEXT)}, names={"text.example.com": addresses}, allowed=is_public
    )
    assert isinstance(done, FetchRefused)
    assert "not public" in str(done)
    assert server.connections == 0


def test_redirect_to_the_name_of_a_private_address_is_not_followed() -> None:
    async def run() -> tuple[str, TlsServer]:
        answers: dict[str, bytes | Serve] = {"/u": response(TEXT)}
        async with serving(answers) as server:
            answers["/t"] = redirect(server.url("/u", "a.example.net"))
            names = Names({**LOOPBACK, "a.example.net": ["127.0.0.2"]})
            policy = Policy(lambda address: address == "127.0.0.1", server.port)
            client = Downloader(policy, LIMITS, names, server.trusting)
            with pytest.raises(FetchRefused) as refused:
                await client.fetch(server.url("/t"), HOSTS)
            return str(refused.value), server

    reason, server = asyncio.run(run())
    assert "127.0.0.2" in reason
    assert server.paths == ["/t"]


def test_name_is_resolved_once_and_the_checked_address_is_used() -> None:
    class Rebinding(Names):
        """Gives an address that is allowed, then one that is not."""

        async def resolve(self, host: str, port: int, family: int = 0) -> list[tuple[int, Any]]:
            found = await super().resolve(host, port, family)
            return found if len(self.asked) == 1 else [(2, ("127.0.0.2", port))]

    async def run() -> list[str]:
        async with serving({"/t": response(TEXT)}) as server:
            lookup = Rebinding(LOOPBACK)
            policy = Policy(lambda address: address == "127.0.0.1", server.port)
            client = Downloader(policy, LIMITS, lookup, server.trusting)
            assert (await client.fetch(server.url("/t"), HOSTS)).content == TEXT
            return list(lookup.asked)

    assert asyncio.run(run()) == ["text.example.com"]


def test_name_that_is_not_known_may_be_tried_again() -> None:
    done, _, _ = download({}, names={"other.example.com": []})
    assert isinstance(done, FetchFailed)
    assert "not known" in str(done)


def test_lookup_that_hangs_ends_soon_and_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    class Hanging(Names):
        """Gives no answer."""

        async def resolve(self, host: str, port: int, family: int = 0) -> list[tuple[int, Any]]:
            await asyncio.Event().wait()
            return []

    async def run() -> None:
        policy, limits = Policy(lambda _: True, 443), Limits(lookup_s=0.1)
        client = Downloader(policy, limits, Hanging({}))
        with pytest.raises(FetchFailed, match="Timeout"):
            await client.fetch("https://text.example.com/t", HOSTS)

    asyncio.run(run())
    assert caplog.messages == []


def test_names_are_looked_up_by_the_system() -> None:
    found = asyncio.run(SystemResolver().resolve("localhost", 443))
    assert {address[0] for _, address in found} <= {"127.0.0.1", "::1"}
    assert found


def test_certificate_of_another_name_is_not_trusted() -> None:
    async def run() -> TlsServer:
        async with serving({"/t": response(TEXT)}) as server:
            lookup = Names({"a.b.example.net": ["127.0.0.1"]})
            client = Downloader(
                Policy(lambda _: True, server.port), LIMITS, lookup, server.trusting
            )
            with pytest.raises(FetchFailed, match=r"certificate is not valid: .*mismatch"):
                await client.fetch(server.url("/t", "a.b.example.net"), HOSTS)
            return server

    assert asyncio.run(run()).heads == []


def test_authority_that_the_system_does_not_know_is_not_trusted() -> None:
    done, server, _ = download({"/t": response(TEXT)}, trusts=False)
    assert isinstance(done, FetchFailed)
    assert "certificate is not valid" in str(done)
    assert server.heads == []


@pytest.mark.parametrize("code", [204, 206, 304, 400, 403, 404, 410, 500, 503])
def test_other_status_may_be_tried_again(code: int) -> None:
    done, _, _ = download({"/t": status(code)})
    assert isinstance(done, FetchFailed)
    assert str(code) in str(done)


async def endless(writer: asyncio.StreamWriter) -> None:
    """Go on for ever, without a length."""
    writer.write(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"64\r\n" + b"x" * 100 + b"\r\n")
        await writer.drain()


async def endless_head(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\n")
    while True:
        writer.write(b"X: " + b"x" * 1000 + b"\r\n")
        await writer.drain()


async def until_closed(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 X\r\n\r\n")
    while True:
        writer.write(b"x" * 100)
        await writer.drain()


@pytest.mark.parametrize("serve", [endless, until_closed])
def test_endless_text_is_cut_off(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    done, _, _ = download({"/t": serve})
    assert isinstance(done, FetchRefused)
    assert "longer than 200000 bytes" in str(done)
    assert caplog.messages == []


def test_endless_head_is_cut_off() -> None:
    done, _, _ = download({"/t": endless_head})
    assert isinstance(done, FetchFailed)


@pytest.mark.parametrize("size", [MOST + 1, 2 * MOST - 1, 2 * MOST + 1, 10**12, 10**30])
def test_text_that_calls_itself_too_long_is_not_waited_for(size: int) -> None:
    head = f"HTTP/1.1 200 X\r\nContent-Length: {size}\r\n\r\n".encode()
    done, _, _ = download({"/t": head})
    assert isinstance(done, FetchRefused)


def test_text_of_the_limit_is_fetched() -> None:
    done, _, _ = download({"/t": response(b"x" * MOST)})
    assert done == Download(b"x" * MOST, "")


def test_text_that_is_cut_off_is_not_taken() -> None:
    done, _, _ = download({"/t": b"HTTP/1.1 200 X\r\nContent-Length: 9\r\n\r\nabc"})
    assert isinstance(done, FetchFailed)


async def silent(writer: asyncio.StreamWriter) -> None:
    await writer.drain()
    await asyncio.Event().wait()


async def dripping(writer: asyncio.StreamWriter) -> None:
    """Send a byte now and then, so that no single read takes long."""
    writer.write(b"HTTP/1.1 200 X\r\nContent-Length: 900\r\n\r\n")
    while True:
        writer.write(b"x")
        await writer.drain()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("serve", [silent, dripping])
def test_slow_answer_ends_after_the_time(serve: Serve) -> None:
    done, _, _ = download({"/t": serve}, limits=Limits(size_bytes=MOST, total_s=0.3))
    assert isinstance(done, FetchFailed)
    assert "imeout" in str(done)


def test_time_is_for_all_redirects_together() -> None:
    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(redirect("/t"))

    done, server, _ = download({"/t": late}, limits=Limits(size_bytes=MOST, total_s=0.5))
    assert isinstance(done, FetchFailed)
    assert len(server.heads) <= 3


def test_server_that_speaks_no_http_may_be_tried_again() -> None:
    done, _, _ = download({"/t": b"SSH-2.0-OpenSSH_9.2\r\n\r\n"})
    assert isinstance(done, FetchFailed)


@pytest.mark.parametrize("name", ["gzip", "x-gzip", "GZIP"])
def test_gzip_is_undone(name: str) -> None:
    packed = response(PACKED, f"Content-Encoding: {name}")
    assert download({"/t": packed})[0] == Download(TEXT, "")


def test_gzip_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"x" * (MOST + 1))
    done, _, _ = download({"/t": response(bomb, "Content-Encoding: gzip")})
    assert isinstance(done, FetchRefused)


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (TEXT, "gzip"),
        (PACKED[:-4], "gzip"),
        (TEXT, "br"),
        (gzip.compress(PACKED, mtime=0), "gzip, gzip"),
    ],
)
def test_encoding_that_cannot_be_undone_is_no_text(content: bytes, encoding: str) -> None:
    done, _, _ = download({"/t": response(content, f"Content-Encoding: {encoding}")})
    assert isinstance(done, FetchFailed)


def test_plain_server_is_no_tls_server() -> None:
    async def run() -> None:
        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(response(TEXT))
            writer.close()

        listening = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = listening.sockets[0].getsockname()[1]
        tls = ssl.create_default_context()
        client = Downloader(Policy(lambda _: True, port), LIMITS, Names(LOOPBACK), tls)
        with pytest.raises(FetchFailed):
            await client.fetch(f"https://text.example.com:{port}/t", HOSTS)
        listening.close()

    asyncio.run(run())
