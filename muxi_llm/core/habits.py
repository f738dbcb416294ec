"""What families of models and single services do differently within OpenAI's own form, by the columns a
`Profile` or a `Provider` declares.

Each column of `Provider` named in `HABITS` has one function here or, where it is about messages, in
`wire/openai/turns.py`; a service that does not declare it pays
nothing for it. They run on OpenAI's names, before the provider's own tables rename or drop any.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.anthropic.thinking import nearest_effort
from muxi_llm.wire.base import is_neutral
from muxi_llm.wire.openai.turns import TURN_HABITS
from muxi_llm.wire.requesting import HARMLESS, chosen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Ledger, Profile

    Body = Mapping[str, Any]


def by_habits(body: Body, provider: Provider, ledger: Ledger) -> Body:
    """*body* as *provider* wants it said, every change told."""
    for column, fit in HABITS:
        if wanted := getattr(provider, column):
            body = fit(body, wanted, ledger)
    return body


# ------------------------------------------------------------------------------- a model's family


def by_family(body: Body, profile: Profile, ledger: Ledger) -> Body:
    """*body* within what the model's family can do, every change told."""
    if profile.max_output_tokens is not None:
        body = _within(body, profile.max_output_tokens, ledger)
    if profile.forced_calls == "unthinking" and body.get("tool_choice") is not None:
        body = _obeying(body, ledger)
    effort = body.get("reasoning_effort")
    if effort is not None and profile.efforts is not None and profile.thinking == "none":
        body = _level(body, effort, profile.efforts, ledger)
    if profile.drops_while_reasoning and profile.reasons_at(body.get("reasoning_effort")):
        body = left_out(body, profile.drops_while_reasoning, ledger)
    return body


def left_out(body: Body, drops: Mapping[str, str], ledger: Ledger) -> Body:
    """*body* without the parameters of *drops*, each told with its reason."""
    for name in [name for name in drops if name in body]:  # in the table's order, not in a set's
        ledger.dropped(name, drops[name], loss=name not in HARMLESS and not is_neutral(name, body[name]))
        body = {key: value for key, value in body.items() if key != name}
    return body


def _within(body: Body, most: int, ledger: Ledger) -> Body:
    """The model says no more than that however much is asked for, so nothing is lost."""
    for name in ("max_tokens", "max_completion_tokens"):
        asked = body.get(name)
        if isinstance(asked, int) and asked > most:
            ledger.changed(name, f"{most} is the most this model can say", loss=False)
            body = {**body, name: most}
    return body


def _obeying(body: Body, ledger: Ledger) -> Body:
    """A call can be demanded of a model that does not think: the caller wants the call."""
    if chosen(body["tool_choice"])[0] != "required" or body.get("reasoning_effort") == "none":
        return body
    ledger.changed("reasoning_effort", "this model takes no forced tool_choice while it thinks; told not to")
    return {**body, "reasoning_effort": "none"}


def _level(body: Body, effort: str, known: tuple[str, ...], ledger: Ledger) -> Body:
    if not known:
        ledger.dropped("reasoning_effort", "this model takes none", loss=effort != "none")
        return {name: value for name, value in body.items() if name != "reasoning_effort"}
    nearest = nearest_effort(effort, known)
    if nearest == effort:
        return body
    ledger.changed("reasoning_effort", f"{effort!r} sent as {nearest!r}, the nearest this model has")
    return {**body, "reasoning_effort": nearest}


# -------------------------------------------------------------------------------------- parameters


def _without_foreign(body: Body, foreign: frozenset[str], ledger: Ledger) -> Body:
    if foreign.isdisjoint(body):
        return body
    why = f"{ledger.provider} has no such parameter"
    return left_out(body, dict.fromkeys(sorted(foreign), why), ledger)


def _short(body: Body, lengths: Mapping[str, int], ledger: Ledger) -> Body:
    for name, most in lengths.items():
        value = body.get(name)
        if isinstance(value, str) and len(value) > most:
            ledger.changed(name, f"longer than {most} characters; sent as its hash", loss=False)
            body = {**body, name: sha256(value.encode()).hexdigest()}
    return body


def by_ranges(body: Body, ranges: Mapping[str, tuple[float, float]], ledger: Ledger) -> Body:
    """*body* with each parameter of *ranges* within its own."""
    for name, (least, most) in ranges.items():
        value = body.get(name)
        if isinstance(value, int | float) and not least <= value <= most:
            if name == "n":  # fewer answers are no answer to that
                why = f"{ledger.provider} gives {least} to {most} a call, not {value}"
                raise UnsupportedParameterError(f"n: {why}", param=name)
            nearest = min(max(value, least), most)
            ledger.changed(name, f"{ledger.provider} takes {least} to {most}; sent as {nearest}")
            body = {**body, name: nearest}
    return body


def _few_stops(body: Body, limit: int, ledger: Ledger) -> Body:
    stops = body.get("stop")
    if not isinstance(stops, list) or len(stops) <= limit:
        return body
    ledger.changed("stop", f"{ledger.provider} takes {limit}; the others are left out")
    return {**body, "stop": stops[:limit]}


def _effort(body: Body, fields: Mapping[str, Mapping[str, Any]], ledger: Ledger) -> Body:
    wanted = fields.get(str(body.get("reasoning_effort")))
    if wanted is None:
        return body
    if not wanted:
        ledger.dropped("reasoning_effort", f"{ledger.provider} knows no levels of it")
    elif "reasoning_effort" in wanted:
        ledger.changed("reasoning_effort", f"{ledger.provider} takes it as {wanted['reasoning_effort']!r}")
    else:
        ledger.moved("reasoning_effort", f"{ledger.provider} is asked by {', '.join(wanted)}")
    return {**{name: value for name, value in body.items() if name != "reasoning_effort"}, **wanted}


def _tool_choice(body: Body, instead: Mapping[str, str], ledger: Ledger) -> Body:
    choice = body.get("tool_choice")
    kind = choice if isinstance(choice, str) else "function"
    if choice is None or kind not in instead:
        return body
    if instead[kind]:
        ledger.changed("tool_choice", f"{ledger.provider} takes {instead[kind]!r} for {kind!r}",
                       loss=instead[kind] == "auto")  # fmt: skip
        return {**body, "tool_choice": instead[kind]}
    ledger.dropped("tools", f"{ledger.provider} cannot be told to call none of them", loss=False)
    return {name: value for name, value in body.items() if name not in ABOUT_TOOLS}


# ------------------------------------------------------------------------------------------ tables

HABITS: tuple[tuple[str, Callable[[Any, Any, Ledger], Any]], ...] = (
    ("foreign", _without_foreign),
    ("ranges", by_ranges),
    ("lengths", _short),
    ("stop_limit", _few_stops),
    ("effort_fields", _effort),
    ("tool_choices", _tool_choice),
    *TURN_HABITS,
)

ABOUT_TOOLS = {"tools", "tool_choice", "parallel_tool_calls"}
