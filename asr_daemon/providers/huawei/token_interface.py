"""OIAP's token interface: app key and secret in, token out."""

import time
from collections.abc import Callable
from datetime import datetime
from secrets import token_hex

from msgspec import json

from asr_daemon.errors import CallbackError, NotUnderstood
from asr_daemon.providers.base import Answer, Head, check_address
from asr_daemon.providers.huawei.answers import UnknownKey, WrongSecret, refuse_token
from asr_daemon.providers.huawei.credentials import check_path, secrets_by_app_key
from asr_daemon.providers.huawei.settings import HuaweiSettings
from asr_daemon.providers.huawei.tokens import issue_token
from asr_daemon.providers.json_body import decode_json
from asr_daemon.providers.scalars import look_up
from asr_daemon.secret import Secret


class TokenInterface:
    """Issues the tokens that `Huawei` admits, at `settings.token_path`.

    Without clients in the settings any app key gets a token, for senders always ask first.
    """

    name = "huawei-token"
    anonymous_bytes = 16 * 1024
    """The credentials are in the body: nobody is let in by the head, so little is taken."""

    def __init__(self, settings: HuaweiSettings, clock: Callable[[], float] = time.time) -> None:
        """`clock` returns Unix seconds."""
        self._settings = settings
        self._secrets = secrets_by_app_key(settings)
        self._clock = clock
        self._decoy = Secret(token_hex())

    def admit(self, head: Head) -> None:
        """Judge the address and the path.

        Raises:
            Unauthorized: the address is refused.
            NotFound: the path is below `settings.token_path`.
        """
        check_address(head.address, self._settings.allow)
        check_path(head, self._settings.token_path)

    async def respond(self, head: Head, body: object, received_at: datetime) -> Answer:
        """Do as `issue`; it has nothing to wait for, and no body so large that it is spooled."""
        return self.issue(body if isinstance(body, bytes) else b"")

    def issue(self, body: bytes) -> Answer:
        """Return the answer with a token for the credentials in the body.

        Raises:
            NotUnderstood: there are none.
            WrongCredentials: they are wrong.
        """
        token = self._issue(body)
        lifetime_s = int(self._settings.token_lifetime_s)
        issued = {"errorCode": 0, "errorMsg": "", "authToken": token, "expireTime": lifetime_s}
        return Answer(200, json.encode(issued))

    def refuse(self, error: CallbackError) -> Answer:
        """Word the answer for a request that gets no token."""
        return refuse_token(error)

    def _issue(self, body: bytes) -> str:
        """Return a token under the secret that was sent, so that it ends with that secret."""
        app_key, app_secret = _read_credentials(body)
        ends_at_s = self._clock() + self._settings.token_lifetime_s
        # An unknown key is compared with a secret as well: it takes the time of a known one.
        secrets = self._secrets.get(app_key, (self._decoy,))
        genuine = Secret.any_matches(secrets, app_secret.reveal())
        if self._secrets and app_key not in self._secrets:
            raise UnknownKey("this appKey does not exist")
        if self._secrets and not genuine:
            raise WrongSecret("this appSecret is wrong")
        return issue_token(app_key, app_secret, ends_at_s)


def _read_credentials(body: bytes) -> tuple[str, Secret]:
    request = decode_json(body)
    if not isinstance(request, dict):
        raise NotUnderstood("the body is not a JSON object")
    app_key, app_secret = look_up(request, "appKey"), look_up(request, "appSecret")
    if not isinstance(app_key, str) or not isinstance(app_secret, str):
        raise NotUnderstood("appKey or appSecret is missing or not a string")
    return app_key, Secret(app_secret)
