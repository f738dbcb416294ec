"""Files and URLs as the parts of a message, in OpenAI's form."""

from __future__ import annotations

import mimetypes
from base64 import b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from muxi_llm.transport.media_types import types_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Part = dict[str, Any]
Content = str | list[Part]


class Misunderstood(Exception):  # noqa: N818 - it is the person's to say otherwise, nothing broke
    """What was asked for cannot be meant; the message says what can."""


def content_of(text: str, files: Sequence[str]) -> Content:
    """A message of *text* and *files* (paths, or URLs of images). Raises `Misunderstood`."""
    parts = [part_of(file) for file in files]
    if not parts:
        return text
    return [*([{"type": "text", "text": text}] if text else []), *parts]


def part_of(file: str) -> Part:
    """One file as a part of a message."""
    if file.startswith(("http://", "https://")):
        return _of_url(file)
    path = Path(file).expanduser()
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Misunderstood(f"{file} cannot be read: {error.strerror}") from None
    if not data:
        raise Misunderstood(f"{file} is empty")
    kind = next(iter(types_of(data)), "") or mimetypes.guess_type(path.name)[0] or ""
    made = next((make for begin, make in PARTS.items() if kind.startswith(begin)), _text)
    return made(path, kind, data)


def _of_url(url: str) -> Part:
    kind = mimetypes.guess_type(urlsplit(url).path)[0] or "image/"
    if not kind.startswith("image/"):
        raise Misunderstood(f"{url}: only images go by URL; download it, and attach the file")
    return {"type": "image_url", "image_url": {"url": url}}


def _image(_: Path, kind: str, data: bytes) -> Part:
    return {"type": "image_url", "image_url": {"url": _data_url(kind, data)}}


def _sound(path: Path, kind: str, data: bytes) -> Part:
    form = FORMS.get(kind) or path.suffix.lstrip(".") or "wav"
    return {"type": "input_audio", "input_audio": {"data": b64encode(data).decode(), "format": form}}


def _video(_: Path, kind: str, data: bytes) -> Part:
    return {"type": "video_url", "video_url": {"url": _data_url(kind, data)}}


def _document(path: Path, kind: str, data: bytes) -> Part:
    return {"type": "file", "file": {"filename": path.name, "file_data": _data_url(kind, data)}}


def _text(path: Path, _: str, data: bytes) -> Part:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise Misunderstood(f"{path}: an image, a PDF, a sound, a video or text can be attached") from None
    return {"type": "text", "text": f"{path.name}:\n\n{text}"}


def _data_url(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{b64encode(data).decode()}"


PARTS: dict[str, Callable[[Path, str, bytes], Part]] = {
    "image/svg": _text,
    "image/": _image,
    "audio/": _sound,
    "video/": _video,
    "application/pdf": _document,
}
"""By how the media type begins; everything else is text, or nothing that can be sent."""

FORMS = {
    "audio/mpeg": "mp3",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
}
