"""Ollama's own API, ours → theirs: what a chat, a completion and their parameters become."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.wire.base import Ledger, Profile
from muxi_llm.wire.ollama.chat import OllamaChat, OllamaGenerate

USER = {"role": "user", "content": "Hi"}
PNG = "data:image/png;base64,aGk="


class Sent:
    """A body, encoded and settled, and what the ledger says of it."""

    def __init__(self, body: dict[str, Any], *, model: str = "qwen3", kind: Any = OllamaChat, **extra: Any):
        ledger = Ledger("ollama")
        self.wire = kind(model, ledger, Profile())
        given = deepcopy(body)
        self.out = self.wire.encode_request(body, stream=False)
        assert body == given  # the caller's objects are read, never changed
        self.out.update(extra)
        self.wire.settle(self.out)
        self.told = [(entry.param, entry.action, entry.loss) for entry in ledger.entries]


def chat(*messages: Any, model: str = "qwen3", **params: Any) -> Sent:
    return Sent({"messages": list(messages) or [USER], **params}, model=model)


def message(content: Any = "Hi", role: str = "user", **fields: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **fields}


def call(arguments: Any = '{"a":1}', name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def tool(name: str = "f", **fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, **fields}}


# ---------------------------------------------------------------------------------------- messages


def test_a_plain_chat():
    """Ollama streams unless told not to."""
    assert chat().out == {"model": "qwen3", "messages": [message()], "stream": False}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        (message("Be terse.", "system"), message("Be terse.", "system")),
        (message("Be terse.", "developer"), message("Be terse.", "system")),
        (message([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]), message("a\nb")),
        (message([{"type": "refusal", "refusal": "no"}], "assistant"), message("no", "assistant")),
        (message(None, "assistant", refusal="no"), message("no", "assistant")),
        (message(None, "assistant"), message("", "assistant")),
        (message("a", "assistant", reasoning_content="hm"), message("a", "assistant", thinking="hm")),
        (message("a", "assistant", reasoning="hm"), message("a", "assistant", thinking="hm")),
    ],
    ids=["system", "developer", "parts", "refusal-part", "refusal", "nothing", "reasoning", "reasoning-2"],
)
def test_a_message(given, sent):
    """pitfall_45: content is text or parts everywhere; Ollama has one text."""
    assert chat(given).out["messages"] == [sent]


def test_images_are_bare_base64():
    parts = [{"type": "text", "text": "What?"}, {"type": "image_url", "image_url": {"url": PNG}}]
    sent = chat(message(parts), message([{"type": "image_url", "image_url": PNG}]))
    assert sent.out["messages"] == [message("What?", images=["aGk="]), message("", images=["aGk="])]
    assert sent.told == []


@pytest.mark.parametrize("url", ["https://example.com/a.png", "data:image/svg+xml,<svg/>", "aGk="])
def test_pitfall_46_other_images_are_refused(url):
    """By the part's name: Ollama fetches nothing."""
    with pytest.raises(UnsupportedParameterError) as caught:
        chat(message([{"type": "text", "text": "?"}, {"type": "image_url", "image_url": {"url": url}}]))
    assert caught.value.param == "messages[0].content[1]"


def test_pitfall_47_the_detail_of_an_image():
    """Asked for, it is told; absent, nothing is."""
    parts = [
        {"type": "image_url", "image_url": {"url": PNG, "detail": detail}} for detail in ("high", "auto")
    ]
    assert chat(message(parts)).told == [("messages[0].content[0].image_url.detail", "dropped", False)]


def test_parts_ollama_has_not():
    with pytest.raises(UnsupportedParameterError, match=r"messages\[0\].content\[0\].*input_audio"):
        chat(message([{"type": "input_audio", "input_audio": {}}]))


def test_what_is_no_message():
    with pytest.raises(InvalidRequestError, match=r"messages\[1\] is not a chat message"):
        chat(USER, message([{"type": "text"}]))


def test_names_are_told():
    assert chat(message(name="Ada")).told == [("messages[0].name", "dropped", True)]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ('{"a":1}', {"a": 1}),
        ({"a": 1}, {"a": 1}),
        ("", {}),
        (None, {}),
    ],
    ids=["text", "object", "empty", "none"],
)
def test_pitfall_68_arguments_are_an_object(given, sent):
    out = chat(message(None, "assistant", tool_calls=[call(given, id="c1")])).out["messages"]
    assert out == [
        message("", "assistant", tool_calls=[{"id": "c1", "function": {"name": "f", "arguments": sent}}])
    ]


@pytest.mark.parametrize("given", ["{", "[1]", "3"])
def test_pitfall_68_arguments_that_are_none(given):
    sent = chat(message(None, "assistant", tool_calls=[call(given)]))
    (made,) = sent.out["messages"][0]["tool_calls"]
    assert made["function"]["arguments"] == {"_raw_arguments": given}
    assert sent.told == [("messages[0].tool_calls[0].function.arguments", "changed", True)]


def test_tool_results_go_by_the_tools_name():
    """And by the call's id, as newer versions do."""
    calls = [call(id="c1", name="f"), call(id="c2", name="g")]
    results = [message("2", "tool", tool_call_id="c2"), message("1", "tool", tool_call_id="c1")]
    out = chat(USER, message(None, "assistant", tool_calls=calls), *results).out["messages"]
    assert out[2:] == [
        message("2", "tool", tool_name="g", tool_call_id="c2"),
        message("1", "tool", tool_name="f", tool_call_id="c1"),
    ]


def test_custom_calls_of_a_conversation_that_began_elsewhere():
    custom = {"id": "c1", "type": "custom", "custom": {"name": "f", "input": "text"}}
    (sent,) = chat(message(None, "assistant", tool_calls=[custom])).out["messages"][0]["tool_calls"]
    assert sent["function"] == {"name": "f", "arguments": {"_raw_arguments": "text"}}


def test_pitfall_70_legacy_functions():
    """Translated; the reply will be in the legacy form too."""
    sent = chat(
        message(None, "assistant", function_call={"name": "f", "arguments": '{"a":1}'}),
        message("2", "function", name="f"),
        functions=[{"name": "f", "parameters": {"type": "object"}}],
    )
    assert sent.out["messages"] == [
        message("", "assistant", tool_calls=[{"function": {"name": "f", "arguments": {"a": 1}}}]),
        message("2", "tool", tool_name="f"),
    ]
    assert sent.out["tools"] == [tool(parameters={"type": "object"})]
    assert sent.wire.request.legacy


# ------------------------------------------------------------------------------------------- tools


def test_pitfall_55_tools_go_as_they_are_and_in_order():
    sent = chat(tools=[tool("b", description="B"), tool("a", parameters={"type": "object"})])
    empty = {"type": "object", "properties": {}}
    assert sent.out["tools"] == [
        tool("b", description="B", parameters=empty),
        tool("a", parameters={"type": "object"}),
    ]


def test_pitfall_69_a_strict_tool_is_told():
    sent = chat(tools=[tool(strict=True, parameters={}), tool("g", strict=False, parameters={})])
    assert sent.out["tools"] == [tool(parameters={}), tool("g", parameters={})]
    assert sent.told == [("tools[0].function.strict", "dropped", True)]


@pytest.mark.parametrize(
    "odd", [{"type": "custom", "custom": {"name": "f"}}, {"type": "function"}, {"type": "web_search"}]
)
def test_tools_that_are_no_functions(odd):
    with pytest.raises(UnsupportedParameterError, match=r"tools\[0\]"):
        chat(tools=[odd])


@pytest.mark.parametrize(
    ("choice", "names", "told"),
    [
        ("auto", ["f", "g"], []),
        ("none", [], [("tool_choice", "moved", False)]),
        ("required", ["f", "g"], [("tool_choice", "dropped", True)]),
        ({"type": "function", "function": {"name": "g"}}, ["g"], [("tool_choice", "dropped", True)]),
        ({"type": "function", "name": "g"}, ["g"], [("tool_choice", "dropped", True)]),
        (
            {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [tool("g")]}},
            ["g"],
            [("tool_choice", "moved", False)],
        ),
    ],
    ids=["auto", "none", "required", "named", "named-flat", "allowed"],
)
def test_pitfall_65_tool_choice(choice, names, told):
    """Ollama has none: which tools there are is all that can be said."""
    sent = chat(tools=[tool("f"), tool("g")], tool_choice=choice)
    assert [made["function"]["name"] for made in sent.out.get("tools", [])] == names
    assert sent.told == told


# -------------------------------------------------------------------------------------- parameters


def test_fault_47_sampling_is_under_options():
    """Where Ollama looks for it."""
    sent = chat(
        temperature=0,
        top_p=0.5,
        top_k=40,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        max_tokens=5,
        stop="x",
    )
    assert sent.out["options"] == {
        "temperature": 0,
        "top_p": 0.5,
        "top_k": 40,
        "seed": 7,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "num_predict": 5,
        "stop": ["x"],
    }
    assert sent.told == []
    assert sent.out.keys() == {"model", "messages", "stream", "options"}


def test_pitfall_76_either_name_of_the_limit():
    assert chat(max_completion_tokens=3, stop=["a", "b"]).out["options"] == {
        "num_predict": 3,
        "stop": ["a", "b"],
    }


@pytest.mark.parametrize(
    ("extra", "options"),
    [
        ({"num_ctx": 8192}, {"temperature": 0.5, "num_ctx": 8192}),
        ({"options": {"num_ctx": 8192}}, {"temperature": 0.5, "num_ctx": 8192}),
        ({"options": {"temperature": 1}, "num_ctx": 1}, {"temperature": 1, "num_ctx": 1}),
        ({"options": None}, {"temperature": 0.5}),
    ],
    ids=["plain", "nested", "both", "null"],
)
def test_ollamas_own_options(extra, options):
    """Plainly or nested, beside ours; what is nested wins."""
    sent = Sent({"messages": [USER], "temperature": 0.5}, keep_alive="5m", **extra)
    assert sent.out["options"] == options
    assert sent.out["keep_alive"] == "5m"
    assert "num_ctx" not in sent.out


@pytest.mark.parametrize(
    ("model", "effort", "think", "told"),
    [
        ("qwen3", "none", False, []),
        ("qwen3", "high", True, [("reasoning_effort", "changed", True)]),
        ("gpt-oss:20b", "high", "high", []),
        ("gpt-oss:20b", "minimal", "low", [("reasoning_effort", "changed", True)]),
        ("gpt-oss:20b", "none", "low", [("reasoning_effort", "changed", True)]),
        ("gpt-oss:20b", "xhigh", "high", [("reasoning_effort", "changed", True)]),
    ],
)
def test_pitfall_33_thinking(model, effort, think, told):
    """Most models think or do not; some take a level, and what is nearest is told."""
    sent = chat(model=model, reasoning_effort=effort)
    assert (sent.out["think"], sent.told) == (think, told)


SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}}


@pytest.mark.parametrize(
    ("wanted", "sent"),
    [
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}, SCHEMA),
        ({"type": "json_schema", "json_schema": {"name": "x"}}, "json"),
        ({"type": "text"}, None),
    ],
    ids=["json", "schema", "no-schema", "text"],
)
def test_a_form_for_the_answer(wanted, sent):
    assert chat(response_format=wanted).out.get("format") == sent


@pytest.mark.parametrize("model", ["gpt-oss:120b-cloud", "glm-5:cloud"])
def test_models_of_the_cloud_are_asked_in_words_too(model):
    """They take a form and do not keep to it."""
    sent = chat(model=model, response_format={"type": "json_object"})
    assert (sent.out["messages"][0]["role"], sent.out["messages"][1:]) == ("system", [USER])
    assert "JSON object" in sent.out["messages"][0]["content"]
    assert sent.told == [("response_format", "changed", True)]


@pytest.mark.parametrize(
    ("params", "sent"),
    [
        ({"logprobs": True, "top_logprobs": 2}, {"logprobs": True, "top_logprobs": 2}),
        ({"logprobs": True}, {"logprobs": True}),
        ({"logprobs": False}, {}),
        ({"top_logprobs": 2}, {"top_logprobs": 2}),
    ],
)
def test_logprobs(params, sent):
    out = chat(**params).out
    assert {name: out[name] for name in ("logprobs", "top_logprobs") if name in out} == sent


@pytest.mark.parametrize("name", ["n", "best_of"])
def test_pitfall_63_several_answers_are_refused(name):
    with pytest.raises(UnsupportedParameterError) as caught:
        Sent({"prompt": "x", name: 2}, kind=OllamaGenerate)
    assert caught.value.param == name


def test_pitfall_64_what_ollama_has_not_is_told():
    """With a loss where the answer may differ, unless nothing was asked."""
    sent = chat(
        n=1,
        logit_bias={"5": 1},
        user="u",
        store=False,
        parallel_tool_calls=True,
        verbosity="low",
        service_tier="auto",
        stream_options={"include_usage": True},
    )
    assert sent.told == [
        ("logit_bias", "dropped", True),
        ("user", "dropped", False),
        ("verbosity", "dropped", True),
    ]


# ------------------------------------------------------------------------------------- completions


def test_a_completion():
    """`/api/generate`, which has room for more than `/v1/completions`."""
    body = {"prompt": ["Once"], "suffix": "end", "max_tokens": 5, "logprobs": 2, "echo": False, "best_of": 1}
    sent = Sent(body, kind=OllamaGenerate, raw=True, num_ctx=9)
    assert sent.out == {
        "model": "qwen3",
        "prompt": "Once",
        "suffix": "end",
        "logprobs": True,
        "top_logprobs": 2,
        "stream": False,
        "raw": True,
        "options": {"num_predict": 5, "num_ctx": 9},
    }
    assert (sent.told, sent.wire.path_for(stream=False)) == ([], "/api/generate")


def test_logprobs_of_the_chosen_tokens_alone():
    assert Sent({"prompt": "x", "logprobs": 0}, kind=OllamaGenerate).out["logprobs"] is True


@pytest.mark.parametrize("prompt", [["a", "b"], [1, 2], [[1]]])
def test_prompts_ollama_cannot_take(prompt):
    with pytest.raises(UnsupportedParameterError, match="one text"):
        Sent({"prompt": prompt}, kind=OllamaGenerate)
