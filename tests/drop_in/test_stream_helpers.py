"""What the vendors' `stream` helpers come to in the end tells of its call, as any other answer does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

import muxi_llm
from tests.support.bodies import HELLO
from tests.support.upstream import Upstream

CLAUDE = "anthropic/claude-3-haiku"

HELPERS: dict[str, tuple[Any, Any, Callable[[Any, dict[str, Any]], Any], str]] = {
    "chat": (
        muxi_llm.OpenAI,
        muxi_llm.AsyncOpenAI,
        lambda client, given: client.chat.completions.stream(messages=HELLO, **given),
        "get_final_completion",
    ),
    "responses": (
        muxi_llm.OpenAI,
        muxi_llm.AsyncOpenAI,
        lambda client, given: client.responses.stream(input="Hi", **given),
        "get_final_response",
    ),
    "messages": (
        muxi_llm.Anthropic,
        muxi_llm.AsyncAnthropic,
        lambda client, given: client.messages.stream(messages=HELLO, max_tokens=9, **given),
        "get_final_message",
    ),
    "beta messages": (
        muxi_llm.Anthropic,
        muxi_llm.AsyncAnthropic,
        lambda client, given: client.beta.messages.stream(messages=HELLO, max_tokens=9, **given),
        "get_final_message",
    ),
}


@pytest.mark.parametrize(
    ("helper", "model", "answered"),
    [
        ("chat", "gpt-4", "openai/"),
        ("messages", "claude-3-haiku", "anthropic/"),
        ("beta messages", "claude-3-haiku", "anthropic/"),
        ("chat", "openai/gpt-4", "openai/gpt-4"),
        *((helper, CLAUDE, CLAUDE) for helper in HELPERS),
    ],
)
def test_the_whole_answer_tells(helper: str, model: str, answered: str, world: Upstream) -> None:
    """Whether it went through us or the original's own way; asked twice, it is the same."""
    kind, _, stream, final = HELPERS[helper]
    with kind() as client, stream(client, {"model": model}) as events:
        value = getattr(events, final)()
        assert getattr(events, final)().muxi == value.muxi
    assert value.muxi.model.startswith(answered)
    assert value.muxi.attempts[-1].error is None
    assert "muxi" not in value.model_dump()


@pytest.mark.parametrize("helper", HELPERS)
def test_async(helper: str, world: Upstream) -> None:
    _, kind, stream, final = HELPERS[helper]

    async def asked() -> Any:
        async with kind() as client, stream(client, {"model": CLAUDE}) as events:
            return await getattr(events, final)()

    assert asyncio.run(asked()).muxi.model == CLAUDE


@pytest.mark.parametrize("helper", HELPERS)
def test_a_hit_says_so(helper: str, world: Upstream) -> None:
    kind, _, stream, final = HELPERS[helper]
    hits = []
    for _ in range(2):
        with kind() as client, stream(client, {"model": CLAUDE, "cache": "memory"}) as events:
            hits.append(getattr(events, final)().muxi.cache_hit)
    assert hits == [None, "l1"]


def test_managers_are_the_vendors(world: Upstream) -> None:
    """To `isinstance`, and by their name."""
    manager = muxi_llm.OpenAI().chat.completions.stream(model=CLAUDE, messages=HELLO)
    assert type(manager).__mro__[1].__name__ == type(manager).__name__ == "ChatCompletionStreamManager"
    with manager as events:
        assert events.get_final_completion().muxi.model == CLAUDE
