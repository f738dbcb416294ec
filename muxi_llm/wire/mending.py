"""Values of OpenAI's form that are off its schema, made ones that a caller's usual code can read.

Near-compatible servers have habits: `""` for no reason, parts or an object for a text, arguments that are no
string. And any server may say nonsense. Whatever came, afterwards texts are texts, counts are numbers and
lists hold objects; where that would be guessing at the answer itself, it is a `ValueError`. All is done in
place, and on-schema data never comes here. What else a server told stays as it came.
"""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from muxi_llm.models import ChatCompletion, ChatCompletionChunk, Completion, CreateEmbeddingResponse
from muxi_llm.wire.json_text import written

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]


def mend_answer(raw: Json) -> None:
    """A whole chat answer."""
    _mend_head(raw, "chat.completion")
    for choice in numbered(raw.get("choices")):
        message = choice.get("message")
        if not isinstance(message, dict):
            raise ValueError("the reply has no message")  # noqa: TRY004 - what is wrong is the reply
        message["role"] = message.get("role") or "assistant"
        mend_finish(choice)
        _mend_logprobs(choice)
        if choice["finish_reason"] is None:  # Snowflake: a whole answer has ended, and callers ask how
            choice["finish_reason"] = "tool_calls" if message.get("tool_calls") else "stop"
        _mend_said(message)
        calls = objects(message.get("tool_calls"))
        for tool_call in calls:
            _as_texts(tool_call, "id")
            tool_call["id"] = tool_call.get("id") or ""
            _mend_call(tool_call, missing="{}")
        told = [tool_call for tool_call in calls if tool_call.keys() & CALLED]
        if len(told) < len(calls):
            if not told:
                raise ValueError("a tool call calls nothing")
            message["tool_calls"] = told


def mend_chunk(raw: Json) -> None:
    """A chunk of a chat answer."""
    _mend_head(raw, "chat.completion.chunk")  # Perplexity labels chunks as answers, Azure leaves it empty
    for choice in numbered(raw.get("choices")):
        mend_finish(choice)
        _mend_logprobs(choice)
        choice.pop("message", None)  # Perplexity repeats the answer so far beside each delta
        if not isinstance(choice.get("delta"), dict):  # Azure's content filter sends none
            choice["delta"] = {}
        _mend_said(choice["delta"])
        for tool_call in numbered(choice["delta"].get("tool_calls")):
            _as_texts(tool_call, "id")
            _mend_call(tool_call, missing=None)


def _mend_logprobs(choice: Json) -> None:
    """An object, whose lists hold objects; some servers have OpenAI's older form, which is kept."""
    told = choice.get("logprobs")
    if isinstance(told, dict):
        for name in ("content", "refusal"):
            tokens = told.get(name)
            if tokens is not None and not (
                isinstance(tokens, list) and all(isinstance(t, dict) for t in tokens)
            ):
                told[name] = None
    elif told is not None:
        choice["logprobs"] = None


def mend_completion(raw: Json) -> None:
    """A text completion, whole or a piece of one."""
    _mend_head(raw, "text_completion")
    for choice in numbered(raw.get("choices")):
        mend_finish(choice)
        _mend_logprobs(choice)
        _as_texts(choice, "text")
        choice["text"] = choice.get("text") or ""


def mend_embeddings(raw: Json) -> None:
    """Embeddings: every vector is a list of numbers, or a text."""
    raw["object"] = "list"
    for row in objects(raw.get("data")):
        vector = row.get("embedding")
        if isinstance(vector, list):
            try:
                array("d", vector)
            except (TypeError, OverflowError):
                raise ValueError(f"an embedding is no list of numbers: {str(vector)[:80]}") from None
    usage = raw.get("usage")
    if usage is not None:
        raw["usage"] = mend_usage(usage) if isinstance(usage, dict) else None


def mend_finish(choice: Json) -> None:
    """OpenAI's word for why an answer ended; the server's own is kept beside it.

    A word that nobody here knows stays what it is: callers who ask for `stop` are not told so.
    """
    choice["finish_reason"] = choice.get("finish_reason") or None  # "" would end a caller's loop
    _as_texts(choice, "finish_reason")
    reason = choice["finish_reason"]
    if reason is not None and reason not in OPENAI_REASONS:
        choice["finish_reason"] = FINISH_REASONS.get(reason, reason)
        choice.setdefault("native_finish_reason", reason)


def _mend_head(raw: Json, kind: str) -> None:
    raw["object"] = kind
    _as_texts(raw, "id", "model")
    if raw.get("created") is not None:
        raw["created"] = count_of(raw["created"]) or 0
    usage = raw.get("usage")
    if usage is not None:
        raw["usage"] = mend_usage(usage) if isinstance(usage, dict) else None


def mend_usage(usage: Json) -> Json:
    """Counts as numbers; what is none is not known, which is not 0."""
    for name in TOKENS & usage.keys():
        usage[name] = count_of(usage[name])
    for name in ("prompt_tokens_details", "completion_tokens_details"):
        details = usage.get(name)
        if isinstance(details, dict):
            usage[name] = {key: count_of(value) for key, value in details.items()}
        elif details is not None:
            usage[name] = None
    return usage


def count_of(value: object) -> int | None:
    """A number of tokens or seconds, `None` for what is none."""
    if isinstance(value, str) and value.isascii() and value.isdecimal() and len(value) < 16:
        value = int(value)
    sensible = isinstance(value, int | float) and 0 <= value < MOST  # NaN is not
    return int(value) if sensible else None  # type: ignore[call-overload]  # `sensible` says it


def _mend_said(said: Json) -> None:
    """A message or a delta."""
    mend_content(said)
    _as_texts(said, "refusal", "role")
    call = said.get("function_call")
    if isinstance(call, dict):
        _mend_texts(call, missing=None)
    elif call is not None:
        del said["function_call"]
    for name, kind in (("annotations", list), ("audio", dict)):
        if said.get(name) is not None and not isinstance(said[name], kind):
            del said[name]


def mend_content(said: Json) -> None:
    """Content as text, thinking beside it: the reasoning models of Mistral and Databricks send parts.
    Anything else is a structured answer that a server took the trouble to parse (Cloudflare): JSON again.
    """
    content = said.get("content")
    if isinstance(content, list) and all(isinstance(part, dict) and "type" in part for part in content):
        said["content"] = "".join(text_of(part) for part in content if part["type"] == "text")
        thoughts = "".join(text_of(part) for part in content if part["type"] in ("thinking", "reasoning"))
        if thoughts:
            said.setdefault("reasoning_content", thoughts)
    else:
        _as_texts(said, "content")


def text_of(part: Json) -> str:
    """The text of a part, however deep."""
    text = part.get("text") or part.get("thinking") or part.get("summary") or ""
    return text if isinstance(text, str) else "".join(text_of(inner) for inner in objects(text))


def _mend_call(tool_call: Json, *, missing: str | None) -> None:
    """A tool call, or a fragment of one. It is what its type says; a vendor's own type calls a function."""
    kind = tool_call.get("type")
    custom = kind == "custom" or not isinstance(tool_call.get("function"), dict)
    named = "custom" if custom and isinstance(tool_call.get("custom"), dict) else "function"
    if missing is not None and not kind:
        tool_call["type"] = named
    _as_texts(tool_call, "type")
    for name in CALLED & tool_call.keys():
        if name == named and isinstance(tool_call[name], dict):
            _mend_texts(tool_call[name], missing=missing)
        else:
            del tool_call[name]


def _mend_texts(called: Json, *, missing: str | None) -> None:
    """Arguments as a JSON string, as OpenAI has them; Ollama and Gemini think of them as an object."""
    _as_texts(called, "name", "input", "arguments")
    if missing is not None:
        called["name"] = called.get("name") or ""
        if "input" not in called:
            called["arguments"] = called.get("arguments") or missing


def _as_texts(holder: Json, *names: str) -> None:
    """Whatever stands under these *names* as a text: JSON, where it is none."""
    for name in names:
        value = holder.get(name)
        if value is not None and not isinstance(value, str):
            holder[name] = written(value).decode()


def numbered(value: object) -> list[Json]:
    """`objects`, each with an `index`."""
    items = objects(value)
    for position, item in enumerate(items):
        if type(item.get("index")) is not int:
            item["index"] = position
    return items


def objects(value: object) -> list[Json]:
    """A list of objects, nothing if there is none. Raises `ValueError` for anything else."""
    items = [] if value is None else value
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise ValueError("there is no list of objects where one should be")
    return items


# ------------------------------------------------------------------------------------------ tables

MENDS: dict[type, Callable[[Json], None]] = {
    ChatCompletion: mend_answer,
    ChatCompletionChunk: mend_chunk,
    Completion: mend_completion,
    CreateEmbeddingResponse: mend_embeddings,
}

CALLED = {"function", "custom"}
"""Types of tool calls; what is called stands under a field of that name."""

TOKENS = {"prompt_tokens", "completion_tokens", "total_tokens"}

MOST = 2**53
"""No count is as large; beyond it JSON's numbers are not exact anywhere."""

OPENAI_REASONS = {"stop", "length", "tool_calls", "content_filter", "function_call"}

# Answers that were cut short are never `stop`. What failed is `wire.openai.chat.FAILURES`.
FINISH_REASONS = {
    "eos": "stop",  # https://docs.together.ai/reference/chat-completions-1
    "eos_token": "stop",  # https://huggingface.github.io/text-generation-inference/
    "stop_sequence": "stop",  # the same
    "end_turn": "stop",  # https://docs.anthropic.com/en/api/messages, from servers that pass it on
    "max_tokens": "length",
    "tool_use": "tool_calls",
    "model_length": "length",  # https://docs.mistral.ai/api/
    "model_context_window_exceeded": "length",  # https://docs.z.ai/api-reference/llm/chat-completion
    "time_limit": "length",  # https://cloud.ibm.com/apidocs/watsonx-ai#text-chat
    "sensitive": "content_filter",  # https://docs.z.ai/api-reference/llm/chat-completion
}
