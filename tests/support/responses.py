"""OpenAI's Responses for tests: encode a request, check it by the vendor's types, tell a reply."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from openai.types.responses import Response
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import BaseModel, TypeAdapter

from muxi_llm.models import ChatCompletion
from muxi_llm.wire.base import Ledger, dumps
from muxi_llm.wire.responses.inbound import ResponsesInbound
from muxi_llm.wire.responses.responses import OpenAIResponses
from tests.support.bodies import HELLO, events
from tests.support.codec import WireCodec
from tests.support.responses_validator import events_of, validate

USER = {"role": "user", "content": "Hi"}
PARAMS = TypeAdapter(ResponseCreateParamsNonStreaming)
GPT = "gpt-4.1"
REASONER = "gpt-5"


class Codec(WireCodec):
    """A Responses wire for one request."""

    provider, kind, model = "openai", OpenAIResponses, GPT

    def __init__(
        self,
        messages: Any = HELLO,
        *,
        model: str | None = None,
        strict: bool = False,
        stream: bool = False,
        **body: Any,
    ) -> None:
        self.begin(model, strict=strict)
        self.out = self.wire.encode_request({"messages": messages, **body}, stream=stream)


def encode(messages: Any = HELLO, **body: Any) -> dict[str, Any]:
    """The body on the wire."""
    return Codec(messages, **body).out


def items_of(*messages: dict[str, Any], **body: Any) -> list[dict[str, Any]]:
    """The items on the wire."""
    return encode(list(messages), **body)["input"]


def check(body: dict[str, Any]) -> None:
    """*body* is a request by the vendor's types, once what they require and the API does not is filled in:
    an image's `detail` (its default is `auto`), the id of a message that never had one.
    """
    given = {name: value for name, value in body.items() if name != "stream"}
    given["input"] = [_filled(item) for item in given["input"]]
    assert _plain(PARAMS.validate_python(given)) == given


def _filled(item: dict[str, Any]) -> dict[str, Any]:
    content = item.get("content")
    if item.get("role") == "assistant" and isinstance(content, list):
        return {"id": "msg_", "status": "completed", **item}
    if item.get("role") and isinstance(content, list):
        parts = [{"detail": "auto", **part} if part["type"] == "input_image" else part for part in content]
        return {**item, "content": parts}
    if item.get("type") == "custom_tool_call_output" and isinstance(item["output"], list):
        parts = [
            {"detail": "auto", **part} if part["type"] == "input_image" else part for part in item["output"]
        ]
        return {**item, "output": parts}
    return item


def _plain(value: Any) -> Any:
    """The vendor's `Iterable`s are validated as they are read, so all of them are read here."""
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(exclude_unset=True))
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return value if isinstance(value, str) or not hasattr(value, "__iter__") else [_plain(i) for i in value]


class Asked:
    """One request of a client, decoded, and what its answers become."""

    def __init__(self, *, keeps: bool = False, **body: Any) -> None:
        self.ledger = Ledger("the client's request")
        self.wire = ResponsesInbound(self.ledger, keeps=keeps)
        self.body = self.wire.decode_request(dumps({"model": "a/b", "input": "Hi", **body}))

    @property
    def told(self) -> dict[str, tuple[str, bool]]:
        """The ledger: parameter → what happened, and whether that is a loss."""
        return {entry.param: (entry.action, entry.loss) for entry in self.ledger.entries}

    def whole(self, raw: dict[str, Any]) -> dict[str, Any]:
        """The response to a chat completion; it must be one by the vendor's types."""
        told = json.loads(self.wire.encode_response(ChatCompletion.model_validate(raw)))
        Response.model_validate(told)
        return told

    def streamed(self, chunks: Iterable[Any]) -> list[dict[str, Any]]:
        """The events of a whole stream of chunks; they must keep to the life-cycle."""
        events = events_of(b"".join(map(self.wire.encode_chunk, chunks)) + self.wire.encode_end())
        validate(events)
        return events


# ------------------------------------------------------------------------------------------ replies


def response(*output: Any, status: str = "completed", **fields: Any) -> dict[str, Any]:
    """A response; strings among the items are messages."""
    items = [said(item) if isinstance(item, str) else item for item in output]
    details = {"cached_tokens": 3}, {"reasoning_tokens": 1}
    usage = {
        "input_tokens": 5,
        "input_tokens_details": details[0],
        "output_tokens": 2,
        "output_tokens_details": details[1],
        "total_tokens": 7,
    }
    head = {"id": "resp_1", "object": "response", "created_at": 9, "model": "gpt-4.1-2025", "error": None}
    return {**head, "status": status, "output": items, "usage": usage, **fields}


def said(*parts: Any, item_id: str = "msg_1", **fields: Any) -> dict[str, Any]:
    """A message of the model; strings among the parts are texts."""
    content = [text(part) if isinstance(part, str) else part for part in parts]
    head = {"type": "message", "id": item_id, "status": "completed", "role": "assistant"}
    return {**head, "content": content, **fields}


def text(words: str, *annotations: dict[str, Any]) -> dict[str, Any]:
    return {"type": "output_text", "text": words, "annotations": list(annotations), "logprobs": []}


def refusal(words: str) -> dict[str, Any]:
    return {"type": "refusal", "refusal": words}


def thought(
    *summary: str, content: tuple[str, ...] = (), item_id: str = "rs_1", **fields: Any
) -> dict[str, Any]:
    """A reasoning item."""
    out: dict[str, Any] = {"type": "reasoning", "id": item_id}
    out["summary"] = [{"type": "summary_text", "text": words} for words in summary]
    if content:
        out["content"] = [{"type": "reasoning_text", "text": words} for words in content]
    return {**out, **fields}


def function_call(name: str = "f", arguments: str = '{"a":1}', call_id: str = "call_1", **fields: Any) -> Any:
    head = {"type": "function_call", "id": f"fc_{call_id}", "status": "completed", "call_id": call_id}
    return {**head, "name": name, "arguments": arguments, **fields}


def custom_call(name: str = "g", given: str = "x y", call_id: str = "call_1") -> Any:
    head = {"type": "custom_tool_call", "id": f"ctc_{call_id}", "status": "completed", "call_id": call_id}
    return {**head, "name": name, "input": given}


def output(call_id: str = "call_1", told: Any = "ok", kind: str = "function_call_output") -> dict[str, Any]:
    return {"type": kind, "call_id": call_id, "output": told}


CITED = {"type": "url_citation", "url": "https://e.com", "title": "E", "start_index": 0, "end_index": 1}
SEARCH = {
    "type": "web_search_call",
    "id": "ws_1",
    "status": "completed",
    "action": {"type": "search", "query": "x"},
}


def told(raw: dict[str, Any], *, cut: int = 3, deltas: bool = True, repeat: bool = True) -> list[bytes]:
    """The stream of *raw*, texts in fragments of *cut* characters; without *deltas* items come whole;
    without *repeat* the last event does not tell the output again.
    """
    begun = {**raw, "status": "in_progress", "output": [], "usage": None, "incomplete_details": None}
    last = raw if repeat else {**raw, "output": []}
    stream = [
        {"type": "response.created", "response": begun},
        {"type": "response.in_progress", "response": begun},
    ]
    for index, item in enumerate(raw["output"]):
        stream.append({"type": "response.output_item.added", "output_index": index, "item": _begun(item)})
        for event in _deltas(item, cut) if deltas else ():
            stream.append({**event, "output_index": index, "item_id": item["id"]})
        stream.append({"type": "response.output_item.done", "output_index": index, "item": item})
    stream.append({"type": f"response.{raw['status']}", "response": last})
    return events(*({**event, "sequence_number": number} for number, event in enumerate(stream)))


def _begun(item: dict[str, Any]) -> dict[str, Any]:
    empty = {"content": [], "summary": [], "arguments": "", "input": ""}
    return {**item, **{name: value for name, value in empty.items() if name in item}, "status": "in_progress"}


def _deltas(item: dict[str, Any], cut: int) -> Any:
    if item["type"] == "function_call":
        yield from _cut("response.function_call_arguments", item["arguments"], cut)
    elif item["type"] == "custom_tool_call":
        yield from _cut("response.custom_tool_call_input", item["input"], cut)
    elif item["type"] == "reasoning":
        for index, part in enumerate(item["summary"] if not item.get("content") else ()):
            yield from _cut("response.reasoning_summary_text", part["text"], cut, summary_index=index)
        for index, part in enumerate(item.get("content") or ()):
            yield from _cut("response.reasoning_text", part["text"], cut, content_index=index)
    elif item["type"] == "message":
        for index, part in enumerate(item["content"]):
            if part["type"] not in {"output_text", "refusal"}:
                continue
            name = "text" if part["type"] == "output_text" else "refusal"
            yield {"type": "response.content_part.added", "content_index": index, "part": {**part, name: ""}}
            yield from _cut(f"response.{part['type']}", part[name], cut, content_index=index)
            yield {"type": "response.content_part.done", "content_index": index, "part": part}


def _cut(kind: str, words: str, cut: int, **place: Any) -> Any:
    for at in range(0, len(words), cut):
        yield {"type": f"{kind}.delta", "delta": words[at : at + cut], **place}
    name = {"arguments": "arguments", "input": "input", "refusal": "refusal"}.get(
        kind.rsplit("_", maxsplit=1)[-1], "text"
    )
    yield {"type": f"{kind}.done", name: words, **place}
