"""Cache keys, byte for byte those of LLMix in other languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from muxi_llm.harness.canonical import PREFIX, cache_key, canonical

BASE: dict[str, Any] = {
    "provider": "openai",
    "model": "gpt-4.1",
    "messages": [{"role": "user", "content": "Hello"}],
    "temperature": 0.7,
    "maxOutputTokens": 1000,
}
EMPTY: dict[str, Any] = {"provider": "openai", "model": "m", "messages": []}

# Digests computed with the TypeScript package 2.2.0.
VECTORS: dict[str, tuple[dict[str, Any], str]] = {
    "base": (BASE, "0a2c8273415b22d0336da4413f872cfa3fb5d0e4b228b084eb0bf5cc5cd8f019"),
    "nulls are left out": (
        {**BASE, "baseUrl": None, "responseFormat": None, "providerOptions": None},
        "0a2c8273415b22d0336da4413f872cfa3fb5d0e4b228b084eb0bf5cc5cd8f019",
    ),
    "what is no field is ignored": (
        {**BASE, "tools": [1], "apiKey": "sk", "topP": float("nan")},
        "0a2c8273415b22d0336da4413f872cfa3fb5d0e4b228b084eb0bf5cc5cd8f019",
    ),
    "a base URL": (
        {**BASE, "baseUrl": "https://proxy.example.com/v1"},
        "36a74093111c61c9c1b247067bf6a123d6f91165c13dc38038ddb705545d822a",
    ),
    "emoji": (
        {**BASE, "messages": [{"role": "user", "content": "Hello 👋 World"}]},
        "85bedf7a0b123ee4f90d9fb62ac0fc8ea3a209b39a5ecc61054dfa186677b4e8",
    ),
    "a whole float": (
        {**EMPTY, "temperature": 1.0},
        "ddc0deefb1219207c9a6ef7eebf9a19848d73fa6547210cb191bfe0b12ad13eb",
    ),
    "keys that are numbers": (
        {**EMPTY, "providerOptions": {"openai": {"logitBias": {"50256": -100, "100": 1, "9": 2}}}},
        "1fc2dc0574fd1b64b4500bdf1e3aed46edc760ce11f28b2ddd2de11f980fbd4a",
    ),
    "everything": (
        {
            "provider": "sno-gpu",
            "baseUrl": "https://gpu.example.com/extract/v1",
            "model": "qwen3.6-27b-extract",
            "messages": [{"role": "user", "content": "x"}],
            "enableThinking": False,
            "temperature": 0,
            "topP": 1,
            "topK": 40,
            "seed": 7,
            "stopSequences": ["END"],
            "presencePenalty": 0.5,
            "frequencyPenalty": -0.5,
            "maxOutputTokens": 64,
            "responseFormat": {"type": "json_object"},
            "providerOptions": {"sno-gpu": {"gpuPath": "extract"}},
        },
        "d7800e1c6175542b01b507e8acc5913cab67ca6685a6d39da7ce6c4852d56349",
    ),
}


@pytest.mark.parametrize(("asked", "digest"), VECTORS.values(), ids=VECTORS)
def test_keys(asked: dict[str, Any], digest: str) -> None:
    assert cache_key(asked) == PREFIX + digest
    assert cache_key(dict(reversed(asked.items()))) == PREFIX + digest


def test_the_vectors_of_llmix(shared: Path) -> None:
    vectors = json.loads((shared / "fixtures/llmix/tests/fixtures/cache-key-vectors.json").read_text())
    rows = vectors["vectors"]
    assert len(rows) == 14
    for row in rows:
        expected = row.get("expectedKey") or row.get("expected_key") or row.get("expected")
        assert cache_key(row["input"]) == expected, row


# What JavaScript's JSON.stringify says of them.
NUMBERS = {
    -0.0: "0",
    1.0: "1",
    -2.5: "-2.5",
    0.1 + 0.2: "0.30000000000000004",
    1e20: "100000000000000000000",
    1.2345e20: "123450000000000000000",
    123456789012345680000.0: "123456789012345680000",
    1e21: "1e+21",
    1.5e300: "1.5e+300",
    1e-6: "0.000001",
    1.5e-6: "0.0000015",
    1e-7: "1e-7",
    -1.25e-7: "-1.25e-7",
    5e-324: "5e-324",
    float("inf"): "null",
}


@pytest.mark.parametrize(("number", "text"), NUMBERS.items(), ids=str)
def test_numbers(number: float, text: str) -> None:
    assert canonical(number) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": 1, "a": [True, None, "é"]}, '{"a":[true,null,"é"],"b":1}'),
        ({"10": 0, "9": 0, "01": 0, "a": 0, "4294967295": 0}, '{"9":0,"10":0,"01":0,"4294967295":0,"a":0}'),
        ({"\ufb33": 0, "\U0001f600": 0}, '{"\U0001f600":0,"\ufb33":0}'),
        ("\ud83d", '"\\ud83d"'),
        ((1, {}), "[1,{}]"),
    ],
    ids=["sorted", "indices first", "by UTF-16", "half a pair", "nested"],
)
def test_forms(value: object, text: str) -> None:
    assert canonical(value) == text


def test_what_is_not_json() -> None:
    with pytest.raises(TypeError, match="set is not JSON"):
        canonical({1})
