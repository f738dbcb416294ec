"""OpenAI-compatible services, a row each: data only.

A row names what differs from `OpenAICompatible` (its attributes are the columns). The key's variable is
`<NAME>_API_KEY` and the base URL's `<NAME>_BASE_URL` unless a row says otherwise. The comment over a row
is where its facts were read.
"""

from __future__ import annotations

from typing import Any

from muxi_llm.providers.base import stored_in
from muxi_llm.providers.voices import (
    FEW_FORMATS,
    GROQ_QUIRKS,
    HEARS,
    OF_OPENAI,
    OPENAI_AUDIO,
    STREAMS,
    WITHOUT_INSTRUCTIONS,
)
from muxi_llm.wire.anthropic.thinking import BUDGETS
from muxi_llm.wire.base import Profile

NO_SUCH_PARAMETER = "refused by this provider"
MAX_TOKENS = {"max_completion_tokens": "max_tokens"}
EVERY_ROLE = frozenset({"system", "user", "assistant", "tool"})
LEVELS = ("minimal", "low", "medium", "high", "xhigh")
THINKING_OFF = {"thinking": {"type": "disabled"}}
THREE_LEVELS = {"minimal": {"reasoning_effort": "low"}, "xhigh": {"reasoning_effort": "high"}}
FIXED = "fixed by the service for this model"
UNTHINKING = Profile(forced_calls="unthinking", reasoned_calls=True)
"""Quirks of a model that thinks by default, and while it does refuses a forced `tool_choice` and calls in the
history that came without thinking.
"""


def row(base_url: str, wires: str, can: str = "", keys: str = "", **columns: Any) -> dict[str, Any]:
    """Where, which endpoints, which flags (without `_support`), the key's variables, what else differs."""
    flags = {f"{flag}_support": True for flag in can.split()}
    named = {"key_env": tuple(keys.split())} if keys else {}
    return {"base_url": base_url, "wires": wires, **flags, **named, **columns}


def refused(*parameters: str, why: str = NO_SUCH_PARAMETER) -> dict[str, str]:
    """A table of drops."""
    return dict.fromkeys(parameters, why)


CHAT = "chat models"
MORE = "chat completion models"
EMBEDS = "chat embedding models"
ALL = "chat completion embedding models"
OPEN = "vision json_schema"
"""Hosts of many models, some of which see and some of which obey schemas: the model judges."""
HOSTS = f"{OPEN} reasoning_replay top_k"
"""Hosts of open models: their servers (vLLM, SGLang) take thinking back between calls of tools, and `top_k`.
https://docs.vllm.ai/en/latest/features/interleaved_thinking/, https://docs.fireworks.ai/guides/reasoning,
https://novita.ai/docs/guides/llm-interleaved-thinking.
"""
IMAGE = frozenset({"prompt", "n", "size", "response_format"})
"""What hosts of open image models know of OpenAI's parameters; their own (`steps`, `seed`, ...) go by
`extra_body`."""


def images(*others: str, **quirks: Any) -> dict[str, dict[str, Profile]]:
    """A column of quirks: images with those parameters of `IMAGE`, and *others*."""
    return {"image": {"": Profile(takes=IMAGE.union(others) - quirks.get("fixed", {}).keys(), **quirks)}}


STRICT_ASSISTANT = frozenset({"role", "content", "tool_calls"})

FIREWORKS_AUDIO = {
    "whisper-v3-turbo": "https://audio-turbo.api.fireworks.ai/v1",
    "": "https://audio-prod.api.fireworks.ai/v1",
}

ROWS: dict[str, dict[str, Any]] = {
    # https://docs.ai21.com/reference/jamba-1-6-api-ref
    "ai21": row("https://api.ai21.com/studio/v1", "chat", renames=MAX_TOKENS),
    # https://docs.aihubmix.com/en
    "aihubmix": row("https://aihubmix.com/v1", ALL, OPEN),
    # https://docs.baseten.co/inference/model-apis/overview
    "baseten": row("https://inference.baseten.co/v1", CHAT, HOSTS),
    # https://inference-docs.cerebras.ai/resources/openai
    "cerebras": row(
        "https://api.cerebras.ai/v1",
        MORE,
        "json_schema reasoning_replay",
        drops=refused("n", "frequency_penalty", "presence_penalty", "logit_bias"),
        # https://inference-docs.cerebras.ai/capabilities/reasoning; https://github.com/QwenLM/qwen-code/issues/11045
        reasoning_field="reasoning",
        assistant_fields=STRICT_ASSISTANT | {"name", "reasoning"},
    ),
    # https://llm.chutes.ai/v1/models
    "chutes": row("https://llm.chutes.ai/v1", MORE, HOSTS, renames=MAX_TOKENS),
    # https://developers.cloudflare.com/workers-ai/configuration/open-ai-compatibility/, .../api/resources/ai/
    "cloudflare": row(
        "https://api.cloudflare.com/client/v4/accounts/{account_id}/ai/v1",
        EMBEDS,
        OPEN,
        keys="CLOUDFLARE_API_TOKEN CLOUDFLARE_API_KEY",
        settings_env={"account_id": ("CLOUDFLARE_ACCOUNT_ID",)},
        paths={"/models": "../models/search"},
        models=("result", "name"),
        renames=MAX_TOKENS,
    ),
    # https://docs.crusoecloud.com/managed-inference/overview
    "crusoe": row("https://managed-inference-api-proxy.crusoecloud.com/v1", CHAT, HOSTS, renames=MAX_TOKENS),
    # https://www.alibabacloud.com/help/en/model-studio/compatibility-of-openai-with-dashscope,
    # .../deep-thinking
    "dashscope": row(
        "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
        EMBEDS,
        # Sound: https://www.alibabacloud.com/help/en/model-studio/qwen-omni
        "vision audio_input video_input audio_output cache_control reasoning_replay",
        keys="DASHSCOPE_API_KEY ALIBABA_API_KEY",
        effort_fields={
            "none": {"enable_thinking": False},
            **{
                level: {"enable_thinking": True, "thinking_budget": BUDGETS[level]}
                for level in ("minimal", "low", "medium", "high")
            },
            "xhigh": {"enable_thinking": True},
        },
        reasoning_field="reasoning_content",
        # https://www.alibabacloud.com/help/en/model-studio/partial-mode
        prefill={"message": {"partial": True}},
    ),
    # https://docs.deepinfra.com/api-reference/chat-completions/openai-chat-completions; images:
    # https://deepinfra.com/Qwen/Qwen-Image-Max/api
    "deepinfra": row(
        "https://api.deepinfra.com/v1/openai",
        f"{ALL} image",
        HOSTS,
        keys="DEEPINFRA_API_KEY DEEPINFRA_TOKEN",
        namespaced_models=True,
        renames=MAX_TOKENS,
        tool_choices={"required": "auto", "function": "auto"},
        string_content=frozenset({"tool"}),
        quirks=images(fixed={"response_format": "b64_json"}),
    ),
    # https://api-docs.deepseek.com/guides/json_mode, .../thinking_mode, .../api/create-chat-completion,
    # forced calls: https://github.com/deepseek-ai/DeepSeek-V3/issues/1376
    "deepseek": row(
        "https://api.deepseek.com",
        CHAT,
        "reasoning_replay",
        renames=MAX_TOKENS,
        effort_fields={"none": THINKING_OFF},
        string_content=EVERY_ROLE,
        stop_limit=16,
        families={r"deepseek-(v[4-9]|reasoner)": UNTHINKING},
        reasoning_field="reasoning_content",
    ),
    # https://featherless.ai/docs/api-overview-and-common-options
    "featherless": row(
        "https://api.featherless.ai/v1", MORE, HOSTS, keys="FEATHERLESS_API_KEY FEATHERLESS_AI_API_KEY"
    ),
    # https://docs.fireworks.ai/api-reference/post-chatcompletions
    "fireworks": row(
        "https://api.fireworks.ai/inference/v1",
        ALL,
        HOSTS,
        keys="FIREWORKS_API_KEY FIREWORKS_AI_API_KEY",
        renames=MAX_TOKENS,
        effort_fields=THREE_LEVELS,
        tool_choices={"required": "any"},
        more_wires={
            "image": "images.inputs:FireworksImages",
            **{name: OPENAI_AUDIO[name] for name in ("transcription", "translation")},
        },
        # https://docs.fireworks.ai/api-reference/generate-a-new-image-from-a-text-prompt
        quirks={
            **images(fixed={"response_format": "b64_json"}, ranges={"n": (1, 1)}),
            "transcription": {"": HEARS},
        },
        # https://docs.fireworks.ai/api-reference/audio-transcriptions, .../audio-translations
        bases={"transcription": FIREWORKS_AUDIO, "translation": FIREWORKS_AUDIO},
    ),
    # https://friendli.ai/docs/openapi/model-apis/chat-completions
    "friendli": row(
        "https://api.friendli.ai/serverless/v1", MORE, OPEN, keys="FRIENDLI_TOKEN FRIENDLI_API_KEY"
    ),
    # https://docs.github.com/en/rest/models/inference, .../catalog
    "github": row(
        "https://models.github.ai/inference",
        EMBEDS,
        "vision json_schema developer_message",
        keys="GITHUB_TOKEN GITHUB_API_KEY",
        namespaced_models=True,
        paths={"/models": "../catalog/models"},
    ),
    # https://docs.gmicloud.ai/inference-engine/api-reference/llm-api-reference
    "gmi": row("https://api.gmi-serving.com/v1", CHAT, HOSTS),
    # https://console.groq.com/docs/openai, https://console.groq.com/docs/reasoning
    "groq": row(
        "https://api.groq.com/openai/v1",
        CHAT,
        f"{OPEN} reasoning_replay",
        # https://console.groq.com/docs/batch, .../docs/api-reference#batches
        more_wires={**stored_in("stored"), **FEW_FORMATS},
        batch_lines="openai.batches:GroqLines",
        drops=refused("logprobs", "top_logprobs", "logit_bias", "n"),
        effort_fields=THREE_LEVELS,
        message_drops={"name": NO_SUCH_PARAMETER},
        stop_limit=4,
        # https://console.groq.com/docs/api-reference#audio
        quirks=GROQ_QUIRKS,
        # https://console.groq.com/docs/reasoning; strict: https://github.com/tashfeenahmed/freellmapi/issues/1070
        reasoning_field="reasoning",
        assistant_fields=STRICT_ASSISTANT | {"name", "reasoning", "function_call"},
    ),
    # https://docs.helicone.ai/rest/ai-gateway/post-v1-chat-completions
    "helicone": row("https://ai-gateway.helicone.ai/v1", CHAT, OPEN),
    # https://devcenter.heroku.com/articles/heroku-inference-api-v1-chat-completions
    "heroku": row(
        "https://us.inference.heroku.com/v1", EMBEDS, OPEN, keys="INFERENCE_KEY", renames=MAX_TOKENS
    ),
    # https://docs.hyperbolic.xyz/docs/rest-api
    "hyperbolic": row("https://api.hyperbolic.xyz/v1", MORE, HOSTS, renames=MAX_TOKENS),
    # https://docs.inceptionlabs.ai/api-reference/chat/create-a-chat-completion
    "inception": row(
        "https://api.inceptionlabs.ai/v1",
        CHAT,
        OPEN,
        renames=MAX_TOKENS,
        effort_fields={
            **THREE_LEVELS,
            "none": {"reasoning_effort": "instant"},
            "minimal": {"reasoning_effort": "instant"},
        },
    ),
    # https://llama.developer.meta.com/docs/features/compatibility
    "llama": row("https://api.llama.com/compat/v1", CHAT, OPEN),
    # https://lmstudio.ai/docs/developer/openai-compat/chat-completions
    "lm_studio": row(
        "http://127.0.0.1:1234/v1",
        ALL,
        HOSTS,
        keys="LM_STUDIO_API_KEY LMSTUDIO_API_KEY",
        key_required=False,
        json_mode_support=False,
        media_url_support=False,
        renames=MAX_TOKENS,
        one_system=True,
    ),
    # https://dev.meta.ai/docs
    "meta": row("https://api.meta.ai/v1", CHAT, OPEN, keys="META_API_KEY META_MODEL_API_KEY"),
    # https://docs.mistral.ai/api/; ids: https://mistralai.github.io/mistral-common/usage/tools/; a stream's
    # cost is told unasked: https://github.com/dnakov/anon-kode/issues/53
    "mistral": row(
        "https://api.mistral.ai/v1",
        EMBEDS,
        "vision audio_input json_schema",
        # https://docs.mistral.ai/api/endpoint/files, .../endpoint/batch
        more_wires={
            **stored_in(
                "stored",
                FileList="openai.batches:MistralFiles",
                BatchCreate="openai.batches:MistralCreate",
                BatchList="openai.batches:MistralList",
                BatchRetrieve="openai.batches:MistralRetrieve",
                BatchCancel="openai.batches:MistralCancel",
            ),
            "moderation": "openai.moderations:MistralModerations",
            "transcription": "mistral:MistralTranscription",
        },
        batch_lines="openai.batches:MistralLines",
        renames={**MAX_TOKENS, "seed": "random_seed"},
        drops=refused("logprobs", "top_logprobs", "logit_bias", "user", "store", "stream_options"),
        effort_fields={
            "minimal": {"reasoning_effort": "none"},
            **{level: {"reasoning_effort": "high"} for level in ("low", "medium", "xhigh")},
        },
        tool_call_id="[a-zA-Z0-9]{9}",
        # https://docs.mistral.ai/api/endpoint/audio/transcriptions
        quirks={"transcription": {"": STREAMS}},
        # https://docs.mistral.ai/api/ (AssistantMessage); no user behind a tool:
        # https://github.com/mistralai/mistral-common/issues/169
        assistant_fields=STRICT_ASSISTANT | {"prefix"},
        reply_to_tools="Understood.",
        prefill={"message": {"prefix": True}},
    ),
    # https://modal.com/docs/guide/webhook-proxy-auth: your own server, behind your own address
    "modal": row(
        "",
        ALL,
        HOSTS,
        key_required=False,
        header_env={"modal-key": "MODAL_KEY", "modal-secret": "MODAL_SECRET"},
    ),
    # https://platform.kimi.ai/docs/guide/migrating-from-openai-to-kimi, .../docs/api/models-overview; forced
    # calls: https://github.com/can1357/oh-my-pi/issues/1077
    "moonshot": row(
        "https://api.moonshot.ai/v1",
        CHAT,
        "vision video_input reasoning_replay",
        keys="MOONSHOT_API_KEY KIMI_API_KEY",
        ranges={"temperature": (0, 1)},
        tool_choices={"required": "auto"},
        effort_fields={"none": THINKING_OFF, **{level: {} for level in LEVELS}},
        families={
            r"kimi-k(2\.[5-9]|[3-9])": Profile(
                drops=refused(
                    "temperature", "top_p", "n", "presence_penalty", "frequency_penalty", why=FIXED
                ),
                forced_calls="unthinking",
                reasoned_calls=True,
            )
        },
        reasoning_field="reasoning_content",
        # https://platform.kimi.ai/docs/guide/use-partial-mode-feature-of-kimi-api
        prefill={"message": {"partial": True}},
    ),
    # https://docs.nano-gpt.com
    "nano_gpt": row(
        "https://nano-gpt.com/api/v1", ALL, HOSTS, keys="NANO_GPT_API_KEY NANOGPT_API_KEY", renames=MAX_TOKENS
    ),
    # https://docs.tokenfactory.nebius.com/api-reference/inference/create-chat-completion
    "nebius": row(
        "https://api.tokenfactory.nebius.com/v1",
        ALL,
        HOSTS,
        namespaced_models=True,
        more_wires={"image": "images.hosts:NebiusImages"},
        quirks=images("output_format", ranges={"n": (1, 1)}),
    ),
    # https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion
    "novita": row("https://api.novita.ai/openai/v1", ALL, HOSTS, namespaced_models=True, renames=MAX_TOKENS),
    # https://docs.api.nvidia.com/nim/reference/llm-apis
    "nvidia": row(
        "https://integrate.api.nvidia.com/v1",
        ALL,
        HOSTS,
        keys="NVIDIA_API_KEY NVIDIA_NIM_API_KEY",
        namespaced_models=True,
        renames=MAX_TOKENS,
        more_wires={"rerank": "rerank:NvidiaRerank"},
        # https://docs.api.nvidia.com/nim/reference/nvidia-llama-3_2-nv-rerankqa-1b-v2-infer
        paths={"/ranking": "https://ai.api.nvidia.com/v1/retrieval/{model}/reranking"},
    ),
    # https://openrouter.ai/docs/guides/features/server-tools, .../api-reference/overview, .../parameters
    "openrouter": row(
        "https://openrouter.ai/api/v1",
        ALL,
        # https://openrouter.ai/docs/features/multimodal/image-generation, .../audio
        "vision audio_input file_input file_url json_schema cache_control reasoning_replay reasoning_details "
        "prefill tool_parts top_k audio_output image_output audio_replay image_replay",
        header_env={"http-referer": "OR_SITE_URL", "x-title": "OR_APP_NAME"},
        namespaced_models=True,
        foreign=frozenset({"moderation", "prompt_cache_retention", "safety_identifier", "store"}),
        lengths={"user": 128},
        own_tools=r"openrouter:.*",
        server_tools={
            "web_search": {"type": "openrouter:web_search"},
            "web_fetch": {"type": "openrouter:web_fetch"},
        },
    ),
    # https://www.ovhcloud.com/en/public-cloud/ai-endpoints/catalog/
    "ovh": row(
        "https://oai.endpoints.kepler.ai.cloud.ovh.net/v1",
        ALL,
        HOSTS,
        keys="OVHCLOUD_API_KEY OVH_AI_ENDPOINTS_ACCESS_TOKEN",
    ),
    # https://creator.poe.com/docs/external-applications/openai-compatible-api
    "poe": row("https://api.poe.com/v1", CHAT, OPEN, renames=MAX_TOKENS),
    # https://platform.publicai.co/docs
    "publicai": row("https://api.publicai.co/v1", CHAT, OPEN, renames=MAX_TOKENS, string_content=EVERY_ROLE),
    # https://docs.sambanova.ai/docs/en/features/openai-compatibility
    "sambanova": row(
        "https://api.sambanova.ai/v1",
        EMBEDS,
        OPEN,
        renames=MAX_TOKENS,
        drops=refused("encoding_format"),
        string_content=EVERY_ROLE,
    ),
    # https://docs.sarvam.ai/api-reference-docs/chat/chat-completions
    "sarvam": row("https://api.sarvam.ai/v1", "chat", renames=MAX_TOKENS),
    # https://www.scaleway.com/en/docs/generative-apis/
    "scaleway": row("https://api.scaleway.ai/v1", EMBEDS, HOSTS, keys="SCW_SECRET_KEY SCALEWAY_API_KEY"),
    # https://docs.siliconflow.cn/cn/api-reference/chat-completions
    "siliconflow": row("https://api.siliconflow.cn/v1", EMBEDS, HOSTS, namespaced_models=True),
    # https://docs.snowflake.com/en/user-guide/snowflake-cortex/cortex-rest-api
    "snowflake": row(
        "https://{account}.snowflakecomputing.com/api/v2/cortex/v1",
        "chat",
        "vision json_schema cache_control",
        keys="SNOWFLAKE_PAT SNOWFLAKE_CORTEX_PAT SNOWFLAKE_TOKEN SNOWFLAKE_JWT",
        settings_env={"account": ("SNOWFLAKE_ACCOUNT",)},
    ),
    # https://dev.synthetic.new/docs/openai
    "synthetic": row("https://api.synthetic.new/openai/v1", ALL, HOSTS, renames=MAX_TOKENS),
    # https://docs.together.ai/reference/chat-completions, https://docs.together.ai/docs/inference/chat/reasoning
    "together": row(
        "https://api.together.ai/v1",
        ALL,
        HOSTS,
        keys="TOGETHER_API_KEY TOGETHERAI_API_KEY",
        # https://docs.together.ai/reference/upload-file, .../batch-create
        more_wires={
            **stored_in(
                "stored",
                FileCreate="openai.batches:TogetherUpload",
                FileList="openai.batches:TogetherFiles",
                BatchCreate="openai.batches:TogetherCreate",
                BatchList="openai.batches:TogetherBatches",
                BatchRetrieve="openai.batches:TogetherRetrieve",
                BatchCancel="openai.batches:TogetherCancel",
            ),
            "image": "images.hosts:TogetherImages",
            "rerank": "rerank:SeeingRerank",
            **FEW_FORMATS,
        },
        batch_lines="openai.batches:TogetherLines",
        namespaced_models=True,
        renames=MAX_TOKENS,
        effort_fields={**THREE_LEVELS, "none": {"reasoning": {"enabled": False}}},
        # https://docs.together.ai/reference/audio-transcriptions, .../audio-translations, .../audio-speech
        quirks={
            **images("output_format"),
            "transcription": {"": HEARS},
            "speech": {"": Profile(streams=True, drops=WITHOUT_INSTRUCTIONS)},
        },
    ),
    # https://developers.upstage.ai/docs/apis/chat, .../docs/capabilities/generate/reasoning: low is none
    "upstage": row(
        "https://api.upstage.ai/v1/solar",
        EMBEDS,
        OPEN,
        renames=MAX_TOKENS,
        effort_fields={**THREE_LEVELS, "none": {"reasoning_effort": "low"}},
    ),
    # https://docs.venice.ai
    "venice": row("https://api.venice.ai/api/v1", EMBEDS, HOSTS, keys="VENICE_API_KEY VENICE_AI_API_KEY"),
    # https://vercel.com/docs/ai-gateway/sdks-and-apis/openai-chat-completions
    "vercel": row(
        "https://ai-gateway.vercel.sh/v1",
        EMBEDS,
        # https://vercel.com/docs/ai-gateway/sdks-and-apis/openai-chat-completions/image-generation
        "vision file_input json_schema cache_control image_output",
        keys="AI_GATEWAY_API_KEY VERCEL_AI_GATEWAY_API_KEY VERCEL_OIDC_TOKEN",
        namespaced_models=True,
    ),
    # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html (and its Re-rank API)
    "vllm": row(
        "http://127.0.0.1:8000/v1",
        f"{ALL} rerank",
        # Sound and pictures: https://docs.vllm.ai/projects/vllm-omni/en/latest/
        "vision audio_input audio_url video_input json_schema reasoning_replay top_k "
        "audio_output image_output",
        key_required=False,
        # https://docs.vllm.ai/en/latest/serving/openai_compatible_server.html#transcriptions-api
        more_wires={name: OPENAI_AUDIO[name] for name in ("transcription", "translation")},
        quirks={"transcription": {"": Profile(streams=True, drops=OF_OPENAI)}},
        # One system message: https://github.com/vllm-project/vllm/issues/41114
        one_system=True,
        prefill={"continue_final_message": True, "add_generation_prompt": False},
    ),
    # https://www.volcengine.com/docs/82379/1330310
    "volcengine": row(
        "https://ark.cn-beijing.volces.com/api/v3",
        "chat embedding",
        "vision video_input json_schema reasoning_replay",
        keys="ARK_API_KEY VOLCENGINE_API_KEY",
    ),
    # https://docs.wandb.ai/guides/integrations/inference/
    "wandb": row("https://api.inference.wandb.ai/v1", CHAT, HOSTS, namespaced_models=True),
    # https://dev.writer.com/api-reference/completion-api/chat-completion, .../list-models
    "writer": row(
        "https://api.writer.com/v1",
        CHAT,
        OPEN,
        paths={"/chat/completions": "chat"},
        models=("models", "id"),
        renames=MAX_TOKENS,
    ),
    # https://docs.x.ai/docs/api-reference, https://docs.x.ai/developers/model-capabilities/images/generation
    "xai": row(
        "https://api.x.ai/v1",
        CHAT,
        # Realtime: https://docs.x.ai/docs/guides/voice/agent
        f"{OPEN} realtime",
        # https://docs.x.ai/developers/model-capabilities/images/editing
        more_wires={"image": "images.hosts:XAIImages", "image_edit": "openai.images:InlineImageEdits"},
        quirks={
            **images("quality", "user", ranges={"n": (1, 10)}),
            "image_edit": {"": Profile(ranges={"n": (1, 10)})},
        },
    ),
    # https://platform.xiaomimimo.com/docs/en-US/quick-start/error-codes
    "xiaomi": row(
        "https://api.xiaomimimo.com/v1",
        CHAT,
        "reasoning_replay",
        keys="XIAOMI_MIMO_API_KEY MIMO_API_KEY",
        renames=MAX_TOKENS,
        reasoning_field="reasoning_content",
    ),
    # https://docs.z.ai/api-reference/llm/chat-completion
    "zai": row(
        "https://api.z.ai/api/paas/v4",
        "chat",
        "vision video_input reasoning_replay",
        keys="ZAI_API_KEY ZHIPUAI_API_KEY ZHIPU_API_KEY GLM_API_KEY",
        renames={**MAX_TOKENS, "user": "user_id"},
        drops=refused(
            "n",
            "seed",
            "logprobs",
            "top_logprobs",
            "logit_bias",
            "presence_penalty",
            "frequency_penalty",
            "parallel_tool_calls",
        ),
        message_drops={"name": NO_SUCH_PARAMETER},
        ranges={"temperature": (0, 1), "top_p": (0.01, 1)},
        stop_limit=1,
        tool_choices={"required": "auto", "function": "auto", "none": ""},
        effort_fields={"none": THINKING_OFF},
        reasoning_field="reasoning_content",
    ),
    # ---- Services that are no more: what one is told who names them.
    "anyscale": {
        "closed": "Anyscale Endpoints closed on 2024-08-01; see together, fireworks and deepinfra.",
        "key_required": False,
    },
    "lepton": {
        "closed": "Lepton AI became part of NVIDIA in 2025; its successor is nvidia.",
        "key_required": False,
    },
    "nexusflow": {
        "closed": "Nexusflow became part of NVIDIA in 2025; there is no API, its open models run on vllm.",
        "key_required": False,
    },
    "octoai": {
        "closed": "OctoAI closed on 2024-10-31; see together, fireworks and deepinfra.",
        "key_required": False,
    },
}
