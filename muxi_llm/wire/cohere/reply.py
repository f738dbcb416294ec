"""Cohere's chat wire, theirs → ours: what a whole answer and a stream share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.wire.reading import CUT_SHORT, broken, finish_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json


def message_of(said: Mapping[str, Any], *, legacy: bool) -> Json:
    """The assistant's message. legacy: a call is told in the `function_call` form."""
    content = said.get("content") or []
    parts = [{"text": content}] if isinstance(content, str) else content
    calls = [call_of(call, call["function"].get("arguments")) for call in said.get("tool_calls") or ()]
    text = "".join(part.get("text") or "" for part in parts)
    message: Json = {"role": "assistant", "content": None if calls and not text else text, "refusal": None}
    thoughts = "".join(part.get("thinking") or "" for part in parts) + (said.get("tool_plan") or "")
    if thoughts:
        message["reasoning_content"] = thoughts
    if said.get("citations"):
        message["citations"] = said["citations"]
    if calls and legacy:
        message["function_call"] = calls[0]["function"]
    elif calls:
        message["tool_calls"] = calls
    return message


def call_of(call: Mapping[str, Any], arguments: str | None) -> Json:
    """A tool call in the chat form. Cohere says `null` where there are no arguments."""
    known = arguments if arguments not in {None, "", "null"} else "{}"
    function = {"name": call["function"]["name"], "arguments": known}
    return {"id": call["id"], "type": "function", "function": function}


def finish_of(
    reason: str, *, called: bool, legacy: bool, why: str | None = None, said: str | None = None
) -> str:
    """The chat form's finish reason. A failure is raised: it is no answer. why: Cohere's own words."""
    if reason in FAILURES:
        raise broken(why or f"Cohere broke off: {reason}", FAILURES[reason], reason, said=said)
    finish = finish_word(reason, FINISH_REASONS)
    if called and finish not in CUT_SHORT:
        return "function_call" if legacy else "tool_calls"
    return finish


def usage_of(usage: Mapping[str, Any]) -> Json:
    """Tokens as the model saw them, cached ones included; what is billed is less and kept beside."""
    counts = usage.get("tokens") or usage.get("billed_units") or {}
    prompt, answer = int(counts.get("input_tokens") or 0), int(counts.get("output_tokens") or 0)
    out: Json = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
    out["prompt_tokens_details"] = {"cached_tokens": int(usage.get("cached_tokens") or 0)}
    if counts.get("image_tokens"):
        out["prompt_tokens_details"]["image_tokens"] = int(counts["image_tokens"])
    if counts.get("reasoning_tokens") is not None:
        out["completion_tokens_details"] = {"reasoning_tokens": int(counts["reasoning_tokens"])}
    if usage.get("billed_units"):
        out["billed_units"] = usage["billed_units"]
    return out


def logprobs_of(items: list[Json] | None) -> Json | None:
    """Cohere tells them for pieces of text; a piece of several tokens is as likely as all of them."""
    if not items:
        return None
    content = []
    for item in items:
        text = item.get("text") or ""
        logprob = sum(item.get("logprobs") or ())
        content.append({"token": text, "logprob": logprob, "bytes": list(text.encode()), "top_logprobs": []})
    return {"content": content, "refusal": None}


# ------------------------------------------------------------------------------------------ tables

FINISH_REASONS = {
    "COMPLETE": "stop",
    "STOP_SEQUENCE": "stop",
    "MAX_TOKENS": "length",
    "TOOL_CALL": "stop",  # without a call there is nothing to call; with one see `finish_of`
    "ERROR_LIMIT": "length",
    "ERROR_TOXIC": "content_filter",
}

FAILURES = {"ERROR": 500, "TIMEOUT": 504, "USER_CANCEL": 499}
"""Finish reasons that are none → the status they stand for."""
