"""The YAML dialect: providers with their models, and a strategy that chooses among those of one name.

A model is its name, or a table that says more of it: `{name: fast, model: gpt-4o, weight: 3, rpm: 100}`.
"""

from __future__ import annotations

from typing import Any

from muxi_llm.gateway.settings.deployments import kind_of, presets_of, rewriting_of, windows_of
from muxi_llm.gateway.settings.governed import governance_of
from muxi_llm.gateway.settings.login import login_of
from muxi_llm.gateway.settings.model import (
    Backoff,
    DeploymentSettings,
    Limits,
    ProviderSettings,
    Server,
    Settings,
)
from muxi_llm.gateway.settings.reading import (
    Section,
    flag,
    level,
    number,
    one_of,
    part,
    seconds,
    secrets,
    strings,
    table,
    text,
    whole,
)
from muxi_llm.providers import registry
from muxi_llm.routes import ANY
from muxi_llm.routing.deployments import Deployment
from muxi_llm.routing.router import Rules
from muxi_llm.routing.strategies import STRATEGIES


def settings_of(top: Section) -> Settings:
    """What the file says; what is wrong in it goes to its findings."""
    providers: dict[str, ProviderSettings] = {}
    deployments: list[DeploymentSettings] = []
    for section in top.sections("providers"):
        provider = provider_of(section, providers)
        deployments += models_of(section, provider, {one.deployment.name for one in deployments})
        section.end()
    if not deployments:
        top.error("providers", "there is no model; give each provider a list of `models`")
    routing, metrics, logging = top.section("routing"), top.section("metrics"), top.section("logging")
    auth = top.section("auth")
    settings = Settings(
        providers=providers,
        deployments=tuple(deployments),
        server=server_of(top.section("server")),
        rules=rules_of(routing, providers),
        tokens=auth.take("tokens", secrets) or {},
        governance=governance_of(top),
        retries=routing.take("retry_count", whole),
        backoff=backoff_of(routing),
        mode=routing.take("mode", one_of("adapt", "strict"), "adapt"),
        log_level=logging.take("level", level, "INFO"),
        metrics=metrics.take("path", text, "/metrics") if metrics.take("enabled", flag, True) else "",
        metrics_open=not metrics.take("auth", flag, True),
        tracing=is_traced(top.section("tracing")),
        windows=routing.take("windows_file", text, ""),
        id_secret=auth.take("id_secret", text, ""),
        login=login_of(auth),
        presets=presets_of(top),
        redis=redis_of(top, is_shared=routing.take("distributed", flag, False)),
    )
    if auth.take("enabled", flag, False) and not (settings.tokens or settings.governance.database):
        auth.error("tokens", "auth is enabled, and nobody has a token: write `tokens: {name: secret}`")
    mode = top.section("deployment").take("mode", one_of(*MODES), "standalone")
    if mode == "distributed" and not settings.redis:
        top.error("deployment.mode", "distributed wants routing.distributed: true and a redis")
    logging.take("format", one_of("json"))
    for section in (routing, metrics, logging, auth):
        section.end()
    top.skip(**ELSEWHERE)
    top.end()
    return settings


def server_of(section: Section) -> Server:
    """Where it listens."""
    tls = section.section("tls")
    limits = section.section("limits")
    server = Server(
        host=section.take("host", text, "127.0.0.1"),
        port=section.take("port", whole, 8080),
        prefix=section.take("prefix", text, ""),
        tls_key=tls.take("key_file", text, ""),
        tls_cert=tls.take("cert_file", text, ""),
        workers=section.take("workers", whole, 1),
        limits=Limits(
            limits.take("body", whole, Limits().body),
            limits.take("decoded", whole, Limits().decoded),
            limits.take("header", whole, Limits().header),
            limits.take("upload", whole, Limits().upload),
            section.take("read_timeout", seconds) or None,
            limits.take("responses", whole, Limits().responses),
        ),
        proxies=section.strings("trusted_proxies"),
        origins=section.strings("cors_origins"),
        pause=section.take("drain_pause", seconds, 5.0),
        drain=section.take("drain_timeout", seconds, 45.0),
        idle=section.take("idle_timeout", seconds, 75.0),
        admin_port=section.take("admin_port", whole) or None,
    )
    section.skip(
        write_timeout="an answer takes as long as its provider does, which providers[].timeout bounds",
    )
    for each in (tls, limits, section):
        each.end()
    return server


def rules_of(routing: Section, providers: dict[str, ProviderSettings]) -> Rules:
    """How one is chosen."""
    strategy = one_of(*STRATEGIES)
    default = routing.take("default_provider", text)
    if default is not None and default not in providers:
        routing.error(
            "default_provider", f"there is no provider {default!r}; there are: {', '.join(providers)}"
        )
    fallbacks = {model: strings(names) for model, names in routing.table("fallbacks").items()}
    return Rules(
        strategy=routing.take("strategy", strategy, "simple-shuffle"),
        strategies={model: strategy(name) for model, name in routing.table("strategies").items()},
        fallbacks=fallbacks,
        cooling=routing.take("cooldown_period", seconds, 60.0),
        smoothing=routing.take("ewma_alpha", number, 0.1),
        has_affinity=routing.take("session_affinity", flag, True),
        preferred=default or "",
        falls_back=routing.take("fallback_enabled", flag, True),
    )


def backoff_of(routing: Section) -> Backoff | None:
    """How long a retry waits; `None` where nothing is said of it."""
    given = {
        "base": routing.take("retry_backoff", seconds),
        "most": routing.take("retry_max_backoff", seconds),
        "jitter": routing.take("retry_jitter", part),
    }
    said = {name: value for name, value in given.items() if value is not None}
    return Backoff(**said) if said else None


def is_traced(tracing: Section) -> bool:
    """Whether requests are spans; where spans go is the SDK's business."""
    is_on = tracing.take("enabled", flag, False)
    tracing.skip(**TRACED)
    tracing.end()
    return is_on


def provider_of(section: Section, known: dict[str, ProviderSettings]) -> ProviderSettings:
    """A provider, added to those that are *known*."""
    name = section.take("name", text, "")
    asked = section.take("type", text, name)
    kind, base_url = kind_of(asked, section.take("base_url", text))
    settings = ProviderSettings(
        name=name,
        kind=kind,
        api_key=section.take("api_key", text),
        base_url=base_url,
        headers=section.take("headers", secrets) or {},
        settings=further_of(section, kind),
        timeout=section.take("timeout", seconds),
        at_once=section.take("max_concurrent", whole),
        passes_login=section.take("pass_login", flag, False),
    )
    if not name:
        section.error("name", "is missing")
    elif name in known:
        section.error("name", f"there are two providers called {name!r}")
    if not (settings.kind or settings.base_url):
        section.error("type", f"{registry.hint(asked)}; any server of OpenAI's wire will do with a base_url")
    section.take("allow_private_base_url", flag)  # what is configured is trusted
    known[name] = settings
    return settings


def further_of(section: Section, kind: str) -> dict[str, str]:
    """What the provider wants besides a key and an address: a region, a project, a version."""
    further = section.section("settings")
    provider = registry.find(kind) if kind else None
    found = {name: further.take(name, text) for name in (provider.settings_env if provider else ())}
    further.end()
    return {name: value for name, value in found.items() if value is not None}


def models_of(section: Section, provider: ProviderSettings, taken: set[str]) -> list[DeploymentSettings]:
    """The provider's models."""
    out: list[DeploymentSettings] = []
    for index, item in enumerate(section.items("models")):
        raw: Any = {"name": item} if isinstance(item, str) else item
        if not isinstance(raw, dict):
            section.error(f"models[{index}]", "must be a model's name, or a table with one")
            continue
        model = model_of(Section(raw, f"{section.at('models')}[{index}]", section.findings), provider, taken)
        taken.add(model.deployment.name)
        out.append(model)
    return out


def model_of(section: Section, provider: ProviderSettings, taken: set[str]) -> DeploymentSettings:
    """A model: its name for those who ask, and what it is called at the provider."""
    name = section.take("name", text, "")
    preset = section.take("preset", text, "")
    model = section.take("model", text, ANY if preset else name)
    if not name:
        section.error("name", "is missing")
    unique = f"{provider.name}/{name}"
    while unique in taken:
        unique += "'"
    price, aliases = section.take("price", table), section.strings("aliases")
    deployment = Deployment(
        name=section.take("id", text, unique),
        model=f"{provider.name}/{model}",
        serves=tuple(each.lower() for each in (name, f"{provider.name}/{name}", *aliases)),
        weight=section.take("weight", number),
        rpm=section.take("rpm", whole),
        tpm=section.take("tpm", whole),
        context=section.take("context", whole),
        vision=section.take("vision", flag, True),
        tools=section.take("tools", flag, True),
        schema=section.take("json_schema", flag, True),
        thinking=section.take("thinking", flag, True),
        windows=windows_of(section),
        price=None if price is None else (float(price.get("input", 0)), float(price.get("output", 0))),
    )
    rewriting = rewriting_of(section)
    section.end()
    return DeploymentSettings(deployment, provider.name, (name, *aliases), rewriting, price, preset)


def redis_of(top: Section, *, is_shared: bool) -> str:
    """The Redis that gateways share, "" where they share none."""
    section = top.section("redis")
    address, password = section.take("addr", text, ""), section.take("password", text, "")
    database = section.take("db", whole, 0)
    section.end()
    if not is_shared:
        return ""
    if not address:
        top.error("routing.distributed", "wants a redis: `redis: {addr: host:6379}`")
    secret = f":{password}@" if password else ""
    return f"redis://{secret}{address}/{database}"


# ------------------------------------------------------------------------------------------ tables

MODES = ("standalone", "distributed", "development")
TRACED = {
    name: f"the process that is started with opentelemetry-instrument is told by {variable}"
    for name, variable in (
        ("endpoint", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("insecure", "OTEL_EXPORTER_OTLP_INSECURE"),
        ("service_name", "OTEL_SERVICE_NAME"),
        ("sample_rate", "OTEL_TRACES_SAMPLER_ARG"),
    )
}
"""https://opentelemetry.io/docs/languages/sdk-configuration/"""

ELSEWHERE = {
    "stream": "a stream falls back before its first content, and is never spliced",
    "rate_limit": "a deployment has its own rpm, tpm and windows",
    "observability": "there are metrics, tracing and the log",
    "cors": "server.cors_origins are the pages that may ask",
    "cache": "answers are not kept",
    "healthcheck": "a deployment is left alone once its answers fail",
    "mcp": "tools are the client's",
    "vault": "secrets come from variables and files: ${NAME}, ${file:/path}",
    "pricing_file": "a model may have a price",
}
"""Sections of other parts of that dialect, and what there is instead."""
