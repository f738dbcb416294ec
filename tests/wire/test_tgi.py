"""Text Generation Inference: a conversation written out, and what comes back for it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.tgi import TGI
from tests.support.anthropic import assistant, system, text, user
from tests.support.bodies import HELLO
from tests.support.cuts import PLACES, cut

DETAILS = {"finish_reason": "length", "generated_tokens": 2, "input_length": 3}
DEFAULTS = {"details": True, "return_full_text": False}


class Codec:
    """A wire for one request, with what became of it."""

    def __init__(self, messages: Any = HELLO, *, stream: bool = False, **body: Any) -> None:
        self.ledger = Ledger("sagemaker")
        self.wire = TGI("m", self.ledger, Profile())
        self.out = self.wire.encode_request({"messages": messages, **body}, stream=stream)

    @property
    def told(self) -> dict[str, tuple[str, bool]]:
        return {entry.param: (entry.action, entry.loss) for entry in self.ledger.entries}

    def items(self, *pieces: bytes) -> list[Any]:
        decoder = self.wire.stream_decoder(created=1)
        items = [item for piece in pieces for item in decoder.feed(piece)]
        return items + decoder.finish()


def events(*raws: Any) -> bytes:
    return b"".join(b"data:" + dumps(raw) + b"\n\n" for raw in raws)


def token(said: str, **fields: Any) -> dict[str, Any]:
    return {
        "token": {"id": 1, "text": said, "special": False},
        "generated_text": None,
        "details": None,
    } | fields


END = token("</s>", token={"text": "</s>", "special": True}, generated_text="Hi!", details=DETAILS)


def test_one_message_is_the_text_itself():
    codec = Codec()
    assert codec.out == {"inputs": "Hello", "parameters": DEFAULTS}
    assert codec.told == {}
    assert [codec.wire.path_for(stream=stream) for stream in (False, True)] == [
        "/generate",
        "/generate_stream",
    ]


def test_a_conversation_is_written_out():
    """Which is told: no template is known here."""
    codec = Codec([system("Be brief."), user([text("a"), text("b")]), assistant(None), user("c")])
    assert codec.out["inputs"] == "System: Be brief.\n\nUser: ab\n\nAssistant: \n\nUser: c\n\nAssistant:"
    assert codec.told == {"messages": ("changed", True)}


def test_parameters():
    codec = Codec(
        max_tokens=5,
        temperature=0.5,
        top_p=None,
        stop="x",
        seed=1,
        user="u",
        logprobs=True,
        presence_penalty=0,
        n=1,
        stream=True,
    )
    sent = {"max_new_tokens": 5, "temperature": 0.5, "do_sample": True, "stop": ["x"], "seed": 1}
    assert codec.out == {"inputs": "Hello", "parameters": DEFAULTS | sent, "stream": True}
    assert codec.told == {"user": ("dropped", False), "logprobs": ("dropped", True)}


def test_no_temperature_is_no_sampling():
    assert Codec(temperature=0, stop=["a"]).out["parameters"] == DEFAULTS | {
        "do_sample": False,
        "stop": ["a"],
    }


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({"n": 2}, "ask n times"),
        ({"tools": [{"type": "function"}]}, "cannot call tools"),
        ({"messages": [user([{"type": "image_url"}])]}, "TGI takes no image_url parts"),
    ],
)
def test_what_cannot_be_had(body, why):
    with pytest.raises(UnsupportedParameterError, match=why):
        Codec(**body)


@pytest.mark.parametrize(
    ("raw", "facts"),
    [
        ({"generated_text": "Hi", "details": DETAILS}, ("Hi", "length", "length", 5)),
        ([{"generated_text": "Hello Hi"}], (" Hi", "stop", "eos_token", None)),
        (
            {"generated_text": "Hi", "details": {"generated_tokens": 1, "prefill": [{}, {}]}},
            ("Hi", "stop", "eos_token", 3),
        ),
    ],
    ids=["details", "list, prompt repeated", "prefill"],
)
def test_replies(raw, facts):
    value = Codec().wire.decode_response(dumps(raw), created=1)
    choice = value.choices[0]
    total = value.usage and value.usage.total_tokens
    assert (choice.message.content, choice.finish_reason, choice["native_finish_reason"], total) == facts


@pytest.mark.parametrize(
    "raw", [[], {"generated_text": None}, "x", {"error": "Overloaded", "error_type": "overloaded"}]
)
def test_replies_that_are_none(raw):
    with pytest.raises(WireError):
        Codec().wire.decode_response(dumps(raw), created=1)


@settings(max_examples=40, deadline=None)
@given(places=PLACES)
def test_a_stream(places):
    """However it is cut: the role once, no special tokens, one end with the cost."""
    codec = Codec(stream_options={"include_usage": True})
    items = codec.items(*cut(events(token("Hi"), token(""), token("!"), END, END), places))
    deltas = [item.choices[0].delta.model_dump(exclude_unset=True) for item in items[:-1]]
    assert deltas == [{"role": "assistant", "content": "Hi"}, {"content": "!"}, {}]
    value = collect(items)
    assert value.choices[0].message.content == "Hi!"
    assert (value.choices[0].finish_reason, value.usage.total_tokens) == ("length", 5)


def test_a_stream_that_ends_without_details():
    items = Codec().items(events(token("Hi", generated_text="Hi")))
    assert [item.choices[0].finish_reason for item in items] == ["stop"]


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (events(token("Hi")), "incomplete"),
        (events({"error": "broke", "error_type": "generation"}), "fault"),
        (b"data:no json\n\n", "malformed"),
        (events(token("x", token="x")), "malformed"),
    ],
)
def test_streams_that_break(data, kind):
    assert Codec().items(data + b"event: ping\ndata:\n\n")[-1].kind == kind
