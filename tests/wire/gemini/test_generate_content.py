"""What comes from Gemini: replies, whole and streamed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm.wire.base import WireError
from tests.support.gemini import Codec, function_call, reply, sse

USAGE = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}


def message_of(*parts: Any, **fields: Any) -> Any:
    return Codec().whole(reply(*parts, **fields)).choices[0].message


def choice_of(*parts: Any, **fields: Any) -> Any:
    return Codec().whole(reply(*parts, **fields)).choices[0]


def error_of(read: Any) -> WireError:
    with pytest.raises(WireError) as caught:
        read()
    return caught.value


# ------------------------------------------------------------------------------------------- whole


def test_a_whole_answer():
    """Every field of the value."""
    assert Codec().whole(reply("Hello", " there", usage=USAGE)).model_dump(exclude_none=True) == {
        "id": "resp_1",
        "object": "chat.completion",
        "created": 1,
        "model": "gemini-2.5-flash",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "native_finish_reason": "STOP",
                "message": {"role": "assistant", "content": "Hello there"},
            }
        ],
        "usage": {
            "prompt_tokens": 3,
            "completion_tokens": 2,
            "total_tokens": 5,
            "prompt_tokens_details": {"cached_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0},
        },
    }


def test_thoughts_are_no_part_of_the_text():
    """And are not sent back: unsigned, they mean nothing there."""
    message = message_of({"text": "hm", "thought": True}, {"text": "", "thought": True}, "Hi")
    assert (message.reasoning_content, message.content, message.extra_content) == ("hm", "Hi", None)


def test_pitfall_23_a_call_ends_in_tool_calls():
    """Whatever the reason says; arguments are JSON text (pitfall_68), content is null (pitfall_40)."""
    choice = choice_of(function_call("f", {"a": [1]}, id="c1"), function_call("g"))
    first, second = choice.message.tool_calls
    assert (choice.finish_reason, choice["native_finish_reason"], choice.message.content) == (
        "tool_calls",
        "STOP",
        None,
    )
    assert (first.id, first.function.name, first.function.arguments) == ("c1", "f", '{"a":[1]}')
    assert (second.function.name, second.function.arguments) == ("g", "{}")


def test_pitfall_78_missing_ids_are_made():
    """The same for the same answer, unique in it, others in others."""
    raw = reply(function_call(), function_call())
    first, second = (made.id for made in Codec().whole(raw).choices[0].message.tool_calls)
    assert first != second
    assert [made.id for made in Codec().whole(raw).choices[0].message.tool_calls] == [first, second]
    other = Codec().whole({**raw, "responseId": "resp_2"}).choices[0].message.tool_calls[0].id
    nameless = Codec().whole({**raw, "responseId": None}).choices[0].message.tool_calls[0].id
    assert len({first, second, other, nameless}) == 4
    assert all(made.startswith("call_") for made in (first, other, nameless))


FINISH = {
    "STOP": "stop",
    **{reason: reason for reason in ("FINISH_REASON_UNSPECIFIED", "NEW_REASON", "OTHER")},
    "MAX_TOKENS": "length",
    **dict.fromkeys(
        ["SAFETY", "RECITATION", "LANGUAGE", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "IMAGE_SAFETY",
         "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION", "IMAGE_OTHER", "NO_IMAGE",
         "MODEL_ARMOR"],
        "content_filter",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("reason", "finish"), FINISH.items())
def test_pitfall_24_every_reason(reason, finish):
    """The chat form's word, ours beside it, and a refusal where the provider stopped the answer."""
    choice = choice_of("a", finish=reason)
    assert (choice.finish_reason, choice["native_finish_reason"]) == (finish, reason)
    refusal = f"the provider stopped this answer: {reason}" if finish == "content_filter" else None
    assert choice.message.refusal == refusal


def test_a_call_cut_off_is_not_a_call():
    assert choice_of(function_call(), finish="MAX_TOKENS").finish_reason == "length"


def test_the_providers_own_words_of_a_refusal():
    choice = choice_of(finish="SAFETY", finishMessage="No.", safetyRatings=[{"category": "X"}])
    assert (choice.message.refusal, choice.message.content) == ("No.", "")
    assert choice["safetyRatings"] == [{"category": "X"}]


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("MALFORMED_FUNCTION_CALL", 502),
        ("MALFORMED_RESPONSE", 502),
        ("UNEXPECTED_TOOL_CALL", 502),
        ("TOO_MANY_TOOL_CALLS", 502),
        ("OTHER", 502),
        ("FINISH_REASON_UNSPECIFIED", 502),
        ("MISSING_THOUGHT_SIGNATURE", 400),
    ],
)
def test_pitfall_25_a_failure_is_no_answer(reason, status):
    """An error to try again after, or the request's own."""
    raw = reply(finish=reason, finishMessage="odd")
    for error in (error_of(lambda: Codec().whole(raw)), Codec().items(*sse(raw))[-1]):
        assert (error.fault.status, error.fault.code, error.message) == (status, reason, "odd")


@pytest.mark.parametrize("reason", ["MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL"])
def test_what_was_said_before_a_failure(reason):
    """A call is missing; the text is on the error."""
    assert error_of(lambda: Codec().whole(reply("I shall", finish=reason))).partial == "I shall"


@pytest.mark.parametrize("reason", ["UNEXPECTED_TOOL_CALL", "TOO_MANY_TOOL_CALLS"])
def test_a_call_that_nobody_expected_is_one(reason):
    """An agent answers that it has no such tool, and goes on."""
    choice = choice_of(function_call(), finish=reason)
    assert (choice.finish_reason, choice["native_finish_reason"]) == ("tool_calls", reason)
    assert choice.message.tool_calls


BLOCKED = {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": USAGE}


def test_fault_45_a_blocked_prompt():
    """No candidate at all: a refusal, not an empty answer, streamed or not."""
    for value in (
        Codec().whole(BLOCKED),
        Codec(stream_options={"include_usage": True}).streamed(*sse(BLOCKED)),
    ):
        choice = value.choices[0]
        assert (choice.finish_reason, choice["native_finish_reason"]) == (
            "content_filter",
            "PROHIBITED_CONTENT",
        )
        assert choice.message.refusal == "the provider stopped this prompt: PROHIBITED_CONTENT"
        assert choice["promptFeedback"] == BLOCKED["promptFeedback"]
        assert value.usage.prompt_tokens == 3


def test_pitfall_13_no_candidates():
    error = error_of(lambda: Codec().whole({"usageMetadata": USAGE}))
    assert (error.kind, error.message[:34]) == ("malformed", "there is no candidate in the reply")


def test_pitfall_63_several_answers():
    """By their index, each with its own reason."""
    raw = reply("a")
    raw["candidates"].append(
        {"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "MAX_TOKENS"}
    )
    value = Codec(n=2).whole(raw)
    assert [(c.index, c.message.content, c.finish_reason) for c in value.choices] == [
        (0, "a", "stop"),
        (1, "b", "length"),
    ]


def test_an_answer_without_content():
    assert message_of().content == ""
    assert message_of(content={"role": "model"}).content == ""


def test_pitfall_58_usage():
    """Thoughts are said, a tool's results are read, cached tokens are in the prompt's."""
    usage = {
        "promptTokenCount": 10,
        "toolUsePromptTokenCount": 5,
        "cachedContentTokenCount": 4,
        "candidatesTokenCount": 2,
        "thoughtsTokenCount": 3,
        "totalTokenCount": 20,
        "promptTokensDetails": [
            {"modality": "AUDIO", "tokenCount": 6},
            {"modality": "TEXT", "tokenCount": 4},
        ],
        "candidatesTokensDetails": [{"modality": "AUDIO", "tokenCount": 1}],
        "serviceTier": "standard",
    }
    counted = Codec().whole(reply("a", usage=usage)).usage
    assert (counted.prompt_tokens, counted.completion_tokens, counted.total_tokens) == (15, 5, 20)
    assert (counted.prompt_tokens_details.cached_tokens, counted.prompt_tokens_details.audio_tokens) == (4, 6)
    details = counted.completion_tokens_details
    assert (details.reasoning_tokens, details.audio_tokens) == (3, 1)
    assert counted["serviceTier"] == "standard"
    assert Codec().whole(reply("a")).usage is None


def test_fault_42_logprobs():
    result = {
        "topCandidates": [{"candidates": [{"token": "é", "logProbability": -0.1}, {"token": "f"}]}],
        "chosenCandidates": [{"token": "é", "logProbability": -0.1}, {"token": "g", "logProbability": -2}],
    }
    content = choice_of("ég", logprobsResult=result).logprobs.content
    assert [(one.token, one.logprob, one.bytes) for one in content] == [
        ("é", -0.1, [195, 169]),
        ("g", -2, [103]),
    ]
    assert [[other.token for other in one.top_logprobs] for one in content] == [["é", "f"], []]


def test_pitfall_50_web_pages_are_annotations():
    """By characters, where Google counts bytes; the rest of the grounding stays beside the message."""
    chunks = [{"web": {"uri": "https://e.com", "title": "E"}}, {"retrievedContext": {}}]
    supports = [
        {"segment": {"startIndex": 3, "endIndex": 4}, "groundingChunkIndices": [0, 1, 9]},
        {"groundingChunkIndices": [1]},
    ]
    grounding = {"groundingChunks": chunks, "groundingSupports": supports}
    choice = choice_of("éàx", groundingMetadata=grounding)
    (note,) = choice.message.annotations
    page = note.url_citation
    assert (page.url, page.title, page.start_index, page.end_index) == ("https://e.com", "E", 1, 2)
    assert choice["groundingMetadata"] == grounding


def test_images_and_sound():
    """Where OpenRouter and OpenAI have them, and kept to be sent back."""
    image = {"inlineData": {"mimeType": "image/png", "data": "aGk="}, "thoughtSignature": "S"}
    message = message_of("Here:", image)
    assert message["images"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}]
    assert message.extra_content == {"google": {"parts": [{"text": "Here:"}, image]}}
    sound = message_of({"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "aGk="}})
    assert (sound.audio.data, sound.audio.format) == ("aGk=", "audio/L16;rate=24000")
    assert message_of({"inlineData": {"mimeType": "video/mp4", "data": "aGk="}}).content == ""


# ------------------------------------------------------------------------------ what is to be kept

CODE = {"executableCode": {"language": "PYTHON", "code": "print(1)"}}
THOUGHT = {"text": "hm", "thought": True}
SIGNED = {"text": "hm", "thought": True, "thoughtSignature": "S"}
CALL = function_call("f", signature="S")


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        (["a"], None),
        ([{"text": "a", "thoughtSignature": "S"}], {"thought_signature": "S"}),
        (["a", {"text": "", "thoughtSignature": "S"}], {"thought_signature": "S"}),
        ([{"text": "", "thoughtSignature": "S"}], {"thought_signature": "S"}),
        ([THOUGHT, "a", CALL], None),
        ([CALL, function_call("g"), ""], None),
        ([{"text": "a", "thoughtSignature": "S"}, "b"], {"parts": [{"text": "a", "thoughtSignature": "S"}, {"text": "b"}]}),
        ([CALL, "b"], {"parts": [CALL, {"text": "b"}]}),
        ([CODE, "a", "b"], {"parts": [CODE, {"text": "ab"}]}),
        ([SIGNED, "a"], {"parts": [SIGNED, {"text": "a"}]}),
        ([{"thoughtSignature": "S", "text": ""}, CALL], {"thought_signature": "S"}),
    ],
    ids=str,
)  # fmt: skip
def test_pitfall_30_what_is_sent_back(parts, state):
    """A signature with what it stands on; the parts themselves where the chat form has no place for it."""
    message = message_of(*parts)
    assert message.extra_content == ({"google": state} if state else None)
    if CALL in parts:
        assert message.tool_calls[0]["extra_content"] == {"google": {"thought_signature": "S"}}


def test_a_signed_call_of_the_legacy_form():
    """It has no place for the signature, so the parts are kept."""
    choice = Codec(functions=[{"name": "f"}]).whole(reply(CALL)).choices[0]
    assert choice.message.function_call.name == "f"
    assert choice.message.extra_content == {"google": {"parts": [CALL]}}


# ------------------------------------------------------------------------------------------ stream

ASKED = {"stream_options": {"include_usage": True}}


def test_a_stream():
    """Text as it comes, the reason by itself (pitfall_10), usage last and apart (pitfall_11)."""
    pieces = sse(reply("Hel", finish=None), reply("lo", usage=USAGE))
    first, second, third, last = (
        item.model_dump(exclude_none=True) for item in Codec(**ASKED).items(*pieces)
    )
    assert first["choices"] == [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]
    assert second["choices"] == [{"index": 0, "delta": {"content": "lo"}}]
    ended = {"index": 0, "delta": {}, "finish_reason": "stop", "native_finish_reason": "STOP"}
    assert third["choices"] == [ended]
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], 5)
    assert {chunk["id"] for chunk in (first, second, third, last)} == {"resp_1"}


def test_pitfall_12_usage_unasked_is_not_sent():
    assert [item.usage for item in Codec().items(*sse(reply("a", usage=USAGE)))] == [None, None]


def test_pitfall_14_the_last_usage_counts():
    """It replaces those before, but for one that counts nothing."""
    codec = Codec(**ASKED)
    told = [
        {"trafficType": "ON_DEMAND"},
        {**USAGE, "candidatesTokenCount": 9},
        {"promptTokenCount": 3, "totalTokenCount": 3},
    ]
    *_, last = codec.items(*sse(*(reply("a", finish=None, usage=usage) for usage in told), reply()))
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (3, 0)


def test_fault_41_calls_come_whole_and_counted_over_the_stream():
    """One index each (pitfall_05, pitfall_06), id and name once (pitfall_08)."""
    pieces = sse(
        reply(function_call("f", {"a": 1}, "S", id="c1"), finish=None),
        reply(function_call("g"), function_call("h"), finish=None),
        reply("", usage=USAGE),
    )
    items = Codec().items(*pieces)
    calls = [made for item in items for made in item.choices[0].delta.tool_calls or ()]
    assert [(made.index, made.function.name) for made in calls] == [(0, "f"), (1, "g"), (2, "h")]
    assert len({made.id for made in calls}) == 3
    assert calls[0]["extra_content"] == {"google": {"thought_signature": "S"}}
    assert items[-1].choices[0].finish_reason == "tool_calls"


def test_fault_42_a_stream_adds_up_to_the_whole():
    """Thoughts, a signature that comes last and by itself, and what a candidate says of itself."""
    value = Codec().streamed(
        *sse(
            reply({"text": "h", "thought": True}, finish=None),
            reply({"text": "m", "thought": True}, "a", finish=None),
            reply({"text": "", "thoughtSignature": "S"}, avgLogprobs=-1.5),
        )
    )
    message = value.choices[0].message
    assert (message.reasoning_content, message.content) == ("hm", "a")
    assert message.extra_content == {"google": {"thought_signature": "S"}}
    assert value.choices[0]["avgLogprobs"] == -1.5


@pytest.mark.parametrize("usage", [None, USAGE], ids=["untold", "told"])
def test_pitfall_17_a_stream_that_was_cut(usage):
    """An answer that never said why it ended is not whole."""
    *items, error = Codec().items(*sse(reply("Hel", finish=None, usage=usage)))
    assert [item.choices[0].delta.content for item in items] == ["Hel"]
    assert (error.kind, error.message) == ("incomplete", "the answer ended without a finishReason")
    assert Codec().items()[0].kind == "incomplete"
    half = b"".join(sse(reply("lo")))[:40]
    assert Codec().items(half) == [WireError("incomplete", "the stream ended without a finishReason")]


def test_a_stream_is_over_when_the_connection_is():
    """Not sooner: proxies, and Google itself at times, say `STOP` with each reply."""
    codec = Codec(n=2)
    decoder = codec.wire.stream_decoder(created=1)
    second = {"candidates": [{"index": 1, "content": {"parts": [{"text": "b"}]}, "finishReason": "STOP"}]}
    pieces = sse(reply("a", usage=USAGE), second, reply("c", usage=USAGE))
    items = [item for piece in pieces for item in decoder.feed(piece)]
    assert [(item.choices[0].index, item.choices[0].delta.content) for item in items] == [
        (0, "a"), (1, "b"), (0, "c")
    ]  # fmt: skip
    assert not decoder.over
    assert [item.choices[0].finish_reason for item in decoder.finish()] == ["stop", "stop"]
    assert decoder.over
    assert decoder.finish() == []


def test_one_of_two_answers_was_cut():
    second = {"candidates": [{"index": 1, "content": {"parts": [{"text": "b"}]}}]}
    assert Codec(n=2).items(*sse(reply("a"), second))[-1].kind == "incomplete"


ERROR = {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}}


def test_fault_09_pitfall_16_an_error_in_the_stream():
    """Raised, and nothing after it."""
    *items, error = Codec().items(*sse(reply("a", finish=None), ERROR, reply("b")))
    assert len(items) == 1
    assert (error.kind, error.fault.status, error.message) == ("fault", 503, "The model is overloaded.")


def test_an_error_inside_a_success():
    assert error_of(lambda: Codec().whole(ERROR)).fault.status == 503
    assert error_of(lambda: Codec().whole([ERROR])).fault.status == 503


def test_a_stream_as_a_list():
    """What comes where `alt=sse` was lost on the way."""
    value = Codec().whole([reply("Hel", finish=None), reply("lo", usage=USAGE)])
    assert (value.choices[0].message.content, value.usage.total_tokens) == ("Hello", 5)


@pytest.mark.parametrize(
    "raw",
    ['{"candidates": [3]}', '{"candidates": [{"content": {"parts": [3]}}]}', "3", '{"candidates": 3}', "{"],
)
def test_what_makes_no_sense(raw):
    data = raw.encode()
    assert error_of(lambda: Codec().wire.decode_response(data, created=1)).kind == "malformed"
    (error,) = Codec().items(b"data: " + data + b"\n\n")
    assert error.kind == "malformed"


def test_logprobs_of_a_list():
    """Kept where only one of the pieces has some."""
    told = {"chosenCandidates": [{"token": "a", "logProbability": -1}]}
    value = Codec().whole([reply("a", finish=None, logprobsResult=told), reply()])
    assert [one.token for one in value.choices[0].logprobs.content] == ["a"]


# -------------------------------------------------------------------------------------------- paths


@pytest.mark.parametrize(
    ("model", "path"),
    [
        ("gemini-2.5-flash", "/models/gemini-2.5-flash"),
        ("models/gemini-2.5-flash", "/models/gemini-2.5-flash"),
        ("tunedModels/mine", "/tunedModels/mine"),
        ("../x?y", "/../x%3Fy"),
    ],
)
def test_paths(model, path):
    wire = Codec(model=model).wire
    assert wire.path_for(stream=False) == f"{path}:generateContent"
    assert wire.path_for(stream=True) == f"{path}:streamGenerateContent?alt=sse"
    assert json.dumps(dict(wire.stream_headers)) == '{"accept": "text/event-stream"}'
