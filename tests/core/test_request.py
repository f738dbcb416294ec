"""The request: what is refused before any I/O, in which words, and what it needs of a provider."""

from __future__ import annotations

import inspect
from collections import OrderedDict, UserDict
from types import MappingProxyType
from typing import Any

import openai
import pytest
from openai import NOT_GIVEN, omit
from openai.types.chat import ChatCompletionMessage
from pydantic import BaseModel

from muxi_llm import ChatCompletion, Completion, Embedding, InvalidModelError, InvalidRequestError
from muxi_llm.core.body import body_of
from muxi_llm.core.options import KEYWORDS, check_keywords
from muxi_llm.core.request import ModelRef
from muxi_llm.models import ChatCompletion as ChatCompletionValue
from muxi_llm.providers import registry
from muxi_llm.transport.scripted import Answer
from tests.core import ask, said
from tests.support.bodies import HELLO, chat, embeddings

pytestmark = pytest.mark.usefixtures("keys")


def body(**params: Any) -> dict[str, Any]:
    return body_of("chat", {"messages": HELLO, **params})[0]


def needs(**params: Any) -> set[str]:
    return set(body_of("chat", {"messages": HELLO, **params})[1])


def refusal(**params: Any) -> InvalidRequestError:
    with pytest.raises(InvalidRequestError) as caught:
        body(**params)
    return caught.value


# --------------------------------------------------------------------------------------- model ids


@pytest.mark.parametrize(
    ("model", "provider", "name"),
    [
        ("openai/gpt-4", "openai", "gpt-4"),
        ("gpt-4", "openai", "gpt-4"),
        ("openrouter/anthropic/claude-3", "openrouter", "anthropic/claude-3"),
        ("openrouter/openai/gpt-4", "openrouter", "openai/gpt-4"),
        ("ollama/llama3:8b", "ollama", "llama3:8b"),
        ("ft:gpt-4o:org::id", "openai", "ft:gpt-4o:org::id"),
    ],
)
def test_model_ids(model, provider, name):
    """Split at the first slash alone; no slash is OpenAI's."""
    ref = ModelRef.parse(model, registry.find)
    assert (ref.provider, ref.name) == (provider, name)
    assert str(ref) == f"{provider}/{name}"


def test_an_unknown_prefix_is_part_of_the_name_where_there_is_a_default():
    """A client with a base URL of its own: `meta-llama/...` on vLLM."""
    assert ModelRef.parse("meta-llama/Llama-3", registry.find, default="openai").name == "meta-llama/Llama-3"
    assert ModelRef.parse("groq/llama", registry.find, default="openai").provider == "groq"
    assert ModelRef.parse("llama", registry.find, default="mistral") == ModelRef("mistral", "llama")


@pytest.mark.parametrize(
    ("model", "hint"),
    [
        ("opnai/gpt-4", "there is no provider 'opnai'; did you mean openai?"),
        ("antropic/claude", "did you mean anthropic?"),
        ("Groq/llama", "did you mean groq"),
        ("zzzzzz/x", "known: ai21, aihubmix, anthropic, "),
        ("/gpt-4", "there is no provider ''; known: "),
        ("openai/", "there is no model name after 'openai/'"),
        ("", "model must be 'provider/model', not ''"),
        ("  ", "model must be 'provider/model', not '  '"),
        (None, "model must be 'provider/model', not None"),
        (7, "model must be 'provider/model', not 7"),
        ([], "at least one"),
        (["openai/gpt-4", "nope/x"], "there is no provider 'nope'"),
        (["openai/gpt-4", 7], "not 7"),
    ],
)
def test_malformed_model_ids(driver, model, hint):
    """Refused before any I/O, wherever in the chain they stand, with the nearest names."""
    raised, script = ask(driver, model=model)
    assert isinstance(raised, InvalidModelError)
    assert isinstance(raised, openai.BadRequestError)
    assert hint in str(raised)
    assert raised.param == "model"
    assert script.calls == []


# ---------------------------------------------------------------------------------------- keywords


@pytest.mark.parametrize(
    ("face", "given", "hint"),
    [
        (ChatCompletion, {"temprature": 1}, "did you mean 'temperature'?"),
        (ChatCompletion, {"max_token": 1}, "did you mean 'max_tokens'?"),
        (ChatCompletion, {"fallbacks": []}, "did you mean 'fallback_models'?"),
        (ChatCompletion, {"top_k": 1}, "'top_k'; did you mean 'top_p'?"),
        (
            ChatCompletion,
            {"zzzz": 1},
            "'zzzz'; provider-specific ones go into extra_body or provider_options",
        ),
        (Completion, {"bestof": 1}, "did you mean 'best_of'?"),
        (Completion, {"messages": 1}, "unexpected keyword argument 'messages'"),
        (Embedding, {"dimension": 1}, "did you mean 'dimensions'?"),
        (Embedding, {"stream": True}, "unexpected keyword argument 'stream'"),
    ],
)
def test_unknown_keywords(driver, face, given, hint):
    """A `TypeError`, as Python's own, with the nearest name."""
    wanted = {ChatCompletion: "messages", Completion: "prompt", Embedding: "input"}[face]
    if wanted in given:
        given = {**given, wanted: "x"}
    raised, script = driver.scripted(face, **{"model": "openai/gpt-4", wanted: HELLO, **given})
    assert isinstance(raised, TypeError)
    assert str(raised).startswith("create() got an unexpected keyword argument '")
    assert hint in str(raised)
    assert script.calls == []


def test_the_first_unknown_keyword_is_named():
    """In alphabetical order, so that the message does not change from run to run."""
    with pytest.raises(TypeError, match="'aaa'"):
        check_keywords("chat", dict.fromkeys(["zzz", "aaa", "mmm"]))


@pytest.mark.parametrize("endpoint", ["chat", "completion", "embedding"])
def test_every_keyword_of_openai_is_known(endpoint):
    """The openai package's own signatures are the measure."""
    resources = {
        "chat": openai.resources.chat.completions.Completions,
        "completion": openai.resources.Completions,
        "embedding": openai.resources.Embeddings,
    }
    theirs = inspect.signature(resources[endpoint].create).parameters.keys() - {"self"}
    assert theirs <= KEYWORDS[endpoint]


@pytest.mark.parametrize("absent", [None, NOT_GIVEN, omit], ids=["None", "NotGiven", "omit"])
def test_absent_values_are_not_sent(absent):
    """However the openai package spells them."""
    assert body(temperature=absent, tools=absent, response_format=absent) == {"messages": HELLO}


def test_controls_are_not_sent():
    """What steers the call stays here."""
    controls = {
        "model": "openai/gpt-4", "stream": True, "retries": 1, "timeout": 1.0, "fallback_models": ["x"], "adapt": "strict",
        "fallback_config": {}, "api_key": "sk", "base_url": "http://x", "extra_headers": {}, "extra_query": {},
        "extra_body": {}, "provider_options": {},
    }  # fmt: skip
    assert body(**controls, seed=7) == {"messages": HELLO, "seed": 7}


# ---------------------------------------------------------------------------------------- messages


@pytest.mark.parametrize(
    ("messages", "param", "hint"),
    [
        (None, "messages", "not None"),
        ([], "messages", "messages is empty; give at least one message"),
        ((), "messages", "messages is empty"),
        ("Hello", "messages", "not 'Hello'"),
        (b"Hello", "messages", "not bytes"),
        (7, "messages", "not 7"),
        ({"role": "user", "content": "Hello"}, "messages", "not an object"),
        (["Hello"], "messages[0]", "messages[0] must be an object, not 'Hello'"),
        ([*HELLO, 7], "messages[1]", "not 7"),
        ([{"content": "x"}], "messages[0].role", "messages[0].role is None; one of system, developer, user"),
        ([{"role": "usr", "content": "x"}], "messages[0].role", "did you mean 'user'?"),
        ([*HELLO, {"role": "asistant"}], "messages[1].role", "did you mean 'assistant'?"),
        ([{"role": "bot"}], "messages[0].role", "messages[0].role is 'bot'"),
        ([{"role": ["user"]}], "messages[0].role", "is a list"),
        ([{"role": "user", "content": 7}], "messages[0].content", "a string or a list of parts, not 7"),
        ([{"role": "user", "content": b"x"}], "messages[0].content", "not bytes"),
        ([{"role": "user", "content": {"type": "text"}}], "messages[0].content", "not an object"),
        ([{"role": "user", "content": [7]}], "messages[0].content[0]", "not 7"),
        ([{"role": "user", "content": [None]}], "messages[0].content[0]", "not None"),
        ([{"role": "user", "content": [{}]}], "messages[0].content[0].type", "must be a part with a type"),
        (
            [{"role": "user", "content": [{"type": "text", "text": None}]}],
            "messages[0].content[0].text",
            "must be a string, not None",
        ),
        ([{"role": "user", "content": ["a", {"type": 7}]}], "messages[0].content[1].type", "with a type"),
        ([{"role": "user", "content": [["a"]]}], "messages[0].content[0]", "not a list"),
        ([{"role": "assistant", "tool_calls": "f"}], "messages[0].tool_calls", "must be a list"),
        ([{"role": "assistant", "tool_calls": [7]}], "messages[0].tool_calls[0]", "not 7"),
    ],
    ids=repr,
)
def test_bad_messages(driver, messages, param, hint):
    """Each refusal names the place."""
    raised, script = ask(driver, messages=messages)
    assert isinstance(raised, InvalidRequestError)
    assert raised.param == param
    assert hint in str(raised)
    assert script.calls == []


@pytest.mark.parametrize("role", ["system", "developer", "user", "assistant", "tool", "function"])
def test_every_role_of_openai(role):
    messages = [{"role": role, "content": "x"}]
    assert body(messages=messages)["messages"] == messages


class Custom(BaseModel):
    role: str = "user"
    content: str | None = None
    note: str | None = None


@pytest.mark.parametrize(
    ("message", "plain"),
    [
        (Custom(role="user", content="x"), {"role": "user", "content": "x"}),
        (
            ChatCompletionMessage(role="assistant", content="x"),
            {"role": "assistant", "content": "x"},
        ),
        (MappingProxyType({"role": "user", "content": "x"}), {"role": "user", "content": "x"}),
        (UserDict(role="user", content="x"), {"role": "user", "content": "x"}),
        (OrderedDict(role="user", content="x"), {"role": "user", "content": "x"}),
        ({"role": "user", "content": ["x"]}, {"role": "user", "content": [{"type": "text", "text": "x"}]}),
        (
            {"role": "user", "content": (MappingProxyType({"type": "text", "text": "x"}),)},
            {"role": "user", "content": [{"type": "text", "text": "x"}]},
        ),
        (
            {"role": "assistant", "content": None, "tool_calls": [MappingProxyType({"id": "c"})]},
            {"role": "assistant", "content": None, "tool_calls": [{"id": "c"}]},
        ),
        (
            {"role": "assistant", "content": None, "refusal": None, "annotations": [], "tool_calls": None},
            {"role": "assistant", "content": None},
        ),
    ],
    ids=lambda value: type(value).__name__,
)
def test_messages_of_any_kind(message, plain):
    """Dicts, mappings, pydantic objects; what an answer has not is not said in a request."""
    assert body(messages=[message])["messages"] == [plain]


def test_an_answer_can_be_sent_back(driver):
    """`messages.append(response.choices[0].message)`, tool calls included."""
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    answer = said(None)
    answer.json["choices"][0]["message"]["tool_calls"] = [call]
    value, _ = ask(driver, answer)
    history = [*HELLO, value.choices[0].message, {"role": "tool", "tool_call_id": "c1", "content": "1"}]
    _, script = ask(driver, said(), messages=history)
    sent = script.bodies[0]["messages"][1]
    assert sent == {"role": "assistant", "content": None, "tool_calls": [call]}


def test_messages_may_be_any_iterable(driver):
    """A generator is read once, also for the retries and fallbacks that follow."""
    failing = Answer(status=500, json={})
    value, script = ask(driver, failing, said(), messages=(m for m in HELLO), retries=1)
    assert value.choices[0].message.content == "Hi"
    assert [sent["messages"] for sent in script.bodies] == [HELLO, HELLO]


# --------------------------------------------------------------------------------- tools, formats


class Planet(BaseModel):
    name: str
    moons: int | None = None


TOOL = {"type": "function", "function": {"name": "f"}}


def test_a_pydantic_class_as_response_format():
    """OpenAI's strict dialect: every property required, objects closed."""
    sent = body(response_format=Planet)["response_format"]
    assert sent["type"] == "json_schema"
    assert sent["json_schema"]["name"] == "Planet"
    assert sent["json_schema"]["strict"] is True
    schema = sent["json_schema"]["schema"]
    assert (schema["required"], schema["additionalProperties"]) == (["name", "moons"], False)


@pytest.mark.parametrize(
    "wanted",
    [
        {"type": "text"},
        {"type": "json_object"},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": {}}},
        MappingProxyType({"type": "json_object"}),
    ],
    ids=repr,
)
def test_response_formats(wanted):
    assert body(response_format=wanted)["response_format"] == dict(wanted)


@pytest.mark.parametrize(
    ("wanted", "param"),
    [
        ("json", "response_format"),
        (int, "response_format"),
        (Planet(name="x"), "response_format"),
        ({}, "response_format"),
        ({"type": "json"}, "response_format"),
        ({"type": "json_schema"}, "response_format.json_schema"),
        ({"type": "json_schema", "json_schema": "x"}, "response_format.json_schema"),
    ],
    ids=repr,
)
def test_bad_response_formats(wanted, param):
    refused = refusal(response_format=wanted)
    assert refused.param == param
    assert "response_format" in str(refused)


@pytest.mark.parametrize("name", ["tools", "functions"])
def test_tools_of_any_kind(name):
    """Pydantic objects and mappings become plain; any iterable becomes a list."""

    class Tool(BaseModel):
        type: str

    given = iter([TOOL, MappingProxyType(TOOL), Tool(type="function")])
    assert body(**{name: given})[name] == [TOOL, TOOL, {"type": "function"}]


@pytest.mark.parametrize(
    ("tools", "param"),
    [
        (TOOL, "tools"),
        ("f", "tools"),
        (7, "tools"),
        ([7], "tools[0]"),
        ([TOOL, "f"], "tools[1]"),
        ([print], "tools[0]"),
    ],
    ids=repr,
)
def test_bad_tools(tools, param):
    assert refusal(tools=tools).param == param


# -------------------------------------------------------------------------------------------- needs


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, set()),
        ({"messages": [{"role": "developer", "content": "s"}]}, {"developer"}),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            {"image_url"},
        ),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, set()),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": "x", "cache_control": {}}]}]},
            {"cache_control"},
        ),
        (
            {"messages": [{"role": "assistant", "content": "", "reasoning_content": "x"}]},
            {"reasoning_content"},
        ),
        ({"tools": [TOOL]}, {"tools"}),
        ({"tools": []}, set()),
        ({"functions": [{"name": "f"}]}, {"tools"}),
        ({"tools": [{**TOOL, "cache_control": {}}]}, {"tools", "cache_control"}),
        ({"response_format": {"type": "json_object"}}, {"json_object"}),
        ({"response_format": Planet}, {"json_schema"}),
    ],
    ids=lambda value: repr(sorted(value) if isinstance(value, set) else value),
)
def test_needs(params, wanted):
    """What the request asks of a provider, found in one look."""
    assert needs(**params) == wanted


# -------------------------------------------------------------------------------- prompts, inputs


@pytest.mark.parametrize(("face", "param"), [(Completion, "prompt"), (Embedding, "input")])
@pytest.mark.parametrize("value", [None, "", [], (), b"bytes", {"a": 1}, 7], ids=repr)
def test_bad_prompts_and_inputs(driver, face, param, value):
    raised, script = driver.scripted(face, model="openai/x", **{param: value})
    assert isinstance(raised, InvalidRequestError)
    assert raised.param == param
    assert param in str(raised)
    assert script.calls == []


@pytest.mark.parametrize(
    ("value", "sent"),
    [
        ("x", "x"),
        (["x", "y"], ["x", "y"]),
        (("x", "y"), ["x", "y"]),
        ([1, 2], [1, 2]),
        ([[1, 2], [3]], [[1, 2], [3]]),
        (range(3), [0, 1, 2]),
        ({"x": 1}.keys(), ["x"]),
    ],
    ids=repr,
)
def test_inputs_of_any_kind(driver, value, sent):
    """Strings, lists of them, tokens, any other sequence."""
    _, script = driver.scripted(Embedding, Answer(json=embeddings()), model="openai/x", input=value)
    assert script.bodies[0]["input"] == sent


@pytest.mark.parametrize(
    ("given", "param", "told"),
    [
        ({"messages": [*HELLO, ChatCompletionValue.model_validate(chat("Hi"))]}, "messages[1]", "choices[0].message"),
        ({"messages": [ChatCompletionValue.model_validate(chat("Hi")).choices[0]]}, "messages[0]", "choice.message"),
        ({"tools": [{"type": "function", "function": {"description": "x"}}]}, "tools[0].function.name", "missing"),
    ],
    ids=["answer", "choice", "tool"],
)  # fmt: skip
def test_what_is_nearly_right_is_told_how(driver, given, param, told):
    raised, script = ask(driver, **given)
    assert isinstance(raised, InvalidRequestError)
    assert (raised.param, script.calls) == (param, [])
    assert told in str(raised)


def test_a_tool_that_is_no_function_needs_no_name(driver):
    """Whatever it is: the provider judges."""
    _, script = ask(driver, said(), tools=[{"type": "own", "x": 1}])
    assert script.bodies[0]["tools"] == [{"type": "own", "x": 1}]


def test_anothers_model_without_its_maker(driver, monkeypatch):
    """No key of OpenAI's is what is missing then."""
    monkeypatch.delenv("OPENAI_API_KEY")
    raised, _ = ask(driver, model="claude-sonnet-5")
    assert "did you mean 'anthropic/claude-sonnet-5'" in str(raised)


def test_a_provider_in_capitals(driver):
    raised, _ = ask(driver, model="OpenAI/gpt-4o")
    assert "did you mean openai" in str(raised)


def test_the_name_of_a_schema_fits():
    """It is a label: nobody reads it back."""
    spec = {"name": "Page[int]", "schema": {"type": "object"}}
    wanted = body(response_format={"type": "json_schema", "json_schema": spec})["response_format"]
    made = wanted["json_schema"]
    assert made["name"].startswith("Page_int_")
    assert {**made, "name": "Page[int]"} == spec
