"""How many tokens a text, a chat or a set of tools costs, counted without sending it anywhere.

Nothing here uses the network. tiktoken would, without a timeout, to fetch an encoding; so it is asked only
for one it has loaded, or has whole in its cache (`TIKTOKEN_CACHE_DIR`, else `DATA_GYM_CACHE_DIR`, else
`data-gym-cache` in the temporary folder). Otherwise a count is an estimate, and says so. To count exactly,
have tiktoken fetch once: `tiktoken.get_encoding("o200k_base")`; a process loads it with its first count.
"""

from __future__ import annotations

import base64
import math
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from hashlib import sha1, sha256
from os import R_OK, access, environ
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from pydantic import BaseModel
    from tiktoken import Encoding

__all__ = ["TokenCount", "count_tokens", "num_tokens_from_messages", "num_tokens_from_string"]
Json: TypeAlias = Mapping[str, Any]
Chat: TypeAlias = "Iterable[Json | BaseModel]"
Tools: TypeAlias = Iterable[Json] | None


class TokenCount(int):
    """A number of tokens that tells if it is `estimated`, and by which `method` ("tiktoken:o200k_base")."""

    estimated: bool = True
    method: str = "estimate"


def count_tokens(value: str | Chat, model: str | None = None, *, tools: Tools = None) -> TokenCount:
    """Tokens of a text as it stands or of chat messages as a prompt (with reply priming), and of `tools`.

    model: `provider/model` or a bare name; None counts as OpenAI's current models do. Others publish no
    encoding: theirs are estimates, mostly within a third of the truth for running text. Tool calls, image
    URLs and all else with no published rule make the whole an estimate; audio and files add nothing to it.
    """
    tally = _Tally(model)
    tally.text(value) if isinstance(value, str) else tally.messages(value)
    tally.tools(list(tools or ()))
    count = TokenCount(tally.tokens)
    if tally.encoding:
        count.method, count.estimated = f"tiktoken:{tally.encoding.name}", tally.guessed
    return count


def num_tokens_from_string(text: str, model: str | None = None) -> TokenCount:
    """`count_tokens` of a text."""
    return count_tokens(text, model)


def num_tokens_from_messages(messages: Chat, model: str | None = None) -> TokenCount:
    """`count_tokens` of chat messages."""
    return count_tokens(messages, model)


class _Tally:
    def __init__(self, model: str | None) -> None:
        # `openrouter/openai/gpt-4o:free`, `openai/ft:gpt-4o:org` and `gpt-4o-2024-11-20` are all gpt-4o.
        name = (model or "gpt-4o").lower().rpartition("/")[2].removeprefix("ft:")
        self.family, self.tokens, self.guessed = re.split(r":|-20\d\d-", name)[0], 0, False
        self.encoding = _encoding(self.family)

    def text(self, text: str | None) -> None:
        text = text or ""
        if self.encoding:
            self.tokens += len(self.encoding.encode_ordinary(text))
            return
        for start in range(0, len(text), _AT_ONCE):  # other threads have their turn between two
            self.tokens += len(_PIECE.findall(text, start, start + _AT_ONCE))

    def guess(self, value: object) -> None:
        self.guessed |= bool(value)
        if isinstance(value, Mapping):
            value = [word for key in value.keys() - _OPAQUE for word in (key, value[key])]
        for item in value if isinstance(value, list) else ():
            self.guess(item)
        if isinstance(value, str | float | int):
            self.text(str(value))

    def messages(self, messages: Chat) -> None:
        for message in messages:
            fields = message if isinstance(message, Mapping) else message.model_dump(exclude_none=True)
            self.tokens += _PER_MESSAGE + (_PER_NAME if fields.get("name") else 0)
            for field in fields.keys() - _OPAQUE:
                _RULES.get(field, _Tally.guess)(self, fields[field])
        self.tokens += _REPLY_PRIMING
        self.guessed |= self.encoding is not None and self.encoding.name not in _PER_FUNCTION

    def content(self, content: str | Iterable[Json] | None) -> None:
        for part in [{"type": "text", "text": content}] if isinstance(content, str) else content or ():
            _RULES.get(kind := part.get("type", ""), _Tally.guess)(self, part.get(kind, part))

    def image(self, image: Json) -> None:
        base, tile = _TILED.get(self.family, (85, 170))
        detail, sides = image.get("detail"), _sides(image.get("url") or "")
        box = sides or (1024, 1024)
        fit = min(1.0, 2048 / max(box), 768 / min(box))
        tiles = math.prod(math.ceil(max(1, round(side * fit)) / 512) for side in box)
        # "auto" is for the model to decide; it nearly always looks closely, so that is what is counted.
        self.tokens += base + (0 if detail == "low" else tile * tiles)
        self.guessed |= self.family not in _TILED or (detail != "low" and not (detail == "high" and sides))

    def tools(self, tools: list[Json]) -> None:
        self.tokens += _TOOLS_END if tools else 0
        for tool in tools:
            self.tokens += _PER_FUNCTION.get(self.encoding.name if self.encoding else "", 7)
            function = tool.get("function") or {}
            self.guess("" if function else tool.get("type"))
            spec = {**tool, **(function.get("parameters") or {}), **function, "type": None}
            self.described(function.get("name"), spec, nested=False)

    def described(self, name: str | None, spec: Json, *, nested: bool) -> None:
        words = (name, spec.get("type"), spec.get("description"))
        self.text(":".join(str(word).removesuffix(".") for word in words if word))
        for item in spec.get("enum") or ():
            self.text(str(item))
        properties = spec.get("properties") or {}
        self.tokens += _ENUM + _PER_ENUM_ITEM * len(spec["enum"]) if spec.get("enum") else 0
        self.tokens += _PROPERTIES + _PER_PROPERTY * len(properties) if properties else 0
        for inner, rule in properties.items():
            self.described(inner, rule if isinstance(rule, Mapping) else {}, nested=True)
        self.guessed |= nested and bool(properties)
        self.guess({key: rest for key, rest in spec.items() if key not in _RULED})


def _encoding(family: str) -> Encoding | None:
    import tiktoken.registry  # here, because it is slow to import and most programs never count  # noqa: PLC0415

    try:
        name = tiktoken.encoding_name_for_model(family)
    except KeyError:
        name = next((name for prefix, name in _NEW_MODELS.items() if family.startswith(prefix)), "")
    return tiktoken.get_encoding(name) if name in tiktoken.registry.ENCODINGS or _on_disk(name) else None


def _on_disk(name: str) -> bool:
    default = environ.get("DATA_GYM_CACHE_DIR", tempfile.gettempdir() + "/data-gym-cache")
    folder = environ.get("TIKTOKEN_CACHE_DIR", default)
    name = name.replace("_harmony", "_base")  # the same tokens, more special ones
    path = Path(folder, sha1(f"{_BPE}/{name}.tiktoken".encode(), usedforsecurity=False).hexdigest())
    # An empty folder name turns tiktoken's cache off, and a damaged file it would fetch anew.
    return bool(folder) and access(path, R_OK) and sha256(path.read_bytes()).hexdigest() == _SHA256.get(name)


def _sides(url: str) -> tuple[int, int] | None:
    # The two sides in pixels, in any order, of the JPEG, PNG, GIF or WebP in a base64 data URL.
    head, _, payload = url[: 1 << 18].partition(";base64,")  # metadata before a JPEG's size is seldom longer
    try:
        data = base64.b64decode(payload[: len(payload) // 4 * 4]) if head.startswith("data:") else b""
    except ValueError:
        return None
    at = 2 if data.startswith(b"\xff\xd8") else len(data)
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] not in b"\xc0\xc1\xc2":
        at += 2 + int.from_bytes(data[at + 2 : at + 4])  # a JPEG is segments; the frame's tells the size
    for where, magic, order, start, bits, mask, add in (*_SIZES, (at, b"\xff", "big", at + 5, 16, 0xFFFF, 0)):
        if data.startswith(magic, where):
            both = int.from_bytes(data[start : start + math.ceil(bits / 4)], order)
            return (both & mask) + add or 1, (both >> bits & mask) + add or 1
    return None


# How a field of a message or a part of its content is counted; the rest has no published rule.
_RULES: dict[str, Callable[..., None]] = dict.fromkeys(("role", "name", "text", "refusal"), _Tally.text)
_RULES |= {"content": _Tally.content, "image_url": _Tally.image}
_OPAQUE = {"id", "tool_call_id", "data", "file_data", "signature", "encrypted_content"}  # not shown as text
# Tokens of chats and functions: developers.openai.com/cookbook/examples/how_to_count_tokens_with_tiktoken
_PER_MESSAGE, _PER_NAME, _REPLY_PRIMING = 3, 1, 3
_PER_FUNCTION = {"o200k_base": 7, "cl100k_base": 10}  # the rules are published for models of these encodings
_PROPERTIES, _PER_PROPERTY, _ENUM, _PER_ENUM_ITEM, _TOOLS_END = 3, 3, -3, 3, 12
_RULED = {"name", "type", "description", "enum", "properties", "required", "additionalProperties", "strict"}
_RULED |= {"function", "parameters"}
# Tokens of an image and of each 512 px tile: developers.openai.com/api/docs/guides/images-vision
_TILED = dict.fromkeys(("gpt-4o", "gpt-4.1", "gpt-4-turbo"), (85, 170))
_TILED |= {"gpt-4o-mini": (2833, 5667), "gpt-5": (70, 140), "o1": (75, 150), "o3": (75, 150)}
# Models tiktoken does not know, or knows only with a date behind the name; by prefix.
_NEW_MODELS = dict.fromkeys(("gpt-4.", "gpt-5", "gpt-audio", "gpt-realtime", "o1", "o3", "o4"), "o200k_base")
# As in tiktoken_ext/openai_public.py; tiktoken names its copy of a file by the SHA-1 of the address.
_BPE = "https://openaipublic.blob.core.windows.net/encodings"
_SHA256 = {"o200k_base": "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"}
_SHA256 |= {"cl100k_base": "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7"}
# Where the magic is, the magic, byte order, where the sides are, bits between them, mask, what to add.
_SIZES: tuple[tuple[int, bytes, Literal["big", "little"], int, int, int, int], ...] = (
    (0, b"\x89PNG", "big", 16, 32, 0xFFFFFFFF, 0),
    (0, b"GIF8", "little", 6, 16, 0xFFFF, 0),
    (8, b"WEBPVP8 ", "little", 26, 16, 0x3FFF, 0),
    (8, b"WEBPVP8L", "little", 21, 14, 0x3FFF, 1),
    (8, b"WEBPVP8X", "little", 24, 24, 0xFFFFFF, 1),
)
_AT_ONCE = 1 << 16
# The estimate: each piece is one token. Fitted to the counts OpenAI gives for 20 languages
# (openai.com/index/hello-gpt-4o, "Language tokenization") and to 4.4 characters a token in English prose.
_PIECE = re.compile(
    r"[ !-/:-@\[-`{-~]?+(?:[A-Z]?+[a-z\u1e00-\u1eff]{1,8}+|[A-Z]{1,4}+)"  # a word and what leads it
    r"|[ !-/:-@\[-`{-~]?+[\u00c0-\u024f\u0300-\u036f][a-z]{0,2}+"  # accents tell of shorter tokens
    r"|[0-9]{1,3}+|[\r\n]{1,16}+|[^\S\r\n]{1,64}(?!\S)"  # of spaces, the last leads the next word
    r"| ?[!-/:-@\[-`{-~]{1,3}+| ?[\u0370-\u058f]{1,4}+| ?[\u0590-\u1dff]{1,3}+"  # Greek on; Hebrew on
    r"|[\u3040-\u30ff]{1,2}+| ?[\uac00-\ud7af]{1,2}+|(?s:.)",  # kana; Hangul; Han, emoji, all else
)
