"""What is wrong with a request is told in the words of JSON, of every field at every door, and never a crash."""

from __future__ import annotations

import asyncio
import json
import re
from random import Random
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx2
import pytest

from muxi_llm.gateway.app import Gateway
from muxi_llm.gateway.state import State
from tests.gateway.test_openapi import provider
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.length import long
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")

PNG = "data:image/png;base64,aGk="
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
FUNCTION = {"name": "f", "description": "d", "parameters": SCHEMA}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TEXT = {"type": "text", "text": "t"}
PICTURE = {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}}
PAPER = {
    "type": "document",
    "source": {"type": "text", "media_type": "text/plain", "data": "d"},
    "title": "t",
}

ASKED: dict[str, Any] = {
    "/v1/chat/completions": {
        "messages": [
            {"role": "system", "content": "s"},
            {
                "role": "user",
                "content": [TEXT, PICTURE, {"type": "file", "file": {"file_data": PNG, "filename": "a"}}],
            },
            {"role": "assistant", "content": "x", "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "c1", "content": "r"},
        ],
        "tools": [{"type": "function", "function": FUNCTION}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}},
        "stop": ["a"],
        "stream_options": {"include_usage": True},
        "reasoning_effort": "low",
        "metadata": {"a": "b"},
        "max_tokens": 9,
        "modalities": ["text"],
    },
    "/v1/completions": {"prompt": "p", "stop": ["x"], "max_tokens": 1, "suffix": "s"},
    "/v1/responses": {
        "input": [
            {"role": "user", "content": [{"type": "input_image", "image_url": PNG}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "s"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "o"},
            {"role": "assistant", "content": [{"type": "output_text", "text": "x"}]},
        ],
        "instructions": "i",
        "tools": [{"type": "function", **FUNCTION}],
        "tool_choice": {"type": "function", "name": "f"},
        "text": {"format": {"type": "json_schema", "name": "n", "schema": SCHEMA}},
        "reasoning": {"effort": "low"},
        "include": ["reasoning.encrypted_content"],
        "previous_response_id": "x",
        "conversation": {"id": "x"},
    },
    "/v1/messages": {
        "max_tokens": 9,
        "system": [{**TEXT, "cache_control": {"type": "ephemeral"}}],
        "messages": [
            {"role": "user", "content": [TEXT, {**PAPER, "citations": {"enabled": True}}]},
            {
                "role": "assistant",
                "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}],
            },
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c", "content": [TEXT]}]},
        ],
        "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA}],
        "tool_choice": {"type": "tool", "name": "f"},
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "metadata": {"user_id": "u"},
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}},
    },
    "/v1/messages/count_tokens": {
        "messages": [{"role": "user", "content": [TEXT]}],
        "system": "s",
        "tools": [{"name": "f", "input_schema": SCHEMA}],
    },
    "/v1/embeddings": {"input": ["a"], "dimensions": 3, "encoding_format": "float"},
    "/v1/rerank": {"query": "q", "documents": ["a", {"text": "b"}], "top_n": 1},
    "/v1/moderations": {"input": [TEXT, PICTURE]},
    "/v1/images/generations": {"prompt": "p", "n": 1, "size": "1024x1024"},
    "/v1/audio/speech": {"input": "x", "voice": "alloy", "speed": 1.0},
    "/v1/batches": {"input_file_id": "x", "endpoint": "/v1/embeddings", "metadata": {"a": "b"}},
    "/control/explain": {
        "messages": [{"role": "user", "content": [TEXT]}],
        "tools": [{"type": "function", "function": FUNCTION}],
        "response_format": {"type": "json_schema"},
        "thinking": {"type": "enabled"},
    },
}
"""Paths, and requests with something at each place that is looked at."""

ODD: tuple[Any, ...] = (None, True, 1, 1.5, "x", [], ["x"], [None], [[]], [{"a": 1}], {}, {"a": None})
"""What may stand where something else should."""

PYTHON = re.compile(
    r"NoneType|object has no|\b(dict|int|str|tuple|bool|float)\b|Traceback|subscriptable|not iterable"
    r"|unhashable|indices|\w+Error\b|makes no sense"
)
"""Words of a program's, not of a protocol's; and a refusal that names no field."""


def lenient(received: Received) -> Respond:
    """A provider, which refuses what it cannot read."""
    try:
        return provider(received)
    except (LookupError, TypeError, AttributeError):
        return Respond(400, json={"error": {"message": "no", "type": "invalid_request_error"}})


def places(value: Any, where: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if where:
        yield where
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in pairs:
        yield from places(inner, (*where, name))


def with_odd(value: Any, where: tuple[Any, ...], odd: Any) -> Any:
    if not where:
        return odd
    out = value.copy()
    out[where[0]] = with_odd(value[where[0]], where[1:], odd)
    return out


async def asked(gateway: Gateway, path: str, body: Any) -> tuple[int, bytes]:
    """The status and the body of an answer."""
    coming: list[dict[str, Any]] = [{"type": "http.request", "body": json.dumps(body).encode()}]
    came: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if not coming:
            await asyncio.Event().wait()
        return coming.pop()

    async def send(message: dict[str, Any]) -> None:
        came.append(message)

    head = {"type": "http", "method": "POST", "path": path, "query_string": b"", "headers": []}
    await gateway(head, receive, send)
    return came[0]["status"], b"".join(message.get("body", b"") for message in came)


def test_a_wrong_type_anywhere_is_refused_in_words_of_json() -> None:
    every = [(path, where, odd) for path, body in ASKED.items() for where in places(body) for odd in ODD]
    tried = Random(7).sample(every, min(len(every), long(len(every), 250)))
    kinds = ("openai", "anthropic", "google")

    async def all_of_them() -> None:
        with Upstream(lenient) as upstream:
            served = [(at(upstream, kind), deployment(f"{kind}/m", kind)) for kind in kinds]
            gateway = Gateway(State(settings_of(*served)))
            for number, (path, where, odd) in enumerate(tried):
                model = "openai" if path.endswith("/speech") else kinds[number % len(kinds)]
                body = {"model": model, **with_odd(ASKED[path], where, odd)}
                status, data = await asked(gateway, path, body)
                message = json.loads(data)["error"]["message"] if status >= 400 else ""
                assert status < 500, (path, where, odd, message)
                assert not PYTHON.search(message), (path, where, odd, message)

    asyncio.run(all_of_them())


def test_names_of_a_client_s_own_are_told_in_a_header_that_is_one() -> None:
    """Whatever they hold: a line's end, which would be a header of its own, and more than a proxy takes."""
    odd, many = ["x\r\nset-cookie: a=b", "\U000cc251, é"], [f"{'y' * 90}{number}" for number in range(90)]
    body = {"model": "m", "messages": [{"role": "user", "content": "a"}], "max_tokens": 9}
    with Upstream(lenient) as upstream:
        settings = settings_of((at(upstream, "openai"), deployment("openai/m", "m")))
        with Served(settings) as served:
            said = [
                httpx2.post(f"{served.url}/v1/messages", json={**body, **dict.fromkeys(names, 1)}).headers
                for names in (odd, many)
            ]
    names = sorted(said[0]["x-muxi-adaptations"].split(", "))
    assert names == sorted(f"{quote(name, '')}=dropped" for name in odd)
    assert "set-cookie" not in said[0]
    assert 4000 < len(said[1]["x-muxi-adaptations"]) < 4200
    assert said[1]["x-muxi-adaptations"].endswith("=dropped, ...")


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        (
            "/v1/responses",
            {"input": ["Hello there"]},
            'input[0] must be an item, such as {"role": "user", "content": "Hello"}, not a string',
        ),
        ("/v1/responses", {"input": 1}, "input must be a string or a list of items, not 1"),
        ("/v1/responses", {"input": "a", "text": []}, "text must be an object, not []"),
        ("/v1/responses", {"input": "a", "tools": 1}, "tools must be a list of tools, not 1"),
        ("/v1/responses", {"input": "a", "tools": [{"a": 1}]}, "tools[0] is not a tool: type is missing"),
        (
            "/v1/chat/completions",
            {"messages": ["Hello there"]},
            "messages[0] must be an object, not a string",
        ),
        (
            "/v1/completions",
            {"prompt": "a", "stop": [1]},
            "stop must be a string or a list of strings, not a list",
        ),
    ],
)
def test_the_field_is_named_and_what_to_give(path: str, body: Any, message: str) -> None:
    with Upstream() as upstream:
        gateway = Gateway(State(settings_of((at(upstream, "anthropic"), deployment("anthropic/m", "m")))))
        status, data = asyncio.run(asked(gateway, path, {"model": "m", **body}))
    assert (status, json.loads(data)["error"]["message"]) == (400, message)
