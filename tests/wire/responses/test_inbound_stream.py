"""OpenAI's Responses, inbound: chunks as the events of a response, life-cycle and all."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from muxi_llm.errors import status_error
from muxi_llm.models import ChatCompletionChunk
from muxi_llm.wire.base import build_value
from tests.support.bodies import LOGPROBS, USAGE, chat, chunk
from tests.support.responses import CITED, Asked
from tests.support.responses_validator import events_of, validate
from tests.support.upstream import Respond, Upstream

BLOCK = {"type": "thinking", "thinking": "hm", "signature": "s"}
TOOL = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}, "strict": True}


def value(delta: dict[str, Any] | None = None, **fields: Any) -> ChatCompletionChunk:
    return build_value(ChatCompletionChunk, chunk(delta, **fields))


def call(index: int = 0, text: str = "", **fields: Any) -> dict[str, Any]:
    """A delta with a fragment of a call; given a name, its beginning."""
    name = fields.pop("name", None)
    function = {"arguments": text, **({"name": name} if name else {})}
    begun = {"id": f"call_{index}", "type": "function"} if name else {}
    return {"tool_calls": [{"index": index, **begun, "function": function, **fields}]}


def events(*deltas: dict[str, Any], finish: str = "stop", **asked: Any) -> list[dict[str, Any]]:
    """The events of a stream of *deltas*, ended properly."""
    counted = value(usage=USAGE)
    return Asked(**asked).streamed([*map(value, deltas), value({}, finish=finish), counted])


def told(*deltas: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """The output items of the last event."""
    return events(*deltas, **fields)[-1]["response"]["output"]


def kinds(stream: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in stream]


# --------------------------------------------------------------------------------------- life-cycle


def test_pitfall_19_the_life_cycle():
    """Every event OpenAI sends, in its order, numbered from 0."""
    stream = events({"role": "assistant", "content": ""}, {"content": "a"}, {"content": "b"})
    assert kinds(stream) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]
    assert [event["sequence_number"] for event in stream] == list(range(10))
    assert [event["delta"] for event in stream if "delta" in event] == ["a", "b"]
    assert stream[-1]["response"]["usage"]["total_tokens"] == 7


def test_pitfall_20_reasoning_then_message_then_calls():
    """Each item whole before the next begins, at an index of its own."""
    stream = events(
        {"reasoning_content": "h"},
        {"reasoning_content": "m"},
        {"thinking_blocks": [BLOCK]},
        {"content": "a"},
        call(name="f"),
        call(text='{"a"'),
        call(text=":1}"),
        finish="tool_calls",
    )
    assert kinds(stream)[2:-1] == [
        "output_item.added",
        "reasoning_summary_part.added",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.delta",
        "reasoning_summary_text.done",
        "reasoning_summary_part.done",
        "output_item.done",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]
    assert [event["output_index"] for event in stream[2:-1]] == [0] * 7 + [1] * 6 + [2] * 5
    item = stream[-2]["item"]
    assert (item["type"], item["call_id"], item["arguments"]) == ("function_call", "call_0", '{"a":1}')


def test_refusals_have_events_of_their_own():
    """In a part after the text's, or alone."""
    stream = events({"content": "a"}, {"refusal": "n"}, {"refusal": "o"})
    assert kinds(stream)[3:-2] == [
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "content_part.added",
        "refusal.delta",
        "refusal.delta",
        "refusal.done",
        "content_part.done",
    ]
    assert [event["content_index"] for event in stream[3:-2]] == [0] * 4 + [1] * 5


@pytest.mark.parametrize(
    ("finish", "reason"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
def test_answers_that_are_not_whole(finish, reason):
    """`response.incomplete`, and the item that was cut off says so."""
    last = events({"content": "a"}, finish=finish)[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": reason}
    assert last["response"]["output"][-1]["status"] == "incomplete"


def test_nothing_said_at_all():
    """Still one whole life."""
    assert kinds(events()) == ["created", "in_progress", "completed"]
    assert kinds(Asked().streamed([])) == ["created", "in_progress", "completed"]


def test_pitfall_74_no_chat_terminator():
    """The last event is the end."""
    asked = Asked()
    assert b"[DONE]" not in asked.wire.encode_chunk(value({"content": "a"})) + asked.wire.encode_end()


def test_pitfall_14_usage_wherever_it_rides():
    """On any chunk; the last one counts."""
    first, last = (USAGE | {"prompt_tokens": tokens} for tokens in (1, 9))
    stream = Asked().streamed([value({"content": "a"}, usage=first), value({}, finish="stop", usage=last)])
    assert stream[-1]["response"]["usage"]["input_tokens"] == 9


# -------------------------------------------------------------------------------------------- calls

WHOLE = '{"a":1}'


def test_pitfall_06_parallel_calls_mixed():
    """Fragments may come mixed; the items come one after another, all of them whole."""
    items = told(
        call(0, name="f"),
        call(1, name="g"),
        call(0, '{"a"'),
        call(1, '{"b"'),
        call(0, ":1}"),
        call(1, ":2}"),
        finish="tool_calls",
    )
    assert [(item["name"], item["arguments"]) for item in items] == [("f", WHOLE), ("g", '{"b":2}')]


def test_calls_one_after_another_are_told_at_once():
    """The second begins as soon as the first is whole: nothing waits for the end."""
    asked = Asked()
    first = asked.wire.encode_chunk(value(call(0, WHOLE, name="f")))
    second = asked.wire.encode_chunk(value(call(1, '{"b"', name="g")))
    assert b"function_call_arguments.delta" in first
    assert [kind for kind in kinds(events_of(second)) if "delta" not in kind] == [
        "function_call_arguments.done",
        "output_item.done",
        "output_item.added",
    ]


def test_a_text_in_the_middle_of_a_call():
    """It waits for the call's end."""
    items = told(call(0, '{"a"', name="f"), {"content": "x"}, call(0, ":1}"), {"content": "y"})
    assert [item["type"] for item in items] == ["function_call", "message"]
    assert items[0]["arguments"] == WHOLE
    assert items[1]["content"][0]["text"] == "xy"


def test_a_text_after_a_call():
    """At once, if the call is whole."""
    items = told({"content": "x"}, call(0, WHOLE, name="f"), {"content": "y"}, {"reasoning_content": "h"})
    assert [item["type"] for item in items] == ["message", "function_call", "message", "reasoning"]


def test_fragments_of_a_call_that_is_whole():
    """White space some servers send at the very end changes nothing."""
    items = told(call(0, WHOLE, name="f"), {"content": "x"}, call(0, "\n"))
    assert items[0]["arguments"] == WHOLE


LATE = {
    "name": ([call(0, '{"a"'), call(0, ":1}", name="f")], [("f", WHOLE)]),
    "no name at all": ([call(0, WHOLE)], [("", WHOLE)]),
    "no arguments": ([call(0, name="f"), call(1, name="g")], [("f", "{}"), ("g", "{}")]),
    "no JSON": ([call(0, "}", name="f"), call(1, name="g")], [("f", "}"), ("g", "{}")]),
    "no function": (
        [{"tool_calls": [{"index": 0, "id": "call_0"}]}, call(0, WHOLE, name="f")],
        [("f", WHOLE)],
    ),
}


@pytest.mark.parametrize(("deltas", "wanted"), LATE.values(), ids=LATE.keys())
def test_calls_that_tell_themselves_badly(deltas, wanted):
    """What is missing is waited for, then made do without."""
    items = told(*deltas, finish="tool_calls")
    assert [(item["name"], item["arguments"]) for item in items] == wanted


def test_calls_without_ids():
    """They get one each, or no result could answer them."""
    deltas = [{"tool_calls": [{"index": i, "function": {"name": "f", "arguments": WHOLE}}]} for i in (0, 1)]
    assert [item["call_id"] for item in told(*deltas)] == ["call_1_0", "call_1_1"]


def test_custom_calls():
    """Their input is told by events of its own; only the end tells that it is whole."""
    custom = [
        {
            "tool_calls": [
                {"index": 0, "id": "call_0", "type": "custom", "custom": {"name": "g", "input": "x}"}}
            ]
        },
        {"tool_calls": [{"index": 0, "custom": {"input": " y"}}]},
    ]
    stream = events(*custom, call(1, WHOLE, name="f"))
    assert kinds(stream)[2:-4] == [
        "output_item.added",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.delta",
        "custom_tool_call_input.done",
        "output_item.done",
        "output_item.added",
    ]
    assert stream[-1]["response"]["output"][0]["input"] == "x} y"


# ------------------------------------------------------------------------------- text, and its state


def test_citations_and_logprobs():
    """Citations are told when they come, logprobs with the text they are about."""
    place = {name: field for name, field in CITED.items() if name != "type"}
    said = value({"content": "Hi"})
    said.choices[0] = type(said.choices[0]).model_validate(
        {**said.choices[0].model_dump(), "logprobs": LOGPROBS}
    )
    cited = value({"annotations": [{"type": "url_citation", "url_citation": place}]})
    stream = Asked().streamed([said, cited, value({}, finish="stop")])
    assert [event["annotation"] for event in stream if "annotation" in event] == [CITED]
    assert [event["logprobs"] for event in stream if "logprobs" in event] == [LOGPROBS["content"]] * 2
    (part,) = stream[-1]["response"]["output"][0]["content"]
    assert (part["annotations"], part["logprobs"]) == ([CITED], LOGPROBS["content"])


def test_state_is_known_last_and_told_last():
    """In a reasoning item of its own, added up from all chunks, which stay as they are."""
    first, last = (
        value({"content": "a", "extra_content": {"x": {"a": [1]}}}),
        value({"extra_content": {"x": {"a": [2]}}}),
    )
    items = Asked().streamed([first, last])[-1]["response"]["output"]
    assert [item["type"] for item in items] == ["message", "reasoning"]
    assert first.choices[0].delta.extra_content == {"x": {"a": [1]}}
    (message,) = Asked(input=items).body["messages"]
    assert message == {"role": "assistant", "content": "a", "extra_content": {"x": {"a": [1, 2]}}}


# ------------------------------------------------------------------------------------------- errors

FAULTS = {429: "rate_limit_exceeded", 400: "invalid_prompt", 500: "server_error"}


@pytest.mark.parametrize(("status", "code"), FAULTS.items())
@pytest.mark.parametrize("begun", [True, False], ids=["after text", "before anything"])
def test_pitfall_15_a_stream_that_breaks_off(status, code, begun):
    """`response.failed` with what there was, why, and nothing after it."""
    asked = Asked()
    before = asked.wire.encode_chunk(value({"content": "a"})) if begun else b""
    error = status_error(status, "slow", url="http://x", headers={}, body={"type": "t", "param": "p"})
    response = validate(events_of(before + asked.wire.encode_fault(error)))
    assert response["error"] == {"code": code, "message": "slow", "type": "t", "param": "p"}
    assert [(item["status"], item["content"][0]["text"]) for item in response["output"]] == (
        [("incomplete", "a")] if begun else []
    )


# -------------------------------------------------------------------------------------- OpenAI's own


class City(BaseModel):
    name: str


def answer(*chunks: ChatCompletionChunk) -> Any:
    """A server that answers any request with these chunks."""

    def respond(received: Any) -> Respond:
        wire = Asked(**received.json).wire
        pieces = [*(wire.encode_chunk(one) for one in chunks), wire.encode_end()]
        return Respond(
            chunks=[piece for piece in pieces if piece], headers={"content-type": "text/event-stream"}
        )

    return Upstream(respond)


def test_openais_own_client_reads_the_stream():
    """Its accumulator ends with the response, parsed."""
    chunks = [
        value({"role": "assistant", "content": ""}),
        value({"reasoning_content": "hm", "thinking_blocks": [BLOCK]}),
        value({"content": '{"name":'}),
        value({"content": '"Bern"}'}),
        value(call(0, '{"a"', name="f")),
        value(call(0, ":1}")),
        value({}, finish="tool_calls"),
        value(usage=USAGE),
    ]
    asked = {"model": "a/b", "input": "Hi", "text_format": City, "tools": [TOOL]}
    with answer(*chunks) as server, openai.OpenAI(base_url=server.url, api_key="sk-1") as client:
        with client.responses.stream(**asked) as stream:
            deltas = [event.delta for event in stream if event.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert deltas == ['{"name":', '"Bern"}']
    assert final.output_parsed == City(name="Bern")
    assert [item.type for item in final.output] == ["reasoning", "message", "function_call"]
    assert final.output[2].parsed_arguments == {"a": 1}
    assert final.usage.total_tokens == 7


def test_openais_own_client_reads_the_whole():
    """`output_text` is the client's own; what it sends back of the answer is the message that was answered."""

    def respond(received: Any) -> Respond:
        asked = Asked(**received.json)
        said = asked.body["messages"][1:]
        return Respond(
            json=asked.whole(chat("Hi", thinking_blocks=[BLOCK]) if not said else chat(json.dumps(said)))
        )

    with Upstream(respond) as server, openai.OpenAI(base_url=server.url, api_key="sk-1") as client:
        first = client.responses.create(model="a/b", input="Hello")
        assert first.output_text == "Hi"
        again = client.responses.create(
            model="a/b", input=[{"role": "user", "content": "Hello"}, *first.output]
        )
    assert json.loads(again.output_text) == [
        {"role": "assistant", "content": "Hi", "thinking_blocks": [BLOCK]}
    ]


def test_a_delta_beside_the_message_so_far() -> None:
    """Perplexity has both, in chunks and in whole answers: each is read as what it is."""
    first, last = chunk({"content": "H"}), chunk({"content": "i"}, finish="stop")
    for said, part in (("H", first), ("Hi", last)):
        part["choices"][0]["message"] = {"role": "assistant", "content": said}
    chunks = [build_value(ChatCompletionChunk, part) for part in (first, last)]
    (item,) = Asked().streamed(chunks)[-1]["response"]["output"]
    assert item["content"][0]["text"] == "Hi"
