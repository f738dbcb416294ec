"""LLMix's response cache, by itself and in a pipeline."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

from muxi_llm.llmix import (
    CacheResult,
    LLMUsage,
    ProviderResult,
    TwoTierCache,
    generate_cache_key,
    resolve_response_cache_strategy,
    should_skip_cache,
)
from muxi_llm.providers.spelling import key_fields, snake_case
from tests.llmix.support import CONFIG, HELLO, Script, ask, pipeline_of, refused
from tests.support.redis_server import RedisServer

MEMORY = {"strategy": "memory"}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    """A real one."""
    with RedisServer() as server:
        yield server


def find(face: str, cache: TwoTierCache, key: str) -> CacheResult | None:
    return cache.get(key) if face == "sync" else asyncio.run(cache.aget(key))


def keep(face: str, cache: TwoTierCache, key: str, value: str) -> None:
    cache.set(key, value) if face == "sync" else asyncio.run(cache.aset(key, value))


# ------------------------------------------------------------------------------------------- alone


def test_memory(face: str) -> None:
    """Kept, found, pushed out, cleared."""
    cache = TwoTierCache("memory", max_items=2)
    assert find(face, cache, "a") is None
    for key in "abc":
        keep(face, cache, key, key.upper())
    assert find(face, cache, "a") is None
    assert find(face, cache, "c") == CacheResult("C", "l1")
    stats = cache.get_stats()
    assert (stats.l1_size, stats.l1_max, stats.l2_enabled, stats.l2_healthy) == (2, 2, False, False)
    assert stats.strategy == "memory"
    cache.clear()
    assert cache.get_stats().l1_size == 0
    cache.close()


def test_entries_grow_old() -> None:
    """After `ttl_seconds`."""
    cache = TwoTierCache(ttl_seconds=1e-9)
    cache.set("a", "A")
    assert cache.get("a") is None


def test_redis_behind_memory(face: str, redis: RedisServer) -> None:
    """Another process finds it there, in the form every language reads."""
    one = TwoTierCache("redis", redis_url=redis.url, ttl_seconds=60)
    keep(face, one, f"k:{face}", "Grüße")
    one.close()  # writes what waits
    kept = json.loads(redis.client.get(f"k:{face}"))  # type: ignore[arg-type]
    assert kept["data"] == "Grüße"
    assert 0 < redis.client.ttl(f"k:{face}") <= 60  # type: ignore[operator]
    other = TwoTierCache("redis-or-memory", redis_url=redis.url)
    assert find(face, other, f"k:{face}") == CacheResult("Grüße", "l2")
    assert find(face, other, f"k:{face}") == CacheResult("Grüße", "l1")
    assert other.get_stats().l2_enabled
    assert other.get_stats().l2_healthy
    other.close()


def test_redis_that_is_not_there(face: str) -> None:
    """Is a miss, not an error."""
    cache = TwoTierCache("redis", redis_url="redis://127.0.0.1:1/0")
    assert find(face, cache, "a") is None
    assert not cache.get_stats().l2_healthy
    keep(face, cache, "a", "A")
    assert find(face, cache, "a") == CacheResult("A", "l1")
    cache.close()


def test_redis_without_a_url() -> None:
    """Is refused."""
    with pytest.raises(ValueError, match='strategy "redis" requires redis_url to be set'):
        TwoTierCache("redis")
    assert not TwoTierCache("redis-or-memory").get_stats().l2_enabled


@pytest.mark.parametrize(
    ("strategy", "url", "resolved"),
    [
        ("redis", "redis://r", "redis"),
        ("redis-or-memory", "redis://r", "redis-or-memory"),
        ("redis-or-memory", None, "memory"),
        ("memory", None, "memory"),
        ("native", None, None),
        ("gateway", None, None),
        ("disabled", None, None),
    ],
)
def test_what_a_strategy_comes_down_to(strategy: str, url: str | None, resolved: str | None) -> None:
    """With and without a Redis."""
    assert resolve_response_cache_strategy(strategy, url) == resolved
    assert should_skip_cache(strategy) is (resolved is None)


def test_a_strategy_that_cannot_be() -> None:
    """Names the variable."""
    with pytest.raises(ValueError, match="REDIS_URL"):
        resolve_response_cache_strategy("redis")


def test_no_strategy_keeps_nothing() -> None:
    """As if it were switched off."""
    assert should_skip_cache(None)


# ------------------------------------------------------------------------------------------- keys

GOLDEN = {
    "provider": "openai",
    "model": "gpt-4.1",
    "messages": HELLO,
    "temperature": 0.7,
    "maxOutputTokens": 1000,
}


@pytest.mark.parametrize(
    ("change", "digest"),
    [
        ({}, "0a2c8273415b22d0336da4413f872cfa3fb5d0e4b228b084eb0bf5cc5cd8f019"),
        ({"responseFormat": None}, "0a2c8273415b22d0336da4413f872cfa3fb5d0e4b228b084eb0bf5cc5cd8f019"),
        ({"temperature": 0.9}, "e23b0e3df79b8273541aecdb7bbb43231de0587e1b01d8195cc14055c8f1aa7f"),
        (
            {"baseUrl": "https://proxy.example.com/v1"},
            "36a74093111c61c9c1b247067bf6a123d6f91165c13dc38038ddb705545d822a",
        ),
        ({"messages": []}, "8503135118a77eac5f03ea4ad9778bbb98aa89bba48cf1bacf7885f2d341df14"),
    ],
    ids=["base", "null", "temperature", "base url", "no messages"],
)
def test_golden_keys(change: dict[str, Any], digest: str) -> None:
    """The same in every language."""
    assert generate_cache_key({**GOLDEN, **change}) == f"llmix:resp:{digest}"


def key_of(config: dict[str, Any], messages: Any = HELLO, base_url: str = "") -> str:
    return generate_cache_key(key_fields(snake_case(config), messages, base_url)).removeprefix("llmix:resp:")


EXPLAIN = [{"role": "user", "content": "Explain LLMix in one sentence."}]
GPU = {
    "provider": "sno-gpu",
    "model": "qwen3.6-27b-extract",
    "common": {
        "enable_thinking": False, "temperature": 0.0, "top_p": 1.0, "top_k": 40, "seed": 7, "stop_sequences": ["END"],
        "presence_penalty": 0.5, "frequency_penalty": -0.5, "max_output_tokens": 64,
    },
    "response_format": {"type": "json_object"},
    "provider_options": {"sno-gpu": {"gpu_path": "extract"}},
}  # fmt: skip


def test_keys_of_configs() -> None:
    """A pipeline makes TypeScript's keys of configs in either spelling."""
    common = {"temperature": 0.2, "max_output_tokens": 512}
    hello = {"role": "user", "content": "hello"}
    assert key_of({**CONFIG, "common": common}, [hello]) == (
        "1cce461b2300c16a59723e097134918238fac4966e7a15cb59a051b80085ebcc"
    )
    mini = {"provider": "openai", "model": "gpt-5-mini", "common": common}
    assert (
        key_of({**mini, "provider_options": {"openai": {"reasoning_effort": "medium"}}}, EXPLAIN)
        == key_of({**mini, "providerOptions": {"openai": {"reasoningEffort": "medium"}}}, EXPLAIN)
        == "25502a3891f8c200a5114d2db9d6a7698e40e4f72edb3f4dd5a9358e113b2dbc"
    )
    assert key_of(GPU, [{"role": "user", "content": "x"}], "https://gpu.example.com/extract/v1") == (
        "d7800e1c6175542b01b507e8acc5913cab67ca6685a6d39da7ce6c4852d56349"
    )
    bias = {"openai": {"logit_bias": {"50256": -100, "100": 1, "9": 2}}}
    assert key_of({"provider": "openai", "model": "m", "provider_options": bias}, []) == (
        "1fc2dc0574fd1b64b4500bdf1e3aed46edc760ce11f28b2ddd2de11f980fbd4a"
    )


# ------------------------------------------------------------------------------------ in a pipeline


def test_a_hit(face: str) -> None:
    """The answer of the first, without its usage; the function is asked once."""
    script = Script("Hi")
    pipeline = pipeline_of(script, response_cache=TwoTierCache())
    first, second = (ask(face, pipeline, caching=MEMORY) for _ in range(2))
    assert (first.cache_hit, second.cache_hit) == (None, "l1")
    assert (second.content, second.model, second.usage) == ("Hi", "gpt-4o-mini", LLMUsage())
    assert (second.success, second.attempts, len(script.asked)) == (True, 0, 1)


def test_a_hit_needs_no_provider(face: str) -> None:
    """Its breaker may be open, its keys dead."""
    script = Script("Hi", refused(500))
    pipeline = pipeline_of(script, response_cache=TwoTierCache(), max_retries=0, circuit_breaker_threshold=1)
    ask(face, pipeline, caching=MEMORY)
    ask(face, pipeline)
    assert pipeline.get_circuit_breaker_state("openai") == "OPEN"
    assert ask(face, pipeline, caching=MEMORY).cache_hit == "l1"


def test_a_hit_from_redis(face: str, redis: RedisServer) -> None:
    """Under the key every language makes."""
    redis.client.flushall()
    key = "llmix:resp:" + key_of(CONFIG)
    redis.client.set(key, json.dumps({"data": "<think>a</think>From TypeScript", "cachedAt": 32503680000000}))
    pipeline = pipeline_of(Script(), response_cache=TwoTierCache("redis-or-memory", redis_url=redis.url))
    response = ask(face, pipeline, caching={"strategy": "redis"})
    assert (response.content, response.thinking_content) == ("From TypeScript", "a")
    assert response.cache_hit == "l2"
    pipeline.close()


def test_memory_leaves_redis_out(redis: RedisServer) -> None:
    """Though the pipeline has one."""
    redis.client.flushall()
    pipeline = pipeline_of(Script(), response_cache=TwoTierCache("redis-or-memory", redis_url=redis.url))
    ask("sync", pipeline, caching=MEMORY)
    pipeline.close()
    assert redis.client.keys() == []


def test_what_is_kept_is_raw() -> None:
    """Thinking is taken out on the way out, by each call's own wish."""
    pipeline = pipeline_of(Script("<think>a</think>b"), response_cache=TwoTierCache())
    ask("sync", pipeline, caching=MEMORY)
    stripped = ask("sync", pipeline, caching=MEMORY)
    whole = ask("sync", pipeline, caching=MEMORY, common={"keep_thinking_output": True})
    assert (stripped.content, stripped.thinking_content, stripped.cache_hit) == ("b", "a", "l1")
    assert (whole.content, whole.thinking_content, whole.cache_hit) == ("<think>a</think>b", None, "l1")


@pytest.mark.parametrize(
    ("answer", "caching"),
    [
        (ProviderResult("Hi", "m", tool_calls=[{"id": "1"}]), MEMORY),
        (refused(400), MEMORY),
        ("Hi", None),
        ("Hi", {"strategy": "native"}),
        ("Hi", {"strategy": "gateway"}),
        ("Hi", {"strategy": "disabled"}),
    ],
    ids=["tool calls", "failure", "not asked for", "native", "gateway", "disabled"],
)
def test_what_is_not_kept(face: str, answer: Any, caching: Any) -> None:
    """The function is asked again."""
    script = Script(answer)
    pipeline = pipeline_of(script, response_cache=TwoTierCache())
    for _ in range(2):
        ask(face, pipeline, caching=caching)
    assert len(script.asked) == 2


def test_without_a_cache_nothing_is_kept() -> None:
    """Whatever a config asks for."""
    script = Script()
    pipeline = pipeline_of(script)
    for _ in range(2):
        assert ask("sync", pipeline, caching=MEMORY).success
    assert len(script.asked) == 2


def test_a_config_wants_redis_of_a_cache_without() -> None:
    """It gets memory."""
    pipeline = pipeline_of(Script(), response_cache=TwoTierCache())
    hits = [ask("sync", pipeline, caching={"strategy": "redis"}).cache_hit for _ in range(2)]
    assert hits == [None, "l1"]


def test_a_ttl_of_its_own() -> None:
    """`caching.ttl`."""
    script = Script()
    pipeline = pipeline_of(script, response_cache=TwoTierCache())
    for _ in range(2):
        ask("sync", pipeline, caching={**MEMORY, "ttl": 1e-9})
    assert len(script.asked) == 2


def test_a_size_of_its_own() -> None:
    """`caching.maxItems`: calls that want the same share a memory of that size."""
    script = Script()
    pipeline = pipeline_of(script, response_cache=TwoTierCache())
    for text in "abba":
        ask("sync", pipeline, caching={**MEMORY, "maxItems": 1}, messages=[{"role": "user", "content": text}])
    assert [asked.messages[0]["content"] for asked in script.asked] == ["a", "b", "a"]


def test_closing_leaves_a_shared_cache_alone(redis: RedisServer) -> None:
    """Where the pipeline is told so."""
    cache = TwoTierCache("redis", redis_url=redis.url)
    pipeline_of(Script(), response_cache=cache, close_response_cache=False).close()
    cache.set("still", "open")
    assert cache.get("still") == CacheResult("open", "l1")
    cache.close()
