"""Who may: two questions, asked here and nowhere else. `admit` before anything is sent, `settle` after all is
over. Governance answers them from a store; without it, the configuration's own tokens do.
"""

from __future__ import annotations

import hmac
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple, Protocol

from muxi_llm.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.gateway.told import Told


class Principal(NamedTuple):
    """Who asks. id: told in logs and metrics, and part of what a session is pinned by."""

    id: str


class Admission(Protocol):
    """Answers for those who may."""

    async def admit(self, headers: Mapping[str, str]) -> Principal:
        """Who it is that asks. Raises the refusal the client is to read."""

    def settle(self, principal: Principal, told: Told) -> None:
        """What it came to: called once for each request that was admitted, however it ended."""


ANYBODY = Principal("")


class Anybody:
    """A gateway that asks nobody for a token."""

    async def admit(self, headers: Mapping[str, str]) -> Principal:  # noqa: ARG002
        """Anybody."""
        return ANYBODY

    def settle(self, principal: Principal, told: Told) -> None:
        """Nothing is kept."""


class Tokens(Anybody):
    """The configuration's own tokens, name → secret."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._names = {digest(secret): Principal(name) for name, secret in tokens.items()}

    async def admit(self, headers: Mapping[str, str]) -> Principal:
        """Whose token it is: `x-api-key` before `Authorization`, since who sends both (Claude Code with a
        login of its own) means the first for the gateway. Hashes are looked up, so that the time it takes
        says nothing of any secret.
        """
        for token in tokens_in(headers):
            found = self._names.get(digest(token))
            if found is not None:
                return found
        given = any(tokens_in(headers))
        message = "the API key is not known here" if given else f"no API key: {HOW}"
        raise refusal(401, message, type="authentication_error", code="invalid_api_key")


def tokens_in(headers: Mapping[str, str]) -> list[str]:
    """The tokens a client sent, in the order they are asked for."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return [token for token in (headers.get("x-api-key", "").strip(), bearer) if token]


def digest(secret: str) -> bytes:
    """What a secret is known by."""
    return hmac.digest(PEPPER, secret.encode(), sha256)


HOW = "send it as a Bearer token, or as x-api-key"
PEPPER = b"muxi-llm token"
