"""Bedrock Converse, ours → theirs: tools, and how they may be called.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ToolConfiguration.html. It has
no "none": tools nobody needs are left out, those of earlier calls must stay and are forbidden in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError, shown
from muxi_llm.wire.anthropic.thinking import ClaudeProfile
from muxi_llm.wire.json_schema import closed_schema
from muxi_llm.wire.requesting import chosen, told_name, tools_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.aws.parts import Parts
    from muxi_llm.wire.aws.reply import ReplyReader
    from muxi_llm.wire.base import Json, Ledger, Profile


class Tools:
    """Translates one request's tools. strict: whether the model enforces a schema."""

    def __init__(
        self, ledger: Ledger, profile: Profile, parts: Parts, reader: ReplyReader, *, strict: bool
    ) -> None:
        self._ledger = ledger
        self._profile = profile
        self._parts = parts
        self._reader = reader
        self._strict = strict

    def definitions(self, body: Mapping[str, Any]) -> list[Json]:
        """The tools of *body*, in the order given."""
        if body.get("functions"):
            self._reader.legacy = True
        return [item for items in tools_of(body, self._marked) for item in items]

    def encode(self, body: Mapping[str, Any], out: Json, tools: list[Json], system: list[Json]) -> Json:
        """Put *tools* and how they may be called into *out*, whose messages are there already.

        Returns the fields for the model itself.
        """
        choice = body.get("tool_choice") or body.get("function_call")
        mode, names = chosen(choice)
        used = _used(out["messages"])
        if tools and mode != "none":
            out["toolConfig"] = {"tools": tools}
            native = self._native_choice(mode, names) if choice else None
            return self._choose(body, native, out["toolConfig"])
        if used:  # Bedrock refuses calls and results in the history without the tools they are of
            out["toolConfig"] = {"tools": tools or [_placeholder(name) for name in used]}
            system.append({"text": NO_CALLS})
            self._ledger.changed("tool_choice", "Converse cannot forbid calls; asked for in words")
        elif tools:
            self._ledger.changed("tools", "Converse cannot forbid calls; left out", loss=False)
        elif mode not in {"none", "auto"}:
            self._ledger.dropped("tool_choice", "there are no tools to choose from")
        return {}

    def _choose(self, body: Mapping[str, Any], native: Json | None, config: Json) -> Json:
        if native:
            config["toolChoice"] = native
        if body.get("parallel_tool_calls") is not False and not self._reader.legacy:
            return {}
        one_call = isinstance(self._profile, ClaudeProfile) and self._strict
        if one_call and (native is None or "auto" in native):
            config.pop("toolChoice", None)  # the field says the same, and Bedrock refuses to hear it twice
            return {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}}
        self._ledger.dropped("parallel_tool_calls", "Converse has no such parameter for this")
        return {}

    def _native_choice(self, mode: str, names: list[str] | None) -> Json | None:
        is_one = mode == "required" and names is not None and len(names) == 1
        if mode not in TOOL_CHOICES or (names is not None and not is_one):
            told = shown(mode) if names is None else f"{shown(mode)} of certain tools"
            self._ledger.dropped("tool_choice", f"{told} has no counterpart in Converse")
            return None
        kind = "tool" if names else TOOL_CHOICES[mode]
        if kind != "auto" and not getattr(self._profile, "forced_tools", True):
            self._ledger.changed("tool_choice", "this model cannot be made to call a tool; sent as 'auto'")
            return {"auto": {}}
        return {kind: {"name": self._reader.short_name(names[0])} if names else {}}

    def _marked(self, tool: Json, at: str) -> list[Json]:
        """The tool *at*, and its cache point if it has one."""
        return [self._definition(tool, at), *self._parts.mark(tool, tool=True)]

    def _definition(self, tool: Json, at: str) -> Json:
        if "toolSpec" in tool or "systemTool" in tool:
            return tool
        if "custom" in tool:
            raise UnsupportedParameterError(f"{at}: Converse's tools take JSON, not free text", param=at)
        if tool.get("type", "function") != "function":
            raise UnsupportedParameterError(f"{at}: Converse has no {tool['type']} tool", param=at)
        function = tool.get("function") or tool
        name = function["name"]
        spec: Json = {"name": told_name(name, self._reader.short_name(name), at, self._ledger)}
        if function.get("description"):
            spec["description"] = function["description"]
        schema = {"type": "object", **(function.get("parameters") or {"properties": {}})}
        if function.get("strict") and self._strict:
            spec["strict"] = True
            schema = closed_schema(schema, self._ledger, at)
        elif function.get("strict"):
            self._ledger.dropped(f"{at}.function.strict", "this model cannot enforce a schema on Bedrock")
        return {"toolSpec": {**spec, "inputSchema": {"json": schema}}}


def _used(turns: list[Json]) -> list[str]:
    """The names of the tools called so far."""
    blocks = (block for turn in turns for block in turn["content"] if "toolUse" in block)
    return list(dict.fromkeys(block["toolUse"]["name"] for block in blocks))


def _placeholder(name: str) -> Json:
    return {"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}}


# ------------------------------------------------------------------------------------------ tables

NO_CALLS = "Do not call any tool now. Answer in words."

TOOL_CHOICES = {"auto": "auto", "required": "any"}
