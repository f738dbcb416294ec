"""Moderations: a verdict for each input; what nobody looked for is not `False`."""

from __future__ import annotations

from typing import Any

import openai
import pytest

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.openai.moderations import OpenAIModerations, texts_of, verdicts_of
from tests.support.bodies import verdict

PICTURE = {"type": "image_url", "image_url": {"url": "https://x/a.png"}}
WORDS = {"type": "text", "text": "a"}


def read(raw: Any, given: Any = "a") -> Any:
    """The value of a reply to *given*."""
    wire = OpenAIModerations("m", Ledger("acme"), Profile())
    assert wire.encode_request({"input": given}, stream=False) == {"model": "m", "input": given}
    return wire.decode_response(dumps(raw), created=1)


def test_verdicts_in_full() -> None:
    value = read({"id": "modr-1", "model": "omni", "results": [verdict(), verdict(violence=0.9)]}, ["a", "b"])
    assert isinstance(value, openai.types.ModerationCreateResponse)
    assert [one.flagged for one in value.results] == [False, True]
    assert value.results[1].categories.violence is True
    assert value["results"][1]["category_scores"]["violence"] == 0.9
    assert value.results[0].categories.self_harm_intent is False
    assert value.results[0].category_applied_input_types.violence == ["text"]


def test_what_a_provider_does_not_look_for() -> None:
    """Neither harmless nor harmful; whether all is harmless is told by what was found."""
    value = read({"results": [{"categories": {"violence": True, "spam": False}}]})
    (one,) = value.results
    assert (value.id, value.model, one.flagged) == ("", "m", True)
    assert (one.categories.violence, one.categories.hate, one.categories["spam"]) == (True, None, False)
    assert one.category_scores.violence is None


def test_parts_are_one_input() -> None:
    assert len(read({"results": [verdict()]}, [WORDS, PICTURE]).results) == 1


@pytest.mark.parametrize(
    "raw",
    [None, {}, {"results": []}, {"results": [verdict(), verdict()]}, {"results": [5]}, {"results": [{}]}],
    ids=lambda raw: str(raw)[:30],
)
def test_a_verdict_for_each_input_or_none(raw: Any) -> None:
    with pytest.raises(WireError, match="no verdict for each input"):
        read(raw)


def test_scores_that_are_none() -> None:
    assert read({"results": [{"categories": {}, "category_scores": 5}]}).results[0].flagged is False


@pytest.mark.parametrize(
    ("given", "texts"), [("a", ["a"]), (["a", "b"], ["a", "b"]), ([WORDS, {**WORDS, "text": "b"}], ["a\nb"])]
)
def test_texts_alone(given: Any, texts: list[str]) -> None:
    assert texts_of(given, "acme") == texts


def test_a_picture_for_those_who_do_not_see() -> None:
    with pytest.raises(UnsupportedParameterError, match="input: acme judges text alone"):
        texts_of([WORDS, PICTURE], "acme")


def test_verdicts_off_the_schema() -> None:
    """What is no verdict is unknown; a name that is no text is nobody's."""
    found = {"hate": "yes", "violence": True, "\ud83d": True, "sexual": 1}
    row = {"categories": found, "category_scores": {"hate": True, "violence": 0.5}, "flagged": "perhaps"}
    (one,) = verdicts_of({"results": [row]}, 1, "m").results
    assert (one.flagged, one.categories.hate, one.categories.violence) == (True, None, True)
    assert (one.categories.sexual, one.category_scores.hate, one.category_scores.violence) == (
        None,
        None,
        0.5,
    )
    assert "\ud83d" not in one.categories
