"""What the rest of the package uses of Acme."""

from asr_daemon.providers.other_services import other_service
from asr_daemon.providers.simulator import Poster, Reply, says
from asr_daemon.providers.vendor import Vendor
from tests.providers.acme.provider import Acme
from tests.providers.acme.settings import AcmeSettings


class AcmeSimulator:
    """Posts JSON once."""

    def __init__(self, url: str) -> None:
        self._post = Poster(url).post

    def send(self, body: bytes, content_type: str | None = None) -> list[Reply]:
        """Return the answer."""
        return [self._post(body, {"Content-Type": content_type or "application/json"})]

    def accepted(self, reply: Reply) -> bool:
        """Say whether the vendor would take the callback as delivered."""
        return says(reply.body, "ok", value=True)


def callback_url(settings: AcmeSettings, origin: str) -> str:
    """Return where the daemon at `origin` receives callbacks, with its key."""
    key = f"?{settings.keys[0].reveal().decode()}" if settings.keys else ""
    return f"{origin}{settings.path}{key}"


def make_simulator(settings: AcmeSettings, origin: str, url: str | None) -> AcmeSimulator:
    """Return a simulator that posts to `url`, or to the daemon at `origin`."""
    return AcmeSimulator(url or callback_url(settings, origin))


def sample(number: int) -> bytes:
    """Return the callback of job `number`."""
    return b'{"job":"job-%d","said":"hello"}' % number


ACME = Vendor(
    name="acme",
    title="Acme Dictation",
    settings=AcmeSettings,
    credentials="key",
    make_provider=Acme,
    make_simulator=make_simulator,
    callback_url=callback_url,
    sample=sample,
    other_services=(other_service("a result of Acme", "job", "said", provider="acme"),),
)
