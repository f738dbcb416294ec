"""Who keeps files here, what seals their ids, and those ids inside of requests for a model."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from muxi_llm.errors import InvalidRequestError
from muxi_llm.gateway.state import provider_of
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.stored.ids import home_of
from muxi_llm.stored.seals import BEGINS, Seal, place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.core.request import Candidate
    from muxi_llm.gateway.state import State
    from muxi_llm.providers.base import Provider


def keeper_of(state: State, name: str) -> Provider:
    """A provider, by its configured name, as one that keeps files: a server without a name of this library's
    is asked as OpenAI is.
    """
    provider = provider_of(state.settings.providers[name])
    if state.settings.providers[name].kind:
        return provider
    own = OpenAIProvider(api_key=provider.api_key, base_url=provider.base_url, headers=provider.headers)
    own.key_required = False
    return own


def seal_of(state: State, provider: Provider, place: str, owner: str) -> Seal:
    """What seals the ids that are the *owner*'s at *place*."""
    settings = state.settings
    secret = settings.id_secret or provider.api_key or "\0".join(sorted(settings.tokens.values()))
    return Seal(secret.encode(), owner, place)


def unsealed(state: State, owner: str, content: bytes) -> tuple[bytes, set[str]]:
    """*content*, JSON, with ids of the owner's files as their providers know them; and those providers."""
    if MARK not in content:
        return content, set()
    places: set[str] = set()

    def put(match: re.Match[bytes]) -> bytes:
        given = match[1].decode()
        place = place_of("file", given)
        if place is None or place not in state.settings.providers:
            return match[0]
        found = seal_of(state, keeper_of(state, place), place, owner).opened("file", given)
        if found is None:
            return match[0]
        places.add(place)
        home = home_of(found, "file_id")
        return orjson.dumps(found if home is None else home.id)

    return NAMED.sub(put, content), places


def having(chosen: Sequence[Candidate], places: set[str]) -> Sequence[Candidate]:
    """Of those *chosen* the ones that have the files of a request. Raises where there is none."""
    if not places:
        return chosen
    found = [one for one in chosen if {one.ref.provider} == places]
    if not found:
        message = f"the files are kept by {', '.join(sorted(places))}, which does not serve that model here"
        raise InvalidRequestError(message, param="file_id")
    return found


MARK = BEGINS["file"].encode()
NAMED = re.compile(rb'"(' + MARK + rb'[\w-]+)"')
