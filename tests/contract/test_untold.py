"""What a caller says stays between the caller and the provider: nothing of it is in what we tell, whether of
the request's way to any wire, of an answer or of a mistake. Numbers and the words that settings take are told.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections.abc import Iterator
from itertools import count
from typing import Any

import pytest

from muxi_llm import ChatCompletion, Completion, Embedding
from muxi_llm.config import Credentials
from muxi_llm.core.request import Candidate, ModelRef, Request
from muxi_llm.errors import InvalidRequestError, shown, shown_error
from muxi_llm.inbound import Own
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger, WireError, dumps
from muxi_llm.wire.responses.inbound import ResponsesInbound
from tests.conftest import Driver
from tests.contract.contact import HOME, Contact
from tests.support.bodies import HELLO
from tests.support.speakers.base import Said

SECRET = "c4nary"
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
_numbers = count()


def said() -> str:
    """A string that a caller might mean for nobody else."""
    return f"{SECRET}-{next(_numbers)} of mine"


def rich() -> dict[str, Any]:
    """A request with something to adapt for everybody, and a secret in each of its strings that is content."""
    call_id = f"call_{SECRET}"
    call = {"id": call_id, "type": "function", "function": {"name": "look_up", "arguments": said()}}
    schema = {
        "type": "object",
        "properties": {"a": {"type": "string", "description": said(), "pattern": said(), "default": said()}},
    }
    return {
        "messages": [
            {"role": "developer", "content": said(), "name": "who"},
            {
                "role": "user",
                "name": "who",
                "content": [
                    {"type": "text", "text": said(), "cache_control": {"type": "ephemeral"}},
                    {
                        "type": "image_url",
                        "image_url": {
                            "url": f"https://user:{SECRET}@a.test/{SECRET}?key={SECRET}",
                            "detail": "low",
                        },
                    },
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
                    {
                        "type": "file",
                        "file": {"filename": f"{SECRET}.txt", "file_data": f"data:text/plain;base64,{PNG}"},
                    },
                    {
                        "type": "search_result",
                        "source": f"https://{SECRET}.test",
                        "title": said(),
                        "content": [{"type": "text", "text": said()}],
                    },
                ],
            },
            {
                "role": "assistant",
                "content": said(),
                "refusal": said(),
                "reasoning_content": said(),
                "thinking_blocks": [{"type": "thinking", "thinking": said(), "signature": ""}],
                "tool_calls": [call],
                "audio": {"id": said()},
                "extra_content": {"google": {"thought_signature": said()}},
            },
            {
                "role": "tool",
                "tool_call_id": call_id,
                "is_error": True,
                "content": [{"type": "text", "text": said()}],
            },
            {"role": "user", "content": said()},
        ],
        "tools": [
            {
                "type": "function",
                "function": {"name": "look_up", "description": said(), "parameters": schema, "strict": True},
            }
        ],
        "tool_choice": {"type": "function", "function": {"name": "look_up"}},
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": True},
        },
        "metadata": {"user_id": said(), "purpose": said()},
        "stop": [said() for _ in range(6)],
        "user": said(),
        "safety_identifier": said(),
        "prompt_cache_key": said(),
        "prediction": {"type": "content", "content": said()},
        "web_search_options": {"user_location": {"type": "approximate", "approximate": {"city": said()}}},
        "logit_bias": {"50256": -100},
        "reasoning_effort": "minimal",
        "temperature": 1.7,
        "top_p": 0.3,
        "seed": 7,
        "service_tier": "flex",
        "verbosity": "low",
        "store": True,
        "parallel_tool_calls": False,
        "extra_headers": {"x-of-mine": SECRET},
        "extra_query": {"of_mine": SECRET},
    }


def variants() -> Iterator[dict[str, Any]]:
    """The request, and what is left of it without what many have to refuse."""
    asked = rich()
    yield asked
    yield {name: value for name, value in asked.items() if name not in {"tools", "tool_choice"}}
    plain = [{**m, "content": said()} for m in asked["messages"]]
    yield {**asked, "messages": plain}
    few = {name: asked[name] for name in asked if name not in {"tools", "tool_choice", "response_format"}}
    yield {**few, "messages": [{"role": "user", "content": said()}, {"role": "assistant", "content": said()}]}


def test_of_the_way_to_any_wire(quick: Contact, caplog: pytest.LogCaptureFixture):
    """Adaptations, warnings, the log and errors name parameters, not what was in them."""
    caplog.set_level(logging.DEBUG, "muxi_llm")
    told = []
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for params in variants():
            answer = quick.ask(
                Said("Hi"), base_url=HOME.replace("//", f"//user:{SECRET}@"), api_key=f"sk-{SECRET}", **params
            )
            told += (
                [str(answer), repr(answer)]
                if isinstance(answer, Exception)
                else list(map(str, answer.muxi.adaptations))
            )
    told += [str(warning.message) for warning in seen] + [record.getMessage() for record in caplog.records]
    assert told
    assert [one for one in told if SECRET in one] == []


SECRETS = {"a": SECRET, "b": [SECRET]}
MISTAKES = [
    *({name: SECRETS} for name in ("stop", "tool_choice", "response_format", "temperature", "metadata", "n", "user")),
    *({name: said()} for name in ("tool_choice", "response_format", "temperature", "tools", "logit_bias", "timeout")),
    *({name: said()} for name in ("retries", "extra_headers", "provider_options", "fallback_config", "cache", "adapt")),
    {"stop": [SECRETS]},
    {"tools": [said()]},
    {"tools": [SECRETS]},
    {"tools": [{"type": "function", "function": said()}]},
    {"extra_headers": {"x": f"{SECRET}\n"}},
    {"messages": said()},
    {"messages": [said()]},
    {"messages": [SECRETS]},
    {"messages": [{"role": said(), "content": ""}]},
    {"messages": [{"role": "user", "content": SECRETS}]},
    {"messages": [{"role": "user", "content": [{"type": "text", "text": SECRETS}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": SECRET}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": SECRET}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": [SECRET]}}]}]},
    {"messages": [{"role": "user", "content": [{"type": "file", "file": SECRETS}]}]},
    {"messages": [*HELLO, {"role": "assistant", "content": "", "tool_calls": SECRETS}]},
    {"messages": [*HELLO, {"role": "assistant", "content": "", "tool_calls": [SECRETS]}]},
    {"messages": [*HELLO, {"role": "tool", "content": said(), "tool_call_id": SECRETS}]},
    {"messages": [*HELLO, {"role": "user", "content": f"\ud800{SECRET}"}]},
]  # fmt: skip
MODELS = [
    "openai/gpt-5",
    "anthropic/claude-sonnet-5",
    "google/gemini-3-flash",
    "cohere/command-a",
    "ollama/llama3",
]


@pytest.mark.parametrize("model", MODELS)
def test_of_mistakes(model: str):
    """An error says what is wrong with which parameter, and quotes nothing."""
    driver = Driver("sync")
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        for given in MISTAKES:
            params = {
                "model": model,
                "messages": HELLO,
                "api_key": "k",
                "base_url": HOME,
                "retries": 0,
                **given,
            }
            raised, _ = driver.scripted(ChatCompletion, **params)
            assert SECRET not in f"{raised} {raised!r}", (given, raised)
    assert not [one for one in seen if SECRET in str(one.message)]


@pytest.mark.parametrize("face", [Completion, Embedding])
def test_of_mistakes_on_other_faces(face: Any):
    """The same for prompts and inputs."""
    name = "prompt" if face is Completion else "input"
    for wire in ("cohere", "openai", "google", "ollama"):
        for given in (SECRETS, [SECRETS], [[SECRET]], said().encode()):
            params = {"model": f"{wire}/m", name: given, "api_key": "k", "base_url": HOME, "retries": 0}
            raised, _ = Driver("sync").scripted(face, **params)
            assert SECRET not in f"{raised} {raised!r}", (wire, given, raised)


@pytest.mark.parametrize("inbound", [AnthropicInbound, ResponsesInbound])
def test_of_clients_requests_that_make_no_sense(inbound: Any):
    """Requests in the clients' own words."""
    for asked in (
        {"messages": [SECRETS], "input": [SECRETS]},
        {"messages": said(), "input": SECRETS},
        {"messages": [{"role": said(), "content": []}], "input": [{"role": said()}]},
        {"messages": HELLO, "input": "Hi", "max_tokens": said(), "tools": [said()], "metadata": said()},
        {
            "messages": HELLO,
            "input": "Hi",
            "max_tokens": 9,
            "tool_choice": {"type": said()},
            "reasoning": said(),
        },
        {
            "messages": HELLO,
            "input": "Hi",
            "max_tokens": 9,
            "thinking": {"type": said()},
            "text": {"format": said()},
        },
        {
            "messages": HELLO,
            "input": "Hi",
            "max_tokens": 9,
            "output_config": {"effort": said()},
            "include": [said()],
        },
        {"messages": HELLO, "input": "Hi", "max_tokens": 9, "service_tier": said(), "system": SECRETS},
    ):
        ledger = Ledger("the chat form")
        told = ""
        try:
            inbound(ledger).decode_request(dumps({"model": "m", **asked}))
        except (WireError, InvalidRequestError) as error:
            told = f"{error} {error!r}"
        assert SECRET not in f"{told} {ledger.entries}", asked


def test_of_what_is_printed():
    """In a debugger, a trace-back with local variables, an error report: no key, no header, no prompt."""
    provider = Contact("openai", Driver("sync")).kind(
        api_key=SECRET, base_url=f"http://u:{SECRET}@a.test", headers={"a": SECRET}
    )
    for thing in (
        Credentials(SECRET, (SECRET,), f"http://u:{SECRET}@a.test", {"a": SECRET}, {"b": SECRET}),
        Own(
            SECRET, SECRET, {"a": SECRET}, explicit=True, timeout=1, max_retries=1, options={"tenant": SECRET}
        ),
        Request("chat", rich(), headers={"a": SECRET}),
        provider,
        Candidate(ModelRef("openai", "gpt-5"), provider),
    ):
        assert SECRET not in repr(thing)


def test_words_and_numbers_are_told():
    """They help, and are nobody's secret."""
    assert [shown(value) for value in (None, True, 3, 2.5, "auto", "")] == [
        "None",
        "True",
        "3",
        "2.5",
        "'auto'",
        "''",
    ]
    assert [shown(value) for value in (said(), [1], {"a": 1}, b"auto")] == [
        "a string",
        "a list",
        "an object",
        "a bytes",
    ]


@pytest.mark.parametrize(
    ("value", "use", "told"),
    [
        ({}, lambda value: value["name"], "name is missing"),
        ({}, lambda value: value[said()], "a value stands where none can"),
        (said(), int, "a value stands where none can"),
        ([1], lambda value: value["a"], "a list stands where none can"),
        ([1], hash, "a list stands where none can"),
        ([1], lambda value: {**value}, "a list stands where none can"),
        (None, lambda value: value["a"], "null stands where none can"),
        (1, lambda value: value.get("a"), "a number stands where none can"),
        (1.5, lambda value: re.match("a", value), "a number stands where none can"),
        (True, lambda value: value.strip(), "true or false stands where none can"),
        ("a", lambda value: value["b"], "a string stands where none can"),
        ([{}], "".join, "an object stands where none can"),
    ],
)
def test_what_python_stumbles_over_is_told_in_json_s_words(value: Any, use: Any, told: str) -> None:
    with pytest.raises((LookupError, TypeError, ValueError, AttributeError)) as caught:
        use(value)
    assert shown_error(caught.value) == told
