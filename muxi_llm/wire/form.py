"""A form's body, backwards: pieces in, arguments out. `upload` writes what this reads.

Fields by their names, files as OpenAI's clients give them: a tuple of name, open file and, where it is told,
type. A name with `[]` is a list's, one with `[key]` an object's; numbers are numbers again.
https://www.rfc-editor.org/rfc/rfc7578
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any

from python_multipart import MultipartParser
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import parse_options_header

from muxi_llm.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.wire.base import Json

FORM = "multipart/form-data"
LONGEST = 2**20
"""Bytes of a field: a prompt may be one."""
MOST_PARTS = 1000


class FormDecoder:
    """One form. Raises `InvalidRequestError` for what is none."""

    def __init__(self, content_type: str, sink: Callable[[], IO[bytes]]) -> None:
        """sink: where a file's bytes go, from which they are read again."""
        kind, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if kind != FORM.encode() or not boundary:
            raise no_form()
        self.spans: dict[str, tuple[int, int]] = {}
        """Where the value of a field stands in all that was fed."""
        self._sink = sink
        self._out: dict[str, Any] = {}
        self._parts = 0
        self._fed = 0
        self._is_over = False
        told: Any = {name: getattr(self, f"_{name}") for name in EVENTS}
        self._parser = MultipartParser(boundary, told)

    def feed(self, piece: bytes) -> None:
        """The next of it. Blocks where the sink does."""
        try:
            self._parser.write(piece)
        except (FormParserError, ValueError) as error:
            raise no_form() from error
        self._fed += len(piece)

    def finish(self) -> Json:
        """What it says, if it is whole and says anything."""
        if not self._is_over:
            raise no_form()
        if not self._out:
            raise InvalidRequestError("the form of the body is empty")
        return self._out

    def _on_part_begin(self) -> None:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise InvalidRequestError(f"the form has more than {MOST_PARTS} parts")
        self._headers: dict[str, bytes] = {}
        self._header = [b"", b""]
        self._field = bytearray()
        self._span = (0, 0)

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._header[0] += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header[1] += data[start:end]

    def _on_header_end(self) -> None:
        name, value = self._header
        self._headers[name.decode("latin-1").lower()] = value
        self._header = [b"", b""]

    def _on_headers_finished(self) -> None:
        _, options = parse_options_header(self._headers.get("content-disposition", b""))
        self._name = text_of(options.get(b"name", b""))
        self._file: IO[bytes] | None = None
        if b"filename" in options:
            self._file = self._sink()
            self._file_name = text_of(options[b"filename"]) or "upload"

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._file is not None:
            self._file.write(data[start:end])
            return
        first = self._span[0] if self._field else self._fed + start
        self._span = (first, self._fed + end)
        self._field += data[start:end]
        if len(self._field) > LONGEST:
            raise InvalidRequestError(f"a field of the form is larger than {LONGEST} bytes")

    def _on_part_end(self) -> None:
        name = self._name
        if self._file is None:
            text = text_of(bytes(self._field))
            self.spans[name] = self._span
            self._put(name, KINDS[name](text) if name in KINDS and text else text)
            return
        self._file.seek(0)
        media_type = self._headers.get("content-type", b"").decode("latin-1")
        given = (self._file_name, self._file)
        self._put(name, (*given, media_type) if media_type else given)

    def _on_end(self) -> None:
        self._is_over = True

    def _put(self, name: str, value: Any) -> None:
        if name == "model" and name in self._out:
            raise InvalidRequestError("the form names two models", param=name)  # who reads which, who knows
        within = WITHIN.fullmatch(name)
        if within is None:
            self._out[name] = value
            return
        outer, key = within.groups()
        held = self._out.setdefault(outer, {} if key else [])
        if not isinstance(held, dict if key else list):
            raise InvalidRequestError("the form says two things of one name", param=outer)
        if isinstance(held, list):
            held.append(value)
        else:
            held[key] = value


def with_field(content: bytes, content_type: str, name: str, value: str) -> bytes:
    """The form *content* with another value of its field *name*, and otherwise as it came."""
    decoder = FormDecoder(content_type, BytesIO)
    decoder.feed(content)
    start, end = decoder.spans[name]
    return content[:start] + value.encode() + content[end:]


def no_form() -> InvalidRequestError:
    """The error for bytes that are none."""
    return InvalidRequestError("the body is no multipart form")


def text_of(value: bytes) -> str:
    """What a field says."""
    try:
        return value.decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError("a field of the form is no UTF-8") from error


def _flag(text: str) -> Any:
    return {"true": True, "false": False}.get(text.lower(), text)


def _number(text: str) -> Any:
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text  # whoever checks the argument says what is wrong with it


EVENTS = (
    *("on_part_begin", "on_header_field", "on_header_value", "on_header_end", "on_headers_finished"),
    *("on_part_data", "on_part_end", "on_end"),
)
WITHIN = re.compile(r"(\w+)\[(\w*)\]")
NUMBERS = ("n", "output_compression", "partial_images", "temperature")
KINDS = {"stream": _flag, **dict.fromkeys(NUMBERS, _number)}
"""Fields of OpenAI's forms that are no text."""
