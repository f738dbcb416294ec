"""OpenAI's Responses, outbound: chats as requests, and turns sent back."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.models import ChatCompletionMessage
from tests.support.responses import (
    CITED,
    REASONER,
    SEARCH,
    Codec,
    check,
    encode,
    function_call,
    items_of,
    output,
    refusal,
    response,
    said,
    text,
    thought,
    told,
)

FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}
USER = {"role": "user", "content": "Hi"}


def called(call_id: str = "call_1", **fields: Any) -> dict[str, Any]:
    call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": '{"a":1}'}}
    return {"role": "assistant", "content": None, "tool_calls": [call], **fields}


def result(content: Any = "ok", call_id: str = "call_1") -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content}


# ------------------------------------------------------------------------------------------ request

PARAMETERS = {
    "max_tokens": ({"max_tokens": 5}, {"max_output_tokens": 5}),
    "max_completion_tokens": ({"max_completion_tokens": 5}, {"max_output_tokens": 5}),
    "pitfall_67 effort": ({"reasoning_effort": "none"}, {"reasoning": {"effort": "none"}}),
    "effort that reasons": (
        {"reasoning_effort": "low"},
        {"reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"]},
    ),
    "stored": ({"reasoning_effort": "low", "store": True}, {"reasoning": {"effort": "low"}, "store": True}),
    "verbosity": ({"verbosity": "low"}, {"text": {"verbosity": "low"}}),
    "json mode": (
        {"response_format": {"type": "json_object"}},
        {"text": {"format": {"type": "json_object"}}},
    ),
    "schema": (
        {
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "x", "schema": {}, "strict": True},
            }
        },
        {"text": {"format": {"type": "json_schema", "name": "x", "schema": {}, "strict": True}}},
    ),
    "logprobs": ({"logprobs": True}, {"include": ["message.output_text.logprobs"]}),
    "top_logprobs": (
        {"logprobs": True, "top_logprobs": 2},
        {"include": ["message.output_text.logprobs"], "top_logprobs": 2},
    ),
    "no logprobs": ({"logprobs": False}, {}),
    "same name": ({"temperature": 0.5, "metadata": {"a": "b"}}, {"temperature": 0.5, "metadata": {"a": "b"}}),
    "pitfall_69 strict": (
        {"tools": [{"type": "function", "function": {**FUNCTION["function"], "strict": True}}]},  # type: ignore[dict-item]
        {"tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": True}]},
    ),
    "pitfall_69 not strict": (
        {"tools": [FUNCTION]},
        {"tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}]},
    ),
    "tool without parameters": (
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {
            "tools": [
                {
                    "type": "function",
                    "name": "f",
                    "parameters": {"type": "object", "properties": {}},
                    "strict": False,
                }
            ]
        },
    ),
    "custom tool": (
        {"tools": [{"type": "custom", "custom": {"name": "g"}}]},
        {"tools": [{"type": "custom", "name": "g"}]},
    ),
    "grammar": (
        {
            "tools": [
                {
                    "type": "custom",
                    "custom": {
                        "name": "g",
                        "format": {"type": "grammar", "grammar": {"syntax": "lark", "definition": "d"}},
                    },
                }
            ]
        },
        {
            "tools": [
                {
                    "type": "custom",
                    "name": "g",
                    "format": {"type": "grammar", "syntax": "lark", "definition": "d"},
                }
            ]
        },
    ),
    "built-in tool": ({"tools": [{"type": "web_search"}]}, {"tools": [{"type": "web_search"}]}),
    "web search": (
        {
            "web_search_options": {
                "search_context_size": "low",
                "user_location": {"type": "approximate", "approximate": {"city": "Bern"}},
            }
        },
        {
            "tools": [
                {
                    "type": "web_search",
                    "search_context_size": "low",
                    "user_location": {"type": "approximate", "city": "Bern"},
                }
            ]
        },
    ),
    "web search, plain": ({"web_search_options": None}, {"tools": [{"type": "web_search"}]}),
    "pitfall_65 auto": ({"tool_choice": "auto"}, {"tool_choice": "auto"}),
    "pitfall_65 named": (
        {"tool_choice": {"type": "function", "function": {"name": "f"}}},
        {"tool_choice": {"type": "function", "name": "f"}},
    ),
    "pitfall_65 allowed": (
        {
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto", "tools": [{"type": "function", "function": {"name": "f"}}]},
            }
        },
        {
            "tool_choice": {
                "type": "allowed_tools",
                "mode": "auto",
                "tools": [{"type": "function", "name": "f"}],
            }
        },
    ),
    "pitfall_65 one at a time": ({"parallel_tool_calls": False}, {"parallel_tool_calls": False}),
    "flat already": (
        {"tool_choice": {"type": "function", "name": "f"}},
        {"tool_choice": {"type": "function", "name": "f"}},
    ),
    "pitfall_70 functions": (
        {"functions": [{"name": "f", "parameters": {}}], "function_call": {"name": "f"}},
        {
            "tools": [
                {
                    "type": "function",
                    "name": "f",
                    "parameters": {"type": "object", "properties": {}},
                    "strict": False,
                }
            ],
            "tool_choice": {"type": "function", "name": "f"},
            "parallel_tool_calls": False,
        },
    ),
    "pitfall_70 auto": (
        {"functions": [], "function_call": "auto"},
        {"tool_choice": "auto"},
    ),
    "usage is always told": ({"stream_options": {"include_usage": True}}, {}),
}


@pytest.mark.parametrize(("given", "wanted"), PARAMETERS.values(), ids=PARAMETERS.keys())
def test_parameters(given, wanted):
    """Every parameter in its place, valid by the vendor's types, and nothing kept by the provider unasked."""
    out = encode(**given)
    assert (
        out == {"model": "gpt-4.1", "input": [{"role": "user", "content": "Hello"}], "store": False} | wanted
    )
    check(out)


def test_streams_are_asked_for():
    """With the options that are Responses' own."""
    out = encode(stream=True, stream_options={"include_usage": True, "include_obfuscation": False})
    assert (out["stream"], out["stream_options"]) == (True, {"include_obfuscation": False})
    assert "stream_options" not in encode(stream=True, stream_options={"include_usage": True})


def test_reasoning_of_a_model_that_always_reasons():
    """Its encrypted form is asked for, or it could not be sent back."""
    assert encode(model=REASONER)["include"] == ["reasoning.encrypted_content"]
    assert "include" not in encode(model=REASONER, reasoning_effort="none")


LOST = {
    "stop": ("a", True),
    "seed": (1, True),
    "logit_bias": ({"1": 2}, True),
    "frequency_penalty": (0.5, True),
    "modalities": (["text", "audio"], True),
    "presence_penalty": (0, False),
    "n": (1, False),
}


@pytest.mark.parametrize(("name", "value", "lost"), [(n, *row) for n, row in LOST.items()], ids=LOST.keys())
def test_parameters_without_a_counterpart(name, value, lost):
    """A loss is declared; what asks for nothing is left out in silence."""
    codec = Codec(**{name: value})
    assert name not in codec.out
    assert codec.told == ({name: ("dropped", True)} if lost else {})


def test_pitfall_63_several_answers():
    """Refused: one answer would be another thing."""
    with pytest.raises(UnsupportedParameterError) as caught:
        encode(n=2)
    assert caught.value.param == "n"


def test_strict_mode_refuses_a_loss():
    with pytest.raises(UnsupportedParameterError):
        Codec(strict=True, stop="a")


# ------------------------------------------------------------------------------------------ messages

PNG = "data:image/png;base64,aGk="
PARTS = {
    "text": ({"type": "text", "text": "a"}, {"type": "input_text", "text": "a"}),
    "pitfall_46 image": (
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "input_image", "image_url": PNG, "detail": "low"},
    ),
    "pitfall_47 no detail": (
        {"type": "image_url", "image_url": {"url": "https://e.com/a.png"}},
        {"type": "input_image", "image_url": "https://e.com/a.png"},
    ),
    "bare URL": ({"type": "image_url", "image_url": PNG}, {"type": "input_image", "image_url": PNG}),
    "file": (
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"}},
        {"type": "input_file", "file_data": "data:application/pdf;base64,aGk=", "filename": "a.pdf"},
    ),
    "file id": ({"type": "file", "file": {"file_id": "f_1"}}, {"type": "input_file", "file_id": "f_1"}),
    "file by URL": (
        {"type": "file", "file": {"file_data": "https://e.com/a.pdf"}},
        {"type": "input_file", "file_url": "https://e.com/a.pdf"},
    ),
    "native": ({"type": "input_text", "text": "a"}, {"type": "input_text", "text": "a"}),
    "breakpoint": (
        {"type": "text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}},
    ),
}


@pytest.mark.parametrize(("part", "wanted"), PARTS.values(), ids=PARTS.keys())
@pytest.mark.parametrize("role", ["user", "system", "tool"])
def test_pitfall_45_parts(part, wanted, role):
    """Everywhere where there may be parts: nothing is flattened, nothing made up."""
    if role == "tool":
        out = encode([USER, called(), result([part])])
        assert out["input"][-1] == {"type": "function_call_output", "call_id": "call_1", "output": [wanted]}
    else:
        out = encode([{"role": role, "content": [part]}])
        assert out["input"] == [{"role": role, "content": [wanted]}]
    check(out)


def test_pitfall_49_images_in_tool_results():
    """In the output's own parts, not as JSON in a text."""
    image = {"type": "image_url", "image_url": {"url": PNG}}
    *_, last = items_of(USER, called(), result([{"type": "text", "text": "see"}, image]))
    assert last["output"] == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "image_url": PNG},
    ]


def test_audio_is_left_to_the_provider():
    """The vendor's types have the part, and no place for it yet."""
    part = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
    assert items_of({"role": "user", "content": [part]}) == [{"role": "user", "content": [part]}]


def test_parts_nobody_knows():
    with pytest.raises(UnsupportedParameterError) as caught:
        items_of({"role": "user", "content": [{"type": "video_url", "video_url": {}}]})
    assert caught.value.param == "messages[0].content[0]"


def test_a_conversation():
    """Instructions stay in their places, calls come with their results, in order."""
    out = encode(
        [
            {"role": "system", "content": "s"},
            USER,
            called(content="let me see"),
            result("1"),
            {"role": "developer", "content": "d"},
            {"role": "assistant", "content": "done"},
        ]
    )
    assert out["input"] == [
        {"role": "system", "content": "s"},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "let me see"},
        {"type": "function_call", "call_id": "call_1", "name": "f", "arguments": '{"a":1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "1"},
        {"role": "developer", "content": "d"},
        {"role": "assistant", "content": "done"},
    ]
    check(out)


ASSISTANTS = {
    "pitfall_40 null content": ({"content": None, "tool_calls": called()["tool_calls"]}, []),
    "pitfall_40 empty content": ({"content": "", "tool_calls": called()["tool_calls"]}, []),
    "parts": (
        {"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        [{"role": "assistant", "content": "ab"}],
    ),
    "pitfall_71 refusal": (
        {"content": None, "refusal": "no"},
        [{"type": "message", "role": "assistant", "content": [refusal("no")]}],
    ),
    "pitfall_71 refusal part": (
        {"content": [refusal("no")]},
        [{"type": "message", "role": "assistant", "content": [refusal("no")]}],
    ),
    "pitfall_50 citations": (
        {
            "content": "a",
            "annotations": [
                {"type": "url_citation", "url_citation": {k: v for k, v in CITED.items() if k != "type"}}
            ],
        },
        [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "a", "annotations": [CITED]}],
            }
        ],
    ),
    "pitfall_28 foreign thinking": (
        {"content": "a", "reasoning_content": "hm", "thinking_blocks": [{"type": "thinking"}]},
        [{"role": "assistant", "content": "a"}],
    ),
}


@pytest.mark.parametrize(("message", "wanted"), ASSISTANTS.values(), ids=ASSISTANTS.keys())
def test_assistants(message, wanted):
    """What the model said before, without what cannot be sent back."""
    results = [result()] if "tool_calls" in message else []
    out = encode([USER, {"role": "assistant", **message}, *results])
    assert [item for item in out["input"][1:] if "call_id" not in item] == wanted
    check(out)


def test_messages_may_be_objects():
    """As OpenAI's client takes them."""
    said_before = ChatCompletionMessage.model_validate({"role": "assistant", "content": "a"})
    assert items_of(said_before)[0] == {"role": "assistant", "content": "a"}  # type: ignore[arg-type]


def test_names_of_participants():
    codec = Codec([{"role": "user", "content": "Hi", "name": "Ann"}])
    assert codec.out["input"] == [{"role": "user", "content": "Hi"}]
    assert codec.told == {"messages[0].name": ("dropped", True)}


def test_pitfall_53_long_ids():
    """In 64 characters, the same for call and result, different for different ones."""
    one, other = "c" * 70, "c" * 69 + "d"
    sent = items_of(USER, called(one), result(call_id=one), called(other), result(call_id=other))
    ids = [item["call_id"] for item in sent[1:]]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert {len(call_id) for call_id in ids} == {64}
    assert items_of(USER, called("c" * 64))[1]["call_id"] == "c" * 64


def test_custom_calls():
    """Their results go out as results of custom calls."""
    call = {"id": "call_1", "type": "custom", "custom": {"name": "g", "input": "x"}}
    out = encode([USER, {"role": "assistant", "content": None, "tool_calls": [call]}, result()])
    assert out["input"][1:] == [
        {"type": "custom_tool_call", "call_id": "call_1", "name": "g", "input": "x"},
        {"type": "custom_tool_call_output", "call_id": "call_1", "output": "ok"},
    ]
    check(out)


def test_pitfall_70_legacy_calls():
    """They have no ids: results answer them in order."""
    function = {"name": "f", "arguments": ""}
    sent = items_of(
        USER,
        {"role": "assistant", "content": None, "function_call": function},
        {"role": "function", "name": "f", "content": None},
    )
    assert sent[1:] == [
        {"type": "function_call", "call_id": "muxi_call_1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "muxi_call_1", "output": ""},
    ]


def test_a_result_of_nothing():
    with pytest.raises(InvalidRequestError) as caught:
        items_of(USER, {"role": "tool", "content": "x"})
    assert caught.value.param == "messages[1].tool_call_id"


# ------------------------------------------------------------------------------ turns, sent back

ENCRYPTED = thought(encrypted_content="gAAA", status=None, of_a_later_version={"a": [1]})
TURNS = {
    "pitfall_31 reasoning with its call": [ENCRYPTED, function_call()],
    "pitfall_32 unknown fields": [ENCRYPTED, said("a", phase="commentary"), function_call(namespace="n")],
    "reasoning in the open": [thought(content=("hm",)), said("a")],
    "built-in tools": [SEARCH, said(text("a", CITED))],
    "several messages": [said("a"), said("b", item_id="msg_2")],
}


@pytest.mark.parametrize("turn", TURNS.values(), ids=TURNS.keys())
@pytest.mark.parametrize("streams", [False, True], ids=["whole", "streamed"])
def test_turns_go_back_as_they_came(turn, streams):
    """Item by item, in their order."""
    raw = response(*turn)
    value = Codec().streamed(*told(raw)) if streams else Codec().whole(raw)
    out = encode([USER, value.choices[0].message])["input"]
    assert out[1:] == turn


def test_pitfall_31_reasoning_that_cannot_be_found():
    """Neither it nor the ids that would ask for it; all of it where the provider keeps responses."""
    turn = [thought("hm"), SEARCH, function_call()]
    message = Codec().whole(response(*turn)).choices[0].message
    codec = Codec([USER, message, result()])
    bare = {name: value for name, value in function_call().items() if name != "id"}
    assert codec.out["input"][1:] == [SEARCH, bare, output()]
    assert codec.told == {"messages[1].extra_content": ("dropped", False)}
    assert encode([USER, message, result()], store=True)["input"][1:] == [*turn, output()]


def test_plain_turns_carry_nothing_along():
    """Text and calls are all there in the chat form."""
    message = Codec().whole(response("a", function_call())).choices[0].message
    assert message.extra_content is None
    assert [item.get("type", "text") for item in items_of(message)] == ["text", "function_call"]  # type: ignore[arg-type]
