"""Recorded answers of Bedrock and SageMaker, read by this library and judged by what their bytes say.

Converse is the wire of `bedrock/...`, whatever the model. Recordings of other wires there (InvokeModel with
Anthropic's body, the Responses API of the "mantle" endpoint) are read with the codec they are in.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import openai
import pytest

from muxi_llm import Completion, runtime
from muxi_llm.models import ChatCompletion as Value
from muxi_llm.providers.profiles import profile_of
from muxi_llm.transport.scripted import Scripted
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.anthropic.messages import AnthropicMessages
from muxi_llm.wire.aws.eventstream import EventStreamDecoder
from muxi_llm.wire.base import Ledger
from muxi_llm.wire.responses.responses import OpenAIResponses
from tests.support.anthropic import result, tool, user
from tests.support.aws import Codec, botocores_frames
from tests.support.bodies import HELLO
from tests.support.recordings import (
    answer_of,
    answered,
    asked,
    asked_of,
    body_of,
    each,
    events_of,
    expected,
    expected_facts,
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

ALL = [
    key for key in interactions() if key.startswith(("bedrock/", "sagemaker/")) or "/converse" in url_of(key)
]


def those(*, path: str, error: bool = False) -> list[str]:
    """The recordings whose URL holds *path*."""
    return [key for key in ALL if path in url_of(key) and (status_of(key) >= 400) is error]


def read(key: str) -> Value:
    """The value that this library makes of a reply of Converse."""
    return answered(
        key,
        "bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        stream="stream" in url_of(key),
        api_key="key",
        base_url="https://bedrock-runtime.us-east-1.amazonaws.com",
    )


# ---------------------------------------------------------------------------------------- Converse


@each(those(path="/converse"), "answer")
def test_an_answer_says_what_its_bytes_say(key):
    """Text, calls, the reason to finish (ours and theirs), and the cost."""
    value = read(key)
    assert facts_of(value) == expected_facts(key)
    assert value.choices[0]["native_finish_reason"] == expected()[key]["provider_finish"]


@each(those(path="/converse"), "answer")
def test_an_answer_sent_back_is_the_one_that_came(key):
    """Block by block: signatures and secrets verbatim, citations and order kept."""
    message = read(key).choices[0].message.model_dump()
    if "stream" in url_of(key):
        blocks = streamed_blocks(key)
    else:
        blocks = [told(block) for block in json.loads(body_of(key))["output"]["message"]["content"]]
    calls = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
    sent = Codec([user(), message, *(result("r", call) for call in calls), user("and?")], tools=[tool("x")])
    assert sent.out["messages"][1]["content"] == blocks


def streamed_blocks(key: str) -> list[dict[str, Any]]:
    """The content of a streamed answer, its deltas added up: text, and thinking that is kept secret."""
    blocks: dict[int, dict[str, Any]] = {}
    for headers, payload in botocores_frames(body_of(key)):
        if headers[":event-type"] == "contentBlockDelta":
            event = json.loads(payload)
            (kind, piece), *others = event["delta"].items()
            assert not others
            if kind == "text":
                block = blocks.setdefault(event["contentBlockIndex"], {"text": ""})
                block["text"] += piece
            else:
                assert piece.keys() == {"redactedContent"}
                blocks[event["contentBlockIndex"]] = {kind: piece}
    return [blocks[index] for index in sorted(blocks)]


def told(block: dict[str, Any]) -> dict[str, Any]:
    """*block* as a request has it: `type` is a mark of replies."""
    if "toolUse" in block:
        return {"toolUse": {key: value for key, value in block["toolUse"].items() if key != "type"}}
    return block


@each([*those(path="/converse", error=True), *those(path="/count-tokens", error=True)], "answer")
def test_a_refusal_is_openais_error(key):
    """By its status, in AWS's words."""
    with pytest.raises(openai.APIStatusError) as caught:
        read(key)
    assert caught.value.status_code == status_of(key)
    assert json.loads(body_of(key))["message"] in str(caught.value)
    kind = answer_of(key, stream=False).headers.get("x-amzn-errortype", "").partition(":")[0]
    assert caught.value.code == (kind or None)


# ---------------------------------------------------------------------------------------- requests


CONVERSED = [key for key in asked(ALL) if "/converse" in url_of(key)]


@each(CONVERSED, "request")
def test_a_request_asks_for_what_the_recorded_one_asks(key):
    """Said in the chat form, it comes out as it was recorded."""
    recorded = asked_of(key)
    system = [{"role": "system", "content": parts_of(recorded["system"])}] if recorded.get("system") else []
    given = {name: translate(recorded[name]) for name, translate in TRANSLATED.items() if recorded.get(name)}
    params = {name: value for one in given.values() for name, value in one.items()}
    fields = recorded.get("additionalModelRequestFields", {})  # a caller gives them as they are
    messages = [*system, *(said for turn in recorded["messages"] for said in messages_of(turn))]
    model = url_of(key).partition("/model/")[2].rpartition("/")[0].replace("%3A", ":")
    out = Codec(messages, model=model, native=fields, **params).out
    assert plain(out) == plain(recorded)


def messages_of(turn: dict[str, Any]) -> list[dict[str, Any]]:
    """A turn as messages of the chat form."""
    if turn["role"] == "assistant":
        return [assistants(turn["content"])]
    results = [block["toolResult"] for block in turn["content"] if "toolResult" in block]
    said = parts_of([block for block in turn["content"] if "toolResult" not in block])
    told = [
        {"role": "tool", "tool_call_id": made["toolUseId"], "content": parts_of(made["content"])}
        for made in results
    ]
    return [*told, *([{"role": "user", "content": said}] if said else [])]


def parts_of(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks as parts of the chat form, where the cache is a mark on what comes before."""
    parts: list[dict[str, Any]] = []
    for block in blocks:
        if "cachePoint" in block:
            parts[-1]["cache_control"] = {"type": "ephemeral"}
        else:
            parts.append(part_of(block))
    return parts


def assistants(blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """What the model said, as a message: its thinking as Anthropic has it."""
    told: dict[str, Any] = {"role": "assistant"}
    for block in blocks:
        if "text" in block:
            told["content"] = told.get("content", "") + block["text"]
        elif "toolUse" in block:
            made = block["toolUse"]
            function = {"name": made["name"], "arguments": json.dumps(made["input"])}
            told.setdefault("tool_calls", []).append(
                {"type": "function", "id": made["toolUseId"], "function": function}
            )
        else:
            thought = block["reasoningContent"]["reasoningText"]
            kept = {"type": "thinking", "thinking": thought["text"], "signature": thought["signature"]}
            told.setdefault("thinking_blocks", []).append(kept)
    return told


def part_of(block: dict[str, Any]) -> dict[str, Any]:
    """A block as a part of the chat form."""
    ((kind, held),) = block.items()
    if kind == "text":
        return {"type": "text", "text": held}
    if kind == "searchResult":
        texts = [{"type": "text", "text": part["text"]} for part in held["content"]]
        return {"type": "search_result", **held, "content": texts}
    if "text" in held["source"]:
        source = {"type": "text", "media_type": "text/plain", "data": held["source"]["text"]}
        return {"type": "document", "source": source, "title": held["name"], "citations": held["citations"]}
    url = held["source"]["s3Location"]["uri"]
    if kind == "video":
        return {"type": "video_url", "video_url": {"url": url}}
    return {"type": "file", "file": {"file_data": url, "filename": held["name"]}}


def tools_of(config: dict[str, Any]) -> dict[str, Any]:
    """`tools` and `tool_choice`."""
    functions = [
        {
            **{name: said for name, said in one["toolSpec"].items() if name != "inputSchema"},
            "parameters": one["toolSpec"]["inputSchema"]["json"],
        }
        for one in config["tools"]
        if "toolSpec" in one
    ]
    given: dict[str, Any] = {"tools": [{"type": "function", "function": function} for function in functions]}
    ((choice, named),) = config.get("toolChoice", {"": {}}).items()
    if choice:
        named_one = {"type": "function", "function": named}
        given["tool_choice"] = {"auto": "auto", "any": "required"}.get(choice, named_one)
    return given


def format_of(config: dict[str, Any]) -> dict[str, Any]:
    """`response_format`."""
    spec = config["textFormat"]["structure"]["jsonSchema"]
    spec = {**spec, "schema": json.loads(spec["schema"])}
    return {"response_format": {"type": "json_schema", "json_schema": spec}}


TRANSLATED = {"toolConfig": tools_of, "outputConfig": format_of, "inferenceConfig": dict}


def plain(body: dict[str, Any]) -> dict[str, Any]:
    """*body* without what says nothing: empty lists, and that a tool did not fail."""
    told: dict[str, Any] = json.loads(json.dumps(body))
    for turn in told["messages"]:
        for block in turn["content"]:
            block.get("toolResult", {}).pop("status", None)
    if "outputConfig" in told:
        spec = told["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
        spec["schema"] = json.loads(spec["schema"])
    config = told.get("toolConfig", {})
    if config.get("toolChoice") == {"auto": {}}:
        del config["toolChoice"]
    return {name: said for name, said in told.items() if said not in ([], {})}


# -------------------------------------------------------------------------------------- other wires


@each(those(path="/invoke"), "answer")
def test_invoke_model_with_anthropics_body(key):
    """Frames as botocore reads them; in them, one by one, Anthropic's events."""
    frames = EventStreamDecoder().feed(body_of(key))
    assert [(frame.headers, frame.payload) for frame in frames] == botocores_frames(body_of(key))
    events = [base64.b64decode(json.loads(frame.payload)["bytes"]) for frame in frames]
    wire = AnthropicMessages("claude-sonnet-4-5", Ledger("bedrock"), profile_of("claude-sonnet-4-5"))
    decoder = wire.stream_decoder(created=1)
    chunks = [chunk for event in events for chunk in decoder.feed(b"data: " + event + b"\n\n")]
    value = collect([*chunks, *decoder.finish()])
    raws = [json.loads(event) for event in events]
    texts = [raw["delta"].get("text", "") for raw in raws if raw["type"] == "content_block_delta"]
    assert (value.choices[0].message.content or "") == "".join(texts)
    (reason,) = [raw["delta"]["stop_reason"] for raw in raws if raw["type"] == "message_delta"]
    assert value.choices[0]["native_finish_reason"] == reason


@each(those(path="/invoke", error=True), "answer")
def test_invoke_model_refused(key):
    fault = Codec().wire.decode_fault(status_of(key), body_of(key))
    assert (fault.status, fault.message) == (400, json.loads(body_of(key))["message"])


@each(those(path="bedrock-mantle"), "answer")
def test_the_mantles_responses(key):
    """OpenAI's own wire, which `openai/...` speaks with that endpoint as its base URL."""
    wire = OpenAIResponses("m", Ledger("openai"), profile_of("m"))
    if body_of(key).startswith(b"{"):
        value = wire.decode_response(body_of(key), created=1)
        assert json.loads(value.choices[0].message.content) == {"city": "Paris", "country": "France"}
        return
    wire.encode_request({"messages": HELLO, "stream_options": {"include_usage": True}}, stream=True)
    decoder = wire.stream_decoder(created=1)
    value = collect([*decoder.feed(body_of(key)), *decoder.finish()])
    (completed,) = [e["response"] for e in events_of(key) if e["type"] == "response.completed"]
    calls = [item["name"] for item in completed["output"] if item["type"] == "function_call"]
    assert [made.function.name for made in value.choices[0].message.tool_calls or ()] == calls
    assert value.usage.prompt_tokens == completed["usage"]["input_tokens"]


@each(those(path="sagemaker"), "answer", "request")
def test_sagemakers_answers(key):
    """Text Generation Inference's; the prompt it repeats is none of the answer."""
    recorded = asked_of(key)
    prompt, parameters = recorded["inputs"], recorded["parameters"]
    with runtime.using(Scripted(answer_of(key, stream=False))) as script:
        value = Completion.create(
            model="sagemaker/my-llama2-endpoint",
            prompt=prompt,
            max_tokens=parameters["max_new_tokens"],
            temperature=parameters["temperature"],
            top_p=parameters["top_p"],
            base_url="https://runtime.sagemaker.us-east-1.amazonaws.com",
            extra_headers={"Authorization": "recorded"},
        )
    said = json.loads(body_of(key))[0]["generated_text"]
    assert said == prompt + value.choices[0].text
    assert value.choices[0].text.startswith("  Thank you for asking!")
    assert script.calls[0].url == url_of(key)
    assert script.bodies[0]["inputs"] == prompt
    assert parameters.items() <= script.bodies[0]["parameters"].items()
