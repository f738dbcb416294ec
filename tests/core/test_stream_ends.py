"""The last bytes of a stream: what they hold is handed out before the stream ends, or breaks."""

from __future__ import annotations

import openai
import pytest

from muxi_llm.transport.scripted import Answer
from tests.core import ask
from tests.support.bodies import chunk, error, sse

pytestmark = pytest.mark.usefixtures("keys")

LAST = sse(chunk({"content": "lo"}, finish="stop"), done=False)[0]


@pytest.mark.parametrize("cut", [LAST, LAST.rstrip(b"\n")], ids=["whole", "without its blank line"])
def test_chunks_of_the_last_bytes_are_not_lost(driver, cut):
    """An event may end with the connection alone."""
    chunks, _ = ask(driver, Answer(chunks=[*sse(chunk({"content": "Hel"}), done=False), cut]), stream=True)
    assert [c.choices[0].delta.content for c in chunks] == ["Hel", "lo"]
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_chunks_before_an_error_in_the_same_bytes_come_first(driver):
    """And belong to its partial text."""
    last = b"".join(sse(chunk({"content": "lo"}), error("boom", code=500), done=False))
    raised, _ = ask(driver, Answer(chunks=[*sse(chunk({"content": "Hel"}), done=False), last]), stream=True)
    assert isinstance(raised, openai.APIError)
    assert raised.partial_text == "Hello"
