"""Conversations move from any client to any wire: nothing is lost without a recorded loss, and what goes out
has the form that the provider's documentation asks for.
"""

from __future__ import annotations

import base64
import json
from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm.core.adapt import adapt
from muxi_llm.core.body import body_of
from muxi_llm.core.request import Request
from muxi_llm.providers import registry
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger, dumps
from muxi_llm.wire.responses.inbound import ResponsesInbound
from tests.support import anthropic as anthropics
from tests.support import aws

MODELS = {
    "openai": "gpt-4.1", "groq": "llama", "mistral": "mistral-large-latest", "deepseek": "deepseek-v4-pro",
    "moonshot": "kimi-k2.6", "openrouter": "x/y", "vllm": "qwen3", "together": "m", "anthropic": "claude-opus-4-8",
    "bedrock": aws.CLAUDE, "google": "gemini-3-flash", "cohere": "command-a", "ollama": "llama3",
}  # fmt: skip
GEMINI_2 = ("google", "gemini-2.5-flash")
TARGETS = [*MODELS.items(), GEMINI_2]
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Words:
    """Words that stand nowhere else, so that it can be seen where they have got to."""

    def __init__(self) -> None:
        self._numbers = count()
        self.said: list[str] = []

    def word(self) -> str:
        self.said.append(f"wörd-{next(self._numbers)}-")
        return self.said[-1]

    def data(self) -> str:
        return base64.b64encode(self.word().encode()).decode()

    def missing(self, body: Any) -> list[str]:
        """The words that *body* does not hold, in clear or in base64."""
        sent = json.dumps(body, ensure_ascii=False)
        plain = sent + json.dumps(json.loads(sent), ensure_ascii=False).replace("\\", "")
        return [w for w in self.said if w not in plain and base64.b64encode(w.encode()).decode() not in sent]


# ------------------------------------------------------------------------- what an Anthropic client says


def block(words: Words, kind: str) -> dict[str, Any]:
    made: dict[str, Any] = {"type": kind}
    if kind == "text":
        made["text"] = words.word()
    elif kind == "image":
        made["source"] = {"type": "base64", "media_type": "image/png", "data": PNG}
    elif kind == "pdf":
        source = {"type": "base64", "media_type": "application/pdf", "data": words.data()}
        made |= {"type": "document", "source": source, "title": "T"}
    elif kind == "document":
        source = {"type": "text", "media_type": "text/plain", "data": words.word()}
        made |= {"source": source, "citations": {"enabled": True}, "context": words.word()}
    else:
        made |= {"source": "https://a.test", "title": words.word(), "content": [block(words, "text")]}
    return made


KINDS = st.sampled_from(["text", "text", "image", "pdf", "document", "search_result"])
THOUGHTS = st.sampled_from([None, "signed", "unsigned"])


@st.composite
def asked_of_claude(draw: st.DrawFn) -> tuple[dict[str, Any], Words]:
    """Five turns with tools, thinking, pictures, documents, failures, as an Anthropic client has them."""
    words = Words()
    turns: list[dict[str, Any]] = []
    made: list[str] = []
    for turn in range(5):
        content: list[dict[str, Any]] = [
            {
                "type": "tool_result",
                "tool_use_id": call_id,
                "is_error": draw(st.booleans()),
                "content": [block(words, draw(KINDS)), block(words, "text")],
            }
            for call_id in made
        ]
        content += (
            [block(words, draw(KINDS)), block(words, "text")] if draw(st.booleans()) or not made else []
        )
        turns.append({"role": "user", "content": content})
        if draw(st.booleans()):
            turns.append({"role": "system", "content": [block(words, "text")]})
        said: list[dict[str, Any]] = []
        thought = draw(THOUGHTS)
        if thought:
            signature = "EqQBCgIYAhIM" if thought == "signed" else ""
            said.append({"type": "thinking", "thinking": "hm", "signature": signature})
        said.append(block(words, "text"))
        made = [f"toolu_{turn}_{n}" + "x" * 60 * n for n in range(draw(st.integers(0, 2)))]
        said += [{"type": "tool_use", "id": one, "name": "f", "input": {"a": words.word()}} for one in made]
        turns.append({"role": "assistant", "content": said})
    results = [{"type": "tool_result", "tool_use_id": one, "content": words.word()} for one in made]
    turns.append({"role": "user", "content": [*results, block(words, "text")]})
    asked = {
        "model": "m", "max_tokens": 99, "messages": turns, "system": [block(words, "text"), block(words, "text")],
        "tools": [{"name": "f", "input_schema": {"type": "object", "properties": {"a": {"type": "string"}}}}],
    }  # fmt: skip
    return asked, words


# ------------------------------------------------------------------------ what a Responses client says


def part(words: Words, kind: str) -> dict[str, Any]:
    if kind == "image":
        return {"type": "input_image", "image_url": f"data:image/png;base64,{PNG}", "detail": "auto"}
    if kind == "pdf":
        data = f"data:application/pdf;base64,{words.data()}"
        return {"type": "input_file", "file_data": data, "filename": "a.pdf"}
    return {"type": "input_text", "text": words.word()}


@st.composite
def asked_of_openai(draw: st.DrawFn) -> tuple[dict[str, Any], Words]:
    """The same as items."""
    words = Words()
    kinds = st.sampled_from(["text", "image", "pdf"])
    items: list[dict[str, Any]] = []
    for turn in range(5):
        items.append({"role": "user", "content": [part(words, draw(kinds)), part(words, "text")]})
        if draw(st.booleans()):
            items.append({"role": "developer", "content": words.word()})
        if draw(st.booleans()):
            summary = [{"type": "summary_text", "text": "hm"}]
            items.append({"type": "reasoning", "id": f"rs_{turn}", "summary": summary})
        calls = [f"call_{turn}_{n}" for n in range(draw(st.integers(0, 2)))]
        arguments = [json.dumps({"a": words.word()}, ensure_ascii=False) for _ in calls]
        if not calls or draw(st.booleans()):
            text = [{"type": "output_text", "text": words.word(), "annotations": []}]
            items.append({"type": "message", "role": "assistant", "content": text})
        items += [
            {"type": "function_call", "call_id": one, "name": "f", "arguments": given}
            for one, given in zip(calls, arguments, strict=True)
        ]
        items += [
            {
                "type": "function_call_output",
                "call_id": one,
                "output": [part(words, draw(kinds)), part(words, "text")],
            }
            for one in calls
        ]
    items.append({"role": "user", "content": words.word()})
    return {"model": "m", "instructions": words.word(), "input": items}, words


# ------------------------------------------------------------------------------------------- the way


def sent(inbound: type[Any], asked: dict[str, Any], provider: str, model: str) -> tuple[Any, list[Any]]:
    """The body that goes out, and all that was told of the way there."""
    ledger = Ledger("the chat form")
    kind = registry.find(provider)
    assert kind is not None
    body, needs = body_of(
        "chat", {k: v for k, v in inbound(ledger).decode_request(dumps(asked)).items() if k != "model"}
    )
    before = repr(body)
    to = kind(api_key="k")
    there = Ledger(provider)
    wire = to.wire_for("chat", model, there)
    fitted, _ = adapt(Request("chat", body, needs=needs), to, wire.profile, there)
    out = json.loads(dumps(wire.encode_request(fitted, stream=False)))
    wire.settle(out)
    assert repr(body) == before
    return out, [*ledger.entries, *there.entries]


def check_chat(body: dict[str, Any]) -> None:
    """What every server of OpenAI's wire asks for: each call answered at once, parts it knows, no odd fields."""
    waiting: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            waiting.remove(message["tool_call_id"])
            continue
        assert not waiting
        assert message["role"] in {"system", "developer", "user", "assistant"}
        waiting = [call["id"] for call in message.get("tool_calls") or ()]
        for one in message["content"] if isinstance(message["content"], list) else ():
            assert one["type"] in {"text", "image_url", "file"}
            assert one["type"] != "file" or one["file"]["filename"]
        assert not message.keys() & {"thinking_blocks", "extra_content", "is_error", "cache_control"}
    assert not waiting
    assert body["messages"][-1]["role"] in {"user", "tool"}


def check_gemini(body: dict[str, Any]) -> None:
    turns = body["contents"]
    assert turns[0]["role"] == turns[-1]["role"] == "user"
    for one, other in pairwise(turns):
        called = [p["functionCall"]["id"] for p in one["parts"] if "functionCall" in p]
        answered = [p["functionResponse"]["id"] for p in other["parts"] if "functionResponse" in p]
        assert called == answered
        assert len(answered) in {0, len(other["parts"])}


def check_mistral(body: dict[str, Any]) -> None:
    check_chat(body)
    roles = [message["role"] for message in body["messages"]]
    assert ("tool", "user") not in pairwise(roles)
    known = {"role", "content", "tool_calls", "prefix"}
    assert all(m.keys() <= known for m in body["messages"] if m["role"] == "assistant")


def check_vllm(body: dict[str, Any]) -> None:
    check_chat(body)
    assert "system" not in [message["role"] for message in body["messages"][1:]]
    assert all(isinstance(m["content"], str) for m in body["messages"] if m["role"] == "tool")


def check_thinking(body: dict[str, Any]) -> None:
    check_chat(body)
    assert all(m.get("reasoning_content") for m in body["messages"] if m.get("tool_calls"))


def check_openai(body: dict[str, Any]) -> None:
    check_chat(body)
    calls = [call for message in body["messages"] for call in message.get("tool_calls") or ()]
    assert all(len(call["id"]) <= 64 for call in calls)


CHECKS = {
    "openai": check_openai,
    "anthropic": anthropics.check, "bedrock": aws.check,
    "google": check_gemini, "mistral": check_mistral, "vllm": check_vllm, "deepseek": check_thinking,
    "moonshot": check_thinking, "cohere": lambda body: None, "ollama": lambda body: None,
}  # fmt: skip


def judge(inbound: type[Any], asked: dict[str, Any], words: Words, provider: str, model: str) -> None:
    body, told = sent(inbound, asked, provider, model)
    CHECKS.get(provider, check_chat)(body)
    lost = words.missing(body)
    assert not lost or any(entry.loss for entry in told), (lost, told)


@pytest.mark.parametrize(("provider", "model"), TARGETS, ids=lambda value: str(value)[:24])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_from_anthropics_client(provider: str, model: str, data: st.DataObject) -> None:
    """Documents, search results, failures, thinking signed and unsigned, instructions in between."""
    asked, words = data.draw(asked_of_claude())
    judge(AnthropicInbound, asked, words, provider, model)


@pytest.mark.parametrize(("provider", "model"), TARGETS, ids=lambda value: str(value)[:24])
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_from_openais_responses(provider: str, model: str, data: st.DataObject) -> None:
    """Items: reasoning, parallel calls, outputs with pictures and files."""
    asked, words = data.draw(asked_of_openai())
    judge(ResponsesInbound, asked, words, provider, model)
