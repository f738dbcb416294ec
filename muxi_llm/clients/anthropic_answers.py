"""What Anthropic's client reads besides answers: refusals, counts, and the values that tell of the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anthropic
import httpx2
from anthropic.types import Message as AnthropicMessage
from anthropic.types.beta import BetaMessage as AnthropicBetaMessage

from muxi_llm.errors import (
    APIResponseValidationError,
    APITimeoutError,
    FallbackExhaustedError,
    InvalidRequestError,
)
from muxi_llm.inbound import FRAMING
from muxi_llm.models import ReportedModel
from muxi_llm.utils.token_counter import count_tokens
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger, dumps, loads

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.inbound import Exchange

ERROR = "muxi_llm.error"
"""The response extension that carries our error to the one Anthropic's client makes of the response."""


class Message(ReportedModel, AnthropicMessage):
    """A message."""

    __slots__ = ("_muxi", "_wire_bytes")


class BetaMessage(ReportedModel, AnthropicBetaMessage):
    """A message with what is in beta."""

    __slots__ = ("_muxi", "_wire_bytes")


REPORTING: dict[Any, Any] = {AnthropicMessage: Message, AnthropicBetaMessage: BetaMessage}


def named(response: httpx2.Response) -> httpx2.Response:
    """*response*, its request id where Anthropic's client looks for it."""
    if "x-request-id" in response.headers:
        response.headers.setdefault("request-id", response.headers["x-request-id"])
    return response


def refusal(request: httpx2.Request, error: Any) -> httpx2.Response:
    """An error that has a status, as the reply Anthropic would have sent; its own replies as they came."""
    kept = error.response.content if error.provider == "anthropic" else b""
    content = kept or _encoded(error)
    headers = {name: value for name, value in error.response.headers.items() if name.lower() not in FRAMING}
    headers |= {
        "content-type": "application/json",
        "x-should-retry": "false",
        "x-muxi-attempts": str(len(error.attempts)),
    }
    told = httpx2.Headers(headers, encoding="utf-8")  # a server may put anything into one
    return named(
        httpx2.Response(
            error.status_code, headers=told, content=content, request=request, extensions={ERROR: error}
        )
    )


def _encoded(error: Any) -> bytes:
    body = loads(AnthropicInbound(Ledger("the client")).encode_error(error))
    if isinstance(error.code, str):
        body["error"]["details"] = {"error_code": error.code}
    return dumps(body)


def refuse_threads(body: Mapping[str, Any]) -> None:
    """Refuse to continue what Anthropic's servers alone remember.

    By its own error for it, upon which its tool runner sends the whole conversation instead.
    """
    if body.get("thread"):
        message = "Anthropic's servers alone hold message threads: send the whole conversation"
        raise InvalidRequestError(message, param="thread", code="thread_unsupported_request")


def without_status(request: httpx2.Request, error: Any) -> Any:
    """Anthropic's class for an error that no status stands for."""
    made: Any
    if isinstance(error, APIResponseValidationError):
        made = anthropic.APIResponseValidationError(error.response, error.body, message=str(error))
    elif isinstance(error, APITimeoutError):
        made = anthropic.APITimeoutError(request)
    else:
        made = anthropic.APIConnectionError(message=str(error), request=request)
    return with_story(made, error)


def with_story(made: Any, error: MuxiLLMError) -> Any:
    """*made*, with what an error of ours tells of the call."""
    for name in STORY:
        setattr(made, name, getattr(error, name))
    if isinstance(error, FallbackExhaustedError):
        made.add_note(str(error))
    return made


def counted(request: httpx2.Request, exchange: Exchange) -> httpx2.Response:
    """The number of tokens, of a model whose provider is not asked for it."""
    body = exchange.prepared.request.body
    model = str(exchange.prepared.candidates[0].ref)
    tokens = count_tokens(body["messages"], model, tools=body.get("tools"))
    headers = {"x-muxi-model": model, "x-muxi-token-count": "estimated"}
    return httpx2.Response(200, headers=headers, json={"input_tokens": int(tokens)}, request=request)


STORY = ("provider", "model", "attempts", "partial_text", "retry_after")
"""Attributes of our errors that Anthropic's do not have."""
