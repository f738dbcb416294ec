"""Periods of a calendar, in any zone and over every change of the clock; and rolling ones."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.errors import InvalidRequestError
from muxi_llm.governance.windows import Window, frees_at, span, window_of

ZONES = (
    *("", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo"),
    *("America/Sao_Paulo", "Pacific/Apia", "Asia/Kolkata", "America/St_Johns", "Asia/Beirut"),
)
"""Among them those whose clock changes at midnight, by half an hour, or by a whole day."""


def at(text: str, zone: str = "UTC", fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


@given(
    kind=st.sampled_from(["hour", "day", "week", "month"]),
    zone=st.sampled_from(ZONES),
    first=st.integers(0, 6),
    when=st.floats(at("1990-01-01"), at("2037-12-31"), allow_nan=False),
)
def test_periods_follow_each_other_without_a_gap(kind: str, zone: str, first: int, when: float) -> None:
    window = Window(kind, 0, zone, first)
    one = span(window, when)
    assert one.start <= when < one.end
    assert one.oldest == one.start
    assert span(window, one.start) == one
    assert span(window, one.end).start == one.end
    assert span(window, one.start - 0.5).end == one.start


@given(
    seconds=st.integers(1, 90 * 86400),
    when=st.floats(0, 2e9, allow_nan=False),
    later=st.floats(0, 100 * 86400, allow_nan=False),
)
def test_what_was_spent_counts_for_the_whole_of_a_rolling_window(
    seconds: int, when: float, later: float
) -> None:
    window = Window("rolling", seconds)
    spent_in = span(window, when).start
    counts = span(window, when + later).oldest <= spent_in
    if later < seconds:
        assert counts
    if later >= seconds + 2 * window.grain:
        assert not counts
    frees = frees_at(window, spent_in)
    assert span(window, frees).oldest > spent_in
    assert span(window, frees - window.grain - 0.001).oldest <= spent_in


@pytest.mark.parametrize(
    ("window", "when", "start", "end"),
    [
        (Window("month"), at("2026-02-28T23:59:59"), at("2026-02-01"), at("2026-03-01")),
        (Window("month"), at("2028-02-29T12:00:00"), at("2028-02-01"), at("2028-03-01")),
        (Window("month"), at("2026-12-31T23:59:59"), at("2026-12-01"), at("2027-01-01")),
        (Window("week"), at("2026-12-01T10:00:00"), at("2026-11-30"), at("2026-12-07")),
        (Window("week", week_start=6), at("2026-12-01T10:00:00"), at("2026-11-29"), at("2026-12-06")),
        (
            Window("day", zone="Europe/Berlin"),  # 23 hours
            at("2026-03-29T12:00:00", "Europe/Berlin"),
            at("2026-03-28T23:00:00"),
            at("2026-03-29T22:00:00"),
        ),
        (
            Window("day", zone="Europe/Berlin"),  # 25 hours
            at("2026-10-25T12:00:00", "Europe/Berlin"),
            at("2026-10-24T22:00:00"),
            at("2026-10-25T23:00:00"),
        ),
        (
            Window("hour", zone="Europe/Berlin"),  # the second of two that are called two o'clock
            at("2026-10-25T02:30:00", "Europe/Berlin", fold=1),
            at("2026-10-25T01:00:00"),
            at("2026-10-25T02:00:00"),
        ),
        (
            Window("day", zone="Africa/Cairo"),  # which begins at one o'clock
            at("2026-04-24T12:00:00", "Africa/Cairo"),
            at("2026-04-23T22:00:00"),
            at("2026-04-24T21:00:00"),
        ),
        (
            Window("day", zone="Pacific/Apia"),  # the day after it was never there
            at("2011-12-29T12:00:00", "Pacific/Apia"),
            at("2011-12-29T10:00:00"),
            at("2011-12-30T10:00:00"),
        ),
        (Window("hour", zone="Asia/Kathmandu"), at("2026-01-01T00:20:00"), at("2026-01-01T00:15:00"), at("2026-01-01T01:15:00")),
        (Window("total"), 1e9, 0, float("inf")),
    ],
)  # fmt: skip
def test_edges(window: Window, when: float, start: float, end: float) -> None:
    assert (span(window, when).start, span(window, when).end) == (start, end)


@pytest.mark.parametrize(
    ("text", "window"),
    [
        ("month", Window("month")),
        ("30d", Window("rolling", 30 * 86400)),
        ("5h", Window("rolling", 5 * 3600)),
        ("90m", Window("rolling", 5400)),
    ],
)
def test_words(text: str, window: Window) -> None:
    assert window_of(text) == window


@pytest.mark.parametrize(
    ("given_", "field"),
    [
        (("fortnight",), "window"),
        (("0d",), "window"),
        (("",), "window"),
        (("day", "Europe"), "zone"),
        (("day", "../etc/passwd"), "zone"),
        (("day", "Mars/Olympus"), "zone"),
        (("week", "", 7), "week_start"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_field(given_: tuple[str, ...], field: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"^{field}: ") as caught:
        window_of(*given_)  # type: ignore[arg-type]
    assert caught.value.param == field
