"""The order checker finds what is acknowledged too early, and nothing else."""

from pathlib import Path

import pytest

from tests.durability.requirements import require, strace
from tests.durability.syscall_order import Violation, check_order, traced
from tests.durability.toy_server import toy_server
from tests.durability.toy_writer import Step

RIGHT = """\
7  openat(AT_FDCWD</w>, "/t/.staging/0", O_WRONLY|O_CREAT|O_EXCL|O_CLOEXEC, 0640) = 9</t/.staging/0>
7  write(9</t/.staging/0>, "{}", 2)  = 2
7  fsync(9</t/.staging/0>)  = 0
7  mkdir("/t/a", 0750)  = 0
7  link("/t/.staging/0", "/t/a/0.json")  = 0
7  openat(AT_FDCWD</w>, "/t/a", O_RDONLY|O_CLOEXEC) = 10</t/a>
7  fsync(10</t/a>)  = 0
7  openat(AT_FDCWD</w>, "/t", O_RDONLY|O_CLOEXEC) = 10</t>
7  fsync(10</t>)  = 0
7  unlink("/t/.staging/0")  = 0
6  sendto(8<TCP:[127.0.0.1:8787->127.0.0.1:50318]>, "HTTP/1.1 200 OK\\r\\n"..., 90, 0, NULL, 0) = 90
""".splitlines()

REPLY = RIGHT[-1]


def problems(trace: list[str]) -> list[tuple[int, str]]:
    """Return line and path of each violation."""
    return [(violation.line, violation.path) for violation in check_order(trace, "/t")]


def without(*lines: int) -> list[str]:
    """Return the right trace without lines of these numbers."""
    return [line for number, line in enumerate(RIGHT, start=1) if number not in lines]


def test_right_order_is_right() -> None:
    """Write, sync, link, sync the directories, reply."""
    assert check_order(RIGHT, "/t") == []


@pytest.mark.parametrize(
    ("left_out", "found"),
    [
        (3, [(4, "/t/.staging/0"), (10, "/t/a/0.json")]),
        (7, [(10, "/t/a")]),
        (9, [(10, "/t")]),
    ],
)
def test_each_sync_is_needed(left_out: int, found: list[tuple[int, str]]) -> None:
    """One that is left out is found, at the link or at the reply."""
    assert problems(without(left_out)) == found


def test_violation_says_what_is_wrong() -> None:
    """In words, with the line and the path."""
    assert check_order([*RIGHT[:8], REPLY, *RIGHT[8:10]], "/t") == [
        Violation(9, "/t", "is not synced when the reply leaves")
    ]


@pytest.mark.parametrize(
    "failed",
    [
        "7  fsync(10</t/a>)  = -1 EIO (Input/output error)",
        "7  fsync(10</t/a>)  = 0 (INJECTED)",
        "7  fsync(10</t/a> <unfinished ...>",
        "7  sync_file_range(10</t/a>, 0, 0, SYNC_FILE_RANGE_WRITE) = 0",
    ],
)
def test_sync_that_did_not_happen_does_not_count(failed: str) -> None:
    """It has failed, strace has pretended it, it has not returned, or it is none."""
    assert (11, "/t/a") in problems([*RIGHT[:6], failed, *RIGHT[7:]])


def test_sync_counts_once_it_has_returned() -> None:
    """A reply that leaves in between is too early."""
    begins, ends = "7  fsync(10</t/a> <unfinished ...>", "7  <... fsync resumed>)  = 0"
    right = [*RIGHT[:6], begins, "6  close(5<TCP:[1->2]>)  = 0", ends, *RIGHT[7:]]
    early = [*without(7, 11), begins, REPLY, ends]
    assert problems(right) == []
    assert problems(early) == [(11, "/t/a")]


def test_sync_does_not_count_for_what_ends_after_its_beginning() -> None:
    """It may have passed by before the write was there."""
    trace = [
        '7  write(9</t/f>, "{}", 2 <unfinished ...>',
        "6  fsync(9</t/f> <unfinished ...>",
        "7  <... write resumed>)  = 2",
        "6  <... fsync resumed>)  = 0",
        REPLY,
        "6  fsync(9</t/f>)  = 0",
    ]
    assert problems(trace) == [(5, "/t/f")]


def test_what_is_never_synced_is_found_without_a_reply() -> None:
    """Nothing may be left behind after the last one."""
    assert check_order([*RIGHT, *RIGHT[:2]], "/t") == [
        Violation(13, "/t/.staging/0", "is never synced")
    ]


def test_trace_without_a_reply_proves_nothing() -> None:
    """The daemon has done something else, or strace was late."""
    with pytest.raises(ValueError, match="no reply"):
        check_order(RIGHT[:-1], "/t")


def test_reply_counts_from_its_beginning() -> None:
    """The sync that returns while it is being sent is too late."""
    begins, ends = (
        REPLY.split(", 0, NULL")[0] + " <unfinished ...>",
        "6  <... sendto resumed>) = 90",
    )
    assert problems([*RIGHT[:8], begins, RIGHT[8], ends]) == [(9, "/t")]


def test_reply_does_not_leave_while_something_is_being_done() -> None:
    """A change that has begun is not synced."""
    begins, ends = '7  mkdir("/t/b", 0750 <unfinished ...>', "7  <... mkdir resumed>)  = 0"
    trace = [begins, REPLY, ends, "7  fsync(10</t>)  = 0"]
    assert check_order(trace, "/t") == [
        Violation(2, "/t/b", "is being changed when the reply leaves")
    ]


@pytest.mark.parametrize(
    "reply",
    [
        '6  write(8<TCP:[1.2.3.4:5->1.2.3.4:6]>, "HTTP/1.1 200 OK"..., 90) = 90',
        '6  writev(8<TCPv6:[[::1]:5->[::1]:6]>, [{iov_base="HTTP/1.1 200 OK", iov_len=9}], 1) = 9',
        '6  sendmsg(8<TCP:[1.2.3.4:5->1.2.3.4:6]>, {msg_iov=[{iov_base="HTTP/1.1 200"}]}, 0) = 9',
    ],
)
def test_replies_leave_by_several_calls(reply: str) -> None:
    """All of them are seen."""
    assert (10, "/t") in problems([*without(9, 11), reply])


@pytest.mark.parametrize(
    "other",
    [
        '6  sendto(8<TCP:[1.2.3.4:5->1.2.3.4:6]>, "HTTP/1.1 503 Service"..., 90, 0, NULL, 0) = 90',
        '6  write(8<UNIX-STREAM:[1->2]>, "HTTP/1.1 200 OK"..., 90) = 90',
        '6  write(2</dev/pts/0<char 136:0>>, "HTTP/1.1 200 OK"..., 90) = 90',
    ],
)
def test_other_data_is_no_reply(other: str) -> None:
    """A refusal promises nothing."""
    assert problems([*RIGHT[:3], other, *RIGHT[3:]]) == []


def test_unnamed_file_is_followed_to_its_name() -> None:
    """O_TMPFILE, and a link from the descriptor."""
    trace = [
        '7  openat(4</t>, ".staging", O_RDWR|O_TMPFILE, 0640) = 9</t/.staging/#12>(deleted)',
        '7  write(9</t/.staging/#12>(deleted), "{}", 2) = 2',
        "7  fdatasync(9</t/.staging/#12>(deleted)) = 0",
        '7  linkat(4</>, "/proc/self/fd/9", 5</t>, "0.json", AT_SYMLINK_FOLLOW) = 0',
        "7  fsync(5</t>)  = 0",
        REPLY,
    ]
    assert problems(trace) == []
    assert problems(trace[:2] + trace[3:]) == [
        (3, "/t/.staging/#12(deleted)"),
        (5, "/t/0.json"),
    ]


def test_renamed_file_is_followed_to_its_name() -> None:
    """It may be synced after that, through its new path, but that is too late."""
    trace = [*RIGHT[:2], '7  rename("/t/.staging/0", "/t/0.json") = 0', "7  fsync(5</t>)  = 0"]
    assert problems([*trace, REPLY, "7  fsync(9</t/0.json>)  = 0"]) == [
        (3, "/t/.staging/0"),
        (5, "/t/0.json"),
    ]


def test_file_that_was_thrown_away_need_not_be_synced() -> None:
    """What was written aside and removed again is nobody's loss."""
    trace = [*RIGHT[:2], RIGHT[9], '7  write(9</t/.staging/0>(deleted), "{}", 2)  = 2', REPLY]
    assert problems(trace) == []


def test_name_in_use_again_is_another_file() -> None:
    """The sync of the file that had it before does not count."""
    assert problems([*RIGHT, *RIGHT[:2], REPLY]) == [(14, "/t/.staging/0")]


def test_what_is_elsewhere_does_not_matter() -> None:
    """Logs, the index, a folder whose name begins in the same way."""
    elsewhere = '7  openat(AT_FDCWD</w>, "log", O_WRONLY|O_CREAT, 0640) = 3</w/log>'
    similar = '7  write(9</tt/f>, "{}", 2)  = 2'
    assert problems([elsewhere, similar, REPLY]) == []


def test_root_itself_has_to_be_durable() -> None:
    """Its name stands in the directory above."""
    trace = ['7  mkdir("/t", 0750)  = 0', '7  mkdir("/t/.staging", 0750)  = 0', REPLY]
    assert problems(trace) == [(3, "/")]


def test_sync_of_the_file_system_counts_for_all() -> None:
    """A writer may prefer it."""
    whole = "7  syncfs(10</t>)  = 0"
    assert problems([*RIGHT[:2], whole, *RIGHT[3:5], whole, REPLY]) == []


@pytest.mark.parametrize(
    ("without", "expected"),
    [
        ((), set()),
        (("sync file",), {"a/alpha", ".staging/alpha"}),
        (("sync directory",), {".", "a"}),
    ],
)
def test_running_process_is_checked(
    tmp_path: Path, without: tuple[Step, ...], expected: set[str]
) -> None:
    """What strace prints on this machine is understood."""
    require(strace)
    with toy_server(tmp_path, without) as server, traced(server.pid) as trace:
        assert server.commit("alpha") == "HTTP/1.1 200 OK"
    found = {Path(violation.path) for violation in check_order(trace, str(tmp_path))}
    assert found == {tmp_path / path for path in expected}
    assert any("HTTP/1.1 200" in line for line in trace)
