"""From a config's options for one provider to the parameters of a chat call, none of them ignored.

Each provider has one function here. It gets the call's config (snake case) and `Asked`, the parameters so
far: `params` are OpenAI's, `extra` goes into the request body as it is, `lost` is what cannot be
asked.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from muxi_llm.providers.spelling import base_kwargs, common_of, snake_case
from muxi_llm.types.common import CallParams, ChatParams

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Kwargs = dict[str, Any]

CHAT_PARAMS = ChatParams.__annotations__.keys() - CallParams.__annotations__.keys()


@dataclass(slots=True)
class Asked:
    """What is asked of a provider."""

    params: Kwargs
    extra: Kwargs
    lost: list[str] = field(default_factory=list)

    def add(self, options: Mapping[str, Any]) -> None:
        """Options by their provider's names: parameters of a chat call, or fields of its body."""
        for name, value in options.items():
            if value is not None:
                (self.params if name in CHAT_PARAMS else self.extra)[name] = value

    def schema(self) -> Any:
        """The JSON schema asked for, `None` for none."""
        wanted = self.params.get("response_format")
        return wanted.get("json_schema") if isinstance(wanted, dict) else None


def asked_of(config: Mapping[str, Any]) -> Asked:
    """What a preset's config (snake case) asks of its provider."""
    asked = Asked({}, {})
    asked.add(base_kwargs(config))
    FITS[config["provider"]](config, asked)
    return asked


def params_of(config: Mapping[str, Any]) -> tuple[Kwargs, list[str]]:
    """What a preset's config (either spelling) asks of a call, by the names of the faces' parameters; and
    what it asks in vain.

    Its time is that of the whole call. Its cache is the harness' if it is one that keeps answers.
    """
    wanted = snake_case(config)
    asked, provider = asked_of(wanted), PLACES.get(wanted["provider"], wanted["provider"])
    params = {"model": f"{provider}/{wanted['model']}"}
    params |= {name: value for name, value in asked.params.items() if value is not None}
    if "max_tokens" in params:  # the name OpenAI takes of every chat model, and others are asked by their own
        params.setdefault("max_completion_tokens", params.pop("max_tokens"))
    extra = {name: value for name, value in asked.extra.items() if value is not None}
    caching = _caching(wanted)
    time, retries = (wanted.get("timeout") or {}).get("total_time"), common_of(wanted).get("max_retries")
    further = {
        "provider_options": {provider: extra} if extra else None,
        "retries": retries,
        "fallback_config": {"deadline": time} if time is not None else None,
        "cache": {name: caching[name] for name in ("strategy", "ttl") if name in caching}
        if caching.get("strategy") in KEEPING
        else False
        if caching.get("strategy") == "disabled"
        else None,
    }
    return params | {name: value for name, value in further.items() if value is not None}, asked.lost


def openai(config: Mapping[str, Any], asked: Asked) -> None:
    """https://platform.openai.com/docs/api-reference/chat/create."""
    options = _options(config, "openai")
    if "text_verbosity" in options:
        options["verbosity"] = options.pop("text_verbosity")
    how_many = options.get("logprobs")
    if isinstance(how_many, int) and not isinstance(how_many, bool):
        options.update(logprobs=True, top_logprobs=how_many)
    if options.get("max_completion_tokens") is not None:
        asked.params.pop("max_tokens", None)
    if _caches_natively(config) and _caching(config).get("key"):
        options.setdefault("prompt_cache_key", _caching(config)["key"])
    if "top_k" in asked.extra and not config.get("base_url"):
        del asked.extra["top_k"]
        asked.lost.append("top_k dropped: OpenAI has no such parameter")
    strict = options.pop("strict_json_schema", None)
    if strict is not None and asked.schema():
        asked.params["response_format"] = {
            **asked.params["response_format"],
            "json_schema": {**asked.schema(), "strict": strict},
        }
    _unstructured(options, asked)
    asked.add(options)


def anthropic(config: Mapping[str, Any], asked: Asked) -> None:
    """https://platform.claude.com/docs/en/api/messages/create."""
    options = _options(config, "anthropic")
    if options.pop("disable_parallel_tool_use", None):
        asked.params["parallel_tool_calls"] = False
    if options.get("effort"):
        asked.params["reasoning_effort"] = options.pop("effort")
    if options.get("thinking"):
        options["thinking"] = _thinking(options["thinking"])
        asked.params.pop("reasoning_effort", None)  # said in tokens already
    if _caches_natively(config):
        # https://platform.claude.com/docs/en/build-with-claude/prompt-caching#automatic-caching
        options.setdefault("cache_control", {"type": "ephemeral"})
    for name in ("tool_streaming", "structured_output_mode"):
        options.pop(name, None)  # how other SDKs stream tool calls and get at schemas: no part of a request
    asked.add(options)


def without_reasoning(config: Mapping[str, Any], messages: Any) -> Any:
    """The messages, without what was thought before if `send_reasoning` is off."""
    if _options(config, "anthropic").get("send_reasoning") is not False:
        return messages
    return [{k: v for k, v in message.items() if k not in THOUGHTS} for message in messages]


def google(config: Mapping[str, Any], asked: Asked) -> None:
    """https://ai.google.dev/api/generate-content."""
    options = _options(config, "google")
    options.pop("thinking_budget", None)  # of old; the transformation has read it
    thinking = {**(options.pop("thinking_config", None) or {}), **asked.extra.pop("thinking_config", {})}
    if thinking:
        asked.extra["thinking_config"] = {_camel(name): value for name, value in thinking.items()}
    if options.get("response_modalities"):
        asked.params["modalities"] = [name.lower() for name in options.pop("response_modalities")]
    _unstructured(options, asked)
    asked.add(options)


def openrouter(config: Mapping[str, Any], asked: Asked) -> None:
    """Routing and reasoning are in the kwargs already; a model of DeepSeek's is told by its own field."""
    thinking = _options(config, "deepseek").get("thinking")
    if thinking and config.get("provider") == "deepseek":
        asked.extra.setdefault("reasoning", {"enabled": thinking.get("type") == "enabled"})


def openrouter_directly(config: Mapping[str, Any], asked: Asked) -> None:
    """https://openrouter.ai/docs/api-reference/chat-completion: routing, reasoning are fields of the body."""
    asked.add(_options(config, "openrouter"))


def deepseek(config: Mapping[str, Any], asked: Asked) -> None:
    """https://api-docs.deepseek.com/api/create-chat-completion: thinking is a field of the body."""
    asked.add(_options(config, "deepseek"))


def vllm(config: Mapping[str, Any], asked: Asked) -> None:
    """https://docs.vllm.ai/en/latest/features/reasoning_outputs/: thinking is an argument of the template."""
    options = _options(config, "sno-gpu")
    thinks = options.get("enable_thinking", common_of(config).get("enable_thinking"))
    template = {"enable_thinking": thinks, "thinking_budget": options.get("thinking_budget")}
    if said := {name: value for name, value in template.items() if value is not None}:
        asked.extra["chat_template_kwargs"] = said


def deepinfra(config: Mapping[str, Any], asked: Asked) -> None:
    """https://docs.deepinfra.com: thinking is an argument of the chat template of models that can do both."""
    options = _free_options(config, "deepinfra")
    thinks, budget = _pop_thinking(config, options)
    if config.get("model") in THINKING_BY_TEMPLATE or thinks is not None:
        template = {"enable_thinking": bool(thinks), **(options.pop("chat_template_kwargs", None) or {})}
        asked.extra["chat_template_kwargs"] = template
    if thinks and budget is not None:
        asked.extra["thinking_token_budget"] = budget
    asked.add(options)


def novita(config: Mapping[str, Any], asked: Asked) -> None:
    """https://novita.ai/docs/api-reference/model-apis-llm-create-chat-completion."""
    options = _free_options(config, "novita")
    thinks, budget = _pop_thinking(config, options)
    asked.extra["enable_thinking"] = bool(thinks)
    if thinks and budget is not None:
        asked.extra["thinking_budget"] = budget
    asked.add(options)


def together(config: Mapping[str, Any], asked: Asked) -> None:
    """https://docs.together.ai/reference/chat-completions-1."""
    asked.add(_options(config, "together"))


def sno_gpu(config: Mapping[str, Any], asked: Asked) -> None:
    """Thinking and the path are in the kwargs already."""


# ------------------------------------------------------------------------------------------- parts


def _options(config: Mapping[str, Any], provider: str) -> Kwargs:
    return dict((config.get("provider_options") or {}).get(provider) or {})


def _free_options(config: Mapping[str, Any], provider: str) -> Kwargs:
    """A provider's own options as they are, but for the two names of LLMix's, whatever their spelling."""
    known = {"enableThinking": "enable_thinking", "thinkingBudget": "thinking_budget"}
    return {known.get(name, name): value for name, value in _options(config, provider).items()}


def _pop_thinking(config: Mapping[str, Any], options: Kwargs) -> tuple[bool | None, int | None]:
    thinks = options.pop("enable_thinking", None)
    if thinks is None:
        thinks = common_of(config).get("enable_thinking")
    return thinks, options.pop("thinking_budget", None)


def _thinking(given: Mapping[str, Any]) -> Kwargs:
    wanted = snake_case(given)
    if wanted.get("type") == "enabled":
        wanted.setdefault("budget_tokens", DEFAULT_THINKING)
    return wanted


def _unstructured(options: Kwargs, asked: Asked) -> None:
    """`structured_outputs: false`: JSON, but no schema."""
    if options.pop("structured_outputs", None) is False and asked.schema():
        asked.params["response_format"] = {"type": "json_object"}


def _caching(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return config.get("caching") or {}


def _caches_natively(config: Mapping[str, Any]) -> bool:
    return _caching(config).get("strategy") == "native"


def _camel(name: str) -> str:
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


# ------------------------------------------------------------------------------------------- tables

PLACES = {"sno-gpu": "vllm"}
"""LLMix's providers that have another name here."""

KEEPING = {"memory", "redis", "redis-or-memory"}

DEFAULT_THINKING = 10_000
"""Tokens, where a config enables Anthropic's thinking and says no more."""

THOUGHTS = {"reasoning_content", "reasoning", "thinking_blocks"}

THINKING_BY_TEMPLATE = {"Qwen/Qwen3-32B", "Qwen/Qwen3-14B", "zai-org/GLM-4.7-Flash"}
"""They think unless they are told not to, which LLMix's default is."""

FITS: dict[str, Callable[[Mapping[str, Any], Asked], None]] = {
    "openai": openai,
    "anthropic": anthropic,
    "google": google,
    "deepseek": deepseek,
    "openrouter": openrouter_directly,
    "deepinfra": deepinfra,
    "novita": novita,
    "together": together,
    "sno-gpu": vllm,
}
"""Each provider's function, where its own endpoint is asked (LLMix asks OpenRouter for DeepSeek's)."""
