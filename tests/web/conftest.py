"""A callback server with an endpoint that writes down what reaches it."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import datetime

import pytest
from tornado.ioloop import IOLoop

from asr_daemon.body import Body, StagedContent
from asr_daemon.errors import BodyTooLarge, CallbackError, NotFound, WrongCredentials
from asr_daemon.providers.base import Answer, Head
from asr_daemon.web.connection import Timeouts
from asr_daemon.web.connections import Connections
from asr_daemon.web.interfaces import Intake
from asr_daemon.web.refusal_log import RefusalLog
from asr_daemon.web.requests_in_flight import InFlight
from asr_daemon.web.routing import Router
from asr_daemon.web.server import CallbackServer
from asr_daemon.web.throttle import Throttle

MAX_BODY_BYTES = 1_000_000


class MemorySpool:
    """A spool that holds everything, or fails with `failure`."""

    def __init__(self, failure: Exception | None = None) -> None:
        """Begin empty."""
        self.written = b""
        self.is_discarded = False
        self._failure = failure

    @property
    def size_bytes(self) -> int:
        """What was written."""
        return len(self.written)

    @property
    def content(self) -> StagedContent:
        """Nothing on this side asks for it."""
        raise NotImplementedError

    def read(self) -> bytes:
        """Return what was written."""
        return self.written

    async def write(self, chunk: bytes) -> None:
        """Append, or fail."""
        if self._failure is not None:
            raise self._failure
        self.written += chunk

    def discard(self) -> None:
        """Note it."""
        self.is_discarded = True


class Recorder:
    """An endpoint at `/in` that admits whoever asks with `?key=good`."""

    name = "recorder"
    anonymous_bytes: int | None = None

    def __init__(self) -> None:
        """Begin with nothing received."""
        self.heads: list[Head] = []
        self.bodies: list[bytes] = []
        self.spools: list[MemorySpool] = []
        self.failure: Exception | None = None
        self.released = asyncio.Event()
        self.released.set()

    def admit(self, head: Head) -> None:
        """Admit by key; know no path below `/in/known`."""
        self.heads.append(head)
        if head.query != b"key=good":
            raise WrongCredentials("wrong key")
        if head.path.startswith(b"/in/unknown"):
            raise NotFound("no such path")

    async def respond(self, head: Head, body: Body, received_at: datetime) -> Answer:
        """Note the body, wait until released, and fail if there is a failure."""
        if isinstance(body, bytes):
            self.bodies.append(body)
        elif isinstance(body, MemorySpool):
            self.spools.append(body)
        await self.released.wait()
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
def in_flight() -> InFlight:
    """Return the requests in flight."""
    return InFlight()


@pytest.fixture
def throttle() -> Throttle:
    """Return what delays refusals."""
    return Throttle()


@pytest.fixture
def spool_failure() -> Exception | None:
    """Return what every spool fails with."""
    return None


@pytest.fixture
def spools() -> list[MemorySpool]:
    """Return the spools that were opened."""
    return []


@pytest.fixture
def connections() -> Connections:
    """Return room for some connections."""
    timeouts = Timeouts(header_s=5.0, idle_s=5.0, body_min_rate_bytes_per_s=1000)
    made = Connections(timeouts)
    made.limit(99, 99, (), timeouts)
    return made


@pytest.fixture
def answers() -> list[tuple[str, int]]:
    """Return endpoint and status of each answer, as they are counted."""
    return []


@pytest.fixture
def app(
    endpoint: Recorder,
    throttle: Throttle,
    spools: list[MemorySpool],
    spool_failure: Exception | None,
    answers: list[tuple[str, int]],
) -> Router:
    """Return what `http_server` serves: bodies up to `MAX_BODY_BYTES`."""

    async def open_spool() -> MemorySpool:
        spools.append(MemorySpool(spool_failure))
        return spools[-1]

    intake = Intake(
        body_bytes=MAX_BODY_BYTES,
        open_spool=open_spool,
        throttle=throttle,
        refusal_log=RefusalLog(),
        answered=lambda endpoint, status: answers.append((endpoint, status)),
    )
    router = Router()
    router.serve({"/in": endpoint}, intake)
    return router


@pytest.fixture
def http_server(
    io_loop: IOLoop,
    _unused_port: tuple[socket.socket, int],
    app: Router,
    in_flight: InFlight,
    connections: Connections,
) -> Iterator[CallbackServer]:
    """Return the server that pytest-tornado's `http_port` leads to."""
    made = CallbackServer([_unused_port[0]], app, in_flight, connections)

    async def start() -> None:
        connections.start()
        made.start()

    async def stop() -> None:
        made.stop()
        await connections.close(0.0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    io_loop.run_sync(start)
    yield made
    io_loop.run_sync(stop)
