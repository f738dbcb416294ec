"""What the arguments of endpoints must be: a table, checked before any I/O.

What only one provider wants of an argument is for its tables; here is what no provider could take.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.errors import InvalidRequestError, shown
from muxi_llm.wire.upload import File

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.wire.base import Endpoint, Json


class Argument(NamedTuple):
    """wanted: what to give, in words. fits: whether a value is that. needed: whether it must be given.
    may_be_empty: whether one with nothing in it says as much as none.
    """

    wanted: str
    fits: Callable[[Any], bool]
    needed: bool = False
    may_be_empty: bool = False

    def check(self, name: str, value: Any) -> None:
        """Raise an `InvalidRequestError` that names the argument, and quotes no text."""
        if (value is None and not self.needed) or (self.may_be_empty and not value and self.fits(value)):
            return
        if value is None or (hasattr(value, "__len__") and len(value) == 0) or _is_blank(value, self.fits):
            raise InvalidRequestError(f"{name} is empty; give {self.wanted}", param=name)
        if not self.fits(value):
            raise InvalidRequestError(f"{name} must be {self.wanted}, not {shown(value)}", param=name)


def check(endpoint: Endpoint, body: Json) -> None:
    """Refuse what no provider could take for an argument of *endpoint*."""
    for name, argument in ARGUMENTS.get(endpoint, {}).items():
        argument.check(name, body.get(name))


def is_text(value: object) -> bool:
    """A string with something in it."""
    return isinstance(value, str) and bool(value.strip())


def _is_blank(value: object, fits: Callable[[Any], bool]) -> bool:
    return fits is is_text and isinstance(value, str) and not is_text(value)


def within(least: int, most: float = float("inf")) -> Callable[[Any], bool]:
    """A whole number of that size."""
    return lambda value: type(value) is int and least <= value <= most


def one_of(*words: str) -> Argument:
    """One of these words."""
    return Argument(f"one of {', '.join(words)}", lambda value: value in words)


def listing(*kinds: type) -> Callable[[Any], bool]:
    """A list of these types."""
    return lambda value: isinstance(value, list) and all(isinstance(item, kinds) for item in value)


def _is_input(value: Any) -> bool:
    return isinstance(value, str | list)


def _is_moderated(value: Any) -> bool:
    if isinstance(value, str):
        return True
    return listing(str)(value) or (
        listing(Mapping)(value) and all(isinstance(part.get("type"), str) for part in value)
    )


def _are_stops(value: Any) -> bool:
    return isinstance(value, str) or listing(str)(value)


def _are_strings(value: Any) -> bool:
    return isinstance(value, Mapping) and all(isinstance(one, str) for one in (*value, *value.values()))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_voice(value: Any) -> bool:
    return is_text(value) or (isinstance(value, dict) and is_text(value.get("id")))


def _are_images(value: Any) -> bool:
    return isinstance(value, File) or listing(File)(value)


# ------------------------------------------------------------------------------------------ tables

TEXT = Argument("a string", is_text)
NEEDED_TEXT = TEXT._replace(needed=True)
STRINGS = Argument("a string or a list", _is_input, needed=True)
COUNT = Argument("a whole number from 1", within(1))

NUMBER = Argument("a number", _is_number)
FILE = Argument("a path, bytes, an open file or (name, content)", lambda value: isinstance(value, File))

# https://platform.openai.com/docs/api-reference/audio/createTranslation
TRANSLATION = {
    "file": FILE._replace(needed=True),
    "prompt": TEXT,
    "response_format": one_of("json", "text", "srt", "verbose_json", "vtt"),
    "temperature": NUMBER,
}

STOP = Argument("a string or a list of strings", _are_stops, may_be_empty=True)
OBJECT = Argument("an object", lambda value: isinstance(value, Mapping))

ARGUMENTS: dict[Endpoint, dict[str, Argument]] = {
    # https://platform.openai.com/docs/api-reference/chat/create: what is looked into before a codec does
    "chat": {
        "metadata": OBJECT._replace(may_be_empty=True),
        "stream_options": OBJECT._replace(may_be_empty=True),
        "tool_choice": Argument("a string or an object", lambda one: isinstance(one, str | Mapping)),
        "stop": STOP,
    },
    "completion": {"prompt": STRINGS, "stop": STOP},
    "embedding": {"input": STRINGS},
    # https://platform.openai.com/docs/api-reference/images/create
    "image": {
        "prompt": NEEDED_TEXT,
        "n": COUNT,
        "size": TEXT,
        "quality": TEXT,
        "style": TEXT,
        "background": TEXT,
        "output_format": TEXT,
        "response_format": one_of("url", "b64_json"),
        "output_compression": Argument("a whole number from 0 to 100", within(0, 100)),
        "partial_images": Argument("a whole number from 0 to 3", within(0, 3)),
    },
    # https://platform.openai.com/docs/api-reference/files, .../batch
    "file.create": {"expires_after": OBJECT},
    "file.list": {"limit": COUNT, "order": one_of("asc", "desc"), "purpose": TEXT},
    "file.retrieve": {"file_id": NEEDED_TEXT},
    "file.content": {"file_id": NEEDED_TEXT},
    "file.delete": {"file_id": NEEDED_TEXT},
    "batch.create": {
        "endpoint": NEEDED_TEXT,
        "completion_window": TEXT,
        "metadata": Argument("an object of strings", _are_strings),
        "output_expires_after": OBJECT,
    },
    "batch.list": {"limit": COUNT},
    "batch.retrieve": {"batch_id": NEEDED_TEXT},
    "batch.cancel": {"batch_id": NEEDED_TEXT},
    # https://platform.openai.com/docs/api-reference/images/createEdit
    "image_edit": {
        "image": Argument(f"{FILE.wanted}, or a list of them", _are_images, needed=True),
        "prompt": NEEDED_TEXT,
        "mask": FILE,
        "markup": FILE,
        "n": COUNT,
        "size": TEXT,
        "quality": TEXT,
        "background": TEXT,
        "output_format": TEXT,
        "input_fidelity": TEXT,
        "response_format": one_of("url", "b64_json"),
        "output_compression": Argument("a whole number from 0 to 100", within(0, 100)),
        "partial_images": Argument("a whole number from 0 to 3", within(0, 3)),
    },
    "translation": TRANSLATION,
    # https://platform.openai.com/docs/api-reference/audio/createTranscription
    "transcription": {
        **TRANSLATION,
        "language": TEXT,
        "response_format": one_of("json", "text", "srt", "verbose_json", "vtt", "diarized_json"),
        "include": Argument("a list of strings", listing(str)),
        "timestamp_granularities": Argument(
            "a list of 'word' and 'segment'",
            lambda value: isinstance(value, list) and all(one in ("word", "segment") for one in value),
        ),
    },
    # https://platform.openai.com/docs/api-reference/audio/createSpeech
    "speech": {
        "input": NEEDED_TEXT,
        "voice": Argument("a voice's name, or {'id': ...}", _is_voice),
        "instructions": TEXT,
        "response_format": TEXT,
        "speed": NUMBER,
    },
    # https://platform.openai.com/docs/api-reference/moderations/create
    "moderation": {
        "input": Argument(
            "a string, a list of strings or a list of parts with a type", _is_moderated, needed=True
        )
    },
    # https://docs.cohere.com/reference/rerank, https://api.jina.ai/redoc
    "rerank": {
        "query": NEEDED_TEXT,
        "documents": Argument("a list of strings or objects", listing(str, dict), needed=True),
        "top_n": COUNT,
        "return_documents": Argument("true or false", lambda value: isinstance(value, bool)),
        "max_tokens_per_doc": COUNT,
    },
}
