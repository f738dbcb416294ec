"""What editors, `help` and `inspect` see of the faces."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from muxi_llm import ChatCompletion, Completion, Embedding, Image, Moderation, Rerank
from muxi_llm.core.options import KEYWORDS


@pytest.mark.parametrize(
    ("face", "endpoint"),
    [
        (ChatCompletion, "chat"),
        (Completion, "completion"),
        (Embedding, "embedding"),
        (Image, "image"),
        (Moderation, "moderation"),
        (Rerank, "rerank"),
    ],
)
@pytest.mark.parametrize("name", ["create", "acreate"])
def test_the_parameters_shown_are_those_taken(face: Any, endpoint: Any, name: str) -> None:
    """No more and no less; types as they are written, further ones by name alone."""
    method = getattr(face, name)
    shown = inspect.signature(method).parameters
    assert shown.keys() == KEYWORDS[endpoint]
    assert {"model", "fallback_models", "retries", "extra_body"} <= shown.keys()
    assert shown["timeout"].annotation == "float | None"
    assert shown["timeout"].kind is inspect.Parameter.KEYWORD_ONLY
    assert inspect.iscoroutinefunction(method) == (name == "acreate")
    with pytest.raises(TypeError):
        inspect.signature(method).bind("openai/m", "Hi", temprature=1)
