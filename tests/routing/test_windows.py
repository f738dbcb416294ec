"""Windows: never more than the limit within any span of that length, and never starved."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.routing.deployments import Window
from muxi_llm.routing.windows import Count

SECONDS = st.lists(st.floats(0, 900), min_size=1, max_size=60)


@given(st.integers(1, 8), st.sampled_from([60, 300, 3600]), SECONDS)
def test_no_span_of_that_length_has_more(limit: int, seconds: int, gaps: list[float]) -> None:
    count, now, taken = Count(Window(limit, seconds)), 1_000_000.0, list[float]()
    for gap in gaps:
        now += gap
        if count.left(now):
            assert count.wait(now) == 0.0
            count.take(now)
            taken.append(now)
            assert sum(1 for then in taken if then > now - seconds) <= limit
        else:
            assert 0 < count.wait(now) <= seconds * 61 / 60


@given(st.integers(1, 8), SECONDS)
def test_after_the_wait_there_is_room(limit: int, gaps: list[float]) -> None:
    count, now = Count(Window(limit, 3600)), 1_000_000.0
    for gap in gaps:
        now += gap
        now += count.wait(now) + 1e-6
        assert count.left(now)
        count.take(now)


@given(SECONDS)
def test_what_is_kept_is_what_was_seen(gaps: list[float]) -> None:
    window, now = Window(1000, 3600), 1_000_000.0
    count = Count(window)
    for gap in gaps:
        now += gap
        count.take(now)
    again = Count(window, count.parts())
    assert again.left(now) == count.left(now)
    assert again.left(now + 1800) == count.left(now + 1800)
    assert again.parts() == count.parts()


def test_a_clock_put_back_gives_nothing_back() -> None:
    count = Count(Window(2, 60))
    count.take(1000.0)
    count.take(400.0)
    assert not count.left(1000.0)
    assert not count.left(400.0)
