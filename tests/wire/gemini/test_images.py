"""Google's images, of both kinds, and on both of its platforms."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.gemini.images import google_images, vertex_images
from muxi_llm.wire.gemini.ranking import VertexRanking

IMAGEN, GEMINI = "imagen-4.0-generate-001", "gemini-3-pro-image"
DOT = {"prompt": "a dot"}


def wire_of(model: str, make: Any = google_images) -> Any:
    return make(model, Ledger("google"), Profile())


@pytest.mark.parametrize(
    ("model", "make", "path"),
    [
        (IMAGEN, google_images, f"/models/{IMAGEN}:predict"),
        (GEMINI, google_images, f"/models/{GEMINI}:generateContent"),
        (IMAGEN, vertex_images, f"/v1{{place}}/publishers/google/models/{IMAGEN}:predict"),
        (GEMINI, vertex_images, f"/v1{{place}}/publishers/google/models/{GEMINI}:generateContent"),
    ],
)
def test_places(model: str, make: Any, path: str) -> None:
    assert wire_of(model, make).path_for(stream=False) == path


# ------------------------------------------------------------------------------------------- Imagen


def test_a_request_to_imagen() -> None:
    wire = wire_of(IMAGEN)
    body = wire.encode_request({**DOT, "n": 2, "size": "2048x2048"}, stream=False)
    assert body["parameters"] == {"sampleCount": 2, "aspectRatio": "1:1", "sampleImageSize": "2K"}
    body["personGeneration"] = "dont_allow"
    wire.settle(body)
    assert body == {
        "instances": [DOT],
        "parameters": {
            "sampleCount": 2, "aspectRatio": "1:1", "sampleImageSize": "2K", "personGeneration": "dont_allow",
        },
    }  # fmt: skip
    assert wire_of(IMAGEN).encode_request(DOT, stream=False)["parameters"] == {"sampleCount": 1}


def test_what_imagen_filters() -> None:
    """Some of several images, or all of them."""
    reason = {"raiFilteredReason": "Unable to show it."}
    some = {"predictions": [{"bytesBase64Encoded": "aa=="}, reason]}
    assert len(wire_of(IMAGEN).decode_response(dumps(some), created=5).data) == 1
    with pytest.raises(WireError, match="Unable to show it") as caught:
        wire_of(IMAGEN).decode_response(dumps({"predictions": [reason]}), created=5)
    assert caught.value.fault is not None
    assert (caught.value.fault.status, caught.value.fault.code) == (400, "moderation_blocked")


# ------------------------------------------------------------------------------------------- Gemini


@pytest.mark.parametrize(
    ("size", "config"),
    [
        ("1024x1024", {"aspectRatio": "1:1"}),
        ("4096x4096", {"aspectRatio": "1:1", "imageSize": "4K"}),
        (None, None),
    ],
)
def test_a_request_to_gemini(size: Any, config: Any) -> None:
    given = {**DOT, "size": size} if size else DOT
    body = wire_of(GEMINI).encode_request(given, stream=False)
    assert body["contents"] == [{"role": "user", "parts": [{"text": "a dot"}]}]
    assert body["generationConfig"].get("imageConfig") == config


def answer(*parts: Any, **candidate: Any) -> dict[str, Any]:
    return {"candidates": [{"content": {"parts": list(parts)}, **candidate}]}


IMAGE = {"inlineData": {"mimeType": "image/png", "data": "aa=="}}


def test_an_answer_of_gemini() -> None:
    raw = {
        **answer({"text": "Here."}, IMAGE),
        "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": "7"},
    }
    value = wire_of(GEMINI).decode_response(dumps(raw), created=5)
    assert [one.b64_json for one in value.data] == ["aa=="]
    assert value.usage is not None
    assert (value.usage.input_tokens, value.usage.output_tokens, value.usage.total_tokens) == (5, 7, 12)
    assert wire_of(GEMINI).decode_response(dumps(answer(IMAGE)), created=5).usage is None


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ({"promptFeedback": {"blockReason": "SAFETY"}}, "fault"),
        (answer(finishReason="IMAGE_SAFETY"), "fault"),
        (answer({"text": "I cannot."}, finishReason="STOP"), "malformed"),
        ({"candidates": [{"finishReason": "NO_IMAGE"}]}, "malformed"),
        ({"candidates": []}, "malformed"),
    ],
    ids=str,
)
def test_no_image(raw: Any, kind: str) -> None:
    """Refused for what is in it, or only talked about."""
    with pytest.raises(WireError) as caught:
        wire_of(GEMINI).decode_response(dumps(raw), created=5)
    assert caught.value.kind == kind


# ------------------------------------------------------------------------------------------ ranking


def ranked(records: Any) -> Any:
    wire = VertexRanking("m", Ledger("vertex"), Profile())
    body = wire.encode_request({"query": "q", "documents": ["a", {"text": "b"}]}, stream=False)
    assert body == {
        "model": "m",
        "query": "q",
        "records": [{"id": "0", "content": "a"}, {"id": "1", "content": "b"}],
        "ignoreRecordDetailsInResponse": True,
    }
    return wire.decode_response(dumps({"records": records}), created=5)


def test_ranking() -> None:
    value = ranked([{"id": "1", "score": 0.5}, {"id": "0", "score": 0.75}])
    assert [one.index for one in value.results] == [0, 1]


@pytest.mark.parametrize(
    "records", [5, [5], [{"id": "x", "score": 1}], [{"score": 1}], [{"id": "2", "score": 1}]]
)
def test_records_that_are_none(records: Any) -> None:
    with pytest.raises(WireError):
        ranked(records)
