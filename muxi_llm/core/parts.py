"""The parts of messages, fitted to one provider: what it cannot have is said in another way, or left out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from muxi_llm.core.media import KINDS, changed, unfetched
from muxi_llm.errors import InvalidRequestError, UnsupportedParameterError, shown_error
from muxi_llm.wire.anthropic.blocks import BLOCKS, in_chat_words, is_cited
from muxi_llm.wire.openai.files import as_chat_takes
from muxi_llm.wire.reading import SENSELESS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Json, Ledger


def with_parts(
    body: Mapping[str, Any], needs: frozenset[str], provider: Provider, ledger: Ledger
) -> Mapping[str, Any]:
    """*body* with the parts that *provider* takes, every other told."""
    if needs.isdisjoint(PART_FLAGS):
        return body
    messages = []
    for index, message in enumerate(body["messages"]):
        content = message.get("content")
        if isinstance(content, list):
            kept = _fitted(message, f"messages[{index}].content", provider, ledger)
            message = {**message, "content": kept} if _differ(kept, content) else message  # noqa: PLW2901
        messages.append(message)
    return {**body, "messages": messages} if changed(messages, body["messages"]) else body


def _differ(kept: list[Json], content: list[Json]) -> bool:
    return len(kept) != len(content) or changed(kept, content)


def _fitted(message: Json, where: str, provider: Provider, ledger: Ledger) -> list[Json]:
    kept = []
    why: dict[str, None] = {}
    for index, part in enumerate(message["content"]):
        at = f"{where}[{index}]"
        for one in _in_words(part, at, provider, ledger):
            reason = _unfit(one, provider, ledger)
            if reason is None:
                kept.append(one)
            else:
                ledger.dropped(at, reason)
                why[reason] = None
    if kept or not message["content"]:
        return kept
    if message["role"] == "tool":  # without it the call would be left without a result, and no one answers
        return [{"type": "text", "text": f"(The result cannot be shown: {'; '.join(why)}.)"}]
    raise UnsupportedParameterError(f"{where} would be empty: {'; '.join(why)}", param=where)


def _in_words(part: Json, at: str, provider: Provider, ledger: Ledger) -> list[Json]:
    """*part* in words that *provider* knows, where there are some: often itself."""
    if part["type"] in BLOCKS and not provider.anthropic_blocks_support:
        return _of_block(part, at, provider, ledger)
    if part["type"] == "file" and not provider.document_support:
        return [as_chat_takes(part, at, ledger)]
    return [part]


def _of_block(block: Json, at: str, provider: Provider, ledger: Ledger) -> list[Json]:
    try:
        parts = in_chat_words(block)
    except SENSELESS as error:
        raise InvalidRequestError(f"{at} is no {block['type']}: {shown_error(error)}", param=at) from error
    if not parts:
        return [block]  # and so left out, by its own name
    if is_cited(block):
        ledger.dropped(f"{at}.citations", f"{ledger.provider} cites no documents")
    ledger.moved(at, f"{ledger.provider} has no {block['type']} parts; sent in its own words")
    return [inner for part in parts for inner in _in_words(part, at, provider, ledger)]


def _unfit(part: Json, provider: Provider, ledger: Ledger) -> str | None:
    """Why *provider* cannot have *part*."""
    kind = part["type"]
    if kind in PART_FLAGS and not getattr(provider, PART_FLAGS[kind]):
        return f"{ledger.provider} takes no {kind} parts"
    if unfetched(part, provider):
        name = KINDS[kind].name
        return f"{ledger.provider} fetches no {name} URLs; muxi_llm.config.fetch_media = True does it here"
    return None


# ------------------------------------------------------------------------------------------ tables

PART_FLAGS = {
    **{part: kind.flag for part, kind in KINDS.items()},
    "input_audio": "audio_input_support",
    **dict.fromkeys(BLOCKS, "anthropic_blocks_support"),
}
