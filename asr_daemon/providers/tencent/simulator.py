"""Simulates Tencent."""

from urllib.parse import quote

from asr_daemon.providers.simulator import Poster, Reply, says
from asr_daemon.providers.tencent.settings import TencentSettings

TRIES = 2
"""Tencent tries a callback at most twice."""


class TencentSimulator:
    """Posts form pairs, once more if they are not acknowledged."""

    def __init__(self, url: str) -> None:
        """`url` is what the vendor would be given, with the key."""
        self._post = Poster(url).post

    def send(self, body: bytes, content_type: str | None = None) -> list[Reply]:
        """Return the answer of each try; the last one counts."""
        replies: list[Reply] = []
        headers = {"Content-Type": content_type or "application/x-www-form-urlencoded"}
        while len(replies) < TRIES and not (replies and self.accepted(replies[-1])):
            replies.append(self._post(body, headers))
        return replies

    def accepted(self, reply: Reply) -> bool:
        """Say whether the vendor would take the callback as delivered."""
        return says(reply.body, "code", 0)


def callback_url(settings: TencentSettings, origin: str) -> str:
    """Return where the daemon at `origin` receives callbacks, with its key."""
    key = f"?key={quote(settings.keys[0].reveal())}" if settings.keys else ""
    return f"{origin}{settings.path}{key}"


def make_simulator(settings: TencentSettings, origin: str, url: str | None) -> TencentSimulator:
    """Return a simulator that posts to `url`, or to the daemon at `origin` with its key."""
    return TencentSimulator(url or callback_url(settings, origin))
