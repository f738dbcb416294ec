"""The scenarios on what the services said when they were asked, with the network off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import muxi_llm
from muxi_llm.providers import registry
from muxi_llm.providers.catalog import ROWS
from tests.live import tape
from tests.live.scenarios import SCENARIOS

RECORDED = sorted(tape.CASSETTES.glob("*/*.yaml"))


def replay(cassette: Path, driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One scenario as it went that day."""
    subject, base_url = tape.kept(cassette.parent)
    for variables in (subject.kind.key_env, *subject.kind.settings_env.values()):
        monkeypatch.setenv(variables[0], tape.SCRUBBED)
    monkeypatch.setenv(subject.kind.base_url_env[0], base_url)
    muxi_llm.config.transport = "httpx2"
    scenario, _ = SCENARIOS[cassette.stem]
    with tape.tape(cassette.parent, cassette.stem, subject.provider) as played:
        scenario(driver.create, subject)
        assert played.all_played


@pytest.mark.parametrize("cassette", RECORDED, ids=lambda path: f"{path.parent.name}-{path.stem}")
@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_what_was_recorded_still_reads_the_same(cassette, driver, monkeypatch):
    """Every byte sent is the one that was sent then, and the answer makes the same sense."""
    replay(cassette, driver, monkeypatch)


def test_verified_is_who_was_recorded():
    """The tier is earned: a folder of cassettes and the attribute go together."""
    tiers = {name: registry.find(name).tier for name in sorted({*registry.NATIVE, *ROWS})}
    recorded = {path.parent.name for path in tape.CASSETTES.glob(f"*/{tape.FACTS}")}
    assert {name for name, tier in tiers.items() if tier == "verified"} == recorded
    assert set(tiers.values()) <= {"verified", "community"}


def test_no_cassette_holds_a_secret():
    assert {path.parent.name: tape.leaks(path.parent, ()) for path in RECORDED} == {
        path.parent.name: [] for path in RECORDED
    }
