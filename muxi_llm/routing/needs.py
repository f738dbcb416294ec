"""What a request needs, read off its body, whichever of the clients' wires it is in.

Nothing is translated for it: the wires call the same things by few names. What is off their schemas needs
nothing, and is refused by whoever understands it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from muxi_llm.routing.deployments import Needs
from muxi_llm.utils.token_counter import count_tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


def needs_of(body: Mapping[str, Any], size: int, *, session: str, count: Callable[[], int]) -> Needs:
    """*body*'s needs; size: its bytes; count: its tokens, counted."""
    return Needs(
        size=size,
        output=output_of(body),
        vision=any(type_of(part) in PICTURES for part in parts_of(body)),
        tools=bool(body.get("tools") or body.get("functions")),
        schema=wants_schema(body),
        thinking=wants_thinking(body),
        stream=bool(body.get("stream")),
        session=session,
        count=count,
    )


def output_of(body: Mapping[str, Any]) -> int:
    """The most tokens the answer may have, 0 where nobody says. Which word a provider takes is its affair:
    of several the largest counts.
    """
    return max([0, *(limit for name in OUTPUTS if isinstance(limit := body.get(name), int))])


def wants_schema(body: Mapping[str, Any]) -> bool:
    """Whether the answer must keep to a JSON schema."""
    for *path, last in SCHEMAS:
        found: Any = body
        for name in path:
            found = found.get(name) if isinstance(found, dict) else None
        if isinstance(found, dict) and found.get(last) == "json_schema":
            return True
    return False


def wants_thinking(body: Mapping[str, Any]) -> bool:
    """Whether the model is to think first, and more than not at all."""
    thinking, reasoning = body.get("thinking"), body.get("reasoning")
    if isinstance(thinking, dict) and thinking.get("type") in ("enabled", "adaptive"):
        return True
    effort = reasoning.get("effort") if isinstance(reasoning, dict) else body.get("reasoning_effort")
    return isinstance(effort, str) and effort != "none"


def parts_of(body: Mapping[str, Any]) -> Iterator[Any]:
    """The parts of a conversation's content, those inside of results too."""
    items = body.get("messages") or body.get("input")
    for item in items if isinstance(items, list) else ():
        yield item
        for name in ("content", "output"):
            yield from _parts(item.get(name) if isinstance(item, dict) else None)


def _parts(content: object) -> Iterator[Any]:
    for part in content if isinstance(content, list) else ():
        yield part
        if isinstance(part, dict):
            yield from _parts(part.get("content"))


def type_of(part: object) -> object:
    """What kind of a part it is."""
    kind = part.get("type") if isinstance(part, dict) else None
    return kind if isinstance(kind, str) else None


def text_of(body: Mapping[str, Any]) -> str:
    """The text a model would read, for counting: contents, instructions, tools; no media."""
    texts: list[str] = []
    _collect([body.get(name) for name in READ], texts)
    return "\n".join(texts)


def tokens_of(body: Mapping[str, Any]) -> int:
    """Tokens of that text: counted, but at four characters each where it is so long that to count would hold
    up everybody else.
    """
    text = text_of(body)
    return len(text) // 4 if len(text) > LONGEST else count_tokens(text)


def _collect(value: object, texts: list[str]) -> None:
    if isinstance(value, str):
        texts.append(value)
    elif isinstance(value, dict):
        if value.get("type") not in MEDIA:
            texts.extend(str(name) for name in value)
            _collect(list(value.values()), texts)
    elif isinstance(value, list):
        for each in value:
            _collect(each, texts)


# ------------------------------------------------------------------------------------------ tables

LONGEST = 2**19
"""Characters that are counted: 50 ms at the most."""
OUTPUTS = ("max_completion_tokens", "max_output_tokens", "max_tokens")
PICTURES = {"image_url", "image", "input_image"}
MEDIA = {*PICTURES, "input_audio", "audio_url", "video_url", "file", "input_file", "document"}
SCHEMAS: Sequence[tuple[str, ...]] = (
    ("response_format", "type"),
    ("text", "format", "type"),
    ("output_config", "format", "type"),
    ("output_format", "type"),
)
READ = ("system", "instructions", "messages", "input", "prompt", "tools", "functions")
