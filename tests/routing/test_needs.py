"""What requests need, in each of the clients' wires."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.routing.needs import needs_of, text_of, tokens_of

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CLAUDES = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
TEXT = {"type": "text", "text": "what is it?"}


def chat(*parts: dict[str, Any], **given: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": list(parts) or "hi"}], **given}


def needed(body: dict[str, Any]) -> set[str]:
    needs = needs_of(body, 10, session="", count=lambda: 5)
    return {name for name in ("vision", "tools", "schema", "thinking", "stream") if getattr(needs, name)}


@pytest.mark.parametrize(
    ("body", "needs"),
    [
        (chat(), set()),
        (chat(TEXT), set()),
        (chat(TEXT, IMAGE, stream=True), {"vision", "stream"}),
        (chat(CLAUDES), {"vision"}),
        (chat({"type": "tool_result", "tool_use_id": "a", "content": [CLAUDES]}), {"vision"}),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, {"vision"}),
        ({"input": [{"type": "function_call_output", "output": [{"type": "input_image"}]}]}, {"vision"}),
        ({"input": "image_url"}, set()),
        (chat(tools=[{"type": "function"}]), {"tools"}),
        (chat(tools=[]), set()),
        (chat(functions=[{"name": "f"}]), {"tools"}),
        (chat(response_format={"type": "json_schema", "json_schema": {}}), {"schema"}),
        (chat(response_format={"type": "json_object"}), set()),
        ({"input": "x", "text": {"format": {"type": "json_schema"}}}, {"schema"}),
        (chat(output_config={"format": {"type": "json_schema"}}), {"schema"}),
        (chat(thinking={"type": "enabled", "budget_tokens": 1024}), {"thinking"}),
        (chat(thinking={"type": "adaptive"}), {"thinking"}),
        (chat(thinking={"type": "disabled"}), set()),
        (chat(reasoning_effort="high"), {"thinking"}),
        (chat(reasoning_effort="none"), set()),
        ({"input": "x", "reasoning": {"effort": "low"}}, {"thinking"}),
        ({"messages": "no list", "input": 3, "tools": None, "thinking": "yes"}, set()),
        ({"messages": [None, 3, {"content": [None, "text", {"type": ["image"]}]}]}, set()),
    ],
)  # fmt: skip
def test_what_is_needed(body: dict[str, Any], needs: set[str]) -> None:
    assert needed(body) == needs


@pytest.mark.parametrize(
    ("body", "tokens"),
    [
        (chat(max_tokens=7), 7), (chat(max_completion_tokens=8, max_tokens=7), 8), ({"max_output_tokens": 9}, 9),
        (chat(max_completion_tokens=1, max_tokens=7), 7), (chat(max_tokens=-1), 0), (chat(max_tokens="7"), 0), (chat(), 0),
    ],
)  # fmt: skip
def test_how_long_the_answer_may_be(body: dict[str, Any], tokens: int) -> None:
    needs = needs_of(body, 40, session="", count=lambda: 5)
    assert (needs.output, needs.tokens) == (tokens, 10 + tokens)


def test_text_is_counted_and_media_is_not() -> None:
    text = text_of(
        {"system": "be brief", **chat(TEXT, IMAGE), "tools": [{"name": "find", "n": 3}], "user": "bob"}
    )
    assert "be brief" in text
    assert "what is it?" in text
    assert "find" in text
    assert "AAAA" not in text
    assert "bob" not in text


def test_a_long_text_is_reckoned_and_not_counted() -> None:
    """Counting it would hold up everybody else."""
    said = "a word " * 100
    counted = tokens_of({"input": said})
    assert 100 < counted < 300
    assert tokens_of({"input": said * 1000}) == 700_000 // 4
