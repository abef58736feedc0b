"""The only place that turns configuration into objects."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from datetime import datetime
from functools import partial

from asr_daemon.clock import Clock
from asr_daemon.config.cross_checks import enabled_vendors
from asr_daemon.config.model import Config, ListenSettings
from asr_daemon.fetch.client import Downloader
from asr_daemon.fetch.fetcher import Fetcher
from asr_daemon.fetch.policy import Policy, is_public
from asr_daemon.fetch.text_result import Origin
from asr_daemon.fetch.unfetched import find_pending
from asr_daemon.index.index import Index
from asr_daemon.index_entry import read_entry
from asr_daemon.layout import Layout
from asr_daemon.metrics import Metrics
from asr_daemon.output.base import Commits, Output
from asr_daemon.output.filesystem.output import FilesystemOutput, MarkerReaders, Settings
from asr_daemon.output.filesystem.staging import Modes, check_writable
from asr_daemon.pipeline import Converter, Pipeline
from asr_daemon.providers.base import Provider
from asr_daemon.providers.registry import OTHER_SERVICES
from asr_daemon.renderers.document import read_fingerprint
from asr_daemon.renderers.registry import make_document_renderer, make_renderers
from asr_daemon.web.interfaces import Endpoint, Intake
from asr_daemon.web.refusal_log import RefusalLog
from asr_daemon.web.throttle import Throttle
from asr_daemon.web.tls import Tls, load_tls
from asr_daemon.worker import Worker


def make_output(config: Config) -> FilesystemOutput:
    """Return the output, not yet open."""
    output = config.output
    return FilesystemOutput(
        output.root,
        Index(config.state),
        MarkerReaders(read_fingerprint, read_entry),
        output_settings(config),
        durable=output.durability == "fsync",
    )


def check_state(config: Config) -> None:
    """Raise `OSError` unless the index can be kept where it is to be; changes nothing."""
    check_writable(os.path.abspath(config.state))


def output_settings(config: Config) -> Settings:
    """Return the settings that a reload may change."""
    return Settings(
        Modes(config.output.file_mode, config.output.directory_mode),
        config.output.duplicate_window_s,
        config.limits.free_space_bytes,
        config.limits.rejected_bytes,
        config.history_s,
        _expected(config),
    )


def _expected(config: Config) -> Callable[[datetime], list[str]]:
    """Return a function from a time to the directories of its results."""
    layout = Layout(config.output.layout, config.output.timezone)
    enabled = [vendor.name for vendor, _ in enabled_vendors(config)]
    return lambda moment: [layout.directory_at(name, moment) for name in enabled]


def make_endpoints(
    config: Config,
    committer: Commits,
    output: Output,
    medium: Executor,
    metrics: Metrics,
) -> Mapping[str, Endpoint]:
    """Return the endpoints of the callback listeners, by path."""
    converter = _converters(config)
    worker = Worker(output.open_spool, config.limits.large_bodies)

    def pipeline(provider: Provider) -> Pipeline:
        metrics.expect(provider.name)
        return Pipeline(converter(provider), committer, medium, worker, metrics)

    endpoints: dict[str, Endpoint] = {}
    for vendor, settings in enabled_vendors(config):
        endpoints[settings.path] = pipeline(vendor.make_provider(settings, OTHER_SERVICES))
        endpoints.update(vendor.make_interfaces(settings))
    return endpoints


def make_fetcher(config: Config, committer: Commits, metrics: Metrics, clock: Clock) -> Fetcher:
    """Return what fetches texts that lie elsewhere; `make_origins` says where from."""
    client = Downloader(Policy(is_public))
    return Fetcher(client, committer, partial(find_pending, config.state), metrics, clock)


def make_origins(config: Config) -> Mapping[str, Origin]:
    """Return where texts that lie elsewhere are fetched from, by provider."""
    converter = _converters(config)
    origins: dict[str, Origin] = {}
    for vendor, settings in enabled_vendors(config):
        source = vendor.make_text_source(settings)
        if source is not None:
            render = converter(vendor.make_provider(settings, OTHER_SERVICES)).result
            origins[vendor.name] = Origin(source.hosts, source.with_text, render)
    return origins


def _converters(config: Config) -> Callable[[Provider], Converter]:
    layout = Layout(config.output.layout, config.output.timezone)
    renderers = make_renderers(config.output.formats, config.output)
    document = make_document_renderer(config.output)
    return lambda provider: Converter(provider, layout, renderers, document)


def make_intake(
    config: Config,
    output: FilesystemOutput,
    throttle: Throttle,
    refusal_log: RefusalLog,
    metrics: Metrics,
) -> Intake:
    """Return what the HTTP side needs besides endpoints."""
    return Intake(
        body_bytes=config.limits.body_bytes,
        trusted_proxies=config.trusted_proxies,
        client_address_header=config.client_address_header,
        open_spool=output.open_spool,
        now=output.clock.now,
        throttle=throttle,
        refusal_log=refusal_log,
        answered=metrics.answered,
    )


def make_tls(listen: ListenSettings) -> Tls | None:
    """Load the certificate of a listener; `None` for plain HTTP.

    Raises:
        OSError: a file cannot be read, or certificate and key do not match.
    """
    tls = listen.tls
    return None if tls is None else load_tls(tls.certificate, tls.key, tls.client_ca)
