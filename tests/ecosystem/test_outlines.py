"""outlines over our clients comes to what it comes to over the original's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import outlines
import pytest
from pydantic import BaseModel


class Person(BaseModel):
    """Who it is."""

    name: str
    age: int


CELLS: dict[str, Callable[[Any], Any]] = {
    "an answer": lambda model: model("Hello"),
    "a stream": lambda model: list(model.stream("Hello")),
    "output by a schema": lambda model: model("Who?", Person),
    "a conversation": lambda model: model(
        outlines.inputs.Chat(
            [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}]
        )
    ),
}


@pytest.mark.parametrize("does", CELLS.values(), ids=CELLS)
def test_cells(does: Callable[[Any], Any], equal: Any) -> None:
    """One value, and the same requests."""
    assert equal(lambda module: does(outlines.from_openai(module.OpenAI(), "gpt-4o")))
