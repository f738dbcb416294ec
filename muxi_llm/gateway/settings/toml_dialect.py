"""The TOML dialect: backends in the order they are tried, each with what it can do.

[provider.NAME]  [[backend]]  [tokens]  and the server's own keys at the top
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.gateway.settings.deployments import kind_of, presets_of, rewriting_of, windows_of
from muxi_llm.gateway.settings.governed import governance_of
from muxi_llm.gateway.settings.login import login_of
from muxi_llm.gateway.settings.model import DeploymentSettings, Limits, ProviderSettings, Server, Settings
from muxi_llm.gateway.settings.reading import flag, level, one_of, seconds, secrets, table, text, whole
from muxi_llm.routing.deployments import Deployment
from muxi_llm.routing.router import Rules

if TYPE_CHECKING:
    from muxi_llm.gateway.settings.reading import Section


def settings_of(top: Section) -> Settings:
    """What the file says; what is wrong in it goes to its findings."""
    providers = {
        name: provider_of(name, top.section("provider").section(name)) for name in top.table("provider")
    }
    bounds = bounds_of(top)
    backends = tuple(
        backend
        for index, section in enumerate(top.sections("backend"))
        if (backend := backend_of(section, index, providers, bounds)) is not None
    )
    if not backends:
        top.error("backend", 'there is none; write [[backend]] and model = "provider:model" below it')
    auth = top.section("auth")
    settings = Settings(
        providers=providers,
        deployments=backends,
        server=server_of(top),
        rules=Rules("in-order", cooling=top.take("cooldown", seconds, 60.0)),
        tokens=top.take("tokens", secrets) or {},
        governance=governance_of(top),
        retries=top.take("max_retries", whole),
        timeout=top.take("request_timeout", seconds, 90.0),
        mode=top.take("mode", one_of("adapt", "strict"), "adapt"),
        log_level=top.take("log_level", level, "INFO"),
        windows=top.take("windows_file", text, "llmux-windows.sqlite3"),
        id_secret=top.take("id_secret", text, ""),
        login=login_of(auth),
        presets=presets_of(top),
    )
    log = top.section("log")
    log.skip(request_details="no body is ever logged")
    log.end()
    auth.end()
    top.end()
    return settings


def server_of(top: Section) -> Server:
    """Where it listens."""
    has_tls = top.take("https_enabled", flag, False)
    key, certificate = top.take("ssl_key_file", text, ""), top.take("ssl_cert_file", text, "")
    top.skip(ssl_ca_file="clients are known by their tokens; a chain belongs into ssl_cert_file")
    if has_tls and not (key and certificate):
        top.error("https_enabled", "wants ssl_key_file and ssl_cert_file")
    return Server(
        host=top.take("host", text, "127.0.0.1"),
        port=top.take("port", whole, 8082),
        prefix=top.take("prefix", text, ""),
        admin_port=top.take("admin_port", whole) or None,
        limits=Limits(responses=top.take("kept_responses", whole, Limits().responses)),
        tls_key=key if has_tls else "",
        tls_cert=certificate if has_tls else "",
    )


def provider_of(name: str, section: Section) -> ProviderSettings:
    """A provider: a registered one by its name, or any server that speaks OpenAI's wire."""
    version = section.take("api_version", text)
    kind, base_url = kind_of("azure" if version else name, section.take("base_url", text))
    settings = ProviderSettings(
        name=name,
        kind=kind,
        api_key=section.take("api_key", text),
        base_url=base_url,
        settings={"api_version": version} if version else {},
        passes_login=section.take("pass_login", flag, False),
    )
    if not (settings.kind or settings.base_url):
        section.error("base_url", f"is missing: {name} is no provider that is known here")
    section.end()
    return settings


def bounds_of(top: Section) -> tuple[int | None, int | None]:
    """The least and the most tokens that an answer may be asked to have; the most may be a word, for none."""

    def most(value: object) -> int | None:
        return None if value in {"request", "ignore"} else whole(value)

    return top.take("min_tokens_limit", whole), top.take("max_tokens_limit", most)


def backend_of(
    section: Section,
    index: int,
    providers: dict[str, ProviderSettings],
    bounds: tuple[int | None, int | None],
) -> DeploymentSettings | None:
    """One backend; `None` where it is not said which."""
    asked = section.take("model", text, "")
    provider, colon, model = asked.partition(":")
    if not (colon and model):
        section.error("model", 'must be "provider:model"')
    elif provider not in providers:
        section.error(
            "model", f"there is no [provider.{provider}]; there are: {', '.join(providers) or 'none'}"
        )
    patterns = section.strings("model_match")
    deployment = Deployment(
        name=f"{provider}/{model}" if index == 0 else f"{provider}/{model}#{index + 1}",
        model=f"{provider}/{model}",
        serves=tuple(pattern.lower() for pattern in patterns) or ("*",),
        context=section.take("context", whole),
        vision=section.take("vision", flag, False),
        thinking=section.take("thinking", flag, False),
        windows=windows_of(section),
    )
    rewriting = rewriting_of(section, bounds)
    price, preset = section.take("price", table), section.take("preset", text, "")
    section.skip(weight="the first backend that can is asked; a YAML file's deployments are chosen by weight")
    section.end()
    if provider not in providers or not model:
        return None
    return DeploymentSettings(deployment, provider, (), rewriting, price, preset)
