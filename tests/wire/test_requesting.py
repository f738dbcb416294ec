"""What the codecs that are not OpenAI's share of a request."""

from __future__ import annotations

from contextlib import suppress

import pytest

from muxi_llm.core.body import body_of
from muxi_llm.errors import InvalidRequestError, MuxiLLMError, UnsupportedParameterError
from muxi_llm.providers.profiles import profile_of
from muxi_llm.wire.aws.converse import Converse
from muxi_llm.wire.base import Ledger
from muxi_llm.wire.cohere.chat import CohereChat
from muxi_llm.wire.gemini.generate_content import GenerateContent
from muxi_llm.wire.ollama.chat import OllamaChat
from muxi_llm.wire.replicate import ReplicatePrediction
from muxi_llm.wire.requesting import (
    arguments_of,
    check,
    chosen,
    drop_fields,
    drop_others,
    stops_of,
    taken_apart,
    text_of,
    transcript,
    usage_wanted,
)
from muxi_llm.wire.tgi import TGI
from tests.support.bodies import HELLO

F = {"type": "function", "function": {"name": "f"}}
WIRES = (
    (CohereChat, "command-a-reasoning"),
    (Converse, "anthropic.claude-sonnet-4-5"),
    (GenerateContent, "gemini-2.5-flash"),
    (OllamaChat, "llama3"),
    (ReplicatePrediction, "meta/llama"),
    (TGI, "m"),
)
NONSENSE = [
    1,
    -5,
    "x",
    1.5,
    True,
    [],
    [None],
    [[]],
    {},
    {"type": "text"},
    {"function": 1},
    {"allowed_tools": 1},
]


@pytest.mark.parametrize(("kind", "model"), WIRES, ids=[kind.__name__ for kind, _ in WIRES])
@pytest.mark.parametrize(
    "name",
    ["n", "stop", "temperature", "tool_choice", "function_call", "reasoning_effort", "stream_options",
     "service_tier", "modalities", "audio", "max_tokens", "response_format", "tools"],
)  # fmt: skip
@pytest.mark.parametrize("tools", [[], [F]], ids=["no tools", "a tool"])
def test_parameters_that_make_no_sense(kind, model, name, tools):
    """Are refused as such, or told, or sent: nobody meets an error of Python's own."""
    for nonsense in NONSENSE:
        wire = kind(model, Ledger("anybody"), profile_of(model))
        with suppress(MuxiLLMError):
            body, _ = body_of("chat", {"messages": HELLO, "tools": tools, name: nonsense})
            wire.settle(wire.encode_request(body, stream=False))


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("n", "2", "n must be a whole number, not '2'"),
        ("temperature", "hot", "temperature must be a number"),
        ("stop", 1, "stop must be a string or a list of strings"),
        ("stream_options", [], "stream_options must be an object"),
        ("modalities", "text", "modalities must be a list of strings"),
        ("reasoning_effort", ["low"], "reasoning_effort must be a string"),
    ],
)
def test_types(name, value, why):
    """The message names the parameter and what it should be."""
    with pytest.raises(InvalidRequestError, match=why) as caught:
        check({name: value}, "Cohere")
    assert caught.value.param == name


def test_several_answers():
    """Are refused where there is but one a call, and no matter elsewhere."""
    check({"n": 2}, "")
    check({"n": 1, "stop": None}, "Cohere")
    with pytest.raises(UnsupportedParameterError, match="Cohere gives one answer a call; ask n times"):
        check({"n": 2}, "Cohere")


@pytest.mark.parametrize(
    ("stop", "stops"), [("a", ["a"]), (("a", "b"), ["a", "b"]), (None, []), ([], [])], ids=str
)
def test_stops(stop, stops):
    assert stops_of({"stop": stop}) == stops


def test_stops_that_are_no_text():
    with pytest.raises(InvalidRequestError, match=r"stop must be a string or a list of strings, not a list"):
        stops_of({"stop": [1]})


@pytest.mark.parametrize(
    ("options", "wanted"), [(None, False), ({}, False), ({"include_usage": True}, True)], ids=str
)
def test_usage_is_wanted(options, wanted):
    assert usage_wanted({"stream_options": options}) is wanted


def test_what_is_left_out_is_told():
    """A loss where it changes the answer; nothing where the value asks for what happens anyway."""
    ledger = Ledger("anybody")
    drop_others({"seed": 1, "user": "u", "store": False, "odd": 1}, {"seed"}, ledger, "no such thing")
    drop_fields({"name": "Ann", "audio": None}, "messages[0]", ("name", "audio"), ledger, "its messages")
    assert [(entry.param, entry.detail, entry.loss) for entry in ledger.entries] == [
        ("user", "no such thing", False),
        ("odd", "no such thing", True),
        ("messages[0].name", "its messages have no name", True),
    ]


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "a"}, "a"),
        ({"content": None, "refusal": "no"}, "no"),
        ({}, ""),
        (
            {
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image_url"},
                    {"type": "refusal", "refusal": None},
                ]
            },
            "a",
        ),
    ],
    ids=["string", "refusal", "nothing", "parts"],
)
def test_text(message, text):
    assert text_of(message, "messages[0]", "it", {"image_url"}) == text


@pytest.mark.parametrize(
    ("part", "why"),
    [
        ({"type": "text", "text": 1}, r"messages\[0\].content\[0\].text must be a string"),
        ({"type": "file"}, r"messages\[0\].content\[0\]: it takes no file parts"),
    ],
    ids=["no text", "a file"],
)
def test_what_is_no_text(part, why):
    with pytest.raises(InvalidRequestError, match=why):
        text_of({"content": [part]}, "messages[0]", "it")


@pytest.mark.parametrize(
    ("url", "apart"),
    [
        ("data:image/PNG;base64,AAAA", ("image/png", "AAAA")),
        ("data:text/plain;charset=utf-8,a%20b", ("text/plain", "YSBi")),
        ("data:,a", ("", "YQ==")),
    ],
)
def test_data_urls(url, apart):
    assert taken_apart(url, "messages[0]", "a data:") == apart


@pytest.mark.parametrize("url", ["https://a.example/b.png", "data:image/png;base64", "x"])
def test_urls_that_hold_no_data(url):
    with pytest.raises(InvalidRequestError, match=r"messages\[0\] must be a data: URL"):
        taken_apart(url, "messages[0]", "a data:")


def test_a_transcript():
    assert transcript([("user", "Hi"), ("tool", "1")]) == "User: Hi\n\nTool: 1\n\nAssistant:"


@pytest.mark.parametrize(
    ("given", "object_", "told"),
    [
        ({"a": 1}, {"a": 1}, False),
        ('{"a":1}', {"a": 1}, False),
        ("", {}, False),
        (None, {}, False),
        ("[1]", {"_raw_arguments": "[1]"}, True),
        ('{"a"', {"_raw_arguments": '{"a"'}, True),
        (7, {"_raw_arguments": 7}, True),
    ],
    ids=str,
)
def test_arguments(given, object_, told):
    ledger = Ledger("anybody")
    assert arguments_of(given, "messages[0].tool_calls[0]", ledger) == object_
    assert [entry.param for entry in ledger.entries] == [
        "messages[0].tool_calls[0].function.arguments"
    ] * told


@pytest.mark.parametrize(
    ("choice", "read"),
    [
        (None, ("auto", None)),
        ("auto", ("auto", None)),
        ("any", ("required", None)),
        ("required", ("required", None)),
        ("none", ("none", None)),
        ({"type": "none"}, ("none", None)),
        ({"type": "any"}, ("required", None)),
        ({"type": "odd"}, ("odd", None)),
        (F, ("required", ["f"])),
        ({"name": "f"}, ("required", ["f"])),
        ({"type": "custom", "custom": {"name": "g"}}, ("required", ["g"])),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [F]}}, ("required", ["f"])),
        ({"type": "allowed_tools", "allowed_tools": {"tools": [F, F]}}, ("auto", ["f", "f"])),
    ],
    ids=str,
)
def test_choices(choice, read):
    assert chosen(choice) == read


@pytest.mark.parametrize(
    "choice", [1, [], {"function": 1}, {"name": 1}, {"allowed_tools": {"tools": [{}]}}], ids=str
)
def test_choices_that_are_none(choice):
    with pytest.raises(
        InvalidRequestError, match="tool_choice must be 'auto', 'none', 'required' or"
    ) as caught:
        chosen(choice)
    assert caught.value.param == "tool_choice"
