"""OpenAI's Responses wire, inbound: the items of a response, each told by its events as it grows.

Source: https://platform.openai.com/docs/api-reference/responses-streaming. An item is added, says what
it has to say, and is done; the same object gives its value at any time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import orjson

from muxi_llm.wire.responses.inbound_tools import client_item
from muxi_llm.wire.state import seal

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.wire.base import Json
    from muxi_llm.wire.responses.inbound_tools import ClientCall

Status = Literal["in_progress", "completed", "incomplete"]


@dataclass(slots=True)
class Reasoning:
    """What the model thought: a summary in one part, and the signed blocks, sealed."""

    emit: Callable[..., None]
    index: int
    id: str
    text: list[str] = field(default_factory=list)
    state: Json = field(default_factory=dict)

    def begin(self) -> None:
        """It is added."""
        self.emit("response.output_item.added", output_index=self.index, item=self.value("in_progress"))

    def say(self, text: str) -> None:
        """More of the summary."""
        place = {"item_id": self.id, "output_index": self.index, "summary_index": 0}
        if not self.text:
            part = {"type": "summary_text", "text": ""}
            self.emit("response.reasoning_summary_part.added", **place, part=part)
        self.text.append(text)
        self.emit("response.reasoning_summary_text.delta", **place, delta=text)

    def close(self, status: Status) -> Json:
        """It is whole, or cut off."""
        place = {"item_id": self.id, "output_index": self.index, "summary_index": 0}
        item = self.value(status)
        for part in item["summary"]:
            self.emit("response.reasoning_summary_text.done", **place, text=part["text"])
            self.emit("response.reasoning_summary_part.done", **place, part=part)
        self.emit("response.output_item.done", output_index=self.index, item=item)
        return item

    def value(self, status: Status) -> Json:
        """The item so far."""
        summary = [{"type": "summary_text", "text": "".join(self.text)}] if self.text else []
        item: Json = {"id": self.id, "type": "reasoning", "status": status, "summary": summary}
        if self.state:
            item["encrypted_content"] = seal(self.state)
        return item


@dataclass(slots=True)
class Message:
    """What the model said: parts of text and of refusal."""

    emit: Callable[..., None]
    index: int
    id: str
    parts: list[Json] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """It is added."""
        self.emit("response.output_item.added", output_index=self.index, item=self.value("in_progress"))

    def say(self, kind: str, text: str, logprobs: list[Json]) -> None:
        """More of a text or a refusal."""
        part = self._part(kind)
        self.said.append(text)
        told: Json = {}
        if kind == "output_text":
            told["logprobs"] = logprobs
            part.setdefault("logprobs", []).extend(logprobs)
        self.emit(f"response.{kind}.delta", **self._place(), delta=text, **told)

    def cite(self, annotation: Json) -> None:
        """A citation in the text."""
        cited = self._part("output_text")["annotations"]
        cited.append(annotation)
        self.emit(
            "response.output_text.annotation.added",
            **self._place(),
            annotation_index=len(cited) - 1,
            annotation=annotation,
        )

    def _part(self, kind: str) -> Json:
        if self.parts and self.parts[-1]["type"] == kind:
            return self.parts[-1]
        self._close_part()
        name = "text" if kind == "output_text" else "refusal"
        part: Json = {"type": kind, name: ""}
        if kind == "output_text":
            part["annotations"] = []
        self.parts.append(part)
        self.emit("response.content_part.added", **self._place(), part=part)
        return part

    def _close_part(self) -> None:
        if not self.parts:
            return
        part, text = self.parts[-1], "".join(self.said)
        self.said.clear()
        told: Json = {"refusal": text}
        if part["type"] == "output_text":
            told = {"text": text, "logprobs": part.get("logprobs", [])}
        part.update(told)
        self.emit(f"response.{part['type']}.done", **self._place(), **told)
        self.emit("response.content_part.done", **self._place(), part=part)

    def _place(self) -> Json:
        return {"item_id": self.id, "output_index": self.index, "content_index": len(self.parts) - 1}

    def close(self, status: Status) -> Json:
        """It is whole, or cut off."""
        self._close_part()
        item = self.value(status)
        self.emit("response.output_item.done", output_index=self.index, item=item)
        return item

    def value(self, status: Status) -> Json:
        """The item so far."""
        return {
            "id": self.id,
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": self.parts,
        }


@dataclass(slots=True)
class Call:
    """A call of a function, or of a custom tool: it may wait with its fragments until it can begin.

    origin: its name in its namespace. client: the item that it is, if the client runs that tool itself.
    """

    emit: Callable[..., None]
    kind: str
    call_id: str
    name: str = ""
    text: list[str] = field(default_factory=list)
    index: int = -1
    id: str = ""
    closed: bool = False
    origin: Json = field(default_factory=dict)
    client: ClientCall | None = None

    @property
    def prefix(self) -> str:
        """Of its id."""
        return self.client.kind if self.client else CALLS[self.kind][3]

    @property
    def is_whole(self) -> bool:
        """Whether no more can come: only the arguments of a function say so themselves."""
        text = "".join(self.text)
        if self.kind == "custom" or not text.rstrip().endswith("}"):
            return False
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            return False
        return True

    def begin(self) -> None:
        """It is added; what has waited is told. One that the client runs is added once it is whole."""
        if self.client is not None:
            return
        waited, self.text = "".join(self.text), []
        self.emit("response.output_item.added", output_index=self.index, item=self.value("in_progress"))
        if waited:
            self.say(waited)

    def say(self, text: str) -> None:
        """More of the arguments or the input."""
        self.text.append(text)
        if self.index >= 0 and not self.closed and self.client is None:
            place = {"item_id": self.id, "output_index": self.index}
            self.emit(f"response.{CALLS[self.kind][2]}.delta", **place, delta=text)

    def close(self, status: Status) -> Json:
        """It is whole, or cut off."""
        if not self.text and status == "completed" and self.kind == "function":
            self.say("{}")
        self.closed = True
        item = self.value(status)
        if self.client is not None:
            begun = {**item, "status": "in_progress"}
            self.emit("response.output_item.added", output_index=self.index, item=begun)
        else:
            _, name, event, _ = CALLS[self.kind]
            place = {"item_id": self.id, "output_index": self.index}
            self.emit(f"response.{event}.done", **place, **{name: item[name]})
        self.emit("response.output_item.done", output_index=self.index, item=item)
        return item

    def value(self, status: Status) -> Json:
        """The item so far."""
        text = "".join(self.text)
        head = {"id": self.id, "status": status, "call_id": self.call_id}
        if self.client is not None:
            return {"type": self.client.kind, **head, **client_item(self.client, text)}
        kind, name, *_ = CALLS[self.kind]
        return {"type": kind, **head, "name": self.name, **self.origin, name: text}


@dataclass(slots=True)
class Picture:
    """A picture the model made, as OpenAI's own tool for that tells it. url: a data URL, or where it is."""

    emit: Callable[..., None]
    index: int
    id: str
    url: str

    def begin(self) -> None:
        """It is added."""
        self.emit("response.output_item.added", output_index=self.index, item=self.value("in_progress"))

    def close(self, status: Status) -> Json:  # noqa: ARG002 - a picture comes whole
        """It is whole."""
        item = self.value("completed")
        place = {"item_id": self.id, "output_index": self.index}
        self.emit("response.image_generation_call.completed", **place)
        self.emit("response.output_item.done", output_index=self.index, item=item)
        return item

    def value(self, status: Status) -> Json:
        """The item so far."""
        result = self.url.partition(";base64,")[2] or self.url
        is_whole = status == "completed"
        return {
            "id": self.id,
            "type": "image_generation_call",
            "status": status,
            "result": result if is_whole else None,
        }


Item = Reasoning | Message | Call | Picture

# ------------------------------------------------------------------------------------------ tables

CALLS = {
    "function": ("function_call", "arguments", "function_call_arguments", "fc"),
    "custom": ("custom_tool_call", "input", "custom_tool_call_input", "ctc"),
}
"""The chat form's word for a call → its item's type, names of its text and of its events, its id's prefix."""
