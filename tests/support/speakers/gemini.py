"""Gemini's generateContent."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from tests.support.speakers.base import SOMEHOW, Asked, Json, Said, Speaker, Trap, Usage, cut, sse
from tests.support.speakers.traps import SSE_TRAPS


class GeminiSpeaker(Speaker):
    """https://ai.google.dev/api/generate-content, https://ai.google.dev/gemini-api/docs/function-calling."""

    model = "gemini-2.5-flash"
    # https://ai.google.dev/api/generate-content#FinishReason
    finishes = {
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "SAFETY": "content_filter",
        "RECITATION": "content_filter",
        "BLOCKLIST": "content_filter",
        "PROHIBITED_CONTENT": "content_filter",
        "SPII": "content_filter",
        "IMAGE_SAFETY": "content_filter",
        "OTHER": "OTHER",  # it is a failure where nothing was said
    }
    failures = ("MALFORMED_FUNCTION_CALL",)
    names_calls = False

    def whole(self, said: Said) -> Json:
        parts = [{"text": said.reasoning, "thought": True}] if said.reasoning else []
        parts += [{"text": said.text}] if said.text else []
        return self._answer([*parts, *_calls(said)], said.finish or "STOP", said.usage)

    def events(self, said: Said, *, usage: bool = True) -> list[bytes]:
        parts: list[Json] = [{"text": piece, "thought": True} for piece in cut(said.reasoning)]
        parts += [{"text": piece} for piece in cut(said.text or "")]
        parts += _calls(said)
        counted = [Usage(said.usage.prompt, 1)] * (len(parts) - 1)  # on every chunk, cumulative
        chunks = [self._answer([part], None, early) for part, early in zip(parts, counted, strict=False)]
        return [*map(sse, chunks), sse(self._answer(parts[-1:], said.finish or "STOP", said.usage))]

    def _answer(self, parts: list[Json], finish: str | None, usage: Usage) -> Json:
        candidate: Json = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        counted = {
            "promptTokenCount": usage.prompt,
            "candidatesTokenCount": usage.completion - usage.reasoning,
            "totalTokenCount": usage.prompt + usage.completion,
        }
        counted.update({"thoughtsTokenCount": usage.reasoning} if usage.reasoning else {})
        counted.update({"cachedContentTokenCount": usage.cached} if usage.cached else {})
        head = {"modelVersion": self.model, "responseId": "r1"}
        return {"candidates": [candidate], "usageMetadata": counted, **head}

    def traps(self) -> Mapping[str, Trap]:
        return {name: trap for name, trap in SSE_TRAPS.items() if "pings" not in name}

    def error(self, status: int, text: str) -> Json:
        return {"error": {"code": status, "message": text, "status": "SOME_STATUS"}}

    def broken(self, status: int, text: str) -> bytes:
        return sse(self.error(status, text))

    def asked(self, path: str, body: Json) -> Asked:
        model, _, verb = path.rpartition("/")[2].partition(":")
        assert verb in {"generateContent", "streamGenerateContent"}, path
        body = dict(body)
        asked = Asked(model=model, stream=verb.startswith("stream"))
        for part in (body.pop("systemInstruction", None) or {"parts": []})["parts"]:
            asked.facts.append(("system", part["text"]))
        asked.facts += _facts(body.pop("contents"))
        for tool in body.pop("tools", ()):
            for function in tool["functionDeclarations"]:
                schema = function.get("parameters") or function.get("parametersJsonSchema") or {}
                asked.tools[function["name"]] = schema
        asked.choice = _choice(body.pop("toolConfig", {}))
        config = dict(body.pop("generationConfig", {}))
        asked.max_tokens = config.pop("maxOutputTokens", None)
        asked.json = config.pop("responseMimeType", None) == "application/json"
        asked.schema = config.pop("responseSchema", None) or config.pop("responseJsonSchema", None)
        asked.params = {**body, **{PARAMS.get(name, name): value for name, value in config.items()}}
        if "thinkingConfig" in config:
            asked.params["reasoning_effort"] = SOMEHOW
        return asked


PARAMS = {
    "topP": "top_p",
    "topK": "top_k",
    "stopSequences": "stop",
    "candidateCount": "n",
    "presencePenalty": "presence_penalty",
    "frequencyPenalty": "frequency_penalty",
    "responseLogprobs": "logprobs",
    "logprobs": "top_logprobs",
    "serviceTier": "service_tier",
}


def _calls(said: Said) -> list[Json]:
    return [{"functionCall": {"name": call.name, "args": call.arguments}} for call in said.calls]


def _choice(config: Json) -> str:
    calling = config.get("functionCallingConfig") or {}
    mode = {"ANY": "required"}.get(calling.get("mode", "AUTO"), calling.get("mode", "AUTO").lower())
    names = calling.get("allowedFunctionNames")
    return names[0] if names and mode == "required" else mode


def _facts(contents: list[Json]) -> Any:
    roles = [content["role"] for content in contents]
    assert roles[0] == "user"
    assert all(one != other for one, other in pairwise(roles)), f"no alternation: {roles}"
    for content in contents:
        for part in content["parts"]:
            if "functionCall" in part:
                assert content["role"] == "model"
                yield "call", part["functionCall"]["name"], part["functionCall"].get("args") or {}
            elif "functionResponse" in part:
                assert content["role"] == "user"
                yield "result", part["functionResponse"]["name"], _text(part["functionResponse"]["response"])
            elif "inlineData" in part:
                yield "image", f"data:{part['inlineData']['mimeType']};base64,{part['inlineData']['data']}"
            elif "fileData" in part:
                yield "image", part["fileData"]["fileUri"]
            elif not part.get("thought"):
                yield {"model": "assistant", "user": "user"}[content["role"]], part["text"]


def _text(response: Json) -> str:
    """A result is an object; text has a field of its own in it."""
    (text,) = response.values()
    return text
