"""Sends callbacks the way the vendors do, for trying out a daemon."""

from urllib.parse import urlsplit

from asr_daemon.config.model import Config
from asr_daemon.networks import reachable
from asr_daemon.providers.simulator import Simulator
from asr_daemon.providers.vendor import Vendor


def make_simulator(config: Config, vendor: Vendor, url: str | None) -> Simulator:
    """Return a simulator that posts to `url`, or to the daemon that `config` describes."""
    settings = getattr(config.providers, vendor.name)
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url)) if url else _origin(config)
    return vendor.make_simulator(settings, origin, url)


def callback_url(config: Config, vendor: Vendor) -> str:
    """Return where the daemon that `config` describes receives callbacks, with the key."""
    return vendor.callback_url(getattr(config.providers, vendor.name), _origin(config))


def _origin(config: Config) -> str:
    listen = config.listen[0]
    address = reachable(listen.address)
    host = f"[{address}]" if ":" in address else address
    return f"{'http' if listen.tls is None else 'https'}://{host}:{listen.port}"
