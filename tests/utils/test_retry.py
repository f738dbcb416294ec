"""When to try again, and how long to wait first."""

from __future__ import annotations

import email.utils
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.utils.retry import (
    BACKOFF_CAP,
    RETRY_AFTER_CAP,
    backoff_seconds,
    is_retryable_status,
    retry_after_seconds,
)
from tests.support.length import long

NOW = 1_800_000_000.0


def date(seconds: float) -> str:
    return email.utils.formatdate(NOW + seconds, usegmt=True)


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 501, 502, 503, 504, 524, 529, 599])
def test_retryable_statuses(status):
    assert is_retryable_status(status)


@pytest.mark.parametrize(
    "status", [200, 301, 400, 401, 402, 403, 404, 405, 410, 413, 418, 422, 424, 451, 499, 600]
)
def test_other_statuses(status):
    assert not is_retryable_status(status)


def test_the_caps():
    assert (BACKOFF_CAP, RETRY_AFTER_CAP) == (8.0, 60.0)


@settings(max_examples=long(200, 66), deadline=None)
@given(st.integers(1, 1000), st.floats(0, 100))
def test_the_backoff_is_full_jitter_below_a_doubling_bound(retry, base):
    """Anywhere from nothing to base x 2^(retry - 1), and never above the cap."""
    assert 0 <= backoff_seconds(retry, base) <= min(BACKOFF_CAP, base * 2.0 ** (retry - 1))


def test_the_backoff_is_spread():
    """Jitter: clients that failed together do not come back together."""
    pauses = [backoff_seconds(5, 0.5) for _ in range(200)]
    assert max(pauses) > 6
    assert min(pauses) < 2


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": " 3 "}, 3.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "-inf"}, None),
        ({"retry-after": "1e999"}, None),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "-5"}, 0.0),
        ({"retry-after-ms": "250", "retry-after": "3"}, 0.25),
        ({"retry-after-ms": "x", "retry-after": "3"}, 3.0),
        ({"retry-after": date(9)}, 9.0),
        ({"retry-after": date(-9)}, 0.0),
        ({"retry-after": date(109), "date": date(100)}, 9.0),
        ({"retry-after": date(9), "date": "yesterday"}, 9.0),
        ({"retry-after": "Fri, 99 Foo 2027 00:00:00 GMT"}, None),
        ({"date": date(0)}, None),
    ],
    ids=str,
)
def test_retry_after(headers, seconds):
    assert retry_after_seconds(headers, NOW) == seconds


def test_a_date_without_a_zone_is_gmt(monkeypatch):
    """Whatever zone this machine is in."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        for zone in ("", " -0000"):
            assert retry_after_seconds({"retry-after": date(9).removesuffix(" GMT") + zone}, NOW) == 9.0
    finally:
        monkeypatch.undo()
        time.tzset()


@settings(max_examples=long(300, 100), deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["retry-after", "retry-after-ms", "date"]),
        st.text() | st.from_regex(r"\A\w{3}, \d{1,2} \w{3} \d{1,5} \d\d:\d\d:\d\d( GMT| [+-]\d{4})?\Z"),
    )
)
def test_no_header_breaks_it(headers):
    """Anything a server may send is a pause or none, never an exception."""
    seconds = retry_after_seconds(headers, NOW)
    assert seconds is None or 0 <= seconds < float("inf")
