"""Anthropic Messages backwards: an Anthropic client talks to any provider.

Requests are read by `inbound_request`, answers written with `inbound_reply` and
`inbound_stream`; each is the inverse of the outbound file of that name.
Sources: https://docs.anthropic.com/en/api/messages, .../messages-streaming and .../errors.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar

from muxi_llm.errors import APITimeoutError, ContextLengthExceededError
from muxi_llm.wire.anthropic.foreign import own_messages, thinks_no_more
from muxi_llm.wire.anthropic.inbound_reply import Ending, blocks_of, head_of, state_of, tell_media, usage_of
from muxi_llm.wire.anthropic.inbound_request import RequestReader
from muxi_llm.wire.anthropic.inbound_stream import EventEncoder, event
from muxi_llm.wire.base import Json, WireError, dumps_answer, loads
from muxi_llm.wire.inbound import Inbound, message_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from muxi_llm.errors import APIError
    from muxi_llm.models import ChatCompletion, ChatCompletionChunk
    from muxi_llm.wire.base import Ledger

PARAMETERS: Mapping[str, str] = {
    **{name: name for name in ("model", "max_tokens", "temperature", "top_p")},
    "max_completion_tokens": "max_tokens",
    "reasoning_effort": "output_config.effort",
    "stop": "stop_sequences",
}
"""https://platform.claude.com/docs/en/api/messages/create."""


class AnthropicInbound(Inbound):
    """Anthropic Messages, backwards."""

    parameters: ClassVar[Mapping[str, str] | None] = PARAMETERS

    def __init__(self, ledger: Ledger) -> None:
        super().__init__(ledger)
        self._model = ""
        self._stops: list[str] = []
        self._encoder: EventEncoder | None = None

    def decode_request(self, data: bytes) -> Json:
        raw = loads(data)
        if not isinstance(raw, dict):
            raise WireError("malformed", "the request body is not a JSON object")
        body = RequestReader(self.ledger).read(raw)
        self._model, self._stops = body["model"], body.get("stop") or []
        return body

    def hear(self, headers: Mapping[str, str], body: Json) -> None:
        """Anthropic's betas, as `anthropic_beta`: they steer Claude wherever it is."""
        betas = headers.get("anthropic-beta", "")
        if betas:
            body["anthropic_beta"] = [beta.strip() for beta in betas.split(",") if beta.strip()]

    def own_body(self, raw: Json, ledger: Ledger) -> Json:
        """*raw* without the thinking of others, which Anthropic refuses."""
        messages = raw.get("messages")
        if not isinstance(messages, list):
            return raw
        own = own_messages(messages, ledger)
        if own is messages:
            return raw
        out = {**raw, "messages": own}
        if thinks_no_more(messages, own, raw):
            ledger.dropped("thinking", "the last tool call came without its thinking block")
            del out["thinking"]
        return out

    def encode_response(self, value: ChatCompletion) -> bytes:
        with _sense():
            return dumps_answer(self._message_of(value))

    def _message_of(self, value: ChatCompletion) -> Json:
        head = head_of(value)
        choice, *others = value.choices
        if others:
            self.ledger.dropped("n", "Anthropic's messages hold one answer, the first", loss=False)
        said = choice.message
        ending = Ending(self._stops)
        ending.see(choice)
        ending.refusal = said.refusal or ""
        message = {**UNSAID, **head, "model": self._model or value.model}
        blocks = blocks_of(said, ending.native, head["id"])
        message["content"] = [{**UNSAID_OF.get(block["type"], {}), **block} for block in blocks]
        tell_media(said, self.ledger)
        message |= ending.told(called=bool(said.tool_calls or said.function_call))
        container = state_of(said).get("container")
        if container:
            message["container"] = container
        return {**message, "usage": {**UNTOLD, **usage_of(value.usage)}}

    def encode_chunk(self, chunk: ChatCompletionChunk) -> bytes:
        with _sense():
            return self._events().feed(chunk)

    def encode_end(self) -> bytes:
        with _sense():
            return self._events().finish()

    def encode_fault(self, error: APIError) -> bytes:
        return event("error", _fault(error))

    def encode_error(self, error: APIError) -> bytes:
        return dumps_answer({"type": "error", **_fault(error)})

    def _events(self) -> EventEncoder:
        if self._encoder is None:
            self._encoder = EventEncoder(self._model, self._stops, self.ledger)
        return self._encoder


@contextmanager
def _sense() -> Iterator[None]:
    """Off-schema values are kept as they came, so one may make no sense here."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise WireError("malformed", f"an answer that makes no sense: {error!r}") from error


def _fault(error: APIError) -> Json:
    status = 504 if isinstance(error, APITimeoutError) else getattr(error, "status_code", 500)
    kind = ERROR_TYPES.get(status) or ("invalid_request_error" if 400 <= status < 500 else "api_error")
    message = message_of(error)
    if isinstance(error, ContextLengthExceededError) and TOO_LONG not in message:
        message = f"{TOO_LONG}: {message}"
    request_id = getattr(error, "request_id", None)
    return {"error": {"type": kind, "message": message}, "request_id": request_id}


# ------------------------------------------------------------------------------------------ tables

# https://docs.anthropic.com/en/api/messages: what a reply always has, and what that is if nobody said more.
UNSAID: Json = {"stop_details": None, "container": None}
UNSAID_OF: dict[str, Json] = {"text": {"citations": []}, "tool_use": {"caller": {"type": "direct"}}}
UNTOLD: Json = dict.fromkeys(
    ("cache_creation", "inference_geo", "output_tokens_details", "server_tool_use", "service_tier")
)

TOO_LONG = "prompt is too long"
"""How Anthropic's clients, which compact a conversation then, know that it does not fit."""

ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
