"""Cohere as a provider: where, by which key, and what a caller's request and its errors become."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from pydantic import BaseModel

from muxi_llm import ChatCompletion, Completion, Embedding
from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.providers import registry
from muxi_llm.providers.cohere import CohereProvider
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger
from tests.support.bodies import HELLO
from tests.support.cohere import call, called, end, said, sse, start, told, tool
from tests.support.upstream import Respond

pytestmark = [
    pytest.mark.usefixtures("keys"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

MODEL = "cohere/command-a-03-2025"
EMBEDDED = {"id": "e", "embeddings": {"float": [[0.5]]}, "meta": {"billed_units": {"input_tokens": 2}}}


def ask(driver: Any, *answers: Answer, face: Any = ChatCompletion, **params: Any) -> Any:
    """A call of a face: its value (or exception) and the script."""
    wanted = {"model": MODEL, **({"messages": HELLO} if face is ChatCompletion else {}), **params}
    return driver.scripted(face, *(answers or (Answer(json=said("Hi")),)), **wanted)


# ----------------------------------------------------------------------------------- where and who


@pytest.mark.parametrize(
    ("base_url", "url"),
    [
        (None, "https://api.cohere.com/v2/chat"),
        ("https://proxy.example.com/cohere", "https://proxy.example.com/cohere/v2/chat"),
        ("https://api.cohere.com/v2/", "https://api.cohere.com/v2/chat"),
        ("https://api.cohere.ai/compatibility/v1", "https://api.cohere.ai/v2/chat"),
    ],
)
def test_where(driver, base_url, url):
    """With a version or without: people write both."""
    _, script = ask(driver, base_url=base_url)
    assert script.calls[0].url == url


@pytest.mark.parametrize("variable", ["CO_API_KEY", "COHERE_API_KEY"])
def test_by_which_key(driver, monkeypatch, variable):
    monkeypatch.delenv("COHERE_API_KEY")
    monkeypatch.setenv(variable, "co-key")
    _, script = ask(driver)
    assert script.calls[0].headers["authorization"] == "Bearer co-key"


def test_it_is_found_by_its_name():
    assert registry.find("cohere") is CohereProvider


def test_the_whole_way(driver):
    value, script = ask(driver, max_tokens=5, seed=1)
    assert value.choices[0].message.content == "Hi"
    assert value.muxi.model == MODEL
    assert value.muxi.adaptations == ()
    assert script.bodies == [
        {"model": "command-a-03-2025", "messages": HELLO, "stream": False, "max_tokens": 5, "seed": 1}
    ]


def test_a_stream(driver):
    chunks, script = ask(driver, Answer(chunks=told("Hi", " you")), stream=True)
    assert collect(chunks).choices[0].message.content == "Hi you"
    assert script.bodies[0]["stream"] is True
    assert script.calls[0].headers["accept"] == "text/event-stream"


def test_fault_41_calls_in_a_stream(driver):
    chunks, _ = ask(driver, Answer(chunks=sse(start(), *called('{"a":1}'), end("TOOL_CALL"))), stream=True)
    choice = collect(chunks).choices[0]
    assert (choice.finish_reason, choice.message.tool_calls[0].function.name) == ("tool_calls", "f")


def test_a_text_completion(driver):
    """Through the chat."""
    value, _ = ask(driver, face=Completion, prompt="Hello")
    assert value.choices[0].text == "Hi"


def test_the_list_of_models(driver):
    provider = CohereProvider(api_key="k")
    wire = provider.wire_for("models", "", Ledger("cohere"))
    call_ = provider.prepare(wire, {}, stream=False, extra={})
    script = Scripted(Answer(json={"models": [{"name": "command-a"}]}))
    reply = driver.run(provider.send(script, call_))
    assert [model.id for model in provider.read(wire, reply).data] == ["command-a"]
    assert script.calls[0].url == "https://api.cohere.com/v1/models?page_size=1000"


# ---------------------------------------------------------------------------- what the request becomes


def test_fault_08_tools_arrive(driver):
    """With how they may be called, a schema for the answer, and the limit by its newer name."""
    _, script = ask(driver, tools=[tool()], tool_choice="required", max_completion_tokens=9)
    body = script.bodies[0]
    assert (body["tools"], body["tool_choice"], body["max_tokens"]) == ([tool()], "REQUIRED", 9)


class Person(BaseModel):
    """Somebody."""

    name: str


def test_a_pydantic_class(driver):
    value, script = ask(driver, Answer(json=said('{"name": "Ada"}')), response_format=Person)
    assert value.choices[0].message.parsed == Person(name="Ada")
    assert script.bodies[0]["response_format"]["json_schema"]["required"] == ["name"]


def test_fault_29_a_picture_alone(driver):
    """Is sent: the message is never left out."""
    content = [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]
    _, script = ask(driver, messages=[{"role": "user", "content": content}])
    assert script.bodies[0]["messages"] == [{"role": "user", "content": content}]


def test_pitfall_66_the_developer_is_the_system(driver):
    _, script = ask(driver, messages=[{"role": "developer", "content": "Be terse."}, *HELLO])
    assert script.bodies[0]["messages"][0] == {"role": "system", "content": "Be terse."}


def test_pitfall_49_pictures_in_a_tools_result(driver):
    """Follow in a user message: Cohere takes text there."""
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    history = [
        *HELLO,
        {"role": "assistant", "tool_calls": [call()]},
        {"role": "tool", "tool_call_id": "f_1", "content": [{"type": "text", "text": "See."}, image]},
    ]
    _, script = ask(driver, messages=history)
    assert script.bodies[0]["messages"][2:] == [
        {"role": "tool", "tool_call_id": "f_1", "content": [{"type": "text", "text": "See."}]},
        {"role": "user", "content": [image]},
    ]


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({"top_p": 1}, {"p": 0.99}),
        ({"top_p": 0}, {"p": 0.01}),
        ({"frequency_penalty": -1, "presence_penalty": 2}, {"frequency_penalty": 0, "presence_penalty": 1}),
        ({"stop": list("abcdef")}, {"stop_sequences": list("abcde")}),
    ],
    ids=str,
)
def test_pitfall_62_values_out_of_range(driver, params, sent):
    """As near as may be, and told."""
    value, script = ask(driver, **params)
    assert {name: script.bodies[0][name] for name in sent} == sent
    assert [entry.param for entry in value.muxi.adaptations] == list(params)


@pytest.mark.parametrize("model", ["command-a-reasoning-08-2025", "command-a-plus-05-2026"])
def test_pitfall_36_models_that_think(driver, model):
    _, script = ask(driver, model=f"cohere/{model}", reasoning_effort="low")
    assert script.bodies[0]["thinking"] == {"type": "enabled", "token_budget": 2048}


def test_an_answer_sent_back(driver):
    """What was planned goes with its call, citations stay here."""
    answer = said(None, tool_plan="I call f.", tool_calls=[call()], citations=[{"start": 0}])
    value, _ = ask(driver, Answer(json=answer))
    _, script = ask(
        driver,
        messages=[*HELLO, value.choices[0].message, {"role": "tool", "tool_call_id": "f_1", "content": "x"}],
    )
    turn = script.bodies[0]["messages"][1]
    assert turn == {"role": "assistant", "tool_calls": [call()], "tool_plan": "I call f."}


def test_its_own_options(driver):
    options = {"cohere": {"documents": ["d"], "citation_options": {"mode": "FAST"}}, "openai": {"x": 1}}
    _, script = ask(driver, provider_options=options)
    assert script.bodies[0]["documents"] == ["d"]
    assert "x" not in script.bodies[0]


def test_strict_mode_refuses_a_loss(driver):
    error, script = ask(driver, logit_bias={"1": 1}, adapt="strict")
    assert isinstance(error, UnsupportedParameterError)
    assert error.param == "logit_bias"
    assert script.calls == []


# ------------------------------------------------------------------------------------------ embeddings


def test_embeddings(driver):
    value, script = ask(
        driver, Answer(json=EMBEDDED), face=Embedding, model="cohere/embed-v4.0", input="a", dimensions=256
    )
    assert (value.data[0].embedding, value.usage.prompt_tokens) == ([0.5], 2)
    assert script.calls[0].url == "https://api.cohere.com/v2/embed"
    assert script.bodies[0] == {
        "model": "embed-v4.0",
        "texts": ["a"],
        "embedding_types": ["float"],
        "output_dimension": 256,
        "input_type": "search_document",
    }


@pytest.mark.parametrize("where", ["extra_body", "provider_options"])
def test_what_embeddings_are_for(driver, where):
    wanted = {"input_type": "search_query"}
    params = {where: wanted if where == "extra_body" else {"cohere": wanted}}
    _, script = ask(driver, Answer(json=EMBEDDED), face=Embedding, model="cohere/e", input="a", **params)
    assert script.bodies[0]["input_type"] == "search_query"


def test_token_lists_are_refused_before_anything_is_sent(driver):
    error, script = ask(driver, face=Embedding, model="cohere/e", input=[1, 2])
    assert isinstance(error, openai.BadRequestError)
    assert script.calls == []


# ---------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (422, openai.UnprocessableEntityError),
        (429, openai.RateLimitError),
        (498, openai.APIStatusError),
        (503, openai.InternalServerError),
    ],
)
def test_errors(driver, status, kind):
    body = {"id": "e-1", "message": "something is wrong"}
    error, _ = ask(driver, Answer(status=status, json=body), retries=0)
    assert isinstance(error, kind)
    assert "something is wrong" in str(error)
    assert error.status_code == status


def test_an_answer_that_failed_is_asked_for_again(driver):
    value, script = ask(driver, Answer(json=said(finish="ERROR")), Answer(json=said("Hi")), retries=1)
    assert value.choices[0].message.content == "Hi"
    assert len(script.calls) == 2


def test_pitfall_21_a_stream_that_fails_late(driver):
    """With Cohere's words, and the text so far."""
    failing = Answer(chunks=[*told("Hi")[:3], *sse(end("ERROR", error="It broke."))])
    error, _ = ask(driver, failing, stream=True, retries=0)
    assert isinstance(error, openai.InternalServerError)
    assert "It broke." in str(error)
    assert error.partial_text == "Hi"


# ------------------------------------------------------------------------------------ over real sockets


def test_over_http(driver, upstream):
    upstream.script = [Respond(json=said("Hi")), Respond(chunks=told("Hi", " you"))]
    params = {"model": MODEL, "messages": HELLO, "base_url": upstream.url}
    assert driver.create(ChatCompletion, **params).choices[0].message.content == "Hi"
    chunks = driver.create(ChatCompletion, stream=True, **params)
    assert collect(chunks).choices[0].message.content == "Hi you"
    assert [received.path for received in upstream.requests] == ["/v2/chat", "/v2/chat"]


def test_pitfall_17_cut_off_over_http(driver, upstream):
    upstream.script = [Respond(chunks=told("Hi")[:3], cut=True)]
    with pytest.raises(openai.APIConnectionError):
        driver.create(
            ChatCompletion, model=MODEL, messages=HELLO, base_url=upstream.url, stream=True, retries=0
        )
