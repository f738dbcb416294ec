"""Adaptive concurrency: additive increase, multiplicative decrease, and no permit lost."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.harness.limiter import Permits, Window
from muxi_llm.harness.rate_limits import left_of
from tests.support.length import long

# The scenarios of LLMix's suite: first window, what happens, the window then.
SCENARIOS: dict[str, tuple[int, list[str | tuple[int, int]], int]] = {
    "as it starts": (32, [], 32),
    "success at the top": (10, ["ok"], 10),
    "success adds one": (10, ["429", "ok"], 6),
    "a 429 halves": (32, ["429"], 16),
    "two halve twice": (32, ["429", "429"], 8),
    "down to the minimum": (8, ["429"] * 5, 4),
    "up to the first window": (10, ["429", *["ok"] * 10], 10),
    "headers with room": (32, ["429", (250, 500)], 17),
    "headers with little": (32, [(25, 500)], 18),
    "headers with next to nothing": (32, [(1, 500)], 4),
    "headers, then successes": (10, ["429", (450, 500), "ok"], 6),
    "a 429 after headers": (32, [*[(480, 500)] * 5, "429"], 16),
    "back from little": (32, [(5, 500), *[(400, 500)] * 10], 16),
    "a 429 ends steering": (32, [(25, 500), "429", "ok"], 10),
    "no limit at all": (32, [(5, 0)], 32),
}


@pytest.mark.parametrize(("initial", "events", "expected"), SCENARIOS.values(), ids=SCENARIOS)
def test_the_window(initial: int, events: list[str | tuple[int, int]], expected: int) -> None:
    window = Window(initial, eager=True)
    for event in events:
        if event == "ok":
            window.succeeded()
        elif event == "429":
            window.overloaded()
        elif isinstance(event, tuple):
            window.told(*event)
    assert window.size == expected


def test_one_decrease_a_round_trip() -> None:
    """Ten 429s of one burst are one piece of news."""
    window = Window(32, eager=True)
    for arrived in range(10):
        window.overloaded(5.0 + arrived / 10, sent=4.0)
    assert window.size == 16
    window.overloaded(7.0, sent=5.0)
    assert window.size == 8


@pytest.mark.parametrize(("initial", "minimum"), [(0, 1), (3, 4), (4, 0)], ids=repr)
def test_windows_that_cannot_be(initial: int, minimum: int) -> None:
    with pytest.raises(ValueError, match="window"):
        Window(initial, minimum)


HEADERS: dict[str, tuple[dict[str, str], tuple[int, int] | None]] = {
    "both": ({"x-ratelimit-remaining-requests": "5", "x-ratelimit-limit-requests": "10"}, (5, 10)),
    "none": ({}, None),
    "one": ({"x-ratelimit-remaining-requests": "5"}, None),
    "no number": ({"x-ratelimit-remaining-requests": "x", "x-ratelimit-limit-requests": "10"}, None),
    "no limit": ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-limit-requests": "0"}, None),
}


@pytest.mark.parametrize(("headers", "expected"), HEADERS.values(), ids=HEADERS)
def test_what_headers_tell(headers: dict[str, str], expected: tuple[int, int] | None) -> None:
    assert left_of(headers) == expected


# ---------------------------------------------------------------------------------------- permits


def permits(window: int, minimum: int = 1) -> Permits[str]:
    """Whose waiters are called as their holders are."""
    return Permits(Window(window, minimum, eager=True))


def left(shared: Permits[str], holder: str) -> list[str]:
    shared.leave(holder)
    return shared.served()


def test_first_come_first_served() -> None:
    shared = permits(1)
    assert shared.take("first")
    assert not shared.take("a")
    shared.queue("a", "a")
    shared.queue("b", "b")
    assert not shared.take("c")
    assert [left(shared, name) for name in ("first", "a", "b")] == [["a"], ["b"], []]
    assert (shared.out, shared.waiting) == (0, 0)


def test_who_leaves_takes_nothing_along_however_often() -> None:
    """Whether it waits, holds one, was given one just then, or has left already."""
    shared = permits(1)
    shared.take("first")
    shared.queue("a", "a")
    shared.queue("b", "b")
    assert left(shared, "a") == []
    assert left(shared, "first") == ["b"]
    assert left(shared, "first") == []
    assert left(shared, "b") == []
    assert (shared.out, shared.waiting) == (0, 0)


def test_a_shrinking_window_takes_permits_as_they_come_back() -> None:
    """And a growing one wakes as many as it has room for."""
    shared = permits(4)
    for name in "1234":
        shared.take(name)
    for name in "abc":
        shared.queue(name, name)
    shared.window.overloaded()
    assert [left(shared, name) for name in "123"] == [[], [], ["a"]]
    shared.window.succeeded()
    assert shared.served() == ["b"]
    shared.window.succeeded()
    assert shared.served() == ["c"]


@settings(max_examples=long(200, 66), deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["take", "give", "leave", "ok", "429", "told"]), st.integers(0, 20)))
)
def test_permits_never_leak(events: list[tuple[str, int]]) -> None:
    """Held are exactly those handed out, never more than the largest window; nobody waits beside a free one."""
    shared = permits(8, 2)
    held: list[str] = []
    waiting: list[str] = []
    for number, (event, argument) in enumerate(events):
        if event == "take":
            name = f"{number}"
            if shared.take(name):
                held.append(name)
            else:
                shared.queue(name, name)
                waiting.append(name)
        elif event == "give" and held:
            shared.leave(held.pop(argument % len(held)))
        elif event == "leave" and waiting:
            shared.leave(waiting.pop(argument % len(waiting)))
        elif event == "ok":
            shared.window.succeeded()
        elif event == "429":
            shared.window.overloaded(number, sent=number - argument)
        elif event == "told":
            shared.window.told(argument, 20)
        for name in shared.served():
            waiting.remove(name)
            held.append(name)
        assert (shared.out, shared.waiting) == (len(held), len(waiting))
        assert 2 <= shared.window.size <= 8
        assert not waiting or shared.out >= shared.window.size
        assert shared.out <= 8
    while held:
        for name in left(shared, held.pop()):
            waiting.remove(name)
            held.append(name)
    assert (shared.out, waiting) == (0, [])
