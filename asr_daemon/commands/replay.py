"""`asr-daemon replay`: send rejected bodies through the running daemon again."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlencode

import msgspec
from msgspec import Struct

from asr_daemon.commands.base import DONE, FAILED, Command, CommandFailed, configuration
from asr_daemon.commands.progress import Progress
from asr_daemon.commands.simulators import callback_url, make_simulator
from asr_daemon.config.model import Config
from asr_daemon.providers.registry import VENDORS
from asr_daemon.providers.simulator import SendError, Simulator

BODY, REASON = ".body", ".json"
GIVES_UP_AFTER = 3
"""Bodies in a row without an answer: the daemon is down."""

Query = Mapping[str, str | list[str]]


class Rejected(Struct, frozen=True):
    """What the document next to a rejected body says of it."""

    status: Literal["rejected"]
    provider: str
    query: dict[str, str | list[str]]
    content_type: str | None = None


class Sender:
    """Sends bodies as their vendors do, over one connection as long as the URL stays the same."""

    def __init__(self, config: Config) -> None:
        self._config = config
        self._key: tuple[str, Query] | None = None
        self._simulator: Simulator | None = None

    def send(self, rejected: Rejected, body: bytes) -> str | None:
        """Return the answer that refuses it, `None` if it is acknowledged.

        Raises:
            SendError: no answer came.
            CommandFailed: its provider is unknown.
        """
        key = (rejected.provider, rejected.query)
        if self._simulator is None or key != self._key:
            self._simulator, self._key = _simulator(self._config, *key), key
        reply = self._simulator.send(body, rejected.content_type)[-1]
        if self._simulator.accepted(reply):
            return None
        return reply.body.decode("utf-8", "backslashreplace")


def _simulator(config: Config, provider: str, query: Query) -> Simulator:
    """Return what simulates a vendor, at the daemon's own URL with these parameters."""
    vendor = next((vendor for vendor in VENDORS if vendor.name == provider), None)
    if vendor is None:
        raise CommandFailed(f"{provider!r} is not a provider")
    url = callback_url(config, vendor)
    if query:
        url += f"{'&' if '?' in url else '?'}{urlencode(query, doseq=True)}"
    return make_simulator(config, vendor, url)


def run(options: Namespace) -> int:
    """Send each body once, and count what became of it."""
    sender = Sender(configuration(options))
    bodies = sorted({body for path in options.paths for body in _bodies(path)})
    progress = Progress(sys.stderr, len(bodies), "bodies")
    acknowledged = unanswered = 0
    for body in bodies:
        try:
            refusal = sender.send(*_read(body))
            unanswered = 0
        except SendError as error:
            refusal = str(error)
            unanswered += 1
        except CommandFailed as error:
            refusal = str(error)
        if refusal is None:
            acknowledged += 1
        else:
            progress.report(f"{body}: {refusal}")
        if unanswered == GIVES_UP_AFTER:
            break
        progress.advance()
    progress.clear()
    print(f"{acknowledged} of {len(bodies)} acknowledged")
    return DONE if acknowledged == len(bodies) else FAILED


def _bodies(path: Path) -> Iterator[Path]:
    """Yield the bodies that a path names: one, or all below a directory."""
    if path.is_dir():
        yield from path.rglob(f"*{BODY}")
    elif path.suffix in (BODY, REASON) and path.with_suffix(BODY).is_file():
        yield path.with_suffix(BODY)
    else:
        raise CommandFailed(f"{path} is not a rejected body; name a {BODY} file or a directory")


def _read(body: Path) -> tuple[Rejected, bytes]:
    document = body.with_suffix(REASON)
    try:
        return msgspec.json.decode(document.read_bytes(), type=Rejected), body.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{error.filename} cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeError) as error:
        raise CommandFailed(f"{document} does not describe a rejected body: {error}") from error


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        nargs="+",
        type=Path,
        metavar="PATH",
        help="a rejected body, or a directory with some",
    )


COMMAND = Command(
    description="""\
Sends bodies from rejected/ below output.root to the running daemon again, the
way the vendor does: with the credentials of the configuration, and the
parameters and content type that they came with. That is for bodies that the
daemon rejected by mistake, because it was misconfigured or too old.

A body that is acknowledged now is a result like any other, and a second time it
is a duplicate. One that is rejected again, or cannot be read, is shown with the
reason, and the rest is sent. Nothing is removed from rejected/. Success means
that all were acknowledged.""",
    run=run,
    add_arguments=_add_arguments,
)
