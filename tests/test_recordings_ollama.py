"""Recorded traffic of Ollama's own API, replayed: what it says is what we read, what was sent is what we send.

Recordings of its OpenAI-compatible endpoints are replayed by `test_recordings_openai`.
"""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, Completion, Embedding, runtime
from muxi_llm.transport.scripted import Scripted
from muxi_llm.wire.vectors import floats
from tests.support.bodies import HELLO
from tests.support.recordings import (
    Json,
    answer_of,
    asked_of,
    body_of,
    each,
    expected_facts,
    facts_of,
    interactions,
    meaning,
    of_kind,
    status_of,
    url_of,
)

pytestmark = [
    pytest.mark.usefixtures("shared"),
    pytest.mark.shared,
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

FOLDERS = ("ollama/", "ollama_cloud/", "local/")


def those(ending: str, *, status: int = 200) -> list[str]:
    """What these folders have of an endpoint."""
    return [
        key
        for key in interactions()
        if key.startswith(FOLDERS) and url_of(key).endswith(ending) and status_of(key) == status
    ]


def replayed(key: str, face: Any, model: str, **params: Any) -> tuple[Any, Json]:
    """What we make of the reply, and the body we sent."""
    script = Scripted(answer_of(key, stream=bool(params.get("stream"))))
    with runtime.using(script):
        value = face.create(model=model, **params)
        value = list(value) if params.get("stream") else value
    return value, script.bodies[0]


@each(those("/api/chat"), "answer", "request")
def test_a_chat(key):
    """Text, thinking, calls, reason and cost; and the request, made anew from what it asked for."""
    asked, said = asked_of(key), json.loads(body_of(key))
    messages = [openais(message) for message in asked["messages"]]
    params = {**asked["options"], "tools": asked["tools"]}
    value, sent = replayed(key, ChatCompletion, f"ollama/{asked['model']}", messages=messages, **params)
    assert meaning(sent) == essential(asked)
    choice = value.choices[0]
    calls = [(c.function.name, json.loads(c.function.arguments)) for c in choice.message.tool_calls or ()]
    told = said["message"].get("tool_calls", [])
    assert (choice.message.content or "") == said["message"]["content"]
    assert choice.message.get("reasoning_content") == said["message"].get("thinking")
    assert calls == [(call["function"]["name"], call["function"]["arguments"]) for call in told]
    assert choice.finish_reason == ("tool_calls" if told else said["done_reason"])
    assert value.usage.prompt_tokens == said["prompt_eval_count"]
    assert value.usage.completion_tokens == said["eval_count"]
    assert value["total_duration"] == said["total_duration"]


def essential(asked: Json) -> Json:
    """What a request asks of the model: no empty options, and not how long the server is to keep it."""
    return {name: v for name, v in meaning(asked).items() if v != {} and name != "keep_alive"}


def openais(message: Json) -> Json:
    """A message in OpenAI's form: arguments are text there."""
    calls = [
        {
            "type": "function",
            "function": {**call["function"], "arguments": json.dumps(call["function"]["arguments"])},
        }
        for call in message.get("tool_calls", ())
    ]
    return {**message, "tool_calls": calls} if calls else message


@each(of_kind("ollama.chat"), "answer")
def test_the_columns_of_a_chat(key):
    """The same, as the recordings' own index tells it."""
    value, _ = replayed(key, ChatCompletion, "ollama/m", messages=HELLO)
    assert facts_of(value) == expected_facts(key)


@each(those("/api/generate"), "answer", "request")
def test_a_completion(key):
    """Whole and streamed, by the lines as they are."""
    asked, lines = asked_of(key), [json.loads(line) for line in body_of(key).splitlines()]
    params: Json = {"stream": True, "stream_options": {"include_usage": True}} if asked["stream"] else {}
    value, sent = replayed(key, Completion, f"ollama/{asked['model']}", prompt=asked["prompt"], **params)
    assert meaning(sent) == essential(asked)
    chunks = value if asked["stream"] else [value]
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.text for choice in choices) == "".join(line["response"] for line in lines)
    assert choices[-1].finish_reason == lines[-1]["done_reason"]
    usage = chunks[-1].usage
    assert usage.prompt_tokens == lines[-1].get("prompt_eval_count", 0)  # not told where it was in the cache
    assert usage.completion_tokens == lines[-1]["eval_count"]
    assert chunks[-2 if asked["stream"] else -1]["context"] == lines[-1]["context"]


@each(those("/api/embeddings"), "answer")
def test_an_embedding_of_the_older_kind(key):
    value, _ = replayed(key, Embedding, "ollama/llama3", input="all-minilm")
    assert value.data[0].embedding == json.loads(body_of(key))["embedding"]


@each(those("/v1/embeddings"), "answer")
def test_an_embedding_of_a_compatible_server(key):
    model = asked_of(key)["model"]
    said = json.loads(body_of(key))
    value, _ = replayed(key, Embedding, f"llama_cpp/{model}", input="Tell me")
    told = said["data"][0]["embedding"]
    assert value.data[0].embedding == (floats(told) if isinstance(told, str) else told)
    assert value.usage.prompt_tokens == said["usage"]["prompt_tokens"]


@each(those("/api/chat", status=404), "answer", "request")
def test_a_model_that_is_not_there(key):
    asked = asked_of(key)
    script = Scripted(answer_of(key, stream=False))
    with (
        runtime.using(script),
        pytest.raises(openai.NotFoundError, match=f"model '{asked['model']}' not found"),
    ):
        ChatCompletion.create(model=f"ollama/{asked['model']}", messages=asked["messages"])
    assert meaning(script.bodies[0]) == essential(asked)


@each(those("/v1/chat/completions", status=401), "answer")
def test_a_key_the_cloud_does_not_know(key):
    """The compatible endpoint's words, in the same class."""
    with pytest.raises(openai.AuthenticationError):
        replayed(key, ChatCompletion, "ollama_cloud/gpt-oss:120b", messages=HELLO, api_key="k")
