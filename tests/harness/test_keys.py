"""The key pool: turns, rests, deaths."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.harness.keys import COOLDOWN, SHORTEST, KeyRing, fingerprint
from tests.support.length import long


def test_keys_take_turns() -> None:
    ring = KeyRing(["a", " b ", "", "a", "c"])
    assert len(ring) == 3
    assert [ring.select(0.0) for _ in range(5)] == ["a", "b", "c", "a", "b"]


@pytest.mark.parametrize("keys", [[], ["", "  "]], ids=repr)
def test_a_pool_needs_a_key(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one non-empty key"):
        KeyRing(keys)


@pytest.mark.parametrize(
    ("seconds", "until"), [(None, COOLDOWN), (5.0, 5.0), (0.0, SHORTEST)], ids=["unsaid", "said", "at once"]
)
def test_a_rate_limited_key_rests(seconds: float | None, until: float) -> None:
    """For as long as the provider says, and never not at all."""
    ring = KeyRing(["a", "b"])
    ring.rate_limited("a", 100.0, seconds)
    assert [ring.select(100.0), ring.select(100.0 + until - 0.01)] == ["b", "b"]
    assert ring.living(100.0 + until) == 2
    assert {ring.select(100.0 + until), ring.select(100.0 + until)} == {"a", "b"}


def test_many_429s_of_one_key_rest_that_key_alone() -> None:
    ring = KeyRing(["a", "b", "c"])
    for _ in range(10):
        ring.rate_limited("a", 0.0)
    assert ring.living(0.0) == 2


def test_a_longer_rest_is_not_shortened() -> None:
    ring = KeyRing(["a", "b"])
    ring.rate_limited("a", 0.0, 50.0)
    ring.rate_limited("a", 1.0, 2.0)
    assert ring.living(49.0) == 1


def test_with_all_resting_the_first_to_wake_is_handed_out() -> None:
    ring = KeyRing(["a", "b"])
    ring.rate_limited("a", 0.0, 20.0)
    ring.rate_limited("b", 0.0, 10.0)
    assert ring.select(1.0) == "b"


def test_a_refused_key_is_dead_until_it_is_revived() -> None:
    ring = KeyRing(["a", "b"])
    ring.refused("a", 0.0)
    ring.rate_limited("a", 0.0)
    assert [ring.select(1e9), ring.select(1e9), ring.dead] == ["b", "b", 1]
    ring.revive("a")
    ring.revive("b")
    assert {ring.select(1e9), ring.select(1e9)} == {"a", "b"}


def test_a_resting_key_may_be_refused() -> None:
    ring = KeyRing(["a"])
    ring.rate_limited("a", 0.0)
    ring.refused("a", 1.0)
    assert (ring.select(1e9), ring.dead) == (None, 1)


def test_dead_keys_may_be_tried_again_after_a_while() -> None:
    ring = KeyRing(["a"], revive_after=30.0)
    ring.refused("a", 0.0)
    assert (ring.select(29.0), ring.select(30.0)) == (None, "a")


def test_keys_of_others_are_left_alone() -> None:
    ring = KeyRing(["a"])
    ring.rate_limited("x", 0.0)
    ring.refused("x", 0.0)
    ring.revive("x")
    assert ring.select(0.0) == "a"


def test_a_key_is_shown_by_its_fingerprint() -> None:
    """The last 8 hex digits of its SHA-256."""
    assert fingerprint("sk-test-key-openai-1234567890") == "5ed0d833"


EVENTS = st.lists(
    st.tuples(st.sampled_from(["429", "401", "pass"]), st.integers(0, 3), st.floats(0, 100)), max_size=50
)


@settings(max_examples=long(150, 50), deadline=None)
@given(EVENTS)
def test_no_dead_key_is_handed_out_and_every_other_comes_back(events: list[tuple[str, int, float]]) -> None:
    """Whatever happens to them, and in which order."""
    keys = ["a", "b", "c", "d"]
    ring, dead, now = KeyRing(keys), set(), 0.0
    for event, index, seconds in events:
        key = keys[index]
        if event == "429":
            ring.rate_limited(key, now, seconds)
        elif event == "401":
            ring.refused(key, now)
            dead.add(key)
        else:
            now += seconds
        given = ring.select(now)
        assert given not in dead
        assert (given is None) == (len(dead) == 4)
    assert {ring.select(now + 200) for _ in range(8)} - {None} == set(keys) - dead
