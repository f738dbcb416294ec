"""Recorded answers of Cohere, Voyage, Hugging Face and Replicate, read by this library and judged by what
their bytes say; and what this library sends for the requests recorded with them.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, Embedding, runtime
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.vectors import packed
from tests.conftest import SHARED
from tests.support.bodies import HELLO

pytestmark = [
    pytest.mark.usefixtures("shared"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

PROVIDERS = ("cohere", "voyage", "huggingface", "replicate")

V1_CHAT = "Cohere's first API (v1/chat, JSON lines), which this library does not speak"
RERANK = "ranks documents, which is no endpoint here"
IMAGES = "makes pictures, which is no endpoint here"
NOT_REPLAYED = {
    "cohere/openllmetry__test_chat_test_cohere_chat_legacy_with_streaming.json": V1_CHAT,
    "cohere/pydantic-ai__test_embeddings_TestCohere.test_count_tokens.json": "counts tokens (v1/tokenize)",
    "voyage/openllmetry__test_rerank_test_voyageai_rerank_async_legacy.json": RERANK,
    "voyage/vercel-ai__voyage-reranking_1_json.json": RERANK,
    "huggingface/openllmetry__test_llms_test_custom_llm.json": "TGI's own text generation (`inputs`), not its chat",
    "replicate/openllmetry__test_image_generation_test_replicate_image_generation_legacy.json": IMAGES,
    "replicate/openllmetry__test_image_generation_test_replicate_image_generation_predictions_legacy.json": IMAGES,
    "replicate/openllmetry__test_image_generation_test_replicate_image_generation_with_events_with_content.json": IMAGES,
    "replicate/openllmetry__test_image_generation_test_replicate_image_generation_with_events_with_no_content.json": IMAGES,
}
"""Recordings of these providers that no call of this library would make, and why."""

UNEXPECTED = {
    "cohere/vercel-ai__cohere-null-args_json.json#0": {
        "text": "",
        "tool_calls": [["currentTime", {}]],
        "finish": "tool_calls",
        "provider_finish": "TOOL_CALL",
        "usage": [1445, 43],
    },
    "cohere/vercel-ai__cohere-reasoning_json.json#0": {
        "text": "2 + 2 = 4",
        "tool_calls": [],
        "finish": "stop",
        "provider_finish": "COMPLETE",
        "usage": [1394, 582],
    },
    "cohere/vercel-ai__cohere-text_chunks_txt.json#0": {
        "text": "The capital of France is Paris.",
        "tool_calls": [],
        "finish": "stop",
        "provider_finish": "COMPLETE",
        "usage": [507, 10],
    },
}
"""What recordings of answers alone say, which `expected.json` has no row for: read by hand."""

REASONING = "cohere/vercel-ai__cohere-reasoning_chunks_txt.json#0"
APART = {
    "cohere/ruby_llm__chat_error_handling_with_cohere_command-a-03-2025_raises_appropriate_auth_error.json",
    "voyage/pydantic-ai__test_embeddings_TestVoyageAI.test_embed_error.json",
    "voyage/openllmetry__test_embed_test_voyageai_embed_legacy.json",
    "replicate/openllmetry__test_llama_test_replicate_llama_stream_with_events_with_no_content.json",
    REASONING.partition("#")[0],
}
"""Recordings with a test of their own."""


def loaded(name: str) -> Any:
    """A file of the recordings, or nothing without the folder."""
    path = SHARED / "recordings" / name
    return json.loads(path.read_text()) if path.is_file() else {}


@cache
def rows() -> dict[str, Any]:
    """Interaction → what its bytes say."""
    expected = loaded("expected.json").items()
    ours = {key: row for key, row in expected if key.startswith(PROVIDERS) and row["provider_finish"]}
    return {**ours, **UNEXPECTED}


def interaction(shared: Path, key: str) -> dict[str, Any]:
    """A recorded request and its response."""
    file, _, number = key.partition("#")
    return json.loads((shared / "recordings" / file).read_text())["interactions"][int(number)]


def answer_of(response: dict[str, Any], *, stream: bool) -> Answer:
    """The response again; streams in pieces of odd sizes."""
    body = response["body"]
    if not stream:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        return Answer(status=int(response["status"]), content=content)
    if body.startswith("{"):  # the events alone, one a line
        body = "".join(f"data: {line}\n\n" for line in body.splitlines())
    data = body.encode()
    return Answer(chunks=[data[at : at + 97] for at in range(0, len(data), 97)])


def replayed(driver: Any, key: str, response: dict[str, Any]) -> Any:
    """The value this library makes of a recorded answer."""
    stream = isinstance(response["body"], str)
    params = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    value, _ = driver.scripted(
        ChatCompletion,
        answer_of(response, stream=stream),
        model=f"{key.partition('/')[0]}/model",
        messages=HELLO,
        api_key="k",
        **params,
    )
    return collect(value) if stream else value


def facts_of(value: Any) -> dict[str, Any]:
    """Text, calls, the reason to finish (ours and theirs), and the cost."""
    choice = value.choices[0]
    calls = choice.message.tool_calls or ()
    return {
        "text": choice.message.content or "",
        "tool_calls": [[made.function.name, json.loads(made.function.arguments)] for made in calls],
        "finish": choice.finish_reason,
        "provider_finish": choice.get("native_finish_reason", choice.finish_reason),
        "usage": [value.usage.prompt_tokens, value.usage.completion_tokens],
    }


short = {"ids": lambda key: key.partition("__")[2][-70:] or key}


@pytest.mark.parametrize("key", sorted(rows()), **short)
def test_an_answer_says_what_its_bytes_say(driver, shared, key):
    facts = facts_of(replayed(driver, key, interaction(shared, key)["response"]))
    assert facts == {name: rows()[key][name] for name in facts}


def test_thoughts_in_a_stream(driver, shared):
    """Beside the text, whole."""
    response = interaction(shared, REASONING)["response"]
    events = [json.loads(line) for line in response["body"].splitlines()]
    parts = [event["delta"]["message"]["content"] for event in events if event["type"] == "content-delta"]
    value = replayed(driver, REASONING, response)
    assert value.choices[0].message.reasoning_content == "".join(part.get("thinking", "") for part in parts)
    assert value.choices[0].message.content == "".join(part.get("text", "") for part in parts)
    assert value.choices[0].finish_reason == "stop"


CITED = [key for key in rows() if "citations" in key]


@pytest.mark.parametrize("key", CITED, **short)
def test_pitfall_50_citations_are_kept(driver, shared, key):
    """As they came, whole or streamed."""
    response = interaction(shared, key)["response"]
    body = response["body"]
    if isinstance(body, str):
        events = [json.loads(line[6:]) for line in body.splitlines() if line.startswith("data: {")]
        told = [e["delta"]["message"]["citations"] for e in events if e["type"] == "citation-start"]
    else:
        told = body["message"].get("citations")
    assert replayed(driver, key, response).choices[0].message.get("citations") == told


# -------------------------------------------------------------------------------------------- requests

DOCUMENTS_AS_RESULTS = "tool_results_returned_as_search_results.json#1"
ASKED = [
    key
    for key in rows()
    if key.startswith("cohere/") and key not in UNEXPECTED and not key.endswith(DOCUMENTS_AS_RESULTS)
]


@pytest.mark.parametrize("key", ASKED, **short)
def test_what_is_sent_means_what_was_recorded(shared, key):
    """The recorded request said in OpenAI's words comes out as it was recorded."""
    recorded = interaction(shared, key)
    body = recorded["request"]["body"]
    body = json.loads(body) if isinstance(body, str) else body
    params = {"tools": body.get("tools"), "tool_choice": body.get("tool_choice", "auto").lower()}
    documents = {"documents": body["documents"]} if "documents" in body else None
    script = Scripted(answer_of(recorded["response"], stream=body["stream"]))
    with runtime.using(script):
        ChatCompletion.create(
            model=f"cohere/{body['model']}",
            messages=body["messages"],
            stream=body["stream"],
            extra_body=documents,
            api_key="k",
            **params,
        )
    assert script.calls[0].url == recorded["request"]["url"]
    assert script.bodies[0] == body


# ------------------------------------------------------------------------------------ with their own test


@pytest.mark.parametrize(
    ("face", "file", "kind", "said"),
    [
        (ChatCompletion, "cohere/ruby_llm__chat_error_handling_with_cohere_command-a-03-2025_raises_appropriate_auth_error.json", openai.AuthenticationError, "Incorrect API key"),
        (Embedding, "voyage/pydantic-ai__test_embeddings_TestVoyageAI.test_embed_error.json", openai.BadRequestError, "Model nonexistent is not supported"),
    ],
    ids=["cohere", "voyage"],
)  # fmt: skip
def test_errors(driver, shared, face, file, kind, said):
    response = interaction(shared, f"{file}#0")["response"]
    given = {"messages": HELLO} if face is ChatCompletion else {"input": "x"}
    model = f"{file.partition('/')[0]}/m"
    error, _ = driver.scripted(face, answer_of(response, stream=False), model=model, api_key="k", **given)
    assert isinstance(error, kind)
    assert said in str(error)


def test_voyages_embeddings(driver, shared):
    """Base64 on the wire, floats for the caller; the cost is told as a total."""
    recorded = interaction(shared, "voyage/openllmetry__test_embed_test_voyageai_embed_legacy.json#0")
    answer = answer_of(recorded["response"], stream=False)
    params = {"model": "voyage/voyage-3-lite", "input": ["a", "b", "c"], "api_key": "k"}
    value, script = driver.scripted(Embedding, answer, **params)
    told = [item["embedding"] for item in recorded["response"]["body"]["data"]]
    assert [packed(item.embedding) for item in value.data] == told
    assert len(value.data[0].embedding) == 512
    assert (value.usage.prompt_tokens, value.usage.total_tokens) == (18, 18)
    assert script.calls[0].url == recorded["request"]["url"]


def test_replicates_stream(driver, shared):
    """Line breaks come as lines of data, and end no event."""
    file = "replicate/openllmetry__test_llama_test_replicate_llama_stream_with_events_with_no_content.json"
    created, streamed = (interaction(shared, f"{file}#{number}") for number in (0, 1))
    chunks, script = driver.scripted(
        ChatCompletion,
        answer_of(created["response"], stream=False),
        answer_of(streamed["response"], stream=True),
        model="replicate/meta/llama-2-70b-chat",
        messages=[{"role": "user", "content": "tell me a joke about opentelemetry"}],
        stream=True,
        api_key="k",
    )
    assert collect(chunks).choices[0].message.content == (
        "Sure, here's a joke about OpenTelemetry:\n\nWhy did the OpenTelemetry agent go to therapy?\n\n"
        'Because it was feeling a little "disconnected" from its trace!\n\nI hope that brought a smile to '
        "your face! Is there anything else I can assist you with?"
    )
    assert [call.url for call in script.calls] == [created["request"]["url"], streamed["request"]["url"]]
    assert json.loads(script.calls[0].body) == created["request"]["body"]


def test_every_recording_is_accounted_for(shared):
    """Replayed, or listed with the reason it is not."""
    found = {
        f"{provider}/{path.name}"
        for provider in PROVIDERS
        for path in (shared / "recordings" / provider).iterdir()
    }
    replays = {key.partition("#")[0] for key in rows()}
    assert found == replays | APART | NOT_REPLAYED.keys()
    assert not (replays | APART) & NOT_REPLAYED.keys()
