"""Every stage's docstring draws the machine its table describes."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

STAGES = (
    "breaker",
    "cache",
    "keys",
    "kill_switch",
    "limiter",
    "pace",
    "redis_tier",
    "retry_budget",
    "singleflight",
)
ARROW = re.compile(r"^\s+(.+?)\s+-- (.+?)\s+--> (.+?)\s*$")


@pytest.mark.parametrize("stage", STAGES)
def test_the_diagram_is_the_table(stage: str) -> None:
    """Line for line, and nothing besides."""
    module = import_module(f"muxi_llm.harness.{stage}")
    drawn = [match.groups() for line in (module.__doc__ or "").splitlines() if (match := ARROW.match(line))]
    assert drawn == [(state, event, to) for (state, event), to in module.TRANSITIONS.items()]


@pytest.mark.parametrize("stage", STAGES)
def test_every_state_can_be_reached_and_left(stage: str) -> None:
    """But for those a machine begins and ends in."""
    table = import_module(f"muxi_llm.harness.{stage}").TRANSITIONS
    left = {state for state, _ in table}
    reached = set(table.values())
    assert reached - left <= {"landed"}
    assert left <= reached
