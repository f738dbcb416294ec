"""Media as the provider takes them: a URL it cannot fetch becomes base64, before `adapt` sees the request.

What is at the URL is fetched only if the caller switched that on (`muxi_llm.config.fetch_media`), by the
function that came with the request. Otherwise the part stays as it is, and `adapt` leaves it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from muxi_llm.errors import InvalidRequestError

if TYPE_CHECKING:
    from muxi_llm.core.port import IO
    from muxi_llm.core.request import Request
    from muxi_llm.providers.base import Provider
    from muxi_llm.wire.base import Json, Ledger

MediaKind = Literal["image", "audio", "video", "file"]


@dataclass(frozen=True, slots=True)
class Media:
    """What is at a URL. type: its media type, as its bytes tell it. base64: the bytes."""

    type: str
    base64: str


class MediaError(Exception):
    """It could not be fetched, or must not be. The message tells which and why."""


async def with_media(io: IO, request: Request, provider: Provider, ledger: Ledger, ends: float) -> Request:
    """*request* with the media *provider* cannot fetch in it, all of them there by the time *ends*."""
    if request.needs.isdisjoint(KINDS) or request.mode == "passthrough":
        return request
    if request.verbatim is not None and provider.verbatim:
        return request
    messages = []
    for index, message in enumerate(request.body["messages"]):
        content = message.get("content")
        if isinstance(content, list):
            parts = [
                await _taken(io, request, part, provider, ledger, f"messages[{index}].content[{place}]", ends)
                for place, part in enumerate(content)
            ]
            message = {**message, "content": parts} if changed(parts, content) else message  # noqa: PLW2901
        messages.append(message)
    if not changed(messages, request.body["messages"]):
        return request
    return request._replace(body={**request.body, "messages": messages})


def changed(items: list[Json], before: list[Json]) -> bool:
    """Whether any of *items* is another object than it was *before*."""
    return any(item is not old for item, old in zip(items, before, strict=True))


def unfetched(part: Json, provider: Provider) -> str | None:
    """The URL in *part* that *provider* does not fetch."""
    if part["type"] not in KINDS or getattr(provider, KINDS[part["type"]].url_flag):
        return None
    url = _url_of(part)
    return url if url and url.lower().startswith(("http://", "https://")) else None


async def _taken(
    io: IO, request: Request, part: Json, provider: Provider, ledger: Ledger, at: str, ends: float
) -> Json:
    """*part* as *provider* takes it, where that can be had."""
    kind = KINDS.get(part["type"])
    if kind is None or not getattr(provider, kind.flag):
        return part
    url = unfetched(part, provider)
    if url is None:
        return _renamed(part, provider, ledger, at)
    if request.fetch is None:
        return part
    try:
        media = await io.run(partial(request.fetch, url, kind.name, ends - io.now()))
    except MediaError as error:
        raise InvalidRequestError(f"{at}: {error}", param=at) from error
    ledger.changed(at, f"{ledger.provider} fetches no {kind.name} URLs; sent as base64", loss=False)
    return _holding(part, media)


def _renamed(part: Json, provider: Provider, ledger: Ledger, at: str) -> Json:
    """*part* by the name every wire knows: a file is `file_data`, be it a URL; sound is `input_audio`."""
    held = part.get(part["type"])
    if part["type"] == "file" and isinstance(held, dict) and held.get("file_url"):
        file = {name: value for name, value in held.items() if name != "file_url"}
        return {**part, "file": {**file, "file_data": held["file_url"]}}
    head, comma, data = (_url_of(part) or "").partition(";base64,")
    if part["type"] != "audio_url" or provider.audio_url_support or not comma or head[:5] != "data:":
        return part
    ledger.moved(at, f"{ledger.provider} takes audio as input_audio")
    return _holding(part, Media(head[5:], data))


def _url_of(part: Json) -> str | None:
    """Where a part says its media are; what is odd is left for the provider to refuse."""
    held = part.get(part["type"])
    if isinstance(held, dict):
        held = held.get("url") or held.get("file_url") or held.get("file_data")
    return held if isinstance(held, str) else None


def _holding(part: Json, media: Media) -> Json:
    """*part* with *media* in the place of its URL."""
    kind = part["type"]
    rest = {name: value for name, value in part.items() if name not in {"type", kind}}
    url = f"data:{media.type};base64,{media.base64}"
    if kind == "audio_url":
        name = media.type.partition(";")[0].removeprefix("audio/").removeprefix("x-")
        audio = {"data": media.base64, "format": AUDIO_FORMATS.get(name, name)}
        return {"type": "input_audio", "input_audio": audio, **rest}
    held: Any = {} if isinstance(part[kind], str) else part[kind]
    if kind == "file":
        file = {name: value for name, value in held.items() if name != "file_url"}
        ending = media.type.rpartition("/")[2].replace("plain", "txt")  # OpenAI wants a name, and reads it
        return {"type": kind, kind: {"filename": f"file.{ending}", **file, "file_data": url}, **rest}
    return {"type": kind, kind: {**held, "url": url}, **rest}


# ------------------------------------------------------------------------------------------ tables


@dataclass(frozen=True, slots=True)
class Kind:
    """name: what is fetched. flag: the provider takes such parts. url_flag: it fetches their URLs."""

    name: MediaKind
    flag: str
    url_flag: str


KINDS = {
    "image_url": Kind("image", "vision_support", "media_url_support"),
    "video_url": Kind("video", "video_input_support", "media_url_support"),
    "audio_url": Kind("audio", "audio_input_support", "audio_url_support"),
    "file": Kind("file", "file_input_support", "file_url_support"),
}

AUDIO_FORMATS = {"mpeg": "mp3", "wave": "wav", "vnd.wave": "wav"}
"""Media types whose name is not what `input_audio.format` calls it."""
