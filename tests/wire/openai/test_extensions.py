"""State goes back to who gave it; what steers one provider alone is taken off, or said in words."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm import UnsupportedParameterError
from muxi_llm.core.adapt import adapt
from muxi_llm.models import Adaptation
from muxi_llm.wire.base import Ledger, Profile
from muxi_llm.wire.state import STAMP
from tests.core import provider_of, request_of
from tests.support.bodies import CALL, HELLO

SIGNED = {**CALL, "extra_content": {"google": {"thought_signature": "s"}}}
STATE = {"reasoning_details": [{"data": "x"}], "thinking_blocks": [{"type": "redacted_thinking"}]}
TURN = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": CALL["id"], "content": "x"}


def adapted(message: Any, mode: Any = "adapt", **attributes: Any) -> tuple[Any, list[Adaptation]]:
    """The second message of three as a provider with these flags gets it, and what was told."""
    ledger = Ledger("weak", strict=mode == "strict")
    request = request_of(messages=[*HELLO, message, *HELLO], mode=mode)
    before = repr(request.body)
    body, _ = adapt(request, provider_of(**attributes), Profile(), ledger)
    assert repr(request.body) == before
    return body["messages"][1], ledger.entries


def given_by(giver: str, **fields: Any) -> dict[str, Any]:
    return {**TURN, **fields, "extra_content": {STAMP: {"giver": giver}, **fields.get("extra_content", {})}}


def test_state_comes_home() -> None:
    """Whatever the row says: who gave it takes it. The mark of its giver stays here."""
    message, told = adapted(given_by("weak", **STATE, tool_calls=[SIGNED], reasoning="hm"))
    assert message == {**TURN, **STATE, "tool_calls": [SIGNED], "reasoning": "hm"}
    assert told == []
    message, _ = adapted(given_by("weak", extra_content={"google": {"a": 1}}))
    assert message == {**TURN, "extra_content": {"google": {"a": 1}}}


def test_state_of_another_goes_nowhere() -> None:
    """Whatever the row says: these are not its words. What was thought in words is anybody's."""
    flags = dict.fromkeys(
        ("reasoning_details_support", "thinking_blocks_support", "extra_content_support",
         "reasoning_replay_support"), True,
    )  # fmt: skip
    message, told = adapted(given_by("other", **STATE, tool_calls=[SIGNED], reasoning="hm"), **flags)
    assert message == {**TURN, "reasoning": "hm"}
    assert [(entry.param, entry.loss) for entry in told] == [
        ("messages[].extra_content", False),
        ("messages[].reasoning_details", False),
        ("messages[].thinking_blocks", False),
    ]


@pytest.mark.parametrize(
    ("name", "flag"),
    [("reasoning_details", "reasoning_details_support"), ("thinking_blocks", "thinking_blocks_support")],
)
def test_where_nobody_knows_who_gave_it_the_row_says(name: str, flag: str) -> None:
    message = {**TURN, name: STATE[name]}
    assert adapted(message, **{flag: True}) == (message, [])
    assert adapted(message)[0] == TURN


def test_a_turn_that_is_more_than_was_said_is_a_loss() -> None:
    """What a provider's own tools did in it is known to that provider alone."""
    message = {**TURN, "content": "x", "extra_content": {"anthropic": {"content": [{"type": "text"}]}}}
    _, told = adapted(message)
    assert [(entry.param, entry.loss) for entry in told] == [("messages[].extra_content", True)]
    with pytest.raises(UnsupportedParameterError):
        adapted(message, mode="strict")


@pytest.mark.parametrize(
    ("content", "sent"),
    [
        ("no such file", "[error] no such file"),
        ("", "[error]"),
        (None, "[error]"),
        ([{"type": "text", "text": "no"}], "[error] no"),
    ],
)
def test_a_failed_result_says_that_it_is_one(content: Any, sent: Any) -> None:
    """Where there is no field for it, in words, and told as a loss; `False` says what is said anyway."""
    message, told = adapted({**RESULT, "content": content, "is_error": True}, tool_parts_support=False)
    assert message == {**RESULT, "content": sent}
    assert ("messages[].is_error", True) in [(entry.param, entry.loss) for entry in told]
    if isinstance(content, list):
        parts = adapted({**RESULT, "content": content, "is_error": True}, tool_parts_support=True)[0]
        assert parts["content"] == [{"type": "text", "text": "[error]"}, *content]
    message, told = adapted({**RESULT, "is_error": False})
    assert message == RESULT
    assert not any(entry.loss for entry in told)
    failed = {**RESULT, "is_error": True}
    assert adapted(failed, error_result_support=True) == (failed, [])


def test_marks_of_tools_and_none_of_messages() -> None:
    ledger = Ledger("weak")
    tools = [{"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}}]
    body, _ = adapt(request_of(tools=tools), provider_of(), Profile(), ledger)
    assert body["tools"] == [{"type": "function", "function": {"name": "f"}}]
    assert [entry.param for entry in ledger.entries] == ["messages[].cache_control"]


def test_parameters_of_one_clients_wire() -> None:
    """`top_k` steers the answer, Anthropic's betas steer Anthropic."""
    request = request_of(top_k=5, anthropic_beta=["b"])
    ledger = Ledger("weak")
    body, _ = adapt(request, provider_of(), Profile(), ledger)
    assert body == {"messages": HELLO}
    assert [(entry.param, entry.loss) for entry in ledger.entries] == [
        ("anthropic_beta", False),
        ("top_k", True),
    ]
    same, _ = adapt(
        request, provider_of(top_k_support=True, anthropic_blocks_support=True), Profile(), ledger
    )
    assert same == request.body


def test_marks_are_taken_off_the_parts_that_have_one() -> None:
    """And nothing is done to the others."""
    text = {"type": "text", "text": "a"}
    marked = {**text, "cache_control": {"type": "ephemeral"}}
    ledger = Ledger("weak")
    messages = [{"role": "user", "content": [text]}, {"role": "user", "content": [marked]}]
    body, _ = adapt(request_of(messages=messages), provider_of(), Profile(), ledger)
    assert body["messages"] == [{"role": "user", "content": [text]}] * 2
    assert [(entry.param, entry.loss) for entry in ledger.entries] == [("messages[].cache_control", False)]
