"""Replicate's predictions: a chat as the input of a model, its output as an answer."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Fault, Ledger, Profile, WireError
from muxi_llm.wire.replicate import ReplicateModels, ReplicatePrediction
from tests.support.replicate import events, prediction, told

LLAMA = "meta/meta-llama-3-8b-instruct"
GPT = "openai/gpt-4o"
USER = {"role": "user", "content": "Hello"}
SYSTEM = {"role": "system", "content": "Be terse."}
TURNS = [USER, {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "And?"}]


def codec(model=LLAMA):
    """A codec of one request."""
    return ReplicatePrediction(model, Ledger("replicate"), Profile())


def encode(messages=(USER,), model=LLAMA, extra=None, **params):
    """The body that goes out, and what was told to the ledger."""
    wire = codec(model)
    body = wire.encode_request({"messages": list(messages), **params}, stream=params.pop("stream", False))
    body.update(extra or {})
    wire.settle(body)
    return body, [(entry.param, entry.action, entry.loss) for entry in wire.ledger.entries]


def input_of(messages=(USER,), model=LLAMA, **params):
    """The input alone, of a request nothing is lost of."""
    body, lost = encode(messages, model, **params)
    assert lost == []
    return body["input"]


@pytest.mark.parametrize(
    ("model", "path", "version"),
    [
        (LLAMA, f"/models/{LLAMA}/predictions", None),
        ("mine/llama:abc123", "/predictions", "abc123"),
        ("abc123", "/predictions", "abc123"),
        ("deployments/me/mine", "/deployments/me/mine/predictions", None),
    ],
    ids=["an official model", "a version", "a version alone", "a deployment"],
)
def test_where(model, path, version):
    assert codec(model).path == path
    assert encode(model=model)[0].get("version") == version


# ------------------------------------------------------------------------------------------ messages


def test_one_turn_is_the_prompt():
    assert encode() == ({"input": {"prompt": "Hello"}}, [])
    parts = [{"role": "user", "content": [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]}]
    assert input_of(parts) == {"prompt": "Hello"}


@pytest.mark.parametrize(
    ("model", "name"),
    [(LLAMA, "system_prompt"), ("google/gemini-2.5-flash", "system_instruction"), (GPT, "system_prompt")],
)
def test_the_system_message(model, name):
    assert input_of([SYSTEM, SYSTEM, USER], model) == {"prompt": "Hello", name: "Be terse.\n\nBe terse."}


def test_a_system_message_alone():
    assert encode([SYSTEM]) == ({"input": {"prompt": "Be terse."}}, [("messages", "moved", False)])


def test_several_turns_are_a_transcript():
    """Which is told: the model sees one prompt."""
    history = [SYSTEM, *TURNS, {"role": "tool", "content": None}]
    body, lost = encode(history)
    prompt = "User: Hello\n\nAssistant: Hi\n\nUser: And?\n\nTool: \n\nAssistant:"
    assert body["input"] == {"system_prompt": "Be terse.", "prompt": prompt}
    assert lost == [("messages", "changed", True)]


def test_several_turns_where_the_model_takes_messages():
    """OpenAI's models do; roles they do not have are the user's."""
    sent = input_of([SYSTEM, *TURNS, {"role": "tool", "content": "x"}], GPT)
    assert sent == {"messages": [SYSTEM, *TURNS, {"role": "user", "content": "x"}]}


def picture(url="https://x.test/a.png"):
    """A message that shows something; the address in either of its forms."""
    image = {"type": "image_url", "image_url": {"url": url}}
    return {
        "role": "user",
        "content": [{"type": "text", "text": "What?"}, image, {**image, "image_url": url}],
    }


@pytest.mark.parametrize(
    ("model", "name"), [("google/gemini-2.5-flash", "images"), (GPT, "image_input")], ids=["gemini", "gpt"]
)
def test_pictures(model, name):
    assert input_of([picture()], model) == {"prompt": "What?", name: ["https://x.test/a.png"] * 2}


def test_one_picture_where_there_is_room_for_one():
    message = {"role": "user", "content": picture()["content"][:2]}
    assert input_of([message]) == {"prompt": "What?", "image": "https://x.test/a.png"}
    with pytest.raises(UnsupportedParameterError, match="takes one image a call"):
        encode([picture()])


# ---------------------------------------------------------------------------------------- parameters


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (LLAMA, "max_tokens"),
        ("meta/llama-2-70b-chat", "max_new_tokens"),
        ("google/gemini-2.5-flash", "max_output_tokens"),
        (GPT, "max_completion_tokens"),
    ],
)
@pytest.mark.parametrize("ours", ["max_tokens", "max_completion_tokens"])
def test_pitfall_76_the_limit(model, name, ours):
    assert input_of(model=model, **{ours: 9}) == {"prompt": "Hello", name: 9}


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({"temperature": 0, "top_p": 0.5, "seed": 3}, {"temperature": 0, "top_p": 0.5, "seed": 3}),
        ({"presence_penalty": 0.5}, {"presence_penalty": 0.5}),
        ({"reasoning_effort": "low"}, {"reasoning_effort": "low"}),
        ({"stop": "END"}, {"stop_sequences": "END"}),
        ({"stop": ["a", "b"]}, {"stop_sequences": "a,b"}),
        ({"n": 1, "stream_options": {}}, {}),
    ],
    ids=str,
)
def test_parameters(params, sent):
    assert input_of(**params) == {"prompt": "Hello", **sent}


@pytest.mark.parametrize(
    ("params", "lost"),
    [
        ({"logprobs": True}, [("logprobs", "dropped", True)]),
        ({"user": "u"}, [("user", "dropped", False)]),
        ({"stop": ["a,b", "c"]}, [("stop", "dropped", True)]),
        ({"stop": ","}, [("stop", "dropped", True)]),
    ],
    ids=str,
)
def test_what_is_lost_is_told(params, lost):
    body, entries = encode(**params)
    assert entries == lost
    assert set(body["input"]) <= {"prompt", "stop_sequences"}


@pytest.mark.parametrize(
    ("messages", "told"),
    [
        ([{**USER, "name": "Ann"}], ("messages[0].name", "dropped", True)),
        (
            [USER, {"role": "assistant", "content": "Hm", "tool_calls": [{"id": "1"}]}],
            ("messages[1].tool_calls", "dropped", True),
        ),
        ([USER, SYSTEM], ("messages", "moved", False)),
    ],
    ids=["a name", "a call", "a later system message"],
)
def test_what_a_prompt_cannot_hold_is_told(messages, told):
    wire = codec()
    wire.encode_request({"messages": messages}, stream=False)
    assert told in [(entry.param, entry.action, entry.loss) for entry in wire.ledger.entries]


@pytest.mark.parametrize("image", [None, {}, {"url": None}, 3], ids=str)
def test_a_picture_without_a_url(image):
    part = {"type": "image_url", "image_url": image}
    with pytest.raises(InvalidRequestError, match=r"messages\[0\].content: an image_url part without a URL"):
        encode([{"role": "user", "content": [part]}])


def test_pitfall_63_several_answers_are_refused():
    with pytest.raises(UnsupportedParameterError, match="one answer"):
        encode(n=2)


@pytest.mark.parametrize(
    "extra",
    [{"input": {"top_k": 5, "max_tokens": None}}, {"top_k": 5, "max_tokens": None}],
    ids=["inside", "beside"],
)
def test_the_callers_own_inputs(extra):
    """They win; `None` takes one of ours out."""
    body, _ = encode(max_tokens=9, extra={**extra, "webhook": "https://x.test"})
    assert body == {"input": {"prompt": "Hello", "top_k": 5}, "webhook": "https://x.test"}


def test_a_stream_is_asked_for():
    wire = codec()
    assert wire.encode_request({"messages": [USER]}, stream=True)["stream"] is True


# ------------------------------------------------------------------------------------ whole answers


def read(body):
    """The value of a prediction."""
    return codec().decode_response(json.dumps(body).encode(), created=7)


def test_a_whole_answer():
    value = read(
        prediction(output=["Hi", " you"], metrics={"input_token_count": 3, "output_token_count": 2.0})
    )
    assert value.model_dump(exclude_unset=True) == {
        "id": "p1",
        "object": "chat.completion",
        "created": 7,
        "model": LLAMA,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hi you", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
                "native_finish_reason": "succeeded",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
    }


@pytest.mark.parametrize(
    ("output", "text"),
    [
        ("Hi", "Hi"),
        (["Hi", " you"], "Hi you"),
        ("https://replicate.delivery/a.png", "https://replicate.delivery/a.png"),
        (None, ""),
        ({"a": [1]}, '{"a":[1]}'),
        ([1, 2], "[1,2]"),
    ],
    ids=["a text", "pieces", "a URL", "nothing", "a structure", "numbers"],
)
def test_outputs(output, text):
    assert read(prediction(output=output)).choices[0].message.content == text


@pytest.mark.parametrize("metrics", [None, {}, {"predict_time": 1.0}, {"input_token_count": 3}], ids=str)
def test_a_cost_that_is_not_told_stays_unknown(metrics):
    assert read(prediction(output="Hi", metrics=metrics)).usage is None


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        (
            prediction("failed", error="Out of memory"),
            Fault(500, "Out of memory", type="failed", code="failed"),
        ),
        (
            prediction("canceled"),
            Fault(499, "the prediction ended: canceled", type="canceled", code="canceled"),
        ),
        (prediction("aborted"), Fault(499, "the prediction ended: aborted", type="aborted", code="aborted")),
    ],
    ids=lambda value: value.get("status") if isinstance(value, dict) else "",
)
def test_failures(body, fault):
    with pytest.raises(WireError) as caught:
        read(body)
    assert caught.value.fault == fault


@pytest.mark.parametrize("body", [[], {}, prediction("processing")], ids=["a list", "no status", "not done"])
def test_replies_that_make_no_sense(body):
    with pytest.raises(WireError, match="no prediction") as caught:
        read(body)
    assert caught.value.kind == "malformed"


def test_errors():
    """Problem details, by RFC 7807."""
    body = b'{"title":"Invalid version","detail":"The specified version does not exist","status":422}'
    assert ReplicatePrediction.decode_fault(422, body).message == "The specified version does not exist"


def test_the_list_of_models():
    """Language models alone, under the names they are asked by."""
    wire = ReplicateModels("", Ledger("replicate"), Profile())
    listed = wire.decode_response(b'{"models":[{"owner":"meta","name":"llama","run_count":5}]}', created=7)
    assert (listed.data[0].id, listed.data[0]["run_count"]) == ("meta/llama", 5)


# ------------------------------------------------------------------------------------------- streams


def stream(*pieces):
    """What a stream's bytes amount to."""
    decoder = codec().stream_decoder(created=7)
    return [*(item for piece in pieces for item in decoder.feed(piece)), *decoder.finish()]


def test_a_stream():
    """Pitfalls 9 and 10: the role comes first and once, the reason to finish last and once."""
    chunks = stream(*told("", "Hi", " you\n\n", ""))
    assert [chunk.choices[0].delta.model_dump(exclude_unset=True) for chunk in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hi"},
        {"content": " you\n\n"},
        {},
    ]
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None, None, None, "stop"]
    assert {(chunk.id, chunk.created, chunk.model) for chunk in chunks} == {("prediction-7", 7, LLAMA)}


def test_a_stream_amounts_to_the_whole_answer():
    streamed = collect(stream(*told("Hi", " you"))).choices[0]
    assert streamed.model_dump() == read(prediction(output=["Hi", " you"])).choices[0].model_dump()


def test_a_stream_that_says_nothing():
    assert collect(stream(*told())).choices[0].message.content == ""


def test_logs_are_no_text():
    assert (
        collect(stream(*events(("logs", "loading"), ("output", "Hi"), ("done", "{}"))))
        .choices[0]
        .message.content
        == "Hi"
    )


@pytest.mark.parametrize(
    ("event", "fault"),
    [
        (("error", "Out of memory"), Fault(500, "Out of memory", type="failed", code="failed")),
        (
            ("done", '{"reason": "canceled"}'),
            Fault(499, "the prediction ended: canceled", type="canceled", code="canceled"),
        ),
        (
            ("done", '{"reason": "error"}'),
            Fault(500, "the prediction ended: failed", type="failed", code="failed"),
        ),
        (("done", '{"reason": "new"}'), Fault(500, "the prediction ended: new", type="new", code="new")),
    ],
    ids=str,
)
def test_pitfall_15_what_breaks_a_stream(event, fault):
    *_, last = stream(*events(("output", "Hi"), event))
    assert last.fault == fault


BYTES = b"".join(told("Grüße", "\n\n🌍", " you"))


@settings(max_examples=50, deadline=None)
@given(cuts=st.lists(st.integers(0, len(BYTES)), max_size=8))
def test_pitfall_75_however_the_bytes_are_cut(cuts):
    places = [0, *sorted(cuts), len(BYTES)]
    assert stream(*(BYTES[a:b] for a, b in pairwise(places))) == stream(BYTES)


@settings(max_examples=40, deadline=None)
@given(length=st.integers(0, BYTES.index(b"event: done") + 12))
def test_pitfall_17_a_stream_cut_off_is_incomplete(length):
    *chunks, last = stream(BYTES[:length])
    assert last == WireError("incomplete", "the stream ended without done")
    assert all(chunk.choices[0].finish_reason is None for chunk in chunks)
