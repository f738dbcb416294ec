"""Cohere's chat wire, ours → theirs: the request half of `chat`.

Sources: https://docs.cohere.com/reference/chat, https://docs.cohere.com/v2/docs/tool-use-overview,
.../reasoning, .../structured-outputs. The caller's objects are read, never changed. Order of the file:
messages, tools, parameters, `settle`; tables last.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError, shown, shown_error
from muxi_llm.wire.anthropic.thinking import BUDGETS
from muxi_llm.wire.json_schema import closed_schema, json_instruction
from muxi_llm.wire.reading import SENSELESS
from muxi_llm.wire.requesting import RAW_ARGUMENTS, arguments_of, check, chosen, drop_others, stops_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from muxi_llm.wire.base import Json, Ledger, Profile


class ChatRequest:
    """Translates one request. legacy: whether the caller gave `functions`, and is answered in that form."""

    def __init__(self, model: str, ledger: Ledger, profile: Profile) -> None:
        self.model = model
        self.ledger = ledger
        self.profile = profile
        self.legacy = False
        self._calls = 0
        self._unanswered: deque[str] = deque()

    def encode(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        """The whole body. What Cohere has no room for goes to the ledger; `n` above 1 is refused."""
        check(body, "Cohere")
        out: Json = {"model": self.model, "messages": self._messages(body["messages"]), "stream": stream}
        self._tools(body, out)
        out.update({PARAMETERS[name]: body[name] for name in PARAMETERS if body.get(name) is not None})
        if body.get("stop"):
            out["stop_sequences"] = stops_of(body)
        self._format(body.get("response_format") or {}, out)
        if body.get("reasoning_effort") is not None:
            self._think(body["reasoning_effort"], out)
        drop_others(body, TRANSLATED, self.ledger, "Cohere's chat has no such parameter")
        return out

    # ---------------------------------------------------------------------------------- messages

    def _messages(self, messages: Iterable[Mapping[str, Any]]) -> list[Json]:
        turns = []
        for index, message in enumerate(messages):
            at = f"messages[{index}]"
            try:
                turn = self._message(message, at)
            except SENSELESS as error:
                raise InvalidRequestError(
                    f"{at} is not a chat message: {shown_error(error)}", param=at
                ) from error
            if turn is None:
                self.ledger.dropped(at, "an empty assistant message", loss=False)
            else:
                turns.append(turn)
        return turns

    def _message(self, message: Mapping[str, Any], at: str) -> Json | None:
        role = message["role"]
        if role == "assistant":
            return self._assistant(message, at)
        content = _content(message.get("content"), at)
        if role not in {"tool", "function"}:
            return {"role": role, "content": content}
        call_id = message.get("tool_call_id")
        if not call_id and not self._unanswered:
            raise InvalidRequestError(f"{at}.tool_call_id is missing", param=f"{at}.tool_call_id")
        return {"role": "tool", "tool_call_id": call_id or self._unanswered.popleft(), "content": content}

    def _assistant(self, message: Mapping[str, Any], at: str) -> Json | None:
        out: Json = {"role": "assistant"}
        content = _content(message.get("content") or message.get("refusal"), at)
        if content:
            out["content"] = content
        calls = list(message.get("tool_calls") or ())
        if message.get("function_call"):
            calls.append({"function": message["function_call"]})
        thought = message.get("reasoning_content") or message.get("reasoning")
        if calls:
            out["tool_calls"] = [self._call(call, f"{at}.tool_calls[{i}]") for i, call in enumerate(calls)]
            if thought:
                out["tool_plan"] = thought
        elif thought:
            self.ledger.dropped(
                f"{at}.reasoning_content",
                "Cohere goes on from the thoughts before a tool call only",
                loss=False,
            )
        return out if len(out) > 1 else None

    def _call(self, call: Mapping[str, Any], at: str) -> Json:
        function = call.get("function") or call["custom"]
        arguments = self._arguments(function.get("arguments", function.get("input")), at)
        return {
            "id": call.get("id") or self._next_id(),
            "type": "function",
            "function": {"name": function["name"], "arguments": arguments},
        }

    def _next_id(self) -> str:
        """For a call without one (the `function_call` form, some local servers): results come in order."""
        self._calls += 1
        self._unanswered.append(f"muxi_call_{self._calls}")
        return self._unanswered[-1]

    def _arguments(self, given: object, at: str) -> str:
        """A JSON object as text; as it came where it is one."""
        arguments = arguments_of(given, at, self.ledger)
        is_object = isinstance(given, str) and given and RAW_ARGUMENTS not in arguments
        return str(given) if is_object else orjson.dumps(arguments).decode()

    # ------------------------------------------------------------------------------------- tools

    def _tools(self, body: Mapping[str, Any], out: Json) -> None:
        given = list(body.get("tools") or ())
        if body.get("functions"):
            self.legacy = True
            given += [{"function": function} for function in body["functions"]]
        tools = [self._tool(tool, f"tools[{index}]") for index, tool in enumerate(given)]
        if any(tool["function"].get("strict") for tool in given):
            out["strict_tools"] = True
        self._choose(body.get("tool_choice") or body.get("function_call"), tools, out)

    def _tool(self, tool: Mapping[str, Any], at: str) -> Json:
        function = tool.get("function")
        if not isinstance(function, dict) or not function.get("name"):
            raise UnsupportedParameterError(f"{at}: Cohere's tools are functions with a name", param=at)
        parameters = function.get("parameters") or {"type": "object", "properties": {}}
        if function.get("strict"):
            parameters = closed_schema(parameters, self.ledger, at)
        kept = {name: function[name] for name in ("name", "description") if function.get(name)}
        return {"type": "function", "function": {**kept, "parameters": parameters}}

    def _choose(self, choice: Any, tools: list[Json], out: Json) -> None:
        """Cohere can be made to call some tool or none, not a certain one: only that one is sent then."""
        mode, names = chosen(choice)
        if not tools or mode not in TOOL_CHOICES:
            if mode not in {"auto", "none"}:
                why = (
                    "there are no tools to choose from"
                    if not tools
                    else f"{shown(choice)} is unknown to Cohere"
                )
                self.ledger.dropped("tool_choice", why)
        elif TOOL_CHOICES[mode] is not None:
            out["tool_choice"] = TOOL_CHOICES[mode]
        kept = [tool for tool in tools if names is None or tool["function"]["name"] in names]
        if len(kept) < len(tools):
            if not kept:
                raise InvalidRequestError("tool_choice names none of the tools", param="tool_choice")
            why = "Cohere chooses among all tools it is given; only the chosen ones are sent"
            self.ledger.changed("tool_choice", why, loss=False)
        if kept:
            out["tools"] = kept

    # -------------------------------------------------------------------------------- parameters

    def _format(self, wanted: Mapping[str, Any], out: Json) -> None:
        if wanted.get("type") not in {"json_object", "json_schema"}:
            return
        out["response_format"] = {"type": "json_object"}
        schema = wanted.get("json_schema", {}).get("schema")
        if schema:
            out["response_format"]["json_schema"] = closed_schema(schema, self.ledger, "response_format")

    def _think(self, effort: str, out: Json) -> None:
        if self.profile.thinking == "none":
            self.ledger.dropped("reasoning_effort", f"{self.model} does not think", loss=effort != "none")
        elif effort == "none":
            out["thinking"] = {"type": "disabled"}
        else:  # above the budgets there are, none: as much as the model wants
            budget = {"token_budget": BUDGETS[effort]} if effort in BUDGETS else {}
            out["thinking"] = {"type": "enabled", **budget}


def settle(body: Json, ledger: Ledger) -> None:
    """Make *body* consistent, in place: Cohere enforces JSON only without tools and documents."""
    if "top_k" in body:
        body["k"] = body.pop("top_k")
    wanted = body.get("response_format")
    if wanted and (body.get("tools") or body.get("documents")):
        del body["response_format"]
        words = {"role": "system", "content": json_instruction(wanted.get("json_schema"))}
        body["messages"] = [words, *body["messages"]]
        why = "Cohere enforces no JSON beside tools or documents; asked for in a system message"
        ledger.changed("response_format", why)


def _content(content: Any, at: str) -> str | list[Json]:
    """Content as Cohere takes it, without the empty text that it refuses."""
    if content is None or isinstance(content, str):
        return content or ""
    parts = [_part(part, f"{at}.content[{index}]") for index, part in enumerate(content)]
    return [part for part in parts if part.get("text") != ""]


def _part(part: Mapping[str, Any], at: str) -> Json:
    kind = part["type"]
    if kind in {"text", "refusal"}:
        return {"type": "text", "text": part[kind] or ""}
    if kind == "image_url":
        image = part["image_url"]
        return {"type": "image_url", "image_url": {"url": image} if isinstance(image, str) else dict(image)}
    raise UnsupportedParameterError(f"{at}.type {kind!r} has no counterpart in Cohere's chat", param=at)


# ------------------------------------------------------------------------------------------ tables

TOOL_CHOICES = {"auto": None, "none": "NONE", "required": "REQUIRED"}

PARAMETERS = {
    "max_tokens": "max_tokens",
    "max_completion_tokens": "max_tokens",
    "temperature": "temperature",
    "top_p": "p",
    "seed": "seed",
    "frequency_penalty": "frequency_penalty",
    "presence_penalty": "presence_penalty",
    "logprobs": "logprobs",
}
"""Ours → theirs; of two names for one thing the later row wins."""

TRANSLATED = {
    *PARAMETERS, "messages", "n", "tools", "tool_choice", "functions", "function_call", "stop",
    "response_format", "reasoning_effort", "stream", "stream_options",
}  # fmt: skip
