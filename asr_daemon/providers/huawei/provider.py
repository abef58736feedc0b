"""Huawei CEC/OIAP: the callback of offline conversion, and the tokens that its senders ask for.

This daemon stands where OIAP stands. A sender first posts its app key and secret to the token
interface, then each result with the token, and asks again when the token is over.
"""

import time
from collections.abc import Callable

from asr_daemon.errors import CallbackError, NotUnderstood, TokenExpired
from asr_daemon.providers.base import Answer, Callback, Head, check_address
from asr_daemon.providers.digest import digest_json
from asr_daemon.providers.form import collect, decode_field, to_texts
from asr_daemon.providers.huawei.answers import SUCCESS, refuse_callback
from asr_daemon.providers.huawei.credentials import check_path, secrets_by_app_key
from asr_daemon.providers.huawei.result import read_result
from asr_daemon.providers.huawei.settings import HuaweiSettings
from asr_daemon.providers.huawei.tokens import check_token
from asr_daemon.providers.json_body import decode_json
from asr_daemon.providers.other_services import NO_OTHER_SERVICES, OtherServices
from asr_daemon.providers.text_encoding import declared_encoding, json_to_utf8
from asr_daemon.providers.urls import split_fields, split_url
from asr_daemon.transcript import Transcript


class Huawei:
    """Receives what third parties post to `settings.path`, with a token in the header.

    Without clients in the settings every request is admitted.
    """

    name = "huawei"

    def __init__(
        self,
        settings: HuaweiSettings,
        other_services: OtherServices = NO_OTHER_SERVICES,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`clock` returns the time in Unix seconds."""
        self._settings = settings
        self._other_services = other_services
        self._secrets = secrets_by_app_key(settings)
        self._clock = clock

    def admit(self, head: Head) -> None:
        """Judge the address, the path and the token.

        Raises:
            TokenExpired: there is no token, or its time is over.
            WrongCredentials: the user name or the token is wrong.
            Unauthorized: the address is refused.
            NotFound: the path is below `settings.path`.
        """
        check_address(head.address, self._settings.allow)
        check_path(head, self._settings.path)
        if not self._secrets:
            return
        token = head.headers.get("token", "").strip()
        if not token:
            raise TokenExpired("the header has no token")
        # Header values come as Latin-1 (RFC 9110, 5.5), and senders mean UTF-8.
        sent = head.headers.get("username", "").encode("latin-1", "replace")
        app_key = sent.decode("utf-8", "replace").strip()
        check_token(token, app_key, self._secrets.get(app_key, ()), self._clock())

    def parse(self, callback: Callback) -> Transcript:
        """Parse a callback.

        Raises:
            NotUnderstood: there is no `aid`, the body does not have the documented shape, or its
                text is in none of the places that are known.
        """
        try:
            return self._parse(callback)
        except NotUnderstood as error:
            other_service = self._other_services.describe(callback.body, self.name)
            raise NotUnderstood(other_service or str(error)) from None

    def _parse(self, callback: Callback) -> Transcript:
        declared = declared_encoding(callback.head.headers.get("content-type", ""))
        encoding = declared or self._settings.text_encoding
        document = decode_json(json_to_utf8(callback.body, encoding, doubtful=False))
        result = read_result(document)
        return Transcript(
            provider=self.name,
            id=result.aid,
            name=result.aid,
            received_at=callback.received_at,
            digest=digest_json(document),
            error=result.error,
            segments=result.segments,
            query=self.query(callback.head),
            payload=document,
        )

    def query(self, head: Head) -> dict[str, str | list[str]]:
        """Return the parameters of an admitted request's URL."""
        _, query = split_url(head.path, head.query, self._settings.path)
        pairs = [decode_field(field) for field in split_fields(query) if field]
        return collect(to_texts(pairs, self._settings.text_encoding))

    def acknowledge(self) -> Answer:
        """Word the answer for a result that is on stable storage."""
        return SUCCESS

    def refuse(self, error: CallbackError) -> Answer:
        """Word the answer for a callback that is not acknowledged."""
        return refuse_callback(error)
