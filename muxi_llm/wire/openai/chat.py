"""OpenAI's chat completions wire, the pivot of this library: what callers write is what it sends.

Source: https://platform.openai.com/docs/api-reference/chat. Outbound it adds the model and parses
what comes back; inbound (the drop-in clients' requests) it takes the body apart and encodes answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import orjson

from muxi_llm.models import ChatCompletion, ChatCompletionChunk, ChunkChoice, Completion
from muxi_llm.wire.base import Inbound, Json, Wire, WireError, decode_fault, loads, read_value
from muxi_llm.wire.event_decoder import EventDecoder

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pydantic import BaseModel

    from muxi_llm.errors import APIError
    from muxi_llm.models import CustomToolCall, DeltaToolCall, FunctionToolCall

Chunk = TypeVar("Chunk", ChatCompletionChunk, Completion)
DONE = b"[DONE]"


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
        if not self.mends:
            return read_value(ChatCompletion, data)
        value = read_value(ChatCompletion, data, mend_answer)
        for choice in value.choices:
            if choice.message.tool_calls:
                complete(choice.message.tool_calls, value.id)
        return value

    def stream_decoder(self, *, created: int) -> OpenAIStreamDecoder[ChatCompletionChunk]:  # noqa: ARG002
        return OpenAIStreamDecoder(ChatCompletionChunk, mend_chunk, answers=self._answers)


def complete(calls: Sequence[FunctionToolCall | CustomToolCall], answer_id: str) -> None:
    """Give tool calls what they lack, in place."""
    for position, call in enumerate(calls):
        call.id = call.id or f"call_{answer_id}_{position}"  # its result will name it
        function = getattr(call, "function", None)
        if function is not None:
            function.arguments = function.arguments or "{}"


def answers_of(body: Mapping[str, Any]) -> int:
    """How many answers *body* asks for."""
    n = body.get("n")
    return n if isinstance(n, int) else 1


class OpenAIStreamDecoder(EventDecoder[Chunk]):
    """Chunks of a chat or a completion stream.

    The stream is whole after `[DONE]`, or, for the many servers that never send it, once each of the
    *answers* asked for has its `finish_reason`. Anything else is a truncated answer, never a finished one.
    """

    terminator = "a finish_reason"

    def __init__(
        self, kind: type[Chunk], mend: Callable[[Json], None] | None = None, *, answers: int = 1
    ) -> None:
        super().__init__()
        self._kind: type[Chunk] = kind
        self._mend = mend
        self._answers = answers
        self._open: set[int] = set()
        self._finished: set[int] = set()
        self._calls: dict[int, _CallPlaces] = {}

    def ended(self) -> list[Chunk | WireError]:
        if len(self._finished) >= self._answers and not self._open:
            return []
        return [self._cut()]

    def read(self, name: bytes, data: bytes) -> Sequence[Chunk]:
        if data.startswith(DONE):
            self.over = True
            return ()
        if not data or name == b"ping" or data == b"null":  # an event without data is a ping as well
            return ()
        if name == b"error":
            raise_fault(data)
        chunk = read_value(self._kind, data, self._mend)
        for choice in chunk.choices:
            index = choice.index
            if choice.finish_reason:  # some servers say "" until there is one
                self._finished.add(index)
                self._open.discard(index)
            elif index not in self._finished:
                self._open.add(index)
            if isinstance(choice, ChunkChoice) and choice.delta.tool_calls:
                self._calls.setdefault(index, _CallPlaces(chunk.id)).settle(choice.delta.tool_calls)
        return (chunk,)


def raise_fault(data: bytes) -> NoReturn:
    """Raise what an event named `error` tells, whatever its shape."""
    fault = decode_fault(500, data, in_band=True)
    raise WireError("fault", fault.message, fault)


class _CallPlaces:
    """One choice's tool calls by index.

    Gemini's compatible endpoint and its like give each parallel call index 0: a new id on an index in
    use is a new call, and gets a place of its own.
    """

    def __init__(self, answer_id: str) -> None:
        self._answer_id = answer_id
        self._open: dict[int, tuple[str | None, int]] = {}
        self._used = 0

    def settle(self, deltas: list[DeltaToolCall]) -> None:
        """Correct the deltas' indexes, in place."""
        for delta in deltas:
            call_id, place = self._open.get(delta.index, (None, delta.index))
            if delta.id and call_id and delta.id != call_id:
                place = self._used
            self._open[delta.index], is_new = (delta.id or call_id, place), delta.index not in self._open
            if is_new and not delta.id:  # its result will name it
                delta.id = f"call_{self._answer_id}_{place}"
            self._used = max(self._used, place + 1)
            if delta.index != place:
                delta.index = place


# --------------------------------------------------------- near-compatible servers' habits, undone
# Only off-schema data comes here, so that what every caller's code relies on holds on any server.


def mend_answer(raw: Json) -> None:
    """Make an off-schema answer one that a caller's usual code can read, in place."""
    raw["object"] = "chat.completion"
    for choice in numbered(raw.get("choices")):
        message = choice.get("message")
        if not isinstance(message, dict):
            raise WireError("malformed", f"the reply has no message: {str(raw)[:200]}")
        message["role"] = message.get("role") or "assistant"
        mend_finish(choice)
        if choice["finish_reason"] is None:  # Snowflake: a whole answer has ended, and callers ask how
            choice["finish_reason"] = "tool_calls" if message.get("tool_calls") else "stop"
        mend_content(message)
        for tool_call in objects(message.get("tool_calls")):
            tool_call["type"] = tool_call.get("type") or "function"
            tool_call["id"] = tool_call.get("id") or ""
            mend_arguments(tool_call, missing="{}")


def mend_chunk(raw: Json) -> None:
    """Make an off-schema chunk one that a caller's usual code can read, in place."""
    raw["object"] = "chat.completion.chunk"  # Perplexity labels chunks as answers, Azure leaves it empty
    if raw.get("choices") is None and raw.get("usage"):
        raw["choices"] = []
    for choice in numbered(raw.get("choices")):
        mend_finish(choice)
        if not isinstance(choice.get("delta"), dict):  # Azure's content filter sends none
            choice["delta"] = {}
        mend_content(choice["delta"])
        for tool_call in numbered(choice["delta"].get("tool_calls")):
            mend_arguments(tool_call, missing=None)


def mend_finish(choice: Json) -> None:
    """OpenAI's word for why an answer ended; the server's own is kept beside it."""
    reason = choice.get("finish_reason") or None  # "" would end a caller's loop
    choice["finish_reason"] = reason
    if isinstance(reason, str) and reason not in OPENAI_REASONS:
        choice["finish_reason"] = FINISH_REASONS.get(reason, "stop")
        choice["native_finish_reason"] = reason


def mend_content(said: Json) -> None:
    """Content as text, thinking beside it: the reasoning models of Mistral and Databricks send parts."""
    if isinstance(said.get("content"), list):
        parts = objects(said["content"])
        said["content"] = "".join(text_of(part) for part in parts if part.get("type") == "text")
        thoughts = "".join(text_of(part) for part in parts if part.get("type") in THINKING)
        if thoughts:
            said.setdefault("reasoning_content", thoughts)


def text_of(part: Json) -> str:
    """The text of a part, however deep."""
    text = part.get("text") or part.get("thinking") or part.get("summary") or ""
    return text if isinstance(text, str) else "".join(text_of(inner) for inner in objects(text))


def mend_arguments(tool_call: Json, *, missing: str | None) -> None:
    """Arguments as a JSON string, as OpenAI has them; Ollama and Gemini think of them as an object."""
    function = tool_call.get("function")
    if isinstance(function, dict) and not isinstance(function.get("arguments"), str):
        arguments = function.get("arguments")
        function["arguments"] = missing if arguments is None else orjson.dumps(arguments).decode()


def numbered(value: object) -> list[Json]:
    """`objects`, each with an `index`."""
    items = objects(value)
    for position, item in enumerate(items):
        if not isinstance(item.get("index"), int):
            item["index"] = position
    return items


def objects(value: object) -> list[Json]:
    """A list of objects, nothing if there is none, or a `WireError`."""
    items = [] if value is None else value
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise WireError("malformed", f"the reply holds no list of objects: {str(value)[:200]}")
    return items


THINKING = {"thinking", "reasoning"}

OPENAI_REASONS = {"stop", "length", "tool_calls", "content_filter", "function_call"}

# Answers that were cut short are never `stop`.
FINISH_REASONS = {
    "model_length": "length",  # https://docs.mistral.ai/api/
    "model_context_window_exceeded": "length",  # https://docs.z.ai/api-reference/llm/chat-completion
    "insufficient_system_resource": "length",  # https://api-docs.deepseek.com/api/create-chat-completion
    "time_limit": "length",  # https://cloud.ibm.com/apidocs/watsonx-ai#text-chat
    "sensitive": "content_filter",  # https://docs.z.ai/api-reference/llm/chat-completion
}


# ------------------------------------------------------------------------------------ inbound half


class OpenAIInbound(Inbound):
    """OpenAI's chat, completions and embeddings wires, backwards: they differ in their values only."""

    def decode_request(self, data: bytes) -> Json:
        body = loads(data)
        if not isinstance(body, dict):
            raise WireError("malformed", "the request body is not a JSON object")
        return body

    def encode_response(self, value: BaseModel) -> bytes:
        return value.__pydantic_serializer__.to_json(value, exclude_unset=True, by_alias=True, warnings=False)

    def encode_chunk(self, chunk: BaseModel) -> bytes:
        return b"data: " + self.encode_response(chunk) + b"\n\n"

    def encode_end(self) -> bytes:
        return b"data: [DONE]\n\n"

    def encode_fault(self, error: APIError) -> bytes:
        return b"data: " + self.encode_error(error) + b"\n\n"

    def encode_error(self, error: APIError) -> bytes:
        fault = {"message": error.message, "type": error.type, "code": error.code, "param": error.param}
        return orjson.dumps({"error": fault})
