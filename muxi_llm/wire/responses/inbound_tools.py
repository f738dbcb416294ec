"""OpenAI's Responses wire, inbound: a client's tools as functions of the chat form, and their calls as items.

Tools come with the request, in an `additional_tools` item, or as what a search has found; in a namespace, or
as one of those that the client runs itself (a shell, a patch, a screen, a search for tools). A chat knows
functions and custom tools: `Toolbox` makes one of each, and knows what item a call of it is.
Sources: https://platform.openai.com/docs/api-reference/responses/create and the guides of each tool below
https://platform.openai.com/docs/guides/tools.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from muxi_llm.errors import InvalidRequestError, shown, shown_error
from muxi_llm.wire.reading import SENSELESS
from muxi_llm.wire.responses.items import decode_choice, decode_tool
from muxi_llm.wire.tool_kinds import as_function, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from muxi_llm.wire.base import Json, Ledger


class ClientCall(NamedTuple):
    """An item that is the call of a tool the client runs. field: what it is called with. fixed: what else
    such an item holds.
    """

    kind: str
    field: str
    fixed: Mapping[str, Any]


class Toolbox:
    """One request's tools. origins: what a function was called in its namespace, by its name in the chat.
    items: what kind of item a function's call is, if it is none of a function.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.tools: list[Json] = []
        self.origins: dict[str, Json] = {}
        self.items: dict[str, ClientCall] = {}

    def add(self, tools: Iterable[Json], at: str) -> None:
        """More tools; those in namespaces one by one."""
        if not isinstance(tools, list | tuple):
            raise InvalidRequestError(f"{at} must be a list of tools, not {shown(tools)}", param=at)
        for index, tool in enumerate(tools):
            where = f"{at}[{index}]"
            try:
                self._add(tool, "", where)
            except SENSELESS as error:
                raise InvalidRequestError(
                    f"{where} is not a tool: {shown_error(error)}", param=where
                ) from error

    def _add(self, tool: Json, space: str, at: str) -> None:
        kind = tool["type"]
        if kind == "namespace":
            for index, inner in enumerate(tool.get("tools") or ()):
                self._add(inner, tool["name"], f"{at}.tools[{index}]")
        elif kind in {"function", "custom"}:
            self._callable(tool, space, at)
        elif kind == "tool_search" and tool.get("execution") == "client":
            function = {name: tool[name] for name in ("description", "parameters") if tool.get(name)}
            self._client_run({"name": "tool_search", **function}, CLIENT_CALLS["tool_search"])
        elif kind in CLIENT_CALLS and kind != "tool_search":
            found = kind_of(kind) or ""
            self._ledger.changed(at, f"{kind} is run by the client; a function with its schema", loss=False)
            self._client_run(as_function({"name": kind}, found), CLIENT_CALLS[kind])
        else:
            self.tools.append(tool)

    def _callable(self, tool: Json, space: str, at: str) -> None:
        name = flat_name(tool["name"], space)
        if space:
            self.origins[name] = {"name": tool["name"], "namespace": space}
        for field, loss in ABOUT_LOADING.items():
            if tool.get(field):
                self._ledger.dropped(f"{at}.{field}", "the chat form has no counterpart", loss=loss)
        rest = {field: value for field, value in tool.items() if field not in ABOUT_LOADING}
        made = decode_tool({**rest, "name": name})
        named = [_name(other) for other in self.tools]
        if name in named:  # loaded again: the later one is meant
            self.tools[named.index(name)] = made
        else:
            self.tools.append(made)

    def _client_run(self, function: Json, item: ClientCall) -> None:
        self.items[function["name"]] = item
        self.tools.append({"type": "function", "function": function})

    def choice(self, choice: Any) -> Any:
        """`tool_choice`, by the names of the chat."""
        kind = choice.get("type") if isinstance(choice, dict) else None
        if kind in CLIENT_CALLS:
            return {"type": "function", "function": {"name": kind}}
        if kind == "allowed_tools":
            return decode_choice({**choice, "tools": [_flat(tool) for tool in choice["tools"]]})
        return decode_choice(_flat(choice) if isinstance(choice, dict) else choice)


def flat_name(name: str, space: str | None) -> str:
    """The name in the chat of a tool in a namespace."""
    return f"{space.rstrip('_')}__{name}" if space else name


def _flat(tool: Json) -> Json:
    rest = {name: value for name, value in tool.items() if name != "namespace"}
    return {**rest, "name": flat_name(tool["name"], tool.get("namespace"))} if "name" in tool else rest


def _name(tool: Json) -> Any:
    return (tool.get("function") or tool.get("custom") or {}).get("name")


# ------------------------------------------------------------------------------ calls as items, and back


def client_item(call: ClientCall, arguments: str) -> Json:
    """The fields by which an item tells what the client is asked to run."""
    try:
        given = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        given = {}  # cut off: the item's status says so
    return {
        **call.fixed,
        call.field: {**call.fixed.get(call.field, {}), **given} if isinstance(given, dict) else {},
    }


def client_call(item: Json) -> Json:
    """An item that is such a call → the call of a function in the chat."""
    call = CLIENT_CALLS[NAMES[item["type"]]]
    given = item.get(call.field) or {}
    arguments = given if isinstance(given, str) else orjson.dumps(given).decode()
    return {"type": "function", "function": {"name": NAMES[item["type"]], "arguments": arguments}}


def client_output(item: Json) -> Any:
    """What the client has to say of such a call → a tool's result in the chat, in Responses' parts."""
    if item["type"] == "tool_search_output":
        found = ", ".join(_found(tool) for tool in item.get("tools") or ())
        return f"Now available: {found}" if found else "Nothing was found."
    output = item.get("output")
    if isinstance(output, dict):
        return [{"type": "input_image", **{n: output[n] for n in ("image_url", "file_id") if output.get(n)}}]
    if isinstance(output, list):
        return orjson.dumps(output).decode()
    return output or item.get("status") or ""


def _found(tool: Json) -> str:
    if tool.get("type") != "namespace":
        return str(tool.get("name"))
    return ", ".join(flat_name(str(inner.get("name")), tool["name"]) for inner in tool.get("tools") or ())


# ------------------------------------------------------------------------------------------ tables

CLIENT_CALLS = {
    "tool_search": ClientCall("tool_search_call", "arguments", {"execution": "client"}),
    "local_shell": ClientCall("local_shell_call", "action", {"action": {"type": "exec", "env": {}}}),
    "shell": ClientCall("shell_call", "action", {}),
    "apply_patch": ClientCall("apply_patch_call", "operation", {}),
    "computer": ClientCall("computer_call", "action", {"pending_safety_checks": []}),
    "computer_use_preview": ClientCall("computer_call", "action", {"pending_safety_checks": []}),
}
"""Type of a tool that the client runs → the item that is its call."""

NAMES = {call.kind: name for name, call in reversed(CLIENT_CALLS.items())}

OUTPUTS = {
    "tool_search_output", "local_shell_call_output", "shell_call_output", "apply_patch_call_output",
    "computer_call_output",
}  # fmt: skip

ABOUT_LOADING = {"defer_loading": False, "output_schema": False, "allowed_callers": True, "async": False}
"""What a tool says of when and by whom it may be called (at once, by the model) → whether it is a loss."""
