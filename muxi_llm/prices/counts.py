"""What was used, counted so that nothing is in two counts: from any provider's words to ours.

Chat usage has cached tokens, sound and pictures within its prompt tokens, and so here they are taken out;
Anthropic's and Bedrock's own usage counts them apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from muxi_llm.wire.aws import reply as aws
from muxi_llm.wire.cohere import reply as cohere
from muxi_llm.wire.gemini import reply as gemini

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.wire.base import Json


class Kind(NamedTuple):
    """What is counted. field: of its price. per: how many that is for. instead: kinds whose price will do."""

    field: str
    per: int
    instead: tuple[str, ...] = ()


MILLION = 1_000_000

KINDS = {
    "input": Kind("input", MILLION),
    "cached": Kind("cached", MILLION, ("input",)),
    "cache_write": Kind("cache_write", MILLION, ("input",)),
    "cache_write_1h": Kind("cache_write_1h", MILLION, ("cache_write", "input")),
    "input_audio": Kind("input_audio", MILLION, ("input",)),
    "input_image": Kind("input_image", MILLION, ("input",)),
    "output": Kind("output", MILLION),
    "reasoning": Kind("reasoning", MILLION, ("output",)),
    "output_audio": Kind("output_audio", MILLION, ("output",)),
    "output_image": Kind("output_image", MILLION, ("output",)),
    "characters": Kind("characters", MILLION),
    "seconds": Kind("minute", 60),
    "output_seconds": Kind("output_minute", 60),
    "images": Kind("image", 1),
    "searches": Kind("search", 1),
    "web_searches": Kind("web_search", 1),
    "pages": Kind("page", 1),
    "requests": Kind("request", 1),
}
"""What is counted: tokens first, each of them under one kind alone."""

PROMPT = ("input", "cached", "cache_write", "cache_write_1h", "input_audio", "input_image")
"""Tokens that were read: their sum says which tier's prices hold."""

Counts = dict[str, Decimal]


def plain(usage: object) -> Mapping[str, Any]:
    """*usage* as a mapping; raises `TypeError` for what has no fields."""
    if type(usage) is dict:  # of what was passed through: abstract classes take their time
        return usage
    if isinstance(usage, BaseModel):
        return usage.model_dump(warnings=False)
    if isinstance(usage, Mapping):
        return usage
    if usage is not None and hasattr(usage, "__dict__"):
        return vars(usage)
    raise TypeError(f"usage must be an object with fields or a mapping, not {type(usage).__name__}")


def counts_of(usage: Mapping[str, Any]) -> Counts:
    """How much of which kind; only what there is any of. Raises `ValueError` for what cannot be counted."""
    read = next((read for mark, read in READERS if mark in usage), _named)
    counts = read(usage)
    return {kind: Decimal(str(count)) for kind in KINDS if (count := counts.get(kind))}


# ---------------------------------------------------------------------------------------- readers


def _chat(usage: Mapping[str, Any]) -> Json:
    """OpenAI's chat form, and what there is beside it of the providers' own words."""
    prompt, answer = _count(usage, "prompt_tokens"), _count(usage, "completion_tokens")
    read, said = _details(usage, "prompt_tokens_details"), _details(usage, "completion_tokens_details")
    reasoning = _count(said, "reasoning_tokens")
    if reasoning and prompt + answer + reasoning == _count(usage, "total_tokens"):
        answer += reasoning  # some count it apart, as their own total says
    written, hour = _written(usage, _count(read, "cache_write_tokens"))
    counts = _split("input", prompt, (
        ("cached", _count(read, "cached_tokens")), ("cache_write", written), ("cache_write_1h", hour),
        ("input_audio", _count(read, "audio_tokens")), ("input_image", _count(read, "image_tokens")),
    ))  # fmt: skip
    counts |= _split("output", answer, (
        ("output_audio", _count(said, "audio_tokens")), ("output_image", _count(said, "image_tokens")),
        ("reasoning", reasoning),
    ))  # fmt: skip
    return counts | _searched(usage)


def _responses(usage: Mapping[str, Any]) -> Json:
    """Of Responses, images, transcriptions and realtime; Anthropic's own is told by its cache's fields."""
    if usage.keys() & ANTHROPIC:
        return _anthropic(usage)
    chat = {
        **usage,
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": usage.get("input_tokens_details") or usage.get("input_token_details"),
        "completion_tokens_details": usage.get("output_tokens_details") or usage.get("output_token_details"),
    }
    return _chat(chat)


def _anthropic(usage: Mapping[str, Any]) -> Json:
    written, hour = _written(usage, _count(usage, "cache_creation_input_tokens"))
    return {
        "input": _count(usage, "input_tokens"),
        "cached": _count(usage, "cache_read_input_tokens"),
        "cache_write": written,
        "cache_write_1h": hour,
        "output": _count(usage, "output_tokens"),
        **_searched(usage),
    }


def _billed(usage: Mapping[str, Any]) -> Json:
    """Cohere bills for less than its models read: https://docs.cohere.com/docs/rerank-overview#pricing."""
    billed = _details(usage, "billed_units")
    return {
        "input": _count(billed, "input_tokens"),
        "input_image": _count(billed, "image_tokens"),
        "output": _count(billed, "output_tokens"),
        "searches": _count(billed, "search_units"),
    }


def _native(usage_of: Callable[[Any], Json]) -> Callable[[Mapping[str, Any]], Json]:
    return lambda usage: _chat(usage_of(usage))


def _named(usage: Mapping[str, Any]) -> Json:
    """Counts by our own names, and what rerankers and transcriptions say."""
    counts = {kind: _count(usage, kind) for kind in KINDS}
    for name, kind in OTHER_NAMES.items():
        counts[kind] += _count(usage, name)
    return counts


# ------------------------------------------------------------------------------------------ parts


def _split(rest: str, whole: Any, parts: tuple[tuple[str, Any], ...]) -> Json:
    """*whole* without its *parts*. Where these overlap (cached sound), what was named first counts."""
    counts: Json = {}
    for kind, count in parts:
        if count:
            counts[kind] = min(count, whole)
            whole -= counts[kind]
    return {rest: whole, **counts}


def _written(usage: Mapping[str, Any], written: Any) -> tuple[Any, Any]:
    """Tokens written to a cache: for minutes, and for an hour.

    https://platform.claude.com/docs/en/build-with-claude/prompt-caching,
    https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_CacheDetail.html
    """
    hour = _count(_details(usage, "cache_creation"), "ephemeral_1h_input_tokens")
    for detail in usage.get("cacheDetails") or ():
        hour += _count(detail, "inputTokens") if detail.get("ttl") == "1h" else 0
    hour = min(hour, written)
    return written - hour, hour


def _searched(usage: Mapping[str, Any]) -> Json:
    """Searches of the web by the provider itself."""
    return {"web_searches": _count(_details(usage, "server_tool_use"), "web_search_requests")}


def _details(usage: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = usage.get(name)
    return plain(found) if found is not None else {}


def _count(usage: Mapping[str, Any], name: str) -> Any:
    count = usage.get(name)
    if type(count) is int and 0 <= count < HUGE:  # nearly always, or it is not there
        return count
    if count is None:
        return 0
    if isinstance(count, bool) or not isinstance(count, int | float | Decimal) or not 0 <= count < HUGE:
        raise ValueError(f"{name} must be a number from 0, not {type(count).__name__}")
    return Decimal(str(count)) if isinstance(count, float) else count


# ------------------------------------------------------------------------------------------ tables

HUGE = 10**12
"""No provider counts that far: who says so is not believed, and no sum of costs leaves a store's numbers."""

ANTHROPIC = {"cache_read_input_tokens", "cache_creation_input_tokens", "cache_creation", "server_tool_use"}

READERS: tuple[tuple[str, Callable[[Mapping[str, Any]], Json]], ...] = (
    ("billed_units", _billed),
    ("prompt_tokens", _chat),
    ("input_tokens", _responses),
    ("promptTokenCount", _native(gemini.usage_of)),
    ("inputTokens", _native(aws.usage_of)),
    ("tokens", _native(cohere.usage_of)),
)
"""Whose words they are, by a field that no other has."""

OTHER_NAMES = {"search_units": "searches", "total_tokens": "input", "duration": "seconds"}
"""Cohere's rerankers, those of Jina and Voyage, and OpenAI's verbose transcriptions."""
