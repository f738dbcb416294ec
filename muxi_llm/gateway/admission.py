"""Who may: three questions, asked here and nowhere else. `authenticate` (who is it), `admit` (may they ask
that, and is there enough) before anything is sent, `settle` (what it was) after all is over. Governance
answers them from a store; without it, the configuration's own tokens do.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Protocol

from muxi_llm.types.admission import Grant, Principal, stranger, tokens_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.gateway.app import Gateway
    from muxi_llm.gateway.settings.model import Settings
    from muxi_llm.gateway.told import Told
    from muxi_llm.types.admission import Asked


class Admission(Protocol):
    """Answers for those who may. counts: whether it wants to know what every stream has used."""

    counts: bool

    @property
    def state(self) -> Mapping[str, str]:
        """How it does, in the words that readiness tells it by."""

    def begin(self, settings: Settings) -> None:
        """Get ready, on a thread that may wait; called once."""

    def end(self) -> None:
        """No more requests will come; on a thread that may wait."""

    def configured(self, settings: Settings) -> None:
        """The configuration is another one from here on."""

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        """Who it is that asks. Raises the refusal the client is to read."""

    async def admit(self, principal: Principal, asked: Asked) -> Grant:
        """Whether they may ask that now. Raises the refusal the client is to read."""

    def settle(self, told: Told) -> None:
        """What it came to: called once for each request that was granted, however it ended. Never waits."""

    def managed(self, gateway: Gateway) -> Management | None:
        """What changes who may at *gateway*, if anything does; asked once, before it begins."""


class Management(Protocol):
    """An application for some paths."""

    paths: frozenset[str]
    """What it answers, below the prefix."""

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI. The path is one of its `paths`."""


ANYBODY = Principal("")
AS_ASKED = Grant()


class Anybody:
    """A gateway that asks nobody for a token."""

    counts = False
    state: Mapping[str, str] = {}

    def begin(self, settings: Settings) -> None:
        """Nothing is needed."""

    def end(self) -> None:
        """Nothing is kept."""

    def configured(self, settings: Settings) -> None:
        """Nothing depends on it."""

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:  # noqa: ARG002
        """Anybody."""
        return ANYBODY

    async def admit(self, principal: Principal, asked: Asked) -> Grant:  # noqa: ARG002
        """Everything."""
        return AS_ASKED

    def settle(self, told: Told) -> None:
        """Nothing is kept."""

    def managed(self, gateway: Gateway) -> Management | None:  # noqa: ARG002
        """Nothing does."""
        return None


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


def digest(secret: str) -> bytes:
    """What a secret is known by."""
    return blake2b(secret.encode(), key=PEPPER, digest_size=32).digest()


PEPPER = b"muxi-llm token"
