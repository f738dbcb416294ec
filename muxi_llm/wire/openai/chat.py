"""OpenAI's chat completions wire, the pivot of this library: what callers write is what it sends.

Source: https://platform.openai.com/docs/api-reference/chat. Outbound it adds the model and parses
what comes back; inbound (the drop-in clients' requests) it takes the body apart and encodes answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic_core import PydanticSerializationError

from muxi_llm.models import ChatCompletion, ChatCompletionChunk
from muxi_llm.wire.base import Json, Wire, WireError, dumps_answer, loads, read_value
from muxi_llm.wire.inbound import Inbound, message_of
from muxi_llm.wire.openai.reply import settle_answer
from muxi_llm.wire.openai.stream import OpenAIStreamDecoder
from muxi_llm.wire.state import giver_of_any, stamp, without_foreign

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import BaseModel

    from muxi_llm.errors import APIError
    from muxi_llm.wire.base import Ledger


class OpenAIChat(Wire):
    """OpenAI chat completions."""

    path = "/chat/completions"
    stream_headers = {"accept": "text/event-stream"}
    mends = True
    """Whether a server's odd ways are put right; the vendor's own client hands them on as they are."""
    _answers = 1

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        encoded = {"model": self.model, **body}
        if stream:
            encoded["stream"] = True
        self._answers = answers_of(body)
        return encoded

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:  # noqa: ARG002 - in the body
        value = read_value(ChatCompletion, data, mend=self.mends)
        if self.mends:
            settle_answer(value)
            for choice in value.choices:
                stamp(choice.message, self.giver)
        return value

    def stream_decoder(self, *, created: int) -> OpenAIStreamDecoder[ChatCompletionChunk]:  # noqa: ARG002
        return OpenAIStreamDecoder(
            ChatCompletionChunk, answers=self._answers, mends=self.mends, giver=self.giver
        )


def answers_of(body: Mapping[str, Any]) -> int:
    """How many answers *body* asks for."""
    n = body.get("n")
    return n if isinstance(n, int) else 1


# ------------------------------------------------------------------------------------ inbound half


class OpenAIInbound(Inbound):
    """OpenAI's chat, completions and embeddings wires, backwards: they differ in their values only."""

    def decode_request(self, data: bytes) -> Json:
        body = loads(data)
        if not isinstance(body, dict):
            raise WireError("malformed", "the request body is not a JSON object")
        return body

    def own_body(self, raw: Json, ledger: Ledger) -> Json:
        """*raw* without the state that others gave."""
        messages = raw.get("messages")
        if not isinstance(messages, list) or not any(map(giver_of_any, messages)):
            return raw
        ledger.dropped(
            "messages", "state that others gave means nothing to the client's own server", loss=False
        )
        return {**raw, "messages": [without_foreign(message) for message in messages]}

    def encode_response(self, value: BaseModel) -> bytes:
        try:
            return value.__pydantic_serializer__.to_json(
                value, exclude_unset=True, by_alias=True, warnings=False
            )
        except PydanticSerializationError:  # half a surrogate pair
            return dumps_answer(value.model_dump(exclude_unset=True, by_alias=True, warnings=False))

    def encode_chunk(self, chunk: BaseModel) -> bytes:
        return b"data: " + self.encode_response(chunk) + b"\n\n"

    def encode_end(self) -> bytes:
        return b"data: [DONE]\n\n"

    def encode_fault(self, error: APIError) -> bytes:
        return b"data: " + self.encode_error(error) + b"\n\n"

    def encode_error(self, error: APIError) -> bytes:
        fault = {"message": message_of(error), "type": error.type, "code": error.code, "param": error.param}
        return dumps_answer({"error": fault})
