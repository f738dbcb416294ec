"""LLMix: the resilience harness around any dispatch function, by LLMix's own names and shapes.

    from muxi_llm.llmix import CallInput, CallPipeline, KeyPool, PipelineConfig, TwoTierCache, openai_dispatch

    pipeline = CallPipeline(PipelineConfig(dispatch=openai_dispatch(), response_cache=TwoTierCache("memory")))
    pipeline.set_key_pool("openai", KeyPool([...]))
    response = await pipeline.call(CallInput(config={...}, messages=[...]))

A dispatch function makes one attempt, with whatever SDK you like; those here go through this package's. The
pipeline has the cache, keys, retries, breaker, singleflight and concurrency around it, and `call` never
raises: what failed is on the response. `call_sync` does without an event loop.

Modules and names are LLMix's. Left out are what is only for its own clients (`providers`, `env`,
`provider_urls`, `lazy_import`, `model_capabilities`), and of `http2` what httpx2 does by itself.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import CircuitOpenError, KeyPoolExhaustedError, KillSwitchActiveError
from muxi_llm.llmix.adaptive_semaphore import AdaptiveSemaphore, parse_openai_ratelimit_headers
from muxi_llm.llmix.batch import BatchProcessor, BatchResult, BatchStatus
from muxi_llm.llmix.config import LLMixPathConfig, ResolvedConfigDir, resolve_config_dir
from muxi_llm.llmix.dispatchers import (
    anthropic_dispatch,
    deepinfra_dispatch,
    gemini_dispatch,
    novita_dispatch,
    openai_dispatch,
    openrouter_dispatch,
    sno_gpu_dispatch,
    together_dispatch,
)
from muxi_llm.llmix.file_lock import FileLock
from muxi_llm.llmix.http2 import PROVIDER_TRANSPORT, create_client_for_provider, get_provider_transport
from muxi_llm.llmix.key_pool import KeyPool, load_keys_from_env
from muxi_llm.llmix.pipeline import CallPipeline
from muxi_llm.llmix.pricing import (
    MODEL_PRICING,
    CostBreakdown,
    ModelPricing,
    calculate_cost,
    calculate_rerank_cost,
    get_model_pricing,
    normalize_model_name,
)
from muxi_llm.llmix.provider_kwargs import PROVIDER_KWARGS_REGISTRY, apply_transform_kwargs
from muxi_llm.llmix.resilience import (
    CircuitBreaker,
    CircuitState,
    KillSwitch,
    RetryPolicy,
    Singleflight,
    is_retryable,
)
from muxi_llm.llmix.response_cache import (
    CacheResult,
    TwoTierCache,
    generate_cache_key,
    resolve_response_cache_strategy,
    should_skip_cache,
)
from muxi_llm.llmix.telemetry import LLMCallEventData, LLMixTelemetryProvider, TelemetryPlugin
from muxi_llm.llmix.thinking import strip_thinking
from muxi_llm.llmix.values import (
    CallInput,
    CallResponse,
    DispatchContext,
    DispatchInput,
    LLMUsage,
    PipelineConfig,
    ProviderError,
    ProviderResult,
)

if TYPE_CHECKING:
    from muxi_llm.llmix.config_registry import (
        LLMIX_TRUST_MANIFEST_KIND,
        LLMIX_TRUST_MANIFEST_VERSION,
        ConfigRegistryManager,
        ConfigRegistryOpenOptions,
        ConfigRegistryPublisher,
        ConfigRegistryPublishOptions,
        LlmixTrustManifest,
        LlmixTrustManifestRegistryRoot,
        LlmixTrustManifestReleasePlan,
        PublishedRevision,
        RegistryRootFreshnessInput,
        RegistryRootSigner,
        RegistryRootSigningInput,
        RegistryRootSigningOptions,
        RegistryRootVerificationOptions,
        compare_revisions,
        list_revisions,
        load_llmix_trust_manifest,
        parse_llmix_trust_manifest,
        previous_revision,
        registry_root_options_from_trust_manifest,
        root_signer,
        tampered,
    )
    from muxi_llm.llmix.mda_loader import (
        MdaConfigLoadOptions,
        build_mda_config_file_path,
        load_mda_config,
        load_mda_config_from_file,
        load_mda_config_preset,
    )

__all__ = [
    "LLMIX_TRUST_MANIFEST_KIND",
    "LLMIX_TRUST_MANIFEST_VERSION",
    "MODEL_PRICING",
    "PROVIDER_KWARGS_REGISTRY",
    "PROVIDER_TRANSPORT",
    "AdaptiveSemaphore",
    "BatchProcessor",
    "BatchResult",
    "BatchStatus",
    "CacheResult",
    "CallInput",
    "CallPipeline",
    "CallResponse",
    "CircuitBreaker",
    "CircuitOpenError",
    "CircuitState",
    "ConfigRegistryManager",
    "ConfigRegistryOpenOptions",
    "ConfigRegistryPublishOptions",
    "ConfigRegistryPublisher",
    "CostBreakdown",
    "DispatchContext",
    "DispatchInput",
    "FileLock",
    "KeyPool",
    "KeyPoolExhaustedError",
    "KillSwitch",
    "KillSwitchActiveError",
    "LLMCallEventData",
    "LLMUsage",
    "LLMixPathConfig",
    "LLMixTelemetryProvider",
    "LlmixTrustManifest",
    "LlmixTrustManifestRegistryRoot",
    "LlmixTrustManifestReleasePlan",
    "MdaConfigLoadOptions",
    "ModelPricing",
    "PipelineConfig",
    "ProviderError",
    "ProviderResult",
    "PublishedRevision",
    "RegistryRootFreshnessInput",
    "RegistryRootSigner",
    "RegistryRootSigningInput",
    "RegistryRootSigningOptions",
    "RegistryRootVerificationOptions",
    "ResolvedConfigDir",
    "RetryPolicy",
    "Singleflight",
    "TelemetryPlugin",
    "TwoTierCache",
    "anthropic_dispatch",
    "apply_transform_kwargs",
    "build_mda_config_file_path",
    "calculate_cost",
    "calculate_rerank_cost",
    "compare_revisions",
    "create_client_for_provider",
    "deepinfra_dispatch",
    "gemini_dispatch",
    "generate_cache_key",
    "get_model_pricing",
    "get_provider_transport",
    "is_retryable",
    "list_revisions",
    "load_keys_from_env",
    "load_llmix_trust_manifest",
    "load_mda_config",
    "load_mda_config_from_file",
    "load_mda_config_preset",
    "normalize_model_name",
    "novita_dispatch",
    "openai_dispatch",
    "openrouter_dispatch",
    "parse_llmix_trust_manifest",
    "parse_openai_ratelimit_headers",
    "previous_revision",
    "registry_root_options_from_trust_manifest",
    "resolve_config_dir",
    "resolve_response_cache_strategy",
    "root_signer",
    "should_skip_cache",
    "sno_gpu_dispatch",
    "strip_thinking",
    "tampered",
    "together_dispatch",
]


def __getattr__(name: str) -> Any:
    """What needs the extra `presets` is loaded for those who ask for it."""
    for path in LAZY if name in __all__ else ():
        module = import_module(f"muxi_llm.llmix.{path}")
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(f"module 'muxi_llm.llmix' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


LAZY = ("mda_loader", "config_registry")
"""Modules whose names are the package's as well."""
