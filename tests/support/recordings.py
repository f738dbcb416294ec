"""Recorded traffic of real providers: its interactions, their bodies, what they say; and what is not replayed.

An interaction's key is `folder/file.json#number`. A test takes keys by `each`, which says what it compares;
`tests/recordings.py` makes the report of it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from muxi_llm import ChatCompletion as ChatCompletionFace
from muxi_llm import runtime
from muxi_llm.models import ChatCompletion
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import dumps
from tests.conftest import SHARED
from tests.support.bodies import HELLO

Json = dict[str, Any]
RECORDINGS = SHARED / "recordings"

# ------------------------------------------------------------------------------------------- what there is


@cache
def index() -> dict[str, Json]:
    """File → what is known of it. Empty where the folder is not, as everything here."""
    return {row["file"]: row for row in _read("index.json")}


@cache
def interactions() -> dict[str, Json]:
    """Key → request (or null) and response."""
    return {
        f"{file}#{number}": interaction
        for file in index()
        for number, interaction in enumerate(_read(file)["interactions"])
    }


@cache
def expected() -> dict[str, Json]:
    """Key → what the answer says by its bytes, those rows put right that are known to be wrong."""
    rows: dict[str, Json] = _read("expected.json")
    return {key: {**row, **_correction(key, row)} for key, row in rows.items()}


def _read(name: str) -> Any:
    path = RECORDINGS / name
    return json.loads(path.read_text()) if path.is_file() else {}


def _correction(key: str, row: Json) -> Json:
    right, _why = CORRECTED.get(key, ({}, ""))
    if right is None:
        right = plainly_read(body_of(key))
    assert not right or {**row, **right} != row, f"{key} is right by now"
    return right


def of_kind(*kinds: str, stream: bool | None = None) -> list[str]:
    """The answers of an API that the expectations tell of."""
    return [
        key
        for key, row in expected().items()
        if row["kind"] in kinds and (stream is None or row["stream"] == stream)
    ]


def asks(key: str) -> bool:
    """Whether there is a request."""
    return interactions()[key]["request"] is not None


def url_of(key: str) -> str:
    """Where the request went; nothing where none was recorded."""
    return str((interactions()[key]["request"] or {}).get("url", ""))


def asked_of(key: str) -> Json:
    """The request's body, to keep."""
    body = interactions()[key]["request"]["body"]
    return json.loads(body) if isinstance(body, str) else deepcopy(body)


def status_of(key: str) -> int:
    return int(interactions()[key]["response"]["status"])


def body_of(key: str) -> bytes:
    """The reply's bytes. A stream that was kept as its data alone, an event a line, is a stream again."""
    body = interactions()[key]["response"]["body"]
    if isinstance(body, dict) and "__b64__" in body:
        return base64.b64decode(body["__b64__"])
    if not isinstance(body, str):
        return dumps(body)
    if not asks(key):
        return b"".join(b"data: " + line.encode() + b"\n\n" for line in body.splitlines() if line)
    looks_like_text = any(mark in body for mark in ("{", "data:"))
    return body.encode() if looks_like_text else base64.b64decode(body)


def events_of(key: str) -> list[Json]:
    """The data of a stream's events, those that are JSON."""
    lines = body_of(key).decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def answer_of(key: str, *, stream: bool) -> Answer:
    """The reply as it came; a stream in pieces of odd sizes."""
    headers = {name.lower(): value for name, value in interactions()[key]["response"]["headers"].items()}
    data = body_of(key)
    chunks = pieces(data) if stream and status_of(key) < 400 else None
    return Answer(status_of(key), chunks=chunks, content=data, headers=headers)


def answered(key: str, model: str, *, stream: bool, **params: Any) -> ChatCompletion:
    """The value that this library makes of a reply."""
    if stream:
        params.update(stream=True, stream_options={"include_usage": True})
    with runtime.using(Scripted(answer_of(key, stream=stream))):
        value = ChatCompletionFace.create(model=model, messages=HELLO, retries=0, **params)
        return collect(value) if stream else value


def pieces(data: bytes, size: int = 97) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


# -------------------------------------------------------------------------------------- what answers say


def facts_of(value: ChatCompletion) -> Json:
    """Text, calls, the reason to finish and the cost, in the expectations' columns."""
    choice, usage = value.choices[0], value.usage
    return {
        "text": choice.message.content or "",
        "tool_calls": [
            [call.function.name, json.loads(call.function.arguments) if call.function.arguments else ""]
            for call in choice.message.tool_calls or ()
        ],
        "finish": choice.finish_reason,
        "usage": [usage.prompt_tokens, usage.completion_tokens] if usage else [None, None],
    }


def expected_facts(key: str) -> Json:
    """The same columns of the expectations; of OpenAI's bytes, where there is no row."""
    row = expected().get(key) or plainly_read(body_of(key))
    return {column: row[column] for column in COLUMNS}


COLUMNS = ("text", "tool_calls", "finish", "usage")


def plainly_read(data: bytes) -> Json:
    """The columns of OpenAI's answer, or of its stream, read in the simplest way."""
    if data.startswith(b"{"):
        raws = [json.loads(data)]
    else:
        raws = [json.loads(line[6:]) for line in data.decode().splitlines() if line.startswith("data: {")]
    choices = [choice for raw in raws for choice in raw["choices"]]
    said = [choice["delta"] if "delta" in choice else choice["message"] for choice in choices]
    calls: dict[int, list[str]] = {}
    for at, call in (one for message in said for one in enumerate(message.get("tool_calls") or ())):
        made = calls.setdefault(call.get("index", at), ["", ""])
        made[0] += call["function"].get("name") or ""
        made[1] += call["function"].get("arguments") or ""
    usage = [raw["usage"] for raw in raws if raw.get("usage")][-1]
    return {
        "text": "".join(message.get("content") or "" for message in said),
        "tool_calls": [[name, json.loads(arguments or "{}")] for name, arguments in calls.values()],
        "finish": [choice["finish_reason"] for choice in choices if choice.get("finish_reason")][-1],
        "usage": [usage["prompt_tokens"], usage["completion_tokens"]],
    }


def meaning(value: Any) -> Any:
    """*value*, part of a request, without what says nothing, and a text alone as a string."""
    if isinstance(value, list):
        if len(value) == 1 and isinstance(value[0], dict) and value[0].keys() == {"type", "text"}:
            return value[0]["text"]
        return [meaning(item) for item in value]
    if not isinstance(value, dict):
        return value
    told = {name: meaning(item) for name, item in value.items()}
    return {
        name: item for name, item in told.items() if not (item is None or item is False or item in ("", []))
    }


# ------------------------------------------------------------------------------------- who replays what


DECLARED: dict[str, set[str]] = {"answer": set(), "request": set()}
"""What `each` was told by the modules imported so far: side → keys."""


def each(keys: Iterable[Any], *sides: str) -> Callable[[Any], Any]:
    """Parametrizes a test with keys (or tuples of them). sides: what it compares, `answer` or `request`.

    Without the folder the one case is skipped by the `shared` fixture, loudly; with it, no key is a failure.
    """
    keys = [*keys] or ["(no recordings)"]
    for side in sides:
        DECLARED[side] |= {name for key in keys for name in _names(key)}

    def mark(test: Any) -> Any:
        test.sides = sides
        return pytest.mark.parametrize("key", keys, ids=_short)(test)

    return mark


def _names(key: Any) -> tuple[str, ...]:
    return key if isinstance(key, tuple) else (key,)


def _short(key: Any) -> str:
    return _names(key)[-1].partition("__")[2][-70:]


def replays(item: pytest.Item) -> tuple[tuple[str, ...], set[str]]:
    """What a test compares, and of which interactions."""
    params = getattr(getattr(item, "callspec", None), "params", {})
    return getattr(getattr(item, "function", None), "sides", ()), {*_names(params.get("key"))}


def place_of(key: str) -> str:
    """What the patterns below are looked for in: key, method, URL."""
    request = interactions()[key]["request"]
    return f"{key} {request['method'].upper()} {request['url']}" if request else key


def found(table: dict[str, str], key: str) -> str | None:
    """The row of a table of patterns that speaks of an interaction."""
    return next((told for pattern, told in table.items() if re.search(pattern, place_of(key))), None)


def asked(keys: Iterable[str]) -> list[str]:
    """Those whose requests can be compared."""
    return [key for key in keys if key in interactions() and asks(key) and not found(NOT_ASKED, key)]


# ------------------------------------------------------------------------------------------------ tables

SERVER_TOOL = (
    "a server tool ran: input_tokens of the last event are cumulative, those of the first came before"
)
CITED = "its text is in citationsContent, which the bytes' first reading passed over"
NOT_OPENAIS = "the finish reason is told as it came, which is none of OpenAI's"
NOT_LOOKED_INTO = "the body is base64, which was not decoded: all columns are empty"

NOT_AN_ANSWER = (
    "groq/pydantic-ai__test_groq_test_tool_use_failed_error_streaming.json#0",
    "groq/pydantic-ai__test_groq_test_tool_use_failed_error_streaming_with_text.json#0",
)

CORRECTED: dict[str, tuple[Json | None, str]] = {
    **dict.fromkeys(
        NOT_AN_ANSWER, ({}, "the stream ends in an error object, which is taken for an empty answer")
    ),
    "anthropic/chatlas__test_echo_display_providers_test_anthropic_fetch_panel.json#0": (
        {"usage": [3727, 115]},
        SERVER_TOOL,
    ),
    "anthropic/pydantic-ai__test_anthropic_test_anthropic_advisor_tool_stream.json#0": (
        {"usage": [2411, 145]},
        SERVER_TOOL,
    ),
    "bedrock/ruby_llm__chat_citations_with_bedrock_claude-haiku-4-5_cites_text_documents_in_responses.json#0": (
        {"text": "The Ruby programming language was created by Yukihiro Matsumoto in 1993."},
        CITED,
    ),
    "bedrock/ruby_llm__chat_citations_with_bedrock_claude-haiku-4-5_cites_tool_results_returned_as_search_results.json#1": (
        {"text": "Ruby was created by Yukihiro Matsumoto in 1993."},
        CITED,
    ),
    **dict.fromkeys(
        (
            "snowflake/pydantic-ai__test_snowflake_test_snowflake_thinking.json#0",
            "snowflake/pydantic-ai__test_snowflake_test_snowflake_tool_calling.json#0",
        ),
        ({"finish": "tool_calls"}, NOT_OPENAIS),
    ),
    **dict.fromkeys(
        (
            "snowflake/pydantic-ai__test_snowflake_test_snowflake_thinking.json#1",
            "snowflake/pydantic-ai__test_snowflake_test_snowflake_tool_calling.json#1",
            "snowflake/pydantic-ai__test_snowflake_test_snowflake_model_simple.json#0",
            "snowflake/pydantic-ai__test_snowflake_test_snowflake_model_streaming.json#0",
            "snowflake/pydantic-ai__test_snowflake_test_snowflake_llama.json#0",
        ),
        ({"finish": "stop"}, NOT_OPENAIS),
    ),
    **dict.fromkeys(
        (
            "together/openllmetry__test_chat_test_together_chat_legacy.json#0",
            "together/openllmetry__test_chat_test_together_chat_with_events_with_content.json#0",
        ),
        ({"finish": "stop"}, NOT_OPENAIS),
    ),
    **dict.fromkeys(
        (
            "azure/ruby_llm__g_azure_grok-4-1-fast-non-reasoning_can_use_tools_without_parameters_in_multi-turn_streaming_conversations.json#3",
            "deepseek/ruby_llm__chat_function_calling_deepseek_deepseek-chat_can_use_tools_with_multi-turn_streaming_conversations.json#1",
            "deepseek/ruby_llm__chat_function_calling_deepseek_deepseek-chat_can_use_tools_with_multi-turn_streaming_conversations.json#3",
            "ollama_cloud/ruby_llm__chat_function_calling_ollama_cloud_gpt-oss_120b_can_use_tools_with_multi-turn_streaming_conversations.json#1",
            "ollama_cloud/ruby_llm__chat_function_calling_ollama_cloud_gpt-oss_120b_can_use_tools_with_multi-turn_streaming_conversations.json#3",
            "openrouter/ruby_llm__chat_openrouter_reasoning_details_round-trip_accumulates_reasoning_details_while_streaming_tool_calls.json#1",
            "perplexity/ruby_llm__chat_streaming_responses_perplexity_sonar_supports_streaming_responses.json#0",
        ),
        (None, NOT_LOOKED_INTO),
    ),
}
"""Answer → the columns that `expected.json` has wrong, put right, and why. None: read from the bytes."""

NO_MODEL = "no model's traffic"
FILES = "files are uploaded and kept by the caller; requests here refer to them"
COUNTING = "counts tokens at the provider; this library counts them itself"
RERANK = "ranks documents: no endpoint here"
SPEECH = "speech, in or out: no endpoint here"
PICTURES = "makes pictures: no endpoint here"
IBM_OLD = "watsonx's API of 2024 (generation, projects), which its chat API replaced"

NOT_REPLAYED: dict[str, str] = {
    r" GET \S+\.(png|mp3|pdf|jpeg)$": "the recorded program's own download",
    r" https://api\.anthropic\.com/v1/files": FILES,
    r" https://generativelanguage\.googleapis\.com/(upload/)?v1beta/fileSearchStores": FILES,
    r" https://generativelanguage\.googleapis\.com/v1beta/interactions": "Google's Interactions: another API than generateContent",
    r"gemini-embedding-2-preview:countTokens": COUNTING,
    r" https://api\.cohere\.com/v1/tokenize": COUNTING,
    r" https://api\.cohere\.com/v1/chat": "Cohere's first API (JSON lines), which its second replaced",
    r"/rerank$|-reranking_": RERANK,
    r"^deepgram/|groq-transcription": SPEECH,
    r" https://api\.mistral\.ai/v1/ocr": "reads documents into Markdown: no endpoint here",
    r" https://api\.x\.ai/v1/images/edits": PICTURES,
    r"^replicate/\S+_image_generation": PICTURES,
    r" https://api\.writer\.com/v1/completions": "Writer's text generation, with answers of its own form; its chat is spoken",
    r" https://api\.dataplatform\.cloud\.ibm\.com|/ml/v4/instances|/ml/v1-beta/generation": IBM_OLD,
    r" http://localhost:8081/": f"{NO_MODEL}: an MCP server",
    r" http://localhost:8882/": f"{NO_MODEL}: a vector store",
    r" https://localhost:4320/": f"{NO_MODEL}: a telemetry agent",
}
"""Interaction (key, method, URL) → why no test replays it."""

OTHER_ENDPOINT = "an error of an endpoint that is not asked here; its form is that of all"

NOT_ASKED: dict[str, str] = {
    r"count_tokens|count-tokens|countTokens": OTHER_ENDPOINT,
    r"/invoke-with-response-stream$": "InvokeModel with Anthropic's body; Bedrock is asked by Converse",
    r" http://127\.0\.0\.1:11434/api/embeddings": "Ollama's older embeddings; the newer are asked for",
    r"effort_xhigh_unsupported_model_errors": "asks for an effort that the model refuses; less is asked for",
    r"direct-uploaded_file-(document|video)-bedrock_nova_.json#1": "files in a tool's result, which the reply refuses; ours stand beside it",
    r"rejects_interleaved_function_calls": "calls and results interleaved, which the reply refuses; ours are in order",
    r"uploaded_file-image-openai_responses_.json#1": "an image by file_id, which only Responses itself can read",
    r"failover_capability_load_and_recovery.json#[12]": "`tool_addition` blocks, a beta that the chat form refuses",
    r"search_results.json#1 POST https://api.cohere": "tool results as documents, which no chat message can say",
    r"sonnet_46_effort_without_thinking": "effort without thinking; `reasoning_effort` asks for both",
}
"""Interactions whose answers are replayed, but not their requests, and why (those apart that have none)."""
