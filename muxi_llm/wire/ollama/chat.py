"""Ollama's own wire: chat (`/api/chat`) and text completions (`/api/generate`).

Sources: https://docs.ollama.com/api/chat, .../api/generate, .../api/streaming, .../api/errors. Requests
are translated by `request`. A stream is newline-delimited JSON, whole after `"done": true` and not
before; tool calls come whole. `/v1/completions` would lose what `/api/generate` has room for: `num_ctx` and
the other options, `keep_alive`, `raw`. Ollama puts the prompt into the model's template unless told
otherwise (`extra_body={"raw": True}`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.models import ChatCompletion, ChatCompletionChunk
from muxi_llm.wire.base import Json, Wire, WireError, build_value, fault_of, loads, raise_in_band
from muxi_llm.wire.event_decoder import ChunkDecoder
from muxi_llm.wire.jsonl import LinesDecoder
from muxi_llm.wire.ollama.request import OllamaRequest, settle
from muxi_llm.wire.openai.completions import CompletionsOverChat
from muxi_llm.wire.reading import CUT_SHORT, finish_word, reading
from muxi_llm.wire.requesting import usage_wanted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Ledger, Profile


class OllamaChat(Wire):
    """Ollama chat."""

    path = "/api/chat"
    stream_headers = {"accept": "application/x-ndjson"}

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        super().__init__(model, ledger, profile)
        self.request = OllamaRequest(model, ledger)
        self._usage_wanted = False

    # ------------------------------------------------------------------------------ ours → theirs

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        return self.addressed(self.request.chat(body), body, stream=stream)

    def addressed(self, encoded: Json, body: Mapping[str, Any], *, stream: bool) -> Json:
        """*encoded* for this model. Ollama streams unless told not to."""
        self._usage_wanted = usage_wanted(body)
        return {"model": self.model, **encoded, "stream": stream}

    def settle(self, body: Json) -> None:
        settle(body)

    # ------------------------------------------------------------------------------ theirs → ours

    def decode_response(self, data: bytes, *, created: int) -> ChatCompletion:
        raw = loads(data)
        raise_in_band(raw)
        with reading("not an answer", data):
            if raw.get("done") is False:
                raise WireError("incomplete", "the answer ends before it is done")
            return build_value(ChatCompletion, self._value_of(raw, created))

    def _value_of(self, raw: Json, created: int) -> Json:
        text, thinking, calls = said_in(raw, 0)
        message: Json = {"role": "assistant", "content": text if text or not calls else None, "refusal": None}
        if thinking:
            message["reasoning_content"] = thinking
        if calls:
            message.update(called(calls, legacy=self.request.legacy))
        end = end_of(raw, called=bool(calls), legacy=self.request.legacy)
        choice = {"index": 0, "message": message, "logprobs": logprobs_of(raw), **end}
        head = {"object": "chat.completion", "created": created, **head_of(raw, self.model)}
        return {**rest_of(raw), **head, "choices": [choice], "usage": usage_of(raw)}

    def stream_decoder(self, *, created: int) -> OllamaStreamDecoder:
        return OllamaStreamDecoder(self.model, created, usage=self._usage_wanted, legacy=self.request.legacy)


class OllamaGenerate(CompletionsOverChat):
    """Ollama text completions; their replies differ from chat's in where the text is."""

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        self._ollama = OllamaChat(model, ledger, profile)
        super().__init__(self._ollama)

    def path_for(self, *, stream: bool) -> str:  # noqa: ARG002 - one for both
        return "/api/generate"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        return self._ollama.addressed(self._ollama.request.completion(body), body, stream=stream)


class OllamaStreamDecoder(ChunkDecoder):
    """Lines → chunks. usage: whether to end with a chunk of it. legacy: tell `function_call`s."""

    terminator = '"done": true'
    framing = LinesDecoder

    def __init__(self, model: str, created: int, *, usage: bool, legacy: bool) -> None:
        super().__init__(model=model, created=created)
        self._usage_wanted = usage
        self._legacy = legacy
        self._calls = 0
        self._spoke = False

    def read(self, name: bytes, data: bytes) -> list[ChatCompletionChunk]:  # noqa: ARG002 - lines have none
        """The chunks one line amounts to."""
        raw = loads(data)
        if raw.get("error"):
            fault = fault_of(500, raw)
            raise WireError("fault", fault.message, fault)
        if not self.head["id"]:
            self.head.update(head_of(raw, self.head["model"]))
        delta = self._delta(raw)
        chunks = [self.chunk(delta, logprobs=logprobs_of(raw))] if delta else []
        return chunks + self._end(raw) if raw.get("done") else chunks

    def _delta(self, raw: Json) -> Json:
        text, thinking, calls = said_in(raw, self._calls)
        self._calls += len(calls)
        delta: Json = {"content": text} if text else {}
        if thinking:
            delta["reasoning_content"] = thinking
        if calls:
            delta.update(called(calls, legacy=self._legacy, streamed=True))
        if raw.get("done") and not (delta or self._spoke):
            delta = {"content": ""}
        if delta and not self._spoke:
            self._spoke = True
            delta = {"role": "assistant", **delta}
        return delta

    def _end(self, raw: Json) -> list[ChatCompletionChunk]:
        self.over = True
        end = end_of(raw, called=self._calls > 0, legacy=self._legacy)
        choice = {"index": 0, "delta": {}, "logprobs": None, **end}
        last = build_value(ChatCompletionChunk, {**rest_of(raw), **self.head, "choices": [choice]})
        self.counted = usage_of(raw)
        return [last, self.usage_chunk(self.counted)] if self._usage_wanted else [last]


# ------------------------------------------------------------------- what whole and streamed share


def said_in(raw: Json, earlier: int) -> tuple[str, str, list[Json]]:
    """Text, thinking and tool calls of a reply or a line; *earlier* calls were told before."""
    if "message" not in raw:
        return raw["response"] or "", raw.get("thinking") or "", []
    message = raw["message"]
    calls = [
        _call_of(call, earlier + index, raw) for index, call in enumerate(message.get("tool_calls") or ())
    ]
    return message.get("content") or "", message.get("thinking") or "", calls


def _call_of(call: Json, place: int, raw: Json) -> Json:
    function = call["function"]
    arguments = function.get("arguments")
    text = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
    # Versions before 0.12 give no id. A conversation needs one that no other turn has.
    call_id = call.get("id") or f"call_{_digest(raw.get('created_at'), place, function['name'], text)}"
    told = {"name": function["name"], "arguments": text}
    return {"index": place, "id": call_id, "type": "function", "function": told}


def called(calls: list[Json], *, legacy: bool, streamed: bool = False) -> Json:
    """Tool calls as a message (or a delta) tells them; their index is for streams alone."""
    if legacy:
        return {"function_call": calls[0]["function"]}
    if streamed:
        return {"tool_calls": calls}
    return {"tool_calls": [{name: call[name] for name in ("id", "type", "function")} for call in calls]}


def head_of(raw: Json, model: str) -> Json:
    """Who answered. Ollama's answers have no id; theirs is made of the time they were made at."""
    answer_id = f"chatcmpl-{_digest(raw.get('created_at'), raw.get('model'))}"
    return {"id": answer_id, "model": raw.get("model") or model}


def _digest(*what: object) -> str:
    return hashlib.sha256(repr(what).encode()).hexdigest()[:24]


def end_of(raw: Json, *, called: bool, legacy: bool) -> Json:
    """Why the answer ended; whatever Ollama says, one with tool calls ends in them."""
    reason = raw.get("done_reason")
    finish = finish_word(reason, FINISH_REASONS)
    if called and finish not in CUT_SHORT:
        finish = "function_call" if legacy else "tool_calls"
    return {"finish_reason": finish, "native_finish_reason": reason}


def logprobs_of(raw: Json) -> Json | None:
    """Ollama lists them as OpenAI does, but by itself."""
    if not raw.get("logprobs"):
        return None
    tokens = [{"bytes": None, "top_logprobs": [], **token} for token in raw["logprobs"]]
    for token in tokens:
        token["top_logprobs"] = [{"bytes": None, **top} for top in token["top_logprobs"]]
    return {"content": tokens, "refusal": None}


def usage_of(raw: Json) -> Json:
    """Tokens; older versions leave the prompt's out where all of it was in the cache."""
    prompt, answer = raw.get("prompt_eval_count") or 0, raw.get("eval_count") or 0
    usage: Json = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": prompt + answer}
    if raw.get("prompt_eval_cached_count") is not None:
        usage["prompt_tokens_details"] = {"cached_tokens": raw["prompt_eval_cached_count"]}
    return usage


def rest_of(raw: Json) -> Json:
    """The fields that have no counterpart: durations, and what is yet to come."""
    return {name: value for name, value in raw.items() if name not in READ}


# ------------------------------------------------------------------------------------------ tables

FINISH_REASONS = {"stop": "stop", "length": "length", "load": "stop", "unload": "stop"}
"""`load` and `unload` end an empty answer to an empty request."""

READ = {
    "model", "message", "response", "thinking", "done", "done_reason", "logprobs", "eval_count",
    "prompt_eval_count", "prompt_eval_cached_count",
}  # fmt: skip
