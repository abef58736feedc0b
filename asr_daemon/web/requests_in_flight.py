"""Requests that are admitted and not yet answered: a shutdown waits for them, or refuses them."""

import asyncio
from contextlib import suppress
from typing import Protocol


class Request(Protocol):
    """An admitted request, as far as a shutdown goes."""

    def abort(self) -> None:
        """Refuse it; what is being stored may still be stored."""
        ...


class InFlight:
    """All requests in flight."""

    def __init__(self) -> None:
        self.received_bytes = 0
        """Of bodies that are received, in part or whole, and not yet answered."""
        self.is_draining = False
        """Whether each answer announces the end of its connection, so that no request is lost."""
        self._requests: dict[Request, None] = {}
        self._fewer = asyncio.Event()

    def begin(self, request: Request) -> None:
        """Add a request that is admitted."""
        self._requests[request] = None

    def end(self, request: Request) -> None:
        """Remove a request that is answered, or whose sender has gone; idempotent."""
        self._requests.pop(request, None)
        self._fewer.set()

    async def settle(self, timeout_s: float) -> None:
        """Return when every request in flight is answered, or `timeout_s` is over."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._until_none()

    async def refuse(self) -> None:
        """Refuse every request in flight. Some may begin while others end."""
        while self._requests:
            self._fewer.clear()
            for request in tuple(self._requests):
                request.abort()
            await self._fewer.wait()

    async def _until_none(self) -> None:
        while self._requests:
            self._fewer.clear()
            await self._fewer.wait()
