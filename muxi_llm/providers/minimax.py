"""MiniMax: OpenAI's wire, with errors of its own inside HTTP 200."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.models import ChatCompletion, ChatCompletionChunk
from muxi_llm.providers.compatible import OpenAICompatible
from muxi_llm.wire.base import Fault, WireError, loads
from muxi_llm.wire.models_list import ModelsList
from muxi_llm.wire.openai.chat import OpenAIChat
from muxi_llm.wire.openai.stream import OpenAIStreamDecoder

if TYPE_CHECKING:
    from collections.abc import Sequence


def raise_base_resp(raw: object) -> None:
    """Raise what a `base_resp` other than 0 tells."""
    told = raw.get("base_resp") if isinstance(raw, dict) else None
    code = told.get("status_code") if isinstance(told, dict) else 0
    if told and code:
        message = str(told.get("status_msg") or f"MiniMax error {code}")
        status = STATUS_BY_CODE.get(code, 500) if isinstance(code, int) else 500
        fault = Fault(status, message, code=str(code), body=told)
        raise WireError("fault", message, fault)


class MiniMaxStreamDecoder(OpenAIStreamDecoder[ChatCompletionChunk]):
    """Chunks, some of which are errors."""

    def read(self, name: bytes, data: bytes) -> Sequence[ChatCompletionChunk | WireError]:
        if b'"base_resp"' in data:
            raise_base_resp(loads(data))
        return super().read(name, data)


class MiniMaxChat(OpenAIChat):
    """https://platform.minimax.io/docs/api-reference/text-openai-api."""

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        raise_base_resp(loads(data))
        return super().decode_response(data, created=created)

    def stream_decoder(self, *, created: int) -> OpenAIStreamDecoder[ChatCompletionChunk]:  # noqa: ARG002
        return MiniMaxStreamDecoder(ChatCompletionChunk, answers=self._answers, giver=self.giver)


class MinimaxProvider(OpenAICompatible):
    """https://platform.minimax.io/docs/api-reference/text-openai-api, "Important Notes"."""

    name = "minimax"
    base_url = "https://api.minimax.io/v1"
    wires = {"chat": MiniMaxChat, "models": ModelsList}

    reasoning_replay_support = True
    reasoning_details_support = True
    ranges = {"temperature": (0.01, 1)}
    drops = {"n": "MiniMax gives one answer", "logit_bias": "ignored by MiniMax",
             "presence_penalty": "ignored by MiniMax", "frequency_penalty": "ignored by MiniMax"}  # fmt: skip
    forces = {"reasoning_split": True}
    """Thinking in a field of its own, not in `<think>` tags within the answer."""


# https://platform.minimax.io/docs/api-reference/errorcode
STATUS_BY_CODE = {
    1001: 504,
    1002: 429,
    1004: 401,
    1008: 402,
    1026: 400,
    1027: 400,
    1039: 429,
    1041: 429,
    1042: 400,
    2013: 400,
    2049: 401,
    2056: 429,
}
