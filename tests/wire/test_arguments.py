"""What no provider could take for an argument of the endpoints beside chat."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm import InvalidRequestError
from muxi_llm.core.body import body_of
from muxi_llm.wire.upload import File

PROMPT = {"prompt": "a red dot"}
HEARD = {"file": File("a.mp3", "audio/mpeg", b"ID3")}
HELLO = {"messages": [{"role": "user", "content": "Hello"}]}
ASKED = {"query": "q", "documents": ["a", "b"]}


@pytest.mark.parametrize(
    ("endpoint", "given", "param", "story"),
    [
        ("image", {}, "prompt", "prompt is empty; give a string"),
        ("image", {"prompt": ""}, "prompt", "prompt is empty; give a string"),
        ("image", {"prompt": " "}, "prompt", "prompt is empty; give a string"),
        ("image", {"prompt": ["a"]}, "prompt", "prompt must be a string, not a list"),
        ("image", {**PROMPT, "n": 0}, "n", "n must be a whole number from 1, not 0"),
        ("image", {**PROMPT, "n": 1.5}, "n", "n must be a whole number from 1, not 1.5"),
        ("image", {**PROMPT, "n": True}, "n", "n must be a whole number from 1, not True"),
        ("image", {**PROMPT, "size": 1024}, "size", "size must be a string, not 1024"),
        ("image", {**PROMPT, "response_format": "png"}, "response_format", "one of url, b64_json"),
        ("image", {**PROMPT, "output_compression": 101}, "output_compression", "from 0 to 100, not 101"),
        ("image", {**PROMPT, "partial_images": 4}, "partial_images", "from 0 to 3, not 4"),
        ("moderation", {}, "input", "input is empty"),
        ("moderation", {"input": []}, "input", "input is empty"),
        ("moderation", {"input": 5}, "input", "input must be a string, a list of strings or"),
        ("moderation", {"input": ["a", 5]}, "input", "input must be"),
        ("moderation", {"input": [{"text": "a"}]}, "input", "a list of parts with a type"),
        ("rerank", {"documents": ["a"]}, "query", "query is empty"),
        ("chat", {**HELLO, "stop": [1]}, "stop", "stop must be a string or a list of strings, not a list"),
        ("chat", {**HELLO, "tool_choice": ["f"]}, "tool_choice", "tool_choice must be a string or an object"),
        ("chat", {**HELLO, "metadata": []}, "metadata", "metadata is empty; give an object"),
        ("completion", {"prompt": "p", "stop": 1}, "stop", "stop must be a string or a list of strings"),
        ("rerank", {"query": "q"}, "documents", "documents is empty; give a list of strings or objects"),
        ("rerank", {"query": "q", "documents": []}, "documents", "documents is empty"),
        ("rerank", {"query": "q", "documents": "a"}, "documents", "must be a list of strings or objects"),
        ("rerank", {"query": "q", "documents": [1]}, "documents", "must be a list of strings or objects"),
        ("rerank", {**ASKED, "top_n": 0}, "top_n", "top_n must be a whole number from 1, not 0"),
        ("rerank", {**ASKED, "return_documents": "yes"}, "return_documents", "must be true or false"),
        ("speech", {}, "input", "input is empty; give a string"),
        ("speech", {"input": "a", "speed": "2"}, "speed", "speed must be a number"),
        ("speech", {"input": "a", "speed": True}, "speed", "speed must be a number"),
        ("transcription", {}, "file", "file is empty; give a path, bytes, an open file or"),
        ("transcription", {**HEARD, "temperature": "0"}, "temperature", "temperature must be a number"),
        ("transcription", {**HEARD, "response_format": "xml"}, "response_format", "one of json, text, srt"),
        ("transcription", {**HEARD, "include": "logprobs"}, "include", "must be a list of strings"),
        (
            "transcription",
            {**HEARD, "timestamp_granularities": ["letter"]},
            "timestamp_granularities",
            "list of",
        ),
        (
            "translation",
            {**HEARD, "response_format": "diarized_json"},
            "response_format",
            "one of json, text",
        ),
        ("embedding", {"input": ""}, "input", "input is empty; give a string or a list"),
        ("completion", {"prompt": 5}, "prompt", "prompt must be a string or a list, not 5"),
    ],
)
def test_what_is_wrong_for_everybody(endpoint: Any, given: dict[str, Any], param: str, story: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        body_of(endpoint, given)
    assert caught.value.param == param
    assert story in str(caught.value)


@pytest.mark.parametrize(
    ("endpoint", "given"),
    [
        ("image", {**PROMPT, "n": 2, "response_format": "url", "output_compression": 0, "partial_images": 0}),
        ("moderation", {"input": "a"}),
        ("moderation", {"input": ["a", "b"]}),
        ("moderation", {"input": [{"type": "text", "text": "a"}]}),
        ("rerank", {"query": "q", "documents": ["a", {"text": "b"}], "top_n": 5, "return_documents": False}),
        ("rerank", {"query": "q", "documents": ("a", "b")}),
        ("file.list", {"anything": 1}),
    ],
)
def test_what_is_right(endpoint: Any, given: dict[str, Any]) -> None:
    body, needs = body_of(endpoint, given)
    assert body == {k: list(v) if isinstance(v, tuple) else v for k, v in given.items()}
    assert needs == frozenset()


def test_a_message_quotes_no_text() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        body_of("image", {"prompt": "a", "response_format": "my secret"})
    assert "secret" not in str(caught.value)
