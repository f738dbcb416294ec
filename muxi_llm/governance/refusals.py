"""Refusals of the management, each by its status in the type that OpenAI's clients know."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.errors import refusal

if TYPE_CHECKING:
    from muxi_llm.errors import MuxiLLMError


def refused(status: int, message: str, code: str, param: str | None = None) -> MuxiLLMError:
    """The error to raise."""
    return refusal(status, message, type=TYPES.get(status, "invalid_request_error"), code=code, param=param)


def absent(kind: str, which: str, param: str | None = None) -> MuxiLLMError:
    """It is not there, or not theirs: which of both is nobody's business."""
    return refused(404, f"there is no {kind} {which!r} here", "not_found", param)


TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
    503: "service_unavailable_error",
}
