"""Streams and whole answers, one into the other: `collect`, `acollect`, `chunks_of`."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import TYPE_CHECKING, Any, overload

from muxi_llm.models import ChatCompletion, ChatCompletionChunk, Completion, Whole
from muxi_llm.utils.parsing import parse_into

if TYPE_CHECKING:
    from collections.abc import AsyncIterable, Iterable
    from typing import TypeVar

    from pydantic import BaseModel

    from muxi_llm.types.parsed import ParsedChatCompletion

    Format = TypeVar("Format", bound=BaseModel)

__all__ = ["acollect", "chunks_of", "collect"]


@overload
def collect(chunks: Iterable[ChatCompletionChunk]) -> ChatCompletion: ...


@overload
def collect(
    chunks: Iterable[ChatCompletionChunk], response_format: type[Format]
) -> ParsedChatCompletion[Format]: ...


def collect(chunks: Iterable[ChatCompletionChunk], response_format: type[BaseModel] | None = None) -> Any:
    """The chat completion that a stream's chunks amount to.

    Text, tool calls (by index), reasoning, refusals, logprobs and extensions are put together; usage is
    the last one seen. response_format: a Pydantic class, the same that the stream was asked for; each
    `message.parsed` is an instance of it then. Raises `ValueError` for an empty stream, and what
    `muxi_llm.utils.parsing.parse_into` raises for one that does not fit.
    """
    builder = _Builder()
    for chunk in chunks:
        builder.add(chunk)
    return parse_into(response_format, builder.build())


@overload
async def acollect(chunks: AsyncIterable[ChatCompletionChunk]) -> ChatCompletion: ...


@overload
async def acollect(
    chunks: AsyncIterable[ChatCompletionChunk], response_format: type[Format]
) -> ParsedChatCompletion[Format]: ...


async def acollect(
    chunks: AsyncIterable[ChatCompletionChunk], response_format: type[BaseModel] | None = None
) -> Any:
    """`collect` for an async stream."""
    builder = _Builder()
    async for chunk in chunks:
        builder.add(chunk)
    return parse_into(response_format, builder.build())


def chunks_of(value: ChatCompletion | Completion | Whole, *, usage: bool = False) -> list[Any]:
    """A whole answer as a stream would have told it: content, finish and, if asked for, *usage*."""
    if isinstance(value, Completion):
        return [value]
    if isinstance(value, Whole):
        return value.chunks()
    head = value.model_dump(exclude_unset=True, warnings=False)
    choices, counted = head.pop("choices"), head.pop("usage", None)
    head["object"] = "chat.completion.chunk"
    told = []
    for choice in choices:
        delta, finish = choice.pop("message"), choice.pop("finish_reason", None)
        for index, tool_call in enumerate(delta.get("tool_calls") or ()):
            tool_call["index"] = index
        told.append({**choice, "delta": delta, "finish_reason": None})
        told.append({"index": choice["index"], "delta": {}, "finish_reason": finish})
    chunks = [ChatCompletionChunk.construct(**head, choices=[choice]) for choice in told]
    if usage and counted is not None:
        chunks.append(ChatCompletionChunk.construct(**head, choices=[], usage=counted))
    return chunks


class _Builder:
    """Adds up chunks by field: texts are concatenated, lists grow (tool calls by their index)."""

    def __init__(self) -> None:
        self._head: dict[str, Any] = {}
        self._choices: dict[int, dict[str, Any]] = {}
        self._usage: dict[str, Any] | None = None

    def add(self, chunk: ChatCompletionChunk) -> None:
        # Off-schema values are kept as they came, without a warning about each.
        raw = chunk.model_dump(exclude_unset=True, warnings=False)
        choices, usage = raw.pop("choices"), raw.pop("usage", None)
        raw.pop("obfuscation", None)  # OpenAI's padding of each chunk against traffic analysis
        self._head.update({name: value for name, value in raw.items() if value or name not in self._head})
        self._usage = usage or self._usage
        for choice in choices:
            self._add_choice(choice)

    def _add_choice(self, choice: dict[str, Any]) -> None:
        choice.pop("message", None)  # Perplexity repeats the answer so far beside each delta
        delta, logprobs = choice.pop("delta", None), choice.pop("logprobs", None)
        index = choice.get("index") or 0
        kept = self._choices.setdefault(
            index, {"index": index, "message": {"content": None}, "finish_reason": None, "logprobs": None}
        )
        merge(kept["message"], delta or {})
        merge(kept, {"logprobs": logprobs})
        kept.update({name: value for name, value in choice.items() if value is not None})

    def build(self) -> ChatCompletion:
        if not self._head:
            raise ValueError("the stream held no chunks")
        choices = [self._choices[index] for index in sorted(self._choices)]
        for choice in choices:
            message = choice["message"]
            message.setdefault("role", "assistant")
            message.setdefault("refusal", None)
            if "tool_calls" in message:
                message["tool_calls"] = _calls(message["tool_calls"]) or None
        raw = {**self._head, "object": "chat.completion", "choices": choices}
        if self._usage is not None:
            raw["usage"] = self._usage
        return ChatCompletion.construct(**raw)


def _calls(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Whole calls from what was told of each, in their order. What calls nothing is none."""
    told.sort(key=lambda call: call.pop("index"))
    calls = [call for call in told if call.get("function") or call.get("custom")]
    for call in calls:
        call.setdefault("type", "custom" if "custom" in call else "function")
        if function := call.get("function"):
            call["function"] = {
                **function,
                **{name: function.get(name) or "" for name in ("name", "arguments")},
            }
    return calls


def merge(message: dict[str, Any], delta: dict[str, Any]) -> None:
    """Add *delta* to *message*, in place."""
    for name, value in delta.items():
        kept = message.get(name)
        if value is None or (kept and not value):
            continue
        if isinstance(value, str) and isinstance(kept, str) and name not in ATOMS:
            message[name] = kept + value if name != "data" else joined(kept, value)
        elif isinstance(value, list):
            message[name] = _merged(kept or [], value)
        elif isinstance(value, dict) and isinstance(kept, dict):
            merge(kept, value)
        else:
            message[name] = value


def joined(kept: str, value: str) -> str:
    """Two pieces of base64 as one. Some servers cut one text into pieces, others encode each piece by itself:
    those end in padding, which has no place in the middle.
    """
    if not kept.endswith("="):
        return kept + value
    try:
        whole = b64decode(kept[-4:], validate=True) + b64decode(value, validate=True)
    except ValueError:  # it is something else that is called so
        return kept + value
    return kept[:-4] + b64encode(whole).decode()


def _merged(kept: list[Any], items: list[Any]) -> list[Any]:
    """Both lists; an item with the `index` of one that is there is added to that one."""
    out = list(kept)
    for item in items:
        index = item.get("index") if isinstance(item, dict) else None
        same = [one for one in out if index is not None and one.get("index") == index]
        if same:
            merge(same[0], item)
        else:
            out.append(item)
    return out


ATOMS = {"role", "id", "type", "name", "format"}
"""Fields that come whole, however often they are repeated."""
