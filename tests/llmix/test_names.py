"""LLMix's own module paths, the names in them, and how its functions are called."""

from __future__ import annotations

import importlib

import pytest

from muxi_llm.llmix.resilience import (
    CircuitBreaker,
    RetryPolicy,
    Singleflight,
    is_retryable,
    parse_retry_after,
)
from muxi_llm.llmix.response_cache import TwoTierCache, resolve_response_cache_strategy

NAMES = {
    "adaptive_semaphore": "AdaptiveSemaphore parse_openai_ratelimit_headers",
    "batch": "BatchProcessor BatchResult BatchState BatchStatus decode_batch_id encode_batch_id",
    "config": "LLMixPathConfig ResolvedConfigDir find_project_root resolve_config_dir",
    "dispatchers": "anthropic_dispatch gemini_dispatch openai_dispatch sno_gpu_dispatch together_dispatch",
    "http2": "PROVIDER_TRANSPORT ProviderTransportConfig create_client_for_provider get_provider_transport",
    "key_pool": "KeyPool KeyPoolExhaustedError load_keys_from_env",
    "mda_loader": "MdaConfigLoadOptions build_mda_config_file_path load_mda_config load_mda_config_from_file "
    "load_mda_config_preset",
    "pipeline": "CallInput CallPipeline CallResponse DispatchContext DispatchInput LLMUsage PipelineConfig "
    "ProviderDispatchFn ProviderError ProviderResult",
    "pricing": "MODEL_PRICING calculate_cost calculate_rerank_cost get_model_pricing normalize_model_name",
    "provider_kwargs": "PROVIDER_KWARGS_REGISTRY TransformKwargsCallback TransformKwargsContext "
    "apply_transform_kwargs gemini_transform_kwargs openai_transform_kwargs sno_gpu_transform_kwargs",
    "resilience": "CircuitBreaker CircuitOpenError CircuitState FileLock KillSwitch KillSwitchActiveError "
    "RetryPolicy Singleflight calculate_delay is_retryable parse_retry_after",
    "response_cache": "CACHE_KEY_FIELDS CACHE_KEY_PREFIX CacheResult ResponseCacheStats TwoTierCache "
    "generate_cache_key is_response_cache_strategy resolve_response_cache_strategy should_skip_cache",
    "telemetry": "TelemetryPlugin",
    "thinking": "strip_thinking",
    "types": "CachingStrategy ConfigAccessError ConfigNotFoundError InvalidConfigError LLMConfigError "
    "SecurityError VALID_PROVIDERS",
}


@pytest.mark.parametrize("module", NAMES)
def test_a_module_and_its_names(module: str) -> None:
    found = importlib.import_module(f"muxi_llm.llmix.{module}")
    assert [name for name in NAMES[module].split() if not hasattr(found, name)] == []


def test_a_breaker_takes_its_numbers_by_place() -> None:
    breaker = CircuitBreaker("openai", "", 5, 10.0, 2)
    assert (breaker.failure_threshold, breaker.cooldown_seconds, breaker.permitted_half_open_calls) == (
        5,
        10.0,
        2,
    )


def test_the_longest_retry_after_can_be_chosen() -> None:
    assert parse_retry_after("90") == 60_000
    assert parse_retry_after("90", max_ms=1000) == 1000
    assert is_retryable(None)
    policy = RetryPolicy(max_retry_after_ms=2000)
    assert policy.get_delay_ms(0, "90") == 2000
    assert (policy.base_ms, policy.max_delay_ms, policy.jitter_ms) == (1000, 30_000, 1000)


def test_a_key_of_a_flight() -> None:
    assert Singleflight.make_key(data="x") == Singleflight.make_key("x")


def test_redis_is_found_by_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    cache = TwoTierCache("redis")
    assert cache.get_stats().l2_enabled
    cache.close()
    assert resolve_response_cache_strategy("redis-or-memory") == "redis-or-memory"
