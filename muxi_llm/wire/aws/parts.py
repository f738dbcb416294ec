"""Bedrock Converse, ours → theirs: the parts of a message as content blocks.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html. Anthropic's
own blocks (from its drop-in client) are understood as well. The caller's parts are read, never changed.
"""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any, Literal

from muxi_llm.errors import UnsupportedParameterError
from muxi_llm.wire.base import plain
from muxi_llm.wire.requesting import taken_apart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.wire.base import Json, Ledger

Caching = Literal["none", "basic", "full"]


class Parts:
    """Translates parts. `points`: the cache points made here, in order.

    caching: where the model takes them, nowhere, outside of the tools, or everywhere (and keeps them longer).
    """

    def __init__(self, ledger: Ledger, caching: Caching) -> None:
        self._ledger = ledger
        self._caching = caching
        self._names: set[str] = set()
        self.points: list[Json] = []

    def blocks(self, content: object, at: str) -> list[Json]:
        """*content*, a string or parts, as blocks; blank text, which is a 400 there, is left out."""
        if content is None:
            return []
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        blocks: list[Json] = []
        for index, raw in enumerate(parts):  # type: ignore[arg-type, var-annotated]  # checked by the request
            part = raw if isinstance(raw, dict) else plain(raw)
            block = self._block(part, f"{at}.content[{index}]")
            if block is not None:
                blocks += [block, *self.mark(part)]
        return blocks

    def mark(self, given: Mapping[str, Any], *, tool: bool = False) -> list[Json]:
        """The cache point that *given* asks for behind itself, if it does and the model takes it."""
        mark = given.get("cache_control")
        if not mark:
            return []
        if self._caching == "none" or (tool and self._caching == "basic"):
            self._ledger.dropped("cache_control", "this model takes no cache points there", loss=False)
            return []
        point = {"type": "default"}
        if mark.get("ttl") and self._caching == "full":
            point["ttl"] = mark["ttl"]
        elif mark.get("ttl"):
            self._ledger.dropped("cache_control.ttl", "this model's cache has but one", loss=False)
        self.points.append({"cachePoint": point})
        return self.points[-1:]

    def _block(self, part: Json, at: str) -> Json | None:
        kind = part["type"]
        if kind in {"text", "refusal"}:
            text = part[kind] or ""
            return {"text": text} if text.strip() else None
        translate = BLOCKS.get(kind)
        if translate is None:
            raise UnsupportedParameterError(f"{at}.type {kind!r} has no counterpart in Converse", param=at)
        return translate(self, part, at)

    # ------------------------------------------------------------------------------ one per part

    def _image(self, part: Json, at: str) -> Json:
        image = part["image_url"]
        if not isinstance(image, str) and image.get("detail") not in {None, "auto"}:
            self._ledger.dropped(f"{at}.image_url.detail", "Converse has no such setting", loss=False)
        return self._media("image", _url_of(image), at)

    def _video(self, part: Json, at: str) -> Json:
        return self._media("video", _url_of(part["video_url"]), at)

    def _audio(self, part: Json, at: str) -> Json:  # noqa: ARG002 - as its siblings
        audio = part["input_audio"]
        return {"audio": {"format": audio["format"], "source": {"bytes": audio["data"]}}}

    def _file(self, part: Json, at: str) -> Json:
        file = part["file"]
        data = file.get("file_data") or file.get("file_url")
        if not data:
            raise UnsupportedParameterError(f"{at}.file: Bedrock keeps no files; give file_data", param=at)
        url = data if ":" in data[:16] else f"data:application/pdf;base64,{data}"
        if url.startswith("data:image/"):
            return self._media("image", url, at)
        media = self._media("document", url, at)
        media["document"]["name"] = self._name(file.get("filename") or "", f"{at}.file.filename")
        return media

    def _anthropic_image(self, part: Json, at: str) -> Json:
        return self._media("image", _data_url(part["source"], at), at)

    def _anthropic_document(self, part: Json, at: str) -> Json:
        source = part["source"]
        if source["type"] in {"text", "content"}:
            document = self._text_document(source, cited=bool(part.get("citations")))
        else:
            document = self._media("document", _data_url(source, at), at)["document"]
        kept = {name: part[name] for name in ("context", "citations") if part.get(name)}
        return {"document": {**document, "name": self._name(part.get("title") or "", f"{at}.title"), **kept}}

    def _text_document(self, source: Json, *, cited: bool) -> Json:
        """Text is only taken as text where citations refer to it."""
        content = source.get("content") or source["data"]
        if not isinstance(content, str) and cited:
            return {"source": {"content": [{"text": block["text"]} for block in content]}}
        text = content if isinstance(content, str) else "".join(block["text"] for block in content)
        data = base64.b64encode(text.encode()).decode()
        return {"format": "txt", "source": {"text": text} if cited else {"bytes": data}}

    def _search_result(self, part: Json, at: str) -> Json:  # noqa: ARG002 - as its siblings
        texts = [{"text": block["text"]} for block in part["content"]]
        kept = {name: part[name] for name in ("source", "title", "citations") if part.get(name)}
        return {"searchResult": {**kept, "content": texts}}

    # ------------------------------------------------------------------------------- what they share

    def _media(self, kind: str, url: str, at: str) -> Json:
        """A `data:` or an `s3:` URL as a block: Bedrock fetches nothing else."""
        formats = FORMATS[kind]
        source: Json
        if url.startswith("s3://"):
            named = url.rpartition(".")[2].lower()
            known = named if named in formats.values() else ALIASES.get(named)
            source = {"s3Location": {"uri": url}}
        else:
            named, data = taken_apart(url, at, "a data: or an s3:")
            known = formats.get(named) or ("txt" if kind == "document" and named[:5] == "text/" else None)
            source = {"bytes": data}
        if known is None:
            wanted = ", ".join(dict.fromkeys(formats.values()))
            raise UnsupportedParameterError(f"{at}: Converse takes {wanted}, not {named}", param=at)
        return {kind: {"format": known, "source": source}}

    def _name(self, filename: str, at: str) -> str:
        """A name as Converse takes it, and as no other document of the request has it."""
        stem = re.sub(r"\.\w{1,5}$", "", filename)
        clean = re.sub(r"[^a-zA-Z0-9\s()\[\]-]", "-", stem)
        clean = re.sub(r"\s+", " ", clean).strip()[:MOST_OF_A_NAME] or "document"
        if stem and clean != stem:
            unsaid = re.search(r"[^\W_a-zA-Z0-9]", stem) or len(clean) == MOST_OF_A_NAME
            why = "Converse's names have Latin letters, digits and few signs"
            self._ledger.changed(at, why, loss=bool(unsaid))
        name, count = clean, 1
        while name in self._names:
            count += 1
            name = f"{clean} ({count})"
        self._names.add(name)
        return name


def _url_of(image: Any) -> str:
    return str(image if isinstance(image, str) else image["url"])


def _data_url(source: Json, at: str) -> str:
    if source["type"] != "base64":
        raise UnsupportedParameterError(
            f"{at}.source: Converse takes base64, not {source['type']!r}", param=at
        )
    return f"data:{source['media_type']};base64,{source['data']}"


# ------------------------------------------------------------------------------------------ tables

MOST_OF_A_NAME = 190
"""Of 200 characters, with room for a number: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_DocumentBlock.html"""

BLOCKS: dict[str, Callable[[Parts, Json, str], Json]] = {
    "image_url": Parts._image,  # noqa: SLF001 - its own methods
    "video_url": Parts._video,  # noqa: SLF001
    "input_audio": Parts._audio,  # noqa: SLF001
    "file": Parts._file,  # noqa: SLF001
    "image": Parts._anthropic_image,  # noqa: SLF001
    "document": Parts._anthropic_document,  # noqa: SLF001
    "search_result": Parts._search_result,  # noqa: SLF001
}

FORMATS = {
    "image": {
        "image/png": "png",
        "image/jpeg": "jpeg",
        "image/jpg": "jpeg",
        "image/gif": "gif",
        "image/webp": "webp",
    },
    "video": {
        "video/mp4": "mp4",
        "video/quicktime": "mov",
        "video/x-matroska": "mkv",
        "video/webm": "webm",
        "video/x-flv": "flv",
        "video/mpeg": "mpeg",
        "video/mpg": "mpg",
        "video/x-ms-wmv": "wmv",
        "video/3gpp": "three_gp",
    },
    "document": {
        "application/pdf": "pdf",
        "text/csv": "csv",
        "application/msword": "doc",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
        "application/vnd.ms-excel": "xls",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
        "text/html": "html",
        "text/plain": "txt",
        "text/markdown": "md",
        "application/json": "txt",
    },
}
"""Media type → what Converse calls the format."""

ALIASES = {"jpg": "jpeg", "htm": "html", "3gp": "three_gp"}
"""Endings of file names that are no format's name."""
