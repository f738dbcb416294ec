"""OpenAI's wire, the server's side: https://platform.openai.com/docs/api-reference.

Same names as in `anthropic_wire`: `key`, `read`, `reply`, `events`, `error`.
"""

from __future__ import annotations

import io
import json
import wave
from typing import TYPE_CHECKING

from muxi_llm.commands.demo.answers import DIMENSIONS, Asked, Json, Refused, Said, embed, words

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

BASE_PATH = "/v1"
CHAT, COMPLETION, EMBEDDING = "/v1/chat/completions", "/v1/completions", "/v1/embeddings"
MEDIA = {"image_url": "an image", "input_audio": "audio", "audio_url": "audio", "file": "a file"}
DONE = b"data: [DONE]\n\n"
EMBEDDING_USAGE = {"prompt_tokens": 8, "total_tokens": 8}


def key(headers: Mapping[str, str]) -> str:
    """The API key a request came with."""
    return headers.get("Authorization", "").removeprefix("Bearer ")


def read(path: str, body: Json) -> Asked:
    """The request. Raises `Refused` where there is no such endpoint."""
    if path == CHAT:
        return _read_chat(body)
    if path == COMPLETION:
        return Asked(body["model"], body["prompt"])
    if path == EMBEDDING or path in BESIDE:
        return Asked(body["model"], str(body.get("input") or body.get("prompt") or body.get("query")))
    raise Refused(404, f"there is no {path}")


def _read_chat(body: Json) -> Asked:
    messages = body["messages"]
    users = [message["content"] for message in messages if message["role"] == "user"]
    parts = [{"type": "text", "text": users[-1]}] if isinstance(users[-1], str) else users[-1]
    wanted = body.get("response_format", {})
    instructed = any("JSON" in str(m["content"]) for m in messages if m["role"] == "system")
    return Asked(
        model=body["model"],
        question=" ".join(part["text"] for part in parts if part["type"] == "text"),
        media=[MEDIA[part["type"]] for part in parts if part["type"] in MEDIA],
        tools=[(t["function"]["name"], t["function"]["parameters"]) for t in body.get("tools", ())],
        tool_results=[m["content"] for m in messages if m["role"] == "tool"],
        schema=wanted.get("json_schema", {}).get("schema", {}) if wanted or instructed else None,
    )


def reply(path: str, body: Json, asked: Asked, said: Said) -> Json | bytes:
    """A whole answer; a sound is bytes."""
    head = {"id": "demo-1", "created": 1_800_000_000, "model": asked.model}
    if path in BESIDE:
        made = BESIDE[path](body)
        return made if isinstance(made, bytes) else {**head, **made}
    if path == EMBEDDING:
        return {**head, "object": "list", "data": _embeddings(body), "usage": EMBEDDING_USAGE}
    if path == COMPLETION:
        choice: Json = {"index": 0, "text": said.text, "finish_reason": "stop", "logprobs": None}
        return {**head, "object": "text_completion", "choices": [choice], "usage": _usage(asked, said)}
    message: Json = {"role": "assistant", "content": said.text or None, "refusal": None}
    if said.tool:
        message["tool_calls"] = [_tool_call(said)]
    choice = {"index": 0, "message": message, "finish_reason": _finish(said), "logprobs": None}
    return {**head, "object": "chat.completion", "choices": [choice], "usage": _usage(asked, said)}


def events(asked: Asked, said: Said) -> Iterator[bytes]:
    """A chat's answer as server-sent events."""
    yield _event(asked, {"role": "assistant", "content": ""})
    for word in words(said.text):
        yield _event(asked, {"content": word})
    if said.tool:
        yield _event(asked, {"tool_calls": [{"index": 0, **_tool_call(said)}]})
    yield _event(asked, {}, finish=_finish(said))
    yield DONE


def error(status: int, message: str) -> Json:
    """The body of a refusal."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _event(asked: Asked, delta: Json, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}
    head = {"id": "demo-1", "object": "chat.completion.chunk", "created": 1_800_000_000}
    return f"data: {json.dumps({**head, 'model': asked.model, 'choices': [choice]})}\n\n".encode()


def _embeddings(body: Json) -> list[Json]:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    dimensions = body.get("dimensions", DIMENSIONS)
    return [
        {"object": "embedding", "index": index, "embedding": embed(text, dimensions)}
        for index, text in enumerate(texts)
    ]


def _image(body: Json) -> Json:
    return {"data": [{"b64_json": DOT}] * body.get("n", 1)}


def _verdicts(body: Json) -> Json:
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    scores = [{"harassment": 0.9 if "fool" in text.lower() else 0.01} for text in texts]
    return {
        "results": [
            {
                "flagged": s["harassment"] > 0.5,
                "categories": {"harassment": s["harassment"] > 0.5},
                "category_scores": s,
            }
            for s in scores
        ]
    }


def _ranking(body: Json) -> Json:
    question = embed(body["query"])
    nearness = [sum(a * b for a, b in zip(question, embed(text), strict=True)) for text in body["documents"]]
    return {"results": [{"index": index, "relevance_score": near} for index, near in enumerate(nearness)]}


def _spoken(body: Json) -> bytes:
    """A WAV file with a click in it for each letter, and the letters: what can be heard here is read."""
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(1)
        sound.setframerate(8000)
        sound.writeframes(body["input"].encode())
    return file.getvalue()


def _heard(body: Json) -> Json:
    with wave.open(io.BytesIO(body["file"])) as sound:
        text = sound.readframes(sound.getnframes()).decode()
    return {
        "text": text,
        "language": "english",
        "duration": 2.5,
        "segments": [{"start": 0, "end": 2.5, "text": text}],
    }


DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGP4z8AAAAMBAQDJ/pLvAAAAAElFTkSuQmCC"
"""A red dot, a PNG of one pixel."""

BESIDE: dict[str, Callable[[Json], Json | bytes]] = {
    "/v1/images/generations": _image,
    "/v1/moderations": _verdicts,
    "/v1/audio/speech": _spoken,
    "/v1/audio/transcriptions": _heard,
    "/v2/rerank": _ranking,
}
"""Endpoints beside chat: what a request comes to."""


def _tool_call(said: Said) -> Json:
    function = {"name": said.tool, "arguments": json.dumps(said.arguments)}
    return {"id": "call_1", "type": "function", "function": function}


def _finish(said: Said) -> str:
    return "tool_calls" if said.tool else "stop"


def _usage(asked: Asked, said: Said) -> Json:
    prompt, answer = len(asked.question.split()), len(said.text.split())
    return {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
