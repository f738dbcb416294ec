"""Streams as an Anthropic client reads them: every sequence of events is found in order by `told`."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from anthropic import Anthropic

from muxi_llm.errors import incomplete_stream, status_error
from muxi_llm.wire.requesting import RAW_ARGUMENTS
from tests.support.anthropic import Codec, text, tool_use
from tests.support.anthropic import told as told_by_anthropic
from tests.support.anthropic_inbound import Client, chunk_of, events, message, signed
from tests.support.anthropic_validator import read, told, validate
from tests.support.bodies import USAGE, chunk
from tests.support.upstream import Respond, Upstream

REDACTED = {"type": "redacted_thinking", "data": "opaque"}
ROLE = {"role": "assistant", "content": ""}
STOP = chunk({}, finish="stop")


def said(content: str) -> dict[str, Any]:
    return {"content": content}


def thought(content: str) -> dict[str, Any]:
    return {"reasoning_content": content}


def whole(*blocks: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """A delta of thinking as the provider has it."""
    return {"thinking_blocks": list(blocks), **fields}


def begun(
    name: str | None = "f", arguments: str | None = "", index: int = 0, call_id: str = ""
) -> dict[str, Any]:
    """A call's first fragment."""
    function = {"name": name, "arguments": arguments}
    made_id = call_id or f"toolu_{index + 1}"
    return {"tool_calls": [{"index": index, "id": made_id, "type": "function", "function": function}]}


def more(arguments: str, index: int = 0) -> dict[str, Any]:
    """A call's next fragment."""
    return {"tool_calls": [{"index": index, "function": {"arguments": arguments}}]}


def steps(*chunks: Any) -> list[str]:
    """Events in short: what begins, what is added, what stops."""
    return [SHORT[event["type"]](event) for event in events(*chunks)]


SHORT = {
    "message_start": lambda _: "message",
    "content_block_start": lambda event: f"{event['index']} {event['content_block']['type']}",
    "content_block_delta": lambda event: f"{event['index']} + {list(event['delta'].values())[1]}",
    "content_block_stop": lambda event: f"{event['index']} stop",
    "message_delta": lambda event: event["delta"]["stop_reason"],
    "message_stop": lambda _: "stop",
}


STORIES: dict[str, tuple[list[Any], list[str]]] = {
    "text": ([ROLE, said("Hi"), said("!"), STOP], ["0 text", "0 + Hi", "0 + !", "0 stop", "end_turn"]),
    "nothing": ([ROLE, STOP], ["end_turn"]),
    "pitfall_1 a block for each kind": (
        [thought("hm"), said("Hi"), begun(), more("{}")],
        [
            "0 thinking", "0 + hm", "0 stop", "1 text", "1 + Hi", "1 stop", "2 tool_use", "2 + {}", "2 stop",
            "tool_use",
        ],
    ),
    "pitfall_3 back and forth": (
        [said("a"), thought("b"), said("c")],
        ["0 text", "0 + a", "0 stop", "1 thinking", "1 + b", "1 stop", "2 text", "2 + c", "2 stop", "end_turn"],
    ),
    "pitfall_5 a call's index is its own": (
        [begun(index=7), more("{}", 7)], ["0 tool_use", "0 + {}", "0 stop", "tool_use"]
    ),
    "pitfall_6 calls one after another, each as it comes": (
        [begun(), more('{"a":'), more("1}"), begun("g", "{", 1), more("}", 1)],
        [
            "0 tool_use", '0 + {"a":', "0 + 1}", "0 stop", "1 tool_use", "1 + {", "1 + }", "1 stop", "tool_use",
        ],
    ),
    "pitfall_6 calls mixed: the others wait": (
        [begun(), begun("g", "{", 1), more('{"a"'), more("}", 1), more(":1}"), begun("h", "{}", 2)],
        [
            "0 tool_use", '0 + {"a"', "0 + :1}", "0 stop", "1 tool_use", "1 + {}", "1 stop", "2 tool_use", "2 + {}",
            "2 stop", "tool_use",
        ],
    ),
    "pitfall_6 text in the middle of a call waits": (
        [begun(), more("{"), said("a"), said("b"), more("}")],
        ["0 tool_use", "0 + {", "0 + }", "0 stop", "1 text", "1 + ab", "1 stop", "tool_use"],
    ),
    "a brace within a string ends no call": (
        [begun(), more('{"a":"}'), said("x"), more('"}')],
        ["0 tool_use", '0 + {"a":"}', '0 + "}', "0 stop", "1 text", "1 + x", "1 stop", "tool_use"],
    ),
    "pitfall_7 no arguments": ([begun(arguments=None)], ["0 tool_use", "0 stop", "tool_use"]),
    "pitfall_7 no function at all": (
        [begun(), {"tool_calls": [{"index": 0}]}], ["0 tool_use", "0 stop", "tool_use"]
    ),
    "pitfall_8 id and name repeated": (
        [begun(arguments="{"), begun(arguments="}")], ["0 tool_use", "0 + {", "0 + }", "0 stop", "tool_use"]
    ),
    "a name that comes late": (
        [begun(None, "{"), said("a"), begun("f", "}"), said("b")],
        ["0 text", "0 + a", "0 stop", "1 tool_use", "1 + {}", "1 stop", "2 text", "2 + b", "2 stop", "tool_use"],
    ),
    "fragments after the end of a call": (
        [begun(arguments="{}"), said("a"), more("{}"), said("b")],
        ["0 tool_use", "0 + {}", "0 stop", "1 text", "1 + a", "1 + b", "1 stop", "tool_use"],
    ),
    "pitfall_68 arguments that are no object": (
        [begun(), more("["), more("1]")],
        ["0 tool_use", f'0 + {{"{RAW_ARGUMENTS}":"[1]"}}', "0 stop", "tool_use"],
    ),
    "white space before the arguments": (
        [begun(arguments=" "), more("{"), more("}")], ["0 tool_use", "0 +  {", "0 + }", "0 stop", "tool_use"]
    ),
    "a legacy call": (
        [{"function_call": {"name": "f", "arguments": "{"}}, {"function_call": {"arguments": "}"}}],
        ["0 tool_use", "0 + {", "0 + }", "0 stop", "tool_use"],
    ),
    "pitfall_22 calls, whatever was said": (
        [begun(arguments="{}"), STOP], ["0 tool_use", "0 + {}", "0 stop", "tool_use"]
    ),
    "calls cut off": (
        [begun(arguments="{}"), chunk({}, finish="length")], ["0 tool_use", "0 + {}", "0 stop", "max_tokens"]
    ),
    "thinking is signed at its end": (
        [thought("h"), thought("m"), whole(signed()), said("Hi")],
        ["0 thinking", "0 + h", "0 + m", "0 + sig", "0 stop", "1 text", "1 + Hi", "1 stop", "end_turn"],
    ),
    "thinking twice": (
        [thought("a"), whole(signed("a", "1")), thought("b"), whole(signed("b", "2"))],
        ["0 thinking", "0 + a", "0 + 1", "0 stop", "1 thinking", "1 + b", "1 + 2", "1 stop", "end_turn"],
    ),
    "pitfall_27 a signature alone": ([whole(signed(""))], ["0 thinking", "0 + sig", "0 stop", "end_turn"]),
    "pitfall_27 a signature alone, then more thinking": (
        [whole(signed("")), thought("hm"), whole(signed())],
        ["0 thinking", "0 + sig", "0 stop", "1 thinking", "1 + hm", "1 + sig", "1 stop", "end_turn"],
    ),
    "pitfall_29 redacted thinking": (
        [thought("hm"), whole(signed()), whole(REDACTED)],
        ["0 thinking", "0 + hm", "0 + sig", "0 stop", "1 redacted_thinking", "1 stop", "end_turn"],
    ),
    "thinking all at once": (
        [whole(signed("a", "1"), signed("b", "2"), reasoning_content="ab")],
        ["0 thinking", "0 + a", "0 + 1", "0 stop", "1 thinking", "1 + b", "1 + 2", "1 stop", "end_turn"],
    ),
    "LiteLLM's way: fragments twice, the signature last": (
        [
            whole(signed("h", ""), reasoning_content="h"), whole(signed("m", ""), reasoning_content="m"),
            whole(signed("", "sig")), whole(signed("", "")),
        ],
        ["0 thinking", "0 + h", "0 + m", "0 + sig", "0 stop", "end_turn"],
    ),
    "a block that begins where the text so far ends": (
        [thought("h"), whole(signed("hm"))], ["0 thinking", "0 + h", "0 + m", "0 + sig", "0 stop", "end_turn"]
    ),
    "a block that is not the text so far": (
        [thought("x"), whole(signed())],
        ["0 thinking", "0 + x", "0 stop", "1 thinking", "1 + hm", "1 + sig", "1 stop", "end_turn"],
    ),
    "thinking in the middle of a call waits": (
        [begun(), more("{"), thought("hm"), whole(signed()), thought("x"), more("}")],
        [
            "0 tool_use", "0 + {", "0 + }", "0 stop", "1 thinking", "1 + hm", "1 + sig", "1 stop", "2 thinking",
            "2 + x", "2 stop", "tool_use",
        ],
    ),
    "a refusal in the model's words": (
        [{"refusal": "No"}, {"refusal": "."}, STOP], ["0 text", "0 + No", "0 + .", "0 stop", "refusal"]
    ),
    "a refusal after words": ([said("a"), {"refusal": "No"}], ["0 text", "0 + a", "0 stop", "refusal"]),
}  # fmt: skip


@pytest.mark.parametrize(("chunks", "wanted"), STORIES.values(), ids=STORIES)
def test_chunks_as_events(chunks, wanted):
    """pitfall_2, 18: one message_start, at last message_delta and message_stop."""
    assert steps(*chunks) == ["message", *wanted, "stop"]


def test_pitfall_4_usage_from_the_first_event_on():
    """Nothing is known then; the last event tells all, wherever the provider told it."""
    for chunks in (
        [STOP, chunk(usage=USAGE)],
        [chunk({}, finish="stop", usage=USAGE)],
        [chunk({}, usage=USAGE), STOP],
        [chunk({}, finish="stop", usage=USAGE), chunk(usage={})],
        [chunk({}, usage={**USAGE, "prompt_tokens": 1}), STOP, chunk(usage=USAGE)],
    ):
        first, *_, last, _ = events(*chunks)
        assert first["message"]["usage"] == dict.fromkeys(first["message"]["usage"], 0)
        assert last["usage"] == {
            "input_tokens": 5,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 2,
        }


def test_pitfall_9_the_first_event_has_the_role():
    """And the model in the client's words, an id of Anthropic's kind, whatever the first chunk holds."""
    first = events(said("Hi"))[0]["message"]
    assert (first["role"], first["model"], first["id"]) == ("assistant", "m", "msg_1")


def test_each_chunk_is_told_at_once():
    """Nothing waits that need not: the client reads as the model writes."""
    wire = Client().wire
    for raw, wanted in (
        (ROLE, "message_start"),
        (said("a"), "content_block_start"),
        (said("b"), "content_block_delta"),
    ):
        assert read(wire.encode_chunk(chunk_of(raw)))[0]["type"] == wanted
    assert wire.encode_chunk(chunk_of(STOP)) == b""  # usage may follow


def test_only_the_first_answer_is_told():
    """The others are dropped, and that is told once."""
    client = Client()
    other = chunk(said("no"))
    other["choices"][0]["index"] = 1
    assert told(client.streamed(said("Hi"), other, other))["content"] == [text("Hi")]
    assert client.told == {"n": ("dropped", False)}


def test_calls_keep_their_names_and_ids():
    """While they wait, too; a legacy call, which has no id, is given one."""
    mixed = [begun(), begun("g", "{", 1), more('{"a"'), more("}", 1), more(":1}")]
    assert message(*mixed)["content"] == [tool_use(arguments={"a": 1}), tool_use("g", call_id="toolu_2")]
    legacy = {"function_call": {"name": "f", "arguments": "{}"}}
    assert message(legacy)["content"] == [tool_use(call_id="toolu_1_0")]


def test_what_comes_after_the_end_changes_nothing_of_it():
    """Some servers say more, of the choice that is finished."""
    end, after = chunk({}, finish="stop"), chunk({})
    end["choices"][0]["native_finish_reason"] = "pause_turn"
    after["choices"][0]["content_filter_results"] = {}
    assert message(end, after)["stop_reason"] == "pause_turn"
    assert message(chunk({}, finish="length"), after)["stop_reason"] == "max_tokens"


def test_a_call_without_a_name_is_told_in_the_end():
    """For the client to refuse: nothing is swallowed."""
    assert message(begun(None, "{}"))["content"] == [tool_use("")]


def test_why_it_stopped():
    """Sequence and refusal with what belongs to them."""
    told_stop = chunk({}, finish="stop")
    told_stop["choices"][0]["stop_reason"] = "b"
    client = Client(stop_sequences=["a", "b"])
    assert told(client.streamed(said("Hi"), told_stop))["stop_sequence"] == "b"
    refused = chunk({"refusal": "Harm."}, finish="content_filter")
    refused["choices"][0]["native_finish_reason"] = "refusal"
    answered = message(said("Hi"), refused)
    assert answered["content"] == [text("Hi")]
    assert answered["stop_details"] == {"type": "refusal", "explanation": "Harm."}


@pytest.mark.parametrize("chunks", [[], [said("Hi")], [begun(arguments='{"a')]])
def test_pitfall_15_an_error_is_the_last_event(chunks):
    """Whatever is open; nothing tells of success after it."""
    wire = Client().wire
    data = b"".join(wire.encode_chunk(chunk_of(raw)) for raw in chunks)
    stream = read(data + wire.encode_fault(incomplete_stream("cut", url="http://x")))
    validate(stream)
    assert stream[-1]["error"] == {"type": "api_error", "message": "cut"}


# --------------------------------------------------------------------------- Anthropic's own streams

SEARCH = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}}
FOUND = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}


def by_way_of_chunks(*blocks: Any, **fields: Any) -> dict[str, Any]:
    """An Anthropic stream, read outbound, written inbound."""
    codec = Codec(stream_options={"include_usage": True})
    return message(*codec.items(*told_by_anthropic(*blocks, **fields)))


def test_anthropics_own_stream_is_itself_again():
    """Blocks, signatures, reason and counts."""
    blocks = [signed(), REDACTED, text("Hi there"), tool_use(arguments={"a": [1]}), text("after")]
    answered = by_way_of_chunks(*blocks, stop="tool_use")
    assert (answered["content"], answered["stop_reason"]) == (blocks, "tool_use")
    assert answered["usage"]["output_tokens"] == 2


def test_a_server_tools_blocks_are_told_last():
    """They are known whole at the end only; the container they ran in as well."""
    container = {"id": "c", "expires_at": "2026-01-01T00:00:00Z"}
    answered = by_way_of_chunks(SEARCH, FOUND, text("Hi"), container=container)
    assert answered["content"] == [text("Hi"), SEARCH, FOUND]
    assert answered["container"]["id"] == "c"


# ------------------------------------------------------------------------- the vendor's real client


def client_of(upstream: Upstream) -> Anthropic:
    return Anthropic(base_url=upstream.url, api_key="k", max_retries=0)


def test_the_vendors_client_reads_it():
    """Over a socket: its text, its accumulated message; its request is one we read."""
    client = Client()
    data = client.streamed(thought("hm"), said("Hi"), begun(arguments='{"a":1}'), STOP, chunk(usage=USAGE))
    hello = [{"role": "user", "content": "Hi"}]
    with (
        Upstream(lambda _: Respond(chunks=[data])) as upstream,
        client_of(upstream) as vendors,
        vendors.messages.stream(model="m", max_tokens=9, messages=hello) as stream,
    ):
        assert "".join(stream.text_stream) == "Hi"
        final = stream.get_final_message()
    assert [block.type for block in final.content] == ["thinking", "text", "tool_use"]
    assert (final.content[2].input, final.stop_reason, final.usage.input_tokens) == ({"a": 1}, "tool_use", 5)
    assert client.wire.decode_request(upstream.requests[0].body) == {
        "model": "m",
        "max_tokens": 9,
        "messages": hello,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_the_vendors_client_raises_its_own_error():
    """For an error in the middle of a stream."""
    wire = Client().wire
    fault = status_error(529, "busy", url="http://x", headers={}, body=None)
    data = wire.encode_chunk(chunk_of(said("Hi"))) + wire.encode_fault(fault)
    with Upstream(lambda _: Respond(chunks=[data])) as upstream, client_of(upstream) as vendors:
        stream = vendors.messages.create(model="m", max_tokens=9, messages=[], stream=True)
        with pytest.raises(anthropic.APIStatusError, match="busy") as caught:
            list(stream)
    assert caught.value.body["error"]["type"] == "overloaded_error"
