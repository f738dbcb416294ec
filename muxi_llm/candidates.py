"""Who may be asked: model ids, and what is configured now, as candidates with providers ready to be used.

What is configured is read at each call; a provider is made anew only where something it was made of is
another than before. What cannot be sent (a key with a line end, an address that is none) is refused here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from muxi_llm import config
from muxi_llm.core.call import missing_credentials
from muxi_llm.core.options import models_of
from muxi_llm.core.request import Candidate, ModelRef
from muxi_llm.errors import InvalidRequestError, shown_url
from muxi_llm.providers import registry
from muxi_llm.wire.base import Ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Endpoint


def candidates_of(endpoint: Endpoint, given: Mapping[str, Any], settings: config.Settings) -> list[Candidate]:
    """The chain: the model (or models), then the fallbacks of the call or of the configuration."""
    first, *rest = models_of(endpoint, given.get("model"), given, settings)
    api_key, base_url = given.get("api_key"), given.get("base_url")
    primary = candidate_of(first, api_key=api_key, base_url=base_url, default="openai" if base_url else None)
    if primary.provider.key_required and not primary.provider.api_key:
        # Where a key would not help, that is to be said.
        primary.provider.wire_for(endpoint, primary.ref.name, Ledger(primary.ref.provider))
        raise missing_credentials(primary)
    return [primary, *(_fallback(model, primary, api_key, base_url) for model in rest)] if rest else [primary]


def _fallback(model: str, primary: Candidate, api_key: str | None, base_url: str | None) -> Candidate:
    """A fallback; the call's key and URL are its own only if they are for its provider."""
    ref = ModelRef.parse(model, registry.find, hint=registry.hint)
    if ref.provider != primary.ref.provider:
        return candidate_of(model)
    return candidate_of(model, api_key=api_key, base_url=base_url)


def candidate_of(
    model: object, *, api_key: str | None = None, base_url: str | None = None, default: str | None = None
) -> Candidate:
    """A model id → a candidate with its provider's credentials of now.

    Raises `InvalidModelError`, and `InvalidRequestError` for a key or an address that cannot be sent.
    """
    for name, value in (("api_key", api_key), ("base_url", base_url)):
        if value is not None and not isinstance(value, str):
            raise InvalidRequestError(f"{name} must be a string, not {type(value).__name__}", param=name)
    if not isinstance(model, str):
        return _made(ModelRef.parse(model, registry.find), api_key, base_url)[2]  # raises
    asked = model, api_key, base_url, default
    prefix = model.partition("/")[0]
    known = _known.get(asked)
    named = registry.find(prefix)
    if known is not None and known[3] is named and config.traces(known[0]) == known[1]:
        return known[2]
    ref = ModelRef.parse(model, registry.find, default=default, hint=registry.hint)
    kind, traces, candidate = _made(ref, api_key, base_url)
    if len(_known) >= KNOWN:
        _known.clear()
    _known[asked] = kind, traces, candidate, named
    return candidate


def _made(
    ref: ModelRef, api_key: str | None, base_url: str | None
) -> tuple[type[Provider], tuple[Any, ...], Candidate]:
    kind = registry.find(ref.provider)
    assert kind is not None  # parse only lets known providers through
    traces, found = config.traces(kind), config.credentials(kind)
    keys = () if api_key else found.keys
    provider = kind(
        api_key=api_key or found.api_key or (keys[0] if keys else None),
        base_url=base_url or found.base_url,
        headers=found.headers,
        settings=found.settings,
    )
    provider.keys = keys
    for key in keys or (provider.api_key,):
        _check_key(key, kind, given=bool(api_key))
    if provider.base_url != kind.base_url:
        _check_url(provider.base_url, kind, given=bool(base_url))
    return kind, traces, Candidate(ref, provider)


def _check_key(key: object, kind: type[Provider], *, given: bool) -> None:
    if key is None or (isinstance(key, str) and not UNFIT_FOR_A_KEY.search(key)):
        return
    where = "api_key=" if given else f"muxi_llm.{kind.name}_api_key or {' or '.join(kind.key_env)}"
    why = (
        "holds white space, quotes or other characters that no key has"
        if isinstance(key, str)
        else "is no string"
    )
    raise InvalidRequestError(f"the api_key of {kind.name} {why}; look at {where}", param="api_key")


def _check_url(url: str, kind: type[Provider], *, given: bool) -> None:
    if "{" in url or not url or _is_url(url):
        return
    where = "base_url=" if given else f"muxi_llm.{kind.name}_base_url or {' or '.join(kind.base_url_env)}"
    raise InvalidRequestError(
        f"the base_url of {kind.name} is no URL: {shown_url(url)!r}; look at {where} (one is like"
        f" 'http://localhost:8000/v1')",
        param="base_url",
    )


def _is_url(text: str) -> bool:
    try:
        return bool(URL.fullmatch(text)) and urlsplit(text).port != 0
    except ValueError:  # a port or an IPv6 address that is none
        return False


# --------------------------------------------------------------------------- what is configured


def is_configured(kind: type[Provider]) -> bool:
    """Whether there is a key for *kind*, or, where none is needed, somebody set where it is."""
    found = config.credentials(kind)
    return bool(found.api_key or found.keys or (not kind.key_required and (found.base_url or found.settings)))


def is_meant(kind: type[Provider]) -> bool:
    """Whether a client with a server of its own means *kind* by a model's prefix: if it is configured, or
    was brought along by the program itself.
    """
    return is_configured(kind) or not registry.is_built_in(kind.name)


def any_key() -> bool:
    """Whether some provider has a key: then a client may do without OpenAI's."""
    return any(found.api_key or found.keys for found in map(config.credentials, registry.own()))


# ------------------------------------------------------------------------------------------ tables

KNOWN = 512
"""How many candidates are kept at most: who brings thousands of keys must not fill the memory."""

_known: dict[tuple[str, Any, Any, Any], tuple[type[Provider], tuple[Any, ...], Candidate, Any]] = {}
"""By what was asked for: the candidate, and what it was made of."""

UNFIT_FOR_A_KEY = re.compile(r"[^!#-&(-~]")
URL = re.compile(r"https?://[^\s/?#\"'<>\\]+(?:[/?][^\s#\"'<>\\]*)?", re.IGNORECASE)
