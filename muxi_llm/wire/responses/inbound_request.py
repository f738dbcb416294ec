"""OpenAI's Responses wire, inbound: input items as a conversation of chat messages.

What the model did between two other voices is one assistant message: its reasoning, its text, its calls.
Results follow the message that called, wherever they stood among the items. A call without a result, or
a result without a call, is refused in OpenAI's own words: no chat provider would take it either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.errors import InvalidRequestError
from muxi_llm.utils.streaming import merge
from muxi_llm.wire.responses.inbound_tools import NAMES, OUTPUTS, client_call, client_output, flat_name
from muxi_llm.wire.responses.items import decode_content, reasoning_texts, state_of
from muxi_llm.wire.state import OPAQUE, unseal

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from muxi_llm.wire.base import Json, Ledger
    from muxi_llm.wire.responses.inbound_tools import Toolbox


def history_of(request_items: Sequence[Json], output_items: Sequence[Json]) -> list[Json]:
    """A kept response's input and output, as the input of what follows. Its instructions are not carried
    over.
    """
    return [*request_items, *output_items]


class Turn:
    """One message, and the results of its calls. items: what of a model's turn no chat message can say."""

    def __init__(self, message: Json) -> None:
        self.message = message
        self.results: list[Json] = []
        self.items: list[Json] = []
        self.thoughts: list[str] = []
        self.state: Json = {}

    @property
    def has_said(self) -> bool:
        """Whether there is text (or a refusal) already, or a call after it."""
        return self.message["content"] is not None or not self.message.keys() <= {"role", "content"}


class Conversation:
    """Items → messages."""

    def __init__(self, ledger: Ledger, toolbox: Toolbox) -> None:
        self._ledger = ledger
        self._toolbox = toolbox
        self._turns: list[Turn] = []
        self._open: Turn | None = None
        self._called: dict[str, Turn] = {}

    def add(self, item: Json, at: str) -> None:
        """The next item."""
        kind = item.get("type") or "message"
        if kind == "message" and item["role"] != "assistant":
            self._open = None
            content = decode_content(item["content"], f"{at}.content")
            self._turns.append(Turn({"role": item["role"], "content": content}))
        elif kind == "message":
            self._said(item, at)
        elif kind == "reasoning":
            self._thought(item)
        elif kind == "additional_tools":
            self._toolbox.add(item.get("tools") or (), f"{at}.tools")
        elif kind in {"function_call_output", "custom_tool_call_output"} or _is_clients(item, kind, OUTPUTS):
            self._result(item, at)
        elif kind in {"function_call", "custom_tool_call"} or _is_clients(item, kind, NAMES):
            self._call(item)
        elif kind in BUILT_IN:
            self._turn().items.append(item)
            self._ledger.dropped(at, f"{kind}: only OpenAI can be told what its own tools did")
        elif kind in OTHERS:
            self._ledger.dropped(at, f"{kind}: {OTHERS[kind]}")
        else:
            self._refuse(item, kind, at)

    def messages(self) -> list[Json]:
        """All of them."""
        messages = []
        for turn in self._turns:
            if turn.message["role"] == "assistant":
                if not turn.has_said:
                    continue  # cut off before it said anything
                _complete(turn)
            messages += [turn.message, *turn.results]
        return messages

    # -------------------------------------------------------------------------------------- items

    def _turn(self, *, fresh: bool = False) -> Turn:
        if self._open is None or fresh:
            self._open = Turn({"role": "assistant", "content": None})
            self._turns.append(self._open)
        return self._open

    def _said(self, item: Json, at: str) -> None:
        turn = self._turn(fresh=self._open is not None and self._open.has_said)
        parts = item["content"]
        if isinstance(parts, str):
            turn.message["content"] = parts
        else:
            texts = [part["text"] for part in parts if part["type"] != "refusal"]
            refusals = [part["refusal"] for part in parts if part["type"] == "refusal"]
            turn.message["content"] = "".join(texts) if texts else None
            if refusals:
                turn.message["refusal"] = "".join(refusals)
        turn.items.append({"type": "message", **item})  # OpenAI takes it without
        if any(isinstance(part, dict) and part.get("annotations") for part in parts):
            self._ledger.moved(
                f"{at}.content", "citations: only a provider that speaks Responses can be told"
            )

    def _call(self, item: Json) -> None:
        turn = self._turn()
        call_id = item.get("call_id") or item["id"]
        turn.message.setdefault("tool_calls", []).append({"id": call_id, **_made(item)})
        turn.items.append(item)
        self._called[call_id] = turn

    def _result(self, item: Json, at: str) -> None:
        call_id = item.get("call_id") or item["id"]
        turn = self._called.get(call_id)
        if turn is None:
            raise InvalidRequestError(
                f"No tool call found for function call output with call_id {call_id}.", param="input"
            )
        if turn is self._open:
            self._open = None
        if item["type"] == "tool_search_output":
            self._toolbox.add(item.get("tools") or (), f"{at}.tools")
        told = client_output(item) if item["type"] in OUTPUTS else item["output"]
        content = decode_content(told, f"{at}.output")
        turn.results.append({"role": "tool", "tool_call_id": call_id, "content": content})

    def _thought(self, item: Json) -> None:
        turn = self._turn()
        said = "\n\n".join(text for _, _, text in reasoning_texts(item))
        turn.thoughts += [said] if said else []
        state = unseal(item.get("encrypted_content"))
        if state is not None:
            merge(turn.state, state)
        elif item.get("encrypted_content") or item.get("content"):
            turn.items.append(item)

    def _refuse(self, item: Json, kind: str, at: str) -> None:
        if kind == "item_reference":
            raise InvalidRequestError(f"Item with id '{item['id']}' not found.", param=at)
        raise InvalidRequestError(f"{at}.type {kind!r} cannot be said in a chat", param=f"{at}.type")


def _is_clients(item: Json, kind: str, kinds: Container[str]) -> bool:
    """Whether *item* is one of those *kinds*, and the client's own: a search may be OpenAI's."""
    return kind in kinds and (not kind.startswith("tool_search") or item.get("execution") == "client")


def _made(item: Json) -> Json:
    if item["type"] not in {"function_call", "custom_tool_call"}:
        return client_call(item)
    name = flat_name(item["name"], item.get("namespace"))
    if item["type"] == "function_call":
        return {"type": "function", "function": {"name": name, "arguments": item["arguments"]}}
    return {"type": "custom", "custom": {"name": name, "input": item["input"]}}


def _complete(turn: Turn) -> None:
    """Check an assistant's message and give it what only its whole turn tells."""
    message, calls = turn.message, turn.message.get("tool_calls", ())
    answered = {result["tool_call_id"] for result in turn.results}
    for call in calls:
        if call["id"] not in answered:
            raise InvalidRequestError(f"No tool output found for function call {call['id']}.", param="input")
    if turn.thoughts:
        message["reasoning_content"] = "\n\n".join(turn.thoughts)
    if "openai" not in turn.state.get("extra_content", {}):
        message.update(state_of(turn.items))
    extras = turn.state.get("calls", {})
    for call in calls:
        if call["id"] in extras:
            call["extra_content"] = extras[call["id"]]
    merge(message, {name: turn.state.get(name) for name in OPAQUE})


# ------------------------------------------------------------------------------------------ tables

BUILT_IN = {
    "web_search_call",
    "file_search_call",
    "code_interpreter_call",
    "image_generation_call",
    "mcp_list_tools",
    "mcp_call",
    "mcp_approval_request",
    "tool_search_call",
    "tool_search_output",
    "program",
    "program_output",
}
"""What OpenAI's own tools did inside a turn: nothing in it waits for an answer."""

OTHERS = {
    "mcp_approval_response": "a chat has no servers of tools to let",
    "configuration_update": "a chat cannot change what it was asked with on its way",
    "compaction": "only OpenAI can read what it has sealed",
    "compaction_trigger": "a chat is not made shorter by whom it is sent to",
}
"""Items of a client that no chat has room for, and why."""
