"""Every provider at once on loopback: answers any request of the documents by the wire its path names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from tests.support import bodies
from tests.support.upstream import Received, Respond, Upstream

PROVIDERS = (
    "OPENAI",
    "ANTHROPIC",
    "GROQ",
    "MISTRAL",
    "DEEPSEEK",
    "OPENROUTER",
    "COHERE",
    "GOOGLE",
    "OLLAMA",
    "LLAMA_CPP",
)


BESIDE = {
    "/images/generations": {"created": 5, "data": [{"b64_json": "aW1hZ2U="}]},
    "/moderations": {"id": "modr-1", "model": "m", "results": [bodies.verdict(hate=0.75)]},
    "/audio/transcriptions": {"text": "Hi", "segments": [{"start": 0, "end": 1, "text": "Hi"}]},
    "/rerank": {"results": [{"index": 0, "relevance_score": 0.25}, {"index": 1, "relevance_score": 0.75}]},
}
"""Endpoints beside chat, by the end of their path."""


def environment(upstream: Upstream) -> dict[str, str]:
    """Keys and base URLs that lead every provider to *upstream*."""
    found = {f"{provider}_API_KEY": f"sk-{provider.lower()}" for provider in PROVIDERS}
    for provider in PROVIDERS:
        version = "" if provider == "ANTHROPIC" else "/v1"  # as in the vendor's own SDK
        found[f"{provider}_BASE_URL"] = f"{upstream.url}/{provider.lower()}{version}"
    return found


def answer(received: Received) -> Respond:
    """What a provider of that wire would say."""
    path = received.path.partition("?")[0]
    if path.endswith("/messages"):
        return _message(received.json)
    if path.endswith("/embeddings"):
        given = received.json["input"]
        texts = [given] if isinstance(given, str) else given
        return Respond(json=bodies.embeddings(*([0.25, 0.5, 0.75] for _ in texts)))
    if path.endswith("/chat/completions"):
        return _chat(received.json)
    if path.endswith("/completions"):
        return Respond(json=bodies.completion())
    if path.endswith(tuple(BESIDE)):
        return Respond(json=next(made for end, made in BESIDE.items() if path.endswith(end)))
    if path.endswith("/audio/speech"):
        return Respond(body=b"RIFF....WAVE", headers={"Content-Type": "audio/wav"})
    if path.endswith("/api/generate"):
        return Respond(json={"model": "llama3.2", "response": " there", "done": True, "done_reason": "stop"})
    if path.endswith("/models"):
        return Respond(
            json={
                "object": "list",
                "data": [{"id": "gpt-4", "object": "model", "created": 1, "owned_by": "openai"}],
            }
        )
    return Respond(404, json=bodies.error(f"no such path: {received.path}", type="not_found_error"))


def _text(request: dict[str, Any]) -> str:
    wants_json = request.get("response_format") or "JSON" in json.dumps(request.get("system", ""))
    return '{"answer": "Jupiter", "name": "Ada", "age": 36}' if wants_json else "Hello from loopback"


def _chat(request: dict[str, Any]) -> Respond:
    text = _text(request)
    if request.get("stream"):
        return Respond(chunks=bodies.chat_stream(*re.findall(r"\S+\s*", text)))
    if request.get("tools") and request["messages"][-1]["role"] == "user":
        function = {"name": request["tools"][0]["function"]["name"], "arguments": '{"city": "Paris"}'}
        calls = [{"id": "call_1", "type": "function", "function": function}]
        return Respond(json=bodies.chat(None, finish="tool_calls", tool_calls=calls))
    return Respond(json=bodies.chat(text, model=request["model"]), headers={"x-request-id": "req_1"})


def _message(request: dict[str, Any]) -> Respond:
    text = _text(request)
    if request.get("stream"):
        return Respond(chunks=bodies.message_stream(*re.findall(r"\S+\s*", text)))
    if request.get("tools") and request["messages"][-1]["content"][0]["type"] != "tool_result":
        block = {
            "type": "tool_use",
            "id": "toolu_1",
            "name": request["tools"][0]["name"],
            "input": {"city": "Paris"},
        }
        return Respond(json=bodies.message(block, stop="tool_use"))
    return Respond(json=bodies.message(text, model=request["model"]), headers={"request-id": "req_a"})


def snippets(document: Path) -> list[str]:
    """The Python blocks of a Markdown document, in order."""
    return re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL)
