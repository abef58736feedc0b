"""The mutants: the code that makes results durable, each time with one thing wrong."""

from typing import NamedTuple

_TREE = "asr_daemon/output/filesystem/tree.py"
_DIRECTORIES = "asr_daemon/output/filesystem/directories.py"
_NAMES = "asr_daemon/output/filesystem/names.py"
_STAGING = "asr_daemon/output/filesystem/staging.py"
_LOCK = "asr_daemon/output/filesystem/lock.py"
_SYNC = "asr_daemon/output/filesystem/sync.py"
_DUPLICATES = "asr_daemon/output/filesystem/duplicates.py"
_OUTPUT = "asr_daemon/output/filesystem/output.py"
_COMMITTER = "asr_daemon/output/committer.py"
_PIPELINE = "asr_daemon/pipeline.py"
_HANDLER = "asr_daemon/web/request.py"
_IN_FLIGHT = "asr_daemon/web/requests_in_flight.py"

_CHECK_SPACE = "self._space.check(settings.free_space_bytes)"
_LINK = "            _each(attempts, partial(self._link, plan_again))\n"

_FOLDER = "tests/output/filesystem"
OUTPUT_TESTS = tuple(
    f"{_FOLDER}/test_{part}.py" for part in ("tree", "directories", "names", "duplicates", "output")
)
SYNC_TESTS = (f"{_FOLDER}/test_sync.py",)
STAGING_TESTS = (f"{_FOLDER}/test_staging.py",)
COMMITTER_TESTS = ("tests/output/test_committer.py",)
PIPELINE_TESTS = ("tests/test_pipeline.py",)
SERVING_TESTS = ("tests/daemon/test_lost_index.py::test_index_that_is_harmed_meanwhile",)
FOUND_TESTS = ("tests/daemon/test_lost_index.py::test_results_that_a_killed_daemon_did_not_index",)
STOP_TESTS = (
    "tests/daemon/test_stop.py::test_slow_disk",
    "tests/daemon/test_stop.py::test_upload_that_is_completed_late",
)

END_TESTS = ("tests/web/test_request.py::test_uploads_are_refused_at_the_end",)


class Mutant(NamedTuple):
    """One change that some test has to notice."""

    name: str
    file: str
    old: str
    """Occurs in the file just once."""
    new: str
    tests: tuple[str, ...] = OUTPUT_TESTS
    """Which of them has to turn red; quick ones."""


OPENING = (
    Mutant(
        "open does not sync the parent of a root that it made",
        _DIRECTORIES,
        "self._staging.sync(os.path.dirname(directory))",
        "pass",
    ),
    Mutant(
        "open does not sync the parent of a root that was there",
        _DIRECTORIES,
        "self._staging.sync(os.path.dirname(self._root))",
        "pass",
    ),
    Mutant(
        "open does not sync the staging folder",
        _STAGING,
        "        self.sync(self.path)\n        self.sync(self.folder)",
        "        self.sync(self.folder)",
    ),
    Mutant(
        "open does not sync the root",
        _STAGING,
        "self.sync(self.folder)",
        "pass",
    ),
    Mutant(
        "open leaves what a killed process staged",
        _STAGING,
        "os.unlink(name, dir_fd=folder)",
        "pass",
        STAGING_TESTS,
    ),
    Mutant(
        "open does not lock the tree",
        _LOCK,
        "fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        STAGING_TESTS,
    ),
)

SYNCS = (
    Mutant(
        "no file is synced",
        _TREE,
        "self._sync_files(attempts)",
        "pass",
    ),
    Mutant(
        "only the first file of a result is synced",
        _TREE,
        "for staged in attempt.own:\n        staged.sync()",
        "for staged in attempt.own[:1]:\n        staged.sync()",
    ),
    Mutant(
        "no directory is synced",
        _TREE,
        "self._sync_directories(attempts)",
        "pass",
    ),
    Mutant(
        "the directory of a result is not synced",
        _DIRECTORIES,
        "unsynced = [directory]",
        "unsynced = []",
    ),
    Mutant(
        "the parents of a directory are not synced",
        _DIRECTORIES,
        "unsynced += _parents(directory, self._root)",
        "pass",
    ),
    Mutant(
        "only the nearest parent of a directory is synced",
        _DIRECTORIES,
        "unsynced += _parents(directory, self._root)",
        "unsynced += _parents(directory, self._root)[:1]",
    ),
    Mutant(
        "only the first directory that was there at start is distrusted",
        _DIRECTORIES,
        "if self._durable.get(directory) != identity:",
        "if not self._durable:",
    ),
    Mutant(
        "a directory in the place of another is trusted",
        _DIRECTORIES,
        "if self._durable.get(directory) != identity:",
        "if directory not in self._durable:",
    ),
    Mutant(
        "a directory that was made anew is trusted if it has the inode of the old one",
        _DIRECTORIES,
        "self._durable.pop(missing, None)",
        "pass",
    ),
    Mutant(
        "a directory whose parents could not be synced is trusted",
        _DIRECTORIES,
        "for directory in entered - failed.keys()",
        "for directory in entered",
    ),
    Mutant(
        "a directory that cannot be synced does not matter",
        _DIRECTORIES,
        "failures[path] = error",
        "pass",
    ),
    Mutant(
        "files that are found are not synced",
        _DIRECTORIES,
        "self._staging.sync(path)",
        "pass",
    ),
    Mutant(
        "syncing a path does nothing",
        _STAGING,
        "            sync_directory(descriptor)",
        "            pass",
    ),
    Mutant(
        "a staged file whose sync failed is trusted",
        _STAGING,
        "self._is_distrusted = True",
        "pass",
        STAGING_TESTS,
    ),
    Mutant(
        "a staged file whose sync failed is not refused",
        _TREE,
        "        if content is staged:\n            staged.sync()",
        "        if content is staged:\n            with suppress(OSError):\n"
        "                staged.sync()",
    ),
    Mutant(
        "a staged file is not synced",
        _TREE,
        "_each(attempts, _sync_spooled)",
        "pass",
    ),
    Mutant(
        "syncing a staged file does nothing",
        _STAGING,
        "sync_file(self.descriptor)",
        "pass",
    ),
    Mutant(
        "a batch is synced where a staged file lies",
        _TREE,
        "if content is not staged]",
        "]",
    ),
    Mutant(
        "a staged file is closed while it is being used",
        _STAGING,
        "            self._uses += 1",
        "            pass",
        STAGING_TESTS,
    ),
    Mutant(
        "a file that could not be synced is synced again",
        _TREE,
        "    _release(attempt)\n    _stage(attempt, again=again)\n    _sync_own",
        "    _sync_own",
    ),
    Mutant(
        "a file that could not be synced does not matter",
        _TREE,
        "    _stage(attempt, again=again)\n    _sync_own(attempt)",
        "    _stage(attempt, again=again)",
    ),
)

AT_ONCE = (
    Mutant(
        "syncing many files at once does nothing",
        _SYNC,
        "if _libc.syncfs(descriptor) != 0:",
        "if False:",
        SYNC_TESTS,
    ),
    Mutant(
        "syncing many files at once fails unnoticed",
        _SYNC,
        "            raise OSError(number, os.strerror(number))",
        "            pass",
        SYNC_TESTS,
    ),
    Mutant(
        "syncing many files at once is trusted on any file system",
        _SYNC,
        "_REPORTS_ERRORS and _kind(descriptor) in _TRUSTED",
        "_REPORTS_ERRORS",
        SYNC_TESTS,
    ),
    Mutant(
        "what was done at once where it cannot be trusted counts",
        _TREE,
        "        if not done:\n",
        "        if not files:\n",
    ),
    Mutant(
        "files that could not be synced at once are not written anew",
        _TREE,
        "            _each(attempts, _stage_and_sync_again)\n            return",
        "            return",
    ),
    Mutant(
        "files that could not be synced at once are synced one by one",
        _TREE,
        "_each(attempts, _stage_and_sync_again)\n            return",
        "_each(attempts, _sync_own)\n            return",
    ),
    Mutant(
        "a sync of all that takes long counts",
        _SYNC,
        "            self._slow = running\n            return False",
        "            self._slow = running\n            return True",
        SYNC_TESTS,
    ),
    Mutant(
        "a text is linked beside the JSON of another result",
        _NAMES,
        "if there is None and not",
        "if not",
    ),
    Mutant(
        "a name that is taken at the last moment is linked again",
        _TREE,
        "attempt.plan = plan_again(attempt.plan)",
        "pass",
    ),
)

ORDER = (
    Mutant(
        "files are linked before they are synced",
        _TREE,
        f"            self._sync_files(attempts)\n{_LINK}",
        f"{_LINK}            self._sync_files(attempts)\n",
    ),
    Mutant(
        "the JSON is linked before the text",
        _TREE,
        "in zip(self._paths(attempt), attempt.staged, strict=True):",
        "in zip(self._paths(attempt)[::-1], attempt.staged[::-1], strict=True):",
    ),
    Mutant(
        "the JSON is not the last format",
        _PIPELINE,
        "return (*files, (self.document.suffix, self.document.render(transcript, omitted)))",
        "return ((self.document.suffix, self.document.render(transcript, omitted)), *files)",
        PIPELINE_TESTS,
    ),
    Mutant(
        "directories are synced before anything is linked",
        _TREE,
        f"{_LINK}            self._sync_directories(attempts)\n",
        f"            self._sync_directories(attempts)\n{_LINK}",
    ),
    Mutant(
        "files are announced before their names are durable",
        _TREE,
        "            self._sync_directories(attempts)\n            self.check_root()\n"
        "            _each(attempts, self._announce)\n",
        "            _each(attempts, self._announce)\n"
        "            self._sync_directories(attempts)\n            self.check_root()\n",
    ),
    Mutant(
        "nothing is announced",
        _TREE,
        "            _each(attempts, self._announce)\n",
        "",
    ),
    Mutant(
        "a result that was only found in the tree counts as durable",
        _DUPLICATES,
        "elif before.is_found and ",
        "elif False and ",
        FOUND_TESTS,
    ),
    Mutant(
        "results are remembered before they are stored",
        _OUTPUT,
        "        written = iter(",
        "        self._index.record([_entry(plan) for plan in writable], window_s)\n"
        "        written = iter(",
    ),
)

FAILURES = (
    Mutant(
        "a short write is not noticed",
        _STAGING,
        "while rest:",
        "if rest:",
    ),
    Mutant(
        "what failed after it was linked counts as stored",
        _TREE,
        "[attempt.error or attempt.plan for",
        "[attempt.plan for",
    ),
    Mutant(
        "one failure ends the batch",
        _TREE,
        "                attempt.error = error\n\n\ndef _stage",
        "                attempt.error = error\n                raise\n\n\ndef _stage",
    ),
    Mutant(
        "the room on the disk is not looked at",
        _OUTPUT,
        f"            {_CHECK_SPACE}\n        except OSError as error:\n            return",
        "            pass\n        except OSError as error:\n            return",
    ),
    Mutant(
        "the second of two equal results in a batch counts as stored whatever becomes of the first",
        _DUPLICATES,
        "    if isinstance(outcome, Stored):\n        settled[identity] = Stored(",
        '    if True:\n        outcome = Stored("", True)\n        settled[identity] = Stored(',
    ),
)

TREE = (
    Mutant(
        "the root is not compared before a batch",
        _TREE,
        "            self.check_root()\n            self._staging.ensure()\n            _each",
        "            self._staging.ensure()\n            _each",
    ),
    Mutant(
        "the root is not compared after a batch",
        _TREE,
        "self._sync_directories(attempts)\n            self.check_root()",
        "self._sync_directories(attempts)",
    ),
    Mutant(
        "any root will do",
        _STAGING,
        "if not os.path.lexists(os.path.join(self.path, self._mark)):",
        "if False:",
    ),
    Mutant(
        "a root that went away is made anew",
        _DIRECTORIES,
        "_missing(directory, self._root)",
        "_missing(directory)",
    ),
    Mutant(
        "what is there is replaced",
        _STAGING,
        "        os.link(old, new",
        "        with suppress(OSError):\n            os.unlink(new)\n        os.link(old, new",
    ),
    Mutant(
        "any result of that name is a duplicate",
        _NAMES,
        "if there is not None and _is_of(result, since_s, there):",
        "if there is not None:",
    ),
    Mutant(
        "the tree knows of no window",
        _NAMES,
        " and marker.modified_s >= since_s",
        "",
    ),
    Mutant(
        "what has no name possible is refused",
        _OUTPUT,
        "        if unnameable:\n",
        "        if unnameable and not unnameable:\n",
    ),
    Mutant(
        "any text of that name is ours",
        _NAMES,
        "file.read(len(content) + 1) == content",
        "True",
    ),
    Mutant(
        "any large text of that name is ours",
        _NAMES,
        "return _is_same(file, content)",
        "return True",
    ),
    Mutant(
        "a large text that begins like ours is ours",
        _NAMES,
        "return not file.read(1)",
        "return True",
    ),
    Mutant(
        "a text that begins like ours is ours",
        _NAMES,
        "file.read(len(content) + 1) == content",
        "file.read(len(content)) == content",
    ),
    Mutant(
        "a name is free again once a reader has moved its files away",
        _NAMES,
        "self._taken = set(indexed(self._asked))",
        "self._taken = set[str]()",
    ),
    Mutant(
        "a name is free again once a reader was quicker than the batch",
        _NAMES,
        "self._taken.add(plan.marker)",
        "pass",
    ),
)

ANSWERS = (
    Mutant(
        "results are acknowledged before they are stored",
        _COMMITTER,
        "        outcomes = self._store(results)",
        "        early = [Stored(result.stem, False) for result in results]\n"
        "        self._loop.call_soon_threadsafe(self._release, batch, early)\n"
        "        outcomes = self._store(results)",
        COMMITTER_TESTS,
    ),
    Mutant(
        "what the store refuses is acknowledged",
        _COMMITTER,
        "raise outcome",
        "return Stored('anywhere', False)",
        COMMITTER_TESTS,
    ),
    Mutant(
        "results are acknowledged without being committed",
        _PIPELINE,
        "stored = await self._commit(result)\n            self._record",
        "stored = Stored(result.marker, duplicate=False)\n            self._record",
        PIPELINE_TESTS,
    ),
    Mutant(
        "results whose senders have been refused are written",
        _COMMITTER,
        "if not waiting.outcome.done() and waiting.result is not None:",
        "if waiting.result is not None:",
        COMMITTER_TESTS,
    ),
    Mutant(
        "requests are refused as soon as the daemon is told to leave",
        _IN_FLIGHT,
        "                await self._until_none()",
        "                pass",
        STOP_TESTS,
    ),
    Mutant(
        "who is refused at the end is not told so",
        _HANDLER,
        'self._refuse(ShuttingDown("the daemon is shutting down"))',
        "self._connection.abort()",
        END_TESTS,
    ),
    Mutant(
        "answers at the end do not say that they are the last",
        _HANDLER,
        'headers["Connection"] = "close"',
        "pass",
        STOP_TESTS,
    ),
)

MUTANTS = (*OPENING, *SYNCS, *AT_ONCE, *ORDER, *FAILURES, *TREE, *ANSWERS)
