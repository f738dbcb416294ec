"""Anthropic Messages backwards, the stream: chunks → events.

Theory: an answer is told in content blocks, one after the other, each whole before the next begins, while
chunks may mix fragments of several. Each text, thinking or call is a `Draft`; one draft is open and told as
it comes, the others wait. A draft gives way to the next once nothing can be missing from it: text and
thinking at any time, a call when its arguments are a whole object. The end tells whatever still waits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.utils.streaming import merge
from muxi_llm.wire.anthropic.foreign import sealed, state_in
from muxi_llm.wire.anthropic.inbound_reply import (
    NO_USAGE,
    Ending,
    call_id,
    head_of,
    input_of,
    is_said,
    state_of,
    tell_media,
    usage_of,
)
from muxi_llm.wire.anthropic.reply import RANKS
from muxi_llm.wire.base import dumps_answer

if TYPE_CHECKING:
    from muxi_llm.models import ChatCompletionChunk, ChoiceDelta, CompletionUsage
    from muxi_llm.wire.base import Json, Ledger

LEGACY = -1
"""The place of a `function_call` among the calls."""


@dataclass(slots=True, eq=False)
class Draft:
    """A block as far as it has come: as it begins, and what was added. sealed: nothing more is."""

    block: Json
    fragments: list[str] = field(default_factory=list)
    signature: str = ""
    sealed: bool = False
    told: bool = False
    """Of a call: its arguments are an object and go out as they come."""

    @property
    def kind(self) -> str:
        """The type of the block."""
        kind: str = self.block["type"]
        return kind

    def text(self) -> str:
        """All that was added."""
        return "".join(self.fragments)

    def gives_way(self) -> bool:
        """Whether nothing can be missing."""
        if self.kind != "tool_use":
            return True
        if not self.fragments or not self.fragments[-1].endswith("}"):  # cheap, before the whole is read
            return False
        try:
            orjson.loads(self.text())
        except orjson.JSONDecodeError:
            return False
        return True


class EventEncoder:
    """One stream's events. model: its name in the client's words."""

    def __init__(self, model: str, stops: list[str], ledger: Ledger) -> None:
        self._model = model
        self._ledger = ledger
        self._ending = Ending(stops)
        self._usage: CompletionUsage | None = None
        self._state: Json = {}
        self._sealed: Json = {}
        self._out: list[bytes] = []
        self._message_id = ""
        self._index = -1
        self._open: Draft | None = None
        self._waiting: list[Draft] = []
        self._calls: dict[int, Draft] = {}
        self._said = False
        self._more_answers = False

    def feed(self, chunk: ChatCompletionChunk) -> bytes:
        """The events *chunk* amounts to."""
        if not self._message_id:
            self._start(chunk)
        if chunk.usage and chunk.usage.model_fields_set:  # with, before or after the finish; some say {}
            self._usage = chunk.usage
        for choice in chunk.choices:
            if choice.index:
                self._drop_answer()
                continue
            if choice.finish_reason or choice.model_extra:
                self._ending.see(choice)
            self._delta(choice.delta)
        return self._take()

    def finish(self) -> bytes:
        """The rest: what waits, then why it ended and what it cost."""
        for block in self._state.get("content") or ():
            if block["type"] not in RANKS:  # a server tool's: known only now, so told last
                self._waiting.append(Draft(block, sealed=True))
        if self._sealed:  # known only now, too
            self._waiting.append(Draft(sealed(self._sealed), sealed=True))
        for draft in self._waiting:
            self._begin(draft)
        self._close()
        delta = self._ending.told(called=bool(self._calls))
        if self._state.get("container"):
            delta["container"] = self._state["container"]
        self._event("message_delta", delta=delta, usage=usage_of(self._usage))
        self._event("message_stop")
        return self._take()

    # ------------------------------------------------------------------------------------ chunks

    def _start(self, chunk: ChatCompletionChunk) -> None:
        head = head_of(chunk)
        self._message_id = head["id"]
        empty: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": NO_USAGE}
        self._event("message_start", message={**head, "model": self._model or chunk.model, **empty})

    def _drop_answer(self) -> None:
        if not self._more_answers:
            self._more_answers = True
            self._ledger.dropped("n", "Anthropic's messages hold one answer, the first", loss=False)

    def _delta(self, delta: ChoiceDelta) -> None:
        if delta.model_extra:
            self._extensions(delta)
        if delta.model_extra or delta.tool_calls or delta.get("audio"):
            merge(self._sealed, state_in(delta))
            tell_media(delta, self._ledger)
        if delta.content:
            self._said = True
            self._add("text", delta.content)
        if delta.refusal:
            self._ending.refusal += delta.refusal
            if is_said(self._ending.native) and not self._said:
                self._add("text", delta.refusal)
        for call in delta.tool_calls or ():
            function = call.function
            name, arguments = (function.name, function.arguments) if function else (None, None)
            self._call(call.index, call.id, name, arguments)
        if delta.function_call:
            self._call(LEGACY, None, delta.function_call.name, delta.function_call.arguments)

    def _extensions(self, delta: ChoiceDelta) -> None:
        blocks = delta.thinking_blocks
        for block in blocks or ():
            self._thought(block)
        if not blocks and delta.reasoning_content:
            self._add("thinking", delta.reasoning_content)
        self._state.update(state_of(delta))

    def _thought(self, block: Json) -> None:
        """A block of thinking as the provider has it; its text may have been told already."""
        if block["type"] != "thinking":
            self._wait(Draft(block, sealed=True))
            return
        text, signature = block.get("thinking") or "", block.get("signature")
        if not signature:  # LiteLLM repeats each fragment so, and signs in the end
            if text:
                self._add("thinking", text)
            return
        draft = self._draft("thinking")
        told = draft.text() if draft is not None else ""
        if draft is None or (text and not text.startswith(told)):
            draft, told = Draft({"type": "thinking", "thinking": "", "signature": ""}), ""
        if text[len(told) :]:
            self._append(draft, text[len(told) :])
        draft.signature, draft.sealed = signature, True
        if draft is self._open:
            self._close()
        elif draft not in self._waiting:
            self._wait(draft)

    def _call(self, index: int, made_id: str | None, name: str | None, arguments: str | None) -> None:
        draft = self._calls.get(index)
        if draft is None:
            made_id = made_id or call_id(self._message_id, max(index, 0))
            draft = Draft({"type": "tool_use", "id": made_id, "name": name or "", "input": {}})
            self._calls[index] = draft
            self._waiting.append(draft)
        elif not draft.block["name"]:
            draft.block["name"] = name or ""
        if arguments:
            self._append(draft, arguments)
        self._advance()

    # ------------------------------------------------------------------------------------ drafts

    def _add(self, kind: str, text: str) -> None:
        """More text, or more thinking."""
        draft = self._draft(kind)
        if draft is not None:
            self._append(draft, text)
            return
        signature = {"signature": ""} if kind == "thinking" else {}
        self._wait(Draft({"type": kind, kind: "", **signature}, [text]))

    def _draft(self, kind: str) -> Draft | None:
        """The draft of that kind that can be added to."""
        if self._open is not None and self._open.kind == kind:
            return self._open
        return next((draft for draft in self._waiting if draft.kind == kind and not draft.sealed), None)

    def _wait(self, draft: Draft) -> None:
        self._waiting.append(draft)
        self._advance()

    def _append(self, draft: Draft, text: str) -> None:
        draft.fragments.append(text)
        if draft is self._open:
            self._tell(draft, text)

    def _advance(self) -> None:
        """Open what waits, as far as it may."""
        while self._open is None or self._open.gives_way():
            draft = next((draft for draft in self._waiting if draft.block.get("name") != ""), None)
            if draft is None:
                return
            self._waiting.remove(draft)
            self._begin(draft)

    # ------------------------------------------------------------------------------------ events

    def _begin(self, draft: Draft) -> None:
        self._close()
        self._open = draft
        self._index += 1
        self._event("content_block_start", index=self._index, content_block=draft.block)
        if draft.fragments:
            self._tell(draft, draft.text())
        if draft.sealed:
            self._close()

    def _tell(self, draft: Draft, text: str) -> None:
        kind = draft.kind
        if kind != "tool_use":
            self._fragment(FRAGMENTS[kind], kind, text)
        elif draft.told:
            self._fragment("input_json_delta", "partial_json", text)
        elif draft.text().lstrip()[:1] == "{":
            draft.told = True
            self._fragment("input_json_delta", "partial_json", draft.text())

    def _fragment(self, kind: str, name: str, text: str) -> None:
        self._event("content_block_delta", index=self._index, delta={"type": kind, name: text})

    def _close(self) -> None:
        draft, self._open = self._open, None
        if draft is None:
            return
        if draft.kind == "tool_use" and draft.fragments and not draft.told:
            given = input_of(draft.text())
            if given:
                self._fragment("input_json_delta", "partial_json", dumps_answer(given).decode())
        if draft.signature:
            self._fragment("signature_delta", "signature", draft.signature)
        self._event("content_block_stop", index=self._index)

    def _event(self, kind: str, **fields: Any) -> None:
        self._out.append(event(kind, fields))

    def _take(self) -> bytes:
        out, self._out = self._out, []
        return out[0] if len(out) == 1 else b"".join(out)


def event(kind: str, fields: Json) -> bytes:
    """A server-sent event; its data repeat its name."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), dumps_answer({"type": kind, **fields}))


# ------------------------------------------------------------------------------------------ tables

FRAGMENTS = {"text": "text_delta", "thinking": "thinking_delta"}
