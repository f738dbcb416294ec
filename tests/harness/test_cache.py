"""The cache: bounded by entries and bytes, forgetful in time, and a store of text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.core.step import run_sync
from muxi_llm.harness.cache import OVERHEAD, Caches, Hit, MemoryTier, TwoTierCache
from muxi_llm.transport.scripted import Scripted
from tests.support.length import long


def text_of(tier: MemoryTier, key: str, now: float) -> str | None:
    entry = tier.find(key, now)
    return None if entry is None else entry.text


def test_what_is_kept_is_found_until_its_time_runs_out() -> None:
    tier = MemoryTier()
    tier.keep("k", "v", 10.0)
    assert [text_of(tier, "k", 9.9), text_of(tier, "k", 10.0), len(tier), tier.size] == ["v", None, 0, 0]


def test_the_least_recently_used_goes_first() -> None:
    tier = MemoryTier(max_items=2)
    for key in "abc":
        tier.keep(key, key, 1.0)
        tier.find("a", 0.0)
    assert [text_of(tier, key, 0.0) for key in "abc"] == ["a", None, "c"]


def test_bytes_are_bounded_as_well() -> None:
    """An entry too large for the whole tier pushes nothing out but what was under its key."""
    tier = MemoryTier(max_bytes=2 * (OVERHEAD + 11))
    for key in "abc":
        tier.keep(key, "0123456789", 1.0)
    assert [text_of(tier, key, 0.0) for key in "abc"] == [None, "0123456789", "0123456789"]
    tier.keep("c", "x" * 10_000, 1.0)
    assert [text_of(tier, key, 0.0) for key in "bc"] == ["0123456789", None]


def test_clear() -> None:
    tier = MemoryTier()
    tier.keep("k", "v", 1.0)
    tier.clear()
    assert (text_of(tier, "k", 0.0), tier.size) == (None, 0)


@pytest.mark.parametrize("bounds", [(0, 1), (1, 0)], ids=repr)
def test_room_for_nothing(bounds: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="room for one entry"):
        MemoryTier(*bounds)


@settings(max_examples=long(100, 33), deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.text(max_size=300), st.integers(0, 5)), max_size=60))
def test_the_tier_is_a_dict_that_forgets(writes: list[tuple[str, str, int]]) -> None:
    """Whatever is found is what was last kept, and the bounds hold after every write."""
    tier, last, now = MemoryTier(max_items=4, max_bytes=2000), {}, 0.0
    for key, text, seconds in writes:
        tier.keep(key, text, now + seconds)
        last[key] = (text, now + seconds)
        now += 1
        assert len(tier) <= 4
        assert 0 <= tier.size <= 2000
        for name in "abcdef":
            found = text_of(tier, name, now)
            assert found is None or (found == last[name][0] and now < last[name][1])


def test_two_tiers_without_redis_are_one() -> None:
    cache = TwoTierCache("redis-or-memory", ttl=5.0)
    io = Scripted()
    assert run_sync(cache.find(io, "k")) is None
    cache.keep("k", "v", io.now())
    cache.keep("short", "v", io.now(), ttl=1.0)
    run_sync(io.sleep(2))
    assert run_sync(cache.find(io, "k")) == Hit("v", "l1")
    assert run_sync(cache.find(io, "short")) is None
    cache.close()


def test_strategies() -> None:
    with pytest.raises(ValueError, match="must be one of memory, redis, redis-or-memory, not 'disk'"):
        TwoTierCache("disk")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="redis_url"):
        TwoTierCache("redis")


def test_a_cache_for_each_strategy_over_one_memory() -> None:
    """The default where a call says nothing, none where it says so."""
    caches = Caches("memory", MemoryTier())
    memory, other = caches.of("memory"), caches.of("redis-or-memory")
    assert memory is not None
    assert other is not None
    assert memory is caches.of(None)
    assert memory.memory is other.memory
    assert caches.of(False) is None
    assert Caches(None, MemoryTier()).of(None) is None
