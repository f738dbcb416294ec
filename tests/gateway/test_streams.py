"""Every stream that goes out passes its protocol's validator, whichever wire it came in by."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest

from muxi_llm.gateway.settings.model import Server, Settings
from tests.gateway.test_app import HELLO, WIRES, saying, serving
from tests.support import anthropic_validator, bodies, chat_validator, responses_validator
from tests.support.emitted import CHECKS, Emitted
from tests.support.gateway import Served
from tests.support.patience import LIFETIME
from tests.support.speakers import SPEAKERS
from tests.support.speakers.base import Call, Said
from tests.support.upstream import Respond, Upstream

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
KINDS = ["openai", "", "anthropic", "google"]
ONE, TWO = Call("weather", {"city": "Bern"}), Call("clock", {}, id="call_2")
SAID = {
    "text": Said(),
    "a call": Said(None, (ONE,)),
    "text and calls": Said("Let me see.", (ONE, TWO)),
    "thinking": Said(reasoning="First this, then that."),
    "thinking and calls": Said(None, (ONE, TWO), reasoning="Which one?"),
}
SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}}
FUNCTIONS = [
    {"type": "function", "function": {"name": name, "parameters": SCHEMA}} for name in ("weather", "clock")
]


def streamed(served: Served, path: str, *, begun: threading.Event | None = None, **asked: Any) -> bytes:
    """begun: told when the first of it is here."""
    body = {"model": "m", "stream": True, **asked}
    with httpx2.stream("POST", f"{served.url}/v1{path}", json=body, timeout=60) as reply:
        told = reply.iter_bytes()
        content = next(told, b"")
        if begun is not None:
            begun.set()
        content += b"".join(told)
    assert reply.status_code == 200, content
    assert reply.headers["content-type"].startswith("text/event-stream")
    return content


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("said", SAID.values(), ids=SAID.keys())
def test_every_door_tells_a_stream_by_its_rules(kind: str, said: Said) -> None:
    names = [call.name for call in said.calls]
    with Upstream(saying(kind, said)) as upstream, Served(serving(upstream, kind)) as served:
        data = streamed(served, "/messages", messages=HELLO, max_tokens=2000, tools=_anthropics())
        message = anthropic_validator.told(data)
        assert b"[DONE]" not in data
        assert [block["name"] for block in message["content"] if block["type"] == "tool_use"] == names
        assert message["stop_reason"] == ("tool_use" if names else "end_turn")

        data = streamed(served, "/responses", input="Hello", tools=_responses())
        response = responses_validator.validate(responses_validator.events_of(data))
        assert [item["name"] for item in response["output"] if item["type"] == "function_call"] == names

        if kind in {"openai", ""}:  # their own chunks pass as they are
            return
        data = streamed(served, "/chat/completions", messages=HELLO, tools=FUNCTIONS)
        chat = chat_validator.validate(chat_validator.chunks_of(data))
        assert [name for name, _ in chat["calls"]] == names
        assert chat["finish"] == ("tool_calls" if names else "stop")
        assert chat["text"] == (said.text or "")
        options = {"include_usage": True}
        data = streamed(served, "/chat/completions", messages=HELLO, stream_options=options)
        chat_validator.validate(chat_validator.chunks_of(data), usage=True)


@pytest.mark.parametrize("how", ["cut", "error"])
def test_a_stream_that_breaks_ends_as_its_protocol_ends_one(kind: str, how: str) -> None:
    speaker = SPEAKERS[WIRES[kind]]
    pieces = speaker.events(Said("A long answer that is not to be whole."))[:4]
    fault = [speaker.broken(500, "it broke") or b""] if how == "error" else []
    begun = threading.Event()

    def told() -> Iterator[bytes]:
        yield from pieces
        begun.wait(LIFETIME)  # what is known to have failed before its first text is refused instead
        begun.clear()
        yield from fault

    def respond(_: Any) -> Respond:
        return replace(speaker.streamed([], cut=how == "cut"), chunks=told())

    with Upstream(respond) as upstream, Served(serving(upstream, kind)) as served:
        events = anthropic_validator.read(
            streamed(served, "/messages", begun=begun, messages=HELLO, max_tokens=9)
        )
        anthropic_validator.validate(events)
        assert events[-1]["type"] == "error"
        answer = responses_validator.events_of(streamed(served, "/responses", begun=begun, input="Hello"))
        assert responses_validator.validate(answer)["status"] == "failed"
        chunks = chat_validator.chunks_of(streamed(served, "/chat/completions", begun=begun, messages=HELLO))
        assert chunks[-1]["error"]["message"]
        assert "[DONE]" not in chunks


@pytest.mark.parametrize(
    ("kind", "path", "whole", "asked"),
    [
        ("openai", "/chat/completions", bodies.chat("Hi"), {"messages": HELLO}),
        ("", "/completions", bodies.completion("Hi"), {"prompt": "Hello"}),
        ("anthropic", "/messages", bodies.message("Hi"), {"messages": HELLO, "max_tokens": 9}),
    ],
)
def test_an_answer_in_one_piece_passes_as_it_came_though_a_stream_was_asked_for(
    kind: str, path: str, whole: Any, asked: dict[str, Any]
) -> None:
    with Upstream(lambda _: Respond(json=whole)) as upstream, Served(serving(upstream, kind)) as served:
        reply = httpx2.post(f"{served.url}/v1{path}", json={"model": "m", "stream": True, **asked})
        assert reply.headers["content-type"] == "application/json"
        assert (reply.status_code, reply.json()) == (200, whole)
    slow = Respond(json=whole, delay=0.5)
    with Upstream(lambda _: slow) as upstream:
        settings = serving(upstream, kind, server=Server(silence=0.1))
        with Served(settings) as served:
            told = streamed(served, path, **asked)
    assert b"answered in one piece" in told


BROKEN = {
    "/chat/completions": [b'data: {"id": "1", "object": "chat.completion.chunk", "choices": []}\n\n'],
    "/messages": bodies.message_stream("Hi")[1:],
    "/responses": [b'event: response.created\ndata: {"type": "response.created"}\n\n'],
    "/completions": [b"data: [DONE]\n\n", b"data: [DONE]\n\n"],
}


@pytest.mark.parametrize("path", CHECKS)
def test_no_test_can_emit_an_invalid_stream_unseen(path: str) -> None:
    served = Served(Settings())

    async def tell() -> None:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            head = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": head})
            await send({"type": "http.response.body", "body": b"".join(BROKEN[path])})

        async def nothing(*_: Any) -> Any:
            return {"type": "http.request"}

        emitted = served.emitted = Emitted(app)
        await emitted({"type": "http", "path": f"/v1{path}"}, nothing, nothing)

    with pytest.raises(AssertionError, match=f"{path} emitted an invalid stream"), served:
        asyncio.run(tell())
    assert served.emitted.count == 1


def _anthropics() -> list[dict[str, Any]]:
    return [{"name": name, "input_schema": SCHEMA} for name in ("weather", "clock")]


def _responses() -> list[dict[str, Any]]:
    return [{"type": "function", "name": name, "parameters": SCHEMA} for name in ("weather", "clock")]
