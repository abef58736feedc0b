"""Tencent Cloud ASR: the callback of recording recognition.

The vendor signs nothing: the callback URL that is given to it is the only place for a secret. It
tries a callback twice at most and takes any answer but `{"code":0,...}` for a failure, so whatever
may be a result is refused last.
"""

from collections.abc import Iterable

from msgspec import json

from asr_daemon.errors import CallbackError, NotFound, Unauthorized, WrongCredentials
from asr_daemon.providers.base import Answer, Callback, Head, check_address
from asr_daemon.providers.form import (
    Pair,
    collect,
    percent_decode,
    to_texts,
)
from asr_daemon.providers.other_services import NO_OTHER_SERVICES, OtherServices
from asr_daemon.providers.scalars import as_label, as_text, seconds_as_ms
from asr_daemon.providers.tencent.answers import SUCCESS, refusal
from asr_daemon.providers.tencent.callback_url import KEY, read_parameters, split_element
from asr_daemon.providers.tencent.fields import Fields, is_pairs, read_fields
from asr_daemon.providers.tencent.segments import Speech, read_speech
from asr_daemon.providers.tencent.settings import TencentSettings
from asr_daemon.providers.text_encoding import declared_encoding
from asr_daemon.providers.urls import split_url, unescape_ampersands
from asr_daemon.secret import Secret
from asr_daemon.transcript import Transcript, VendorError


class Tencent:
    """Receives what Tencent posts to `settings.path`, with a key in the query or the path."""

    name = "tencent"

    def __init__(
        self, settings: TencentSettings, other_services: OtherServices = NO_OTHER_SERVICES
    ) -> None:
        self._settings = settings
        self._other_services = other_services

    def admit(self, head: Head) -> None:
        """Judge the address, the key, and how the path goes on: with a key, with pairs, or both.

        Raises:
            WrongCredentials: the key is wrong, or the path holds what may be a guess at it.
            Unauthorized: the address is refused.
            NotFound: the path goes on with something else.
        """
        check_address(head.address, self._settings.allow)
        rest, parameters = self._read_url(head)
        if rest is None:
            raise NotFound("nothing is served at this path")
        # Each has to be right: one request with many keys would be as many guesses.
        verdicts = [self._is_key(value) for name, value in parameters if name.lower() == KEY]
        further = self._behind_key(rest)
        if further is not None:
            verdicts, rest = [*verdicts, True], further
        if self._settings.keys and not (verdicts and all(verdicts)):
            raise WrongCredentials("the key is missing or wrong")
        if rest and not is_pairs(rest):
            raise NotFound("nothing is served at this path")

    def parse(self, callback: Callback) -> Transcript:
        """Parse a callback of any generation.

        Raises:
            NotUnderstood: there is none of `code`, `requestId` and `text`, or no way to read them.
            Unauthorized: the `appid` is not one that is let in.
        """
        declared = declared_encoding(callback.head.headers.get("content-type", ""))
        encoding = declared or self._settings.text_encoding
        rest, given = self._read_url(callback.head)
        parameters, path_pairs = _without_key(given), self._path_pairs(rest or b"")
        fields, others = read_fields(
            callback.body, parameters, path_pairs, encoding, self._other_services
        )
        appid = as_label(fields.get("appid"))
        if self._settings.appids and appid not in self._settings.appids:
            raise Unauthorized("this appid is not allowed to send callbacks")
        error = _read_error(fields)
        speech = Speech() if error else read_speech(fields.get("resultdetail"), fields.get("text"))
        return Transcript(
            provider=self.name,
            id=_request_id(fields),
            name=self._name(fields, parameters),
            received_at=callback.received_at,
            digest=fields.digest,
            error=error,
            segments=speech.segments,
            appid=appid,
            duration_ms=seconds_as_ms(fields.get("audiotime")),
            audio_url=as_label(fields.get("audiourl")),
            audio_key=as_label(fields.get("audiokey")),
            language=speech.language,
            text_url=None if error or speech.segments else _text_url(fields),
            query=collect(to_texts(others, encoding)),
            payload=fields.payload,
        )

    def query(self, head: Head) -> dict[str, str | list[str]]:
        """Return the parameters of an admitted request's URL, without the key."""
        _, parameters = self._read_url(head)
        return collect(to_texts(_without_key(parameters), self._settings.text_encoding))

    def acknowledge(self) -> Answer:
        """Word the answer for a result that is on stable storage."""
        return SUCCESS

    def refuse(self, error: CallbackError) -> Answer:
        """Word the answer for a callback that is not acknowledged."""
        return refusal(error)

    def _is_key(self, candidate: bytes) -> bool:
        return Secret.any_matches(self._settings.keys, candidate)

    def _read_url(self, head: Head) -> tuple[bytes | None, list[Pair]]:
        """Return what follows the path, if it is ours, and the parameters with the key."""
        rest, query = split_url(head.path, head.query, self._settings.path)
        return rest, list(read_parameters(query))

    def _path_pairs(self, rest: bytes) -> bytes:
        """Return what may be pairs at the end of an admitted path, with or without a key before."""
        further = self._behind_key(rest)
        return unescape_ampersands(rest if further is None else further)

    def _behind_key(self, rest: bytes) -> bytes | None:
        """Return what follows a key that is the first element, `None` if that is no key."""
        element, further = split_element(rest)
        return further if self._is_key(percent_decode(element)) else None

    def _name(self, fields: Fields, parameters: Iterable[Pair]) -> str | None:
        """Return what `name_by` asks for, and never anything else in its place."""
        kind, _, wanted = self._settings.name_by.partition(":")
        if kind == "query":
            texts = to_texts(parameters, self._settings.text_encoding)
            return as_label(next((value for name, value in texts if name == wanted), None))
        return as_label(fields.get("audiokey")) if kind == "audio_key" else _request_id(fields)


def _without_key(parameters: Iterable[Pair]) -> list[Pair]:
    return [pair for pair in parameters if pair[0].lower() != KEY]


def _request_id(fields: Fields) -> str | None:
    label = as_label(fields.get("requestid"))
    return label and label.strip()


def _text_url(fields: Fields) -> str | None:
    """Return where the text is, in callbacks of 2017; elsewhere there is no such field."""
    label = as_label(fields.get("texturl"))
    return (label and label.strip()) or None


def _read_error(fields: Fields) -> VendorError | None:
    """Return the vendor's error unless its code is zero, empty, or not there."""
    value = fields.get("code")
    code = (as_text(value) or "").strip()
    if value is not None and not code and not isinstance(value, str):
        code = json.encode(value).decode()
    if not code.strip("0"):
        return None
    return VendorError(code, as_text(fields.get("message")) or "")
