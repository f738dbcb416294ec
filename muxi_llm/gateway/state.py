"""Settings at work. A reload makes another of these and swaps one reference; requests keep theirs."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from muxi_llm import config, runtime
from muxi_llm.core.request import Candidate, ModelRef
from muxi_llm.errors import InvalidRequestError
from muxi_llm.gateway.presets import Presets
from muxi_llm.prices import price_of
from muxi_llm.providers import registry
from muxi_llm.providers.compatible import MORE, OpenAICompatible
from muxi_llm.providers.voices import OPENAI_AUDIO
from muxi_llm.routes import Place, Routes

if TYPE_CHECKING:
    from muxi_llm.core.port import IO
    from muxi_llm.gateway.settings.model import DeploymentSettings, ProviderSettings, Settings
    from muxi_llm.providers.base import Provider


class State:
    """What every request needs to know."""

    def __init__(self, settings: Settings, before: State | None = None) -> None:
        """before: whose place it takes; what is known of the deployments that stay is kept.

        Raises `InvalidRequestError` for a provider that cannot be reached as it is configured.
        """
        self.presets: Presets = Presets(settings, None if before is None else before.presets)
        settings = replace(settings, deployments=tuple(map(priced, settings.deployments)))
        places = [place_of(one, settings.providers[one.provider]) for one in settings.deployments]
        self.settings = settings
        at_once = {one.name: one.at_once for one in settings.providers.values() if one.at_once}
        rules = replace(settings.rules, at_once=at_once)
        self.routes: Routes = Routes(places, rules, None if before is None else before.routes)

    @cached_property
    def port(self) -> IO:
        """What requests are sent over: the gateway's own transport, where nobody has named one."""
        return runtime.port("direct")


class ConfiguredProvider(OpenAICompatible, register=False):
    """A server that speaks OpenAI's wire, and that this library has no name for."""

    key_required = False
    more_wires = {**MORE, **OPENAI_AUDIO}
    vision_support = True
    json_schema_support = True
    reasoning_replay_support = True
    reasoning_details_support = True
    extra_content_support = True


def priced(one: DeploymentSettings) -> DeploymentSettings:
    """*one* with the list price of its model, where the configuration has none."""
    own = one.deployment
    if own.price is not None:
        return one
    asked, answered = price_of(own.model, "input"), price_of(own.model, "output")
    if asked is None or answered is None:
        return one
    return replace(one, deployment=replace(own, price=(float(asked) / 1e6, float(answered) / 1e6)))


def place_of(deployment: DeploymentSettings, settings: ProviderSettings) -> Place:
    """A deployment, and its provider as it is reached from here."""
    provider = provider_of(settings)
    provider.rewrite = deployment.rewriting
    model = deployment.deployment.model.partition("/")[2]
    return Place(deployment.deployment, Candidate(ModelRef(settings.name, model), provider))


def provider_of(settings: ProviderSettings) -> Provider:
    """The provider as it is configured; what the configuration does not say is in the environment: by the
    variables of the registered provider, or, of a server that has no name here, by its own (`HOUSE_API_KEY`,
    `HOUSE_BASE_URL`, which wins over the file: nobody else uses it).
    """
    kind = registry.find(settings.kind) if settings.kind else ConfiguredProvider
    assert kind is not None  # the dialects refuse what there is not
    found = config.credentials(kind)
    own = "" if settings.kind else re.sub(r"\W", "_", settings.name).upper()
    provider = kind(
        api_key=settings.api_key or found.api_key or os.environ.get(f"{own}_API_KEY"),
        base_url=os.environ.get(f"{own}_BASE_URL") or settings.base_url or found.base_url,
        headers={**found.headers, **settings.headers},
        settings={**found.settings, **settings.settings},
    )
    if not settings.kind:
        provider.name = settings.name  # type: ignore[misc] # the class stands for whichever it is
    if settings.base_url and not provider.api_key:
        provider.key_required = False  # a server of one's own may ask for none
    provider.timeout = settings.timeout
    provider.takes_logins = settings.passes_login
    if settings.passes_login:
        check_host(provider, settings.name)
    return provider


def check_host(provider: Provider, name: str) -> None:
    """Raises `InvalidRequestError` where people's logins at Anthropic would go to anybody else."""
    url = urlsplit(provider.base_url)
    host = url.hostname or ""
    is_anthropics = url.scheme == "https" and f".{host}".endswith(".anthropic.com")
    if provider.name != "anthropic" or not (is_anthropics or host in LOOPBACK):
        message = f"pass_login of {name}: a login is Anthropic's, and goes to anthropic.com alone"
        raise InvalidRequestError(message, param="pass_login")


LOOPBACK = {"127.0.0.1", "::1", "localhost"}
