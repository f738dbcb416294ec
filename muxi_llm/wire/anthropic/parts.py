"""Anthropic Messages, ours → theirs: the parts of a message as content blocks.

Source: https://docs.anthropic.com/en/api/messages. The caller's parts are read, never changed.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.wire.base import plain
from muxi_llm.wire.requesting import taken_apart

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json, Ledger


class Parts:
    """Translates parts. `marked`: the blocks made here that carry a cache breakpoint, in order."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.marked: list[Json] = []

    def blocks(self, content: object, at: str) -> list[Json]:
        """*content*, a string or parts, as blocks; empty text, which is a 400 there, is left out."""
        if content is None:
            return []
        if isinstance(content, str):
            return [{"type": "text", "text": content}] if content.strip() else []
        blocks = []
        for index, raw in enumerate(content):  # type: ignore[arg-type, var-annotated]  # checked by the request
            part = raw if isinstance(raw, dict) else plain(raw)
            block = self._block(part, f"{at}.content[{index}]")
            if block is not None:
                blocks.append(self.mark(block, part))
        return blocks

    def mark(self, block: Json, given: Mapping[str, Any]) -> Json:
        """*block* (one of ours), with the cache breakpoint of what it was *given* as."""
        if given.get("cache_control"):
            block["cache_control"] = given["cache_control"]
            self.marked.append(block)
        return block

    def _block(self, part: Json, at: str) -> Json | None:
        kind = part["type"]
        if kind in {"text", "refusal"}:
            text = part[kind] or ""
            return {"type": "text", "text": text} if text.strip() else None
        if kind == "image_url":
            return self._image(part["image_url"], at)
        if kind == "file":
            return self._file(part["file"], at)
        if kind in NATIVE_BLOCKS:
            return dict(part)
        raise UnsupportedParameterError(
            f"{at}.type {kind!r} has no counterpart in Anthropic's messages", param=at
        )

    def _image(self, image: Any, at: str) -> Json:
        url = image if isinstance(image, str) else image["url"]
        if not isinstance(image, str) and image.get("detail") not in {None, "auto"}:
            self._ledger.dropped(f"{at}.image_url.detail", "Anthropic scales images itself", loss=False)
        return {"type": "image", "source": _picture(_source(url, f"{at}.image_url.url"), at)}

    def _file(self, file: Json, at: str) -> Json:
        if file.get("file_id"):
            return {"type": "document", "source": {"type": "file", "file_id": file["file_id"]}}
        data = file.get("file_data") or file.get("file_url")
        if not data:
            raise InvalidRequestError(f"{at}.file needs file_data or file_id", param=f"{at}.file")
        url = data if ":" in data[:16] else f"data:application/pdf;base64,{data}"
        source = _source(url, f"{at}.file.file_data")
        media = source.get("media_type", "application/pdf")
        if media.startswith("image/"):
            return {"type": "image", "source": _picture(source, at)}
        block: Json = {"type": "document", "source": self._document(source, media, at)}
        if file.get("filename"):
            block["title"] = file["filename"]
        return block

    def _document(self, source: Json, media: str, at: str) -> Json:
        if media == "application/pdf":
            return source
        if not media.startswith("text/"):
            raise UnsupportedParameterError(
                f"{at}.file: Anthropic reads PDF and text, not {media}", param=f"{at}.file"
            )
        if media != "text/plain":
            self._ledger.changed(
                f"{at}.file", f"{media} sent as text/plain, the only text type there", loss=False
            )
        text = base64.b64decode(source["data"]).decode("utf-8", "replace")
        return {"type": "text", "media_type": "text/plain", "data": text}


def _picture(source: Json, at: str) -> Json:
    """*source*, refused by name where it is no picture that Anthropic can see."""
    media = source.get("media_type", "image/png")
    if media not in PICTURES:
        why = f"{at}: Anthropic sees {', '.join(PICTURES)}, not {media}"
        raise UnsupportedParameterError(why, param=at)
    return source


def _source(url: str, at: str) -> Json:
    """A URL as it is (the provider fetches it, this library never does), a data URL taken apart."""
    if url.startswith(("http://", "https://")):
        return {"type": "url", "url": url}
    media, data = taken_apart(url, at, "an http(s) URL or a data:")
    media = MISNAMED.get(media, media) or "text/plain"
    return {"type": "base64", "media_type": media, "data": data}


# ------------------------------------------------------------------------------------------ tables

NATIVE_BLOCKS = {"image", "document", "search_result", "container_upload", "tool_reference"}

PICTURES = ("image/jpeg", "image/png", "image/gif", "image/webp")

MISNAMED = {"image/jpg": "image/jpeg"}
"""Media types people write, and what Anthropic calls them."""
