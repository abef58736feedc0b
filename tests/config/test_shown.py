"""The active configuration is shown without its secrets."""

from asr_daemon.config.model import Config
from asr_daemon.config.shown import shown
from tests.config.conftest import Load, load_text

__all__ = ["load_text"]

TEXT = """\
providers:
  tencent: {key: [0123456789abcdef, fedcba9876543210], allow: [10.0.0.0/8]}
  huawei: {clients: [{app_key: ODFS, app_secret: hunter2hunter2hunter2}]}
output: {duplicate_window: 90m}
"""


def test_every_setting_as_the_file_has_it(load_text: Load) -> None:
    settings = dict(shown(load_text(TEXT)))
    assert settings["providers.tencent.key"] == "(hidden)"
    assert settings["providers.tencent.allow"] == "[10.0.0.0/8]"
    assert settings["providers.huawei.clients[0].app_key"] == "ODFS"
    assert settings["providers.huawei.clients[0].app_secret"] == "(hidden)"
    assert settings["output.duplicate_window"] == "90m"
    assert settings["listen[0].port"] == "8787"
    assert settings["output.file_mode"].strip('"') == "0640"
    for secret in ("0123456789abcdef", "fedcba9876543210", "hunter2"):
        assert not any(secret in value for value in settings.values())


def test_paths_as_the_file_has_them(load_text: Load) -> None:
    settings = dict(shown(load_text("output: {root: /srv/results}\nstate: ./state\n")))
    assert (settings["output.root"], settings["state"]) == ("/srv/results", "./state")


def test_setting_without_a_value() -> None:
    settings = dict(shown(Config()))
    assert settings["listen[0].tls"] == "null"
    assert settings["providers.tencent.key"] == "[]"
