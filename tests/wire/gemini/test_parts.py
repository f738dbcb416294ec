"""Media on their way to Gemini."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from tests.support.anthropic import user
from tests.support.gemini import Codec, contents


def inline(media: str, data: str = "aGk=") -> dict[str, Any]:
    return {"inlineData": {"mimeType": media, "data": data}}


def by_uri(uri: str, media: str | None = None) -> dict[str, Any]:
    return {"fileData": {"fileUri": uri} | ({"mimeType": media} if media else {})}


def image(url: str, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def file(**held: Any) -> dict[str, Any]:
    return {"type": "file", "file": held}


FILES = "https://generativelanguage.googleapis.com/v1beta/files/"

CASES = {
    "pitfall_46 image by data": (image("data:image/png;base64,aGk="), inline("image/png")),
    "image by a misnamed type": (image("data:image/jpg;base64,aGk="), inline("image/jpeg")),
    "image that is not base64": (image("data:image/svg+xml,hi"), inline("image/svg+xml")),
    "data of no type": (image("data:;base64,aGk="), inline("text/plain")),
    "image by URL": (image("https://e.com/a.PNG?b=1"), by_uri("https://e.com/a.PNG?b=1", "image/png")),
    "image by URL without an ending": (image("https://e.com/a"), by_uri("https://e.com/a")),
    "image by URL, its type told": (image("gs://b/a", format="image/webp"), by_uri("gs://b/a", "image/webp")),
    "image as a string": ({"type": "image_url", "image_url": "gs://b/a.jpg"}, by_uri("gs://b/a.jpg", "image/jpeg")),
    "sound": ({"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}, inline("audio/wav")),
    "sound by URL": ({"type": "audio_url", "audio_url": {"url": "gs://b/a.mp3"}}, by_uri("gs://b/a.mp3", "audio/mp3")),
    "video by URL": ({"type": "video_url", "video_url": {"url": "https://youtu.be/x"}}, by_uri("https://youtu.be/x")),
    "file by data": (file(file_data="data:text/csv;base64,aGk="), inline("text/csv")),
    "pitfall_48 file of text": (file(file_data="data:text/plain,hi"), inline("text/plain")),
    "file by its name's type": (file(file_data="aGk=", filename="a.md"), inline("text/md")),
    "file of bare base64": (file(file_data="aGk="), inline("application/pdf")),
    "file by URL": (file(file_url="https://e.com/a.pdf"), by_uri("https://e.com/a.pdf", "application/pdf")),
    "file by id": (file(file_id="files/abc"), by_uri(f"{FILES}abc")),
    "file by URI": (file(file_id=f"{FILES}abc", format="audio/wav"), by_uri(f"{FILES}abc", "audio/wav")),
}  # fmt: skip


@pytest.mark.parametrize(("part", "out"), CASES.values(), ids=CASES)
def test_a_part(part, out):
    """Inline where the data are there, by URI where the provider fetches them."""
    assert contents(user([part])) == [{"role": "user", "parts": [out]}]


def test_pitfall_47_detail():
    """There is none for a part: told, not invented."""
    codec = Codec([user([image("gs://b/a.png", detail="high"), image("gs://b/b.png", detail="auto")])])
    assert codec.told == {"messages[0].content[0].image_url.detail": ("dropped", False)}


def test_a_files_name():
    """Gemini's parts have none, so the model does not know it."""
    codec = Codec([user([file(file_data="aGk=", filename="a.pdf"), file(file_data="aGk=")])])
    assert codec.told == {"messages[0].content[0].file.filename": ("dropped", True)}


@pytest.mark.parametrize(
    ("part", "error", "says"),
    [
        (file(), InvalidRequestError, "needs file_data or file_id"),
        (image("ftp://e.com/a"), InvalidRequestError, "must be an http"),
        (image("data:image/png"), InvalidRequestError, "must be an http"),
        ({"type": "search_result"}, UnsupportedParameterError, "'search_result' has no counterpart"),
    ],
    ids=["no file", "odd scheme", "no data", "unknown"],
)
def test_what_cannot_be_sent(part, error, says):
    with pytest.raises(error, match=says):
        contents(user([part]))
