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

from muxi_llm import ChatCompletion, Completion, runtime
from muxi_llm.models import ChatCompletion as Value
from muxi_llm.providers.profiles import profile_of
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.anthropic_messages import AnthropicMessages
from muxi_llm.wire.base import Ledger, dumps
from muxi_llm.wire.eventstream import EventStreamDecoder
from muxi_llm.wire.openai_responses import OpenAIResponses
from tests.conftest import SHARED
from tests.support.anthropic import result, tool, user
from tests.support.aws import Codec, botocores_frames
from tests.support.bodies import HELLO

pytestmark = [
    pytest.mark.usefixtures("shared"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

RECORDINGS = SHARED / "recordings"

CITED = "its text is in citationsContent, which the bytes' first reading passed over"
DIFFERENT = {
    ("cites_text_documents_in_responses.json#0", "text"): (
        "The Ruby programming language was created by Yukihiro Matsumoto in 1993.",
        CITED,
    ),
    ("cites_tool_results_returned_as_search_results.json#1", "text"): (
        "Ruby was created by Yukihiro Matsumoto in 1993.",
        CITED,
    ),
}
"""Recording and fact → what is right instead of what the bytes' first reading says, and why."""

COUNTING = "count-tokens: an endpoint that no face of this library has"
NOT_REPLAYED = {
    "test_anthropic_bedrock_count_tokens_rejects_server_tools": COUNTING,
    "test_bedrock_count_tokens_error": COUNTING,
}


def interactions() -> dict[str, dict[str, Any]]:
    """What was recorded of the two services, by file and place; nothing without the folder."""
    if not RECORDINGS.is_dir():
        return {}
    found = {}
    for row in json.loads((RECORDINGS / "index.json").read_text()):
        if row["provider"] in {"bedrock", "sagemaker"} or "converse" in row["apis"]:
            for index, each in enumerate(json.loads((RECORDINGS / row["file"]).read_text())["interactions"]):
                found[f"{row['file']}#{index}"] = each
    return found


ALL = interactions()
EXPECTED = json.loads((RECORDINGS / "expected.json").read_text()) if ALL else {}


def url(name: str) -> str:
    return str(ALL[name]["request"]["url"])


def status(name: str) -> int:
    return int(ALL[name]["response"]["status"])


def body(name: str) -> bytes:
    raw = ALL[name]["response"]["body"]
    if isinstance(raw, dict) and "__b64__" in raw:
        return base64.b64decode(raw["__b64__"])
    return raw.encode() if isinstance(raw, str) else dumps(raw)


def those(*, path: str, error: bool = False) -> Any:
    """The recordings whose URL holds *path*."""
    names = [name for name in ALL if path in url(name) and (status(name) >= 400) is error]
    return pytest.mark.parametrize("name", names, ids=lambda name: name.partition("__")[2][-70:])


def scripted(name: str) -> Scripted:
    """The recorded reply, a stream in pieces of odd sizes."""
    headers = {key.lower(): value for key, value in ALL[name]["response"]["headers"].items()}
    data = body(name)
    pieces = [data[at : at + 97] for at in range(0, len(data), 97)]
    streamed = "stream" in url(name) and status(name) < 400
    return Scripted(Answer(status(name), chunks=pieces if streamed else None, content=data, headers=headers))


def answered(name: str) -> Value:
    """The value that this library makes of a reply of Converse."""
    stream = "stream" in url(name)
    params = {"stream": True, "stream_options": {"include_usage": True}} if stream else {}
    with runtime.using(scripted(name)):
        value = ChatCompletion.create(
            model="bedrock/us.anthropic.claude-sonnet-4-5-20250929-v1:0",
            messages=HELLO,
            api_key="key",
            base_url="https://bedrock-runtime.us-east-1.amazonaws.com",
            retries=0,
            **params,
        )
        return collect(value) if stream else value


def test_every_recording_is_read_or_told():
    """By one of the tests below, or in the table above, with the reason."""
    read = {name for name in ALL if any(path in url(name) for path in ("/converse", "/invo", "/responses"))}
    left = {name for name in ALL if name not in read and "api.anthropic.com" not in url(name)}
    assert {reason for reason in NOT_REPLAYED if any(reason in name for name in left)} == {*NOT_REPLAYED}
    assert len(left) == len(NOT_REPLAYED)


# ---------------------------------------------------------------------------------------- Converse


@those(path="/converse")
def test_an_answer_says_what_its_bytes_say(name):
    """Text, calls, the reason to finish (ours and theirs), and the cost."""
    expected = dict(EXPECTED[name])
    value = answered(name)
    choice = value.choices[0]
    facts = {
        "text": choice.message.content or "",
        "tool_calls": [
            [made.function.name, json.loads(made.function.arguments)]
            for made in choice.message.tool_calls or ()
        ],
        "finish": choice.finish_reason,
        "provider_finish": choice["native_finish_reason"],
        "usage": [value.usage.prompt_tokens, value.usage.completion_tokens],
    }
    for (ending, fact), (right, _why) in DIFFERENT.items():
        if name.endswith(ending):
            assert expected[fact] != right
            expected[fact] = right
    assert facts == {fact: expected[fact] for fact in facts}


@those(path="/converse")
def test_an_answer_sent_back_is_the_one_that_came(name):
    """Block by block: signatures and secrets verbatim, citations and order kept."""
    message = answered(name).choices[0].message.model_dump()
    if "stream" in url(name):
        blocks = streamed_blocks(name)
    else:
        blocks = [told(block) for block in json.loads(body(name))["output"]["message"]["content"]]
    calls = [block["toolUse"]["toolUseId"] for block in blocks if "toolUse" in block]
    sent = Codec([user(), message, *(result("r", each) for each in calls), user("and?")], tools=[tool("x")])
    assert sent.out["messages"][1]["content"] == blocks


def streamed_blocks(name: str) -> list[dict[str, Any]]:
    """The content of a streamed answer, its deltas added up: text, and thinking that is kept secret."""
    blocks: dict[int, dict[str, Any]] = {}
    for headers, payload in botocores_frames(body(name)):
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


@those(path="/converse", error=True)
def test_a_refusal_is_openais_error(name):
    """By its status, in AWS's words."""
    with pytest.raises(openai.APIStatusError) as caught:
        answered(name)
    assert caught.value.status_code == status(name)
    assert json.loads(body(name))["message"] in str(caught.value)
    kind = scripted_type(name)
    assert caught.value.code == kind


def scripted_type(name: str) -> str | None:
    headers = {key.lower(): value for key, value in ALL[name]["response"]["headers"].items()}
    return headers.get("x-amzn-errortype", "").partition(":")[0] or None


# -------------------------------------------------------------------------------------- other wires


@those(path="/invoke")
def test_invoke_model_with_anthropics_body(name):
    """Frames as botocore reads them; in them, one by one, Anthropic's events."""
    frames = EventStreamDecoder().feed(body(name))
    assert [(each.headers, each.payload) for each in frames] == botocores_frames(body(name))
    events = [base64.b64decode(json.loads(each.payload)["bytes"]) for each in frames]
    wire = AnthropicMessages("claude-sonnet-4-5", Ledger("bedrock"), profile_of("claude-sonnet-4-5"))
    decoder = wire.stream_decoder(created=1)
    chunks = [chunk for event in events for chunk in decoder.feed(b"data: " + event + b"\n\n")]
    value = collect([*chunks, *decoder.finish()])
    raws = [json.loads(event) for event in events]
    texts = [raw["delta"].get("text", "") for raw in raws if raw["type"] == "content_block_delta"]
    assert (value.choices[0].message.content or "") == "".join(texts)
    (reason,) = [raw["delta"]["stop_reason"] for raw in raws if raw["type"] == "message_delta"]
    assert value.choices[0]["native_finish_reason"] == reason


@those(path="/invoke", error=True)
def test_invoke_model_refused(name):
    fault = Codec().wire.decode_fault(status(name), body(name))
    assert (fault.status, fault.message) == (400, json.loads(body(name))["message"])


@those(path="bedrock-mantle")
def test_the_mantles_responses(name):
    """OpenAI's own wire, which `openai/...` speaks with that endpoint as its base URL."""
    wire = OpenAIResponses("m", Ledger("openai"), profile_of("m"))
    if isinstance(ALL[name]["response"]["body"], dict):
        value = wire.decode_response(body(name), created=1)
        assert json.loads(value.choices[0].message.content) == {"city": "Paris", "country": "France"}
        return
    wire.encode_request({"messages": HELLO, "stream_options": {"include_usage": True}}, stream=True)
    decoder = wire.stream_decoder(created=1)
    value = collect([*decoder.feed(body(name)), *decoder.finish()])
    done = [json.loads(line[6:]) for line in body(name).decode().splitlines() if line.startswith("data: {")]
    (completed,) = [each["response"] for each in done if each["type"] == "response.completed"]
    calls = [item["name"] for item in completed["output"] if item["type"] == "function_call"]
    assert [made.function.name for made in value.choices[0].message.tool_calls or ()] == calls
    assert value.usage.prompt_tokens == completed["usage"]["input_tokens"]


@those(path="sagemaker")
def test_sagemakers_answers(name):
    """Text Generation Inference's; the prompt it repeats is none of the answer."""
    asked = ALL[name]["request"]["body"]
    prompt = asked["inputs"] if isinstance(asked, dict) else json.loads(asked)["inputs"]
    headers = {"extra_headers": {"Authorization": "recorded"}}
    with runtime.using(scripted(name)):
        value = Completion.create(
            model="sagemaker/my-llama2-endpoint",
            prompt=prompt,
            base_url="https://runtime.sagemaker.us-east-1.amazonaws.com",
            **headers,
        )
    said = json.loads(body(name))[0]["generated_text"]
    assert said == prompt + value.choices[0].text
    assert value.choices[0].text.startswith("  Thank you for asking!")
