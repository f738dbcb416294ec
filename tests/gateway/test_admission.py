"""The three questions: asked in their order, once each, and what is answered is what happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from muxi_llm.gateway.admission import Anybody
from muxi_llm.types.admission import Asked, Grant, Principal, spent
from tests.gateway.test_app import HELLO
from tests.support import bodies
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.patience import until
from tests.support.upstream import Respond, Upstream
from tests.support.world import answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.gateway.settings.model import Settings
    from muxi_llm.gateway.told import Told

ASKED: dict[str, Any] = {"model": "m", "messages": HELLO, "prompt_cache_key": "run 7"}
SPENT = spent("the budget is spent", resets_at=3600, now=0)


class Noting(Anybody):
    """An admission that notes what it was asked, and answers as a test says."""

    def __init__(self) -> None:
        self.grant = Noted()
        self.refusal: MuxiLLMError | None = None
        self.questions: list[str] = []
        self.asked: list[Asked] = []
        self.settled: list[Told] = []

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        self.questions.append("who")
        return Principal("k1", team="t1")

    async def admit(self, principal: Principal, asked: Asked) -> Grant:
        self.questions.append(f"may {principal.team}")
        self.asked.append(asked)
        if self.refusal is not None:
            raise self.refusal
        return self.grant

    def settle(self, told: Told) -> None:
        self.questions.append("what")
        self.settled.append(told)


class Noted(Grant):
    def __init__(self) -> None:
        self.billed: list[int] = []
        self.refusal: MuxiLLMError | None = None

    async def again(self, billed: int) -> None:
        self.billed.append(billed)
        if self.refusal is not None:
            raise self.refusal


@pytest.fixture
def noting() -> Noting:
    return Noting()


@pytest.fixture
def two() -> Iterator[tuple[Upstream, Upstream]]:
    with Upstream(answer) as one, Upstream(answer) as other:
        yield one, other


def settings(one: Upstream, other: Upstream, **given: Any) -> Settings:
    return settings_of(
        (at(one, "", "one"), deployment("one/m", "m", "dear")),
        (at(other, "", "other"), deployment("other/m", "m", "cheap")),
        **given,
    )


def test_each_is_asked_once_and_in_their_order(two: Any, noting: Noting) -> None:
    with Served(settings(*two), noting) as served:
        assert httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED).status_code == 200
        until(lambda: noting.settled)
    assert noting.questions == ["who", "may t1", "what"]
    asked, told = noting.asked[0], noting.settled[0]
    assert (asked.path, asked.model, asked.session) == ("/chat/completions", "m", "run 7")
    assert asked.request_id == told.request_id
    assert [one.ref.provider for one in asked.chosen] == [one.ref.provider for one in told.chosen]
    assert [one.ref.provider for one in asked.choose("cheap")] == ["other"]
    assert told.report is not None
    assert told.report.usage["prompt_tokens"] > 0
    assert told.ended > told.began


def test_who_is_refused_is_refused_before_anything_is_sent_and_settles_nothing(
    two: Any, noting: Noting
) -> None:
    noting.refusal = SPENT
    with Served(settings(*two), noting) as served:
        reply = httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED)
    assert (reply.status_code, reply.headers["x-should-retry"]) == (429, "false")
    assert noting.questions == ["who", "may t1"]
    assert not any(each.requests for each in two)


def test_what_nobody_serves_is_not_asked_for(two: Any, noting: Noting) -> None:
    with Served(settings(*two), noting) as served:
        reply = httpx2.post(f"{served.url}/v1/chat/completions", json={**ASKED, "model": "none"})
    assert reply.status_code == 404
    assert noting.questions == ["who"]


def test_another_model_may_be_asked_instead(two: Any, noting: Noting) -> None:
    noting.grant.model = "cheap"
    noting.grant.headers = {"x-instead": "cheap"}
    with Served(settings(*two), noting) as served:
        for _ in range(3):
            reply = httpx2.post(f"{served.url}/v1/chat/completions", json={**ASKED, "model": "dear"})
            assert (reply.status_code, reply.headers["x-instead"]) == (200, "cheap")
    assert [len(each.requests) for each in two] == [0, 3]
    assert {told.model for told in noting.settled} == {"dear"}


def test_what_a_client_has_left_stands_in_the_place_of_what_the_gateway_has(noting: Noting) -> None:
    noting.grant.headers = {"x-ratelimit-remaining-requests": "3"}
    limited = Respond(json=bodies.chat(), headers={"x-ratelimit-remaining-requests": "9999"})
    with Upstream(lambda _: limited) as one, Served(settings(one, one), noting) as served:
        reply = httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED)
    assert reply.headers.get_list("x-ratelimit-remaining-requests") == ["3"]


def test_a_provider_may_be_left_out(two: Any, noting: Noting) -> None:
    noting.grant.without = frozenset({"other"})
    with Served(settings(*two), noting) as served:
        for _ in range(5):
            httpx2.post(f"{served.url}/v1/messages", json={**ASKED, "max_tokens": 5})
    assert [len(each.requests) for each in two] == [5, 0]


CUT = Respond(body=b'{"id": "c", "choices": [', headers={"content-type": "application/json"})


def test_what_may_have_cost_is_asked_for_again(two: Any, noting: Noting) -> None:
    """A server's refusal costs nothing; an answer that was none may."""
    one, other = two
    for each in two:
        each.script += [Respond(500, json=bodies.error()), CUT]
    with Served(settings(*two, retries=1), noting) as served:
        served_status = httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED).status_code
        until(lambda: noting.settled)
    assert served_status == 502
    assert len(one.requests) + len(other.requests) == 4
    assert noting.grant.billed == [1, 1]


def test_who_may_not_go_on_is_told_why_and_nothing_more_is_sent(two: Any, noting: Noting) -> None:
    noting.grant.refusal = SPENT
    for each in two:
        each.script += [CUT, CUT]
    with Served(settings(*two, retries=3), noting) as served:
        reply = httpx2.post(f"{served.url}/v1/chat/completions", json=ASKED)
        until(lambda: noting.settled)
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "insufficient_quota")
    assert reply.headers["x-should-retry"] == "false"
    assert sum(len(each.requests) for each in two) == 1
    assert noting.questions == ["who", "may t1", "what"]


def test_a_client_that_left_is_settled_too(noting: Noting) -> None:
    stream = Respond(
        chunks=[*bodies.chat_stream("a", done=False), 20.0], headers={"content-type": "text/event-stream"}
    )
    with (
        Upstream(lambda _: stream) as upstream,
        Served(settings(upstream, upstream), noting) as served,
        httpx2.stream("POST", f"{served.url}/v1/chat/completions", json={**ASKED, "stream": True}) as reply,
    ):
        next(reply.iter_bytes())
        reply.close()
        until(lambda: noting.settled)
    assert noting.settled[0].gone
