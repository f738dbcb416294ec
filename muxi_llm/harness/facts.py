"""What describes a request and an answer, whatever the wire: names and counts, no text of them."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf
from typing import Any

import orjson

from muxi_llm.models import RawValue
from muxi_llm.wire.sse import SSEDecoder


def parameters_of(body: Mapping[str, Any]) -> dict[str, Any]:
    """Of a request's body what may be told, by its path there: `temperature`, `reasoning.effort`."""
    found = ((path, _at(body, path)) for path in PARAMETERS)
    return {path: value for path, value in found if value is not None}


def answer_facts(value: Any) -> dict[str, Any]:
    """Of an answer or a chunk what describes it."""
    if isinstance(value, RawValue):
        return raw_facts(value.wire_bytes or b"")
    usage = getattr(value, "usage", None)
    reasons = [getattr(choice, "finish_reason", None) for choice in getattr(value, "choices", None) or ()]
    return _there(
        response_id=getattr(value, "id", None),
        response_model=getattr(value, "model", None),
        input_tokens=getattr(usage, "prompt_tokens", getattr(usage, "input_tokens", None)),  # images
        output_tokens=getattr(usage, "completion_tokens", getattr(usage, "output_tokens", None)),
        cache_read_tokens=_detail(usage, "prompt_tokens_details", "cached_tokens"),
        cache_write_tokens=_detail(usage, "prompt_tokens_details", "cache_write_tokens"),
        reasoning_tokens=_detail(usage, "completion_tokens_details", "reasoning_tokens"),
        finish_reasons=[reason for reason in reasons if reason],
    )


def tokens_of(value: Any) -> int | None:
    """Tokens an answer says it took."""
    total = getattr(getattr(value, "usage", None), "total_tokens", None)
    return total if isinstance(total, int) else None


class RawFacts:
    """The facts in the events of a stream in its vendor's own form."""

    def __init__(self) -> None:
        self._events = SSEDecoder(inf)  # bounded before it came here

    def of(self, data: bytes) -> dict[str, Any]:
        """What the next bytes say."""
        found: dict[str, Any] = {}
        for _, payload in self._events.feed(data):
            if b'"usage"' in payload:
                found.update(raw_facts(payload))
        return found


def raw_facts(data: bytes) -> dict[str, Any]:
    """The same of an answer of Anthropic's or of the Responses API, or of an event that holds one."""
    try:
        found = orjson.loads(data)
        found = found.get("message") or found.get("response") or found
        usage = found.get("usage") or {}
        counts = [usage[name] for name in INPUT_TOKENS if usage.get(name) is not None]
        read, made = usage.get("input_tokens_details") or {}, usage.get("output_tokens_details") or {}
        return _there(
            response_id=found.get("id"),
            response_model=found.get("model"),
            input_tokens=sum(counts) if counts else None,
            output_tokens=usage.get("output_tokens"),
            cache_read_tokens=usage.get("cache_read_input_tokens", read.get("cached_tokens")),
            cache_write_tokens=usage.get("cache_creation_input_tokens", read.get("cache_write_tokens")),
            reasoning_tokens=made.get("reasoning_tokens", made.get("thinking_tokens")),
            finish_reasons=_reasons(found),
        )
    except (AttributeError, TypeError, ValueError):  # it was for the client to understand, not for us
        return {}


def _reasons(found: Mapping[str, Any]) -> list[str]:
    reason = found.get("stop_reason") or (found.get("delta") or {}).get("stop_reason")
    if reason or "status" not in found:
        return [reason] if reason else []
    if found["status"] == "completed":
        calls = any(str(item.get("type")).endswith("_call") for item in found.get("output") or ())
        return ["tool_calls" if calls else "stop"]
    reason = STATUSES.get(found["status"], (found.get("incomplete_details") or {}).get("reason"))
    return [REASONS.get(reason, reason)] if reason else []


def _at(body: Any, path: str) -> Any:
    for name in path.split("."):
        body = body.get(name) if isinstance(body, Mapping) else None
    return body


def _detail(usage: Any, details: str, name: str) -> Any:
    return getattr(getattr(usage, details, None), name, None)


def _there(**facts: Any) -> dict[str, Any]:
    return {name: fact for name, fact in facts.items() if fact or fact == 0}


# ------------------------------------------------------------------------------------------- tables

INPUT_TOKENS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
"""Anthropic counts what came from its cache, or went there, apart."""

STATUSES = {"failed": "error", "cancelled": "error"}
REASONS = {"max_output_tokens": "length"}
"""The Responses API has no finish reason, but a status: https://platform.openai.com/docs/api-reference/responses/object."""

PARAMETERS = (
    "frequency_penalty",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "n",
    "output_config.effort",
    "output_config.format.type",
    "presence_penalty",
    "previous_response_id",
    "reasoning.effort",
    "reasoning_effort",
    "response_format.type",
    "seed",
    "stop",
    "stop_sequences",
    "temperature",
    "text.format.type",
    "top_k",
    "top_p",
)
"""What of a request's body is told, on each wire; none of it is prompt or answer."""
