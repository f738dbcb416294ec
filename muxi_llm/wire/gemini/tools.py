"""Gemini, ours → theirs: tools, and schemas as Gemini reads them.

Sources: https://ai.google.dev/gemini-api/docs/function-calling and, for what is read of a JSON schema,
`responseJsonSchema` at https://ai.google.dev/api/generate-content#generationconfig.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.errors import UnsupportedParameterError, shown
from muxi_llm.wire.anthropic.tools import shortened
from muxi_llm.wire.requesting import chosen, told_name, tools_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json, Ledger


class Tools:
    """Translates one request's tools. names: those it had to shorten, back to the caller's. legacy: whether
    the caller gave `functions`. has_functions: whether there is anything to call.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self.names: dict[str, str] = {}
        self.legacy = False
        self.has_functions = False
        self._strict = False

    def encode(self, body: Mapping[str, Any], out: Json) -> None:
        """Put the tools of *body*, and how they may be called, into *out*."""
        self.legacy = bool(body.get("functions"))
        tools = tools_of(body, self._definition)
        functions = [tool for tool in tools if "name" in tool]
        native = [tool for tool in tools if "name" not in tool]
        if body.get("web_search_options") is not None:
            native.append({"googleSearch": {}})
            self._ledger.moved("web_search_options", "Gemini's search is a tool, and has no such options")
        self.has_functions = bool(functions)
        if functions:
            native.append({"functionDeclarations": functions})
        if native:
            out["tools"] = native
        calling = self._calling(body.get("tool_choice") or body.get("function_call"))
        if calling:
            out["toolConfig"] = {"functionCallingConfig": calling}
        if body.get("parallel_tool_calls") is False and functions:
            self._ledger.dropped("parallel_tool_calls", "Gemini calls as many functions as it wants")

    def name(self, name: str) -> str:
        """*name* as Gemini takes it: a letter or an underscore first."""
        short = shortened(name if name[:1].isalpha() or name[:1] == "_" else f"_{name}", 64)
        if short != name:
            self.names[short] = name
        return short

    def _definition(self, tool: Json, at: str) -> Json:
        if "custom" in tool:
            raise UnsupportedParameterError(f"{at}: Gemini's functions take JSON, not free text", param=at)
        if tool.get("type") != "function":
            return dict(tool)  # Gemini's own form: googleSearch, codeExecution, urlContext, ...
        function = tool["function"]
        name = function["name"]
        out: Json = {"name": told_name(name, self.name(name), at, self._ledger)}
        if function.get("description"):
            out["description"] = function["description"]
        if function.get("parameters"):
            out["parametersJsonSchema"] = gemini_schema(function["parameters"], self._ledger, at)
        self._strict = self._strict or bool(function.get("strict"))
        return out

    def _calling(self, choice: Any) -> Json | None:
        mode, names = chosen(choice)
        if not self.has_functions:
            if mode not in {"auto", "none"}:
                self._ledger.dropped("tool_choice", "there are no functions to choose from")
            return None
        # The mode that keeps arguments to their schema, and still lets it answer in words.
        kind = "ANY" if mode == "required" else "VALIDATED"
        if names is not None:
            return {"mode": kind, "allowedFunctionNames": [self.name(name) for name in names]}
        if mode == "auto":
            return {"mode": kind} if self._strict else None
        if mode in MODES:
            return {"mode": MODES[mode]}
        self._ledger.dropped("tool_choice", f"{shown(mode)} has no counterpart at Gemini")
        return None


# ----------------------------------------------------------------------------------------- schemas


def gemini_schema(schema: Json, ledger: Ledger, param: str) -> Json:
    """A copy of *schema* in the part of JSON schema that Gemini reads."""
    lost: set[str] = set()
    kept: Json = _read(schema, lost)
    if lost:
        ledger.dropped(param, f"schema keywords not enforced there: {', '.join(sorted(lost))}")
    return kept


def _read(node: Any, lost: set[str]) -> Any:
    if node is True:
        return {}
    if not isinstance(node, dict):
        return node
    node = _by_rules(node, lost)
    out: Json = {}
    for key, value in node.items():
        if key in NAMED and isinstance(value, dict):
            out[key] = {name: _read(sub, lost) for name, sub in value.items()}
        elif key in SCHEMAS:
            out[key] = [_read(sub, lost) for sub in value] if isinstance(value, list) else _read(value, lost)
        elif key in KEPT:
            out[key] = value
        elif key not in SILENT:
            lost.add(key)
    return out


def _by_rules(node: Json, lost: set[str]) -> Json:
    """What Gemini has other words for, said in them."""
    node = {RENAMED.get(key, key): value for key, value in node.items()}
    parts = node.pop("allOf", None)
    for part in parts or ():
        if len(parts) == 1 and isinstance(part, dict):
            node = {**part, **node}
        else:
            lost.add("allOf")
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if "enum" in node:  # strings and numbers only; a null is told by the type
        named = [value for value in node.pop("enum") if isinstance(value, str | int | float)]
        named = [value for value in named if not isinstance(value, bool)]
        if named:
            node["enum"] = named
    if "$ref" not in node:
        return node
    ref = str(node.pop("$ref")).replace("#/definitions/", "#/$defs/")
    siblings = {key: value for key, value in node.items() if not key.startswith("$") and key not in SILENT}
    if not siblings:
        return {**node, "$ref": ref}
    return {**node, "anyOf": [{"$ref": ref}]}  # beside a reference nothing else may stand


# ------------------------------------------------------------------------------------------ tables

MODES = {"none": "NONE", "required": "ANY"}

RENAMED = {"definitions": "$defs"}
NAMED = {"properties", "$defs"}
SCHEMAS = {"items", "prefixItems", "anyOf", "oneOf", "additionalProperties"}
KEPT = {
    "$id", "$anchor", "$ref", "type", "format", "title", "description", "enum", "minItems", "maxItems",
    "minimum", "maximum", "required", "propertyOrdering",
}  # fmt: skip
SILENT = {
    "$schema",
    "$comment",
    "default",
    "examples",
    "example",
    "deprecated",
    "readOnly",
    "writeOnly",
    "discriminator",
}
"""Keywords without which the same values are valid."""
