"""Hosts that take a model's own inputs."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.images.inputs import FireworksImages, ReplicateImages, TextToImage
from tests.support.speakers.makers import PNG

DOT = {"prompt": "a dot"}


def wire_of(kind: Any, model: str = "m") -> Any:
    return kind(model, Ledger("acme"), Profile())


# ---------------------------------------------------------------------------------------- fireworks


def test_fireworks() -> None:
    wire = wire_of(FireworksImages, "accounts/fireworks/models/flux-1-schnell-fp8")
    assert wire.encode_request(DOT, stream=False) == DOT
    assert (
        wire.path_for(stream=False) == "/workflows/accounts/fireworks/models/flux-1-schnell-fp8/text_to_image"
    )
    raw = {"base64": ["data:image/png;base64,aa==", "bb=="], "finishReason": "SUCCESS", "seed": 7}
    value = wire.decode_response(dumps(raw), created=5)
    assert [one.b64_json for one in value.data] == ["aa==", "bb=="]
    assert (value.created, value.model_extra["seed"]) == (5, 7)


def test_what_fireworks_filters() -> None:
    """Asking again is no help: a 400, by OpenAI's code."""
    with pytest.raises(WireError) as caught:
        wire_of(FireworksImages).decode_response(
            dumps({"base64": [], "finishReason": "CONTENT_FILTERED"}), created=5
        )
    fault = caught.value.fault
    assert fault is not None
    assert (fault.status, fault.code) == (400, "moderation_blocked")


# ------------------------------------------------------------------------------------- Hugging Face


@pytest.mark.parametrize("model", ["org/name", "org/name:hf-inference"])
def test_text_to_image(model: str) -> None:
    wire = wire_of(TextToImage, model)
    assert wire.path == "/hf-inference/models/org/name"
    assert wire.encode_request(DOT, stream=False) == {"inputs": "a dot"}
    value = wire.decode_response(PNG, created=5)
    assert base64.b64decode(value.data[0].b64_json) == PNG


def test_images_by_another_provider() -> None:
    with pytest.raises(InvalidRequestError, match="images come from hf-inference only, not from fal-ai"):
        wire_of(TextToImage, "org/name:fal-ai")


# ---------------------------------------------------------------------------------------- replicate


@pytest.mark.parametrize(
    ("model", "path", "version"),
    [
        ("owner/name", "/models/owner/name/predictions", {}),
        ("owner/name:abc", "/predictions", {"version": "abc"}),
        ("deployments/owner/name", "/deployments/owner/name/predictions", {}),
    ],
)
def test_replicates_places(model: str, path: str, version: dict[str, str]) -> None:
    wire = wire_of(ReplicateImages, model)
    assert wire.path_for(stream=False) == path
    assert wire.encode_request(DOT, stream=False) == {**version, "input": DOT}


def test_replicates_inputs() -> None:
    """The caller's own beside them, with or without `input`."""
    wire = wire_of(ReplicateImages, "owner/name")
    body = wire.encode_request({**DOT, "n": 2, "output_format": "jpeg", "size": "1024x1024"}, stream=False)
    expected = {**DOT, "num_outputs": 2, "output_format": "jpg", "aspect_ratio": "1:1"}
    assert body == {"input": expected}
    body.update({"seed": 7, "webhook": "https://x"})
    wire.settle(body)
    assert body == {"input": {**expected, "seed": 7}, "webhook": "https://x"}
    assert [entry.param for entry in wire.ledger.entries] == ["n", "size"]


def test_replicates_other_formats() -> None:
    body = wire_of(ReplicateImages).encode_request({**DOT, "output_format": "webp"}, stream=False)
    assert body["input"]["output_format"] == "webp"


@pytest.mark.parametrize(("output", "urls"), [("u1", ["u1"]), (["u1", "u2"], ["u1", "u2"])])
def test_what_replicate_gives(output: Any, urls: list[str]) -> None:
    raw = {"id": "p1", "status": "succeeded", "output": output}
    value = wire_of(ReplicateImages).decode_response(dumps(raw), created=5)
    assert [one.url for one in value.data] == urls


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        ({"status": "failed", "error": "NSFW"}, "fault"),
        ({"status": "succeeded", "output": None}, "malformed"),
        ({"status": "succeeded", "output": []}, "malformed"),
        ({"status": "processing"}, "malformed"),
    ],
    ids=str,
)
def test_predictions_without_an_image(raw: Any, kind: str) -> None:
    with pytest.raises(WireError) as caught:
        wire_of(ReplicateImages).decode_response(dumps(raw), created=5)
    assert caught.value.kind == kind
