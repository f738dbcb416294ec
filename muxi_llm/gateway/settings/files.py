"""Files and the environment → settings."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from muxi_llm import config
from muxi_llm.candidates import is_configured
from muxi_llm.core.request import MAKERS
from muxi_llm.gateway.settings import toml_dialect, yaml_dialect
from muxi_llm.gateway.settings.governed import governance_of
from muxi_llm.gateway.settings.model import DeploymentSettings, ProviderSettings, Settings
from muxi_llm.gateway.settings.reading import ConfigurationError, Finding, Section, parsed
from muxi_llm.providers import registry
from muxi_llm.routing.deployments import Deployment
from muxi_llm.routing.router import Rules

if TYPE_CHECKING:
    from collections.abc import Sequence

READERS = {"toml": toml_dialect.settings_of, "yaml": yaml_dialect.settings_of}


def read(path: str | Path) -> tuple[Settings, Sequence[Finding]]:
    """The settings of a file, and what should be known about them. Raises `ConfigurationError`."""
    file = Path(path)
    try:
        content = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8"
        raise ConfigurationError([Finding(str(path), f"cannot be read: {why}")]) from None
    dialect, raw = parsed(file, content)
    findings: list[Finding] = []
    settings = READERS[dialect](Section(raw, "", findings))
    errors = [finding for finding in findings if finding.is_error]
    if errors:
        raise ConfigurationError(errors)
    checksum = sha256(content.encode()).hexdigest()
    return replace(settings, notes=tuple(map(str, findings)), checksum=checksum), findings


def of_environment() -> Settings:
    """Every provider whose key is in the environment, each model by `provider/model`, known ones by their own
    names too. Raises `ConfigurationError` where there is no key.
    """
    kinds = [kind for kind in registry.own() if is_configured(kind) and config.credentials(kind).api_key]
    if not kinds:
        why = "no provider's key is in the environment: set one (OPENAI_API_KEY, ANTHROPIC_API_KEY, ...)"
        raise ConfigurationError([Finding("", f"{why}, or give a configuration file")])
    return Settings(
        providers={kind.name: ProviderSettings(kind.name, kind.name) for kind in kinds},
        deployments=tuple(
            DeploymentSettings(Deployment(kind.name, f"{kind.name}/*", _served_by(kind.name)), kind.name)
            for kind in kinds
        ),
        rules=Rules("in-order"),
        governance=governance_of(Section({}, "", [])),
    )


def _served_by(name: str) -> tuple[str, ...]:
    """What people call the models of a provider."""
    makers = tuple(f"{word}-*" for word, maker in MAKERS.items() if maker == name)
    return (f"{name}/*", *makers, *(OPENAIS if name == "openai" else ()))


OPENAIS = ("gpt-*", "o1*", "o3*", "o4*", "chatgpt-*", "codex-*", "text-embedding-*")
