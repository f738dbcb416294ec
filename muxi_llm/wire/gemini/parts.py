"""Gemini, ours → theirs: the parts of a message.

Source: https://ai.google.dev/api/caching#Part. Media go inline or by URI: since 2026 the API fetches
`https` itself (https://ai.google.dev/gemini-api/docs/file-input-methods). The caller's parts are read,
never changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from muxi_llm.wire.base import plain
from muxi_llm.wire.requesting import taken_apart

if TYPE_CHECKING:
    from muxi_llm.wire.base import Json, Ledger


def parts_of(content: Any, at: str, ledger: Ledger) -> list[Json]:
    """*content*, a string or parts, as Gemini's parts; empty text, which Vertex refuses, is left out."""
    if not content:
        return []
    if isinstance(content, str):
        return [{"text": content}]
    parts = (part if isinstance(part, dict) else plain(part) for part in content)
    encoded = (_part(part, f"{at}.content[{index}]", ledger) for index, part in enumerate(parts))
    return [part for part in encoded if part != {"text": ""}]


def _part(part: Json, at: str, ledger: Ledger) -> Json:
    kind = part["type"]
    if kind in {"text", "refusal"}:
        return {"text": part[kind] or ""}
    if kind not in MEDIA:
        raise UnsupportedParameterError(f"{at}.type {kind!r} has no counterpart in Gemini's parts", param=at)
    held = part[kind]
    if kind == "input_audio":
        return _inline(f"audio/{held['format']}", held["data"])
    if kind == "file":
        return _file(held, at, ledger)
    given = {"url": held} if isinstance(held, str) else held
    if given.get("detail") not in {None, "auto"}:
        why = "Gemini's resolution is the whole request's: generationConfig.mediaResolution"
        ledger.dropped(f"{at}.{kind}.detail", why, loss=False)
    return _held_at(given["url"], given.get("format"), f"{at}.{kind}.url")


def _file(file: Json, at: str, ledger: Ledger) -> Json:
    name = file.get("filename") or ""
    if name:  # https://ai.google.dev/api/caching#Blob has none
        ledger.dropped(f"{at}.file.filename", "Gemini's parts have no name; the type alone is read from it")
    media = file.get("format") or _media_type(name)
    if file.get("file_id"):
        uri = file["file_id"]
        return _by_uri(uri if ":" in uri else FILES + uri.removeprefix("files/"), media)
    data = file.get("file_data") or file.get("file_url")
    if not data:
        raise InvalidRequestError(f"{at}.file needs file_data or file_id", param=f"{at}.file")
    if ":" not in data[:16]:
        return _inline(media or "application/pdf", data)
    return _held_at(data, media, f"{at}.file.file_data")


def _held_at(url: str, media: str | None, at: str) -> Json:
    """A URL as it is (the provider fetches it, this library never does), a data URL taken apart."""
    if url.startswith(("http://", "https://", "gs://")):
        return _by_uri(url, media or _media_type(urlsplit(url).path))
    told, data = taken_apart(url, at, "an http(s), gs: or data:")
    return _inline(told or media or "text/plain", data)


def _inline(media: str, data: str) -> Json:
    return {"inlineData": {"mimeType": MISNAMED.get(media, media), "data": data}}


def _by_uri(uri: str, media: str | None) -> Json:
    """Vertex wants the type, the Gemini API can do without: it is told where the name tells it."""
    return {"fileData": {"fileUri": uri, **({"mimeType": media} if media else {})}}


def _media_type(path: str) -> str | None:
    return MEDIA_TYPES.get(path.lower().rpartition(".")[2])


# ------------------------------------------------------------------------------------------ tables

FILES = "https://generativelanguage.googleapis.com/v1beta/files/"

MEDIA = {"image_url", "input_audio", "audio_url", "video_url", "file"}

MISNAMED = {"image/jpg": "image/jpeg"}
"""Media types people write, and what they are."""

MEDIA_TYPES = {
    "png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp", "heic": "image/heic",
    "heif": "image/heif", "gif": "image/gif", "pdf": "application/pdf", "txt": "text/plain", "md": "text/md",
    "html": "text/html", "csv": "text/csv", "xml": "text/xml", "css": "text/css", "json": "application/json",
    "wav": "audio/wav", "mp3": "audio/mp3", "aiff": "audio/aiff", "aac": "audio/aac", "ogg": "audio/ogg",
    "flac": "audio/flac", "mp4": "video/mp4", "mpeg": "video/mpeg", "mpg": "video/mpg", "mov": "video/mov",
    "avi": "video/avi", "flv": "video/x-flv", "webm": "video/webm", "wmv": "video/wmv", "3gp": "video/3gpp",
}  # fmt: skip
"""By a file name's ending, as https://ai.google.dev/gemini-api/docs lists them under each medium."""
