"""`asr-daemon render`: make further formats from JSON documents that are there."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from msgspec import Struct, field

from asr_daemon.commands.base import DONE, FAILED, Command, configuration
from asr_daemon.commands.new_file import make_directories, write_new
from asr_daemon.commands.progress import Progress
from asr_daemon.config.model import OutputSettings
from asr_daemon.layout import name_in
from asr_daemon.output.filesystem.staging import STAGING
from asr_daemon.renderers.base import Omitted, Renderer
from asr_daemon.renderers.document_reader import NoDocument, RejectionFound, read_transcript
from asr_daemon.renderers.registry import FORMATS, make_renderers
from asr_daemon.transcript import Transcript

_FORMATS = [name for name in FORMATS if name != "json"]


class Source(Struct, frozen=True):
    """A JSON document, and where its further formats go."""

    path: str
    target: str
    """The path of what is made of it, without the suffix."""


class Unreadable(Struct, frozen=True):
    """A path that leads to no document."""

    path: str
    reason: str


class Counts(Struct):
    """What became of documents, and of the files that were asked for of each transcript."""

    transcripts: int = 0
    without_transcript: int = 0
    """Failed tasks and rejected bodies."""
    unreadable: int = 0
    written: int = 0
    existing: int = 0
    omitted: Counter[str] = field(default_factory=Counter)
    """By format and reason."""
    failed: int = 0

    def documents(self) -> str:
        """Return what became of the documents."""
        total = self.transcripts + self.without_transcript + self.unreadable
        return (
            f"{total} documents: {self.transcripts} transcripts, "
            f"{self.without_transcript} without a transcript, {self.unreadable} unreadable"
        )

    def files(self) -> str:
        """Return what became of the files: one of each transcript and format."""
        omitted = self.omitted.total()
        total = self.written + self.existing + omitted + self.failed
        reasons = ", ".join(f"{count} {reason}" for reason, count in sorted(self.omitted.items()))
        return (
            f"{total} files: {self.written} written, {self.existing} already there, "
            f"{omitted} omitted{f' ({reasons})' if reasons else ''}, {self.failed} failed"
        )


class Rendering:
    """Renders one document after another, and counts."""

    def __init__(
        self, renderers: Sequence[Renderer], settings: OutputSettings, progress: Progress
    ) -> None:
        self._renderers = renderers
        self._settings = settings
        self._progress = progress
        self._targets: dict[str, str] = {}
        self.counts = Counts()

    def render(self, found: Source | Unreadable) -> None:
        """Make what is missing of the formats of one document."""
        if isinstance(found, Unreadable):
            self.counts.unreadable += 1
            self._progress.report(f"{found.path}: {found.reason}")
        else:
            self._render_document(found)
        self._progress.advance()

    def _render_document(self, source: Source) -> None:
        try:
            transcript = _read(source.path)
        except RejectionFound:
            self.counts.without_transcript += 1
            return
        except (NoDocument, OSError) as error:
            self.counts.unreadable += 1
            self._progress.report(f"{source.path}: {_reason(error)}")
            return
        if transcript.status == "failed":
            self.counts.without_transcript += 1
            return
        self.counts.transcripts += 1
        first = self._targets.setdefault(source.target, source.path)
        for renderer in self._renderers:
            target = f"{source.target}{renderer.suffix}"
            if first == source.path or os.path.samefile(first, source.path):
                self._make(renderer, transcript, target)
            else:
                self._fail(target, f"two documents: {first} and {source.path}")

    def _make(self, renderer: Renderer, transcript: Transcript, target: str) -> None:
        if os.path.lexists(target):
            self.counts.existing += 1
            return
        rendered = renderer.render(transcript)
        if isinstance(rendered, Omitted):
            self.counts.omitted[f"{renderer.name}: {rendered.reason}"] += 1
            return
        try:
            make_directories(os.path.dirname(target), self._settings.directory_mode)
            write_new(target, rendered, self._settings.file_mode)
        except FileExistsError:
            self.counts.existing += 1
        except OSError as error:
            self._fail(target, _reason(error))
        else:
            self.counts.written += 1

    def _fail(self, target: str, reason: str) -> None:
        self.counts.failed += 1
        self._progress.report(f"{target}: {reason}")


def find(paths: Sequence[Path], output: Path | None) -> Iterator[Source | Unreadable]:
    """Yield each document: of a directory those in it and below, sorted by their paths.

    Args:
        paths: files and directories.
        output: where further formats go, under the paths that documents have below `paths`; next to
            the documents if there is none.
    """
    for path in map(str, paths):
        if not os.path.isdir(path):
            yield _source(path, os.path.basename(path), output)
            continue
        for found in _walk(path):
            if isinstance(found, Unreadable):
                yield found
            else:
                yield _source(found, os.path.relpath(found, path), output)


def _walk(directory: str) -> Iterator[str | Unreadable]:
    failures: list[Unreadable] = []
    seen: set[tuple[int, int]] = set()
    walk = os.walk(
        directory,
        # A directory below the root of results may be a link to one.
        followlinks=True,
        onerror=lambda error: failures.append(Unreadable(error.filename, _reason(error))),
    )
    for folder, folders, names in walk:
        folders[:] = sorted(name for name in folders if name != STAGING)
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith(".json"))
    yield from failures


def _source(path: str, relative: str, output: Path | None) -> Source:
    target = path if output is None else os.path.join(output, relative)
    return Source(path, os.path.splitext(target)[0])


def _read(path: str) -> Transcript:
    if not os.path.isfile(path):
        # A pipe would wait for somebody who writes.
        missing = "no such file" if not os.path.lexists(path) else "not a regular file"
        raise NoDocument(missing)
    with open(path, "rb") as file:
        name = name_in(os.path.basename(path).removesuffix(".json"))
        return read_transcript(file.read(), name)


def _reason(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)


def run(options: Namespace) -> int:
    """Render, and print how many of what."""
    settings = configuration(options).output
    found = list(find(options.paths, options.output))
    progress = Progress(sys.stderr, len(found), "documents")
    rendering = Rendering(make_renderers(options.format, settings), settings, progress)
    for document in found:
        rendering.render(document)
    progress.clear()
    counts = rendering.counts
    print(counts.documents(), counts.files(), sep="\n")
    return FAILED if counts.unreadable or counts.failed else DONE


def _formats(text: str) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in _FORMATS:
            raise ArgumentTypeError(f"{name!r} is none of {', '.join(_FORMATS)}")
    return names


def _add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        type=_formats,
        required=True,
        metavar="FORMATS",
        help=f"formats to make, separated by commas: {', '.join(_FORMATS)}",
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="DIR",
        help="where to write (default: next to each document)",
    )
    parser.add_argument(
        "paths", type=Path, nargs="+", metavar="PATH", help="documents, or directories of them"
    )


COMMAND = Command(
    description="""\
Makes further formats from the JSON documents of results, next to them or, under
the same names, in DIR. It works without the daemon, changes no document, and
replaces no file: what is there already is counted and left alone. How text and
captions look, and the modes of files, are those of the configuration.

A format that a transcript cannot have (srt without times) is omitted, and tasks
that failed at the vendor have no transcript; neither is a failure.""",
    run=run,
    add_arguments=_add_arguments,
)
