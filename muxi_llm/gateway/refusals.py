"""Errors on their way out: a status a client can act on, in the words of its own protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from muxi_llm.errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    KillSwitchActiveError,
    MalformedReplyError,
    MissingCredentialsError,
    NoPermitError,
)

if TYPE_CHECKING:
    from muxi_llm.errors import APIError, MuxiLLMError
    from muxi_llm.wire.inbound import Inbound


def status_of(error: MuxiLLMError) -> int:
    """The status that says it best."""
    for kind, status in STATUSES:
        if isinstance(error, kind):
            return status
    return error.status_code if isinstance(error, APIStatusError) else 500


def headers_of(error: MuxiLLMError, status: int) -> dict[str, str]:
    """What the client is told beside the body: when to come back, and whether that makes sense."""
    said = error.response.headers if isinstance(error, APIStatusError) else {}
    headers = {name: said[name] for name in KEPT if name in said}
    headers["content-type"] = "application/json"
    headers["x-should-retry"] = "true" if status in PASSING else "false"
    if status in PASSING and "retry-after" not in headers:  # without it Codex ends the turn
        headers["retry-after"] = str(max(round(error.retry_after or 1), 1))
    return headers


def body_of(error: MuxiLLMError, wire: Inbound, *, is_same_wire: bool) -> bytes:
    """The error in the client's own protocol; a provider that speaks it is quoted as it spoke."""
    kept = error.response.content if is_same_wire and isinstance(error, APIStatusError) else b""
    return kept or wire.encode_error(cast("APIError", error))


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
"""A provider's limits are of the gateway's key, and no client's business."""
