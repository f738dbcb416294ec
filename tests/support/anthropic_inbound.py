"""An Anthropic client's side of the inbound wire: what it sends, what it is answered."""

from __future__ import annotations

import json
from typing import Any

from muxi_llm.models import ChatCompletion, ChatCompletionChunk
from muxi_llm.wire.anthropic.inbound import AnthropicInbound
from muxi_llm.wire.base import Ledger, build_value, dumps
from tests.support.anthropic import CLAUDE, Codec
from tests.support.anthropic_validator import read, told
from tests.support.bodies import chat, chunk

EPHEMERAL = {"type": "ephemeral"}


class Client:
    """One request and its answer, through one inbound codec."""

    def __init__(self, *turns: dict[str, Any], strict: bool = False, **fields: Any) -> None:
        self.ledger = Ledger("the client's request", strict=strict)
        self.wire = AnthropicInbound(self.ledger)
        self.sent = {"model": "m", "max_tokens": 9, "messages": list(turns) or [user()], **fields}
        self.body = self.wire.decode_request(dumps(self.sent))

    @property
    def told(self) -> dict[str, tuple[str, bool]]:
        """The ledger: parameter → what happened, and whether that is a loss."""
        return {entry.param: (entry.action, entry.loss) for entry in self.ledger.entries}

    def answered(self, value: Any = None, **fields: Any) -> dict[str, Any]:
        """The body of an answer (an ordinary one with *fields* in its message, if none is given)."""
        if not isinstance(value, ChatCompletion):
            value = ChatCompletion.model_validate(value or chat(**fields))
        return telling(json.loads(self.wire.encode_response(value)))

    def streamed(self, *chunks: Any) -> bytes:
        """A stream's bytes."""
        typed = [c if isinstance(c, ChatCompletionChunk) else chunk_of(c) for c in chunks]
        return b"".join(self.wire.encode_chunk(c) for c in typed) + self.wire.encode_end()


def telling(answered: dict[str, Any]) -> dict[str, Any]:
    """A message without the fields that every one has and this one has nothing to say in."""
    defaults = {"citations": [], "caller": {"type": "direct"}}
    content = [
        {name: value for name, value in block.items() if name not in defaults or value != defaults[name]}
        for block in answered["content"]
    ]
    usage = {name: value for name, value in answered["usage"].items() if value is not None}
    rest = {name: value for name, value in answered.items() if value is not None or name == "stop_sequence"}
    return {**rest, "content": content, "usage": usage}


def chunk_of(raw: Any) -> ChatCompletionChunk:
    """A chunk of a whole body, or of a delta."""
    return build_value(ChatCompletionChunk, raw if "choices" in raw else chunk(raw))


def messages(*turns: dict[str, Any], **fields: Any) -> list[dict[str, Any]]:
    """A request's messages in the chat form."""
    return Client(*turns, **fields).body["messages"]


def there_and_back(sent: dict[str, Any], model: str = CLAUDE) -> dict[str, Any]:
    """A body read into the chat form and written for Anthropic again."""
    body = AnthropicInbound(Ledger("the client's request")).decode_request(dumps({**sent, "model": model}))
    return Codec(body.pop("messages"), **body).out


def events(*chunks: Any) -> list[dict[str, Any]]:
    """A stream's events, found in order."""
    data = Client().streamed(*chunks)
    told(data)
    return read(data)


def message(*chunks: Any) -> dict[str, Any]:
    """What a stream's events add up to."""
    return told(Client().streamed(*chunks))


def user(content: Any = "Hi") -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(*blocks: dict[str, Any]) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def answer(content: Any = "ok", call_id: str = "toolu_1", **fields: Any) -> dict[str, Any]:
    """A tool's result."""
    return {"type": "tool_result", "tool_use_id": call_id, "content": content, **fields}


def signed(thought: str = "hm", signature: str = "sig") -> dict[str, Any]:
    """A block of thinking."""
    return {"type": "thinking", "thinking": thought, "signature": signature}
