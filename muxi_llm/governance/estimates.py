"""How much a request will be, before it is sent: by what it says, else by what is usual."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.routing.needs import MEDIA, output_of, parts_of, text_of, type_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Body = Mapping[str, Any]
    Ways = tuple[Mapping[str, int], ...]

CHARACTERS = 4
"""Of a token."""
MEDIUM = 1500
"""Tokens of a picture, or of another thing that is not text."""
PICTURE = 6240
"""Tokens of a picture that is made: https://developers.openai.com/api/docs/guides/image-generation, the
largest.
"""
SECOND = 4000
"""Bytes of sound in one, as phones record it."""
SOUND = 25
"""Tokens of a second of sound."""
EVENT = 160
"""Bytes that an event of one token takes in a stream."""
SMALL = 2000
"""Bytes of a body so small that all of it may as well be text."""
MOST, MOST_PICTURES = 10**9, 10**6
"""What is guessed at most, in tokens and in pictures: whoever asks for more is refused by any budget, and all
that is held together still is a number that stores can hold.
"""


class Estimate(NamedTuple):
    """Ways to count it, the likeliest to have a price first. floor: what it costs to read it alone. tokens:
    for limits: read, and written as far as it says; a small limit is not too small for whatever is usual.
    """

    ways: Ways
    floor: Ways
    tokens: int = 0


def estimate_of(path: str, body: Body, size: int, most: int) -> Estimate:
    """path: below `/v1`. most: tokens of an answer whose request does not say."""
    return KINDS.get(path, _nothing)(body, size, most)


def written(sent: int) -> int:
    """Tokens of a stream of which so many bytes were sent."""
    return sent // EVENT


def read(body: Body, size: int) -> int:
    """Tokens that will be read."""
    if size <= SMALL:
        return size // CHARACTERS + 1
    media = sum(type_of(part) in MEDIA for part in parts_of(body))
    return len(text_of(body)) // CHARACTERS + media * MEDIUM + 1


def _text(body: Body, size: int, most: int) -> Estimate:
    """What is to be written into a cache costs more: https://platform.claude.com/docs/en/build-with-
    claude/prompt-caching.
    """
    tokens, answers = read(body, size), _answers(body)
    said = min(output_of(body) * answers, MOST)
    kind = "cache_write" if "system" in body or "cache_control" in body else "input"
    ways = ({kind: tokens, "output": said or min(most * answers, MOST)},)
    return Estimate(ways, ({"input": tokens},), tokens + said)


def _answers(body: Body) -> int:
    """How many are asked for."""
    count = body.get("n")
    return max(count, 1) if isinstance(count, int) else 1


def _read_alone(body: Body, size: int, _: int) -> Estimate:
    tokens = read(body, size)
    ways = ({"input": tokens}, {"searches": 1})
    return Estimate(ways, ways, tokens)


def _picture(body: Body, size: int, _: int) -> Estimate:
    count = min(_answers(body), MOST_PICTURES)
    ways = ({"images": count}, {"input": read(body, min(size, SMALL)), "output_image": count * PICTURE})
    return Estimate(ways, ways[:1])


def _speech(body: Body, size: int, _: int) -> Estimate:
    text = body.get("input")
    length = len(text) if isinstance(text, str) else size
    seconds = length // 15 + 1
    ways = ({"characters": length}, {"input": length // CHARACTERS + 1, "output_audio": seconds * SOUND})
    return Estimate(ways, ({"input": length // CHARACTERS + 1},))


def _sound(_body: Body, size: int, _: int) -> Estimate:
    seconds = size // SECOND + 1
    ways = ({"seconds": seconds}, {"input_audio": seconds * SOUND, "output": seconds * 5})
    return Estimate(ways, ways)


def _session(_body: Body, _size: int, most: int) -> Estimate:
    """Of realtime: as one long answer, and as much that is heard. Nobody knows how long it will go on."""
    return Estimate(({"input_audio": most, "output_audio": most}, {"input": most, "output": most}), ())


def _nothing(_body: Body, _size: int, _: int) -> Estimate:
    """Files and batches cost when they are worked on: that is booked when they are over."""
    return Estimate((), ())


KINDS: Mapping[str, Callable[[Body, int, int], Estimate]] = {
    **dict.fromkeys(
        ("/chat/completions", "/completions", "/responses", "/responses/compact", "/messages"), _text
    ),
    **dict.fromkeys(("/embeddings", "/moderations", "/rerank"), _read_alone),
    **dict.fromkeys(("/images/generations", "/images/edits"), _picture),
    **dict.fromkeys(("/audio/transcriptions", "/audio/translations"), _sound),
    "/audio/speech": _speech,
    "/realtime": _session,
}
