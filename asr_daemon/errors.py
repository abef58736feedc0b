"""The errors that cross rooms.

A `CallbackError` is a callback that is not acknowledged. Its message is one sentence for the
sender and holds no secret and no transcript. It knows no HTTP: each provider has one table that
turns these classes into the answers of its vendor.
"""


class AsrDaemonError(Exception):
    """The base of everything that this package raises on purpose."""


class UnusableSetting(AsrDaemonError):
    """A valid configuration cannot be applied, as a setting names what cannot be used.

    The message is "`key`: `wrong`, `right`"; `right` is what to do.
    """

    def __init__(self, key: str, wrong: str, right: str) -> None:
        self.key = key
        self.wrong = wrong
        self.right = right
        super().__init__(f"{key}: {wrong}, {right}")


class CallbackError(AsrDaemonError):
    """A callback that is not acknowledged; the message says why, in one sentence."""


class MalformedRequest(CallbackError):
    """What was sent is not HTTP/1.1, or can be read in more than one way."""


class NotHttp(MalformedRequest):
    """What a client sends is no request at all, or in a protocol that is not served."""


class NotUnderstood(CallbackError):
    """The body is not a result of this vendor."""


class Unauthorized(CallbackError):
    """The key, token or address is not one that is let in."""


class WrongCredentials(Unauthorized):
    """The key, token or secret is wrong: perhaps a guess."""


class TokenExpired(Unauthorized):
    """No token was sent, or its time is over: the sender has to get a new one."""


class NotFound(CallbackError):
    """Nothing is served at this path."""


class MethodNotAllowed(CallbackError):
    """The method is not POST."""


class BodyTooLarge(CallbackError):
    """The body is over `limits.body`."""


class UnsupportedBody(CallbackError):
    """The body is compressed or multipart."""


class CannotStore(CallbackError):
    """The result cannot be made durable now; the sender may try again."""


class NoRoomForRejected(CannotStore):
    """A body that was not understood is over `limits.rejected`; results are stored as ever."""


class ShuttingDown(CannotStore):
    """The daemon is shutting down and takes no more results."""
