"""What data are: by how they begin, and by what a server declares where that tells nothing."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from muxi_llm.core.media import MediaError

if TYPE_CHECKING:
    from muxi_llm.core.media import MediaKind


def type_of(data: bytes, declared: str, kind: MediaKind) -> str:
    """The media type of *data*: what the bytes say, else what the server *declared*. Raises `MediaError`."""
    declared = MISNAMED.get(declared, declared)
    wanted = "" if kind == "file" else f"{kind}/"
    possible = types_of(data)
    if not possible and declared in SIGNED:
        raise MediaError(f"declared as {declared}, which it is not")
    found = declared
    if possible and declared not in possible:
        found = next((name for name in possible if name.startswith(wanted)), possible[0])
    if found in UNKNOWN or not found.startswith(wanted):
        raise MediaError(f"wanted as {kind}, but it is {found or 'of no known type'}")
    return found


def types_of(data: bytes) -> tuple[str, ...]:
    """What *data* may be by how they begin, the likeliest first; nothing where that tells nothing."""
    return next((types for pattern, types in SIGNATURES if pattern.match(data)), ())


# ------------------------------------------------------------------------------------------ tables

UNKNOWN = {"", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded"}

MISNAMED = {
    "image/jpg": "image/jpeg",
    "audio/mp3": "audio/mpeg",
    "audio/wave": "audio/wav",
    "audio/x-wav": "audio/wav",
    "audio/vnd.wave": "audio/wav",
    "audio/x-m4a": "audio/mp4",
    "audio/x-flac": "audio/flac",
}
"""Media types servers declare, and their registered names."""

SIGNATURES: tuple[tuple[re.Pattern[bytes], tuple[str, ...]], ...] = tuple(
    (re.compile(pattern, re.DOTALL), tuple(types.split()))
    for pattern, types in (
        (rb"\x89PNG\r\n\x1a\n", "image/png"),
        (rb"\xff\xd8\xff", "image/jpeg"),
        (rb"GIF8[79]a", "image/gif"),
        (rb"RIFF....WEBP", "image/webp"),
        (rb"....ftyp(heic|heix|mif1|msf1)", "image/heic image/heif"),
        (rb"....ftypavi[fs]", "image/avif"),
        (rb"RIFF....WAVE", "audio/wav"),
        (rb"ID3|\xff[\xe2\xe3\xf2\xf3\xfa\xfb]", "audio/mpeg"),
        (rb"fLaC", "audio/flac"),
        (rb"....ftypM4[AB]", "audio/mp4"),
        (rb"OggS", "audio/ogg video/ogg audio/opus"),
        (rb"....ftypqt", "video/quicktime"),
        (rb"....ftyp", "video/mp4 audio/mp4 video/quicktime"),
        (rb"\x1aE\xdf\xa3", "video/webm audio/webm video/x-matroska"),
        (rb"%PDF-", "application/pdf"),
        (rb"(?i)\s*<(!doctype )?html", "text/html"),
    )
)
"""How data begin, and what they then may be: containers hold sound as well as pictures."""

SIGNED = {name for _, types in SIGNATURES for name in types} - {"text/html"}
"""Types that can be told by their bytes; such data without them are something else."""
