"""What both interfaces of Huawei have in common: whose secrets are valid, and their paths."""

from asr_daemon.errors import NotFound
from asr_daemon.providers.base import Head
from asr_daemon.providers.huawei.settings import HuaweiSettings
from asr_daemon.providers.urls import split_url
from asr_daemon.secret import Secret


def secrets_by_app_key(settings: HuaweiSettings) -> dict[str, tuple[Secret, ...]]:
    """Return the valid secrets of each app key."""
    secrets: dict[str, tuple[Secret, ...]] = {}
    for client in settings.clients:
        secrets[client.app_key] = secrets.get(client.app_key, ()) + client.app_secrets
    return secrets


def check_path(head: Head, path: str) -> None:
    """Raise `NotFound` unless a request is for exactly `path`."""
    rest, _ = split_url(head.path, head.query, path)
    if rest != b"":
        raise NotFound("nothing is served at this path")
