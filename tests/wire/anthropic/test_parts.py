"""The parts of a message as Anthropic's content blocks."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from openai.types.chat import ChatCompletionContentPartText

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError
from tests.support.anthropic import Codec, check, encode, text, user

URL = "https://example.com/a.png"
PNG = "data:image/png;base64,aGk="


def blocks(*parts: Any) -> list[dict[str, Any]]:
    """*parts* of a user message, encoded and checked."""
    out = encode([user(list(parts))])
    check(out)
    return out["messages"][0]["content"]


def image(url: str, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def file(**fields: Any) -> dict[str, Any]:
    return {"type": "file", "file": fields}


def test_pitfall_45_text_parts():
    """Parts stay parts; pydantic's objects are parts too."""
    assert blocks(text("a"), ChatCompletionContentPartText.construct(type="text", text="b")) == [
        text("a"),
        text("b"),
    ]


@pytest.mark.parametrize("url", [URL, "http://example.com/a.png"])
def test_pitfall_46_fault_24_image_urls_are_passed_on(url):
    """The provider fetches them: nothing is fetched here, and no text stands in for a picture."""
    assert blocks(image(url)) == [{"type": "image", "source": {"type": "url", "url": url}}]
    assert blocks({"type": "image_url", "image_url": url}) == blocks(image(url))


DATA_URLS = {
    PNG: ("image/png", "aGk="),
    "data:image/jpg;base64,aGk=": ("image/jpeg", "aGk="),
    "data:image/webp;charset=utf-8;base64,aGk=": ("image/webp", "aGk="),
    "data:image/gif,hi%21": ("image/gif", base64.b64encode(b"hi!").decode()),
}


@pytest.mark.parametrize("url", DATA_URLS)
def test_pitfall_46_data_urls_are_taken_apart(url):
    """With or without base64, with options, under a media type people get wrong."""
    media, data = DATA_URLS[url]
    assert blocks(image(url)) == [
        {"type": "image", "source": {"type": "base64", "media_type": media, "data": data}}
    ]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gs://bucket/a.png", "data:image/png", "a.png"])
def test_pitfall_46_other_urls_are_refused(url):
    """Nothing is read from disk, and no scheme is guessed."""
    with pytest.raises(
        InvalidRequestError, match=r"must be an http\(s\) URL or a data: URL; send a local file as"
    ) as caught:
        blocks(image(url))
    assert caught.value.param == "messages[0].content[0].image_url.url"


@pytest.mark.parametrize("detail", [None, "auto", "high", "low"])
def test_pitfall_47_detail_is_never_invented(detail):
    """Anthropic has no such knob; asking for one is told, and no loss."""
    codec = Codec([user([image(URL, detail=detail)])], max_tokens=1)
    assert codec.out["messages"][0]["content"] == [{"type": "image", "source": {"type": "url", "url": URL}}]
    expected = {"messages[0].content[0].image_url.detail": ("dropped", False)}
    assert codec.told == (expected if detail in {"high", "low"} else {})


def document(media: str, data: str, **fields: Any) -> list[dict[str, Any]]:
    return [{"type": "document", "source": {"type": "base64", "media_type": media, "data": data}, **fields}]


PLAIN = [{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hé"}}]
HE = base64.b64encode("hé".encode()).decode()
FILES = {
    "pdf": (file(file_data="data:application/pdf;base64,aGk="), document("application/pdf", "aGk=")),
    "pdf without a data URL": (file(file_data="aGk="), document("application/pdf", "aGk=")),
    "named": (
        file(file_data="aGk=", filename="a.pdf"),
        document("application/pdf", "aGk=", title="a.pdf"),
    ),
    "url": (
        file(file_url="https://example.com/a.pdf"),
        [{"type": "document", "source": {"type": "url", "url": "https://example.com/a.pdf"}}],
    ),
    "uploaded": (
        file(file_id="file_1"),
        [{"type": "document", "source": {"type": "file", "file_id": "file_1"}}],
    ),
    "image": (
        file(file_data=PNG),
        [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "aGk="}}],
    ),
    "text": (file(file_data=f"data:text/plain;base64,{HE}"), PLAIN),
    "text in the URL": (file(file_data="data:,h%C3%A9"), PLAIN),
}


@pytest.mark.parametrize(("part", "expected"), FILES.values(), ids=FILES.keys())
def test_pitfall_48_files_keep_their_kind(part, expected):
    """A text is not a PDF, a picture no document."""
    assert blocks(part) == expected


def test_pitfall_48_other_texts_are_plain_text_there():
    """The only text type Anthropic takes; told, and no loss."""
    codec = Codec([user([file(file_data=f"data:text/markdown;base64,{HE}")])], max_tokens=1)
    assert codec.out["messages"][0]["content"] == PLAIN
    assert codec.told == {"messages[0].content[0].file": ("changed", False)}


REFUSED = {
    "other documents": (file(file_data="data:application/zip;base64,aGk="), UnsupportedParameterError),
    "a file without data": (file(filename="a.pdf"), InvalidRequestError),
    "audio": ({"type": "input_audio", "input_audio": {}}, UnsupportedParameterError),
    "unknown": ({"type": "hologram"}, UnsupportedParameterError),
}


@pytest.mark.parametrize(("part", "kind"), REFUSED.values(), ids=REFUSED.keys())
def test_fault_29_what_has_no_counterpart_is_refused(part, kind):
    """By an error that names the part; never a message with a hole in it."""
    with pytest.raises(kind) as caught:
        blocks(text("look"), part)
    assert type(caught.value) is kind
    assert caught.value.param.startswith("messages[0].content[1]")


NATIVE = {
    "image": {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
    "document": {
        "type": "document",
        "source": {"type": "url", "url": "https://example.com/a.pdf"},
        "citations": {"enabled": True},
    },
    "search_result": {
        "type": "search_result",
        "source": "https://example.com",
        "title": "t",
        "content": [text("x")],
    },
    "container_upload": {"type": "container_upload", "file_id": "file_1"},
}


@pytest.mark.parametrize("part", NATIVE.values(), ids=NATIVE.keys())
def test_anthropics_own_blocks_pass(part):
    """For what OpenAI has no word for; as copies, the caller's stay his."""
    (block,) = blocks(part)
    assert block == part
    assert block is not part


JPEG = base64.b64encode(b"\xff\xd8\xff\xe0\x00\x10JFIF" + b"\0" * 8).decode()
GIF = base64.b64encode(b"GIF89a" + b"\0" * 8).decode()
WEBP = base64.b64encode(b"RIFF\x24\0\0\0WEBPVP8 ").decode()


@pytest.mark.parametrize(
    ("called", "data", "media"),
    [
        ("image/png", JPEG, "image/jpeg"),
        ("image/jpg", JPEG, "image/jpeg"),
        ("IMAGE/PNG", "aGk=", "image/png"),
        ("application/octet-stream", GIF, "image/gif"),
        ("image/png", WEBP, "image/webp"),
    ],
)
def test_an_image_is_what_its_bytes_are(called, data, media):
    """Anthropic looks, and refuses one that is called another; OpenAI does not care."""
    (block,) = blocks(image(f"data:{called};base64,{data}"))
    assert block["source"] == {"type": "base64", "media_type": media, "data": data}


@pytest.mark.parametrize(
    "part", [image("data:image/svg+xml;base64,PHN2Zy8+"), file(file_data="data:image/tiff;base64,aGk=")]
)
def test_pictures_nobody_sees_are_refused_by_name(part):
    with pytest.raises(UnsupportedParameterError, match="Anthropic sees image/jpeg, image/png"):
        blocks(part)
