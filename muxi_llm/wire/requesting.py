"""What the codecs that are not OpenAI's share, ours → theirs: the types they rely on, what they have no room
for, messages as mere text, tool choices and the arguments of calls.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import unquote_to_bytes

import orjson

from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError, shown, shown_error
from muxi_llm.wire.base import is_neutral, plain
from muxi_llm.wire.reading import SENSELESS

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable

    from muxi_llm.wire.base import Json, Ledger


Made = TypeVar("Made")


def check(body: Mapping[str, Any], whose: str) -> None:
    """Refuse what no codec can translate: parameters of another type than OpenAI's, and several answers
    where *whose* API gives but one.
    """
    for name, kind in TYPES.items():
        value = body.get(name)
        if value is not None and not isinstance(value, kind):
            raise InvalidRequestError(f"{name} must be {WORDS[kind]}, not {shown(value)}", param=name)
    if whose and (body.get("n") or 1) > 1:
        raise UnsupportedParameterError(f"n: {whose} gives one answer a call; ask n times", param="n")


def usage_wanted(body: Mapping[str, Any]) -> bool:
    """Whether a stream is to end with its cost."""
    return bool((body.get("stream_options") or {}).get("include_usage"))


def stops_of(body: Mapping[str, Any]) -> list[str]:
    """The `stop` sequences, as a list."""
    stop = body.get("stop") or ()
    stops = [stop] if isinstance(stop, str) else list(stop)
    if not all(isinstance(sequence, str) for sequence in stops):
        raise InvalidRequestError(
            f"stop must be a string or a list of strings, not {shown(stop)}", param="stop"
        )
    return stops


def drop_others(body: Mapping[str, Any], known: Container[str], ledger: Ledger, why: str) -> None:
    """Tell the ledger of every parameter that is not *known*."""
    for name, value in body.items():
        if name not in known and not is_neutral(name, value):
            ledger.dropped(name, why, loss=name not in HARMLESS)


def drop_fields(
    message: Mapping[str, Any], at: str, fields: Iterable[str], ledger: Ledger, whose: str
) -> None:
    """Tell the ledger of those *fields* of the message *at* that *whose* messages have not."""
    for name in fields:
        if message.get(name):
            ledger.dropped(f"{at}.{name}", f"{whose} have no {name}")


def text_of(message: Mapping[str, Any], at: str, whose: str, beside: Container[str] = ()) -> str:
    """The text of the message *at*. Parts of another kind are refused, but those taken *beside* it."""
    content = message.get("content") or message.get("refusal") or ""
    if isinstance(content, str):
        return content
    texts = []
    for index, part in enumerate(content):
        kind, place = part["type"], f"{at}.content[{index}]"
        if kind in {"text", "refusal"}:
            texts.append(part.get(kind) or "")
            if not isinstance(texts[-1], str):
                raise InvalidRequestError(f"{place}.{kind} must be a string", param=f"{place}.{kind}")
        elif kind not in beside:
            raise UnsupportedParameterError(f"{place}: {whose} takes no {kind} parts", param=place)
    return "".join(texts)


def taken_apart(url: str, at: str, wanted: str) -> tuple[str, str]:
    """The media type of a data URL, if it tells one, and its data as base64. Another URL is refused with what
    is *wanted* there.
    """
    head, comma, data = url.partition(",")
    if not (comma and head.startswith("data:")):
        how = "send a local file as 'data:<its type>;base64,' + b64encode(path.read_bytes()).decode()"
        raise InvalidRequestError(f"{at} must be {wanted} URL; {how}", param=at)
    media, *options = head.removeprefix("data:").split(";")
    if "base64" not in options:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return told_by(data) or media.lower(), data


def told_by(data: str) -> str | None:
    """The type of the image that *data*, base64, begin as: what it is called is often another."""
    if data.startswith(RIFF):  # also what sound begins with
        return "image/webp" if data[12:16] == EBP else None
    return next((media for start, media in IMAGE_STARTS.items() if data.startswith(start)), None)


def transcript(turns: Iterable[tuple[str, str]]) -> str:
    """Roles and texts written out, for a model that completes text, up to where it has its turn."""
    return "\n\n".join([*(f"{role.capitalize()}: {text}" for role, text in turns), "Assistant:"])


def tools_of(body: Mapping[str, Any], define: Callable[[Json, str], Made]) -> list[Made]:
    """What *define* makes of each tool of *body* and its place, the older `functions` among them."""
    given = [tool if isinstance(tool, dict) else plain(tool) for tool in body.get("tools") or ()]
    given += [{"type": "function", "function": function} for function in body.get("functions") or ()]
    made = []
    for index, tool in enumerate(given):
        at = f"tools[{index}]"
        try:
            made.append(define(tool, at))
        except (KeyError, TypeError, AttributeError) as error:
            raise InvalidRequestError(f"{at} is not a tool: {shown_error(error)}", param=at) from error
    return made


def told_name(given: str, sent: str, at: str, ledger: Ledger) -> str:
    """*sent*, what the tool *at* is called there; that the caller named it otherwise is told."""
    if sent != given:
        fits = f"a name as {ledger.provider} takes it; its calls bear the given one"
        ledger.changed(f"{at}.function.name", fits, loss=False)
    return sent


def arguments_of(given: Any, at: str, ledger: Ledger) -> Json:
    """The arguments of the call *at* as an object, which others take nothing but."""
    if isinstance(given, dict):
        return given
    try:
        decoded = orjson.loads(given) if given else {}
    except orjson.JSONDecodeError:
        decoded = None
    if isinstance(decoded, dict):
        return decoded
    ledger.changed(f"{at}.function.arguments", f"not a JSON object; sent under {RAW_ARGUMENTS!r}")
    return {RAW_ARGUMENTS: given}


def chosen(choice: Any) -> tuple[str, list[str] | None]:
    """The mode that a `tool_choice` (or a `function_call`) of any form asks for, "auto", "none" or
    "required", and the tools it names, `None` for all of them.
    """
    if choice is None or isinstance(choice, str):
        return MODES.get(choice, choice), None  # type: ignore[return-value]  # None is among the modes
    try:
        mode, names = _chosen(choice)
        ", ".join(names or ())
    except SENSELESS as error:
        wanted = "'auto', 'none', 'required' or {'type': 'function', 'function': {'name': ...}}"
        raise InvalidRequestError(
            f"tool_choice must be {wanted}, not {shown(choice)}", param="tool_choice"
        ) from error
    return MODES.get(mode, mode), names


def _chosen(choice: Json) -> tuple[str, list[str] | None]:
    allowed = choice.get("allowed_tools")
    if allowed:
        return str(allowed.get("mode") or "auto"), [_named(tool) for tool in allowed["tools"]]
    name = _named(choice)
    return (str(choice.get("type")), None) if name is None else ("required", [name])


def _named(tool: Json) -> Any:
    return (tool.get("function") or tool.get("custom") or tool).get("name")


# ------------------------------------------------------------------------------------------ tables

NUMBER, STRINGS = (int, float), (str, list, tuple)
RAW_ARGUMENTS = "_raw_arguments"
"""Holds arguments that are no JSON object, where an object is wanted."""

IMAGE_STARTS = {"iVBORw0KGgo": "image/png", "/9j/": "image/jpeg", "R0lGOD": "image/gif"}
"""The first bytes of what every provider reads, as base64 has them."""

RIFF, EBP = "UklGR", "RUJQ"
"""What a WebP begins with, and the end of its name behind a length."""

TYPES: dict[str, Any] = {
    "n": int,
    "max_tokens": int,
    "max_completion_tokens": int,
    "temperature": NUMBER,
    "top_p": NUMBER,
    "stop": STRINGS,
    "reasoning_effort": str,
    "service_tier": str,
    "stream_options": Mapping,
    "audio": Mapping,
    "modalities": list,
}
"""Parameters that are looked into, not just passed on."""

WORDS: dict[Any, str] = {
    int: "a whole number",
    NUMBER: "a number",
    str: "a string",
    STRINGS: "a string or a list of strings",
    list: "a list of strings",
    Mapping: "an object",
}

MODES: dict[str | None, str] = {None: "auto", "any": "required"}

HARMLESS = {
    "anthropic_beta", "metadata", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention",
    "safety_identifier", "service_tier", "store", "stream_options", "user",
}  # fmt: skip
"""Parameters whose absence changes no answer."""
