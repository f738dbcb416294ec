"""Azure's Content Safety as a moderation."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.content_safety import ContentSafety


def read(blocked: Any = (), **severities: Any) -> Any:
    wire = ContentSafety("m", Ledger("azure"), Profile())
    assert wire.encode_request({"input": ["a"]}, stream=False)["text"] == "a"
    rows = [{"category": name, "severity": severity} for name, severity in severities.items()]
    raw = {"categoriesAnalysis": rows, "blocklistsMatch": list(blocked)}
    return wire.decode_response(dumps(raw), created=5).results[0]


def test_severities() -> None:
    """Flagged from medium on; what Azure does not look for is unknown."""
    one = read(Hate=4, SelfHarm=0, Sexual=3, Violence=7, New=6)
    assert one.flagged
    assert (one.categories.hate, one.categories.sexual, one.categories.violence) == (True, False, True)
    assert (one.categories.harassment, one.categories["New"]) == (None, True)
    assert one.category_scores.violence == 1.0
    assert one.model_extra["severities"]["self-harm"] == 0
    assert not read(Hate=3).flagged


def test_a_list_of_words() -> None:
    assert read([{"blocklistName": "mine", "blocklistItemText": "fool"}], Hate=0).flagged


def test_several_texts() -> None:
    wire = ContentSafety("m", Ledger("azure"), Profile())
    with pytest.raises(UnsupportedParameterError, match="azure judges one text a call, not 2") as caught:
        wire.encode_request({"input": ["a", "b"]}, stream=False)
    assert caught.value.param == "input"


def test_no_verdict() -> None:
    with pytest.raises(WireError, match="no verdict"):
        read(Hate="high")
