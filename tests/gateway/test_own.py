"""What the gateway answers by itself."""

from __future__ import annotations

from typing import Any

import anthropic
import httpx2
import openai
import pytest

from muxi_llm.gateway.settings.model import Limits, Server
from muxi_llm.kept.store import hold_at_most
from muxi_llm.routing.router import Rules
from tests.support import bodies
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.upstream import Respond, Upstream

HELLO: Any = [{"role": "user", "content": "Hello"}]


def test_models_are_listed_for_every_kind_of_client() -> None:
    with Upstream() as upstream:
        provider = at(upstream, "openai")
        small = deployment("openai/gpt-4o-mini", context=128000, vision=False)
        settings = settings_of(
            (provider, small), (provider, deployment("openai/any", "*", price=(1e-6, 2e-6)))
        )
        with Served(settings) as served:
            listed = served.openai.models.list()
            assert [one.id for one in listed] == ["gpt-4o-mini", "any"]
            claudes = served.anthropic.models.list(limit=1000)
            assert [one.display_name for one in claudes] == ["gpt-4o-mini", "any"]
            whole = httpx2.get(f"{served.url}/v1/models").json()
            assert isinstance(whole["models"], list)
            assert whole["data"][0]["context_window"] == 128000
            assert whole["data"][0]["capabilities"] == ["tools", "schema", "thinking"]
            assert whole["data"][0]["pricing"] == {"input": 0.15, "output": 0.6}
            assert whole["data"][1]["pricing"] == {"input": 1.0, "output": 2.0}
            one = served.openai.models.retrieve("any")
            assert one.owned_by == "openai"


def test_a_model_is_there_by_every_name_that_is_served() -> None:
    """By a pattern's too; a name with a slash in it as clients write it."""
    with Upstream() as upstream:
        provider = at(upstream, "openai")
        listed = deployment("openai/gpt-4o-mini", "small", "openai/gpt-4o-mini", "gpt-*", context=128000)
        with Served(settings_of((provider, listed))) as served:
            for name in ("small", "openai/gpt-4o-mini", "gpt-of-tomorrow"):
                one = served.openai.models.retrieve(name)
                assert (one.id, one.model_extra and one.model_extra["context_window"]) == (name, 128000)
                assert served.anthropic.models.retrieve(name).id == name
            with pytest.raises(openai.NotFoundError, match="'none' does not exist"):
                served.openai.models.retrieve("none")
    assert not upstream.requests


def test_tokens_are_counted_without_asking_anybody() -> None:
    with (
        Upstream() as upstream,
        Served(settings_of((at(upstream, "openai"), deployment("openai/m")))) as served,
    ):
        client = served.anthropic
        few = client.messages.count_tokens(model="m", messages=HELLO)
        many = client.messages.count_tokens(model="m", messages=[{"role": "user", "content": "Hello " * 50}])
        assert 0 < few.input_tokens < many.input_tokens
        with pytest.raises(anthropic.BadRequestError):
            client.messages.count_tokens(model="m", messages=[])
    assert not upstream.requests


def test_responses_are_kept_for_providers_that_keep_none() -> None:
    with (
        Upstream(lambda _: Respond(json=bodies.chat("Hi"))) as upstream,
        Served(settings_of((at(upstream, ""), deployment("own/m")))) as served,
    ):
        client = served.openai
        first = client.responses.create(model="m", input="Hello")
        assert client.responses.retrieve(first.id).output_text == "Hi"
        assert len(client.responses.input_items.list(first.id).data) == 1
        client.responses.create(model="m", input="And?", previous_response_id=first.id)
        assert [turn["role"] for turn in upstream.requests[1].json["messages"]] == [
            "user",
            "assistant",
            "user",
        ]
        client.responses.delete(first.id)
        for missing in (first.id, "resp_of_somebody_else"):
            with pytest.raises(openai.NotFoundError):
                client.responses.retrieve(missing)


def test_how_much_is_kept_of_responses_is_a_setting() -> None:
    server = Server(limits=Limits(responses=0))
    try:
        with (
            Upstream(lambda _: Respond(json=bodies.chat("Hi"))) as upstream,
            Served(settings_of((at(upstream, ""), deployment("own/m")), server=server)) as served,
        ):
            said = served.openai.responses.create(model="m", input="Hello")
            with pytest.raises(openai.NotFoundError):
                served.openai.responses.retrieve(said.id)
    finally:
        hold_at_most(Limits().responses)


def test_a_response_is_nobodys_but_whose_it_is() -> None:
    """By its id, whoever may have heard of it, another token neither reads it, goes on from it nor deletes it."""
    with (
        Upstream(lambda _: Respond(json=bodies.chat("Hi"))) as upstream,
        Served(settings_of((at(upstream, ""), deployment("own/m")), tokens={"a": "t", "b": "u"})) as served,
        openai.OpenAI(api_key="u", base_url=f"{served.url}/v1", max_retries=0) as other,
    ):
        mine = served.openai.responses
        first = mine.create(model="m", input="Hello")
        item = {"type": "item_reference", "id": first.output[0].id}
        for crossing in (
            lambda: other.responses.retrieve(first.id),
            lambda: other.responses.delete(first.id),
            lambda: other.responses.input_items.list(first.id),
            lambda: other.responses.create(model="m", input="And?", previous_response_id=first.id),
            lambda: other.responses.create(model="m", input=[item]),
        ):
            with pytest.raises(openai.APIStatusError, match="not found"):
                crossing()
        mine.create(model="m", input="And?", previous_response_id=first.id)
        assert mine.retrieve(first.id).output_text == "Hi"
    assert len(upstream.requests) == 2


def test_explain_says_where_and_why_not_elsewhere() -> None:
    with Upstream() as upstream:
        provider = at(upstream, "openai")
        blind = deployment("openai/blind", "m", vision=False)
        settings = settings_of(
            (provider, blind), (provider, deployment("openai/seeing", "m")), rules=Rules("in-order")
        )
        with Served(settings) as served:
            url = f"{served.url}/control/explain"
            image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
            asked = {"model": "m", "messages": [{"role": "user", "content": [image]}]}
            told = httpx2.post(url, json=asked).json()
            assert told["needs"] == ["vision"]
            assert told["chosen"] == [{"deployment": "openai/seeing", "model": "openai/seeing"}]
            assert told["refused"] == [
                {"deployment": "openai/blind", "why": "it sees no images", "seconds": None}
            ]
            assert httpx2.post(url, json={}).status_code == 400
            assert httpx2.post(url, content=b"no").status_code == 400
    assert not upstream.requests


def test_what_it_answers_itself_is_for_those_who_may() -> None:
    with Upstream() as upstream:
        settings = settings_of((at(upstream, "openai"), deployment("openai/m")), tokens={"app": "s3cret"})
        with Served(settings) as served:
            for method, path in (("GET", "/v1/models"), ("POST", "/control/explain"), ("GET", "/v1/none")):
                assert httpx2.request(method, served.url + path).status_code == 401
            assert httpx2.get(f"{served.url}/v1/models", headers={"x-api-key": "s3cret"}).status_code == 200
            assert httpx2.get(f"{served.url}/health/ready").status_code == 200
