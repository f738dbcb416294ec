"""Recorded answers of Cohere, Voyage, Hugging Face and Replicate, read by this library and judged by what
their bytes say; and what this library sends for the requests recorded with them.
"""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, Embedding
from muxi_llm.providers.profiles import DEFAULT
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger
from muxi_llm.wire.tgi import TGI
from muxi_llm.wire.vectors import packed
from tests.support.bodies import HELLO
from tests.support.recordings import (
    COLUMNS,
    answer_of,
    asked,
    asked_of,
    body_of,
    each,
    events_of,
    expected,
    facts_of,
    interactions,
    status_of,
    url_of,
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.usefixtures("shared"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

READ_BY_HAND = {
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
"""What recordings of answers alone say, which `expected.json` has no row for."""

COHERES = [key for key in interactions() if "api.cohere.com/v2/chat" in url_of(key)]
ROWS = {
    **{key: row for key, row in expected().items() if key in COHERES or key.startswith("huggingface/")},
    **READ_BY_HAND,
}
"""Answer → what its bytes say."""


def replayed(driver: Any, key: str) -> Any:
    """The value this library makes of a recorded answer."""
    stream = not body_of(key).startswith(b"{")
    params = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    value, _ = driver.scripted(
        ChatCompletion,
        answer_of(key, stream=stream),
        model=f"{key.partition('/')[0]}/model",
        messages=HELLO,
        api_key="k",
        **params,
    )
    return collect(value) if stream else value


@each(ROWS, "answer")
def test_an_answer_says_what_its_bytes_say(driver, key):
    """Text, calls, the reason to finish (ours and theirs), and the cost."""
    value = replayed(driver, key)
    choice, row = value.choices[0], ROWS[key]
    assert facts_of(value) == {column: row[column] for column in COLUMNS}
    assert choice.get("native_finish_reason", choice.finish_reason) == row["provider_finish"]


@each(["cohere/vercel-ai__cohere-reasoning_chunks_txt.json#0"], "answer")
def test_thoughts_in_a_stream(driver, key):
    """Beside the text, whole."""
    parts = [e["delta"]["message"]["content"] for e in events_of(key) if e["type"] == "content-delta"]
    choice = replayed(driver, key).choices[0]
    assert choice.message.reasoning_content == "".join(part.get("thinking", "") for part in parts)
    assert choice.message.content == "".join(part.get("text", "") for part in parts)
    assert choice.finish_reason == "stop"


@each([key for key in ROWS if "citations" in key], "answer")
def test_pitfall_50_citations_are_kept(driver, key):
    """As they came, whole or streamed."""
    if body_of(key).startswith(b"{"):
        told = json.loads(body_of(key))["message"].get("citations")
    else:
        starts = [event for event in events_of(key) if event["type"] == "citation-start"]
        told = [event["delta"]["message"]["citations"] for event in starts]
    assert replayed(driver, key).choices[0].message.get("citations") == told


# -------------------------------------------------------------------------------------------- requests


@each([key for key in asked(COHERES) if status_of(key) == 200], "request")
def test_what_is_sent_means_what_was_recorded(driver, key):
    """The recorded request said in OpenAI's words comes out as it was recorded."""
    body = asked_of(key)
    params = {"tools": body.get("tools"), "tool_choice": body.get("tool_choice", "auto").lower()}
    documents = {"documents": body["documents"]} if "documents" in body else None
    _, script = driver.scripted(
        ChatCompletion,
        answer_of(key, stream=body["stream"]),
        model=f"cohere/{body['model']}",
        messages=body["messages"],
        stream=body["stream"],
        extra_body=documents,
        api_key="k",
        **params,
    )
    assert script.calls[0].url == url_of(key)
    assert script.bodies[0] == body


# ------------------------------------------------------------------------------------ with their own test


ERRORS = {
    "cohere/ruby_llm__chat_error_handling_with_cohere_command-a-03-2025_raises_appropriate_auth_error.json#0": (
        ChatCompletion,
        openai.AuthenticationError,
        "Incorrect API key",
    ),
    "voyage/pydantic-ai__test_embeddings_TestVoyageAI.test_embed_error.json#0": (
        Embedding,
        openai.BadRequestError,
        "Model nonexistent is not supported",
    ),
}


@each(ERRORS, "answer", "request")
def test_errors(driver, key):
    """OpenAI's class for the status, and the provider's words."""
    face, kind, said = ERRORS[key]
    body = asked_of(key)
    given = {name: body[name] for name in ("messages", "input") if name in body}
    model = f"{key.partition('/')[0]}/{body['model']}"
    error, script = driver.scripted(face, answer_of(key, stream=False), model=model, api_key="k", **given)
    assert isinstance(error, kind)
    assert said in str(error)
    assert script.calls[0].url == url_of(key)
    assert script.bodies[0].items() >= {"model": body["model"], **given}.items()


@each(["voyage/openllmetry__test_embed_test_voyageai_embed_legacy.json#0"], "answer", "request")
def test_voyages_embeddings(driver, key):
    """Base64 on the wire, floats for the caller; the cost is told as a total."""
    body = asked_of(key)
    params = {"model": f"voyage/{body['model']}", "input": body["input"], "api_key": "k"}
    extra = {name: body[name] for name in ("input_type", "truncation")}
    value, script = driver.scripted(Embedding, answer_of(key, stream=False), **params, extra_body=extra)
    told = [item["embedding"] for item in json.loads(body_of(key))["data"]]
    assert [packed(item.embedding) for item in value.data] == told
    assert len(value.data[0].embedding) == 512
    assert (value.usage.prompt_tokens, value.usage.total_tokens) == (18, 18)
    assert script.calls[0].url == url_of(key)
    wanted = {name: said for name, said in body.items() if said is not None}
    assert {**script.bodies[0], "encoding_format": "base64"} == wanted  # a form that only saves bytes


LLAMA = "replicate/openllmetry__test_llama_test_replicate_llama_stream_with_events_with_no_content.json"


@each([(f"{LLAMA}#0", f"{LLAMA}#1")], "answer", "request")
def test_replicates_stream(driver, key):
    """Line breaks come as lines of data, and end no event."""
    created, streamed = key
    chunks, script = driver.scripted(
        ChatCompletion,
        answer_of(created, stream=False),
        answer_of(streamed, stream=True),
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
    assert [call.url for call in script.calls] == [url_of(created), url_of(streamed)]
    assert json.loads(script.calls[0].body) == asked_of(created)


@each(["huggingface/openllmetry__test_llms_test_custom_llm.json#0"], "answer", "request")
def test_text_generation_inferences_own_wire(key):
    """What an endpoint of one's own speaks, and SageMaker's: `inputs` in, a text out."""
    recorded = asked_of(key)
    wire = TGI("m", Ledger("huggingface"), DEFAULT)
    messages = [{"role": "user", "content": recorded["inputs"]}]
    limit = recorded["parameters"]["max_new_tokens"]
    body = {"messages": messages, "max_tokens": limit, "temperature": 0}
    sent = wire.encode_request(body, stream=False)
    assert sent["inputs"] == recorded["inputs"]
    same = ("max_new_tokens", "do_sample", "return_full_text", "details")
    assert [sent["parameters"][name] for name in same] == [recorded["parameters"][name] for name in same]
    value = wire.decode_response(body_of(key), created=1)
    assert value.choices[0].message.content == json.loads(body_of(key))[0]["generated_text"]
