"""Habits: what a provider's columns change within OpenAI's own form, and what is told about it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from muxi_llm import UnsupportedParameterError
from muxi_llm.core.adapt import adapt
from muxi_llm.core.habits import HABITS
from muxi_llm.core.request import Request
from muxi_llm.models import Adaptation
from muxi_llm.providers.base import Provider
from muxi_llm.wire.base import Ledger, Profile
from tests.core import provider_of, request_of
from tests.support.bodies import CALL

Messages = list[dict[str, Any]]


def fitted(request: Request, **columns: Any) -> tuple[dict[str, Any], list[Adaptation]]:
    """The body a provider with these columns gets, and what was told."""
    ledger = Ledger("weak", strict=request.mode == "strict")
    body, _ = adapt(request, provider_of(**columns), Profile(), ledger)
    return dict(body), ledger.entries


def told(entries: list[Adaptation]) -> list[tuple[str, str, bool]]:
    return [(entry.param, entry.action, entry.loss) for entry in entries]


def said(*turns: tuple[str, Any], **fields: Any) -> Messages:
    return [{"role": role, "content": content, **fields} for role, content in turns]


def part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}


def test_every_habit_is_a_column_that_is_off():
    """Whoever declares none pays nothing."""
    assert all(not getattr(Provider, column) for column, _ in HABITS)
    request = request_of(
        temperature=9, stop=list("abcdefgh"), tool_choice="required", reasoning_effort="none"
    )
    assert fitted(request) == (request.body, [])


def of_family(request: Request, **quirks: Any) -> tuple[dict[str, Any], list[Adaptation]]:
    """The body for a model of a family with these quirks, without its messages, and what was told."""
    ledger = Ledger("weak")
    body, _ = adapt(request, provider_of(), Profile(**quirks), ledger)
    return {name: value for name, value in body.items() if name != "messages"}, ledger.entries


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_more_tokens_than_the_model_can_say(name):
    """Less is asked for; nothing is lost, it could not say more."""
    assert of_family(request_of(**{name: 99}), max_output_tokens=100) == ({name: 99}, [])
    body, entries = of_family(request_of(**{name: 101}), max_output_tokens=100)
    assert (body, told(entries)) == ({name: 100}, [(name, "changed", False)])
    assert of_family(request_of(**{name: 101})) == ({name: 101}, [])


@pytest.mark.parametrize(
    ("effort", "known", "sent", "entry"),
    [
        ("high", None, "high", None),
        ("high", ("low", "high"), "high", None),
        ("max", ("low", "high"), "high", ("changed", True)),
        ("medium", ("low", "high"), "low", ("changed", True)),
        ("none", ("low", "high"), "low", ("changed", True)),
        ("unheard of", ("low", "high"), "high", ("changed", True)),
        ("high", (), None, ("dropped", True)),
        ("none", (), None, ("dropped", False)),
    ],
)
def test_levels_of_effort(effort, known, sent, entry):
    """The next one below where the model lacks it; none at all where it does not reason."""
    body, entries = of_family(request_of(reasoning_effort=effort), efforts=known)
    assert body.get("reasoning_effort") == sent
    assert told(entries) == ([("reasoning_effort", *entry)] if entry else [])


@pytest.mark.parametrize(
    ("effort", "by_itself", "kept"),
    [(None, False, True), (None, True, False), ("none", True, True), ("low", False, False)],
)
def test_sampling_while_it_reasons(effort, by_itself, kept):
    given_ = {"temperature": 0.5} | ({"reasoning_effort": effort} if effort else {})
    body, entries = of_family(
        request_of(**given_), reasons=by_itself, drops_while_reasoning={"temperature": "not now"}
    )
    assert ("temperature" in body) is kept
    assert told(entries) == ([] if kept else [("temperature", "dropped", True)])


FORCED = [
    "required",
    {"type": "function", "function": {"name": "f"}},
    {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": []}},
]


@pytest.mark.parametrize("choice", FORCED, ids=["required", "named", "allowed"])
def test_a_call_is_demanded_of_who_thinks(choice):
    """It is told not to think, by whatever says so there."""
    request = request_of(tools=[NAMED], tool_choice=choice, reasoning_effort="high")
    body, entries = of_family(request, forced_calls="unthinking")
    assert body["reasoning_effort"] == "none"
    assert body["tool_choice"] == choice
    assert told(entries) == [("reasoning_effort", "changed", True)]


@pytest.mark.parametrize(
    ("choice", "effort"), [("auto", "high"), ("none", None), ("required", "none"), (None, None)]
)
def test_nothing_is_demanded_of_who_thinks(choice, effort):
    request = request_of(tools=[NAMED], tool_choice=choice, reasoning_effort=effort)
    assert of_family(request, forced_calls="unthinking")[1] == []


def test_parameters_of_openai_alone():
    """Left out; of those that shape the answer, as a loss."""
    request = request_of(prompt_cache_key="s", verbosity="low", seed=1)
    body, entries = fitted(request, foreign=frozenset({"prompt_cache_key", "verbosity", "store"}))
    assert body == {"messages": request.body["messages"], "seed": 1}
    assert told(entries) == [("prompt_cache_key", "dropped", False), ("verbosity", "dropped", True)]


@given(st.text(min_size=5), st.text(min_size=5))
def test_names_of_users_that_are_too_long(one, other):
    """Short, the same for the same user and different for different ones."""
    sent = [fitted(request_of(user=name), lengths={"user": 4})[0]["user"] for name in (one, one, other)]
    assert len(sent[0]) == 64
    assert sent[0] == sent[1]
    assert (sent[0] == sent[2]) == (one == other)
    assert fitted(request_of(user="Al"), lengths={"user": 4}) == (request_of(user="Al").body, [])


@pytest.mark.parametrize(
    ("value", "sent"), [(-1, 0.1), (0, 0.1), (0.1, 0.1), (0.5, 0.5), (1, 1), (2, 1), ("x", "x"), (None, None)]
)
def test_pitfall_62_ranges(value, sent):
    """Beyond is the nearest, and told as a loss; what is no number is for the provider to refuse."""
    body, entries = fitted(request_of(temperature=value), ranges={"temperature": (0.1, 1)})
    assert body.get("temperature") == sent
    assert told(entries) == ([] if sent == value else [("temperature", "changed", True)])


def test_pitfall_62_ranges_in_strict_mode():
    with pytest.raises(UnsupportedParameterError, match=r"temperature changed: weak takes 0 to 1; sent as 1"):
        fitted(request_of(mode="strict", temperature=2), ranges={"temperature": (0, 1)})


@pytest.mark.parametrize(
    ("stop", "sent"), [(["a", "b", "c"], ["a", "b"]), (["a", "b"], ["a", "b"]), ("abc", "abc"), (None, None)]
)
def test_pitfall_60_stops(stop, sent):
    """As many as are taken; a string is one."""
    body, entries = fitted(request_of(stop=stop), stop_limit=2)
    assert body.get("stop") == sent
    assert told(entries) == ([] if stop == sent else [("stop", "changed", True)])


EFFORTS = {"none": {"thinking": {"type": "disabled"}}, "minimal": {"reasoning_effort": "low"}, "xhigh": {}}


@pytest.mark.parametrize(
    ("effort", "sent", "entry"),
    [
        ("none", {"thinking": {"type": "disabled"}}, ("moved", False)),
        ("minimal", {"reasoning_effort": "low"}, ("changed", True)),
        ("xhigh", {}, ("dropped", True)),
        ("high", {"reasoning_effort": "high"}, None),
        (None, {}, None),
    ],
)
def test_pitfall_33_67_efforts(effort, sent, entry):
    """Said in the provider's own way; a level it lacks is a loss."""
    body, entries = fitted(request_of(reasoning_effort=effort), effort_fields=EFFORTS)
    assert {name: value for name, value in body.items() if name != "messages"} == sent
    assert told(entries) == ([("reasoning_effort", *entry)] if entry else [])


NAMED = {"type": "function", "function": {"name": "f"}}
TOOLS = {"tools": [NAMED], "parallel_tool_calls": True}


@pytest.mark.parametrize(
    ("choice", "sent", "entry"),
    [
        ("required", "auto", ("tool_choice", "changed", True)),
        ("any", "required", ("tool_choice", "changed", False)),
        (NAMED, "auto", ("tool_choice", "changed", True)),
        ("auto", "auto", None),
        (None, None, None),
    ],
    ids=str,
)
def test_pitfall_65_tool_choice(choice, sent, entry):
    """Another word for the same loses nothing; `auto` in its stead does."""
    choices = {"required": "auto", "function": "auto", "any": "required"}
    body, entries = fitted(request_of(**TOOLS, tool_choice=choice), tool_choices=choices)
    assert body.get("tool_choice") == sent
    assert body["tools"] == [NAMED]
    assert told(entries) == ([entry] if entry else [])


def test_pitfall_65_no_tool_choice_at_all():
    """Where no call can be forbidden, there is nothing to call: the same answer."""
    body, entries = fitted(request_of(**TOOLS, tool_choice="none"), tool_choices={"none": ""})
    assert set(body) == {"messages"}
    assert told(entries) == [("tools", "dropped", False)]


def test_fields_of_messages():
    """Left out of each message, told once."""
    drops = {"name": "no names", "weight": "no weights"}
    body, entries = fitted(
        request_of(messages=said(("user", "a"), ("user", "b"), name="Al")), message_drops=drops
    )
    assert body["messages"] == said(("user", "a"), ("user", "b"))
    assert told(entries) == [("messages[].name", "dropped", True)]


@pytest.mark.parametrize(
    ("role", "content", "sent"),
    [
        ("user", [part("a"), part("b")], "a\n\nb"),
        ("user", [part("a")], "a"),
        ("user", [part("a"), IMAGE], [part("a"), IMAGE]),
        ("user", "a", "a"),
        ("assistant", None, None),
        ("system", [part("a")], [part("a")]),
    ],
    ids=str,
)
def test_pitfall_45_string_content(role, content, sent):
    """Text alone becomes one string, in the roles that need it; nothing is lost."""
    body, entries = fitted(
        request_of(messages=said((role, content))),
        string_content=frozenset({"user", "assistant"}),
        vision_support=True,
    )
    assert body["messages"] == said((role, sent))
    assert told(entries) == ([] if content == sent else [("messages", "changed", False)])


CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "r"}


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([("user", "a"), ("user", "b")], [("user", "a\n\nb")]),
        ([("user", "a"), ("user", [IMAGE])], [("user", [part("a"), IMAGE])]),
        ([("user", [part("a")]), ("user", "b")], [("user", [part("a"), part("b")])]),
        (
            [("assistant", None), ("assistant", "b"), ("user", "c")],
            [("assistant", [part("b")]), ("user", "c")],
        ),
        ([("system", "s"), ("system", "t"), ("user", "a")], [("system", "s"), ("system", "t"), ("user", "a")]),
        ([("user", "a"), ("system", "s")], [("user", "a\n\ns")]),
        ([("user", "a"), ("assistant", "b"), ("user", "c")], [("user", "a"), ("assistant", "b"), ("user", "c")]),
    ],
    ids=str,
)  # fmt: skip
def test_pitfall_42_turns_alternate(given, sent):
    """Neighbours of one role are one message; later system messages are the user's."""
    body, entries = fitted(request_of(messages=said(*given)), alternating_roles=True, vision_support=True)
    assert body["messages"] == said(*sent)
    assert told(entries) == ([] if given == sent else [("messages", "changed", False)])


def test_pitfall_42_tool_turns_stand_for_themselves():
    """Calls and results are never merged."""
    messages = [*said(("user", "a")), CALLED, RESULT, {**RESULT, "tool_call_id": "call_2"}, CALLED, CALLED]
    assert fitted(request_of(messages=messages), alternating_roles=True)[0]["messages"] == messages


@given(call_id=st.text(min_size=1))
@settings(max_examples=60, deadline=None)
def test_pitfall_52_53_ids_fit_and_stay_together(call_id):
    """Whatever the id: a short one of letters and digits, the same for a call and its result."""
    messages = [
        {**CALLED, "tool_calls": [{**CALL, "id": call_id}]},
        {**RESULT, "tool_call_id": call_id},
        {**CALLED, "tool_calls": [{key: value for key, value in CALL.items() if key != "id"}]},
    ]
    body, _ = fitted(request_of(messages=messages), tool_call_id="[a-zA-Z0-9]{9}")
    called, result, without = body["messages"]
    assert re.fullmatch("[a-zA-Z0-9]{9}", called["tool_calls"][0]["id"])
    assert result["tool_call_id"] == called["tool_calls"][0]["id"]
    assert without["tool_calls"][0].get("id") is None


def test_ids_that_fit_stay():
    messages = [{**RESULT, "tool_call_id": "D681PevKs"}]
    assert fitted(request_of(messages=messages), tool_call_id="[a-zA-Z0-9]{9}")[1] == []


ALL = {
    "foreign": frozenset({"store"}),
    "lengths": {"user": 4},
    "ranges": {"temperature": (0, 1)},
    "stop_limit": 1,
    "effort_fields": EFFORTS,
    "tool_choices": {"none": ""},
    "message_drops": {"name": "no names"},
    "string_content": frozenset({"user"}),
    "alternating_roles": True,
    "tool_call_id": ".{9}",
}


@pytest.mark.parametrize("endpoint", ["completion", "embedding"])
def test_requests_without_messages(endpoint):
    """All of the habits at once find nothing to change."""
    request = Request(endpoint, {"input": "a", "prompt": "a"})
    assert fitted(request, **ALL) == (request.body, [])


def test_the_callers_messages_are_not_touched():
    messages = said(("user", [part("a")]), ("user", "b"), name="Al")
    fitted(request_of(messages=messages), **ALL)
    assert messages == said(("user", [part("a")]), ("user", "b"), name="Al")


def test_families_of_a_provider_go_before_the_models_own():
    """The same model has other quirks at its maker's."""
    here = Profile(drops={"seed": "not here"})
    provider = provider_of(families={r"gpt-5": here})
    assert provider.profile("gpt-5-mini") is here
    assert provider.profile("some-model") == Profile()
