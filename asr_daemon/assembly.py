"""The only place that turns configuration into objects, and knows every provider and renderer."""

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import Executor
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, assert_never, cast

from msgspec import Struct

from asr_daemon.config.model import Config, Format, ListenSettings, OutputSettings
from asr_daemon.errors import CannotStore
from asr_daemon.layout import Layout
from asr_daemon.metrics import Metrics
from asr_daemon.providers.huawei import Huawei, HuaweiTokenInterface
from asr_daemon.providers.tencent import Tencent
from asr_daemon.receiver import Commit, Receiver, Rooms
from asr_daemon.renderers.base import Renderer
from asr_daemon.renderers.json import JsonRenderer, read_fingerprint
from asr_daemon.renderers.text import TextRenderer
from asr_daemon.store.files import Modes, ResultTree, Rules
from asr_daemon.store.index import Index
from asr_daemon.store.rejected import Quota
from asr_daemon.store.space import Space
from asr_daemon.store.store import REJECTED, Store
from asr_daemon.web.access_log import AccessLog
from asr_daemon.web.intake import Endpoint, Intake
from asr_daemon.web.throttle import Throttle
from asr_daemon.web.tls import Tls, load_tls


class Stores(Struct, frozen=True):
    """What is behind the committer."""

    tree: ResultTree
    index: Index
    space: Space
    store: Store
    root: Path
    modes: Modes

    def open(self) -> None:
        """Take the tree, and begin to remember for it.

        Raises:
            OSError: the root cannot be used.
        """
        self._open_tree(tidy=True)
        self.index.open(self.tree.id)

    def close(self) -> None:
        """Let another process have the tree."""
        self.index.close()
        self.tree.close()

    def replace(self, before: "Stores") -> Store:
        """Take over from `before`, which may have the same tree; called between two batches.

        Raises:
            OSError: the root cannot be used; `before` is in place as it was.
        """
        if before.tree.is_at(self.root):
            self._take_over(before)
        else:
            self._open_tree(tidy=True)
            before.tree.close()
        before.index.close()
        self.index.open(self.tree.id)
        return self.store

    def _take_over(self, before: "Stores") -> None:
        """Have the lock of the same tree, which must be the one that `before` opened."""
        before.tree.check_root()
        before.tree.close()
        try:
            self._open_tree(tidy=False)
        except OSError:
            before.tree.open(tidy=False)
            raise

    def _open_tree(self, *, tidy: bool) -> None:
        # What the configured modes allow must not be taken away by the umask that was inherited.
        before = os.umask(0o777 & ~(self.modes.file | self.modes.directory))
        try:
            self.tree.open(tidy=tidy)
        except OSError:
            os.umask(before)
            self.tree.close()
            raise


def make_stores(config: Config) -> Stores:
    """Return the store and its parts; nothing is opened yet."""
    root = config.output.root
    index = Index(config.state, config.output.duplicate_window_s)
    tree = make_tree(config.output, index)
    space = Space(root, config.limits.free_space_bytes)
    quota = Quota(root / REJECTED, config.limits.rejected_bytes)
    modes = Modes(config.output.file_mode, config.output.directory_mode)
    return Stores(tree, index, space, Store(tree, index, space, quota), root, modes)


def make_tree(output: OutputSettings, index: Index) -> ResultTree:
    """Return the tree of results, not yet opened; `index` knows which names were taken."""
    return ResultTree(
        output.root,
        Modes(output.file_mode, output.directory_mode),
        durable=output.durability == "fsync",
        rules=Rules(read_fingerprint, index.is_taken),
    )


def make_endpoints(
    config: Config, committer: Commit, heavy: Executor, metrics: Metrics
) -> Mapping[str, Endpoint]:
    """Return what the callback listeners serve, by path."""
    layout = Layout(config.output.layout, config.output.timezone)
    rooms = Rooms(layout, make_renderers(config.output), committer, heavy, metrics)
    endpoints: dict[str, Receiver | HuaweiTokenInterface] = {}
    tencent, huawei = config.providers.tencent, config.providers.huawei
    if tencent.enabled:
        endpoints[tencent.path] = Receiver(Tencent(tencent), rooms)
    if huawei.enabled:
        endpoints[huawei.path] = Receiver(Huawei(huawei), rooms)
        endpoints[huawei.token_path] = HuaweiTokenInterface(huawei)
    for each in endpoints.values():
        if isinstance(each, Receiver):
            metrics.expect(each.name)
    # The spools that they get are those that `open_spool` makes.
    return cast(Mapping[str, Endpoint], endpoints)


def make_renderers(output: OutputSettings) -> tuple[Renderer, ...]:
    """Return a renderer for each format, JSON last: its file says that the result is whole."""
    last_first = sorted(output.formats, key=lambda each: each == "json")
    return tuple(_make_renderer(each, output) for each in last_first)


def make_intake(
    config: Config, throttle: Throttle, access_log: AccessLog, metrics: Metrics
) -> Intake:
    """Return what is asked of every request to the callback listeners."""
    return Intake(
        body_bytes=config.limits.body_bytes,
        trusted_proxies=config.trusted_proxies,
        open_spool=TemporarySpool.open,
        throttle=throttle,
        access_log=access_log,
        answered=metrics.answered,
    )


class TemporarySpool:
    """A large body in a temporary file."""

    def __init__(self, file: IO[bytes]) -> None:
        self.size_bytes = 0
        self._file = file

    @classmethod
    async def open(cls) -> "TemporarySpool":
        """Return an empty one; raise `CannotStore`."""
        try:
            return cls(await asyncio.to_thread(TemporaryFile))
        except OSError as error:
            raise CannotStore("the body cannot be stored") from error

    async def write(self, chunk: bytes) -> None:
        """Append to it; raise `CannotStore`."""
        try:
            await asyncio.to_thread(self._file.write, chunk)
        except OSError as error:
            raise CannotStore("the body cannot be stored") from error
        self.size_bytes += len(chunk)

    def read(self) -> bytes:
        """Return all of it."""
        self._file.seek(0)
        return self._file.read()

    def discard(self) -> None:
        """Delete it; again does nothing."""
        self._file.close()


def make_tls(listen: ListenSettings) -> Tls | None:
    """Return what a listener needs for TLS, `None` if it speaks plain HTTP.

    Raises:
        OSError: a file cannot be read, or certificate and key do not match.
    """
    tls = listen.tls
    return None if tls is None else load_tls(tls.certificate, tls.key, tls.client_ca)


def _make_renderer(format_name: Format, output: OutputSettings) -> Renderer:
    match format_name:
        case "json":
            return JsonRenderer(keep_payload=output.keep_payload, indent=output.json_indent)
        case "txt":
            return TextRenderer(speakers=output.text.speakers, timestamps=output.text.timestamps)
        case _:
            assert_never(format_name)
