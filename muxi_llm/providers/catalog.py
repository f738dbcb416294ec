"""OpenAI-compatible services, a row each: data only.

A row names what differs from `OpenAICompatible` (its attributes are the columns). The key's variable is
`<NAME>_API_KEY` and the base URL's `<NAME>_BASE_URL` unless a row says otherwise. The comment over a row
is where its facts were read.
"""

from __future__ import annotations

from typing import Any

NO_SUCH_PARAMETER = "refused by this provider"
MAX_TOKENS = {"max_completion_tokens": "max_tokens"}

ROWS: dict[str, dict[str, Any]] = {
    # https://docs.cohere.com/docs/compatibility-api
    "cohere": {
        "base_url": "https://api.cohere.ai/compatibility/v1",
        "key_env": ("CO_API_KEY", "COHERE_API_KEY"),
        "wires": "chat embedding models",
        "renames": MAX_TOKENS,
        "json_schema_support": True,
        "developer_message_support": True,
    },
    # https://api-docs.deepseek.com/guides/json_mode, https://api-docs.deepseek.com/guides/thinking_mode
    "deepseek": {
        "base_url": "https://api.deepseek.com/v1",
        "wires": "chat models",
        "renames": MAX_TOKENS,
        "reasoning_replay_support": True,
    },
    # https://ai.google.dev/gemini-api/docs/openai
    "google": {
        "base_url": "https://generativelanguage.googleapis.com/v1beta/openai",
        "key_env": ("GOOGLE_API_KEY", "GEMINI_API_KEY"),
        "wires": "chat embedding models",
        "vision_support": True,
        "audio_input_support": True,
        "json_schema_support": True,
    },
    # https://console.groq.com/docs/openai
    "groq": {
        "base_url": "https://api.groq.com/openai/v1",
        "wires": "chat models",
        "vision_support": True,
        "json_schema_support": True,
        "drops": dict.fromkeys(("logprobs", "top_logprobs", "logit_bias"), NO_SUCH_PARAMETER),
    },
    # https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
    "llama_cpp": {
        "base_url": "http://127.0.0.1:8080/v1",
        "key_required": False,
        "vision_support": True,
        "audio_input_support": True,
        "json_schema_support": True,
        "renames": MAX_TOKENS,
    },
    # https://docs.mistral.ai/api/
    "mistral": {
        "base_url": "https://api.mistral.ai/v1",
        "wires": "chat embedding models",
        "vision_support": True,
        "json_schema_support": True,
        "renames": {**MAX_TOKENS, "seed": "random_seed"},
        "drops": dict.fromkeys(
            ("logprobs", "top_logprobs", "logit_bias", "user", "store"), NO_SUCH_PARAMETER
        ),
    },
    # https://github.com/ollama/ollama/blob/main/docs/openai.md
    "ollama": {
        "base_url": "http://127.0.0.1:11434/v1",
        "key_required": False,
        "vision_support": True,
        "json_schema_support": True,
        "renames": MAX_TOKENS,
        "drops": dict.fromkeys(("logit_bias", "user", "n"), NO_SUCH_PARAMETER),
    },
    # https://openrouter.ai/docs/api-reference/overview
    "openrouter": {
        "base_url": "https://openrouter.ai/api/v1",
        "header_env": {"http-referer": "OR_SITE_URL", "x-title": "OR_APP_NAME"},
        "namespaced_models": True,
        "vision_support": True,
        "audio_input_support": True,
        "file_input_support": True,
        "json_schema_support": True,
        "cache_control_support": True,
        "reasoning_replay_support": True,
    },
}
