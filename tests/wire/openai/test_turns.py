"""What a conversation must look like at a service, or for a model: habits about turns."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm import UnsupportedParameterError
from muxi_llm.core.adapt import adapt
from muxi_llm.models import Adaptation
from muxi_llm.providers.profiles import profile_of
from muxi_llm.wire.base import Ledger, Profile
from tests.core import provider_of, request_of
from tests.support.bodies import CALL

HI = {"role": "user", "content": "Hi"}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": CALL["id"], "content": "r"}


def turns(
    *messages: Any, quirks: Profile | None = None, mode: Any = "adapt", params: Any = (), **columns: Any
) -> tuple[list[Any], list[Adaptation]]:
    """The messages as a provider with these columns gets them, and what was told."""
    ledger = Ledger("weak", strict=mode == "strict")
    request = request_of(messages=list(messages), mode=mode, **dict(params))
    before = repr(request.body)
    body, _ = adapt(request, provider_of(**columns), quirks or Profile(), ledger)
    assert repr(request.body) == before
    return body["messages"], ledger.entries


def said(role: str, content: Any) -> dict[str, Any]:
    return {"role": role, "content": content}


def test_fields_of_an_assistants_message() -> None:
    """A strict server answers 400 to any other; what was said is in those it knows."""
    odd = {**CALLED, "refusal": "no", "annotations": [{}], "reasoning_details": [{}], "audio": {"id": "a"}}
    flags = {"reasoning_details_support": True}
    sent, told = turns(HI, odd, RESULT, assistant_fields=frozenset(CALLED), **flags)
    assert sent == [HI, {**CALLED, "content": "no"}, RESULT]
    assert [(entry.param, entry.loss) for entry in told] == [
        ("messages[].audio", True),
        ("messages[].annotations", False),
        ("messages[].reasoning_details", False),
        ("messages[].refusal", False),
    ]
    assert turns(HI, CALLED, RESULT, assistant_fields=frozenset(CALLED)) == ([HI, CALLED, RESULT], [])
    heard = turns(HI, {**CALLED, "audio": {"id": "a"}}, RESULT, assistant_fields=frozenset(CALLED))
    assert heard[0] == [HI, CALLED, RESULT]
    named = turns(HI, {**CALLED, "name": "Bo"}, RESULT, assistant_fields=frozenset(CALLED))
    assert (named[0][1], [entry.param for entry in named[1]]) == (CALLED, ["messages[].name"])
    refused = {"role": "assistant", "content": None, "refusal": "No."}
    sent, _ = turns(HI, refused, HI, assistant_fields=frozenset(CALLED))
    assert sent[1] == said("assistant", "No.")


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_thinking_goes_by_the_name_it_has_there(name: str) -> None:
    other = {"reasoning": "reasoning_content", "reasoning_content": "reasoning"}[name]
    flags = {"reasoning_field": name, "reasoning_replay_support": True}
    assert turns(HI, {**CALLED, other: "hm"}, RESULT, **flags)[0][1] == {**CALLED, name: "hm"}
    assert turns(HI, {**CALLED, name: "hm"}, RESULT, **flags) == ([HI, {**CALLED, name: "hm"}, RESULT], [])


def test_no_user_behind_a_tool() -> None:
    """Something stands between, as Mistral's own client puts it there; pictures of a tool's count as well."""
    between = said("assistant", "Understood.")
    sent, told = turns(HI, CALLED, RESULT, HI, reply_to_tools="Understood.")
    assert sent == [HI, CALLED, RESULT, between, HI]
    assert not any(entry.loss for entry in told)
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
    sent, _ = turns(
        HI, CALLED, {**RESULT, "content": [image]}, reply_to_tools="Understood.", vision_support=True
    )
    assert [message["role"] for message in sent] == ["user", "assistant", "tool", "assistant", "user"]
    fine = [HI, CALLED, RESULT, said("assistant", "done"), HI]
    assert turns(*fine, reply_to_tools="Understood.") == (fine, [])


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([said("system", "A"), said("system", "B"), HI], [said("system", "A\n\nB"), HI]),
        (
            [said("developer", "A"), said("system", [{"type": "text", "text": "B"}]), HI],
            [said("system", [{"type": "text", "text": "A"}, {"type": "text", "text": "B"}]), HI],
        ),
        (
            [said("system", "A"), HI, said("system", "B"), HI],
            [said("system", "A"), HI, said("user", "B"), HI],
        ),
        ([HI, said("system", "B")], [HI, said("user", "B")]),
        ([said("system", "A"), HI], [said("system", "A"), HI]),
    ],
    ids=["two", "a developer's", "later", "none first", "one"],
)
def test_one_system_message_and_that_the_first(given: Any, sent: Any) -> None:
    got, told = turns(*given, one_system=True)
    assert got == sent
    assert not any(entry.loss for entry in told)


def test_an_answer_begun_is_gone_on_from() -> None:
    """By fields of the request or of the message; where there are none, it begins anew, and that is told."""
    begun = said("assistant", "1, 2, ")
    fields = {"continue_final_message": True, "add_generation_prompt": False}
    ledger = Ledger("weak")
    request = request_of(messages=[HI, begun])
    body, _ = adapt(request, provider_of(prefill=fields), Profile(), ledger)
    assert body == {"messages": [HI, begun], **fields}
    sent, told = turns(HI, begun, prefill={"message": {"prefix": True}})
    assert sent == [HI, {**begun, "prefix": True}]
    assert not any(entry.loss for entry in [*told, *ledger.entries])
    assert turns(HI, begun, prefill_support=True) == ([HI, begun], [])
    sent, told = turns(HI, begun)
    assert sent == [HI, begun]
    assert [(entry.param, entry.loss) for entry in told] == [("messages", True)]
    with pytest.raises(UnsupportedParameterError):
        turns(HI, begun, mode="strict")


@pytest.mark.parametrize("last", [CALLED, said("assistant", ""), HI], ids=["a call", "nothing", "a user's"])
def test_what_is_no_answer_begun(last: Any) -> None:
    assert turns(HI, last, prefill={"message": {"prefix": True}}) == ([HI, last], [])
    assert turns(HI, last) == ([HI, last], [])


@pytest.mark.parametrize(
    "model", ["deepseek-v4-pro", "deepseek-reasoner", "kimi-k2.6", "moonshotai/kimi-k2-thinking"]
)
def test_a_call_that_came_without_thinking(model: str) -> None:
    """Another model's, in a fallback or a conversation taken over: a stand-in, which is no loss."""
    quirks, flags = profile_of(model), {"reasoning_replay_support": True}
    sent, told = turns(HI, CALLED, RESULT, HI, quirks=quirks, **flags)
    assert sent == [HI, {**CALLED, "reasoning_content": "(no reasoning)"}, RESULT, HI]
    assert [(entry.param, entry.action, entry.loss) for entry in told] == [
        ("messages[1].reasoning_content", "added", False)
    ]
    for name in ("reasoning", "reasoning_content"):
        kept = [HI, {**CALLED, name: "hm"}, RESULT]
        assert turns(*kept, quirks=quirks, **flags) == (kept, [])
    assert turns(HI, CALLED, RESULT, quirks=quirks) == ([HI, CALLED, RESULT], [])
    unthinking = {"reasoning_effort": "none"}
    assert turns(HI, CALLED, RESULT, quirks=quirks, params=unthinking, **flags)[0] == [HI, CALLED, RESULT]
