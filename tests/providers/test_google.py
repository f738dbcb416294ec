"""The `google` provider over real HTTP: where requests go, what errors become, what models there are."""

from __future__ import annotations

from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import ChatCompletion, Embedding, errors
from muxi_llm.providers import registry
from tests.support.anthropic import tool
from tests.support.bodies import HELLO
from tests.support.gemini import function_call, reply, sse
from tests.support.upstream import Respond

MODEL = "google/gemini-2.5-flash"
USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}


@pytest.fixture(autouse=True)
def home(monkeypatch, upstream):
    """The upstream is Google."""
    monkeypatch.setenv("GOOGLE_BASE_URL", f"{upstream.url}/v1beta")
    monkeypatch.setenv("GEMINI_API_KEY", "secret")


@pytest.mark.parametrize("prefix", ["google", "gemini"])
def test_a_call(driver, upstream, prefix):
    """The key goes in a header, never in the URL."""
    upstream.script = [Respond(json=reply("Hi", usage=USAGE))]
    value = driver.create(ChatCompletion, model=f"{prefix}/gemini-2.5-flash", messages=HELLO)
    (asked,) = upstream.requests
    assert asked.path == "/v1beta/models/gemini-2.5-flash:generateContent"
    assert asked.headers["x-goog-api-key"] == "secret"
    assert asked.json == {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    assert (value.choices[0].message.content, value.usage.total_tokens) == ("Hi", 5)


def test_fault_45_a_stream(driver, upstream):
    """By `alt=sse`; it is whole without a terminator."""
    upstream.script = [Respond(chunks=sse(reply("Hel", finish=None), reply("lo", usage=USAGE)))]
    chunks = driver.create(ChatCompletion, model=MODEL, messages=HELLO, stream=True)
    assert upstream.requests[0].path == "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse"
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["Hel", "lo", None]
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_a_stream_that_was_cut(driver, upstream):
    upstream.script = [Respond(chunks=sse(reply("Hel", finish=None, usage=USAGE)))]
    with pytest.raises(errors.IncompleteStreamError):
        driver.create(ChatCompletion, model=MODEL, messages=HELLO, stream=True, retries=0)


def test_a_stream_that_comes_as_a_list(driver, upstream):
    """A proxy lost `alt=sse`: chunks all the same."""
    upstream.script = [Respond(json=[reply("Hel", finish=None), reply("lo", usage=USAGE)])]
    chunks = driver.create(ChatCompletion, model=MODEL, messages=HELLO, stream=True)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello"


def test_pitfall_30_a_signature_survives_a_round(upstream):
    """What the call was signed with goes back with it, through the value's own dump."""
    upstream.script = [Respond(json=reply(function_call("f", {"a": 1}, "S"))), Respond(json=reply("done"))]
    first = ChatCompletion.create(model=MODEL, messages=HELLO, tools=[tool()])
    said = first.choices[0].message
    answer = {"role": "tool", "tool_call_id": said.tool_calls[0].id, "content": "ok"}
    ChatCompletion.create(model=MODEL, messages=[*HELLO, said.model_dump(), answer], tools=[tool()])
    call_id = said.tool_calls[0].id
    _, turn, results = upstream.requests[1].json["contents"]
    assert turn["parts"] == [
        {"functionCall": {"name": "f", "args": {"a": 1}, "id": call_id}, "thoughtSignature": "S"}
    ]
    response = {"name": "f", "id": call_id, "response": {"output": "ok"}}
    assert results == {"role": "user", "parts": [{"functionResponse": response}]}


def test_native_options(upstream):
    """For this provider alone; the rest of the configuration stays."""
    upstream.script = [Respond(json=reply("Hi"))]
    ChatCompletion.create(
        model=MODEL, messages=HELLO, seed=1, provider_options={"google": {"top_k": 3, "safetySettings": []}}
    )
    sent = upstream.requests[0].json
    assert sent["generationConfig"] == {"seed": 1, "topK": 3}
    assert sent["safetySettings"] == []


@pytest.mark.parametrize("suffix", ["", "/", "/openai", "/openai/"])
def test_a_base_url_of_the_compatible_endpoint(upstream, suffix):
    """People have both set."""
    upstream.script = [Respond(json=reply("Hi"))]
    ChatCompletion.create(model=MODEL, messages=HELLO, base_url=f"{upstream.url}/v1beta{suffix}", api_key="k")
    assert upstream.requests[0].path.startswith("/v1beta/models/")


# ------------------------------------------------------------------------------------------ errors


def status(code: int, name: str, *details: Any, message: str = "no") -> dict[str, Any]:
    return {"error": {"code": code, "message": message, "status": name, "details": list(details)}}


def detail(kind: str, **fields: Any) -> dict[str, Any]:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **fields}


INVALID_KEY = detail("ErrorInfo", reason="API_KEY_INVALID")
ERRORS = {
    "bad request": (400, status(400, "INVALID_ARGUMENT"), openai.BadRequestError, "INVALID_ARGUMENT", "400"),
    "list": (400, [status(400, "INVALID_ARGUMENT")], openai.BadRequestError, "INVALID_ARGUMENT", "400"),
    "invalid key": (
        400, status(400, "INVALID_ARGUMENT", INVALID_KEY), openai.AuthenticationError, "INVALID_ARGUMENT", "API_KEY_INVALID",
    ),
    "not found": (404, status(404, "NOT_FOUND"), openai.NotFoundError, "NOT_FOUND", "404"),
    "overloaded": (503, status(503, "UNAVAILABLE"), openai.InternalServerError, "UNAVAILABLE", "503"),
    "odd details": (500, {"error": {"code": 500, "details": [3, {}]}}, openai.InternalServerError, None, "500"),
    "odd status": (500, {"error": {"status": 3, "details": 3}}, openai.InternalServerError, None, None),
    "text": (502, None, openai.InternalServerError, None, None),
}  # fmt: skip


@pytest.mark.parametrize(("code", "body", "kind", "named", "reason"), ERRORS.values(), ids=ERRORS)
def test_an_error(driver, upstream, code, body, kind, named, reason):
    """The class by the status, the type and code by Google's own words."""
    upstream.script = [Respond(code, json=body, body=b"" if body else b"Bad gateway")]
    with pytest.raises(kind) as caught:
        driver.create(ChatCompletion, model=MODEL, messages=HELLO, retries=0)
    assert (caught.value.type, caught.value.code) == (named, reason)


@pytest.mark.parametrize(
    ("headers", "details", "pause"),
    [
        ({}, [detail("QuotaFailure"), detail("RetryInfo", retryDelay="34.4s")], 34.4),
        ({"Retry-After": "2"}, [detail("RetryInfo", retryDelay="34.4s")], 2),
        ({}, [detail("RetryInfo")], None),
    ],
    ids=["in the body", "in the header", "nowhere"],
)
def test_the_pause_google_asks_for(upstream, headers, details, pause):
    upstream.script = [Respond(429, json=status(429, "RESOURCE_EXHAUSTED", *details), headers=headers)]
    with pytest.raises(openai.RateLimitError) as caught:
        ChatCompletion.create(model=MODEL, messages=HELLO, retries=0)
    assert caught.value.retry_after == pause


# ------------------------------------------------------------------------- embeddings and the list


def test_embeddings(driver, upstream):
    upstream.script = [Respond(json={"embeddings": [{"values": [0.5]}, {"values": [1]}]})]
    value = driver.create(
        Embedding, model="google/gemini-embedding-001", input=["a", "b"], extra_body={"task_type": "X"}
    )
    (asked,) = upstream.requests
    assert asked.path == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    assert [one["taskType"] for one in asked.json["requests"]] == ["X", "X"]
    assert [item.embedding for item in value.data] == [[0.5], [1]]


def test_models(upstream):
    """By the names a call takes."""
    listed = [{"name": "models/gemini-2.5-flash", "inputTokenLimit": 5}]
    upstream.script = [Respond(json={"models": listed})]
    found = muxi_llm.runtime.prepare_models("google").run()
    assert [(model.id, model["inputTokenLimit"]) for model in found.data] == [("gemini-2.5-flash", 5)]
    assert (upstream.requests[0].method, upstream.requests[0].path) == ("GET", "/v1beta/models?pageSize=1000")


def test_without_a_key(monkeypatch):
    monkeypatch.delenv("GEMINI_API_KEY")
    with pytest.raises(errors.MissingCredentialsError, match="GOOGLE_API_KEY or GEMINI_API_KEY"):
        ChatCompletion.create(model=MODEL, messages=HELLO)


def test_names():
    assert registry.find("gemini") is registry.find("google")
