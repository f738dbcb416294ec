"""Answers and errors go through queues, caches and copies, and still tell of their call."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import openai
import pytest
from pydantic import BaseModel

import muxi_llm
from muxi_llm import ChatCompletion, Completion, Embedding
from muxi_llm.transport.scripted import Answer, Scripted
from tests.support.bodies import HELLO, chat
from tests.support.upstream import Respond, Upstream


class Person(BaseModel):
    name: str


ADA = '{"name": "Ada"}'
COPIES: dict[str, Callable[[Any], Any]] = {
    "pickle": lambda value: pickle.loads(pickle.dumps(value)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy in something": lambda value: copy.deepcopy([value])[0],
    "model_copy": lambda value: value.model_copy(),
    "model_copy deep": lambda value: value.model_copy(deep=True),
}
TEXT = {
    "id": "1",
    "object": "text_completion",
    "created": 0,
    "model": "m",
    "choices": [{"index": 0, "text": "a", "finish_reason": "stop", "logprobs": None}],
}
VECTORS = {
    "object": "list",
    "model": "e",
    "data": [{"object": "embedding", "index": 0, "embedding": [1.0]}],
    "usage": {"prompt_tokens": 1, "total_tokens": 1},
}
FACES: dict[str, tuple[Callable[[], Any], Any]] = {
    "chat": (lambda: ChatCompletion.create("openai/m", HELLO), chat()),
    "parsed": (lambda: ChatCompletion.create("openai/m", HELLO, response_format=Person), chat(ADA)),
    "completion": (lambda: Completion.create("openai/m", "Once"), TEXT),
    "embedding": (lambda: Embedding.create("openai/e", "x"), VECTORS),
}


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("face", FACES)
def test_values_of_the_faces(face: str, how: str) -> None:
    ask, body = FACES[face]
    with muxi_llm.runtime.using(Scripted(Answer(json=body))):
        value = ask()
    again = COPIES[how](value)
    assert again == value
    assert again.model_dump() == value.model_dump()
    assert again.muxi == value.muxi


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("call", ["create", "parse", "responses", "responses.parse"])
def test_values_of_the_clients(call: str, how: str, server: Upstream) -> None:
    client = muxi_llm.OpenAI(api_key="k", base_url=f"{server.url}/v1")
    server.script = [Respond(json=chat(ADA))] if call in {"create", "parse"} else []
    calls: dict[str, Callable[[], Any]] = {
        "create": lambda: client.chat.completions.create(model="m", messages=HELLO),
        "parse": lambda: client.chat.completions.parse(model="m", messages=HELLO, response_format=Person),
        "responses": lambda: client.responses.create(model="m", input="x"),
        "responses.parse": lambda: client.responses.parse(model="m", input="x", text_format=Person),
    }
    with client:
        value = calls[call]()
    again = COPIES[how](value)
    assert again == value
    assert again.muxi.model == value.muxi.model
    if call == "parse":
        assert again.choices[0].message.parsed == Person(name="Ada")


MESSAGE = {"max_tokens": 9, "messages": HELLO}


@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("model", ["claude-new", "groq/llama"])
@pytest.mark.parametrize("beta", [False, True])
def test_anthropics_messages(beta: bool, model: str, how: str, world: Upstream) -> None:
    with muxi_llm.Anthropic() as client:
        messages = client.beta.messages if beta else client.messages
        value = messages.create(model=model, **MESSAGE)
        with messages.stream(model=model, **MESSAGE) as stream:
            streamed = stream.get_final_message()
    for one in (value, streamed):
        again = COPIES[how](one)
        assert (again, again.muxi) == (one, one.muxi)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("how", ["pickle", "copy", "deepcopy"])
@pytest.mark.parametrize("fallbacks", [[], ["groq/llama"]])
def test_errors(how: str, fallbacks: list[str]) -> None:
    refused = Answer(
        status=429,
        json={"error": {"message": "slow", "code": "rate_limit_exceeded"}},
        headers={"x-request-id": "r1"},
    )
    with muxi_llm.runtime.using(Scripted(refused, refused)), pytest.raises(openai.RateLimitError) as caught:
        ChatCompletion.create("openai/m", HELLO, retries=0, fallback_models=fallbacks)
    again = COPIES[how](caught.value)
    assert isinstance(again, openai.RateLimitError)
    assert isinstance(again, muxi_llm.FallbackExhaustedError) == bool(fallbacks)
    assert (again.status_code, again.code, again.request_id) == (429, "rate_limit_exceeded", "r1")
    assert [attempt.model for attempt in again.attempts] == ["openai/m", *fallbacks]
    assert str(again) == str(caught.value)


@pytest.mark.usefixtures("keys")
def test_an_answers_report_with_errors_in_it_is_copied_too() -> None:
    """After a retry the report holds the error of the first attempt."""
    with muxi_llm.runtime.using(Scripted(Answer(status=500), Answer(json=chat()))):
        value = ChatCompletion.create("openai/m", HELLO, retries=1)
    again = pickle.loads(pickle.dumps(value))
    assert [attempt.status for attempt in again.muxi.attempts] == [500, None]
