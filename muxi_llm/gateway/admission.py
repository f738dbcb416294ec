"""Who may: three questions, asked here and nowhere else. `authenticate` (who is it), `admit` (may they ask
that, and is there enough) before anything is sent, `settle` (what it was) after all is over. Governance
answers them from a store; without it, the configuration's own tokens do.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Protocol

from muxi_llm.errors import refusal
from muxi_llm.types.admission import Grant, Principal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.gateway.told import Told
    from muxi_llm.types.admission import Asked


class Admission(Protocol):
    """Answers for those who may."""

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Who it is that asks. Raises the refusal the client is to read."""

    async def admit(self, principal: Principal, asked: Asked) -> Grant:
        """Whether they may ask that now. Raises the refusal the client is to read."""

    def settle(self, told: Told) -> None:
        """What it came to: called once for each request that was granted, however it ended. Never waits."""


ANYBODY = Principal("")
AS_ASKED = Grant()


class Anybody:
    """A gateway that asks nobody for a token."""

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:  # noqa: ARG002
        """Anybody."""
        return ANYBODY

    async def admit(self, principal: Principal, asked: Asked) -> Grant:  # noqa: ARG002
        """Everything."""
        return AS_ASKED

    def settle(self, told: Told) -> None:
        """Nothing is kept."""


class Tokens(Anybody):
    """The configuration's own tokens, name → secret."""

    def __init__(self, tokens: Mapping[str, str]) -> None:
        self._names = {digest(secret): Principal(name) for name, secret in tokens.items()}

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Whose token it is: `x-api-key` before `Authorization`, since who sends both (Claude Code with a
        login of its own) means the first for the gateway. Hashes are looked up, so that the time it takes
        says nothing of any secret.
        """
        for token in tokens_in(headers):
            found = self._names.get(digest(token))
            if found is not None:
                return found
        raise stranger(headers)


def stranger(headers: Mapping[str, str]) -> MuxiLLMError:
    """The refusal of who is not known here."""
    message = "the API key is not known here" if any(tokens_in(headers)) else f"no API key: {HOW}"
    return refusal(401, message, type="authentication_error", code="invalid_api_key")


def tokens_in(headers: Mapping[str, str]) -> list[str]:
    """The tokens a client sent, in the order they are asked for."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return [token for token in (headers.get("x-api-key", "").strip(), bearer) if token]


def digest(secret: str) -> bytes:
    """What a secret is known by."""
    return blake2b(secret.encode(), key=PEPPER, digest_size=32).digest()


HOW = "send it as a Bearer token, or as x-api-key"
PEPPER = b"muxi-llm token"
