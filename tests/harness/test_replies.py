"""What makes a call another one, and what is kept of an answer."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.core.request import Candidate, Limits, ModelRef, Request
from muxi_llm.harness.cache import TwoTierCache
from muxi_llm.harness.replies import Replies, request_key
from muxi_llm.models import RawValue, Report
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.transport.scripted import Scripted


def key(provider: OpenAIProvider, tenant: str = "", **wanted: Any) -> str:
    return request_key(Request("chat", {}, **wanted), Candidate(ModelRef("openai", "m"), provider), tenant)


@pytest.mark.parametrize(
    ("headers", "is_same"),
    [
        ({"x-customer": "a"}, False),
        ({"OpenAI-Project": "p"}, False),
        ({"anthropic-version": "2023-06-01"}, False),
        ({"Authorization": "Bearer sk-2"}, False),
        ({"x-stainless-lang": "python", "user-agent": "x"}, True),
        ({"idempotency-key": "1", "traceparent": "00-1-2-01", "x-client-request-id": "1"}, True),
    ],
    ids=["one's own", "a project", "a version", "whose", "with what", "which call it is"],
)
def test_headers_that_make_a_call_another(headers: dict[str, str], *, is_same: bool) -> None:
    """All but those that say with what program somebody calls, and which call it is."""
    assert (key(OpenAIProvider(headers=headers)) == key(OpenAIProvider())) == is_same


@pytest.mark.parametrize(
    ("setting", "is_same"),
    [("api_version", False), ("project_id", False), ("session_token", True), ("ad_token_provider", True)],
)
def test_settings_that_make_a_call_another(setting: str, *, is_same: bool) -> None:
    """All of them, but with a tenant named no credentials."""
    provider = OpenAIProvider(settings={setting: "x"})
    assert key(provider) != key(OpenAIProvider())
    assert (key(provider, tenant="t") == key(OpenAIProvider(), tenant="t")) == is_same


def test_media_are_fetched_or_not() -> None:
    """Where they are not they may be left out, and the answer is another."""
    assert key(OpenAIProvider()) != key(OpenAIProvider(), fetch=lambda *_: None)


def test_calls_that_may_take_longer_share_no_flight() -> None:
    """But share what is kept."""
    replies = Replies()
    flights = {
        replies.flight_key(Request("chat", {}, limits=limits), [], "k")
        for limits in (Limits(), Limits(timeout=1.0), Limits(deadline=1.0), Limits(retries=1), Limits())
    }
    assert len(flights) == 4


def test_a_stream_of_nothing_is_not_kept() -> None:
    assert Replies().written([], Report("m", (), (), 0.0)) is None


def test_what_is_no_text_is_not_kept() -> None:
    """And breaks nothing."""
    cache = TwoTierCache()
    Replies().learn(cache, "k", RawValue(b"\xff"), Report("m", (), (), 0.0), Scripted())
    assert len(cache.memory) == 0


@pytest.mark.parametrize(
    ("endpoint", "merges"),
    [("chat", True), ("rerank", True), ("moderation", True), ("image", False), ("file.create", False)],
)
def test_what_is_made_anew_each_time_is_neither_kept_nor_shared(endpoint: Any, merges: bool) -> None:
    """Two callers who ask for an image want two."""
    replies = Replies(TwoTierCache())
    request = Request(endpoint, {"prompt": "a dot"})
    assert replies.is_mergeable(request) is merges
    assert (replies.cache_of(request, []) is not None) is (endpoint == "chat")
