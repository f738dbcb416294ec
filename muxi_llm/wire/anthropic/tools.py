"""Anthropic Messages, ours → theirs: tools, and what reading the reply must know about them.

Source: https://docs.anthropic.com/en/docs/agents-and-tools/tool-use/overview.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError, shown
from muxi_llm.wire.json_schema import closed_schema
from muxi_llm.wire.requesting import told_name, tools_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.anthropic.parts import Parts
    from muxi_llm.wire.anthropic.thinking import ClaudeProfile
    from muxi_llm.wire.base import Json, Ledger


class Tools:
    """Translates one request's tools.

    names: the tool names it had to shorten, back to the caller's. forced: the tool that stands for a
    JSON schema, if one does. legacy: whether the caller gave `functions`.
    """

    def __init__(self, model: str, ledger: Ledger, profile: ClaudeProfile, parts: Parts) -> None:
        self._model = model
        self._ledger = ledger
        self._profile = profile
        self._parts = parts
        self.names: dict[str, str] = {}
        self.forced: str | None = None
        self.legacy = False

    def definitions(self, body: Mapping[str, Any]) -> list[Json]:
        """The tools of *body*, in the order given."""
        if body.get("functions"):
            self.legacy = True
        return tools_of(body, self._definition)

    def encode(self, body: Mapping[str, Any], out: Json, tools: list[Json]) -> None:
        """Put *tools* and how they may be called into *out*, whose messages are there already."""
        choice = self._choice(body.get("tool_choice") or body.get("function_call"))
        if not tools:
            self._define_earlier(out, choice)
            return
        out["tools"] = tools
        if body.get("parallel_tool_calls") is False or self.legacy:  # the legacy form holds one call
            choice = choice or {"type": "auto"}
            if choice["type"] != "none":
                choice["disable_parallel_tool_use"] = True
        if choice:
            out["tool_choice"] = choice

    def force(self, spec: Json, schema: Json, out: Json) -> None:
        """Ask for an answer of *schema* as the input of a tool that must be called."""
        self.forced = shortened(spec.get("name") or "answer", 64)
        description = spec.get("description") or "Gives the answer in the required form."
        out["tools"] = [{"name": self.forced, "description": description, "input_schema": schema}]
        out["tool_choice"] = {"type": "tool", "name": self.forced}
        self._ledger.changed("response_format", f"asked of {self._model} as a forced tool call", loss=False)

    def name(self, name: str) -> str:
        """*name* as Anthropic takes it."""
        short = shortened(name, 64)
        if short != name:
            self.names[short] = name
        return short

    def _definition(self, tool: Json, at: str) -> Json:
        if "custom" in tool:
            raise UnsupportedParameterError(f"{at}: Anthropic's tools take JSON, not free text", param=at)
        if tool.get("type", "function") != "function" or "input_schema" in tool:
            return self._parts.mark(dict(tool), tool)  # Anthropic's own form, its server tools among them
        function = tool.get("function") or tool
        name = function["name"]
        out: Json = {"name": told_name(name, self.name(name), at, self._ledger)}
        if function.get("description"):
            out["description"] = function["description"]
        out["input_schema"] = {"type": "object", **(function.get("parameters") or {"properties": {}})}
        if function.get("strict") and self._profile.json_schema_support is False:
            self._ledger.dropped(f"{at}.function.strict", f"{self._model} cannot enforce a schema")
        elif function.get("strict"):
            out["strict"] = True
            out["input_schema"] = closed_schema(out["input_schema"], self._ledger, at)
        return self._parts.mark(out, tool)

    def _define_earlier(self, out: Json, choice: Json | None) -> None:
        """No tools now, but maybe calls in the history, which Anthropic refuses without their tools."""
        if choice and choice["type"] not in {"auto", "none"}:
            self._ledger.dropped("tool_choice", "there are no tools to choose from")
        blocks = (block for turn in out["messages"] for block in turn["content"])
        names = dict.fromkeys(block["name"] for block in blocks if block["type"] == "tool_use")
        if names:
            out["tools"] = [{"name": name, "input_schema": {"type": "object"}} for name in names]
            out["tool_choice"] = {"type": "none"}
            self._ledger.added("tools", "the tools of earlier calls, which Anthropic wants defined")

    def _choice(self, choice: Any) -> Json | None:
        if choice is None:
            return None
        if isinstance(choice, str):
            choice = {"type": choice}
        name = (choice.get("function") or choice.get("custom") or choice).get("name")
        if name is None and choice.get("type") not in TOOL_CHOICES:
            self._ledger.dropped(
                "tool_choice", f"{shown(choice.get('type'))} has no counterpart at Anthropic"
            )
            return None
        kind = "tool" if name is not None else TOOL_CHOICES[choice["type"]]
        if kind in {"any", "tool"} and not self._profile.forced_tools:
            self._ledger.changed(
                "tool_choice", f"{self._model} cannot be made to call a tool; sent as 'auto'"
            )
            return {"type": "auto"}
        return {"type": kind} if name is None else {"type": kind, "name": self.name(name)}


def shortened(name: str, limit: int) -> str:
    """*name* in Anthropic's alphabet and length; a hash keeps different names different."""
    clean = UNSAFE.sub("_", name)
    if clean == name and len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{clean[: limit - 9]}_{digest}"


# ------------------------------------------------------------------------------------------ tables

UNSAFE = re.compile(r"[^a-zA-Z0-9_-]")

TOOL_CHOICES = {"auto": "auto", "required": "any", "none": "none", "any": "any"}
