"""Which of two revisions is older, and what may not be served again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.presets.errors import ReleaseError
from muxi_llm.presets.freshness import Floor, Mark, is_older, moment


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("r9", "r10"),
        ("a", "a1"),
        ("1.2", "1.10"),
        ("rev-2", "rev-2-hotfix"),
        ("2026-05-13T235959Z", "2026-05-14T000000Z"),
        ("2026-05-14T00-00-00Z_ab12cd34", "2026-05-14T000000Z"),  # forms do not mix
        ("9", "a"),
    ],
)
def test_which_is_older(older: str, newer: str) -> None:
    assert is_older(older, newer)
    assert not is_older(newer, older)


def test_leading_zeros_say_nothing() -> None:
    assert not is_older("r09", "r9")
    assert not is_older("r9", "r09")


@given(*[st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,20}", fullmatch=True)] * 3)
def test_it_is_an_order(one: str, two: str, three: str) -> None:
    assert not (is_older(one, two) and is_older(two, one))
    if is_older(one, two) and is_older(two, three):
        assert is_older(one, three)


NOW = Mark("r5", "2026-05-14T00:00:00.000Z", "aa")


@pytest.mark.parametrize(
    ("floor", "code"),
    [
        (Floor(), None),
        (Floor("r5", "2026-05-14T00:00:00Z", NOW), None),
        (Floor(mark=Mark("r4", "2027-01-01T00:00:00Z", "bb")), None),
        (Floor("r6"), "revision-rollback"),
        (Floor(minimum_published_at="2026-05-14T00:00:00.001Z"), "published-at-rollback"),
        (Floor(minimum_published_at="2026-05-14T02:00:00+02:00"), None),
        (Floor(minimum_published_at="2026-05-14"), None),  # without a zone: UTC's
        (Floor(minimum_published_at="soon"), "freshness-invalid"),
        (Floor(mark=Mark("r6", "2026-05-14T00:00:00Z", "bb")), "watermark-rollback"),
        (Floor(mark=Mark("r5", "2026-05-14T00:00:00Z", "bb")), "watermark-equivocation"),
        (Floor(mark=Mark("r05", "2026-05-14T00:00:00Z", "aa")), None),
    ],
)
def test_what_may_be_served(floor: Floor, code: str | None) -> None:
    if code is None:
        floor.check(NOW)
        return
    with pytest.raises(ReleaseError) as caught:
        floor.check(NOW)
    assert caught.value.code == code


def test_a_release_without_a_time_is_refused_where_one_is_asked_for() -> None:
    with pytest.raises(ReleaseError, match="not an ISO time"):
        Floor(minimum_published_at="2026-05-14").check(Mark("r", "never", ""))
    assert moment("2026-05-14T00:00:00Z").tzinfo is not None
