"""Generate example, JSON Schema, manual pages and completion from the settings and the commands.

Run by `scripts/generate`; shtab and argparse-manpage are needed here only (see setup.py).
"""

import os
import re
import sys
from argparse import _SubParsersAction
from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

import shtab
from argparse_manpage.manpage import Manpage

from asr_daemon import __version__
from asr_daemon.cli import make_parser
from asr_daemon.commands.base import EXIT_STATUSES
from asr_daemon.commands.schema import schema_text
from asr_daemon.config.reference import NOTATION, Setting, example, schema, settings, written

ROOT = Path(__file__).parents[1]
_LINE = 72
_ROFF = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)
_HEAD = '.TH ASR\\-DAEMON{} {} "" "asr\\-daemon {}" "{}"\n.nh\n.ad l\n'
"""The title; no date, so that the page is the same whenever it is made; no hyphenation of names."""


def main(arguments: list[str]) -> str | None:
    """Write every generated file, or with `--check` return which are out of date."""
    # argparse wraps usage by it.
    os.environ["COLUMNS"] = str(_LINE)
    texts = generated()
    stale = [name for name, text in texts.items() if _read(ROOT / name) != text]
    if arguments == ["--check"]:
        return f"out of date: {', '.join(stale)}; run scripts/generate" if stale else None
    for name in stale:
        (ROOT / name).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / name).write_text(texts[name], encoding="utf-8")
    return None


def generated() -> dict[str, str]:
    """Return the text of each file, by its path in the project."""
    configuration, described = example(), schema_text(schema())
    return {
        "etc/asr-daemon.yaml": configuration,
        "asr_daemon/config/asr-daemon.yaml": configuration,
        "etc/asr-daemon.schema.json": described,
        "asr_daemon/config/asr-daemon.schema.json": described,
        "docs/man/asr-daemon.1": program_page(),
        "docs/man/asr-daemon.yaml.5": settings_page(),
        "etc/completion/asr-daemon.bash": completion("bash"),
        "etc/completion/asr-daemon.zsh": completion("zsh"),
    }


def completion(shell: str) -> str:
    """Return the script that a shell loads."""
    parser = make_parser()
    [commands] = (action for action in parser._actions if isinstance(action, _SubParsersAction))
    summaries = {action.dest: action.help for action in commands._choices_actions}
    for name, command in commands.choices.items():
        # shtab describes a command by the first line of this.
        command.description = summaries[name]
        for action in command._actions:
            if action.type is Path:
                action.complete = shtab.FILE  # type: ignore[attr-defined]
    return shtab.complete(parser, shell=shell)


def program_page() -> str:
    """Return asr-daemon(1): the commands from the parser, the rest from its .in file."""
    parser = make_parser()
    parser.epilog = None
    page = Manpage(parser, format="single-commands-section")
    page.description = "commits speech recognition callbacks as files"
    statuses = (f".TP\n\\fB{status}\\fR\n{text}." for status, text in EXIT_STATUSES.items())
    page.add_section("exit status", "=", "\n".join(statuses))
    page.parse_include(ROOT / "docs/man/asr-daemon.1.in")
    _, _, body = str(page).partition("\n")
    return _HEAD.format("", 1, __version__, "User Commands") + body


def settings_page() -> str:
    """Return asr-daemon.yaml(5): the settings from the model, the rest from its .in file."""
    template = (ROOT / "docs/man/asr-daemon.yaml.5.in").read_text(encoding="utf-8")
    entries = "\n".join(line for setting in settings() for line in _entry(setting))
    head = _HEAD.format(".YAML", 5, __version__, "File Formats")
    return head + template.replace("@NOTATION@", _paragraphs(NOTATION)).replace(
        "@SETTINGS@", entries
    )


def _entry(setting: Setting) -> Iterator[str]:
    facts = "" if setting.below else f"Value: {setting.what}. {_default(setting)}\n\n"
    yield f".TP\n\\fB{setting.path.translate(_ROFF)}\\fR"
    yield _paragraphs(facts + setting.prose, ".IP")
    for below in setting.below:
        yield from _entry(below)


def _default(setting: Setting) -> str:
    if setting.has_default:
        return f"Default: {written(setting.kind, setting.default)}"
    return "Required." if setting.required else "Not set by default."


def _paragraphs(text: str, between: str = ".PP") -> str:
    """Return paragraphs in roff; indented lines stay as they are."""
    return f"\n{between}\n".join(map(_paragraph, text.split("\n\n")))


def _paragraph(text: str) -> str:
    lines: list[str] = []
    for part in re.split(r"((?:^ .*\n?)+)", text, flags=re.MULTILINE):
        if part.startswith(" "):
            lines += [".RS 4", ".nf", *(line.strip() for line in part.splitlines()), ".fi", ".RE"]
        else:
            lines += wrap(part.translate(_ROFF), _LINE, break_on_hyphens=False)
    # No word of the text is an instruction because it happens to begin a line.
    literal = {".RS 4", ".nf", ".fi", ".RE"}
    return "\n".join(
        rf"\&{line}" if line[0] == "." and line not in literal else line for line in lines
    )


def _read(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
