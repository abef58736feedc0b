"""The only place that turns configuration into objects, and knows every provider and renderer."""

from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime
from typing import assert_never, cast

from asr_daemon.config.model import Config, Format, ListenSettings, OutputSettings
from asr_daemon.index.index import Index
from asr_daemon.layout import Layout
from asr_daemon.metrics import Metrics
from asr_daemon.output.filesystem.output import FilesystemOutput, Reading, Settings
from asr_daemon.output.filesystem.staging import Modes
from asr_daemon.pipeline import Commit, Converter, Pipeline
from asr_daemon.providers.base import Provider
from asr_daemon.providers.huawei import Huawei, HuaweiTokenInterface
from asr_daemon.providers.tencent import Tencent
from asr_daemon.reading import read_entry
from asr_daemon.renderers.base import Renderer
from asr_daemon.renderers.json import JsonRenderer, read_fingerprint
from asr_daemon.renderers.text import TextRenderer
from asr_daemon.web.access_log import AccessLog
from asr_daemon.web.intake import Endpoint, Intake
from asr_daemon.web.throttle import Throttle
from asr_daemon.web.tls import Tls, load_tls
from asr_daemon.worker import Worker


def make_output(config: Config) -> FilesystemOutput:
    """Return where results are stored, not yet open."""
    output = config.output
    return FilesystemOutput(
        output.root,
        Index(config.state),
        Reading(read_fingerprint, read_entry),
        output_settings(config),
        durable=output.durability == "fsync",
    )


def output_settings(config: Config) -> Settings:
    """Return what may change while the output is open."""
    return Settings(
        Modes(config.output.file_mode, config.output.directory_mode),
        config.output.duplicate_window_s,
        config.limits.free_space_bytes,
        config.limits.rejected_bytes,
        config.history_s,
        _expected(config),
    )


def _expected(config: Config) -> Callable[[datetime], list[str]]:
    """Return what names the directories of the results of a moment."""
    layout = Layout(config.output.layout, config.output.timezone)
    tencent, huawei = config.providers.tencent, config.providers.huawei
    enabled = ["tencent"] * tencent.enabled + ["huawei"] * huawei.enabled
    return lambda moment: [layout.directory_at(name, moment) for name in enabled]


def make_endpoints(
    config: Config,
    committer: Commit,
    output: FilesystemOutput,
    medium: Executor,
    metrics: Metrics,
) -> Mapping[str, Endpoint]:
    """Return what the callback listeners serve, by path."""
    layout = Layout(config.output.layout, config.output.timezone)
    renderers = make_renderers(config.output)
    worker = Worker(output.open_spool, config.limits.large_bodies)

    def pipeline(provider: Provider) -> Pipeline:
        metrics.expect(provider.name)
        converter = Converter(provider, layout, renderers)
        return Pipeline(converter, committer, medium, worker, metrics)

    endpoints: dict[str, Pipeline | HuaweiTokenInterface] = {}
    tencent, huawei = config.providers.tencent, config.providers.huawei
    if tencent.enabled:
        endpoints[tencent.path] = pipeline(Tencent(tencent))
    if huawei.enabled:
        endpoints[huawei.path] = pipeline(Huawei(huawei))
        endpoints[huawei.token_path] = HuaweiTokenInterface(huawei)
    # The spools that they get are those that `open_spool` makes.
    return cast(Mapping[str, Endpoint], endpoints)


def make_renderers(output: OutputSettings) -> tuple[Renderer, ...]:
    """Return a renderer for each format, JSON last: its file says that the result is whole."""
    last_first = sorted(output.formats, key=lambda each: each == "json")
    return tuple(_make_renderer(each, output) for each in last_first)


def make_intake(
    config: Config,
    output: FilesystemOutput,
    throttle: Throttle,
    access_log: AccessLog,
    metrics: Metrics,
) -> Intake:
    """Return what is asked of every request to the callback listeners."""
    return Intake(
        body_bytes=config.limits.body_bytes,
        trusted_proxies=config.trusted_proxies,
        open_spool=output.open_spool,
        now=output.clock.now,
        throttle=throttle,
        access_log=access_log,
        answered=metrics.answered,
    )


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
