"""The only place that turns configuration into objects, and knows every provider and renderer."""

import ssl
from collections.abc import Mapping
from concurrent.futures import Executor
from typing import assert_never

from asr_daemon.config.model import Config, Format, ListenSettings, OutputSettings
from asr_daemon.http.callbacks import Endpoint, Intake
from asr_daemon.http.tls import server_context
from asr_daemon.layout import Layout
from asr_daemon.providers.base import Provider
from asr_daemon.providers.huawei import Huawei, HuaweiTokenInterface
from asr_daemon.providers.tencent import Tencent
from asr_daemon.receiver import Commit, Receiver
from asr_daemon.renderers.base import Renderer
from asr_daemon.renderers.json import JsonRenderer, read_digest
from asr_daemon.renderers.text import TextRenderer
from asr_daemon.store.files import ResultTree


def make_tree(output: OutputSettings) -> ResultTree:
    """Return the tree of results, not yet opened."""
    return ResultTree(
        output.root,
        file_mode=output.file_mode,
        directory_mode=output.directory_mode,
        durable=output.durability == "fsync",
        read_digest=read_digest,
    )


def make_endpoints(config: Config, committer: Commit, heavy: Executor) -> Mapping[str, Endpoint]:
    """Return what the callback listeners serve, by path."""
    layout = Layout(config.output.layout, config.output.timezone)
    renderers = make_renderers(config.output)

    def receiver(provider: Provider) -> Receiver:
        return Receiver(provider, layout, renderers, committer, heavy)

    endpoints: dict[str, Endpoint] = {}
    tencent, huawei = config.providers.tencent, config.providers.huawei
    if tencent.enabled:
        endpoints[tencent.path] = receiver(Tencent(tencent))
    if huawei.enabled:
        endpoints[huawei.path] = receiver(Huawei(huawei))
        endpoints[huawei.token_path] = HuaweiTokenInterface(huawei)
    return endpoints


def make_renderers(output: OutputSettings) -> list[Renderer]:
    """Return a renderer for each format, JSON last: its file says that the result is whole."""
    last_first = sorted(output.formats, key=lambda each: each == "json")
    return [_make_renderer(each, output) for each in last_first]


def make_intake(config: Config) -> Intake:
    """Return what the callback listeners ask of every request."""
    return Intake(
        body_bytes=config.limits.body_bytes,
        header_timeout_s=config.limits.header_timeout_s,
        body_min_rate_bytes_per_s=config.limits.body_min_rate_bytes_per_s,
        trusted_proxies=config.trusted_proxies,
    )


def make_tls(listen: ListenSettings) -> ssl.SSLContext | None:
    """Return the TLS context of a listener, `None` if it speaks plain HTTP.

    Raises:
        OSError: a file cannot be read, or certificate and key do not match.
    """
    tls = listen.tls
    return None if tls is None else server_context(tls.certificate, tls.key, tls.client_ca)


def _make_renderer(format_name: Format, output: OutputSettings) -> Renderer:
    match format_name:
        case "json":
            return JsonRenderer(keep_payload=output.keep_payload, indent=output.json_indent)
        case "txt":
            return TextRenderer(speakers=output.text.speakers, timestamps=output.text.timestamps)
        case _:
            assert_never(format_name)
