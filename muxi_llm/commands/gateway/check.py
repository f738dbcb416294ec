"""`muxi-llm check`: what a gateway's configuration means, and what is wrong in it."""

# ruff: noqa: T201 - printing is what a command is for

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from muxi_llm.gateway.serve import check_open
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.settings.reading import ConfigurationError
from muxi_llm.gateway.state import State, provider_of
from muxi_llm.routing.deployments import CAPABILITIES
from muxi_llm.routing.facts import span

if TYPE_CHECKING:
    import argparse

    from muxi_llm.gateway.settings.model import Settings
    from muxi_llm.routing.deployments import Deployment


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments of `check`."""
    parser.add_argument("--config", metavar="FILE", required=True, help="a .toml or .yaml file")
    parser.set_defaults(run=run)


def run(given: argparse.Namespace) -> int:
    """Explain; 0 if it can be served, 1 if that would surprise somebody, 2 if it cannot be."""
    try:
        settings, findings = files.read(given.config)
        check_open(settings)
        State(settings)
    except ConfigurationError as error:
        for finding in error.findings:
            print(f"error: {finding}", file=sys.stderr)
        return 2
    print("\n".join(explained(settings)))
    warnings = [*map(str, findings), *unreachable(settings), *keyless(settings)]
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return 1 if warnings else 0


def explained(settings: Settings) -> list[str]:
    """The configuration, in words."""
    server = settings.server
    who = f"{len(settings.tokens)} tokens" if settings.tokens else "no tokens"
    if settings.governance.database:
        who = f"the keys of a database and {who}"
    return [
        f"listens on {server.host}:{server.port}, {who}",
        f"chooses by {settings.rules.strategy}",
        *(f"  {one.name}: for {', '.join(one.serves)}{limits_of(one)}" for one in deployments_of(settings)),
    ]


def deployments_of(settings: Settings) -> list[Deployment]:
    """In their order."""
    return [one.deployment for one in settings.deployments]


def limits_of(one: Deployment) -> str:
    """What a deployment cannot do, and its limits."""
    said = [f"no {name}" for name in CAPABILITIES if not getattr(one, name)]
    said += [f"{value} {name}" for name in LIMITS if (value := getattr(one, name)) is not None]
    said += [f"{window.limit} in {span(window.seconds)}" for window in one.windows]
    return f" ({', '.join(said)})" if said else ""


def unreachable(settings: Settings) -> list[str]:
    """Deployments that are never asked first, because one before them takes all that is theirs."""
    if settings.rules.strategy != "in-order":
        return []
    found, own = [], deployments_of(settings)
    for place, later in enumerate(own):
        shadow = next((one for one in own[:place] if takes_all_of(one, later)), None)
        if shadow is not None:
            found.append(f"{later.name} is asked only when {shadow.name} fails, which takes all it could")
    return found


def takes_all_of(earlier: Deployment, later: Deployment) -> bool:
    """Whether whatever *later* may be asked goes to *earlier*."""
    able = all(getattr(earlier, name) or not getattr(later, name) for name in CAPABILITIES)
    serves = "*" in earlier.serves or set(later.serves) <= set(earlier.serves)
    fits = earlier.context is None or (later.context is not None and later.context <= earlier.context)
    return able and serves and fits and not earlier.windows


LIMITS = ("context", "rpm", "tpm", "weight")


def keyless(settings: Settings) -> list[str]:
    """Providers that want a key and have none."""
    missing = []
    for one in settings.providers.values():
        provider = provider_of(one)
        if provider.key_required and not provider.api_key:
            missing.append(f"{one.name}: no API key; give api_key, or set {' or '.join(provider.key_env)}")
    return missing
