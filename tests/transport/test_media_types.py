"""What data are taken for: their bytes count more than what a server says of them."""

from __future__ import annotations

import pytest

from muxi_llm.core.media import MediaError
from muxi_llm.transport.media_types import type_of

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
HTML = b"\n<!DOCTYPE html><p>Log in"
MP4 = b"\0\0\0\x18ftypisom" + bytes(20)


@pytest.mark.parametrize(
    ("data", "declared", "kind", "found"),
    [
        (PNG, "", "image", "image/png"),
        (PNG, "application/octet-stream", "image", "image/png"),
        (PNG, "image/jpeg", "image", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpg", "image", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBPVP8 ", "text/plain", "image", "image/webp"),
        (b"<svg xmlns='x'/>", "image/svg+xml", "image", "image/svg+xml"),
        (b"RIFF\0\0\0\0WAVEfmt ", "audio/x-wav", "audio", "audio/wav"),
        (b"\xff\xfb\x90", "audio/mp3", "audio", "audio/mpeg"),
        (MP4, "", "video", "video/mp4"),
        (MP4, "", "audio", "audio/mp4"),
        (MP4, "audio/mp4", "audio", "audio/mp4"),
        (b"\x1aE\xdf\xa3", "audio/webm", "audio", "audio/webm"),
        (b"OggS", "application/ogg", "audio", "audio/ogg"),
        (b"%PDF-1.7", "", "file", "application/pdf"),
        (b"a,b\n1,2", "text/csv", "file", "text/csv"),
        (PNG, "", "file", "image/png"),
        (b"<!-- a page -->", "text/html", "file", "text/html"),
    ],
)  # fmt: skip
def test_the_bytes_say_what_it_is(data, declared, kind, found):
    assert type_of(data, declared, kind) == found


@pytest.mark.parametrize(
    ("data", "declared", "kind", "why"),
    [
        (HTML, "text/html", "image", "wanted as image, but it is text/html"),
        (HTML, "image/png", "image", "wanted as image, but it is text/html"),
        (b"{}", "image/png", "image", "declared as image/png, which it is not"),
        (b"{}", "application/json", "image", "wanted as image, but it is application/json"),
        (PNG, "audio/wav", "audio", "wanted as audio, but it is image/png"),
        (b"%PDF-1.7", "video/mp4", "video", "wanted as video, but it is application/pdf"),
        (b"?", "", "file", "wanted as file, but it is of no known type"),
        (b"?", "application/octet-stream", "file", "wanted as file, but it is application/octet-stream"),
        (b"", "image/png", "image", "declared as image/png, which it is not"),
    ],
)
def test_pitfall_46_what_it_is_not(data, declared, kind, why):
    with pytest.raises(MediaError, match=f"^{why}$"):
        type_of(data, declared, kind)
