"""What keys may be that people make for themselves. Pure.

A bound that is set is also what a key gets that says nothing of it: nobody's own key is without one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from muxi_llm.governance.bodies import Body, Count, Patterns, Time, Usd, Window, seconds_of
from muxi_llm.governance.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Mapping


class OwnKeys(Body):
    """keys: how many each user may have. duration: how long one is good for at most. Of the rest `None` is:
    as much as their user may.
    """

    keys: Annotated[int, Field(ge=0, le=10_000)] = 10
    max_budget: Usd | None = None
    budget_duration: Window = "month"
    duration: Time | None = None
    models: Patterns = []
    tpm_limit: Count | None = None
    rpm_limit: Count | None = None
    max_parallel_requests: Count | None = None

    def bounded(self, said: Mapping[str, Any], known: int) -> dict[str, Any]:
        """What was *said* of a new one, by somebody who has so many, with the bounds that it leaves out.
        Raises a refusal of 403 for more than is allowed.
        """
        if known >= self.keys:
            raise refused(403, f"you have {known} keys, and may have {self.keys}", "too_many_keys")
        out = dict(said)
        for word in AMOUNTS:
            most = getattr(self, word)
            if most is not None:
                out[word] = _at_most(word, out.get(word), most)
        if self.max_budget is not None:
            out["budget_duration"] = self.budget_duration
        if self.duration is not None:
            given = out.get("duration") or self.duration
            _at_most("duration", seconds_of(given), seconds_of(self.duration))
            out["duration"] = given
        out["models"] = out.get("models") or self.models
        if self.models and not {*out["models"]} <= {*self.models}:
            raise refused(403, f"models: yours are {', '.join(self.models)}", "out_of_bounds", "models")
        return out


def _at_most(word: str, given: float | None, most: float) -> float:
    if given is not None and given > most:
        raise refused(403, f"{word}: at most {most:g} for a key of your own", "out_of_bounds", word)
    return most if given is None else given


AMOUNTS = ("max_budget", "tpm_limit", "rpm_limit", "max_parallel_requests")
