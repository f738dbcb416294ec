"""Gemini, ours → theirs: what the model families differ in, thinking above all.

Sources: https://ai.google.dev/gemini-api/docs/thinking and .../gemini-3. `reasoning_effort` becomes a
budget of tokens up to 2.5 and a level since.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from muxi_llm.wire.anthropic.thinking import BUDGETS, EFFORTS

if TYPE_CHECKING:
    from muxi_llm.wire.base import Json, Ledger


@dataclass(frozen=True, slots=True)
class Family:
    """Models that take the same. budget: fewest and most tokens of thinking. can_stop: thinking can be
    turned off. levels: those it takes instead of a budget. json_with_tools: an answer in JSON may be asked
    for beside functions. media_in_results: a function's response may hold images and documents.
    """

    budget: tuple[int, int] | None = None
    can_stop: bool = True
    levels: tuple[str, ...] = ()
    json_with_tools: bool = False
    media_in_results: bool = False


def family_of(model: str) -> Family:
    """The family of *model*, by its bare name; one that is not known is taken for a new one."""
    bare = model.lower().rpartition("/")[2]
    return next((family for pattern, family in FAMILIES if pattern.match(bare)), NEWEST)


def thinking_of(effort: str, model: str, ledger: Ledger) -> Json:
    """The `thinkingConfig` that asks *model* for OpenAI's `reasoning_effort`, empty for none of it."""
    family = family_of(model)
    if family.levels:
        return {"thinkingLevel": _level(effort, model, family, ledger), "includeThoughts": effort != "none"}
    if family.budget is None:
        if effort != "none":
            ledger.dropped("reasoning_effort", f"{model} does not think")
        return {}
    least, most = family.budget
    if effort == "none" and family.can_stop:
        return {"thinkingBudget": 0}
    if effort == "none":
        ledger.changed("reasoning_effort", f"{model} always thinks; sent as its least, {least} tokens")
        return {"thinkingBudget": least}
    return {"thinkingBudget": max(least, min(BUDGETS.get(effort, most), most)), "includeThoughts": True}


def _level(effort: str, model: str, family: Family, ledger: Ledger) -> str:
    """The level itself where the family has it, else the next one below, else its lowest."""
    if effort in family.levels:
        return effort
    asked = EFFORTS.index(effort) if effort in EFFORTS else len(EFFORTS)
    nearest = [level for level in family.levels if EFFORTS.index(level) < asked][-1:] or family.levels[:1]
    ledger.changed("reasoning_effort", f"{effort!r} sent as {nearest[0]!r}, the nearest {model} has")
    return nearest[0]


# ------------------------------------------------------------------------------------------ tables

NO_THINKING = Family()
FLASH_3 = Family(levels=("minimal", "low", "medium", "high"), json_with_tools=True, media_in_results=True)
NEWEST = Family(levels=("low", "medium", "high"), json_with_tools=True, media_in_results=True)
PRO_30 = Family(levels=("low", "high"), json_with_tools=True, media_in_results=True)

FAMILIES = [
    (re.compile(pattern), family)
    for pattern, family in (
        (r"gemini-2\.5-.*(image|tts)|gemini-(1|2\.0|exp)|gemma|learnlm", NO_THINKING),
        (r"gemini-2\.5-pro", Family(budget=(128, 32_768), can_stop=False)),
        (r"gemini-2\.5-flash-lite", Family(budget=(512, 24_576))),
        (r"gemini-2\.5", Family(budget=(0, 24_576))),
        (r"gemini-3-pro", PRO_30),
        (r"gemini-3-flash|gemini-3\.[1-5]-flash", FLASH_3),
    )
]
