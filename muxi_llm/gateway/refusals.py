"""Errors on their way out: a status a client can act on, in the words of its own protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import orjson

from muxi_llm.errors import (
    LOCAL_URL,
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    KillSwitchActiveError,
    MalformedReplyError,
    MissingCredentialsError,
    NoPermitError,
)
from muxi_llm.types.admission import is_spent
from muxi_llm.wire.anthropic.inbound import AnthropicInbound

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from typing import Any

    from muxi_llm.errors import APIError, MuxiLLMError
    from muxi_llm.wire.inbound import Inbound

    Send = Callable[[dict[str, Any]], Coroutine[Any, Any, None]]


def status_of(error: MuxiLLMError) -> int:
    """The status that says it best."""
    for kind, status in STATUSES:
        if isinstance(error, kind):
            return status
    return error.status_code if isinstance(error, APIStatusError) else 500


def headers_of(error: MuxiLLMError, status: int) -> dict[str, str]:
    """What the client is told beside the body: when to come back, and whether that makes sense."""
    said = error.response.headers if isinstance(error, APIStatusError) else {}
    is_ours = isinstance(error, APIStatusError) and str(error.request.url) == LOCAL_URL
    headers = {name: said[name] for name in said if name in KEPT or (is_ours and name.startswith(LIMITS))}
    headers["content-type"] = "application/json"
    headers["x-should-retry"] = "true" if status in PASSING and not is_spent(error) else "false"
    if status in PASSING and "retry-after" not in headers:  # without it Codex ends the turn
        headers["retry-after"] = str(max(round(error.retry_after or 1), 1))
    return headers


def body_of(error: MuxiLLMError, wire: Inbound, *, is_same_wire: bool) -> bytes:
    """The error in the client's own protocol; a provider that speaks it is quoted as it spoke."""
    kept = error.response.content if is_same_wire and isinstance(error, APIStatusError) else b""
    if kept:
        return kept
    told = orjson.loads(wire.encode_error(cast("APIError", error)))
    fault, facts = told["error"], getattr(error, "body", None)
    fault["type"] = fault["type"] or ("server_error" if status_of(error) >= 500 else "invalid_request_error")
    if is_spent(error) and isinstance(facts, dict) and "resets_at" in facts:
        fault.update(facts)
        if isinstance(wire, AnthropicInbound):
            fault["type"] = "billing_error"
    return orjson.dumps(told)


async def refuse(send: Send, error: MuxiLLMError, wire: Inbound, *, is_same_wire: bool = False) -> None:
    """Tell the client what became of it, in its own protocol."""
    status = status_of(error)
    await respond(send, status, headers_of(error, status), body_of(error, wire, is_same_wire=is_same_wire))


async def respond(send: Send, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """A whole answer."""
    length = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": raw(headers) + length})
    await send({"type": "http.response.body", "body": body})


def raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers, by lower-case names, as ASGI has them."""
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


STATUSES = (
    (NoPermitError, 503),
    (APITimeoutError, 504),
    (MalformedReplyError, 502),
    (KillSwitchActiveError, 503),
    (MissingCredentialsError, 503),  # of ours, with a provider: the client's own was good
    (APIConnectionError, 502),
)
PASSING = {408, 409, 429, 503, 529}
"""What may be otherwise in a while."""

KEPT = ("retry-after", "request-id", "x-request-id")
LIMITS = "x-ratelimit-"
"""Of the client's own key. A provider's are of the gateway's key, and no client's business."""
