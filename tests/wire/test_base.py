"""What every codec shares: the ledger, JSON in and out, errors of any shape, lenient values."""

from __future__ import annotations

import json
from collections import UserDict
from enum import Enum
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletionMessage

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.models import (
    Adaptation,
    ChatCompletion,
    ChatCompletionChunk,
    Completion,
    CreateEmbeddingResponse,
)
from muxi_llm.wire.base import (
    Fault,
    Ledger,
    Profile,
    Wire,
    WireError,
    build_value,
    decode_fault,
    dumps,
    dumps_answer,
    fault_of,
    is_neutral,
    loads,
    read_value,
)
from muxi_llm.wire.inbound import Inbound
from tests.support.bodies import chat, chunk, embeddings
from tests.support.length import long

# ------------------------------------------------------------------------------------------ ledger

ENTRIES = {
    "dropped": (lambda ledger: ledger.dropped("p", "why"), Adaptation("p", "dropped", "why", loss=True)),
    "changed": (lambda ledger: ledger.changed("p", "why"), Adaptation("p", "changed", "why", loss=True)),
    "added": (lambda ledger: ledger.added("p", "why"), Adaptation("p", "added", "why", loss=False)),
    "moved": (lambda ledger: ledger.moved("p", "why"), Adaptation("p", "moved", "why", loss=False)),
    "renamed": (lambda ledger: ledger.renamed("p", "q"), Adaptation("p", "renamed", "sent as q", loss=False)),
    "dropped, no loss": (
        lambda ledger: ledger.dropped("p", "why", loss=False),
        Adaptation("p", "dropped", "why", loss=False),
    ),
}


@pytest.mark.parametrize(("tell", "entry"), ENTRIES.values(), ids=ENTRIES)
def test_ledger_keeps_what_it_is_told(tell: Any, entry: Adaptation) -> None:
    """One entry a change; strict mode refuses the ones that lose something."""
    ledger, strict = Ledger("acme"), Ledger("acme", strict=True)
    tell(ledger)
    assert ledger.entries == [entry]
    if entry.loss:
        with pytest.raises(UnsupportedParameterError, match=f"acme: p {entry.action}: why") as caught:
            tell(strict)
        assert caught.value.param == "p"
        assert strict.entries == []
    else:
        tell(strict)
        assert strict.entries == [entry]


NEUTRAL = {
    "n": 1,
    "temperature": 1.0,
    "top_p": 1,
    "logprobs": False,
    "logit_bias": {},
    "modalities": ["text"],
}


@pytest.mark.parametrize(("param", "value"), NEUTRAL.items(), ids=NEUTRAL)
def test_neutral_values_ask_for_nothing(param: str, value: object) -> None:
    """Leaving out a default loses nothing."""
    assert is_neutral(param, value)


@pytest.mark.parametrize(("param", "value"), [("n", 2), ("temperature", 0.5), ("stop", None), ("seed", 0)])
def test_other_values_ask_for_something(param: str, value: object) -> None:
    """Anything else, unknown parameters included, is a wish."""
    assert not is_neutral(param, value)


# -------------------------------------------------------------------------------------------- wire


def test_a_wire_must_fill_in_the_verbs() -> None:
    """The base class knows no API; only `settle` may be left alone."""
    wire = Wire("m", Ledger("acme"), Profile())
    body = {"a": 1}
    wire.settle(body)
    assert body == {"a": 1}
    with pytest.raises(NotImplementedError):
        wire.encode_request({}, stream=False)
    with pytest.raises(NotImplementedError):
        wire.decode_response(b"", created=0)
    with pytest.raises(NotImplementedError):
        wire.stream_decoder(created=0)
    assert Wire.decode_fault(418, b"teapot") == Fault(418, "teapot", body="teapot")


def test_wire_errors_compare_by_kind_and_message() -> None:
    """So that two decoders' outputs can be compared."""
    error = WireError("malformed", "a")
    assert error == WireError("malformed", "a")
    assert error not in (WireError("incomplete", "a"), WireError("malformed", "b"), "a")
    assert len({error, error}) == 1


# -------------------------------------------------------------------------------------- JSON out


class Colour(Enum):
    RED = "red"


class KeysOnly:
    """The least that `dict()` takes for a mapping."""

    def keys(self) -> list[str]:
        return ["a"]

    def __getitem__(self, key: str) -> int:
        return ord(key)


SENDABLE = {
    "a pydantic object, unset fields left out": (
        ChatCompletionMessage(role="assistant", content="Hi"),
        b'{"content":"Hi","role":"assistant"}',
    ),
    "a mapping": (UserDict(a=1), b'{"a":1}'),
    "something with keys": (KeysOnly(), b'{"a":97}'),
    "a tuple": ((1, 2), b"[1,2]"),
    "an iterator": (iter([1, 2]), b"[1,2]"),
    "a range": (range(2), b"[0,1]"),
    "keys that are numbers": ({50256: -100}, b'{"50256":-100}'),
    "an enum": (Colour.RED, b'"red"'),
    "text": ("ü🦊", '"ü🦊"'.encode()),
}


@pytest.mark.parametrize(("value", "data"), SENDABLE.values(), ids=SENDABLE)
def test_what_can_be_sent(value: object, data: bytes) -> None:
    """What a caller may reasonably pass becomes JSON."""
    assert dumps(value) == data


@pytest.mark.parametrize(
    "value",
    [pytest.param(object(), id="an object"), b"bytes", bytearray(b"bytes"), "\ud800", [2**64, "\ud800"]],
    ids=repr,
)
def test_what_cannot_be_sent_is_a_type_error(value: object) -> None:
    """Bytes least of all as a list of numbers."""
    with pytest.raises(TypeError, match="cannot be sent as JSON"):
        dumps({"messages": [value]})


# --------------------------------------------------------------------------------------- JSON in


def test_what_is_no_json_is_quoted() -> None:
    """The beginning of a login page says more than a parser's column."""
    with pytest.raises(WireError, match=r"the reply is not JSON .*<html>Sign in") as caught:
        loads(b"<html>Sign in" + b"." * 1000)
    assert caught.value.kind == "malformed"
    assert len(caught.value.message) < 300


def test_values_are_openais_own_and_keep_unknown_fields() -> None:
    """On-schema data becomes the typed value, extensions included."""
    value = read_value(ChatCompletion, dumps({**chat("Hi", mood="good"), "citations": ["u"]}))
    assert value.choices[0].message.content == "Hi"
    assert value.choices[0].message.mood == "good"  # type: ignore[attr-defined]
    assert value.citations == ["u"]  # type: ignore[attr-defined]


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    )
)
@settings(max_examples=long(150, 50), deadline=None)
def test_unknown_fields_survive_whatever_they_hold(extra: Any) -> None:
    """In the answer, a choice and a message alike."""
    body = chat("Hi", x_field=extra)
    body["x_field"] = body["choices"][0]["x_field"] = extra
    value = read_value(ChatCompletion, dumps(body))
    assert value.x_field == extra  # type: ignore[attr-defined]
    assert value.choices[0].x_field == extra  # type: ignore[attr-defined]
    assert value.choices[0].message.x_field == extra  # type: ignore[attr-defined]


OFF_SCHEMA: dict[str, tuple[dict[str, Any], Any, Any]] = {
    "an unknown finish_reason": (chat(finish="bored"), lambda v: v.choices[0].finish_reason, "bored"),
    "another's finish_reason": (chat(finish="eos"), lambda v: v.choices[0].finish_reason, "stop"),
    "an empty finish_reason": (chat(finish=""), lambda v: v.choices[0].finish_reason, "stop"),
    "null usage fields": (
        {**chat(), "usage": {"prompt_tokens": None, "completion_tokens": 3, "total_tokens": None}},
        lambda v: (v.usage.prompt_tokens, v.usage.completion_tokens),
        (None, 3),
    ),
    "numbers as strings": (
        {
            **chat(),
            "created": "7",
            "usage": {"prompt_tokens": "5", "completion_tokens": "2", "total_tokens": "7"},
        },
        lambda v: (v.created, v.usage.prompt_tokens),
        (7, 5),
    ),
    "no usage": ({**chat(), "usage": None}, lambda v: v.usage, None),
    "no id, no created": ({"choices": chat()["choices"]}, lambda v: v.choices[0].message.content, "Hi"),
    "another object": ({**chat(), "object": "text"}, lambda v: v.choices[0].message.content, "Hi"),
    "another role": (chat(role="model"), lambda v: v.choices[0].message.role, "model"),
}


@pytest.mark.parametrize(("body", "look", "expected"), OFF_SCHEMA.values(), ids=OFF_SCHEMA)
def test_off_schema_values_survive(body: dict[str, Any], look: Any, expected: Any) -> None:
    """What a provider says beyond OpenAI's schema is kept, and readable by attribute and by item."""
    value = read_value(ChatCompletion, dumps(body))
    assert isinstance(value, ChatCompletion)
    assert look(value) == expected
    assert value["choices"][0]["message"]["content"] == "Hi"
    assert look(build_value(ChatCompletion, body)) == expected


@pytest.mark.parametrize(
    ("kind", "body", "missing"),
    [
        (ChatCompletion, {}, "choices"),
        (
            ChatCompletion,
            {"choices": None, "base_resp": {"status_code": 1004, "status_msg": "login fail"}},
            "choices",
        ),
        (ChatCompletion, {"choices": ["Hi"]}, "choices"),
        (ChatCompletion, [chat()], "choices"),
        (ChatCompletion, "Hi", "choices"),
        (ChatCompletion, None, "choices"),
        (ChatCompletionChunk, {"type": "ping"}, "choices"),
        (Completion, {"text": "Hi"}, "choices"),
        (CreateEmbeddingResponse, {"embeddings": [[0.5]]}, "data"),
        (CreateEmbeddingResponse, {"data": [0.5]}, "data"),
    ],
    ids=repr,
)
def test_a_reply_without_an_answer_is_malformed(kind: Any, body: Any, missing: str) -> None:
    """Lenient is not credulous: without a list of answers there is no answer, and what came is quoted."""
    with pytest.raises(WireError, match=f"the reply has no {missing}: ") as caught:
        read_value(kind, dumps(body))
    assert caught.value.kind == "malformed"
    assert str(body)[:40] in caught.value.message


def test_who_wants_it_as_it_came_gets_it_so() -> None:
    """A vendor's own client does: nothing is mended."""
    value = read_value(ChatCompletion, dumps(chat(finish="eos", content=[1])), mend=False)
    assert (value.choices[0].finish_reason, value.choices[0].message.content) == ("eos", [1])  # type: ignore[comparison-overlap]


HALF = b'{"choices":[{"index":0,"message":{"content":"a \\ud83d b"}}],"created":NaN}'


def test_what_only_python_reads_is_read() -> None:
    """Half a surrogate pair, and numbers that JSON has not: the answer is paid for."""
    value = read_value(ChatCompletion, HALF)
    assert (value.choices[0].message.content, value.created) == ("a \ud83d b", 0)
    assert loads(b"NaN") != loads(b"NaN")
    with pytest.raises(WireError, match="not JSON"):
        loads(b"[" * 100_000)


@pytest.mark.parametrize("levels", [150, 250, 600, 100_000])
@pytest.mark.parametrize("bottom", [b"1", b'"\\ud83d"'])
def test_nothing_is_deep(levels: int, bottom: bytes) -> None:
    """What goes through a value comes to an end."""
    data = b'{"a":[' * (levels // 2) + bottom + b"]}" * (levels // 2)
    if levels < 200:
        assert loads(data)
    else:
        with pytest.raises(WireError, match="not JSON"):
            loads(data)


def test_an_answer_is_told_whatever_is_in_it() -> None:
    """As `json` tells it, where orjson does not."""
    assert dumps_answer({"a": ["x", 1]}) == b'{"a":["x",1]}'
    assert json.loads(dumps_answer({"a": "\ud83d", "b": 10**30})) == {"a": "\ud83d", "b": 10**30}


def test_an_error_object_with_half_a_pair() -> None:
    """Its code is read all the same."""
    assert decode_fault(400, b'{"error":{"message":"\\ud83d","code":"x"}}').code == "x"


def test_embeddings_are_lenient_too() -> None:
    """A server that counts no tokens has embedded all the same."""
    value = read_value(CreateEmbeddingResponse, dumps({**embeddings([1.0]), "usage": None}))
    assert value.data[0].embedding == [1.0]


# ------------------------------------------------------------------------------------------ faults

BODIES: dict[str, tuple[bytes, dict[str, Any]]] = {
    "OpenAI's": (
        b'{"error":{"message":"m","type":"t","code":"c","param":"p"}}',
        {"message": "m", "type": "t", "code": "c", "param": "p", "body": {"message": "m", "type": "t", "code": "c", "param": "p"}},
    ),
    "a list": (b'[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]', {"message": "m", "code": "400"}),
    "an empty list": (b"[]", {"message": "HTTP 418 without a message", "body": []}),
    "HTML": (b"<html><h1>502 Bad Gateway</h1></html>\n", {"message": "<html><h1>502 Bad Gateway</h1></html>"}),
    "detail": (b'{"detail":"Not Found"}', {"message": "Not Found", "body": {"detail": "Not Found"}}),
    "detail as a list": (b'{"detail":[{"loc":["body"],"msg":"m"}]}', {"message": "[{'loc': ['body'], 'msg': 'm'}]"}),
    "message": (b'{"message":"m","type":"t"}', {"message": "m", "type": "t"}),
    "error is a string": (b'{"error":"nope"}', {"message": "nope", "body": "nope"}),
    "error is a string beside a code": (b'{"error":"nope","code":7}', {"message": "nope", "code": None}),
    "error with a number for a code": (b'{"error":{"code":404}}', {"message": "{'code': 404}", "code": "404"}),
    "error inside the error": (b'{"error":{"error":"m"}}', {"message": "m"}),
    "error is null": (b'{"error":null,"message":"m"}', {"message": "m"}),
    "error is empty": (b'{"error":{},"message":"m"}', {"message": "m"}),
    "pitfall_21 an empty message": (b'{"error":{"message":"","type":""}}', {"message": "{'message': '', 'type': ''}"}),
    "pitfall_21 nothing at all in it": (b"{}", {"message": "{}", "body": {}}),
    "types that are no text": (
        b'{"error":{"message":"m","type":{"a":1},"param":["b"],"code":false}}',
        {"message": "m", "type": None, "param": None, "code": "False"},
    ),
    "vLLM's": (b'{"object":"error","message":"m","type":"BadRequestError","code":400}', {"message": "m", "code": "400"}),
    "a string": (b'"Unauthorized"', {"message": "Unauthorized"}),
    "null": (b"null", {"message": "HTTP 418 without a message", "body": None}),
    "empty": (b"", {"message": "HTTP 418 without a body", "body": None}),
    "white space": (b" \n", {"message": "HTTP 418 without a body", "body": None}),
    "bytes that are no text": (b"\xff\xfe", {"message": "\ufffd\ufffd"}),
    "a long page": (b"x" * 5000, {"message": "x" * 500}),
}  # fmt: skip


@pytest.mark.parametrize(("data", "expected"), BODIES.values(), ids=BODIES)
def test_error_bodies_of_any_shape(data: bytes, expected: dict[str, Any]) -> None:
    """Every shape of the field gives a message, the status stays HTTP's."""
    fault = decode_fault(418, data)
    assert fault.status == 418
    assert {name: getattr(fault, name) for name in expected} == expected


IN_BAND: dict[str, tuple[Any, int]] = {
    "a number": ({"code": 502, "message": "m"}, 502),
    "a number as text": ({"code": "429", "message": "m"}, 429),
    "status": ({"status": 404, "message": "m"}, 404),
    "status_code": ({"status_code": 400, "code": "tool_use_failed", "message": "m"}, 400),
    "OpenAI's code": ({"type": "tokens", "code": "rate_limit_exceeded", "message": "m"}, 429),
    "Anthropic's type": ({"type": "overloaded_error", "message": "m"}, 529),
    "the code before the type": ({"type": "invalid_request_error", "code": "rate_limit_exceeded"}, 429),
    "numbers that are no HTTP status": ({"code": 1004, "status": "20", "status_code": 99}, 500),
    "digits that are no number": ({"code": "²"}, 500),
    "a truth": ({"code": True}, 500),
    "what cannot be looked up": ({"type": {"a": 1}, "code": ["b"]}, 500),
    "nothing": ({"message": "m"}, 500),
    "text": ("m", 500),
}


@pytest.mark.parametrize(("error", "status"), IN_BAND.values(), ids=IN_BAND)
def test_an_error_within_a_success_tells_its_own_status(error: Any, status: int) -> None:
    """HTTP said 200 there, which says nothing."""
    assert fault_of(500, {"error": error}).status == status


FAULTS_IN_200: dict[str, tuple[dict[str, Any], str, int]] = {
    "OpenRouter's": ({"error": {"code": 429, "message": "slow down"}}, "slow down", 429),
    "OpenRouter's beside a chunk": (
        {**chunk({"content": ""}, finish="error"), "error": {"code": 502, "message": "provider died"}},
        "provider died",
        502,
    ),
    "beside a valid answer": (
        {**chat("half"), "error": {"message": "cut", "type": "server_error"}},
        "cut",
        500,
    ),
    "in a choice": (
        {
            **chat("half"),
            "choices": [{**chat("half")["choices"][0], "error": {"code": 408, "message": "late"}}],
        },
        "late",
        408,
    ),
    "a string": ({"error": "nope"}, "nope", 500),
    "vLLM's": ({"object": "error", "message": "too long", "code": 400}, "too long", 400),
}


@pytest.mark.parametrize("kind", [ChatCompletion, ChatCompletionChunk], ids=["answer", "chunk"])
@pytest.mark.parametrize(("body", "message", "status"), FAULTS_IN_200.values(), ids=FAULTS_IN_200)
def test_pitfall_16_an_error_in_a_200_is_an_error(
    kind: Any, body: dict[str, Any], message: str, status: int
) -> None:
    """However it is wrapped, it is never taken for an answer."""
    with pytest.raises(WireError, match=message) as caught:
        read_value(kind, dumps(body))
    assert caught.value.kind == "fault"
    assert caught.value.fault is not None
    assert (caught.value.fault.status, caught.value.fault.message) == (status, message)


@pytest.mark.parametrize("nothing", [None, False, "", {}], ids=repr)
def test_an_empty_error_field_is_no_error(nothing: object) -> None:
    """Some servers have the field in every answer."""
    assert read_value(ChatCompletion, dumps({**chat(), "error": nothing})).choices[0].message.content == "Hi"


def test_the_word_error_is_no_error() -> None:
    """Neither in the text nor as a value."""
    body = {**chat('"error": {"message": "x"}'), "last": "error"}
    assert read_value(ChatCompletion, dumps(body)).choices[0].message.content == '"error": {"message": "x"}'


def test_an_event_named_error_is_one_whatever_it_holds() -> None:
    """Its bytes are read like any error's, but tell their own status."""
    fault = decode_fault(500, b'{"message":"slow down","code":429}', in_band=True)
    assert (fault.status, fault.message) == (429, "slow down")


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-600, 600) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "message", "code", "type", "detail", "choices", "object", "data"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


def outcome(kind: Any, data: bytes) -> Any:
    """The value, or the complaint."""
    try:
        return read_value(kind, data)
    except WireError as error:
        return error


@pytest.mark.parametrize("kind", [ChatCompletion, CreateEmbeddingResponse], ids=["chat", "embeddings"])
@given(raw=JSON_VALUES)
@settings(max_examples=long(150, 50), deadline=None)
def test_no_json_whatever_breaks_the_readers(kind: Any, raw: Any) -> None:
    """A value, a fault or a complaint: never an exception of another kind, never an empty message."""
    data = dumps(raw)
    read = outcome(kind, data)
    assert isinstance(read, kind) or (read.kind in {"fault", "malformed"} and read.message)
    assert decode_fault(400, data).message


def test_an_in_band_code_says_more_than_its_type() -> None:
    """OpenAI's wrong key is an `invalid_request_error` by type; its code makes it a 401."""
    raw = {"error": {"type": "invalid_request_error", "code": "invalid_api_key", "message": "no"}}
    assert fault_of(500, raw).status == 401


@pytest.mark.parametrize(
    "verb", ["decode_request", "encode_response", "encode_chunk", "encode_fault", "encode_error"]
)
def test_an_inbound_wire_must_say_how(verb: str) -> None:
    """The base knows none."""
    with pytest.raises(NotImplementedError):
        getattr(Inbound(Ledger("")), verb)(b"")
    with pytest.raises(NotImplementedError):
        Inbound(Ledger("")).encode_end()


def test_an_inbound_wire_hears_nothing_and_takes_nothing_out() -> None:
    """Unless it says otherwise."""
    body: dict[str, Any] = {}
    wire = Inbound(Ledger(""))
    wire.hear({"x": "y"}, body)
    assert body == {}
    assert wire.own_body(body, Ledger("")) is body
