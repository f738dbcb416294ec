"""The data that every LLMix implementation is checked with."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from muxi_llm.llmix import (
    AdaptiveSemaphore,
    CircuitBreaker,
    CircuitOpenError,
    generate_cache_key,
    is_retryable,
    parse_openai_ratelimit_headers,
    strip_thinking,
)
from muxi_llm.llmix.batch import decode_batch_id, encode_batch_id
from muxi_llm.llmix.resilience import calculate_delay
from tests.llmix.support import half_open


def load(shared: Path, name: str) -> Any:
    return json.loads((shared / "fixtures" / "llmix" / name).read_text())


def test_cache_keys(shared: Path) -> None:
    """Each call's key, byte by byte."""
    vectors = load(shared, "tests/fixtures/cache-key-vectors.json")["vectors"]
    found = {vector["name"]: generate_cache_key(vector["input"]) for vector in vectors}
    assert found == {vector["name"]: vector["expectedKey"] for vector in vectors}
    assert len(found) == 14


def test_thinking(shared: Path) -> None:
    """What is left of a text, and what was thought."""
    vectors = load(shared, "tests/fixtures/thinking-strip-vectors.json")["vectors"]
    found = {vector["name"]: strip_thinking(vector["input"]) for vector in vectors}
    assert found == {v["name"]: (v["expectedContent"], v["expectedThinking"]) for v in vectors}
    assert len(found) == 12


STEER = {
    "success": lambda semaphore, _: semaphore.on_success(),
    "rate_limit": lambda semaphore, _: semaphore.on_rate_limit(),
    "header_feedback": lambda semaphore, a: semaphore.on_header_feedback(a["remaining"], a["limit"]),
}


def test_windows(shared: Path) -> None:
    """How many at once, after what happened."""
    scenarios = load(shared, "fixtures/llmix/aimd-scenarios.json")["scenarios"]
    found = {}
    for scenario in scenarios:
        semaphore = AdaptiveSemaphore(scenario["initial"])
        for action in scenario["actions"]:
            STEER[action["type"]](semaphore, action)
        found[scenario["name"]] = semaphore.window
    assert found == {scenario["name"]: scenario["expected_window"] for scenario in scenarios}
    assert len(found) == 14


def test_rate_limit_headers(shared: Path) -> None:
    """What headers say of the limit."""
    cases = load(shared, "fixtures/llmix/aimd-scenarios.json")["header_parsing"]
    found = {case["name"]: parse_openai_ratelimit_headers(case["headers"]) for case in cases}
    assert found == {case["name"]: case["expected"] for case in cases}
    assert len(found) == 5


def breaker_after(scenario: dict[str, Any]) -> CircuitBreaker:
    begins_closed = scenario["initialState"] == "CLOSED"
    breaker = CircuitBreaker("openai", "https://api.openai.com") if begins_closed else half_open()
    for action in scenario["actions"]:
        if action["type"] == "success":
            breaker.on_success()
        elif action["type"] == "failure":
            breaker.on_failure(action.get("statusCode"), network_error=action.get("networkError", False))
        else:
            with pytest.raises(CircuitOpenError):
                breaker.check()
    return breaker


def test_breakers(shared: Path) -> None:
    """How a breaker stands, after what happened."""
    data = load(shared, "fixtures/llmix/circuit-breaker-scenarios.json")
    found = {name: breaker_after(scenario).state for name, scenario in data["scenarios"].items()}
    assert found == {name: scenario["expectedState"] for name, scenario in data["scenarios"].items()}
    assert len(found) == 10
    assert all(is_retryable(status) for status in data["retryableStatusCodes"])
    assert not any(is_retryable(status) for status in data["nonRetryableStatusCodes"])


def test_delays(shared: Path) -> None:
    """Pauses between attempts, jitter included."""
    attempts = load(shared, "fixtures/llmix/circuit-breaker-scenarios.json")["retryDelayScenarios"][
        "attempts"
    ]
    for wanted in attempts:
        delays = [calculate_delay(wanted["attempt"]) for _ in range(50)]
        assert wanted["minMs"] <= min(delays) <= max(delays) <= wanted["maxMs"]
    assert len(attempts) == 5


def test_batch_ids(shared: Path) -> None:
    """Ids there and back."""
    rounds = load(shared, "tests/fixtures/batch-id-roundtrip.json")["roundtrips"]
    for wanted in rounds:
        made = encode_batch_id(wanted["provider"], wanted["apiKey"], wanted["nPrompts"], wanted["rawBatchId"])
        decoded = decode_batch_id(made)
        assert (decoded.provider, decoded.n_prompts, decoded.raw_batch_id) == (
            wanted["provider"],
            wanted["nPrompts"],
            wanted["rawBatchId"],
        )
    assert len(rounds) == 5


def test_batch_ids_that_are_none(shared: Path) -> None:
    """Each of them is refused."""
    wrong = load(shared, "tests/fixtures/batch-id-roundtrip.json")["invalidBatchIds"]
    for case in wrong:
        with pytest.raises(ValueError, match="not a batch id"):
            decode_batch_id(case["batchId"])
    assert len(wrong) == 9
