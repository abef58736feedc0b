"""Acme posts `{"job": "1", "said": "text"}` and is answered `{"ok": true}`."""

from msgspec import json

from asr_daemon.errors import (
    CallbackError,
    CannotStore,
    NotFound,
    NotUnderstood,
    Unauthorized,
    WrongCredentials,
)
from asr_daemon.providers.base import Answer, Callback, Head, check_address
from asr_daemon.providers.digest import digest_json
from asr_daemon.providers.json_body import decode_json
from asr_daemon.providers.other_services import NO_OTHER_SERVICES, OtherServices
from asr_daemon.providers.scalars import as_label, as_text
from asr_daemon.providers.urls import rest_of_path
from asr_daemon.secret import Secret
from asr_daemon.transcript import Segment, Transcript
from tests.providers.acme.settings import AcmeSettings


class Acme:
    """Receives what Acme posts to `settings.path`, with the key as the query."""

    name = "acme"

    def __init__(
        self, settings: AcmeSettings, other_services: OtherServices = NO_OTHER_SERVICES
    ) -> None:
        self._settings = settings
        self._other_services = other_services

    def admit(self, head: Head) -> None:
        """Judge the address, the path and the key."""
        check_address(head.address, self._settings.allow)
        if rest_of_path(head.path, self._settings.path) != b"":
            raise NotFound("nothing is served at this path")
        if self._settings.keys and not Secret.any_matches(self._settings.keys, head.query):
            raise WrongCredentials("invalid key")

    def parse(self, callback: Callback) -> Transcript:
        """Parse a callback."""
        document = decode_json(callback.body)
        said = as_text(document.get("said")) if isinstance(document, dict) else None
        if said is None:
            other_service = self._other_services.describe(callback.body, self.name)
            raise NotUnderstood(other_service or "said is missing")
        job = as_label(document.get("job"))
        return Transcript(
            provider=self.name,
            id=job,
            name=job,
            received_at=callback.received_at,
            digest=digest_json(document),
            segments=(Segment(said),),
            query={},
            payload=document,
        )

    def query(self, _head: Head) -> dict[str, str | list[str]]:
        """Return no parameters: the query is the key."""
        return {}

    def acknowledge(self) -> Answer:
        """Word the answer for a result that is on stable storage."""
        return Answer(200, b'{"ok":true,"why":""}')

    def refuse(self, error: CallbackError) -> Answer:
        """Word the answer for a callback that is not acknowledged."""
        body = json.encode({"ok": False, "why": str(error)})
        if isinstance(error, CannotStore):
            return Answer(503, body)
        if isinstance(error, Unauthorized):
            return Answer(401, body, (("WWW-Authenticate", "Acme"),))
        return Answer(404 if isinstance(error, NotFound) else 400, body)
