"""Routes at work: what real attempts teach the router, over the scripted transport, through both drivers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from muxi_llm import errors
from muxi_llm.candidates import candidate_of
from muxi_llm.core.request import Request
from muxi_llm.errors import NotFoundError, RateLimitError
from muxi_llm.routes import Place, Routes
from muxi_llm.routing.deployments import Deployment, Needs
from muxi_llm.routing.router import Rules
from muxi_llm.runtime import Prepared
from muxi_llm.transport.scripted import Answer, Scripted

NEEDS = Needs(size=40, output=10)
CHAT = {"messages": [{"role": "user", "content": "hi"}]}


def answer(tokens: int = 12) -> Answer:
    choice = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": tokens - 2, "completion_tokens": 2, "total_tokens": tokens}
    return Answer(
        json={
            "id": "c1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], "usage": usage
        }
    )  # fmt: skip


def place(name: str, **given: Any) -> Place:
    candidate = candidate_of(f"openai/{name}", api_key="sk-1", base_url=f"http://{name}.test/v1")
    return Place(Deployment(name, f"openai/{name}", ("fast",), **given), candidate)


class World:
    """Routes with a clock of the test's own."""

    def __init__(self, *places: Place, **rules: Any) -> None:
        self.now = 1_000_040.0
        self.routes = Routes(places, Rules(**{"strategy": "in-order", **rules}), clock=lambda: self.now)

    def call(self, script: Scripted, needs: Needs = NEEDS) -> Any:
        request = Request("chat", CHAT, stream=needs.stream)
        return Prepared(request, self.routes.choose("fast", needs), "auto", script).run()

    def facts(self, name: str) -> Any:
        return self.routes.router.facts[name]


def test_an_answer_teaches_how_fast_and_how_many_tokens() -> None:
    world = World(place("a", tpm=1000))
    world.call(Scripted(answer(12)))
    facts = world.facts("a")
    assert (facts.in_flight, facts.requests(world.now), facts.tokens(world.now)) == (0, 1, 12)
    assert facts.latency is not None


def test_a_refusal_cools_the_deployment_and_the_next_one_answers() -> None:
    world = World(place("a"), place("b"))
    value = world.call(Scripted(Answer(status=429, headers={"retry-after": "9"}), answer()))
    assert value.muxi.model == "openai/b"
    assert world.facts("a").cooled_until == world.now + 9
    assert [one.ref.name for one in world.routes.choose("fast", NEEDS)] == ["b"]


def test_a_bad_request_says_nothing_of_the_deployment() -> None:
    world = World(place("a"))
    for _ in range(6):
        with pytest.raises(errors.BadRequestError):
            world.call(Scripted(Answer(status=400, json={"error": {"message": "no"}})))
    assert not world.facts("a").is_cooled(world.now)
    assert world.facts("a").in_flight == 0


def test_a_limit_reached_since_the_choice_is_kept_to() -> None:
    world = World(place("a", rpm=1), place("b"))
    first, second = (world.routes.choose("fast", NEEDS) for _ in range(2))
    answered = Counter(
        Prepared(Request("chat", CHAT), chosen, "auto", Scripted(answer())).run().muxi.model
        for chosen in (first, second)
    )
    assert answered == {"openai/a": 1, "openai/b": 1}


def test_all_at_their_limits_is_a_rate_limit_that_says_when() -> None:
    world = World(place("a", rpm=1))
    world.call(Scripted(answer()))
    with pytest.raises(RateLimitError) as caught:
        world.call(Scripted())
    assert caught.value.response.headers["retry-after"] == "40"
    assert caught.value.retry_after is not None
    world.now += caught.value.retry_after
    world.call(Scripted(answer()))


def test_a_model_nobody_has_is_not_found() -> None:
    with pytest.raises(NotFoundError, match="'slow' does not exist") as caught:
        World(place("a")).routes.choose("slow", NEEDS)
    assert caught.value.code == "model_not_found"


def test_what_nobody_can_do_is_a_bad_request_with_reasons() -> None:
    with pytest.raises(errors.InvalidRequestError, match="a: it sees no images"):
        World(place("a", vision=False)).routes.choose("fast", Needs(vision=True))
    with pytest.raises(errors.InvalidRequestError, match="name of a model"):
        World(place("a")).routes.choose(None, NEEDS)


def test_a_stream_is_under_way_until_its_end() -> None:
    world = World(place("a"))
    chunk = (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n'
    )
    done = b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,'
    done += b'"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    script = Scripted(Answer(chunks=[chunk, done], headers={"content-type": "text/event-stream"}))
    stream = world.call(script, Needs(stream=True))
    assert world.facts("a").in_flight == 1
    assert world.facts("a").first_token is not None
    list(stream)
    assert world.facts("a").in_flight == 0
    assert world.facts("a").success(world.now) == 1.0


def test_a_stream_that_is_left_is_no_longer_under_way() -> None:
    world = World(place("a"))
    chunk = (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n'
    )
    headers = {"content-type": "text/event-stream"}
    stream = world.call(Scripted(Answer(chunks=[chunk, chunk], headers=headers)), Needs(stream=True))
    stream.close()
    assert world.facts("a").in_flight == 0


def test_new_routes_go_on_where_the_old_ones_were() -> None:
    world = World(place("a"), place("b"))
    world.facts("a").failed(world.now, 401)
    again = Routes([place("a"), place("c")], Rules("in-order"), world.routes, clock=lambda: world.now)
    assert [one.ref.name for one in again.choose("fast", NEEDS)] == ["c"]
    assert again.lock is world.routes.lock


def test_a_stream_dropped_in_the_midst_of_a_choice_waits_for_no_lock() -> None:
    """A garbage collection may come anywhere, in the thread that has the lock too."""
    world = World(place("a"))
    chunk = (
        b'data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m",'
        b'"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}]}\n\n'
    )
    headers = {"content-type": "text/event-stream"}
    stream = world.call(Scripted(Answer(chunks=[chunk, chunk], headers=headers)), Needs(stream=True))
    with world.routes.lock:
        stream.abandon()
        assert world.facts("a").in_flight == 1
    world.routes.choose("fast", NEEDS)
    assert world.facts("a").in_flight == 0
