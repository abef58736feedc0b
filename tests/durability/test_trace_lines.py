"""System calls as strace prints them."""

import pytest

from tests.durability.trace_lines import Call, calls, descriptors, named_paths


def test_call_on_one_line_begins_and_ends() -> None:
    """It is yielded twice, as all are."""
    assert list(calls(["12  fsync(3</t/.staging/0>)              = 0\n"])) == [
        Call("fsync", "3</t/.staging/0>", 1),
        Call("fsync", "3</t/.staging/0>", 1, 1, "0"),
    ]


def test_call_that_another_thread_interrupts_is_put_together() -> None:
    """Threads are told apart by their numbers, in both ways of printing these."""
    lines = [
        "12  fsync(3</t/0> <unfinished ...>",
        '13  write(4</t/1>, "x", 1 <unfinished ...>',
        "12  <... fsync resumed>)                = 0",
        "[pid 13] <... write resumed>)                = 1",
    ]
    assert list(calls(lines)) == [
        Call("fsync", "3</t/0>", 1),
        Call("write", '4</t/1>, "x", 1', 2),
        Call("fsync", "3</t/0>", 1, 3, "0"),
        Call("write", '4</t/1>, "x", 1', 2, 4, "1"),
    ]


def test_call_that_runs_when_strace_leaves_has_begun() -> None:
    """As the reply does, when its client ends the trace at once."""
    lines = ['12  sendto(8<TCP:[1->2]>, "HTTP/1.1 200 OK", 15, 0, NULL, 0 <detached ...>']
    assert list(calls(lines)) == [
        Call("sendto", '8<TCP:[1->2]>, "HTTP/1.1 200 OK", 15, 0, NULL, 0', 1)
    ]


def test_data_that_looks_like_a_trace_is_data() -> None:
    """The end of a call is the last one on the line."""
    line = r'12  write(4</t/1>, "a\") = 3 <unfinished ...>", 6) = 6'
    assert [call.returned for call in calls([line])] == ["", "6"]


def test_what_is_no_call_is_left_out() -> None:
    """Signals and exits, and the rest of a call that began before strace was there."""
    lines = [
        "12  --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---",
        "12  <... fsync resumed>)                = 0",
        "12  +++ exited with 0 +++",
    ]
    assert list(calls(lines)) == []


@pytest.mark.parametrize(
    ("returned", "succeeded"),
    [
        ("0", True),
        ("7</t/0>", True),
        ("-1 EIO (Input/output error)", False),
        ("-1 EIO (Input/output error) (INJECTED)", False),
        ("0 (INJECTED)", False),
        ("? ERESTARTSYS (To be restarted if SA_RESTART is set)", False),
        ("", False),
    ],
)
def test_success_is_told_from_failure(returned: str, succeeded: bool) -> None:
    """A call that strace only pretends to have made is none."""
    assert Call("fsync", "7</t/0>", 1, 2, returned).succeeded is succeeded


def test_open_files_are_found() -> None:
    """Sockets, pipes, devices and what looks like a file in data are not among them."""
    text = r'AT_FDCWD</w>, 3</t/#12>(deleted), 4</t/\344\270\255>, "5</t/x>", 6<TCP:[1.2.3.4:5->'
    assert list(descriptors(text)) == [
        ("AT_FDCWD", "/w"),
        ("3", "/t/#12(deleted)"),
        ("4", "/t/中"),
    ]


def test_older_way_to_print_deleted_files_is_understood() -> None:
    """Within the brackets."""
    assert list(descriptors("3</t/#12 (deleted)>")) == [("3", "/t/#12(deleted)")]


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        ('"/t/0", "/t/a"', ["/t/0", "/t/a"]),
        ('AT_FDCWD</w>, "0", 5</t>, "a/../b", 0', ["/w/0", "/t/b"]),
        ('"0", "/t/a"', ["/cwd/0", "/t/a"]),
        ('3</t/#12>(deleted), "", 5</t>, "a", AT_EMPTY_PATH', ["/t/#12(deleted)", "/t/a"]),
        (r'"/t/\344\270\255\"\n"', ['/t/中"\n']),
    ],
)
def test_named_paths_are_made_absolute(arguments: str, paths: list[str]) -> None:
    """By the directory before them, or else the working directory."""
    assert list(named_paths(arguments, "/cwd")) == paths


def test_relative_path_needs_a_working_directory() -> None:
    """A guess would hide a fault."""
    with pytest.raises(ValueError, match="working directory"):
        list(named_paths('"0", "/t/a"', None))
