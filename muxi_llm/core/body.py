"""What of a call goes on the wire: the arguments of its endpoint, checked, in OpenAI's shape.

Whatever can be wrong for every provider is refused here, before any I/O, by a message that names the
argument. The messages are looked through once; what they need of a provider is kept as `needs`, so that
adapting to each candidate costs nothing where nothing is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from muxi_llm.core.options import CONTROLS, present
from muxi_llm.core.plain import made_plain
from muxi_llm.errors import InvalidRequestError, shown
from muxi_llm.wire.anthropic.tools import shortened
from muxi_llm.wire.arguments import check
from muxi_llm.wire.json_schema import is_strict, require_all

if TYPE_CHECKING:
    from collections.abc import Iterable

    from muxi_llm.wire.base import Endpoint, Json


def body_of(endpoint: Endpoint, given: Mapping[str, Any]) -> tuple[Json, frozenset[str]]:
    """The arguments that go on the wire, checked, and what they need of a provider."""
    body = made_plain(present({name: value for name, value in given.items() if name not in CONTROLS}))
    needs: set[str] = set()
    if endpoint == "chat":
        body["messages"] = _messages(body.get("messages"), needs)
        _chat_needs(body, needs)
    check(endpoint, body)
    return body, frozenset(needs)


def _messages(messages: object, needs: set[str]) -> list[Json]:
    wanted = 'a list of messages, such as [{"role": "user", "content": "Hello"}]'
    out = [_message(m, index, needs) for index, m in enumerate(_items(messages, "messages", wanted))]
    if not out:
        raise InvalidRequestError("messages is empty; give at least one message", param="messages")
    return out


def _message(raw: Any, index: int, needs: set[str]) -> Json:
    message: Json = _dict(raw, f"messages[{index}]")
    role = message.get("role")
    if role not in ROLES:
        raise _bad_role(role, index, message)
    if role == "developer":
        needs.add("developer")
    content = message.get("content")
    if content.__class__ is not str and content is not None:
        message = {**message, "content": _content(content, f"messages[{index}].content", needs)}
        if role == "tool":
            needs.add("tool parts")
            if any(part["type"] not in TEXTS for part in message["content"]):
                needs.add("tool media")
    if len(message) > 2 or "content" not in message:  # anything but role and content
        message = _extensions(message, index, needs)
    return message


def _bad_role(role: object, index: int, message: Json) -> InvalidRequestError:
    for key, what, way in WHOLE:
        if key in message:
            text = f"messages[{index}] is a whole {what}; give the message in it: {way}"
            return InvalidRequestError(text, param=f"messages[{index}]")
    near = get_close_matches(str(role), ROLES, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"one of {', '.join(ROLES)} is needed"
    where = f"messages[{index}].role"
    return InvalidRequestError(f"{where} is {shown(role)}; {hint}", param=where)


def _content(content: object, where: str, needs: set[str]) -> list[Json]:
    parts = []
    for index, raw in enumerate(_items(content, where, "a string or a list of parts")):
        part = {"type": "text", "text": raw} if isinstance(raw, str) else _dict(raw, f"{where}[{index}]")
        kind = part.get("type")
        if not isinstance(kind, str):
            at = f"{where}[{index}]"
            raise InvalidRequestError(
                f"{at} must be a part with a type, such as {{'type': 'text'}}", param=f"{at}.type"
            )
        if kind != "text":
            needs.add(kind)
        elif not isinstance(part.get("text"), str):
            at = f"{where}[{index}].text"
            raise InvalidRequestError(f"{at} must be a string, not {shown(part.get('text'))}", param=at)
        if "cache_control" in part:
            needs.add("cache_control")
        parts.append(part)
    return parts


def _extensions(message: Json, index: int, needs: set[str]) -> Json:
    if None in message.values() or [] in message.values():  # what an answer has not, no request says
        message = {name: value for name, value in message.items() if name == "content" or value not in EMPTY}
    needs.update(message.keys() & EXTENSIONS)
    calls = message.get("tool_calls")
    if calls is None:
        return message
    calls = _dicts(calls, f"messages[{index}].tool_calls")
    needs.update("extra_content" for call in calls if "extra_content" in call)
    if any("custom" in call for call in calls):
        needs.add("custom calls")
    return {**message, "tool_calls": calls}


def _chat_needs(body: Json, needs: set[str]) -> None:
    needs.update(body.keys() & OF_ONE_KIND)
    if "modalities" in body or "audio" in body:
        wanted = body.get("modalities")
        made = wanted if isinstance(wanted, list) else ()
        needs.update(need for name, need in MADE.items() if name in made or name in body)
    for name in ("tools", "functions"):
        if name in body:
            body[name] = _dicts(body[name], name)
            if body[name]:
                needs.add("tools")
            else:  # an agent without tools; servers refuse an empty list, and a word about tools beside none
                del body[name]
                if body.get("tool_choice") in ("auto", "none", None):
                    body.pop("tool_choice", None)
                body.pop("parallel_tool_calls", None)
                continue
            if any("cache_control" in tool for tool in body[name]):
                needs.add("cache_control")
    _check_names(body.get("tools") or ())
    if "response_format" in body:
        body["response_format"] = _response_format(body["response_format"])
        needs.add(body["response_format"]["type"])


def _check_names(tools: Iterable[Json]) -> None:
    """A function without a name is no tool anywhere."""
    for index, tool in enumerate(tools):
        inner = tool.get("function") if tool.get("type", "function") == "function" else None
        if isinstance(inner, dict) and not (isinstance(inner.get("name"), str) and inner["name"]):
            at = f"tools[{index}].function.name"
            raise InvalidRequestError(f"{at} is missing: what the model calls the function by", param=at)


def _response_format(wanted: Any) -> Json:
    if isinstance(wanted, type) and issubclass(wanted, BaseModel):
        given = wanted.model_json_schema()
        schema = require_all(given)
        strict = is_strict(schema)  # else it is asked for as it is: better than to be refused
        name = shortened(wanted.__name__, 64)  # a generic class is called `Page[int]`
        spec = {"name": name, "schema": schema if strict else given, "strict": strict}
        return {"type": "json_schema", "json_schema": spec}
    if isinstance(wanted, Mapping) and wanted.get("type") in RESPONSE_FORMATS:
        if wanted["type"] == "json_schema" and not isinstance(wanted.get("json_schema"), Mapping):
            message = "response_format.json_schema is missing; give {'name': ..., 'schema': ...}"
            raise InvalidRequestError(message, param="response_format.json_schema")
        return named(wanted if isinstance(wanted, dict) else dict(wanted))
    hint = f"a Pydantic class or an object with type {', '.join(RESPONSE_FORMATS)}"
    raise InvalidRequestError(f"response_format must be {hint}, not {shown(wanted)}", param="response_format")


def named(wanted: Json) -> Json:
    """*wanted* with the name of its schema, a mere label, in OpenAI's alphabet."""
    spec = wanted.get("json_schema") or {}
    name = spec.get("name")
    if not isinstance(name, str) or (short := shortened(name, 64)) == name:
        return wanted
    return {**wanted, "json_schema": {**spec, "name": short}}


def _items(raw: object, where: str, wanted: str = "a list") -> list[Any]:
    if isinstance(raw, list):
        return raw
    raise InvalidRequestError(f"{where} must be {wanted}, not {shown(raw)}", param=where)


def _dicts(raw: object, where: str) -> list[Json]:
    return [_dict(item, f"{where}[{index}]") for index, item in enumerate(_items(raw, where))]


def _dict(raw: Any, where: str) -> Json:
    if raw.__class__ is dict:
        return raw
    raise InvalidRequestError(f"{where} must be an object, not {shown(raw)}", param=where)


# ------------------------------------------------------------------------------------------ tables

WHOLE = (("choices", "answer", "response.choices[0].message"), ("finish_reason", "choice", "choice.message"))
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
TEXTS = {"text", "tool_reference"}
RESPONSE_FORMATS = ("text", "json_object", "json_schema")
EXTENSIONS = {
    "reasoning_content", "reasoning", "reasoning_details", "thinking_blocks", "cache_control",
    "extra_content", "citations", "is_error", "images", "audio",
}  # fmt: skip
MADE = {"audio": "audio output", "image": "image output"}
"""What a chat may be asked for besides text, and the need that it is."""
OF_ONE_KIND = {"anthropic_beta", "top_k"}
"""Parameters of one client's wire that other providers may have as well."""

EMPTY: tuple[Any, ...] = (None, [])
