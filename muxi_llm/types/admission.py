"""The words in which a gateway and its governance speak of a request: neither knows more of the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from muxi_llm.errors import refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from muxi_llm.core.request import Candidate
    from muxi_llm.errors import APIError, MuxiLLMError


class Principal(NamedTuple):
    """Who asks. id: of the key or token; told in logs and metrics, and part of what a session is pinned by.
    user, team, organization: ids of whose it is, "" for none. names: what people call them, by `key`, `user`,
    `team`, `organization`.
    """

    id: str
    user: str = ""
    team: str = ""
    organization: str = ""
    role: str = ""
    names: Mapping[str, str] = {}


class Asked(NamedTuple):
    """What is asked for, before anybody has been. body: the rest of it, in the client's own wire; size: its
    bytes. session: as the client calls it, "" for none. chosen: whom the router names, in order, each with
    its deployment (`candidate.watch.facts`). choose: whom it would name for another model; raises as it does.

    Of files and batches: model is the one that a file's lines ask for, "" where nobody says; nobody is
    chosen, since what is kept somewhere is there.
    """

    path: str
    request_id: str
    model: str
    body: Mapping[str, Any]
    size: int
    session: str
    chosen: Sequence[Candidate]
    choose: Callable[[str], Sequence[Candidate]]
    sent: Callable[[], int] = int
    """Bytes of its answer by now."""


class Grant:
    """That it may be done, as it was asked. What keeps account of more is a subclass.

    model: asked for instead, "" for the one that was asked for. without: names of providers that are not
    asked. headers: told with the answer.
    """

    model: str = ""
    without: frozenset[str] = frozenset()
    headers: Mapping[str, str] = {}

    async def again(self, billed: int) -> None:
        """Another attempt is about to be sent, after *billed* that may cost although they failed. Raises the
        refusal the client is to read.
        """

    async def goes_on(self, told: Any) -> None:
        """What lasts (a session) has used by now what is *told*. Raises the refusal the client is to read."""


def stranger(headers: Mapping[str, str]) -> MuxiLLMError:
    """The refusal of who is not known here."""
    message = "the API key is not known here" if any(tokens_in(headers)) else f"no API key: {HOW}"
    return refusal(401, message, type="authentication_error", code="invalid_api_key")


def tokens_in(headers: Mapping[str, str]) -> list[str]:
    """The tokens a client sent, in the order they are asked for."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    bearer = token.strip() if scheme.lower() == "bearer" else ""
    return [token for token in (headers.get("x-api-key", "").strip(), bearer) if token]


def spent(message: str, *, resets_at: float, now: float, **facts: float | str) -> MuxiLLMError:
    """The error of a budget, or of a limit of hours: who asks again before it resets asks in vain.

    message: what the person reads; it says which period, and when it resets. resets_at, now: Unix times.
    facts: which scope, its limit, what of it is spent; in the body.
    """
    seconds = max(resets_at - now, 1.0)
    error = refusal(429, message, type="usage_limit_reached", code=SPENT, retry_after=seconds)
    cast("APIError", error).body = {"resets_at": round(resets_at), **facts}
    return error


def is_spent(error: MuxiLLMError) -> bool:
    """Whether asking again soon is in vain."""
    return getattr(error, "code", None) == SPENT


SPENT = "insufficient_quota"
"""OpenAI's word for it. With `usage_limit_reached` and `resets_at` Codex asks once and names the time; of any
other 429 it asks six times. Anthropic's is `billing_error`, whose message Claude Code shows as it is.
https://code.claude.com/docs/en/llm-gateway-protocol
"""

HOW = "send it as a Bearer token, or as x-api-key"
