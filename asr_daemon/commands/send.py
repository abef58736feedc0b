"""`asr-daemon send`: be the vendor."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace
from pathlib import Path

from asr_daemon.commands.base import DONE, FAILED, Command, CommandFailed, configuration
from asr_daemon.commands.progress import show_progress
from asr_daemon.commands.simulators import make_simulator
from asr_daemon.providers.registry import VENDORS

_VENDORS = {vendor.name: vendor for vendor in VENDORS}


def run(options: Namespace) -> int:
    """Send callbacks as the vendor does, and show the answers."""
    config = configuration(options)
    vendor = _VENDORS[options.provider]
    simulator = make_simulator(config, vendor, options.url)
    body = None if options.file is None else _read(options.file)
    accepted = 0
    for number in range(options.count):
        replies = simulator.send(vendor.sample(number) if body is None else body)
        accepted += simulator.accepted(replies[-1])
        if options.count == 1 or not simulator.accepted(replies[-1]):
            for reply in replies:
                print(reply.status, reply.body.decode("utf-8", "backslashreplace"))
        show_progress(number + 1, options.count)
    if options.count > 1:
        print(f"{accepted} of {options.count} acknowledged")
    return DONE if accepted == options.count else FAILED


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CommandFailed(f"{file} cannot be read: {error.strerror}") from error


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("provider", choices=tuple(_VENDORS), help="the vendor to simulate")
    parser.add_argument(
        "--url", help="where to; else the first listener of the configuration, with its key"
    )
    parser.add_argument(
        "--file", type=Path, metavar="BODY", help="what to send; else the vendor's own example"
    )
    parser.add_argument(
        "--count", type=_positive, default=1, metavar="N", help="how many; else one"
    )


COMMAND = Command(
    description="""\
Sends a callback the way the vendor does and shows the answer. Huawei gets a
token first, with the credentials of the configuration; Tencent tries once more
if it is not acknowledged.

Without --file each callback is the example of the vendor's documentation,
under ids that count up. Done means that all were acknowledged.""",
    run=run,
    add_arguments=_add_arguments,
)
