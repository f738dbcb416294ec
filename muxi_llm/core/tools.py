"""The tools of a request as one candidate takes them, and its calls as the caller wrote his tools.

A tool of another vendor's is the provider's own of that kind, or a function with a schema, or left out; a
custom tool is a function of one string where there are functions alone; names and schemas are brought into
what the provider accepts. `fitted` gives the request, and the `Calls` that say its answer by the caller's
names and in his forms again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from muxi_llm.models import ChatCompletion, CustomToolCall, DeltaToolCall
from muxi_llm.wire.anthropic.tools import shortened
from muxi_llm.wire.json_schema import any_of, one_root, renamed_keys, with_properties
from muxi_llm.wire.requesting import chosen, told_name
from muxi_llm.wire.tool_kinds import CLIENT_RUN, as_function, kind_of, name_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.core.request import Request
    from muxi_llm.models import ChatCompletionChunk, ChunkChoice
    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Json, Ledger, StreamDecoder


class Shape(NamedTuple):
    """What the caller knows a tool as. keys: its properties' names here → his."""

    name: str
    is_custom: bool = False
    keys: Mapping[str, str] = {}


def fitted(request: Request, provider: Provider, ledger: Ledger) -> tuple[Request, Calls | None]:
    """*request* with tools that *provider* takes; the calls of its answer, if they have to be said anew."""
    if request.mode == "passthrough" or (request.verbatim is not None and provider.verbatim):
        return request, None
    fitting = _Fitting(provider, ledger)
    body = fitting.body(request.body)
    needs = request.needs if body.get("tools") or body.get("functions") else request.needs - {"tools"}
    return request._replace(body=body, needs=needs), Calls(fitting.shapes) if fitting.shapes else None


class _Fitting:
    """One request for one provider. shapes: the tools whose calls must be said anew, by their names there."""

    def __init__(self, provider: Provider, ledger: Ledger) -> None:
        self._provider = provider
        self._ledger = ledger
        self._has_functions = False
        self.shapes: dict[str, Shape] = {}

    def body(self, body: Mapping[str, Any]) -> Json:
        """The body: tools first, then what names them."""
        out = dict(body)
        given = body.get("tools") or []
        self._has_functions = any(tool.get("type") in ("function", "custom") for tool in given)
        fit = [self._tool(tool, f"tools[{index}]") for index, tool in enumerate(given)]
        out["tools"] = [tool for tool in fit if tool is not None]
        self._choose(out)
        if not out["tools"]:
            self._without_tools(out)
        out["messages"] = [self._message(message) for message in body["messages"]]
        return out

    def _without_tools(self, out: Json) -> None:
        """What is about tools is refused where there are none; whoever wanted a call does not get one."""
        del out["tools"]
        for name in ("tool_choice", "parallel_tool_calls"):
            value = out.pop(name, None)
            if value is not None:
                wanted = name == "tool_choice" and value not in ("auto", "none")
                self._ledger.dropped(name, "there are no tools", loss=wanted)

    # -------------------------------------------------------------------------------------- tools

    def _tool(self, tool: Json, at: str) -> Json | None:
        function = tool.get("function")
        if isinstance(function, dict):
            made = self._function(function, at)
            return tool if made is function else {**tool, "function": made}
        name = name_of(tool)
        if name == "function" or ("input_schema" in tool and not self._provider.anthropic_blocks_support):
            return {"type": "function", "function": self._function(_nested(tool), at)}
        if "input_schema" in tool or re.fullmatch(self._provider.own_tools, name):
            return tool
        return self._other(tool, name, at)

    def _other(self, tool: Json, name: str, at: str) -> Json | None:
        """A tool in another vendor's words."""
        kind = kind_of(name)
        if kind == "custom" and isinstance(tool.get("custom"), dict):
            self._ledger.changed(
                at, f"{self._provider.name} has functions alone; one of a single string", loss=False
            )
            return self._custom(tool["custom"], at)
        if kind in CLIENT_RUN:
            self._ledger.changed(
                at, f"{name} is run by the caller; sent as a function with its schema", loss=False
            )
            return {"type": "function", "function": self._function(as_function(tool, kind), at)}
        here = self._provider.server_tools.get(kind or "")
        if here is not None and not (self._has_functions and self._provider.server_tools_alone):
            options = sorted(tool.keys() - {"type", "name"})
            self._ledger.moved(at, f"{name} sent as {name_of(here)}", loss=bool(options) and name[0] != ".")
            return {**here}
        if kind is None:
            return tool  # the provider's own, for all anybody here knows
        self._ledger.dropped(at, f"{self._provider.name} has no {name} tool")
        return None

    def _function(self, function: Json, at: str) -> Json:
        name, parameters = function.get("name"), function.get("parameters")
        keys: dict[str, str] = {}
        made = dict(function)
        if isinstance(parameters, dict):
            made["parameters"], keys = self._parameters(parameters, at, strict=bool(function.get("strict")))
        if isinstance(name, str):
            made["name"] = told_name(name, self._name(name), at, self._ledger)
            if keys or made["name"] != name:
                self.shapes[made["name"]] = Shape(name, keys=keys)
        return made if made != function else function

    def _name(self, name: str) -> str:
        fits = not self._provider.tool_names or re.fullmatch(self._provider.tool_names, name)
        return name if fits else shortened(name, 64)

    def _parameters(self, schema: Json, at: str, *, strict: bool) -> tuple[Json, dict[str, str]]:
        provider, keys = self._provider, dict[str, str]()
        if provider.one_root_schemas:
            schema, lost = one_root(schema)
            if lost:
                self._ledger.dropped(
                    f"{at}.function.parameters", f"no {', '.join(lost)} at the top of a schema"
                )
        if provider.property_names:
            fits = re.compile(provider.property_names)
            schema, keys = renamed_keys(schema, fits, lambda key: shortened(key, 64))
        if provider.whole_schemas:
            schema = with_properties(any_of(schema) if strict else schema)
        return schema, keys

    def _custom(self, custom: Json, at: str) -> Json:
        """A function of one string; a grammar is asked for in words."""
        name = told_name(custom["name"], self._name(custom["name"]), at, self._ledger)
        self.shapes[name] = Shape(custom["name"], is_custom=True)
        told = [custom.get("description") or "", *_grammar(custom.get("format"))]
        function: Json = {"name": name, "description": "\n\n".join(text for text in told if text)}
        return {"type": "function", "function": {**function, "parameters": ONE_STRING}}

    # ----------------------------------------------------------------- what names them

    def _choose(self, out: Json) -> None:
        choice: Any = out.get("tool_choice")
        kind = choice.get("type") if isinstance(choice, dict) else None
        if not isinstance(kind, str):
            return
        if kind == "allowed_tools":
            self._allow(choice, out)
        elif kind in {"function", "custom"}:
            names = chosen(choice)[1] or [""]
            out["tool_choice"] = self._reference(choice, names[0])
        elif kind_of(kind) is not None and not re.fullmatch(self._provider.own_tools, kind):
            self._ledger.dropped("tool_choice", f"{self._provider.name} has no {kind} tool to choose")
            del out["tool_choice"]

    def _allow(self, choice: Json, out: Json) -> None:
        mode, names = chosen(choice)
        short = [self._name(name) for name in names or () if name]
        if self._provider.allowed_tools_support:
            tools = [self._reference(tool, _named(tool)) for tool in choice["allowed_tools"]["tools"]]
            out["tool_choice"] = {**choice, "allowed_tools": {**choice["allowed_tools"], "tools": tools}}
            return
        self._ledger.moved("tool_choice", "those allowed are the only ones sent")
        out["tools"] = [tool for tool in out["tools"] if _named(tool) in short]
        out["tool_choice"] = mode

    def _reference(self, tool: Json, name: Any) -> Json:
        """What refers to the tool called *name*, as that is called and formed here."""
        short = self._name(name) if isinstance(name, str) else name
        shape = self.shapes.get(short)
        return tool if shape is None else {"type": "function", "function": {"name": short}}

    def _message(self, message: Json) -> Json:
        calls = message.get("tool_calls")
        if not calls:
            return message
        return {**message, "tool_calls": [self._call(call) for call in calls]}

    def _call(self, call: Json) -> Json:
        custom = call.get("custom")
        if isinstance(custom, dict) and not re.fullmatch(self._provider.own_tools, "custom"):
            rest = {name: value for name, value in call.items() if name != "custom"}
            arguments = orjson.dumps({TEXT: custom.get("input") or ""}).decode()
            return {**rest, "type": "function", "function": {"name": custom["name"], "arguments": arguments}}
        function = call.get("function")
        name = function.get("name") if isinstance(function, dict) else None
        if not isinstance(name, str) or (short := self._name(name)) == name:
            return call
        return {**call, "function": {**call["function"], "name": short}}


def _nested(tool: Json) -> Json:
    """A function that was written flat, in Responses' or Anthropic's form, as the chat form's."""
    function: Json = {name: tool[name] for name in FUNCTION_FIELDS if name in tool}
    return {**function, "parameters": tool["input_schema"]} if "input_schema" in tool else function


def _grammar(form: Any) -> list[str]:
    grammar = form.get("grammar") if isinstance(form, dict) else None
    if not isinstance(grammar, dict):
        return []
    return [f"{TEXT!r} must match this {grammar.get('syntax')} grammar:\n{grammar.get('definition')}"]


def _named(tool: Json) -> Any:
    return (tool.get("function") or tool.get("custom") or tool).get("name")


# ------------------------------------------------------------------------------------------- answers


class Calls:
    """One answer's calls, by the caller's names and in his forms."""

    def __init__(self, shapes: Mapping[str, Shape]) -> None:
        self._shapes = shapes

    def restore(self, value: Any) -> None:
        """Change the calls of *value* in place."""
        for choice in value.choices if isinstance(value, ChatCompletion) else ():
            calls: list[Any] = choice.message.tool_calls or []
            calls[:] = [self._restored(call) for call in calls]

    def _restored(self, call: Any) -> Any:
        function: Any = getattr(call, "function", None)
        shape = None if function is None else self._shapes.get(function.name)
        if shape is None:
            return call
        text = said(shape, function.arguments)
        if not shape.is_custom:
            function.name, function.arguments = shape.name, text
            return call
        rest = call.model_dump(exclude={"function", "type"}, exclude_unset=True)
        custom = {"name": shape.name, "input": text}
        return CustomToolCall.model_validate({**rest, "type": "custom", "custom": custom})

    def decoder(self, inner: StreamDecoder) -> StreamDecoder:
        """*inner*, its chunks restored."""
        return _RestoringDecoder(inner, self._shapes)


class _Held(NamedTuple):
    shape: Shape
    pieces: list[str]


class _RestoringDecoder:
    """A stream's calls: those only named otherwise as they come, the others' text when it is whole."""

    def __init__(self, inner: StreamDecoder, shapes: Mapping[str, Shape]) -> None:
        self._inner = inner
        self._shapes = shapes
        self._held: dict[tuple[int, int], _Held] = {}

    @property
    def over(self) -> bool:
        return self._inner.over

    @property
    def counted(self) -> Any:
        return getattr(self._inner, "counted", None)  # a decoder of somebody else's may count nothing

    def feed(self, data: bytes) -> list[Any]:
        return [self._restored(item) for item in self._inner.feed(data)]

    def finish(self) -> list[Any]:
        return [self._restored(item) for item in self._inner.finish()]

    def _restored(self, item: ChatCompletionChunk | Any) -> Any:
        for choice in getattr(item, "choices", ()):
            deltas = choice.delta.tool_calls
            if deltas:
                kept = [delta for delta in deltas if self._keeps(choice.index, delta)]
                if len(kept) < len(deltas):
                    choice.delta.tool_calls = kept or None
            if choice.finish_reason and self._held:
                self._release(choice)
        return item

    def _keeps(self, answer: int, delta: DeltaToolCall) -> bool:
        """Whether anything of *delta*, changed in place, is told at once."""
        function, place = delta.function, (answer, delta.index)
        if function is None:
            return True
        shape = self._shapes.get(function.name or "")
        if shape is not None:
            function.name = shape.name
            if shape.is_custom or shape.keys:
                self._held[place] = _Held(shape, [])
        held = self._held.get(place)
        if held is None:
            return True
        held.pieces.append(function.arguments or "")
        function.arguments = ""
        if held.shape.is_custom:
            named = {"name": held.shape.name, "input": ""}
            delta.function, delta.type = None, "custom"  # type: ignore[assignment]  # as OpenAI's own would be
            delta.custom = named  # type: ignore[attr-defined]
        return shape is not None

    def _release(self, choice: ChunkChoice) -> None:
        places = sorted(place for place in self._held if place[0] == choice.index)
        whole = [(place[1], self._held.pop(place)) for place in places]
        deltas = [_rest(index, held.shape, "".join(held.pieces)) for index, held in whole]
        if deltas:
            choice.delta.tool_calls = [*(choice.delta.tool_calls or ()), *deltas]


def _rest(index: int, shape: Shape, arguments: str) -> DeltaToolCall:
    text = said(shape, arguments)
    told = {"custom": {"input": text}} if shape.is_custom else {"function": {"arguments": text}}
    return DeltaToolCall.model_validate({"index": index, **told})


def said(shape: Shape, arguments: str) -> str:
    """What a call of *shape* says: the text of a custom tool, the arguments under the caller's names."""
    try:
        given = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return arguments
    if shape.is_custom:
        text = given.get(TEXT) if isinstance(given, dict) else None
        return text if isinstance(text, str) else arguments
    if not shape.keys or not isinstance(given, dict):
        return arguments
    return orjson.dumps({shape.keys.get(key, key): value for key, value in given.items()}).decode()


# ------------------------------------------------------------------------------------------ tables

ABOUT_TOOLS = {"tools", "custom calls"}
"""What a request needs that has tools, or has had."""

FUNCTION_FIELDS = ("name", "description", "parameters", "strict")

TEXT = "input"
ONE_STRING = {
    "type": "object",
    "properties": {TEXT: {"type": "string", "description": "The whole text of the call, as it is."}},
    "required": [TEXT],
    "additionalProperties": False,
}
"""What a custom tool takes, where tools take JSON alone."""
