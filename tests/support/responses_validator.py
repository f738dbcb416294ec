"""The life-cycle of a response's events, as OpenAI's reference tells it: any sequence must keep to it."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any, get_args

from openai.types import responses as types
from pydantic import BaseModel

from muxi_llm.wire.responses.inbound_stream import SPENT

TERMINALS = {"response.completed", "response.incomplete", "response.failed"}


def _kinds() -> dict[str, type[BaseModel]]:
    union = get_args(types.ResponseStreamEvent)[0]
    return {get_args(kind.model_fields["type"].annotation)[0]: kind for kind in get_args(union)}


KINDS = _kinds()


def events_of(data: bytes) -> list[dict[str, Any]]:
    """The events of a stream's bytes; each must be named as its type is."""
    events = []
    for block in data.decode().split("\n\n")[:-1]:
        name, told = block.split("\n")
        events.append(json.loads(told.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    return events


def validate(events: list[dict[str, Any]]) -> dict[str, Any]:
    """Check *events*; the response that the last one tells."""
    for event in events:
        KINDS[event["type"]].model_validate(_as_specified(event))
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [event["type"] for event in events[:2]] == ["response.created", "response.in_progress"]
    terminal = events[-1]
    assert [event["type"] for event in events if event["type"] in TERMINALS] == [terminal["type"]]
    responses = [event["response"] for event in (*events[:2], terminal)]
    assert len({response["id"] for response in responses}) == 1
    assert [response["status"] for response in responses[:2]] == ["in_progress", "in_progress"]
    assert f"response.{responses[-1]['status']}" == terminal["type"]
    assert [response["output"] for response in responses[:2]] == [[], []]
    items = _Items()
    for event in events[2:-1]:
        items.take(event)
    assert items.open is None
    assert items.done == responses[-1]["output"]
    assert len({item["id"] for item in items.done}) == len(items.done)
    ranks = [item["type"] for item in items.done]
    assert ("reasoning", "reasoning") not in pairwise(ranks)
    return responses[-1]


def _as_specified(event: dict[str, Any]) -> dict[str, Any]:
    """*event* as its type has it: Codex goes by a code that OpenAI sends and does not list."""
    response = event.get("response") or {}
    error = response.get("error") or {}
    if error.get("code") != SPENT:
        return event
    return {**event, "response": {**response, "error": {**error, "code": "server_error"}}}


class _Items:
    """One item is open at a time, one part in it; what is done is what its deltas said."""

    def __init__(self) -> None:
        self.done: list[dict[str, Any]] = []
        self.open: dict[str, Any] | None = None
        self.parts: list[dict[str, Any]] = []
        self.is_in_part = False
        self.said: list[str] = []

    def take(self, event: dict[str, Any]) -> None:
        kind = event["type"].removeprefix("response.")
        assert event["output_index"] == len(self.done)
        if kind == "output_item.added":
            assert self.open is None
            assert event["item"]["status"] == "in_progress"
            self.open, self.parts, self.said = event["item"], [], []
            return
        assert self.open is not None
        if kind == "output_item.done":
            self._item_done(event["item"])
            return
        assert event["item_id"] == self.open["id"]
        if "part" in event:
            self._part(kind, event)
        elif kind.endswith(".delta"):
            assert self.is_in_part or self.open["type"].endswith("_call")
            self.said.append(event["delta"])
        elif kind.endswith(".done"):
            self._text_done(kind, event)
        elif kind == "image_generation_call.completed":
            assert self.open["type"] == "image_generation_call"
        else:
            assert kind == "output_text.annotation.added"
            assert self.is_in_part

    def _part(self, kind: str, event: dict[str, Any]) -> None:
        index = event.get("content_index", event.get("summary_index"))
        assert index == len(self.parts)
        if kind.endswith(".added"):
            assert not self.is_in_part
            self.is_in_part, self.said = True, []
            assert not _words(event["part"])
        else:
            assert self.is_in_part
            self.is_in_part = False
            self.parts.append(event["part"])
            assert _words(event["part"]) == "".join(self.said)

    def _text_done(self, kind: str, event: dict[str, Any]) -> None:
        names = {"function_call_arguments.done": "arguments", "custom_tool_call_input.done": "input"}
        name = names.get(kind) or ("refusal" if kind == "refusal.done" else "text")
        assert event[name] == "".join(self.said)

    def _item_done(self, item: dict[str, Any]) -> None:
        assert not self.is_in_part
        assert (item["id"], item["type"]) == (self.open["id"], self.open["type"])
        assert item["status"] in {"completed", "incomplete"}
        if item["type"] == "message":
            assert item["content"] == self.parts
            assert self.parts
        elif item["type"] == "reasoning":
            assert item["summary"] == self.parts
        elif item["type"] == "image_generation_call":
            assert item["result"]
        elif item["type"] in {"function_call", "custom_tool_call"}:
            assert item.get("arguments", item.get("input")) == "".join(self.said)
        else:  # told whole
            assert not self.said
        self.done.append(item)
        self.open = None


def _words(part: dict[str, Any]) -> str:
    return part["refusal"] if part["type"] == "refusal" else part["text"]
