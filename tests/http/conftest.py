"""A listener with an endpoint that writes down what reaches it."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from tornado.ioloop import IOLoop

from asr_daemon.errors import BodyTooLarge, CallbackError, NotFound, WrongCredentials
from asr_daemon.http.callbacks import Router
from asr_daemon.http.exchange import Exchanges
from asr_daemon.http.guesses import Guesses
from asr_daemon.http.intake import Intake
from asr_daemon.http.limits import Connections, Memory
from asr_daemon.http.listener import Listener
from asr_daemon.http.refusals import Refusals
from asr_daemon.providers.base import Answer, Callback, Head


class Recorder:
    """An endpoint at `/in` that admits whoever asks with `?key=good`."""

    name = "recorder"
    anonymous_bytes: int | None = None

    def __init__(self) -> None:
        """Begin with nothing received."""
        self.heads: list[Head] = []
        self.bodies: list[bytes] = []
        self.failure: Exception | None = None

    def admit(self, head: Head) -> None:
        """Admit by key; know no path below `/in/known`."""
        self.heads.append(head)
        if head.query != b"key=good":
            raise WrongCredentials("wrong key")
        if head.path.startswith(b"/in/unknown"):
            raise NotFound("no such path")

    async def respond(self, callback: Callback) -> Answer:
        """Note the body, or fail as told."""
        self.bodies.append(bytes(callback.body))
        if self.failure is not None:
            raise self.failure
        return Answer(200, b'{"ok":true}')

    def refuse(self, error: CallbackError) -> Answer:
        """Use a status that tells the kinds of refusal apart."""
        status = {WrongCredentials: 401, NotFound: 404, BodyTooLarge: 413}.get(type(error), 500)
        return Answer(status, str(error).encode(), (("X-Refused", type(error).__name__),))


@pytest.fixture
def io_loop() -> Iterator[IOLoop]:
    """Return the loop that pytest-tornado runs a test on; its own leaves one open, and warns."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    made = IOLoop(asyncio_loop=loop, make_current=False)
    yield made
    asyncio.set_event_loop(None)
    made.close(all_fds=True)


@pytest.fixture
def endpoint() -> Recorder:
    """Return the endpoint that is served at `/in`."""
    return Recorder()


@pytest.fixture
def exchanges() -> Exchanges:
    """Return the requests that are under way."""
    return Exchanges()


@pytest.fixture
def http_server(
    io_loop: IOLoop, _unused_port: tuple[socket.socket, int], app: Router
) -> Iterator[Listener]:
    """Return the listener that pytest-tornado's `http_port` leads to."""
    made = Listener([_unused_port[0]], app.converse, Connections(99, 99), 5.0)

    async def start() -> None:
        made.start()

    async def stop() -> None:
        made.stop()
        await made.close_connections()

    io_loop.run_sync(start)
    yield made
    io_loop.run_sync(stop)


@pytest.fixture
def app(endpoint: Recorder, exchanges: Exchanges) -> Router:
    """Return what `http_server` serves: bodies up to 1,000 bytes."""
    intake = Intake(
        body_bytes=1000,
        header_timeout_s=5.0,
        body_min_rate_bytes_per_s=1000,
        memory=Memory(1000),
        guesses=Guesses(),
        refusals=Refusals(),
        answered=lambda endpoint, status: None,
    )
    router = Router(exchanges)
    router.serve({"/in": endpoint}, intake)
    return router
