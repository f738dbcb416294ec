"""Metrics by name: their labels, what they say, and a histogram's buckets."""

from __future__ import annotations

from typing import Literal

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
OWN = (0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0)
EACH = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
BYTES = (256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0, 4194304.0, 16777216.0)
GEN_SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
GEN_TOKENS = tuple(float(4**power) for power in range(14))
"""https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/: the buckets it asks for."""

WHERE = ("model", "model_group", "api_provider")
AT = ("deployment_id", *WHERE, "api_base")
HTTP = ("method", "route")
SEMANTIC = ("gen_ai_operation_name", "gen_ai_provider_name", "gen_ai_request_model")

FAMILIES: dict[str, tuple[tuple[str, ...], str, tuple[float, ...]]] = {
    "llmux_proxy_total_requests": ((*WHERE, "status_code"), "Requests for a model.", ()),
    "llmux_proxy_failed_requests": (
        (*WHERE, "status_code", "exception_status", "exception_class"),
        "Those that failed.",
        (),
    ),
    "llmux_request_total_latency_seconds": (WHERE, "Request to the answer's end.", SECONDS),
    "llmux_llm_api_latency_seconds": (
        ("model", "api_provider", "api_base"),
        "An attempt that answered.",
        SECONDS,
    ),
    "llmux_time_to_first_token_seconds": (WHERE, "Request to a stream's head.", SECONDS),
    "llmux_overhead_latency_seconds": (("route",), "What was the gateway's own, to the head.", OWN),
    "llmux_latency_per_output_token_seconds": (WHERE, "Time for a token.", EACH),
    "llmux_total_tokens": (WHERE, "Tokens read and written.", ()),
    "llmux_input_tokens": (WHERE, "Tokens read.", ()),
    "llmux_output_tokens": (WHERE, "Tokens written.", ()),
    "llmux_spend_total": (WHERE, "USD, where it is known.", ()),
    "llmux_deployment_state": (AT, "0 healthy, 1 left alone for a while.", ()),
    "llmux_deployment_total_requests": (AT, "Attempts.", ()),
    "llmux_deployment_success_responses": (AT, "Attempts that answered.", ()),
    "llmux_deployment_failure_responses": ((*AT, "exception_status"), "Attempts that failed.", ()),
    "llmux_deployment_cooled_down": (AT, "How often it was left alone.", ()),
    "llmux_active_requests": (
        ("deployment_id", "model", "api_provider"),
        "Attempts under way.",
        (),
    ),
    "llmux_fallback_successful": (("model_group",), "Requests that another deployment answered.", ()),
    "llmux_fallback_failed": (("model_group",), "Requests that no other one answered either.", ()),
    "llmux_cache_hits_total": (("cache_type", "model"), "Answers of the cache's.", ()),
    "llmux_http_request_duration_seconds": ((*HTTP, "status_code"), "Requests, whatever they ask.", SECONDS),
    "llmux_http_requests_in_flight": ((), "Requests under way.", ()),
    "llmux_http_request_size_bytes": (HTTP, "Bodies of requests, unpacked.", BYTES),
    "llmux_http_response_size_bytes": (HTTP, "Bodies of answers.", BYTES),
    "llmux_rate_limiter_backend_errors_total": (
        ("component", "action"),
        "Exchanges of counts that did not come off.",
        (),
    ),
    "llmux_requests_total": (("provider", "model", "status"), "Requests for a model.", ()),
    "llmux_request_latency_seconds": (("provider", "model"), "Request to the answer's end.", SECONDS),
    "llmux_token_usage_total": (("provider", "model", "type"), "Tokens.", ()),
    "llmux_upstream_errors_total": (("provider", "error"), "Attempts that failed.", ()),
    "gen_ai_client_operation_duration_seconds": (
        (*SEMANTIC, "error_type"),
        "GenAI operation duration.",
        GEN_SECONDS,
    ),
    "gen_ai_client_operation_time_to_first_chunk_seconds": (
        SEMANTIC,
        "Time to receive the first chunk.",
        GEN_SECONDS,
    ),
    "gen_ai_client_token_usage": (
        (*SEMANTIC, "gen_ai_token_type"),
        "Number of input and output tokens used.",
        GEN_TOKENS,
    ),
}
"""By name; one without buckets is a counter, unless it is among `GAUGES`."""

GAUGES: dict[str, Literal["mostrecent", "livesum", "sum"]] = {
    "llmux_deployment_state": "mostrecent",
    "llmux_active_requests": "livesum",
    "llmux_http_requests_in_flight": "livesum",
}
"""How those of several workers are put together."""

OPERATIONS = {
    "/completions": "text_completion",
    "/embeddings": "embeddings",
    "/images/generations": "image_generation",
    "/moderations": "moderation",
    "/rerank": "rerank",
}
"""The conventions' names; all else is `chat`."""

ROUTES = {
    path: path
    for path in (
        *("/chat/completions", "/completions", "/embeddings", "/responses", "/messages", "/models"),
        *("/images/generations", "/moderations", "/messages/count_tokens", "/control/explain"),
        *("/rerank", "/audio/speech", "/audio/transcriptions", "/audio/translations"),
        *("/files", "/batches", "/responses/compact", "/images/edits", "/realtime"),
    )
}
"""Paths that are told as they are; the rest, which strangers choose, is `other`."""
