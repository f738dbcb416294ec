"""Anthropic's own blocks in the words of the chat form, for those who know no others.

Source: https://docs.anthropic.com/en/api/messages. What is in a document or a search result is said; what
Anthropic alone does with it (citing it) is not.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.wire.base import Json

BLOCKS = frozenset({"image", "document", "search_result", "container_upload"})
"""Blocks that only Anthropic (and Claude at Bedrock) has."""


def in_chat_words(block: Json) -> list[Json]:
    """The parts that *block* amounts to; none where it only names what Anthropic keeps."""
    translate = IN_WORDS.get(block["type"])
    parts = translate(block) if translate is not None else []
    if parts and block.get("cache_control"):
        parts[-1] = {**parts[-1], "cache_control": block["cache_control"]}
    return parts


def is_cited(block: Json) -> bool:
    """Whether the answer is to cite *block*."""
    citations = block.get("citations")
    return isinstance(citations, dict) and bool(citations.get("enabled"))


def _image(block: Json) -> list[Json]:
    url = url_of(block["source"])
    return [{"type": "image_url", "image_url": {"url": url}}] if url else []


def _document(block: Json) -> list[Json]:
    source = block["source"]
    if source["type"] in {"text", "content"}:
        content = source.get("content", source.get("data"))
        return _headed(block, content)
    url = url_of(source)
    if url is None:
        return []
    name = "file_data" if url.startswith("data:") else "file_url"
    title = {"filename": block["title"]} if block.get("title") else {}
    context = [_text(block["context"])] if block.get("context") else []
    return [*context, {"type": "file", "file": {name: url, **title}}]


def _search_result(block: Json) -> list[Json]:
    return _headed(block, block["content"])


def _headed(block: Json, content: Any) -> list[Json]:
    """What a document or a search result says, behind what it is called."""
    source = block["source"] if isinstance(block["source"], str) else None
    head = [line for line in (block.get("title"), source, block.get("context")) if line]
    inner = [{"type": "text", "text": content}] if isinstance(content, str) else content
    texts = [part["text"] for part in inner if part["type"] == "text"]
    media = [part for one in inner if one["type"] != "text" for part in in_chat_words(one)]
    return [_text("\n\n".join(["\n".join(head), *texts] if head else texts)), *media]


def _text(text: str) -> Json:
    return {"type": "text", "text": text}


def url_of(source: Json) -> str | None:
    """Where the data of a block are, as a URL; `None` if they are in no such place."""
    kind = source["type"]
    if kind == "url":
        return str(source["url"])
    if kind not in {"base64", "text"}:
        return None
    data = source["data"]
    if kind == "text":
        data = base64.b64encode(data.encode()).decode()
    return f"data:{source['media_type']};base64,{data}"


# ------------------------------------------------------------------------------------------- tables

IN_WORDS: dict[str, Callable[[Json], list[Json]]] = {
    "image": _image,
    "document": _document,
    "search_result": _search_result,
}
