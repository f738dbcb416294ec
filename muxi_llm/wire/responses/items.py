"""OpenAI's Responses and its chat form: what both can say, each thing in both directions.

`encode_*` is chat → Responses, `decode_*` Responses → chat. A client's request and a provider's are the
same language, so the outbound and the inbound half share all of this.
Source: https://platform.openai.com/docs/api-reference/responses.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.wire.base import plain
from muxi_llm.wire.reading import finish_word

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.wire.base import Json

# ------------------------------------------------------------------------------------------- parts


def encode_content(content: Any, at: str) -> str | list[Json]:
    """A message's or a tool's content: a string stays one, parts become parts."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = (part if isinstance(part, dict) else plain(part) for part in content)
    return [encode_part(part, f"{at}[{index}]") for index, part in enumerate(parts)]


def encode_part(part: Json, at: str) -> Json:
    """One part; what an image's `detail` is, or that there is none, stays as given."""
    kind = part["type"]
    if kind in NATIVE_PARTS:
        return part
    rest = {name: value for name, value in part.items() if name not in {"type", kind}}
    if kind == "text":
        return {"type": "input_text", "text": part["text"], **rest}
    if kind == "image_url":
        image = part["image_url"]
        image = {"url": image} if isinstance(image, str) else dict(image)
        return {"type": "input_image", "image_url": image.pop("url"), **image, **rest}
    if kind == "file":
        file = dict(part["file"])
        if str(file.get("file_data")).startswith(("http://", "https://")):
            file["file_url"] = file.pop("file_data")
        return {"type": "input_file", **file, **rest}
    raise UnsupportedParameterError(f"{at}.type {kind!r} has no counterpart in OpenAI's responses", param=at)


def decode_content(content: str | list[Json], at: str) -> str | list[Json]:
    """The way back."""
    if isinstance(content, str):
        return content
    return [decode_part(part, f"{at}[{index}]") for index, part in enumerate(content)]


def decode_part(part: Json, at: str) -> Json:
    """The way back of one part."""
    kind = part["type"]
    rest = {name: value for name, value in part.items() if name != "type" and value is not None}
    if kind in TEXT_PARTS:
        return {**rest, "type": "text"}
    if kind == "input_image":
        if "image_url" not in rest:
            raise InvalidRequestError(f"{at}: an image is needed as image_url here, not by file_id", param=at)
        image = {"url": rest.pop("image_url")}
        if "detail" in rest:
            image["detail"] = rest.pop("detail")
        return {**rest, "type": "image_url", "image_url": image}
    if kind == "input_file":
        file = {name: rest.pop(name) for name in FILE_FIELDS if name in rest}
        return {**rest, "type": "file", "file": file}
    if kind in {"input_audio", "refusal"}:
        return part
    raise InvalidRequestError(f"{at}.type {kind!r} is not a part of a message", param=at)


# ------------------------------------------------------------------------------------------- tools


def encode_tool(tool: Json) -> Json:
    """A tool, flat. Not to be `strict` must be said here: it is the default there, and not in chat."""
    if "function" in tool:
        out = {"type": "function", **tool["function"]}
        out["parameters"] = out.get("parameters") or {"type": "object", "properties": {}}
        out["strict"] = bool(out.get("strict"))
        return out
    if "custom" in tool:
        out = {"type": "custom", **tool["custom"]}
        if (out.get("format") or {}).get("type") == "grammar":
            out["format"] = {"type": "grammar", **out["format"]["grammar"]}
        return out
    return tool


def decode_tool(tool: Json) -> Json:
    """A function or a custom tool, nested."""
    kind = tool["type"]
    inner = {name: value for name, value in tool.items() if name != "type" and value is not None}
    if (inner.get("format") or {}).get("type") == "grammar":
        grammar = {name: value for name, value in inner["format"].items() if name != "type"}
        inner["format"] = {"type": "grammar", "grammar": grammar}
    return {"type": kind, kind: inner}


def encode_choice(choice: Any) -> Any:
    """`tool_choice`, flat."""
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in {"function", "custom", "allowed_tools"} or kind not in choice:
        return choice
    out = {"type": kind, **choice[kind]}
    if "tools" in out:
        out["tools"] = [encode_choice(tool) for tool in out["tools"]]
    return out


def decode_choice(choice: Any) -> Any:
    """`tool_choice`, nested."""
    kind = choice.get("type") if isinstance(choice, dict) else None
    if kind not in {"function", "custom", "allowed_tools"}:
        return choice
    inner = {name: value for name, value in choice.items() if name != "type"}
    if "tools" in inner:
        inner["tools"] = [decode_choice(tool) for tool in inner["tools"]]
    return {"type": kind, kind: inner}


def short_id(call_id: str) -> str:
    """*call_id* in the 64 characters an id may have: the same for the same id, so a result still matches."""
    if len(call_id) <= 64:
        return call_id
    return f"{call_id[:55]}_{hashlib.sha256(call_id.encode()).hexdigest()[:8]}"


# ----------------------------------------------------------------------- formats, usage, citations


def encode_format(wanted: Json) -> Json:
    """`response_format` → `text.format`."""
    return {"type": wanted["type"], **(wanted.get("json_schema") or {})}


def decode_format(wanted: Json) -> Json:
    """`text.format` → `response_format`."""
    if wanted.get("type") != "json_schema":
        return wanted
    return {"type": "json_schema", "json_schema": {k: v for k, v in wanted.items() if k != "type"}}


def encode_usage(usage: Any) -> Json:
    """Tokens; the details are always there, as OpenAI's own types want them."""
    given, answer = usage.prompt_tokens_details, usage.completion_tokens_details
    return {
        "input_tokens": usage.prompt_tokens,
        "input_tokens_details": {
            "cached_tokens": (given and given.cached_tokens) or 0,
            "cache_write_tokens": (given and given.cache_write_tokens) or 0,
        },
        "output_tokens": usage.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": (answer and answer.reasoning_tokens) or 0},
        "total_tokens": usage.total_tokens,
    }


def decode_usage(usage: Mapping[str, Any]) -> Json:
    """Tokens; what else a provider counts (searches, cost) is kept."""
    out = {name: value for name, value in usage.items() if name not in USAGE}
    given, answer = usage.get("input_tokens") or 0, usage.get("output_tokens") or 0
    out.update(prompt_tokens=given, completion_tokens=answer, total_tokens=usage.get("total_tokens") or 0)
    out["total_tokens"] = out["total_tokens"] or given + answer
    out["prompt_tokens_details"] = usage.get("input_tokens_details") or {}
    out["completion_tokens_details"] = usage.get("output_tokens_details") or {}
    return out


def encode_annotation(annotation: Any) -> Json:
    """A web citation, flat."""
    raw: Json = plain(annotation)
    return {"type": raw["type"], **(raw.get(raw["type"]) or {})}


def decode_annotations(part: Json, start: int) -> Json:
    """A text part's citations, *start* characters into the text: of web pages as the chat form's
    `annotations`, the others under `citations`.
    """
    annotations, citations = [], []
    for cited in part.get("annotations") or ():
        if cited["type"] != "url_citation":
            citations.append(cited)
            continue
        place = {name: value for name, value in cited.items() if name != "type"}
        for edge in ("start_index", "end_index"):
            place[edge] = (place.get(edge) or 0) + start
        annotations.append({"type": "url_citation", "url_citation": place})
    return {name: value for name, value in (("annotations", annotations), ("citations", citations)) if value}


# ------------------------------------------------------------------------------ turns and reasoning


def reasoning_texts(item: Json) -> list[tuple[str, int, str]]:
    """What a reasoning item says in words, as (kind, index, text): the thinking itself, or its summary."""
    kind = "content" if item.get("content") else "summary"
    return [(kind, index, part["text"]) for index, part in enumerate(item.get(kind) or ())]


def state_of(output: Sequence[Json], whose: str = "openai") -> Json:
    """A turn's items, verbatim, where the chat form alone would not give them back to *whose* they are."""
    return {} if _is_regular(output) else {"extra_content": {whose: {"output": list(output)}}}


def _is_regular(output: Sequence[Json]) -> bool:
    """Whether the turn is plain text, then calls."""
    kinds = [item.get("type", "message") for item in output]
    calls = kinds[1:] if kinds[:1] == ["message"] else kinds
    return {"function_call", "custom_tool_call"}.issuperset(calls) and all(map(_is_plain, output))


def _is_plain(item: Json) -> bool:
    """Whether *item* has no field that the chat form has no place for (`phase`, `namespace`, citations)."""
    content = item.get("content")
    parts = content if isinstance(content, list) else ()
    said = {name for holder in (item, *parts) for name, value in holder.items() if value}
    return said <= PLAIN_FIELDS


def finish_of(response: Mapping[str, Any], *, called: bool, legacy: bool) -> tuple[str, str | None]:
    """The chat form's finish reason, and Responses' own word for it."""
    if response.get("status") == "incomplete":
        reason = (response.get("incomplete_details") or {}).get("reason")
        return ("content_filter" if reason == "content_filter" else "length"), reason
    status = response.get("status")
    if called and status in (None, "completed"):
        return "function_call" if legacy else "tool_calls", status
    return finish_word(status, {"completed": "stop"}), status


# ------------------------------------------------------------------------------------------ tables

TEXT_PARTS = {"input_text", "output_text", "text"}

NATIVE_PARTS = {"input_text", "input_image", "input_file", "input_audio", "output_text", "refusal"}

FILE_FIELDS = ("file_data", "file_id", "file_url", "filename")

PLAIN_FIELDS = {
    "type", "id", "status", "role", "content", "text", "refusal", "logprobs",
    "call_id", "name", "arguments", "input",
}  # fmt: skip

USAGE = {
    "input_tokens", "output_tokens", "total_tokens", "input_tokens_details", "output_tokens_details"
}  # fmt: skip
