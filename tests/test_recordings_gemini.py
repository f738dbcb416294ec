"""Recorded traffic of the Gemini API and of Vertex AI: answers are judged by what their bytes say, requests
by the contents the recorded ones have.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, runtime
from muxi_llm.models import ChatCompletion as Value
from muxi_llm.transport.scripted import Answer, Scripted
from tests.support.bodies import HELLO
from tests.support.gemini import Codec
from tests.support.recordings import (
    answered,
    asked,
    asked_of,
    body_of,
    each,
    expected,
    expected_facts,
    facts_of,
    of_kind,
    url_of,
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.usefixtures("keys", "shared"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

ERRORS = {
    "gemini/pydantic-ai__test_embeddings_TestGoogle.test_count_tokens_error.json#0": (
        openai.NotFoundError,
        "NOT_FOUND",
        None,
    ),
    "gemini/pydantic-ai__test_model_name_suggestions_test_model_name_suggestion_google_.json#0": (
        openai.NotFoundError,
        "NOT_FOUND",
        None,
    ),
    "gemini/ruby_llm__err_chat_real_error_scenarios_gemini_gemini-2_5-flash_handles_context_length_exceeded_errors.y.json#0": (
        openai.RateLimitError,
        "RESOURCE_EXHAUSTED",
        48.0,
    ),
    "gemini/vercel-ai__google-429-retry-info_json.json#0": (
        openai.RateLimitError,
        "RESOURCE_EXHAUSTED",
        34.4,
    ),
    "vertexai/pydantic-ai__test_multimodal_tool_returns_test_multimodal_tool_return_matrix_direct-url-image-google_vertex_.json#2": (
        openai.BadRequestError,
        "INVALID_ARGUMENT",
        None,
    ),
}
"""Interaction → the error, its type, and the pause it asks for."""


ANSWERS = of_kind("generateContent")


def read(key: str) -> Value:
    """The value that this library makes of a reply."""
    return answered(key, "google/gemini-3-flash-preview", stream=expected()[key]["stream"])


@each(ANSWERS, "answer")
def test_an_answer_says_what_its_bytes_say(key):
    """Text, calls, the reason to finish, and the cost."""
    value = read(key)
    calls = value.choices[0].message.tool_calls or ()
    assert facts_of(value) == expected_facts(key)
    assert value.choices[0]["native_finish_reason"] == "STOP"
    assert value.usage.total_tokens == value.usage.prompt_tokens + value.usage.completion_tokens
    assert len({made.id for made in calls}) == len(calls)


@each(ERRORS, "answer")
def test_an_error_is_openais(key):
    """Its class by the status, Google's name of it, and the pause from the body's details."""
    kind, named, pause = ERRORS[key]
    body = json.loads(body_of(key))
    script = Scripted(Answer(status=body["error"]["code"], json=body))
    with runtime.using(script), pytest.raises(kind) as caught:
        ChatCompletion.create(model="google/gemini-2.5-flash", messages=HELLO, retries=0)
    assert (caught.value.type, caught.value.retry_after) == (named, pause)


# ---------------------------------------------------------------------------------------- requests


def camel(value: Any) -> Any:
    """*value* in one spelling: other libraries write `thought_signature` as well, and base64 for URLs.
    The caller's own data and schemas stay as they are.
    """
    if isinstance(value, list):
        return [camel(item) for item in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for key, item in value.items():
        first, *rest = key.split("_")
        name = first + "".join(word.capitalize() for word in rest)
        if name in {"thoughtSignature", "data"}:
            out[name] = item.replace("-", "+").replace("_", "/")
        else:
            out[name] = item if name in {"args", "response", "properties"} else camel(item)
    return out


def turns_of(key: str) -> list[dict[str, Any]]:
    """The recorded contents, those of one role put together, as the API reads them."""
    turns: list[dict[str, Any]] = []
    for content in camel(asked_of(key)["contents"]):
        if turns and turns[-1]["role"] == content["role"]:
            turns[-1]["parts"] += content["parts"]
        else:
            turns.append(content)
    return turns


def replayed(key: str) -> list[dict[str, Any]]:
    """The contents this library sends after it has read the answers that led to a request."""
    file, _, last = key.partition("#")
    earlier = [f"{file}#{index}" for index in range(int(last)) if f"{file}#{index}" in ANSWERS]
    turns = turns_of(key)
    others = [assistants(turn) for turn in turns if turn["role"] == "model"]
    ours = [read(one).choices[0].message.model_dump(exclude_none=True) for one in earlier]
    answers = iter([*others[: len(others) - len(ours)], *ours])
    messages: list[Any] = []
    for turn in turns:
        if turn["role"] == "model":
            messages.append(next(answers))
        else:
            messages += users(turn, messages)
    model = url_of(key).rpartition("/")[2].partition(":")[0]
    return Codec(messages, model=model).out["contents"]


def assistants(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn that another model said before: what it said and called, as the chat form has it."""
    calls = [part["functionCall"] for part in turn["parts"] if "functionCall" in part]
    made = [
        {
            "type": "function",
            "id": f"call_{at}",
            "function": {"name": call["name"], "arguments": json.dumps(call["args"])},
        }
        for at, call in enumerate(calls)
    ]
    text = "".join(part.get("text", "") for part in turn["parts"])
    return {"role": "assistant", "content": text or None, **({"tool_calls": made} if made else {})}


def users(turn: dict[str, Any], before: list[Any]) -> list[dict[str, Any]]:
    """A user's turn as messages of the chat form."""
    ids = iter([call["id"] for call in (before[-1].get("tool_calls") or ())] if before else ())
    return [
        {"role": "tool", "tool_call_id": next(ids), "content": result(part["functionResponse"])}
        if "functionResponse" in part
        else {"role": "user", "content": [chat_part(part)]}
        for part in turn["parts"]
    ]


def result(response: dict[str, Any]) -> list[dict[str, Any]]:
    """A function's response as the content of a tool message."""
    text = {"type": "text", "text": json.dumps(response["response"])}
    return [text, *(chat_part(part) for part in response.get("parts", ()))]


def chat_part(part: dict[str, Any]) -> dict[str, Any]:
    """A part as the chat form has it."""
    if "text" in part:
        return {"type": "text", "text": part["text"]}
    if "fileData" in part:
        held = part["fileData"]
        return {"type": "file", "file": {"file_id": held["fileUri"], "format": held["mimeType"]}}
    held = part["inlineData"]
    return {"type": "file", "file": {"file_data": f"data:{held['mimeType']};base64,{held['data']}"}}


MARKS = (b"skip_thought_signature_validator", b"context_engineering_is_the_way_to_go")
NO_SIGNATURE = [form for mark in MARKS for form in (mark.decode(), base64.b64encode(mark).decode())]
"""https://ai.google.dev/gemini-api/docs/thought-signatures: what passes for one. The recorded
requests have it as base64.
"""


def essence(turns: list[dict[str, Any]]) -> list[Any]:
    """What a conversation says: everything but the ids, which are each library's own, which of the marks
    stands for the signature that a call of another model has not, and in how many contents one voice says it.
    """
    said: list[Any] = []
    for turn in turns:
        if said and said[-1]["role"] == turn["role"]:
            said[-1]["parts"] += turn["parts"]
        else:
            said.append({**turn, "parts": [*turn["parts"]]})
    for turn in said:
        for part in turn["parts"]:
            for kind in ("functionCall", "functionResponse"):
                part.get(kind, {}).pop("id", None)
            if part.get("thoughtSignature") in NO_SIGNATURE:
                part["thoughtSignature"] = NO_SIGNATURE[0]
    return said


CONVERSATIONS = [key for key in asked([*ANSWERS, *ERRORS]) if "countTokens" not in url_of(key)]


@each(CONVERSATIONS, "request")
def test_a_conversation_goes_back_as_it_came(key):
    """Answers read and sent back: the same contents as the recorded request has, media included."""
    assert essence(replayed(key)) == essence(turns_of(key))


@each(CONVERSATIONS, "request")
def test_a_request_asks_for_what_the_recorded_one_asks(key):
    """Functions, system text and configuration, from what the chat form would have said."""
    recorded = camel(asked_of(key))
    config = recorded.get("generationConfig") or {}
    if config.get("responseModalities") == ["TEXT"]:  # what it does anyway
        del config["responseModalities"]
    system = recorded.get("systemInstruction")
    before = [{"role": "system", "content": system["parts"][0]["text"]}] if system else []
    tools = recorded.get("tools") or []
    native = {key: recorded[key] for key in ("toolConfig",) if key in recorded}
    out = Codec(
        [*before, *HELLO],
        model="gemini-3-flash-preview",
        native=native,
        tools=[chat_tool(tool) for group in tools for tool in group.get("functionDeclarations") or [group]],
        **parameters(config),
    ).out
    assert [said["text"] for said in out.get("systemInstruction", {}).get("parts", ())] == [
        said["content"] for said in before
    ]
    assert functions(out.get("tools", [])) == functions(tools)
    assert out.get("generationConfig", {}) == config


def parameters(config: dict[str, Any]) -> dict[str, Any]:
    """A configuration in OpenAI's parameters."""
    given: dict[str, Any] = {"temperature": config["temperature"]} if "temperature" in config else {}
    if "responseJsonSchema" in config:
        config["responseJsonSchema"].pop("title", None)
        spec = {"name": "answer", "schema": config["responseJsonSchema"]}
        given["response_format"] = {"type": "json_schema", "json_schema": spec}
    if "thinkingConfig" in config:
        config["thinkingConfig"]["thinkingLevel"] = config["thinkingConfig"]["thinkingLevel"].lower()
        given["reasoning_effort"] = config["thinkingConfig"]["thinkingLevel"]
    if config.get("responseMimeType") == "text/plain":
        del config["responseMimeType"]
    return given


def chat_tool(tool: dict[str, Any]) -> dict[str, Any]:
    """A declared function as OpenAI has it; Gemini's own tools are given as they are."""
    if "name" not in tool:
        return tool
    schema = tool.get("parametersJsonSchema") or lower(tool["parameters"])
    function = {"name": tool["name"], "description": tool["description"], "parameters": schema}
    return {"type": "function", "function": function}


def lower(schema: Any) -> Any:
    """A schema of OpenAPI's kind in JSON schema's types."""
    if isinstance(schema, list):
        return [lower(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {key: value.lower() if key == "type" else lower(value) for key, value in schema.items()}


def functions(tools: list[dict[str, Any]]) -> list[Any]:
    """Each function's name, description and schema in one dialect, and the tools that are none."""
    told: list[Any] = [tool for tool in tools if "functionDeclarations" not in tool]
    for function in (one for tool in tools for one in tool.get("functionDeclarations", ())):
        schema = function.get("parametersJsonSchema") or lower(function["parameters"])
        told.append((function["name"], function.get("description", ""), schema))
    return told
