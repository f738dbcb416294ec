"""The order of a completion's chunks, as OpenAI's reference tells it.

https://platform.openai.com/docs/api-reference/completions
"""

from __future__ import annotations

from typing import Any

from openai.types import Completion


def validate(chunks: list[Any]) -> None:
    """Check a whole stream: chunks of one completion, each choice ended once, then `[DONE]`; or an error last."""
    *body, last = chunks
    assert last == "[DONE]" or last["error"]["message"]
    ended = set()
    for chunk in body:
        Completion.model_validate(chunk, strict=False)
        for choice in chunk["choices"]:
            assert choice["index"] not in ended
            if choice["finish_reason"]:
                ended.add(choice["index"])
    assert len({chunk["id"] for chunk in body}) <= 1
    assert ended or last != "[DONE]"
