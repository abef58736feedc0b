"""Connections and memory: who waits, who gives way, and who is closed on."""

import asyncio
from ipaddress import ip_network

import pytest

from asr_daemon.http.limits import Connections, Memory, affordable_connections, origin_of


class Fake:
    """A connection from an origin."""

    def __init__(self, origin: str) -> None:
        """Begin open."""
        self.origin = origin
        self.is_slow = False
        self.closed = False

    def close(self) -> None:
        """Remember that it was closed."""
        self.closed = True


def test_the_longest_idle_gives_way() -> None:
    """At the limit a new connection takes the place of the one that has been idle longest."""
    connections = Connections(most=2, most_per_origin=9)
    first, second, third = Fake("a"), Fake("b"), Fake("c")
    assert connections.enter(first)
    assert connections.enter(second)
    assert connections.enter(third)
    assert [first.closed, second.closed, third.closed] == [True, False, False]
    assert len(connections) == 2


def test_who_is_at_work_is_left_alone() -> None:
    """A connection whose request is under way never gives way; when all are, it is full."""
    connections = Connections(most=2, most_per_origin=9)
    busy, idle = Fake("a"), Fake("b")
    connections.enter(busy)
    connections.begins(busy)
    connections.enter(idle)
    assert not connections.is_full
    connections.begins(idle)
    assert connections.is_full
    connections.rests(busy)
    assert not connections.is_full
    connections.enter(Fake("c"))
    assert busy.closed


def test_who_is_slow_at_work_gives_way() -> None:
    """An upload that does not come on is closed when others need its place, and not before."""
    connections = Connections(most=2, most_per_origin=9)
    slow, quick = Fake("a"), Fake("b")
    for each in (slow, quick):
        connections.enter(each)
        connections.begins(each)
    assert connections.is_full
    slow.is_slow = True
    assert not connections.is_full
    connections.enter(Fake("c"))
    assert [slow.closed, quick.closed] == [True, False]


@pytest.mark.parametrize(("idle_s", "gone"), [(0.4, "slow"), (0.6, "idle")])
def test_who_has_just_come_is_given_time(idle_s: float, gone: str) -> None:
    """One that is idle gives way before one that is slow, but not in its first moments."""
    now_s = [0.0]
    connections = Connections(most=2, most_per_origin=9, clock=lambda: now_s[0])
    slow, idle = Fake("a"), Fake("a")
    slow.is_slow = True
    connections.enter(slow)
    connections.begins(slow)
    connections.enter(idle)
    now_s[0] = idle_s
    connections.enter(Fake("b"))
    assert [slow.closed, idle.closed] == [gone == "slow", gone == "idle"]


def test_the_share_of_one_origin() -> None:
    """An origin beyond its share loses its own idle connections, and nobody else's."""
    connections = Connections(most=9, most_per_origin=2)
    other, first, second, third = Fake("b"), Fake("a"), Fake("a"), Fake("a")
    for each in (other, first, second):
        connections.enter(each)
    connections.begins(second)
    assert connections.enter(third)
    assert [other.closed, first.closed] == [False, True]
    connections.begins(third)
    assert not connections.enter(Fake("a"))


def test_a_proxy_stands_for_many() -> None:
    """Whoever is trusted to speak for others has no share of its own."""
    connections = Connections(9, 1, (ip_network("10.0.0.0/8"),))
    proxied = [Fake("10.0.0.1"), Fake("10.0.0.1")]
    assert all(connections.enter(each) for each in proxied)
    assert not any(each.closed for each in proxied)


def test_a_closed_connection_makes_room() -> None:
    """Leaving counts once, however often it is said."""
    connections = Connections(most=1, most_per_origin=1)
    one = Fake("a")
    connections.enter(one)
    connections.begins(one)
    connections.leave(one)
    connections.leave(one)
    connections.rests(one)
    assert len(connections) == 0
    assert connections.enter(Fake("a"))


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.7", "::ffff:192.0.2.7"),
        ("unix", "unix"),
    ],
)
def test_origin(address: str, origin: str) -> None:
    """Of IPv6 a whole network belongs to one customer."""
    assert origin_of(address) == origin


def test_memory_is_handed_out_in_order() -> None:
    """Who does not fit waits, and nobody overtakes."""
    memory = Memory(100)
    first, second, third = memory.ask(60), memory.ask(60), memory.ask(10)
    assert [each.is_granted for each in (first, second, third)] == [True, False, False]
    first.give_back()
    first.give_back()
    assert [second.is_granted, third.is_granted] == [True, True]
    assert not memory.ask(40).is_granted


def test_memory_of_who_gave_up_waiting() -> None:
    """A sender that goes away while it waits does not keep others waiting."""
    memory = Memory(100)
    _, second, third = memory.ask(60), memory.ask(60), memory.ask(40)
    second.give_back()
    assert third.is_granted


def test_more_than_all_memory_is_all_of_it() -> None:
    """A body whose share is larger than the limit is taken alone, and does not wait for ever."""
    memory = Memory(100)
    first, second = memory.ask(1000), memory.ask(1)
    assert [first.is_granted, second.is_granted] == [True, False]
    first.give_back()
    assert second.is_granted


def test_waiting_ends_when_the_room_is_there_or_not_wanted() -> None:
    """Nobody waits on a future for ever."""

    async def run() -> list[bool]:
        memory = Memory(100)
        first, second, third = memory.ask(100), memory.ask(100), memory.ask(100)
        assert first.wait() is None
        waits = [second.wait(), third.wait()]
        third.give_back()
        seen = [wait is not None and wait.done() for wait in waits]
        first.give_back()
        return [*seen, waits[0] is not None and waits[0].done()]

    assert asyncio.run(run()) == [False, True, True]


@pytest.mark.parametrize(
    ("descriptors", "connections"), [(65_536, 1000), (1024, 768), (256, 64), (64, 16)]
)
def test_connections_leave_descriptors_for_files(descriptors: int, connections: int) -> None:
    """However few file descriptors there are, some are for connections and more for the rest."""
    assert affordable_connections(1000, descriptors) == connections


def test_other_limits_of_connections() -> None:
    """New limits are those of the next connection; open ones stay."""
    connections = Connections(most=9, most_per_origin=9)
    first, second, third = Fake("a"), Fake("b"), Fake("c")
    assert all(connections.enter(each) for each in (first, second))
    connections.limit(1, 9)
    assert (first.closed, second.closed, len(connections)) == (False, False, 2)
    connections.begins(second)
    assert connections.enter(third)
    assert (first.closed, second.closed) == (True, False)


def test_more_memory() -> None:
    """Who waits for memory has it when the limit is raised; nobody loses any when it falls."""
    memory = Memory(100)
    first, second = memory.ask(100), memory.ask(50)
    assert (first.is_granted, second.is_granted) == (True, False)
    memory.limit(150)
    assert second.is_granted
    memory.limit(10)
    third = memory.ask(50)
    first.give_back()
    assert not third.is_granted
    second.give_back()
    assert third.is_granted
