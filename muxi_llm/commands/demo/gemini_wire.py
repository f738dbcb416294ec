"""Google's generateContent wire, the server's side: https://ai.google.dev/api/generate-content.

Same names as in `openai_wire`: `key`, `read`, `reply`, `events`, `error`; and `told`, because the path says
what other wires say in the body.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from muxi_llm.commands.demo.answers import Asked, Json, Refused, Said, embed, words

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BASE_PATH = "/v1beta"
METHODS = {"generateContent", "streamGenerateContent", "batchEmbedContents"}


def key(headers: Mapping[str, str]) -> str:
    """The key a request came with."""
    return headers.get("x-goog-api-key", "")


def told(path: str) -> Json:
    """The model and whether a stream is wanted."""
    model, _, method = path.partition("?")[0].rpartition("/")[2].partition(":")
    return {"model": model, "stream": method == "streamGenerateContent"}


def read(path: str, body: Json) -> Asked:
    """The request. Raises `Refused` where there is no such endpoint."""
    if path.partition("?")[0].rpartition(":")[2] not in METHODS:
        raise Refused(404, f"There is no {path} here.")
    if "requests" in body:
        return Asked(body["model"], str([_text(one["content"]) for one in body["requests"]]))
    turns, config = body["contents"], body.get("generationConfig", {})
    user = [turn for turn in turns if turn["role"] == "user" and _text(turn)][-1]
    declared = [
        function for tool in body.get("tools", ()) for function in tool.get("functionDeclarations", ())
    ]
    return Asked(
        model=body["model"],
        question=_text(user),
        media=[_medium(part) for part in user["parts"] if "inlineData" in part or "fileData" in part],
        tools=[(function["name"], function["parametersJsonSchema"]) for function in declared],
        tool_results=[_result(part) for part in turns[-1]["parts"] if "functionResponse" in part],
        schema=config.get("responseJsonSchema", {}) if "responseMimeType" in config else None,
        thinks="thinkingConfig" in config,
    )


def reply(path: str, body: Json, asked: Asked, said: Said) -> Json:  # noqa: ARG001 - the body says it
    """A whole answer."""
    if "requests" in body:
        return {"embeddings": [{"values": embed(_text(one["content"]), 256)} for one in body["requests"]]}
    parts: list[Json] = [{"text": said.thinking, "thought": True}] if said.thinking else []
    if said.tool:
        parts.append(
            {"functionCall": {"name": said.tool, "args": said.arguments}, "thoughtSignature": "c2lnbmVk"}
        )
    return _piece(asked, said, [*parts, *([{"text": said.text}] if said.text else ())], finish="STOP")


def events(asked: Asked, said: Said) -> Iterator[bytes]:
    """The same answer, an event for each word; calls come whole."""
    for word in words(said.text):
        yield _event(_piece(asked, said, [{"text": word}]))
    yield _event(reply("", {}, asked, Said(tool=said.tool, arguments=said.arguments)))


def error(status: int, message: str) -> Json:
    """The body of a refusal."""
    return {"error": {"code": status, "message": message, "status": "UNAVAILABLE"}}


def _piece(asked: Asked, said: Said, parts: list[Json], finish: str | None = None) -> Json:
    candidate: Json = {"index": 0, "content": {"role": "model", "parts": parts}}
    prompt, answer = len(asked.question.split()), len(said.text.split())
    usage = {"promptTokenCount": prompt, "candidatesTokenCount": answer, "totalTokenCount": prompt + answer}
    ended = {**candidate, "finishReason": finish} if finish else candidate
    return {"candidates": [ended], "usageMetadata": usage, "modelVersion": asked.model, "responseId": "demo"}


def _event(value: Json) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\r\n\r\n"


def _text(content: Json) -> str:
    return "".join(part.get("text", "") for part in content["parts"])


def _medium(part: Json) -> str:
    kind = (part.get("inlineData") or part["fileData"]).get("mimeType", "a file").partition("/")[0]
    return {"image": "an image", "audio": "audio", "video": "a video"}.get(kind, "a file")


def _result(part: Json) -> str:
    response = part["functionResponse"]["response"]
    return str(response.get("output") or json.dumps(response))
