"""What becomes of each field of a LiteLLM proxy's configuration: tables, and nothing else.

Sources: https://docs.litellm.ai/docs/proxy/config_settings,
https://docs.litellm.ai/docs/router/api_reference/configuration,
https://docs.litellm.ai/docs/proxy/configs (10/2026).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote, urlsplit

from muxi_llm.gateway.settings.reading import flag, items_of, number, strings, table, text, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

IMPORTED, ADAPTED, DROPPED = "imported", "adapted", "dropped"


def same(value: object) -> Any:
    """It, as it is."""
    return value


class Field(NamedTuple):
    """What becomes of a field. to: the way to where its value goes, "" for nowhere. why: what is not the same
    here. reads: its value as it is written here; raises `ValueError` for one that cannot be. each: of a list
    of words, what becomes of each.
    """

    verdict: str
    to: str = ""
    why: str = ""
    reads: Callable[[Any], Any] = same
    each: Mapping[str, Field] | None = None


def kept(to: str, reads: Callable[[Any], Any] = same) -> Field:
    """Says the same here."""
    return Field(IMPORTED, to, "", reads)


def fitted(to: str, why: str, reads: Callable[[Any], Any] = same) -> Field:
    """Says nearly the same."""
    return Field(ADAPTED, to, why, reads)


def always(why: str) -> Field:
    """Needs not be said: it is so."""
    return Field(ADAPTED, "", why)


def left(why: str) -> Field:
    """Is not there."""
    return Field(DROPPED, "", why)


def words(known: Mapping[str, Field]) -> Field:
    """A list of words, each with a fate of its own."""
    return Field(IMPORTED, each=known)


# --------------------------------------------------------------------------------- kinds of values


def chains(value: object) -> dict[str, list[str]]:
    """`[{"a": ["b", "c"]}]` → `{"a": ["b", "c"]}`."""
    found = [value] if isinstance(value, dict) else items_of(value)
    return {str(model): list(strings(names)) for one in found for model, names in table(one).items()}


def aliases(value: object) -> dict[str, str]:
    """Another name → the model it means; one that is hidden is listed here."""
    pairs = table(value).items()
    return {str(name): text(one.get("model") if isinstance(one, dict) else one) for name, one in pairs}


def strategy(value: object) -> str:
    """A strategy by its name here."""
    found = STRATEGIES.get(text(value))
    if found is None:
        raise ValueError(f"there is no such strategy; known are {', '.join(STRATEGIES)}")
    return found


def strategies(value: object) -> dict[str, str]:
    """Of routing groups: each model's strategy."""
    groups = [table(one) for one in items_of(value)]
    return {
        model: strategy(one.get("routing_strategy")) for one in groups for model in strings(one.get("models"))
    }


def redis(value: object) -> dict[str, Any]:
    """A Redis by its URL."""
    url = urlsplit(text(value))
    if url.scheme != "redis" or not url.hostname:
        raise ValueError("must be redis://host:port/db; give redis.addr by hand")
    database = url.path.strip("/")
    said = {"addr": f"{url.hostname}:{url.port or 6379}", "password": unquote(url.password or "")}
    return {**{key: one for key, one in said.items() if one}, **({"db": whole(database)} if database else {})}


def mebibytes(value: object) -> int:
    """As bytes."""
    return int(number(value) * 2**20)


def debug(value: object) -> str:
    """A level of the log's."""
    return "debug" if flag(value) else "info"


def rest(value: object) -> Any:
    """How long a deployment cools down where that is switched off."""
    return 0 if flag(value) else NOTHING


NOTHING = object()
"""The value of a field that says what is so anyway."""


STRATEGIES = {
    "simple-shuffle": "simple-shuffle",
    "least-busy": "least-busy",
    "usage-based-routing": "lowest-tpm-rpm",
    "usage-based-routing-v2": "lowest-tpm-rpm",
    "latency-based-routing": "lowest-latency",
    "cost-based-routing": "lowest-cost",
}

# ------------------------------------------------------------------------------------- deployments

OF_ROUTING = "retries are the routing's, one count for all: routing.retry_count"
BUDGETS = "there are no budgets of deployments"
OWN_ROLE = "assume the role outside, and give its profile"
BY_TAGS = "nothing is routed by tags"
ONE_TIMEOUT = "there is one time-out for whole answers and streams: timeout"

PARAMS: Mapping[str, Field] = {
    "api_key": kept("provider.api_key"),
    "api_base": kept("provider.base_url"),
    "base_url": kept("provider.base_url"),
    "api_version": kept("provider.settings.api_version", str),
    "organization": kept("provider.headers.openai-organization", text),
    "extra_headers": kept("provider.headers", table),
    "headers": kept("provider.headers", table),
    "timeout": kept("provider.timeout", number),
    "stream_timeout": left(ONE_TIMEOUT),
    "max_parallel_requests": kept("provider.max_concurrent", whole),
    # https://docs.litellm.ai/docs/providers/bedrock
    "aws_region_name": kept("provider.settings.region"),
    "aws_access_key_id": kept("provider.settings.access_key_id"),
    "aws_secret_access_key": kept("provider.settings.secret_access_key"),
    "aws_session_token": kept("provider.settings.session_token"),
    "aws_profile_name": kept("provider.settings.profile"),
    "aws_bedrock_runtime_endpoint": kept("provider.base_url"),
    "aws_role_name": left(OWN_ROLE),
    "aws_session_name": left(OWN_ROLE),
    "aws_web_identity_token": left(OWN_ROLE),
    # https://docs.litellm.ai/docs/providers/vertex
    "vertex_project": kept("provider.settings.project"),
    "vertex_location": kept("provider.settings.location"),
    "vertex_credentials": kept("provider.settings.credentials", text),
    "azure_ad_token": kept("provider.settings.ad_token"),
    "project_id": kept("provider.settings.project_id"),
    "space_id": kept("provider.settings.space_id"),
    "token": kept("provider.settings.token"),
    "account_id": kept("provider.settings.account_id"),
    "weight": kept("model.weight", number),
    "rpm": kept("model.rpm", whole),
    "tpm": kept("model.tpm", whole),
    "order": fitted("order", "the deployments stand in their order, and are asked in it", number),
    "input_cost_per_token": kept("model.price.input", number),
    "output_cost_per_token": kept("model.price.output", number),
    "additional_drop_params": kept("model.key_delete", items_of),
    "extra_body": kept("model.key_add", table),
    "drop_params": always("what a provider does not take is left out, and told"),
    "num_retries": left(OF_ROUTING),
    "max_retries": left(OF_ROUTING),
    "cooldown_time": left("there is one for all: routing.cooldown_period"),
    "max_budget": left(BUDGETS),
    "budget_duration": left(BUDGETS),
    "tags": left(BY_TAGS),
    "tag_regex": left(BY_TAGS),
    "mock_response": left("nothing answers but providers"),
    "configurable_clientside_auth_params": left("keys never go to a host that a client chose"),
    "region_name": left("give the provider's own: aws_region_name, vertex_location"),
}

INFO: Mapping[str, Field] = {
    "id": kept("model.id", str),
    "max_input_tokens": fitted("model.context", "tokens of a request and its answer together", whole),
    "supports_vision": kept("model.vision", flag),
    "supports_function_calling": kept("model.tools", flag),
    "supports_response_schema": kept("model.json_schema", flag),
    "supports_reasoning": kept("model.thinking", flag),
    "input_cost_per_token": kept("model.price.input", number),
    "output_cost_per_token": kept("model.price.output", number),
    "mode": always("the endpoint that is asked says it"),
    "base_model": left("what a model costs is known by its name; give input_cost_per_token"),
    "max_tokens": left("how long an answer may be, the client says"),
    "max_output_tokens": left("how long an answer may be, the client says"),
    "access_groups": left("there are no groups of models for keys"),
}

PARAMETERS = (
    *("temperature", "top_p", "top_k", "max_tokens", "max_completion_tokens", "n", "stop", "seed", "user"),
    *("presence_penalty", "frequency_penalty", "logit_bias", "logprobs", "top_logprobs", "response_format"),
    *("tools", "tool_choice", "parallel_tool_calls", "reasoning_effort", "verbosity", "service_tier"),
    *("modalities", "metadata", "store", "dimensions", "encoding_format", "thinking"),
)
"""Parameters of calls that may stand among a deployment's: what calls have that say nothing of them."""

ANTHROPIC = ("temperature", "top_p", "top_k", "max_tokens", "thinking", "metadata", "service_tier")
"""Those of them that Anthropic's bodies call the same."""

PREFIXES = {
    "anthropic_text": "anthropic",
    "azure_text": "azure",
    "cohere_chat": "cohere",
    "custom_openai": "openai",
    "hosted_vllm": "vllm",
    "litellm_proxy": "openai",
    "ollama_chat": "ollama",
    "openai_like": "openai",
    "sagemaker_chat": "sagemaker",
    "text-completion-openai": "openai",
    "vertex_ai_beta": "vertex",
    "watsonx_text": "watsonx",
}
"""Names of providers that only LiteLLM has. https://docs.litellm.ai/docs/providers"""

ROUTES = ("converse/", "invoke/", "responses/")
"""Ways of asking that LiteLLM puts before a model's name; the wire is chosen by the model here."""

# ---------------------------------------------------------------------------------------- settings

CALLBACKS = {
    "prometheus": Field(IMPORTED, "metrics.enabled"),
    "otel": fitted("tracing.enabled", "start it under opentelemetry-instrument, which says where spans go"),
}
CHECKS = {
    "session_affinity": kept("routing.session_affinity"),
    "deployment_affinity": fitted("routing.session_affinity", "by session, within the caller's key"),
    "prompt_caching": fitted("routing.session_affinity", "by prompt_cache_key"),
    "responses_api_deployment_check": always("a response goes back to who made it"),
}
ALWAYS_CHECKED = "the context, and what a deployment can do, are always looked at"
ANY_FAILURE = "is gone on to after any failure, not that one alone"
SHARE = "a deployment rests when more than half of at least five attempts failed"
NO_CACHE = "the gateway keeps no answers"
LOGGED = "each request is a line of JSON on stderr"
UNTOLD = "prompts, answers and keys are never logged"

SETTINGS: Mapping[str, Field] = {
    "num_retries": kept("routing.retry_count", whole),
    "request_timeout": kept("defaults.timeout", number),
    "fallbacks": kept("chains", chains),
    "default_fallbacks": fitted("default", "written out for each model that has none of its own", strings),
    "context_window_fallbacks": fitted("chains", ANY_FAILURE, chains),
    "content_policy_fallbacks": fitted("chains", ANY_FAILURE, chains),
    "callbacks": words(CALLBACKS),
    "success_callback": words(CALLBACKS),
    "failure_callback": words(CALLBACKS),
    "service_callbacks": words(CALLBACKS),
    "drop_params": always(
        "what a provider does not take is left out, and told; routing.mode: strict refuses"
    ),
    "modify_params": always("messages are fitted to each provider, and that is told"),
    "json_logs": always(LOGGED),
    "set_verbose": kept("logging.level", debug),
    "turn_off_message_logging": always(UNTOLD),
    "redact_user_api_key_info": always(UNTOLD),
    "redact_messages_in_exceptions": always(UNTOLD),
    "cache": left(NO_CACHE),
    "cache_params": left(NO_CACHE),
}

ROUTER: Mapping[str, Field] = {
    **SETTINGS,
    "routing_strategy": kept("routing.strategy", strategy),
    "routing_groups": kept("routing.strategies", strategies),
    "routing_strategy_args": left("strategies have no arguments"),
    "model_group_alias": fitted("aliases", "a hidden one is listed", aliases),
    "redis_url": kept("redis", redis),
    "redis_host": kept("redis.host"),
    "redis_port": kept("redis.port"),
    "redis_password": kept("redis.password"),
    "redis_db": kept("redis.db", whole),
    "timeout": kept("defaults.timeout", number),
    "stream_timeout": left(ONE_TIMEOUT),
    "default_max_parallel_requests": kept("defaults.max_parallel_requests", whole),
    "default_litellm_params": kept("defaults", table),
    "cooldown_time": kept("routing.cooldown_period", number),
    "disable_cooldowns": fitted("routing.cooldown_period", "0 seconds; Retry-After is obeyed", rest),
    "enable_pre_call_checks": always(ALWAYS_CHECKED),
    "enable_pre_call_check": always(ALWAYS_CHECKED),
    "optional_pre_call_checks": words(CHECKS),
    "debug_level": kept("logging.level", lambda value: text(value).lower()),
    "allowed_fails": left(SHARE),
    "allowed_fails_policy": left(SHARE),
    "retry_policy": left("status and code decide what is tried again"),
    "model_group_retry_policy": left("status and code decide what is tried again"),
    "retry_after": left("waits grow by themselves, and Retry-After is obeyed"),
    "max_fallbacks": left("all fallbacks may be asked"),
    "enable_tag_filtering": left(BY_TAGS),
    "tag_filtering_match_any": left(BY_TAGS),
    "provider_budget_config": left(BUDGETS),
    "cache_responses": left(NO_CACHE),
    "cache_kwargs": left(NO_CACHE),
    "caching_groups": left(NO_CACHE),
    "ignore_invalid_deployments": left("a configuration with an error in it is refused"),
}

IN_FILE = "models stand in the file"
NO_DATABASE = "keys, teams and spend in LiteLLM's database are not read"

GENERAL: Mapping[str, Field] = {
    "master_key": kept("auth.tokens.master", text),
    "max_request_size_mb": kept("server.limits.body", mebibytes),
    "max_parallel_requests": kept("defaults.max_parallel_requests", whole),
    "alerting": left("nothing is sent anywhere: watch /metrics"),
    "alerting_threshold": left("nothing is sent anywhere: watch /metrics"),
    "background_health_checks": left("deployments are known by how they answer"),
    "health_check_interval": left("deployments are known by how they answer"),
    "use_x_forwarded_for": left("name the proxies that are believed: server.trusted_proxies"),
    "forward_client_headers_to_llm_api": left("anthropic-beta and anthropic-version go on, others do not"),
    "global_max_parallel_requests": left("providers have limits: max_concurrent"),
    "litellm_key_header_name": left("a token is sent as a Bearer token, or as x-api-key"),
    "allow_client_side_credentials": left("keys never go to a host that a client chose"),
    "pass_through_endpoints": left("only models are asked"),
    "store_model_in_db": left(IN_FILE),
    "supported_db_objects": left(IN_FILE),
    "store_prompts_in_spend_logs": left(UNTOLD),
    **dict.fromkeys(
        (
            *("database_url", "database_connection_pool_limit", "database_connection_timeout"),
            *("disable_spend_logs", "disable_spend_updates", "disable_reset_budget", "proxy_batch_write_at"),
            *("allow_requests_on_db_unavailable", "disable_adding_master_key_hash_to_db"),
            *("maximum_spend_logs_retention_period", "maximum_spend_logs_retention_interval"),
        ),
        left(NO_DATABASE),
    ),
}

SECTIONS: Mapping[str, Mapping[str, Field]] = {
    "litellm_settings": SETTINGS,
    "general_settings": GENERAL,
    "router_settings": ROUTER,  # last: it wins over litellm_settings
}

OTHERS: Mapping[str, Field] = {
    "include": left("import each file, and put them together by hand"),
    "guardrails": left("there are no guardrails"),
    "mcp_servers": left("there are no MCP servers"),
    "callback_settings": left(LOGGED),
}
"""Sections of which nothing is read."""

UNKNOWN = left("there is nothing like it here")
