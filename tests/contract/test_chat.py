"""Every provider: a question, an answer, and every parameter kept, told or refused."""

from __future__ import annotations

import json
import re
from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, MissingCredentialsError, UnsupportedParameterError
from muxi_llm.runtime import using
from muxi_llm.transport.scripted import Scripted
from tests.contract.contact import CHATTERS, HOME, KEY, PROVIDERS, Contact, cells, model_of, setting_of, told
from tests.contract.heard import expected, heard
from tests.support.bodies import HELLO
from tests.support.speakers.base import Call, Said, Usage

TOOL = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}},
}


def test_an_answer(contact: Contact) -> None:
    """Its text, its end and its tokens; the key travels in headers alone."""
    assert heard(contact.ask(Said())) == expected(Said())
    for call in contact.script.calls:
        assert call.url.startswith(HOME)
        assert KEY not in call.url
        assert KEY.encode() not in call.body
        assert KEY in str(call.headers) or not contact.kind.key_env


def test_a_question(quick: Contact) -> None:
    """The model by its own name, the text as it was, and no stream."""
    quick.ask(Said())
    asked = quick.asked
    assert (asked.facts, asked.stream, asked.tools) == ([("user", "Hello")], False, {})
    assert asked.model in {None, quick.bare_model}


def test_a_conversation(quick: Contact) -> None:
    """Roles and order; without system messages their text still comes first."""
    turns = [("system", "Be brief."), ("user", "Wer?"), ("assistant", "Ada 👋"), ("user", "Und?")]
    value = quick.ask(Said(), messages=[{"role": role, "content": text} for role, text in turns])
    assert heard(value) == expected(Said())
    asked = quick.asked
    if quick.kind.system_message_support and quick.speaker.keeps_turns:
        assert asked.facts == turns
        return
    assert told(value, "messages")
    places = [asked.words.index(text) for _, text in turns]
    assert places == sorted(places)


def test_a_developer_message(quick: Contact) -> None:
    """An instruction stays one."""
    quick.ask(Said(), messages=[{"role": "developer", "content": "Be brief."}, *HELLO])
    role = "system" if quick.kind.system_message_support else "user"
    assert quick.asked.facts == [(role, "Be brief."), ("user", "Hello")]


def test_content_in_parts(quick: Contact) -> None:
    """Text parts are text."""
    parts = [{"type": "text", "text": "Hello"}]
    quick.ask(Said(), messages=[{"role": "user", "content": parts}])
    assert quick.asked.facts == [("user", "Hello")]


def test_a_missing_key(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable, and nothing was sent."""
    kind = PROVIDERS[model_of(name).partition("/")[0]]
    assert kind is not None
    for variable in setting_of(name).env:
        monkeypatch.delenv(variable)
    if kind.key_required:
        with using(Scripted()), pytest.raises(MissingCredentialsError, match=kind.key_env[0]):
            ChatCompletion.create(model_of(name), HELLO, base_url=HOME)


# -------------------------------------------------------------------------------------------- usage


def test_cached_tokens_are_part_of_the_prompt(contact: Contact) -> None:
    said = Said(usage=Usage(prompt=100, completion=8, cached=64))
    if not contact.speaker.counts_cached:
        said = Said(usage=Usage(prompt=100, completion=8))
    assert heard(contact.ask(said)).usage == said.usage
    chunks = contact.ask(said, stream=True, stream_options={"include_usage": True})
    assert heard(chunks).usage == (said.usage if contact.speaker.streams_usage else None)


def test_reasoning(contact: Contact) -> None:
    """What was thought comes beside the text, and its tokens are part of the answer's."""
    counted = Usage(completion=50, reasoning=42 if contact.speaker.counts_reasoning else 0)
    said = Said(reasoning="Hm, schön…", usage=counted)
    if not contact.speaker.says_reasoning:
        said = said.but(reasoning="")
    assert heard(contact.ask(said)) == expected(said)
    chunks = contact.ask(said, stream=True, stream_options={"include_usage": True})
    assert heard(chunks) == expected(said, usage=contact.speaker.streams_usage)


# ----------------------------------------------------------------------------------- finish reasons


@cells(lambda speaker: [*speaker.finishes, "some_new_reason"], CHATTERS)
def test_a_finish_reason(quick: Contact, given: list[str]) -> None:
    """Every vendor's word is one of OpenAI's, streamed and not; an unknown one stays what it is. Replicate tells none."""
    for word in given:
        meant = quick.speaker.finishes.get(word, word) if quick.speaker.finishes else "stop"
        calls = meant == "tool_calls"
        if calls and not quick.kind.tools_support:
            continue
        said = Said(text=None, calls=(Call(),), finish=word) if calls else Said(finish=word)
        assert heard(quick.ask(said)).finish == meant, word
        assert heard(quick.ask(said, stream=True)).finish == meant, word


@cells(lambda speaker: speaker.failures, CHATTERS)
def test_an_answer_that_failed(quick: Contact, given: list[str]) -> None:
    """It raises what another try may mend, streamed and not."""
    for word in given:
        for stream in (False, True):
            error = quick.ask(Said("Half", finish=word), stream=stream)
            assert isinstance(error, openai.APIStatusError), (word, stream, error)
            assert error.status_code >= 500, word
            assert word in str(error.code), word


# --------------------------------------------------------------------------------------- parameters

PARAMS: dict[str, Any] = {
    "max_tokens": 50,
    "max_completion_tokens": 50,
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ["END", "FIN"],
    "seed": 7,
    "n": 2,
    "user": "u1",
    "presence_penalty": 0.5,
    "frequency_penalty": 0.25,
    "logit_bias": {"1": 5},
    "logprobs": True,
    "top_logprobs": 2,
    "parallel_tool_calls": False,
    "reasoning_effort": "low",
    "metadata": {"a": "b"},
    "store": True,
    "service_tier": "flex",
    "verbosity": "low",
    "prediction": {"type": "content", "content": "x"},
    "prompt_cache_key": "k",
}


def _given(quick: Contact, param: str) -> dict[str, Any]:
    tools = {"tools": [TOOL]} if param == "parallel_tool_calls" and quick.kind.tools_support else {}
    return {param: PARAMS[param], **tools}


@cells(PARAMS, CHATTERS)
def test_a_parameter_is_kept_or_told_or_refused(quick: Contact, given: list[str]) -> None:
    """Nothing is left out in silence; several answers are never just one."""
    for param in given:
        value = quick.ask(Said(), **_given(quick, param))
        if isinstance(value, UnsupportedParameterError):
            assert (value.param, quick.script.calls) == (param, [])
            continue
        heard(value)
        asked = quick.asked
        if param in {"max_tokens", "max_completion_tokens"}:
            assert asked.max_tokens == 50
        else:
            kept = param in asked.params and asked.params[param] == PARAMS[param]
            assert kept or (told(value, param) and param != "n"), param


@cells(PARAMS, CHATTERS)
def test_strict_mode_refuses_what_would_be_lost(quick: Contact, given: list[str]) -> None:
    """And nothing else."""
    for param in given:
        value = quick.ask(Said(), **_given(quick, param))
        strict = quick.ask(Said(), **_given(quick, param), adapt="strict")
        if isinstance(value, UnsupportedParameterError) or any(a.loss for a in value.muxi.adaptations):
            assert isinstance(strict, UnsupportedParameterError), param
            assert quick.script.calls == []
        else:
            assert heard(strict) == heard(value)


def test_a_temperature_of_two_is_kept_or_told(quick: Contact) -> None:
    """Ranges differ."""
    value = quick.ask(Said(), temperature=2)
    heard(value)
    assert quick.asked.params.get("temperature") == 2 or told(value, "temperature")


def test_extra_body_goes_out_as_it_is(quick: Contact) -> None:
    """Where the wire has its options."""
    heard(quick.ask(Said(), extra_body={"muxi_knob": {"a": 1}}))
    body = json.dumps(json.loads(quick.script.calls[0].body))
    assert re.search(r'"muxi_?[kK]nob": {"a": 1}', body), body
