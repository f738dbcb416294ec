"""Anthropic Messages backwards, the request: a client's body → the chat form.

The inverse of `request`: what is read here is written there as it was, so a conversation may go
to any provider and come back to Claude. Blocks that only Anthropic has stay as they are among the parts;
assistant turns the chat form could not give back ride along verbatim (`extra_content.anthropic.content`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from muxi_llm.errors import shown, shown_error
from muxi_llm.wire.anthropic.blocks import url_of
from muxi_llm.wire.anthropic.foreign import is_ours, restore, sealed_in, without_ours
from muxi_llm.wire.anthropic.parts import Parts
from muxi_llm.wire.anthropic.reply import ReplyReader
from muxi_llm.wire.anthropic.request import SERVICE_TIERS
from muxi_llm.wire.anthropic.thinking import BUDGETS, EFFORTS, ClaudeProfile
from muxi_llm.wire.anthropic.tools import TOOL_CHOICES, Tools
from muxi_llm.wire.base import WireError
from muxi_llm.wire.json_schema import is_strict, require_all
from muxi_llm.wire.requesting import RAW_ARGUMENTS

if TYPE_CHECKING:
    from muxi_llm.wire.base import Json, Ledger

Kind = TypeVar("Kind")


class RequestReader:
    """Reads one request. Bodies that are none raise a `WireError` that names the field."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._reader = ReplyReader(Tools("", ledger, ClaudeProfile(), Parts(ledger)))

    def read(self, raw: Json) -> Json:
        """The whole body, as parameters of the chat form."""
        turns = field(raw, "messages", list, "")
        body: Json = {"model": field(raw, "model", str, ""), "messages": self._system(raw)}
        for index, turn in enumerate(turns):
            at = f"messages[{index}]"
            try:
                body["messages"] += self._turn(turn, at)
            except (KeyError, TypeError, AttributeError) as error:
                raise WireError("malformed", f"{at} is not a message: {shown_error(error)}") from error
        body.update({name: raw[name] for name in COPIED if raw.get(name) is not None})
        stops = optional(raw, "stop_sequences", list, "")
        if stops:
            body["stop"] = stops
        self._tools(raw, body)
        self._thinking(raw, body)
        self._format(raw, body)
        self._account(raw, body)
        if raw.get("stream"):
            body.update(stream=True, stream_options={"include_usage": True})  # Anthropic always counts
        for name in raw.keys() - KNOWN:
            if raw[name] is not None:
                self._ledger.dropped(name, "the chat form has no counterpart", loss=name not in HARMLESS)
        return body

    # ---------------------------------------------------------------------------------- messages

    def _system(self, raw: Json) -> list[Json]:
        content = optional(raw, "system", (str, list), "") or ""
        if isinstance(content, list):
            parts = [_text_part(block, f"system[{i}]") for i, block in enumerate(content)]
            said = [part for part in parts if not part["text"].startswith(BILLING)]
            if len(said) < len(parts):  # another in each request: it would spoil every cache of a prefix
                self._ledger.dropped("system", "Claude Code's billing line is for Anthropic", loss=False)
            content = _flat(said)
        return [{"role": "system", "content": content}] if content else []

    def _turn(self, turn: Json, at: str) -> list[Json]:
        role = field(turn, "role", str, f"{at}.")
        content: Any = field(turn, "content", (str, list), f"{at}.")
        if role not in ROLES:
            raise WireError("malformed", f"{at}.role must be one of {', '.join(ROLES)}, not {shown(role)}")
        if isinstance(content, str):
            return [{"role": role, "content": content}]
        if role == "assistant":
            return [self._assistant(content)]
        results, parts = [], []
        for index, block in enumerate(content):
            where = f"{at}.content[{index}]"
            if field(block, "type", str, f"{where}.") == "tool_result":
                results.append(_result(block, where))
            else:
                parts.append(_part(block, where))
        # Results first: the chat form wants them right behind the calls that they answer.
        return [*results, {"role": role, "content": _flat(parts)}] if parts or not results else results

    def _assistant(self, blocks: list[Json]) -> Json:
        """Thinking without a signature was ours to show, of a model that signs none: text, and no block."""
        kept = [without_ours(block) for block in blocks if not is_ours(block)]
        message = self._reader.message_of(kept)
        for name in FOR_READERS:
            message.pop(name, None)
        thinking = "".join(block.get("thinking") or "" for block in blocks if block["type"] == "thinking")
        if thinking:
            message["reasoning_content"] = thinking
        for block in blocks:
            restore(message, sealed_in(block))
        uses = [block for block in kept if block["type"] == "tool_use"]
        for call, block in zip(message.get("tool_calls") or (), uses, strict=True):
            given = block["input"]
            if given.keys() == {RAW_ARGUMENTS}:
                call["function"]["arguments"] = given[RAW_ARGUMENTS]
        marked = [block for block in kept if block.get("cache_control")]
        if marked and marked == kept[-1:] and "extra_content" not in message:
            message["cache_control"] = marked[0]["cache_control"]
        elif marked:  # a breakpoint that the chat form has no place for
            message["extra_content"] = {"anthropic": {"content": kept}}
        return message

    # -------------------------------------------------------------------------------- parameters

    def _tools(self, raw: Json, body: Json) -> None:
        tools = optional(raw, "tools", list, "")
        if tools:
            body["tools"] = [self._tool(tool, f"tools[{index}]") for index, tool in enumerate(tools)]
        choice = optional(raw, "tool_choice", dict, "")
        if choice is None:
            return
        kind = field(choice, "type", str, "tool_choice.")
        if kind == "tool":
            name = field(choice, "name", str, "tool_choice.")
            body["tool_choice"] = {"type": "function", "function": {"name": name}}
        elif kind in CHOICES:
            body["tool_choice"] = CHOICES[kind]
        else:
            raise WireError(
                "malformed", f"tool_choice.type {shown(kind)} is none of {', '.join(CHOICES)}, tool"
            )
        if choice.get("disable_parallel_tool_use"):
            body["parallel_tool_calls"] = False

    def _tool(self, tool: Json, at: str) -> Json:
        kind = optional(tool, "type", str, f"{at}.") or "custom"
        if kind != "custom":
            return tool  # in Anthropic's form; who is asked decides what becomes of it
        function: Json = {"name": field(tool, "name", str, f"{at}.")}
        if tool.get("description"):
            function["description"] = tool["description"]
        function["parameters"] = field(tool, "input_schema", dict, f"{at}.")
        if tool.get("strict"):
            function["strict"] = True
        for name in tool.keys() - TOOL_FIELDS:
            self._ledger.dropped(f"{at}.{name}", "the chat form has no counterpart", loss=name in TOOL_LOSSES)
        return {"type": "function", "function": function, **_mark(tool)}

    def _thinking(self, raw: Json, body: Json) -> None:
        """Thinking and effort, one word for both in the chat form, by the outbound half's own table."""
        thinking = optional(raw, "thinking", dict, "")
        effort = optional(optional(raw, "output_config", dict, "") or {}, "effort", str, "output_config.")
        kind = field(thinking, "type", str, "thinking.") if thinking is not None else None
        if kind in {"disabled", "between_tools"}:
            if effort:
                self._ledger.dropped("output_config.effort", "the chat form has none without thinking")
            effort = "none"
        elif kind == "enabled" and not effort:
            budget = field(thinking or {}, "budget_tokens", int, "thinking.")
            effort = next((name for name in reversed(BUDGETS) if BUDGETS[name] <= budget), "minimal")
            if BUDGETS[effort] != budget:
                self._ledger.changed("thinking.budget_tokens", f"{budget} sent as effort {effort!r}")
        elif kind == "adaptive" and not effort:
            effort = "high"  # Anthropic's default
        elif kind not in {None, "enabled", "adaptive"}:
            raise WireError("malformed", f"thinking.type {shown(kind)} is unknown")
        if effort and effort not in EFFORTS:
            raise WireError("malformed", f"output_config.effort {shown(effort)} is unknown")
        if effort:
            body["reasoning_effort"] = effort
        if thinking and thinking.get("display"):
            self._ledger.dropped("thinking.display", "the chat form has no counterpart", loss=False)

    def _format(self, raw: Json, body: Json) -> None:
        config = raw.get("output_config") or {}
        wanted = optional(config, "format", dict, "output_config.")
        if wanted is None:  # as the beta called it
            wanted = optional(raw, "output_format", dict, "")
        if wanted is None:
            return
        schema = field(wanted, "schema", dict, "output_config.format.")
        spec: Json = {"name": "answer", "schema": schema}
        if _is_strict(schema):
            spec["strict"] = True
        else:
            why = "OpenAI's strict mode refuses this schema (optional or open objects); not enforced there"
            self._ledger.changed("output_config.format", why, loss=False)
        body["response_format"] = {"type": "json_schema", "json_schema": spec}

    def _account(self, raw: Json, body: Json) -> None:
        user = optional(optional(raw, "metadata", dict, "") or {}, "user_id", str, "metadata.")
        if user:
            body["user"] = user
        tier = optional(raw, "service_tier", str, "")
        if tier in TIERS:
            body["service_tier"] = TIERS[tier]
        elif tier:
            self._ledger.dropped("service_tier", f"the chat form has no tier {shown(tier)}")


def _is_strict(schema: Json) -> bool:
    """Whether OpenAI's strict mode would take *schema* as it is."""
    try:
        return require_all(schema) == schema and is_strict(schema)
    except (TypeError, AttributeError) as error:
        at = "output_config.format.schema"
        raise WireError("malformed", f"{at} is no JSON schema: {shown_error(error)}") from error


# ---------------------------------------------------------------------------------- blocks as parts


def _result(block: Json, at: str) -> Json:
    content = optional(block, "content", (str, list), f"{at}.") or ""
    if isinstance(content, list):
        content = _flat([_part(inner, f"{at}.content[{index}]") for index, inner in enumerate(content)])
    call_id = field(block, "tool_use_id", str, f"{at}.")
    message = {"role": "tool", "tool_call_id": call_id, "content": content, **_mark(block)}
    return {**message, "is_error": block["is_error"]} if "is_error" in block else message


def _part(block: Json, at: str) -> Json:
    kind = field(block, "type", str, f"{at}.")
    if kind == "text":
        return _text_part(block, at)
    if kind not in {"image", "document"}:
        return block
    source = field(block, "source", dict, f"{at}.")
    plain = block.keys() <= PLAIN_FIELDS
    url = _url(source, f"{at}.source.")
    if kind == "image" and url is not None and plain:
        return {"type": "image_url", "image_url": {"url": url}, **_mark(block)}
    if kind == "document" and plain:
        title = {"filename": block["title"]} if block.get("title") else {}
        if source["type"] == "file" and not title:
            file_id = field(source, "file_id", str, f"{at}.source.")
            return {"type": "file", "file": {"file_id": file_id}, **_mark(block)}
        if url is not None:
            name = "file_data" if url.startswith("data:") else "file_url"
            return {"type": "file", "file": {name: url, **title}, **_mark(block)}
    return block


def _url(source: Json, at: str) -> str | None:
    """Where the data is, as a URL; `None` if it is in no such place."""
    kind = field(source, "type", str, at)
    for name in SOURCES.get(kind, ()):
        field(source, name, str, at)
    return url_of(source)


def _text_part(block: Json, at: str) -> Json:
    return {"type": "text", "text": field(block, "text", str, f"{at}."), **_mark(block)}


def _mark(given: Json) -> Json:
    return {"cache_control": given["cache_control"]} if given.get("cache_control") else {}


def _flat(parts: list[Json]) -> str | list[Json]:
    """Parts as the plain string that any server takes, where they are no more than that."""
    if not parts:
        return ""
    return parts[0]["text"] if len(parts) == 1 and parts[0].keys() == {"type", "text"} else parts


# --------------------------------------------------------------------------------- fields, checked


def field(holder: Any, name: str, kind: type[Kind] | tuple[type[Kind], ...], at: str) -> Kind:
    """A field of that kind, or a `WireError` with its path."""
    if not isinstance(holder, dict):
        raise WireError("malformed", f"{at.rstrip('.')} must be an object, not {shown(holder)}")
    value = holder.get(name)
    if not isinstance(value, kind):
        kinds = kind if isinstance(kind, tuple) else (kind,)
        wanted = " or ".join(KINDS[one] for one in kinds)
        missing = "is missing" if name not in holder else f"is {shown(value)}"
        raise WireError("malformed", f"{at}{name} {missing}; {wanted} is needed")
    return value


def optional(holder: Any, name: str, kind: type[Kind] | tuple[type[Kind], ...], at: str) -> Kind | None:
    """`field`, where there may be none."""
    if isinstance(holder, dict) and holder.get(name) is None:
        return None
    return field(holder, name, kind, at)


# ------------------------------------------------------------------------------------------ tables

KINDS: dict[type, str] = {str: "a string", list: "a list", dict: "an object", int: "a whole number"}

ROLES = ("user", "assistant", "system")

SOURCES = {"url": ("url",), "base64": ("media_type", "data"), "text": ("media_type", "data")}
"""What the places of data must tell."""

FOR_READERS = ("refusal", "annotations", "citations")
"""What a reply's message has, and a request's has not."""

COPIED = ("max_tokens", "temperature", "top_p", "top_k")

BILLING = "x-anthropic-billing-header:"

CHOICES = {theirs: ours for ours, theirs in TOOL_CHOICES.items() if ours != "any"}

TIERS = {theirs: ours for ours, theirs in SERVICE_TIERS.items()}

TOOL_FIELDS = {"type", "name", "description", "input_schema", "strict", "cache_control"}
TOOL_LOSSES = {"input_examples", "allowed_callers"}

PLAIN_FIELDS = {"type", "source", "title", "cache_control"}

KNOWN = {
    "model", "messages", "system", *COPIED, "stop_sequences", "stream", "tools", "tool_choice", "thinking",
    "output_config", "output_format", "metadata", "service_tier",
}  # fmt: skip

HARMLESS = {"cache_control", "diagnostics", "user_profile_id", "workspace_id"}
"""Parameters whose absence changes no answer."""
