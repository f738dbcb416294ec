"""Images: values of any server that is nearly OpenAI's, and OpenAI's streams of unfinished ones."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from muxi_llm.harness.facts import answer_facts
from muxi_llm.models import Whole
from muxi_llm.utils.streaming import chunks_of
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.openai.images import OpenAIImages
from muxi_llm.wire.values import ImagesResponse
from tests.support.speakers.base import sse

DOT = {"b64_json": "aW1hZ2U="}
USAGE = {
    "input_tokens": 3,
    "output_tokens": 5,
    "total_tokens": 8,
    "input_tokens_details": {"image_tokens": 0, "text_tokens": 3},
}


def wire_of(**params: Any) -> OpenAIImages:
    """A wire that has asked for images."""
    wire = OpenAIImages("m", Ledger("acme"), Profile())
    wire.encode_request({"prompt": "a dot", **params}, stream=False)
    return wire


def test_a_request() -> None:
    wire = OpenAIImages("m", Ledger("acme"), Profile())
    assert wire.encode_request({"prompt": "a", "n": 2}, stream=False) == {
        "model": "m",
        "prompt": "a",
        "n": 2,
    }
    assert wire.encode_request({"prompt": "a"}, stream=True)["stream"] is True
    assert wire.path_for(stream=True) == "/images/generations"


def test_an_answer() -> None:
    raw = {"created": 5, "data": [DOT, {"url": "https://x/1.png", "revised_prompt": "b"}], "usage": USAGE}
    value = wire_of(n=2).decode_response(dumps(raw), created=1)
    assert isinstance(value, openai.types.ImagesResponse)
    assert (value.created, value.data[0].b64_json, value["data"][1]["url"]) == (
        5,
        "aW1hZ2U=",
        "https://x/1.png",
    )
    assert value.data[1].get("revised_prompt") == "b"
    assert value.usage is not None
    assert value.usage.total_tokens == 8


def test_an_answer_off_the_schema() -> None:
    """A usage in other words, no time: it is read as far as it goes."""
    value = wire_of().decode_response(dumps({"data": [DOT], "usage": {"cost": 1}, "seed": 7}), created=9)
    assert (value.created, value.data[0].b64_json) == (9, "aW1hZ2U=")
    assert value.model_extra is not None
    assert value.model_extra["seed"] == 7


@pytest.mark.parametrize(
    "raw",
    [{}, [], {"data": []}, {"data": "x"}, {"data": [5]}, {"data": [{}]}, {"data": [{"url": ""}]}, None],
    ids=repr,
)
def test_an_answer_without_an_image(raw: Any) -> None:
    with pytest.raises(WireError, match="no images"):
        wire_of().decode_response(dumps(raw), created=1)


def test_an_error_in_a_success() -> None:
    with pytest.raises(WireError, match="too lewd"):
        wire_of().decode_response(b'{"error": {"message": "too lewd", "code": 400}}', created=1)


# ------------------------------------------------------------------------------------------ streams

PARTIAL = {"type": "image_generation.partial_image", "b64_json": "aA==", "partial_image_index": 0}
FINISHED = {"type": "image_generation.completed", **DOT, "usage": USAGE, "created_at": 5}


def items(*pieces: bytes, **params: Any) -> list[Any]:
    decoder = wire_of(**params).stream_decoder(created=1)
    return [item for piece in pieces for item in decoder.feed(piece)] + decoder.finish()


def test_a_stream() -> None:
    """However it is cut."""
    events = sse(PARTIAL, PARTIAL["type"]) + sse({"type": "ping"}) + sse(FINISHED, FINISHED["type"])
    for pieces in ([events], [events[i : i + 1] for i in range(len(events))]):
        partial, finished = items(*pieces)
        assert isinstance(partial, openai.types.ImageGenPartialImageEvent)
        assert isinstance(finished, openai.types.ImageGenCompletedEvent)
        assert (partial.b64_json, partial["partial_image_index"]) == ("aA==", 0)
        assert (finished.b64_json, finished.usage.total_tokens) == ("aW1hZ2U=", 8)


def test_a_stream_of_several_images_ends_with_the_last() -> None:
    decoder = wire_of(n=2).stream_decoder(created=1)
    decoder.feed(sse(FINISHED))
    assert not decoder.over
    decoder.feed(sse(FINISHED))
    assert decoder.over


def test_a_stream_that_is_cut() -> None:
    *_, last = items(sse(PARTIAL))
    assert last == WireError("incomplete", "the stream ended without a finished image")


def test_a_stream_ended_as_chats_are() -> None:
    assert items(b"data: [DONE]\n\n") == []


@pytest.mark.parametrize(
    ("event", "kind"),
    [
        ({"type": "error", "error": {"message": "no", "code": "server_error"}}, "fault"),
        ({"error": {"message": "no"}}, "fault"),
        ({"type": "image_generation.completed"}, "malformed"),
        ([], "malformed"),
    ],
    ids=str,
)
def test_a_stream_that_breaks(event: Any, kind: str) -> None:
    *_, last = items(sse(PARTIAL) + sse(event))
    assert isinstance(last, WireError)
    assert last.kind == kind


def test_a_whole_answer_as_a_stream() -> None:
    value = wire_of().decode_response(dumps({"created": 5, "data": [DOT, DOT], "usage": USAGE}), created=1)
    one, two = chunks_of(value)
    assert one.type == "image_generation.completed"
    assert (two.b64_json, two.created_at, two.usage.total_tokens) == ("aW1hZ2U=", 5, 8)
    assert json.loads(one.model_dump_json(exclude_unset=True))["b64_json"] == "aW1hZ2U="


def test_what_a_whole_answer_must_have() -> None:
    with pytest.raises(NotImplementedError):
        Whole().chunks()
    assert ImagesResponse.chunks is not Whole.chunks


def test_what_is_told_of_an_answer() -> None:
    """Tokens by their other name."""
    value = wire_of().decode_response(dumps({"created": 5, "data": [DOT], "usage": USAGE}), created=1)
    facts = answer_facts(value)
    assert (facts["input_tokens"], facts["output_tokens"]) == (3, 5)
