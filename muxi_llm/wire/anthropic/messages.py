"""Anthropic's Messages wire. Requests are translated by `request`, replies by
`reply` and `stream`.

Sources: https://docs.anthropic.com/en/api/messages and .../messages-streaming.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.models import ChatCompletion
from muxi_llm.wire.anthropic.reply import ReplyReader, refusal_text, usage_of
from muxi_llm.wire.anthropic.request import MessagesRequest
from muxi_llm.wire.anthropic.stream import MessagesStreamDecoder
from muxi_llm.wire.anthropic.thinking import settle
from muxi_llm.wire.base import Json, Wire, build_value, loads, raise_in_band
from muxi_llm.wire.reading import reading

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Ledger, Profile


class AnthropicMessages(Wire):
    """Anthropic Messages."""

    path = "/v1/messages"
    stream_headers = {"accept": "text/event-stream"}

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        self._request = MessagesRequest(model, ledger, profile)
        self._reader = ReplyReader(self._request.tools)
        self._usage_wanted = False

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        self._usage_wanted = bool((body.get("stream_options") or {}).get("include_usage"))
        if body.get("anthropic_beta"):
            self.headers = {"anthropic-beta": ",".join(body["anthropic_beta"])}
        return self._request.encode(body, stream=stream)

    def settle(self, body: Json) -> None:
        settle(body, self.ledger, self.profile)

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        raw = loads(data)
        raise_in_band(raw)
        with reading("not a message", data):
            return build_value(ChatCompletion, self._value_of(raw, created))

    def _value_of(self, raw: Json, created: int) -> Json:
        message = self._reader.message_of(raw["content"], raw.get("container"))
        reason = raw.get("stop_reason")
        called = "tool_calls" in message or "function_call" in message
        finish = self._reader.finish_of(reason, called=called)
        if finish == "content_filter":
            message["refusal"] = refusal_text(raw)
        choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
        value: Json = {
            "id": raw.get("id", ""),
            "object": "chat.completion",
            "created": created,
            "model": raw.get("model", self.model),
            "choices": [{**choice, "native_finish_reason": reason}],
        }
        if raw.get("usage"):
            value["usage"] = usage_of(raw["usage"])
        return value

    def stream_decoder(self, *, created: int) -> MessagesStreamDecoder:
        return MessagesStreamDecoder(
            self._reader, model=self.model, created=created, usage=self._usage_wanted
        )
