"""`asr-daemon serve`: the daemon itself."""

import asyncio
import gc
import logging
import os
import sys
from argparse import Namespace
from pathlib import Path
from typing import NoReturn

from asr_daemon import logs
from asr_daemon.commands.base import DONE, Command, source
from asr_daemon.config.load import load_with_warnings
from asr_daemon.config.model import Config
from asr_daemon.daemon.lifecycle import Server
from asr_daemon.daemon.systemd import Manager

_log = logging.getLogger(__name__)


def run(options: Namespace) -> NoReturn:
    """Run the daemon in the foreground."""
    file = source(options)
    config, warnings = load_with_warnings(file, os.environ)
    manager = Manager(os.environ)
    journal = manager.is_journal(sys.stderr.fileno())
    logs.configure(config.log.level, config.log.format, journal=journal)
    for warning in warnings:
        _log.warning("%s", warning)
    # What is loaded by now stays for good; to look through it for garbage takes ten milliseconds.
    gc.collect()
    gc.freeze()
    asyncio.run(_serve(config, file, manager))


async def _serve(config: Config, file: Path | None, manager: Manager) -> NoReturn:
    """Run the daemon, and end the process with it."""
    await Server(config, file, os.environ, manager).run()
    logging.shutdown()
    # Here, since `asyncio.run` would wait for threads before it returns. What goes on in one now (a
    # large body that is decoded, a disk that does not answer) is of use to nobody.
    os._exit(DONE)


COMMAND = Command(
    description="""\
Runs the daemon in the foreground until SIGTERM or SIGINT. It then takes no
more connections, answers what it has received (for limits.shutdown at the
longest), and leaves; a second signal ends it at once.

It does not start with a mistake in the configuration, or with an output
directory, certificate or address that it cannot use: it says what is wrong,
and leaves.

The log goes to standard error.""",
    run=run,
)
