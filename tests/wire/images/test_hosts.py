"""Hosts that nearly speak OpenAI's images."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.wire.base import Ledger, Profile
from muxi_llm.wire.images.hosts import NebiusImages, TogetherImages, XAIImages


def sent(kind: Any, **params: Any) -> tuple[Any, list[tuple[str, bool]]]:
    """What goes out, and what was told."""
    ledger = Ledger("acme")
    wire = kind("m", ledger, Profile())
    body = wire.encode_request({"prompt": "a dot", **params}, stream=False)
    return body, [(entry.param, entry.loss) for entry in ledger.entries]


@pytest.mark.parametrize(
    ("kind", "params", "fields", "told"),
    [
        (TogetherImages, {}, {}, []),
        (TogetherImages, {"size": "512x256", "n": 2}, {"width": 512, "height": 256, "n": 2}, []),
        (TogetherImages, {"size": "auto"}, {}, []),
        (TogetherImages, {"response_format": "b64_json"}, {"response_format": "base64"}, []),
        (TogetherImages, {"response_format": "url"}, {"response_format": "url"}, []),
        (TogetherImages, {"output_format": "jpeg"}, {"output_format": "jpeg"}, []),
        (TogetherImages, {"output_format": "webp"}, {"output_format": "png"}, [("output_format", True)]),
        (NebiusImages, {"output_format": "jpeg"}, {"response_extension": "jpg"}, []),
        (NebiusImages, {"response_format": "b64_json"}, {"response_format": "b64_json"}, []),
        (XAIImages, {"size": "1024x1024"}, {"aspect_ratio": "1:1", "resolution": "1k"}, [("size", False)]),
        (XAIImages, {"quality": "low"}, {"quality": "low"}, []),
    ],
    ids=str,
)
def test_a_request(kind: Any, params: dict[str, Any], fields: dict[str, Any], told: Any) -> None:
    assert sent(kind, **params) == ({"model": "m", "prompt": "a dot", **fields}, told)
