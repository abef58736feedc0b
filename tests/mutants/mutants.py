"""The mutants: the code that makes results durable, each time with one thing wrong."""

from typing import NamedTuple

_FILES = "asr_daemon/store/files.py"
_ASIDE = "asr_daemon/store/aside.py"
_STAGING = "asr_daemon/store/staging.py"
_SYNCFS = "asr_daemon/store/syncfs.py"
_STORE = "asr_daemon/store/store.py"
_COMMITTER = "asr_daemon/store/committer.py"
_RECEIVER = "asr_daemon/receiver.py"
_ASSEMBLY = "asr_daemon/assembly.py"
_HANDLER = "asr_daemon/web/handler.py"
_IN_FLIGHT = "asr_daemon/web/in_flight.py"

_REFUSE = "            return [refusal_of(error)]"

STORE_TESTS = ("tests/store/test_files.py", "tests/store/test_store.py")
SYNCFS_TESTS = ("tests/store/test_syncfs.py",)
ASIDE_TESTS = ("tests/store/test_aside.py",)
STAGING_TESTS = ("tests/store/test_staging.py",)
COMMITTER_TESTS = ("tests/store/test_committer.py",)
RECEIVER_TESTS = ("tests/test_receiver.py",)
SERVING_TESTS = ("tests/daemon/test_lost_index.py::test_index_that_is_harmed_meanwhile",)
STOP_TESTS = (
    "tests/daemon/test_stop.py::test_slow_disk",
    "tests/daemon/test_stop.py::test_upload_that_is_completed_late",
)

END_TESTS = ("tests/web/test_handler.py::test_uploads_are_refused_at_the_end",)


class Mutant(NamedTuple):
    """One change that some test has to notice."""

    name: str
    file: str
    old: str
    """Occurs in the file just once."""
    new: str
    tests: tuple[str, ...] = STORE_TESTS
    """Which of them has to turn red; quick ones."""


OPENING = (
    Mutant(
        "open does not sync the parent of a root that it made",
        _FILES,
        "self._sync(os.path.dirname(directory))",
        "pass",
    ),
    Mutant(
        "open does not sync the parent of a root that was there",
        _FILES,
        "self._sync(os.path.dirname(self._root))",
        "pass",
    ),
    Mutant(
        "open does not sync the staging folder",
        _FILES,
        "        self._sync(self._staging.path)\n        self._sync(self._root)",
        "        self._sync(self._root)",
    ),
    Mutant(
        "open does not sync the root",
        _FILES,
        "self._sync(self._root)",
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
        _STAGING,
        "fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)",
        "pass",
        STAGING_TESTS,
    ),
)

SYNCS = (
    Mutant(
        "no file is synced",
        _FILES,
        "self._sync_files(attempts)",
        "pass",
    ),
    Mutant(
        "only the first file of a result is synced",
        _FILES,
        "for descriptor in attempt.own:\n            os.fsync",
        "for descriptor in attempt.own[:1]:\n            os.fsync",
    ),
    Mutant(
        "no directory is synced",
        _FILES,
        "self._sync_directories(attempts)",
        "pass",
    ),
    Mutant(
        "the directory of a result is not synced",
        _FILES,
        "unsynced = [directory]",
        "unsynced = []",
    ),
    Mutant(
        "the parents of a directory are not synced",
        _FILES,
        "unsynced += _parents(directory, self._root)",
        "pass",
    ),
    Mutant(
        "only the nearest parent of a directory is synced",
        _FILES,
        "unsynced += _parents(directory, self._root)",
        "unsynced += _parents(directory, self._root)[:1]",
    ),
    Mutant(
        "only the first directory that was there at start is distrusted",
        _FILES,
        "if self._durable_directories.get(directory) != identity:",
        "if not self._durable_directories:",
    ),
    Mutant(
        "a directory in the place of another is trusted",
        _FILES,
        "if self._durable_directories.get(directory) != identity:",
        "if directory not in self._durable_directories:",
    ),
    Mutant(
        "a directory that was made anew is trusted if it has the inode of the old one",
        _FILES,
        "self._durable_directories.pop(missing, None)",
        "pass",
    ),
    Mutant(
        "a directory whose parents could not be synced is trusted",
        _FILES,
        "distrusted = taken | {",
        "distrusted = taken and {",
    ),
    Mutant(
        "a directory that cannot be synced does not matter",
        _FILES,
        "failures[directory] = error",
        "pass",
    ),
    Mutant(
        "files that are found are not synced",
        _FILES,
        "self._sync(path)",
        "pass",
    ),
    Mutant(
        "syncing a path does nothing",
        _FILES,
        "descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)\n        try:\n"
        "            os.fsync(descriptor)\n",
        "descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)\n        try:\n            pass\n",
    ),
    Mutant(
        "a large file that could not be synced is synced again",
        _FILES,
        "    for descriptor in attempt.apart:\n        os.fsync(descriptor)",
        "    with suppress(OSError):\n        os.fsync(attempt.apart[0])",
        ASIDE_TESTS,
    ),
    Mutant(
        "a batch is synced where a large file lies",
        _FILES,
        "for attempt in attempts for descriptor in attempt.own]",
        "for attempt in attempts for descriptor in attempt.apart + attempt.own]",
        ASIDE_TESTS,
    ),
    Mutant(
        "a large file is not synced",
        _ASIDE,
        "            os.fsync(self._staged.descriptor)",
        "            pass",
        ASIDE_TESTS,
    ),
    Mutant(
        "a file that could not be synced is synced again",
        _FILES,
        "self._discard(attempt)\n        self._stage(attempt)\n        self._sync_descriptors",
        "self._sync_descriptors",
    ),
    Mutant(
        "a file that could not be synced does not matter",
        _FILES,
        "self._stage(attempt)\n        self._sync_descriptors(attempt)",
        "self._stage(attempt)",
    ),
)

AT_ONCE = (
    Mutant(
        "syncing many files at once does nothing",
        _SYNCFS,
        "if _libc.syncfs(descriptor) != 0:",
        "if False:",
        SYNCFS_TESTS,
    ),
    Mutant(
        "syncing many files at once fails unnoticed",
        _SYNCFS,
        "        raise OSError(number, os.strerror(number))",
        "        pass",
        SYNCFS_TESTS,
    ),
    Mutant(
        "syncing many files at once is trusted on any file system",
        _SYNCFS,
        "not _TELLS_ERRORS or _kind(descriptor) not in _TRUSTED",
        "not _TELLS_ERRORS",
        SYNCFS_TESTS,
    ),
    Mutant(
        "what was done at once where it cannot be trusted counts",
        _FILES,
        "        if not done:\n",
        "        if not descriptors:\n",
    ),
    Mutant(
        "files that could not be synced at once are not written anew",
        _FILES,
        "            _each(attempts, self._sync_anew)\n            return",
        "            return",
    ),
    Mutant(
        "files that could not be synced at once are synced one by one",
        _FILES,
        "_each(attempts, self._sync_anew)",
        "_each(attempts, self._sync_descriptors)",
    ),
    Mutant(
        "a text is linked beside the JSON of another result",
        _FILES,
        "free = fingerprint is None and",
        "free = duplicate or",
    ),
    Mutant(
        "a text that is somebody else's is taken for ours when it is in the way",
        _FILES,
        "if not duplicate and not _may_hold(path, content):",
        "if False:",
    ),
)

ORDER = (
    Mutant(
        "files are linked before they are synced",
        _FILES,
        "            with waiting:\n                self._sync_files(attempts)\n"
        "            _each(attempts, self._link)\n",
        "            _each(attempts, self._link)\n"
        "            with waiting:\n                self._sync_files(attempts)\n",
    ),
    Mutant(
        "the JSON is linked before the text",
        _FILES,
        "zip(attempt.staged, paths, contents, strict=True)",
        "zip(attempt.staged[::-1], paths[::-1], contents[::-1], strict=True)",
    ),
    Mutant(
        "the JSON is not the last format",
        _ASSEMBLY,
        'sorted(output.formats, key=lambda each: each == "json")',
        'sorted(output.formats, key=lambda each: each != "json")',
        SERVING_TESTS,
    ),
    Mutant(
        "directories are synced before anything is linked",
        _FILES,
        "            _each(attempts, self._link)\n            with waiting:\n"
        "                self._sync_directories(attempts)\n",
        "            with waiting:\n                self._sync_directories(attempts)\n"
        "            _each(attempts, self._link)\n",
    ),
    Mutant(
        "results are remembered before they are stored",
        _STORE,
        "        outcomes = dict(\n",
        "        self._index.record([(each, each.stem) for each in wanted])\n"
        "        outcomes = dict(\n",
    ),
)

FAILURES = (
    Mutant(
        "a short write is not noticed",
        _FILES,
        "while written < len(content):",
        "while False:",
    ),
    Mutant(
        "what failed after it was linked counts as stored",
        _FILES,
        "if attempt.error is not None or attempt.stored is None:",
        "if attempt.stored is None:",
    ),
    Mutant(
        "one failure ends the batch",
        _FILES,
        "                attempt.error = error\n\n\ndef _failure",
        "                attempt.error = error\n                raise\n\n\ndef _failure",
    ),
    Mutant(
        "the room on the disk is not looked at",
        _STORE,
        "        try:\n            self._space.check()\n        except OSError as error:\n"
        + _REFUSE,
        "        try:\n            pass\n        except OSError as error:\n" + _REFUSE,
    ),
    Mutant(
        "the second of two equal results in a batch counts as stored whatever becomes of the first",
        _STORE,
        "    if isinstance(outcome, Stored):\n        settled[key] = Stored(outcome.path, duplic",
        '    if True:\n        settled[key] = Stored("", duplic',
    ),
)

TREE = (
    Mutant(
        "the root is not compared before a batch",
        _FILES,
        "        self.check_root()\n        self._staging.ensure()",
        "        self._staging.ensure()",
    ),
    Mutant(
        "the root is not compared after a batch",
        _FILES,
        "self._sync_directories(attempts)\n            self.check_root()",
        "self._sync_directories(attempts)",
    ),
    Mutant(
        "any root will do",
        _FILES,
        "if not self._staging.is_marked():",
        "if False:",
    ),
    Mutant(
        "a root that went away is made anew",
        _FILES,
        "_missing(directory, self._root)",
        "_missing(directory)",
    ),
    Mutant(
        "what is there is replaced",
        _STAGING,
        "        os.link(staged.path",
        "        with suppress(OSError):\n            os.unlink(path)\n        os.link(staged.path",
    ),
    Mutant(
        "any result of that name is a duplicate",
        _FILES,
        "duplicate = fingerprint == result.fingerprint",
        "duplicate = fingerprint is not None",
    ),
    Mutant(
        "any text of that name is ours",
        _FILES,
        "file.read(len(content) + 1) == content",
        "True",
    ),
    Mutant(
        "any large text of that name is ours",
        _FILES,
        "return content.is_at(path)",
        "return True",
        ASIDE_TESTS,
    ),
    Mutant(
        "a large text that begins like ours is ours",
        _ASIDE,
        "return not other.read(1)",
        "return True",
        ASIDE_TESTS,
    ),
    Mutant(
        "a text that begins like ours is ours",
        _FILES,
        "file.read(len(content) + 1) == content",
        "file.read(len(content)) == content",
    ),
    Mutant(
        "a name is free again once a reader has moved its files away",
        _FILES,
        "self._rules.is_taken(marker)",
        "False",
    ),
    Mutant(
        "a name is free again once a reader was quicker than the batch",
        _FILES,
        "marker in self._linked or ",
        "",
    ),
)

ANSWERS = (
    Mutant(
        "results are acknowledged before they are stored",
        _COMMITTER,
        "        outcomes = self._watched(partial(self._commit,",
        "        early = [Stored(result.stem, False) for result in results]\n"
        "        self._loop.call_soon_threadsafe(self._release, batch, early)\n"
        "        outcomes = self._watched(partial(self._commit,",
        COMMITTER_TESTS,
    ),
    Mutant(
        "what the store refuses is acknowledged",
        _COMMITTER,
        "raise settled",
        "settled = Stored('anywhere', False)",
        COMMITTER_TESTS,
    ),
    Mutant(
        "results are acknowledged without being committed",
        _RECEIVER,
        "result, stored = await self._commit(callback, self._result)",
        "result = self._result(callback); stored = Stored(result.stem, duplicate=False)",
        RECEIVER_TESTS,
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
