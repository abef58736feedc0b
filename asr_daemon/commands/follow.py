"""`asr-daemon follow`: each result once it is committed, from a cursor on."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from argparse import REMAINDER, ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from asr_daemon.commands.base import DONE, Command, CommandFailed
from asr_daemon.commands.find_results import add_filters, facts_of, filter_in, places_in
from asr_daemon.index.feed import Feed, Item, first_cursor
from asr_daemon.index.queries import Cursor, IndexUnavailable, InvalidCursor, Queries
from asr_daemon.output.filesystem.sync import sync_directory

POLL_S = 0.2
"""How often the index is looked at."""

FIRST_RETRY_S = 1.0
LONGEST_RETRY_S = 60.0

_PATH = "{}"
"""Stands for the path in the arguments of a command, as in find(1)."""


class Stopped(Exception):
    """SIGTERM or SIGINT came, or the reader of the output is gone."""


class Signals:
    """Ends what may be interrupted at SIGTERM and SIGINT; a second one ends everything."""

    def __init__(self) -> None:
        self._is_interruptible = False
        self._has_come = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._come)

    @contextmanager
    def interruptible(self) -> Iterator[None]:
        """Raise `Stopped` in the block as soon as a signal comes, or if one has come."""
        self._is_interruptible = True
        try:
            if self._has_come:
                raise Stopped
            yield
        finally:
            self._is_interruptible = False

    def _come(self, number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        self._has_come = True
        if self._is_interruptible:
            raise Stopped


class CursorFile:
    """Where a cursor is kept between runs; `None` keeps none."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def load(self) -> Cursor | None:
        """Return the cursor, `None` if there is none yet.

        Raises:
            CommandFailed: there is something else.
        """
        if self._file is None:
            return None
        try:
            return Cursor.parse(self._file.read_text())
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError, InvalidCursor) as error:
            raise CommandFailed(f"{self._file} cannot be read: {error}") from error

    def save(self, cursor: Cursor) -> None:
        """Replace the cursor; it is on stable storage when this returns.

        Raises:
            CommandFailed: it could not be saved.
        """
        if self._file is None:
            return
        new = self._file.with_name(f"{self._file.name}.new")
        try:
            with new.open("w") as file:
                file.write(f"{cursor}\n")
                file.flush()
                os.fsync(file.fileno())
            os.replace(new, self._file)
            _sync_names(self._file.parent)
        except OSError as error:
            raise CommandFailed(f"{self._file} cannot be written: {error.strerror}") from error


class Printer:
    """Prints a line for each result; the cursor moves when the lines are written."""

    def __init__(
        self, root: Path, cursor_file: CursorFile, signals: Signals, *, json: bool
    ) -> None:
        self._root = root
        self._cursor_file = cursor_file
        self._signals = signals
        self._json = json

    def deliver(self, items: Sequence[Item]) -> None:
        """Print results, in order."""
        with self._signals.interruptible():
            try:
                print(*map(self._line, items), sep="\n", flush=True)
            except BrokenPipeError:
                # What is still buffered would be written, and complained about, at the exit.
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
                raise Stopped from None
        self._cursor_file.save(items[-1].cursor)

    def _line(self, item: Item) -> str:
        if self._json:
            return json.dumps({**facts_of(item.row, self._root), "cursor": str(item.cursor)})
        return str(self._root / item.row.path)


class Runner:
    """Runs a command for each result; the cursor moves when it succeeds."""

    def __init__(
        self,
        command: Sequence[str],
        root: Path,
        cursor_file: CursorFile,
        signals: Signals,
        *,
        once: bool,
    ) -> None:
        if shutil.which(command[0]) is None:
            raise CommandFailed(f"{command[0]} is not there, or cannot be executed")
        self._command = command
        self._root = root
        self._cursor_file = cursor_file
        self._signals = signals
        self._once = once

    def deliver(self, items: Sequence[Item]) -> None:
        """Run the command for each result, in order, again and again until it succeeds.

        Raises:
            CommandFailed: it failed, and there is only one try.
        """
        for item in items:
            delay_s = FIRST_RETRY_S
            while failure := self._run(item):
                if self._once:
                    raise CommandFailed(failure)
                _report(f"{failure}; next try in {delay_s:g} s")
                with self._signals.interruptible():
                    time.sleep(delay_s)
                delay_s = min(2 * delay_s, LONGEST_RETRY_S)
            self._cursor_file.save(item.cursor)

    def _run(self, item: Item) -> str | None:
        """Return why the command did not succeed, `None` if it did."""
        facts = facts_of(item.row, self._root)
        path = str(facts["path"])
        with self._signals.interruptible():
            pass
        try:
            status = subprocess.run(  # noqa: S603 - what the user asked for
                [argument.replace(_PATH, path) for argument in self._command],
                stdin=subprocess.DEVNULL,
                env={**os.environ, **_environment(facts), "ASR_DAEMON_CURSOR": str(item.cursor)},
                check=False,
            ).returncode
        except OSError as error:
            return f"{path}: {self._command[0]} cannot be run: {error.strerror}"
        if status < 0:
            return f"{path}: {self._command[0]} was ended by {signal.Signals(-status).name}"
        return f"{path}: {self._command[0]} failed with status {status}" if status else None


def run(options: Namespace) -> int:
    """Deliver results until the end, which is a signal or, with `--once`, the newest one."""
    config = places_in(options)
    root = config.output.root.absolute()
    signals = Signals()
    cursor_file = CursorFile(options.cursor_file)
    deliver: Callable[[Sequence[Item]], None]
    if options.exec:
        runner = Runner(options.exec, root, cursor_file, signals, once=options.once)
        deliver = runner.deliver
    else:
        deliver = Printer(root, cursor_file, signals, json=options.json).deliver
    queries = Queries(config.state)
    cursor = cursor_file.load() or first_cursor(queries, config.history_s, time.time())
    # A restart before the first result goes on from here.
    cursor_file.save(cursor)
    feed = Feed(queries, root, filter_in(options), cursor)
    with suppress(Stopped):
        _follow(feed, deliver, signals, once=options.once)
    return DONE


def _follow(
    feed: Feed, deliver: Callable[[Sequence[Item]], None], signals: Signals, *, once: bool
) -> None:
    is_available = True
    while True:
        items: list[Item] = []
        try:
            with signals.interruptible():
                items = feed.next()
            is_available = True
        except IndexUnavailable as error:
            if once:
                raise
            if is_available:
                _report(f"{error}; waiting for it")
            is_available = False
        if items:
            deliver(items)
        elif once:
            return
        else:
            with signals.interruptible():
                time.sleep(POLL_S)


def _environment(facts: dict[str, str | None]) -> dict[str, str]:
    names = ("path", "provider", "id", "status", "digest", "committed_at")
    return {f"ASR_DAEMON_{name.upper()}": facts[name] or "" for name in names}


def _sync_names(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_directory(descriptor)
    finally:
        os.close(descriptor)


def _report(sentence: str) -> None:
    print(f"asr-daemon: {sentence}", file=sys.stderr, flush=True)


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--cursor-file",
        type=Path,
        metavar="FILE",
        help="go on after the cursor in this file if it exists, and keep it up to date",
    )
    add_filters(parser)
    parser.add_argument(
        "--once", action="store_true", help="end after the newest result, do not wait for more"
    )
    parser.add_argument(
        "--exec",
        nargs=REMAINDER,
        metavar="CMD",
        help="run a command for each result; the last option: all that follows is CMD",
    )


COMMAND = Command(
    description="""\
Prints the path of the JSON document of each result, oldest first, and then of
each new one as it is committed. Without a cursor it begins with the oldest
result of the time that the setting history keeps, or with --since. Nothing is
skipped: where the index was removed or does not reach back to the cursor,
results are found in the tree, and some may come a second time. The daemon may
stop and start meanwhile.

The cursor file is there before the first result. The cursor moves when lines
have been written; with --exec, when CMD has ended with 0. So each result
comes at least once, in the order of the commits. After an interruption the last
ones may come again: the digest shows whether it is the same result. A CMD that
fails is reported and run again after 1 s, then 2 s, up to a minute; with
--once it ends the program with status 1.

CMD may contain {} for the path. It runs without a shell, with nothing on
standard input, and with these variables in its environment:

  ASR_DAEMON_PATH          the JSON document; other formats are next to it
  ASR_DAEMON_PROVIDER      such as tencent
  ASR_DAEMON_ID            the vendor's id, empty if there is none
  ASR_DAEMON_STATUS        succeeded or failed
  ASR_DAEMON_DIGEST        the same for the same result
  ASR_DAEMON_COMMITTED_AT  in UTC
  ASR_DAEMON_CURSOR        after this result; opaque

SIGTERM and SIGINT end it with status 0, after the CMD that is running.""",
    run=run,
    add_arguments=_add_arguments,
)
