"""Cohere's chat wire (v2). Requests are translated by `request`, streams by `stream`.

Sources: https://docs.cohere.com/reference/chat and https://docs.cohere.com/reference/chat-stream. What
the chat form has no words for: thinking and the plan before a tool call are `reasoning_content`,
citations ride on the message as they came (`citations`), the raw finish reason is
`native_finish_reason`, and what Cohere bills for is `usage.billed_units`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.models import ChatCompletion
from muxi_llm.wire.base import Json, Wire, build_value, loads, raise_in_band
from muxi_llm.wire.cohere.reply import finish_of, logprobs_of, message_of, usage_of
from muxi_llm.wire.cohere.request import ChatRequest, settle
from muxi_llm.wire.cohere.stream import ChatStreamDecoder
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.reading import reading
from muxi_llm.wire.requesting import usage_wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Ledger, Profile


class CohereModels(ModelsList):
    """https://docs.cohere.com/reference/list-models: as many as a page can hold."""

    path = "/v1/models?page_size=1000"
    items = "models"
    name = "name"


class CohereChat(Wire):
    """Cohere chat, v2."""

    path = "/v2/chat"
    stream_headers = {"accept": "text/event-stream"}

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        self._request = ChatRequest(model, ledger, profile)
        self._usage_wanted = False

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = self._request.encode(body, stream=stream)
        self._usage_wanted = usage_wanted(body)
        return encoded

    def settle(self, body: Json) -> None:
        settle(body, self.ledger)

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        raw = loads(data)
        raise_in_band(raw)
        with reading("not a chat answer", data):
            return build_value(ChatCompletion, self._value_of(raw, created))

    def _value_of(self, raw: Json, created: int) -> Json:
        reason = raw["finish_reason"]
        message = message_of(raw["message"], legacy=self._request.legacy)
        called = "tool_calls" in message or "function_call" in message
        choice = {
            "index": 0,
            "message": message,
            "finish_reason": finish_of(
                reason, called=called, legacy=self._request.legacy, said=message["content"]
            ),
            "logprobs": logprobs_of(raw.get("logprobs")),
            "native_finish_reason": reason,
        }
        value: Json = {
            "id": raw.get("id", ""),
            "object": "chat.completion",
            "created": created,
            "model": self.model,
            "choices": [choice],
        }
        if raw.get("usage"):
            value["usage"] = usage_of(raw["usage"])
        return value

    def stream_decoder(self, *, created: int) -> ChatStreamDecoder:
        return ChatStreamDecoder(
            model=self.model, created=created, usage=self._usage_wanted, legacy=self._request.legacy
        )
