"""Fit one request to one candidate, and write down every change.

Rules: adapting starts from the caller's request for each attempt, so a weak fallback never weakens the
primary; the request is copied where it changes, never touched; what cannot be faked (tools, several
answers) is refused by an `UnsupportedParameterError`. Order: what the messages need against the
provider's flags, then the tables of the model family, then those of the provider.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.core.habits import by_family, by_habits, by_ranges, left_out
from muxi_llm.core.parts import with_parts
from muxi_llm.errors import UnsupportedParameterError, shown
from muxi_llm.wire.base import SPOKEN, is_neutral
from muxi_llm.wire.json_schema import json_instruction
from muxi_llm.wire.openai.extensions import with_extensions
from muxi_llm.wire.openai.turns import is_begun, is_text, with_reasoned_calls

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.core.request import Request
    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Json, Ledger, Profile


def adapt(
    request: Request, provider: Provider, profile: Profile, ledger: Ledger
) -> tuple[Mapping[str, Any], bool]:
    """The body as *provider* can take it, and whether to ask it for a stream."""
    if request.verbatim is not None and provider.verbatim:
        return request.verbatim, request.stream
    if request.mode == "passthrough":
        return request.body, request.stream
    if request.endpoint not in SPOKEN:
        streams = profile.streams or request.endpoint in BYTES
        return _streamed(_by_profile(request.body, profile, ledger), request, streams, ledger)
    # By need first, while places are still the caller's; system messages last, when all of them are there.
    body = _by_needs(request.body, request.needs, provider, ledger) if request.needs else request.body
    if request.endpoint == "chat" and not provider.system_message_support:
        body = _system_as_user(body, provider, ledger)
    body = _by_tables(body, profile.renames, profile.drops, {}, ledger)
    body = by_family(body, profile, ledger)
    if profile.reasoned_calls and provider.reasoning_replay_support and request.endpoint == "chat":
        body = with_reasoned_calls(body, ledger)
    if request.endpoint == "chat" and not (provider.prefill_support or provider.prefill):
        _tell_begun(body, ledger)
    body = by_habits(body, provider, ledger)
    body = _by_tables(body, provider.renames, provider.drops, provider.forces, ledger)
    return _streamed(body, request, provider.streaming_support, ledger)


def _streamed(
    body: Mapping[str, Any], request: Request, streams: bool, ledger: Ledger
) -> tuple[Mapping[str, Any], bool]:
    """*body*, and whether to ask for a stream, where one is wanted and the provider *streams*."""
    if not request.stream or streams:
        return body, request.stream
    ledger.changed(
        "stream", "this provider does not stream; the whole answer is handed out as chunks", loss=False
    )
    return {name: value for name, value in body.items() if name not in OF_STREAMS}, False


def _tell_begun(body: Mapping[str, Any], ledger: Ledger) -> None:
    if is_begun(body["messages"][-1]):
        ledger.changed(
            "messages", f"to {ledger.provider} an answer begun is one that has ended; it begins anew"
        )


def _by_needs(
    body: Mapping[str, Any], needs: frozenset[str], provider: Provider, ledger: Ledger
) -> Mapping[str, Any]:
    body = with_parts(body, needs, provider, ledger)
    for need, flag, adjust in ADJUSTMENTS:
        if need in needs and not getattr(provider, flag):
            body = adjust(body, need, provider, ledger)
    asked = needs & EXTENSION_FLAGS.keys()
    unknown = frozenset(name for name in asked if not getattr(provider, EXTENSION_FLAGS[name]))
    if not unknown and asked.isdisjoint(LOOKED_INTO):
        return body
    return with_extensions(body, unknown, provider.giver, ledger)


# ------------------------------------------------------------------------------------ by capability


def _json_by_instruction(body: Mapping[str, Any], need: str, provider: Provider, ledger: Ledger) -> Json:
    schema = body["response_format"].get("json_schema", {}).get("schema")
    out = {**body, "messages": _instructed(body["messages"], json_instruction(schema))}
    if need == "json_schema" and provider.json_mode_support:
        out["response_format"] = {"type": "json_object"}
        ledger.changed(
            "response_format", f"{provider.name} has JSON mode but enforces no schema; asked for in words"
        )
    else:
        del out["response_format"]
        ledger.changed("response_format", f"{provider.name} has no JSON mode; asked for in a system message")
    return out


def _instructed(messages: list[Json], instruction: str) -> list[Json]:
    first = messages[0]
    if first["role"] not in {"system", "developer"}:
        return [{"role": "system", "content": instruction}, *messages]
    content = first.get("content") or ""
    if isinstance(content, list):
        content = [*content, {"type": "text", "text": instruction}]
    else:
        content = f"{content}\n\n{instruction}" if content else instruction
    return [{**first, "content": content}, *messages[1:]]


def _refuse_tools(body: Mapping[str, Any], need: str, provider: Provider, ledger: Ledger) -> Json:  # noqa: ARG001
    raise UnsupportedParameterError(f"{provider.name} cannot call tools", param=need)


def _developer_as_system(body: Mapping[str, Any], need: str, provider: Provider, ledger: Ledger) -> Json:  # noqa: ARG001
    ledger.changed("messages", f"{provider.name} has no developer role; sent as system", loss=False)
    messages = [{**m, "role": "system"} if m["role"] == "developer" else m for m in body["messages"]]
    return {**body, "messages": messages}


def _system_as_user(body: Mapping[str, Any], provider: Provider, ledger: Ledger) -> Mapping[str, Any]:
    if all(message["role"] != "system" for message in body["messages"]):
        return body
    ledger.changed("messages", f"{provider.name} takes no system messages; sent as user messages")
    messages = [{**m, "role": "user"} if m["role"] == "system" else m for m in body["messages"]]
    return {**body, "messages": messages}


def _references_as_text(body: Mapping[str, Any], need: str, provider: Provider, ledger: Ledger) -> Json:
    """What a search for tools has found: those tools are among the request's, deferred or not.

    https://docs.claude.com/en/docs/agents-and-tools/tool-use/tool-search-tool.
    """
    ledger.changed(
        "messages", f"{provider.name} knows no {need} parts; the tools found are named", loss=False
    )
    messages = [
        {**m, "content": [_named(part) if part["type"] == need else part for part in m["content"]]}
        if isinstance(m.get("content"), list)
        else m
        for m in body["messages"]
    ]
    return {**body, "messages": messages}


def _named(part: Json) -> Json:
    return {"type": "text", "text": f"The tool {part.get('tool_name')} is available."}


def _split_tool_results(body: Mapping[str, Any], need: str, provider: Provider, ledger: Ledger) -> Json:  # noqa: ARG001
    """Media in tool results, as a user message behind them: where the chat form has room for it."""
    ledger.moved(
        "messages", f"{provider.name} takes text alone as a tool's result; media follow in a user message"
    )
    messages: list[Json] = []
    media: list[Json] = []
    for message in body["messages"]:
        if media and message["role"] != "tool":
            messages.append({"role": "user", "content": media})
            media = []
        content = message.get("content")
        if message["role"] == "tool" and isinstance(content, list):
            media = media + [part for part in content if part["type"] != "text"]
            text = [part for part in content if part["type"] == "text"]
            message = {**message, "content": text or "The result is in the message that follows."}  # noqa: PLW2901
        messages.append(message)
    return {**body, "messages": [*messages, {"role": "user", "content": media}] if media else messages}


def _join_tool_results(body: Mapping[str, Any], need: str, provider: Provider, ledger: Ledger) -> Json:  # noqa: ARG001
    """Text in parts as one string: templates of open models read no other."""
    ledger.changed("messages", f"{provider.name} takes a tool's text as one string", loss=False)
    messages = [
        {**message, "content": "\n\n".join(part["text"] for part in message["content"])}
        if message["role"] == "tool" and _is_joined(message.get("content"), provider)
        else message
        for message in body["messages"]
    ]
    return {**body, "messages": messages}


def _is_joined(content: Any, provider: Provider) -> bool:
    """Whether *content* is text alone, without a mark that has to stay where it is."""
    return is_text(content) and not (
        provider.cache_control_support and any("cache_control" in part for part in content)
    )


def _leave_out(body: Mapping[str, Any], need: str, provider: Provider, ledger: Ledger) -> Mapping[str, Any]:  # noqa: ARG001
    return left_out(body, {need: f"{ledger.provider} has no such parameter"}, ledger)


def _without_modality(body: Mapping[str, Any], need: str, provider: Provider, ledger: Ledger) -> Json:
    """An answer in text where the provider makes nothing else in a chat."""
    made = need.partition(" ")[0]
    asked = "modalities" if made in (body.get("modalities") or ()) else made
    ledger.changed(asked, f"{provider.name} makes no {made} in a chat; the answer is text")
    out = {name: value for name, value in body.items() if name not in {"modalities", made}}
    rest = [name for name in body.get("modalities") or () if name != made]
    return {**out, "modalities": rest} if rest not in ([], ["text"]) else out


# ---------------------------------------------------------------------------------------- by tables


def _by_profile(body: Mapping[str, Any], profile: Profile, ledger: Ledger) -> Mapping[str, Any]:
    """*body* within what one endpoint takes of it: all there is to say of endpoints beside chat."""
    drops = profile.drops
    if profile.takes is not None:
        unknown = (name for name in body if name not in profile.takes and name not in profile.fixed)
        drops = dict.fromkeys(unknown, f"{ledger.provider} has no such parameter") | dict(drops)
    for name in profile.fixed.keys() & body.keys():
        if body[name] != profile.fixed[name]:
            ledger.changed(name, f"{ledger.provider} gives {profile.fixed[name]!r} alone")
        body = {key: value for key, value in body.items() if key != name}
    body = by_ranges(body, profile.ranges, ledger)
    return _by_tables(body, profile.renames, drops, profile.forces, ledger)


def _by_tables(
    body: Mapping[str, Any],
    renames: Mapping[str, str],
    drops: Mapping[str, str],
    forces: Mapping[str, Any],
    ledger: Ledger,
) -> Mapping[str, Any]:
    if not (drops or renames or forces):
        return body
    for name in NEVER_DROPPED & drops.keys() & body.keys():
        if not is_neutral(name, body[name]):
            raise UnsupportedParameterError(
                f"{ledger.provider}: {name}={shown(body[name])}: {drops[name]}", param=name
            )
    body = left_out(body, drops, ledger)
    for name in [name for name in renames if name in body]:
        ledger.renamed(name, renames[name])
        renamed = {renames[name]: body[name]}
        body = {key: value for key, value in body.items() if key != name} | renamed
    for name, value in forces.items():
        if name not in body:
            ledger.added(name, f"{ledger.provider} wants {value!r}")
        elif body[name] != value:
            ledger.changed(name, f"{ledger.provider} takes only {value!r}")
        body = {**body, name: value}
    return body


# ------------------------------------------------------------------------------------------ tables

ADJUSTMENTS: tuple[
    tuple[str, str, Callable[[Mapping[str, Any], str, Provider, Ledger], Mapping[str, Any]]], ...
] = (
    ("tools", "tools_support", _refuse_tools),
    ("json_object", "json_mode_support", _json_by_instruction),
    ("json_schema", "json_schema_support", _json_by_instruction),
    ("developer", "developer_message_support", _developer_as_system),
    ("tool_reference", "tool_reference_support", _references_as_text),
    ("tool media", "tool_media_support", _split_tool_results),
    ("tool parts", "tool_parts_support", _join_tool_results),
    ("anthropic_beta", "anthropic_blocks_support", _leave_out),
    ("top_k", "top_k_support", _leave_out),
    ("audio output", "audio_output_support", _without_modality),
    ("image output", "image_output_support", _without_modality),
)

EXTENSION_FLAGS = {
    "cache_control": "cache_control_support",
    "thinking_blocks": "thinking_blocks_support",
    "reasoning_details": "reasoning_details_support",
    "extra_content": "extra_content_support",
    "citations": "anthropic_blocks_support",
    "is_error": "error_result_support",
    "reasoning_content": "reasoning_replay_support",
    "reasoning": "reasoning_replay_support",
    "images": "image_replay_support",
    "audio": "audio_replay_support",
}

LOOKED_INTO = {"extra_content", "audio"}
"""What is in them decides: who gave the rest; whether there is an id to answer to sound by."""

NEVER_DROPPED = {"n"}
"""Doing without these would give something else than was asked, not something less."""

BYTES = {"file.content"}
"""Endpoints whose answer is bytes, and so a stream everywhere."""

OF_STREAMS = {"stream_options", "partial_images"}
"""Parameters that say something of a stream alone."""
