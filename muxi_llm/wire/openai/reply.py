"""OpenAI's chat, theirs → ours: what near-compatible servers say within the schema, and is not so.

What is off the schema was put right before (`wire.mending`); a whole answer and a stream share this.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.models import CompletionUsage
from muxi_llm.wire.base import WireError
from muxi_llm.wire.mending import mend_usage
from muxi_llm.wire.reading import broken

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.models import ChatCompletion, CustomToolCall, FunctionToolCall


def settle_answer(value: ChatCompletion) -> None:
    """Put right, in place, what *value* says. Raises `WireError` if it is no answer, or a failed one."""
    if not value.choices:
        raise WireError("malformed", "the reply has no choices")
    for choice in value.choices:
        message = choice.message
        if choice.finish_reason in FAILURES:
            raise failed(choice.finish_reason, message.content)
        if is_no_call(message.function_call):
            message.function_call = None
        if message.tool_calls:
            complete(message.tool_calls, value.id)
    if value.usage is not None:
        settle_usage(value.usage)


def complete(calls: Sequence[FunctionToolCall | CustomToolCall], answer_id: str) -> None:
    """Give tool calls what they lack, in place, and take from them what is not theirs: a call is what its
    type says, though Snowflake puts an empty `custom` beside each `function`.
    """
    for position, call in enumerate(calls):
        call.id = call.id or f"call_{answer_id}_{position}"  # its result will name it
        function = getattr(call, "function", None)
        if call.model_extra:
            call.model_extra.pop("function" if call.type == "custom" else "custom", None)
        if call.type != "custom" and function is not None:
            function.arguments = function.arguments or "{}"


def is_no_call(call: Any) -> bool:
    """Whether a `function_call` calls nothing; Snowflake has an empty one on every answer."""
    return call is not None and not (call.name or call.arguments)


def settle_usage(usage: CompletionUsage) -> None:
    """Reasoning is part of what was said; xAI counts it beside: https://docs.x.ai/docs/guides/reasoning."""
    details = usage.completion_tokens_details
    reasoning = details.reasoning_tokens if details and usage.completion_tokens else None
    if reasoning and (usage.prompt_tokens or 0) + usage.completion_tokens + reasoning == usage.total_tokens:
        usage.completion_tokens += reasoning


def vendor_usage(chunk: Any) -> CompletionUsage | None:
    """The cost where Groq puts it unasked: https://console.groq.com/docs/api-reference#chat-create."""
    told = (chunk.model_extra or {}).get("x_groq")
    usage = told.get("usage") if isinstance(told, dict) else None
    return CompletionUsage.construct(**mend_usage(usage)) if isinstance(usage, dict) else None


def failed(reason: str, said: str | None = None) -> WireError:
    """An answer the server says failed, as an error, with what it had *said*."""
    message = f"the server broke the answer off: finish_reason {reason!r}"
    return broken(message, FAILURES[reason], reason, said=said)


# ------------------------------------------------------------------------------------------ tables

FAILURES = {
    "error": 502,  # https://openrouter.ai/docs/api-reference/overview, https://docs.mistral.ai/api/, vLLM too
    "abort": 500,  # https://github.com/vllm-project/vllm/blob/main/vllm/v1/engine/__init__.py
    "network_error": 502,  # https://docs.z.ai/api-reference/llm/chat-completion
    "insufficient_system_resource": 503,  # https://api-docs.deepseek.com/api/create-chat-completion
}
"""Finish reasons of answers that failed, and the status they stand for."""
