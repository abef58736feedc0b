"""The commands: what an admin types, and the exit status that a script sees."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NoReturn

from msgspec import structs

from asr_daemon import __version__, logs, sample
from asr_daemon.config.load import ConfigError, example, find, load, problem_at
from asr_daemon.config.model import Config
from asr_daemon.send import HuaweiSender, SendError, TencentSender, huawei_sender, tencent_sender
from asr_daemon.server import Server, StartError, check_start

DONE = 0
FAILED = 1
WRONG_USE = 2
INVALID_CONFIGURATION = 78
"""EX_CONFIG of sysexits.h."""

_BAR_WIDTH = 40


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = options.run
    try:
        return run(options)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return INVALID_CONFIGURATION
    except (StartError, SendError) as error:
        print(f"asr-daemon: {error}", file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        return FAILED


def serve(options: argparse.Namespace) -> NoReturn:
    """Run the daemon in the foreground."""
    config = _config(options)
    logs.configure(config.log.level, config.log.format)
    output = config.output
    # What the configured modes allow must not be taken away by the umask that was inherited.
    os.umask(0o777 & ~(output.file_mode | output.directory_mode))
    asyncio.run(_serve(config))
    logging.shutdown()
    # A large body that is still being decoded, and will not be answered, must not hold up the end.
    os._exit(DONE)


def check(options: argparse.Namespace) -> int:
    """Say everything that is wrong with the configuration, or that nothing is."""
    source = _source(options)
    obstacles = check_start(load(source, os.environ))
    if obstacles:
        raise ConfigError([problem_at(source, *structs.astuple(each)) for each in obstacles])
    print(f"{source or 'built-in defaults'}: ok")
    return DONE


def init(options: argparse.Namespace) -> int:
    """Write a commented configuration; never over one that is there."""
    file: Path = options.file
    try:
        with file.open("x", encoding="utf-8") as output:
            output.write(example())
    except FileExistsError:
        print(f"asr-daemon: {file} is there already and is left as it is", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"asr-daemon: {file} cannot be written: {error.strerror}", file=sys.stderr)
        return FAILED
    print(f"{file}: written; now edit it, then `asr-daemon check --config {file}`")
    return DONE


def send(options: argparse.Namespace) -> int:
    """Send callbacks as the vendor does, and show the answers."""
    config = _config(options)
    sender: TencentSender | HuaweiSender
    if options.provider == "tencent":
        sender, make = tencent_sender(config, options.url), sample.tencent_callback
    else:
        sender, make = huawei_sender(config, options.url), sample.huawei_callback
    body = None if options.file is None else _read(options.file)
    accepted = 0
    for number in range(options.count):
        replies = sender.send(make(number) if body is None else body)
        accepted += sender.accepted(replies[-1])
        if options.count == 1 or not sender.accepted(replies[-1]):
            for reply in replies:
                print(reply.status, reply.body.decode("utf-8", "backslashreplace"))
        _show_progress(number + 1, options.count)
    if options.count > 1:
        print(f"{accepted} of {options.count} acknowledged")
    return DONE if accepted == options.count else FAILED


async def _serve(config: Config) -> None:
    await Server(config).run()


def _source(options: argparse.Namespace) -> Path | None:
    return find(options.config, os.environ)


def _config(options: argparse.Namespace) -> Config:
    return load(_source(options), os.environ)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SendError(f"{file} cannot be read: {error.strerror}") from error


def _show_progress(done: int, total: int) -> None:
    if total == 1 or not sys.stderr.isatty():
        return
    filled = _BAR_WIDTH * done // total
    end = "\n" if done == total else ""
    bar = "#" * filled + "." * (_BAR_WIDTH - filled)
    print(f"\r[{bar}] {done}/{total}", end=end, file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="asr-daemon",
        description="Receives speech recognition callbacks and commits transcripts as files.",
    )
    parser.add_argument("--version", action="version", version=f"asr-daemon {__version__}")
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "-c",
        "--config",
        type=Path,
        metavar="FILE",
        help="configuration; else $ASR_DAEMON_CONFIG, else /etc/asr-daemon/asr-daemon.yaml, "
        "else built-in defaults",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add(commands, common, "serve", serve, "run the daemon in the foreground")
    _add(commands, common, "check", check, "say what is wrong with the configuration")
    make = _add(commands, common, "init", init, "write a commented configuration")
    make.add_argument("file", nargs="?", type=Path, default=Path("asr-daemon.yaml"), metavar="FILE")
    post = _add(commands, common, "send", send, "send a callback the way a vendor does")
    post.add_argument("provider", choices=["tencent", "huawei"])
    post.add_argument("--url", help="where to; else the daemon that the configuration describes")
    post.add_argument("--file", type=Path, metavar="BODY", help="else the vendor's own example")
    post.add_argument("--count", type=_positive, default=1, metavar="N", help="how many (1)")
    return parser


def _add(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    common: argparse.ArgumentParser,
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, parents=[common], help=summary, description=summary)
    parser.set_defaults(run=run)
    return parser


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not at least 1")
    return number
