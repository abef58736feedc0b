"""The commented configuration is whole, true and in the package."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import structs

from asr_daemon.config.document import join, parse
from asr_daemon.config.kinds import unwrap
from asr_daemon.config.load import example
from asr_daemon.config.model import Config, HuaweiClientSettings, TlsSettings
from asr_daemon.config.settings import uncommented
from asr_daemon.secret import Secret
from tests.config.conftest import Load

ORIGINAL = Path(__file__).parents[2] / "etc/asr-daemon.yaml"


def settings(model: Any, key: str) -> Iterator[str]:
    """Yield the path of every setting below `model`, one item standing for a list."""
    for field in structs.fields(model):
        kind, path = unwrap(field.type), join(key, field.encode_name)
        yield path
        if kind.item is not None:
            kind, path = unwrap(kind.item), f"{path}[0]"
        if kind.is_section:
            yield from settings(kind.base, path)


def test_the_package_holds_the_original() -> None:
    """`init` writes what stands in `etc/`."""
    assert example() == ORIGINAL.read_text(encoding="utf-8")


def test_the_example_is_the_defaults(load_text: Load) -> None:
    """As it stands it changes nothing."""
    assert load_text(example()) == Config()


def test_every_setting_is_in_the_example() -> None:
    """Those without a default are commented out."""
    assert set(settings(Config, "")) - set(parse(uncommented(example()), "f").lines) == set()


def test_what_is_commented_out_loads_too(load_text: Load, tmp_path: Path) -> None:
    """Removing the # is all that is needed."""
    files = ("fullchain.pem", "privkey.pem", "proxies.pem", "tencent.key", "huawei.secret")
    for name in files:
        (tmp_path / name).write_text("0123456789abcdef\n")
    config = load_text(uncommented(example()))
    secret = (Secret("0123456789abcdef"),)
    paths = [tmp_path / name for name in files[:3]]
    assert config.listen[0].tls == TlsSettings(
        certificate=paths[0], key=paths[1], client_ca=paths[2]
    )
    assert config.providers.tencent.keys == secret
    client = HuaweiClientSettings(app_key="ODFS_SYS_OPENAPI", app_secrets=secret)
    assert config.providers.huawei.clients == (client,)
