"""OpenAI's chat form, ours → theirs: files."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.requesting import taken_apart

if TYPE_CHECKING:
    from muxi_llm.wire.base import Json, Ledger


def as_chat_takes(part: Json, at: str, ledger: Ledger) -> Json:
    """A file as OpenAI's chat takes it: a PDF, with a name. Text is read as text alone.

    Source: https://platform.openai.com/docs/guides/pdf-files.
    """
    file = part["file"] if isinstance(part["file"], dict) else {}
    url, media, data = str(file.get("file_data") or ""), "", ""
    if url.startswith("data:"):
        media, data = taken_apart(url, f"{at}.file.file_data", "a data:")
    if media.startswith("text/") or media in TEXTS:
        try:
            text = base64.b64decode(data).decode("utf-8", "replace")
        except binascii.Error as error:
            raise InvalidRequestError(f"{at}.file.file_data is not base64", param=at) from error
        ledger.moved(at, f"{ledger.provider} reads no {media} files; sent as text")
        rest = {name: value for name, value in part.items() if name not in {"type", "file"}}
        return {"type": "text", "text": f"{file.get('filename') or 'document'}\n\n{text}", **rest}
    if not url or file.get("filename") or url.startswith("http"):
        return part
    ending = media.rpartition("/")[2] or "pdf"
    return {**part, "file": {"filename": f"document.{ending}", **file}}


# ------------------------------------------------------------------------------------------ tables

TEXTS = {"application/json", "application/xml", "application/x-yaml"}
"""Media types that are text by another name."""
