"""asr-daemon.yaml(5): the settings."""

from collections.abc import Iterator

from asr_daemon import __version__
from asr_daemon.config.document import Node, Scalar, Sequence
from asr_daemon.config.settings import Setting, read_notation, read_settings
from asr_daemon.manual.roff import beginning, bold, escape, filled, paragraphs, tagged, verbatim

INTRODUCTION = """\
The configuration of asr-daemon is one YAML file. asr-daemon init writes one
with every setting; what is left out keeps its default. Names that are not
known, names that are given twice and values of a wrong type are mistakes:
asr-daemon check names them all, each with its line.

A daemon that runs takes a change within a second of the save, without losing a
request. With a mistake in the file it keeps to what it has, and says so in its
log, its metrics and asr-daemon status, which also names what needs a restart."""

EXAMPLE = """\
listen:
  - address: 0.0.0.0
    port: 443
    tls: {certificate: fullchain.pem, key: privkey.pem}
providers:
  tencent:
    key: !file tencent.key
  huawei:
    enabled: false
output:
  root: /srv/transcripts"""
"""A daemon that Tencent reaches without a proxy."""


def settings_page(example: str) -> str:
    """Return the manual page of the settings that the commented `example` holds."""
    return "\n".join(_page(example)) + "\n"


def _page(example: str) -> Iterator[str]:
    yield from beginning("ASR-DAEMON.YAML", 5, f"asr-daemon {__version__}", "File Formats")
    yield from (".SH NAME", escape("asr-daemon.yaml - configuration of asr-daemon"))
    yield from (".SH DESCRIPTION", *paragraphs(INTRODUCTION))
    yield from (".SH NOTATION", *paragraphs(read_notation(example)))
    yield from (".SH SETTINGS", escape("listen[].port is the port of each entry of listen."))
    for setting in read_settings(example):
        yield from _entry(setting)
    yield ".SH EXAMPLES"
    yield from ("A daemon that Tencent reaches without a proxy:", *verbatim(EXAMPLE.splitlines()))
    yield from (".SH SEE ALSO", r"\fBasr\-daemon\fR(1)")


def _entry(setting: Setting) -> Iterator[str]:
    told = [_facts(setting), *setting.prose.split("\n\n")]
    parts = [list(filled(each)) for each in told if each]
    if parts:
        more = (line for part in parts[1:] for line in (".IP", *part))
        yield from tagged(bold(setting.path), [*parts[0], *more])
    for each in setting.below:
        yield from _entry(each)


def _facts(setting: Setting) -> str:
    """Return what to write and the default, of what has no settings below it."""
    if setting.below:
        return ""
    end = "Required." if setting.required else "Not set by default."
    if setting.default is not None:
        end = f"Default: {_shown(setting.default)}"
    return f"Value: {setting.what}. {end}"


def _shown(node: Node) -> str:
    """Return a default as it is written on one line."""
    if isinstance(node, Sequence):
        return f"[{', '.join(map(_shown, node.items))}]"
    if isinstance(node, Scalar):
        return f'"{node.text}"' if node.quoted else node.text
    return ""
