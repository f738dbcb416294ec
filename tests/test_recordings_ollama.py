"""Recorded traffic of Ollama's own API, replayed: what it says is what we read, what was sent is what we send.

Recordings of its OpenAI-compatible endpoints are replayed by `test_recordings_openai`.
"""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, Completion, Embedding, runtime
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.wire.openai_embeddings import floats
from tests.conftest import SHARED
from tests.support.bodies import HELLO

pytestmark = [
    pytest.mark.usefixtures("shared"),
    pytest.mark.shared,
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

Json = dict[str, Any]
FOLDERS = ("ollama", "ollama_cloud", "local")
NATIVE = ("/api/chat", "/api/generate", "/api/embeddings")
OPENAIS = ("/v1/chat/completions", "/v1/embeddings", "/v1/responses")

NO_LLM = {
    "chatlas__test_mcp_client_test_call_http_mcp_tool.json": "a tool server, and OpenAI's responses",
    "openllmetry__test_query_test_marqo_add_documents.json": "a vector store",
    "opentelemetry-python-contrib__test_connection_remote_config_status_heartbeat_disconnection.json": "telemetry",
    "pydantic-ai__test_gateway_test_gateway_provider_with_google_cloud.json": "Gemini behind a gateway",
}
"""Recordings of other traffic of this machine's, and of what."""


def interactions() -> list[tuple[str, Json]]:
    """Every interaction of the folders, by `folder/file#number`."""
    return [
        (f"{path.parent.name}/{path.name}#{number}", interaction)
        for folder in FOLDERS
        for path in sorted((SHARED / "recordings" / folder).glob("*.json"))
        if path.name not in NO_LLM
        for number, interaction in enumerate(json.loads(path.read_text())["interactions"])
    ]


def path_of(interaction: Json) -> str:
    return str(interaction["request"]["url"]).partition("://")[2].partition("/")[2]


def those(ending: str, *, status: int = 200) -> Any:
    """A test for each interaction of that endpoint."""
    found = [
        pytest.param(interaction, id=name[-75:])
        for name, interaction in interactions()
        if f"/{path_of(interaction)}".endswith(ending) and int(interaction["response"]["status"]) == status
    ]
    return pytest.mark.parametrize("interaction", found)


def answer_of(interaction: Json) -> Answer:
    """The reply as it came; a stream in pieces of odd sizes."""
    body = interaction["response"]["body"]
    if not isinstance(body, str):
        return Answer(status=int(interaction["response"]["status"]), json=body)
    data = body.encode()
    pieces = [data[at : at + 97] for at in range(0, len(data), 97)]
    return Answer(chunks=pieces, headers={"content-type": "application/x-ndjson"})


def replayed(interaction: Json, face: Any, model: str, **params: Any) -> tuple[Any, Json]:
    """What we make of the reply, and the body we sent."""
    script = Scripted(answer_of(interaction))
    with runtime.using(script):
        value = face.create(model=model, **params)
        value = list(value) if params.get("stream") else value
    return value, script.bodies[0]


def essential(body: Json) -> Json:
    """*body* without what says nothing: nulls, empty strings and lists."""
    return {
        name: value for name, value in body.items() if value not in (None, "", [], {}) and value is not False
    }


def test_every_recording_is_looked_at():
    """Here, or over OpenAI's wire; the others are no answers of a model."""
    for name, interaction in interactions():
        assert f"/{path_of(interaction)}".endswith((*NATIVE, *OPENAIS)), name


@those("/api/chat")
def test_a_chat(interaction):
    """Text, thinking, calls, reason and cost; and the request, made anew from what it asked for."""
    asked, said = interaction["request"]["body"], interaction["response"]["body"]
    messages = [openais(message) for message in asked["messages"]]
    params = {**asked["options"], "tools": asked["tools"]}
    value, sent = replayed(
        interaction, ChatCompletion, f"ollama/{asked['model']}", messages=messages, **params
    )
    assert essential(sent) == essential(asked)
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


def expected_chats() -> list[Any]:
    index = SHARED / "recordings" / "expected.json"
    rows = json.loads(index.read_text()) if index.is_file() else {}
    return [pytest.param(key, row, id=key[-75:]) for key, row in rows.items() if row["kind"] == "ollama.chat"]


@pytest.mark.parametrize(("key", "row"), expected_chats())
def test_the_columns_of_a_chat(key, row):
    """The same, as the recordings' own index tells it."""
    value, _ = replayed(dict(interactions())[key], ChatCompletion, "ollama/m", messages=HELLO)
    choice = value.choices[0]
    calls = [[c.function.name, json.loads(c.function.arguments)] for c in choice.message.tool_calls or ()]
    found = {
        "text": choice.message.content or "",
        "tool_calls": calls,
        "finish": choice.finish_reason,
        "usage": [value.usage.prompt_tokens, value.usage.completion_tokens],
    }
    assert found == {column: row[column] for column in found}


@those("/api/generate")
def test_a_completion(interaction):
    """Whole and streamed, by the lines as they are."""
    asked, said = interaction["request"]["body"], interaction["response"]["body"]
    lines = [json.loads(line) for line in said.splitlines()] if isinstance(said, str) else [said]
    params: Json = {"stream": True, "stream_options": {"include_usage": True}} if asked["stream"] else {}
    value, sent = replayed(
        interaction, Completion, f"ollama/{asked['model']}", prompt=asked["prompt"], **params
    )
    assert essential(sent) == {name: v for name, v in essential(asked).items() if name != "keep_alive"}
    chunks = value if asked["stream"] else [value]
    choices = [choice for chunk in chunks for choice in chunk.choices]
    assert "".join(choice.text for choice in choices) == "".join(line["response"] for line in lines)
    assert choices[-1].finish_reason == lines[-1]["done_reason"]
    usage = chunks[-1].usage
    assert usage.prompt_tokens == lines[-1].get("prompt_eval_count", 0)  # not told where it was in the cache
    assert usage.completion_tokens == lines[-1]["eval_count"]
    assert chunks[-2 if asked["stream"] else -1]["context"] == lines[-1]["context"]


@those("/api/embeddings")
def test_an_embedding_of_the_older_kind(interaction):
    value, _ = replayed(interaction, Embedding, "ollama/llama3", input="all-minilm")
    assert value.data[0].embedding == interaction["response"]["body"]["embedding"]


@those("/v1/embeddings")
def test_an_embedding_of_a_compatible_server(interaction):
    model = interaction["request"]["body"]["model"]
    said = interaction["response"]["body"]
    value, _ = replayed(interaction, Embedding, f"llama_cpp/{model}", input="Tell me")
    told = said["data"][0]["embedding"]
    assert value.data[0].embedding == (floats(told) if isinstance(told, str) else told)
    assert value.usage.prompt_tokens == said["usage"]["prompt_tokens"]


@those("/api/chat", status=404)
def test_a_model_that_is_not_there(interaction):
    with pytest.raises(openai.NotFoundError, match="model 'nonexistent-model:latest' not found"):
        replayed(interaction, ChatCompletion, "ollama/nonexistent-model:latest", messages=HELLO)


@those("/v1/chat/completions", status=401)
def test_a_key_the_cloud_does_not_know(interaction):
    """The compatible endpoint's words, in the same class."""
    with pytest.raises(openai.AuthenticationError):
        replayed(interaction, ChatCompletion, "ollama_cloud/gpt-oss:120b", messages=HELLO, api_key="k")
