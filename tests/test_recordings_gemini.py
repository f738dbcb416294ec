"""Recorded traffic of the Gemini API and of Vertex AI: answers are judged by what their bytes say, requests
by the contents the recorded ones have.
"""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, runtime
from muxi_llm.models import ChatCompletion as Value
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import dumps
from tests.conftest import SHARED
from tests.support.bodies import HELLO
from tests.support.gemini import Codec

pytestmark = [
    pytest.mark.usefixtures("keys", "shared"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

RECORDINGS = SHARED / "recordings"
FOLDERS = ("gemini", "vertexai")

NOT_OURS = {
    "test_agent_stream.json#0": "Interactions API: another API of Google's",
    "multi_model_messages_True_.json#0": "Interactions API: another API of Google's",
    "TestGoogle.test_count_tokens.json#0": "countTokens: this library counts tokens itself",
    "TestGoogle.test_count_tokens_error.json#0": "countTokens: this library counts tokens itself",
    "file_search_tool_stream.json#0": "fileSearchStores: made by the caller, used by this library",
    "file_search_tool_stream.json#1": "fileSearchStores: made by the caller, used by this library",
    "file_search_tool_stream.json#2": "fileSearchStores: made by the caller, used by this library",
    "file_search_tool_stream.json#4": "fileSearchStores: made by the caller, used by this library",
    "force_download-image-google_2_5_.json#1": "the caller's own download",
    "direct-url-document-google_2_5_.json#1": "the caller's own download",
    "force_download-audio-google_gemini3_.json#2": "the caller's own download",
    "force_download-image-google_vertex_.json#2": "the caller's own download",
    "force_download-audio-google_vertex_.json#2": "the caller's own download",
    "force_download-document-google_vertex_.json#2": "the caller's own download",
}
"""Interactions that no test here replays, and why."""

ERRORS = {
    "test_model_name_suggestion_google_.json#0": (openai.NotFoundError, "NOT_FOUND", None),
    "handles_context_length_exceeded_errors.y.json#0": (openai.RateLimitError, "RESOURCE_EXHAUSTED", 48.0),
    "google-429-retry-info_json.json#0": (openai.RateLimitError, "RESOURCE_EXHAUSTED", 34.4),
    "direct-url-image-google_vertex_.json#2": (openai.BadRequestError, "INVALID_ARGUMENT", None),
}
"""Interaction → the error, its type, and the pause it asks for."""


def expected() -> dict[str, Any]:
    """What the answers say, none without the folder."""
    if not RECORDINGS.is_dir():
        return {}
    facts = json.loads((RECORDINGS / "expected.json").read_text())
    return {name: told for name, told in facts.items() if name.startswith(FOLDERS)}


def interactions() -> dict[str, dict[str, Any]]:
    """Every recorded interaction by `folder/file#number`."""
    files = sorted(file for folder in FOLDERS for file in (RECORDINGS / folder).glob("*.json"))
    return {
        f"{file.parent.name}/{file.name}#{index}": interaction
        for file in files
        for index, interaction in enumerate(json.loads(file.read_text())["interactions"])
    }


EXPECTED, ALL = expected(), interactions()
every_answer = pytest.mark.parametrize("name", EXPECTED, ids=lambda name: name.partition("__")[2][-70:])


def body_of(name: str) -> bytes:
    """A reply's body."""
    body = ALL[name]["response"]["body"]
    return body.encode() if isinstance(body, str) else dumps(body)


def answered(body: bytes, *, stream: bool) -> Value:
    """The value that this library makes of a reply; streams arrive in pieces of odd sizes."""
    pieces = [body[at : at + 997] for at in range(0, len(body), 997)]
    answer = Answer(chunks=pieces) if stream else Answer(content=body)
    params = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    with runtime.using(Scripted(answer)):
        value = ChatCompletion.create(model="google/gemini-3-flash-preview", messages=HELLO, **params)
        return collect(value) if stream else value


def test_every_recording_is_accounted_for():
    """An answer, an error, or named with the reason why it is neither."""
    known = [*EXPECTED, *ERRORS, *NOT_OURS]
    assert [name for name in ALL if not any(name.endswith(ending) for ending in known)] == []


@every_answer
def test_an_answer_says_what_its_bytes_say(name):
    """Text, calls, the reason to finish, and the cost."""
    right = EXPECTED[name]
    value = answered(body_of(name), stream=right["stream"])
    choice = value.choices[0]
    calls = choice.message.tool_calls or ()
    facts = {
        "text": choice.message.content or "",
        "tool_calls": [[made.function.name, json.loads(made.function.arguments)] for made in calls],
        "finish": choice.finish_reason,
        "usage": [value.usage.prompt_tokens, value.usage.completion_tokens],
    }
    assert facts == {fact: right[fact] for fact in facts}
    assert choice["native_finish_reason"] == "STOP"
    assert value.usage.total_tokens == sum(facts["usage"])
    assert len({made.id for made in calls}) == len(calls)


@pytest.mark.parametrize("ending", ERRORS)
def test_an_error_is_openais(ending):
    """Its class by the status, Google's name of it, and the pause from the body's details."""
    kind, named, pause = ERRORS[ending]
    (name,) = (name for name in ALL if name.endswith(ending))
    body = ALL[name]["response"]["body"]
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


def turns_of(name: str) -> list[dict[str, Any]]:
    """The recorded contents, those of one role put together, as the API reads them."""
    turns: list[dict[str, Any]] = []
    for content in camel(ALL[name]["request"]["body"]["contents"]):
        if turns and turns[-1]["role"] == content["role"]:
            turns[-1]["parts"] += content["parts"]
        else:
            turns.append(content)
    return turns


def replayed(name: str) -> list[dict[str, Any]]:
    """The contents this library sends after it has read the answers that led to a request."""
    file, _, last = name.partition("#")
    earlier = [f"{file}#{index}" for index in range(int(last)) if f"{file}#{index}" in EXPECTED]
    answers = iter([answered(body_of(one), stream=EXPECTED[one]["stream"]) for one in earlier])
    messages: list[Any] = []
    for turn in turns_of(name):
        if turn["role"] == "model":
            messages.append(next(answers).choices[0].message.model_dump(exclude_none=True))
        else:
            messages += users(turn, messages)
    return Codec(messages, model=ALL[name]["request"]["url"].rpartition("/")[2].partition(":")[0]).out[
        "contents"
    ]


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


def essence(turns: list[dict[str, Any]]) -> list[Any]:
    """What a conversation says: everything but the ids, which are each library's own."""
    for turn in turns:
        for part in turn["parts"]:
            for kind in ("functionCall", "functionResponse"):
                part.get(kind, {}).pop("id", None)
    return turns


CONVERSATIONS = [
    name
    for name in ALL
    if "contents" in (ALL[name]["request"] or {}).get("body", "")
    and "countTokens" not in ALL[name]["request"]["url"]
    and "MASSIVE" not in str(ALL[name]["request"])
]
every_request = pytest.mark.parametrize("name", CONVERSATIONS, ids=lambda name: name.partition("__")[2][-70:])


@every_request
def test_a_conversation_goes_back_as_it_came(name):
    """Answers read and sent back: the same contents as the recorded request has, media included."""
    assert essence(replayed(name)) == essence(turns_of(name))


@every_request
def test_a_request_asks_for_what_the_recorded_one_asks(name):
    """Functions, system text and configuration, from what the chat form would have said."""
    recorded = camel(ALL[name]["request"]["body"])
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
        **asked(config),
    ).out
    assert [said["text"] for said in out.get("systemInstruction", {}).get("parts", ())] == [
        said["content"] for said in before
    ]
    assert functions(out.get("tools", [])) == functions(tools)
    assert out.get("generationConfig", {}) == config


def asked(config: dict[str, Any]) -> dict[str, Any]:
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
