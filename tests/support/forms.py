"""Multipart bodies read by another library, as servers in Python do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import python_multipart
from python_multipart.multipart import parse_options_header


@dataclass
class FormPart:
    """One part. headers: by lower-case name."""

    headers: dict[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def _disposition(self) -> dict[bytes, bytes]:
        return parse_options_header(self.headers["content-disposition"])[1]

    @property
    def name(self) -> str:
        return self._disposition[b"name"].decode()

    @property
    def filename(self) -> str | None:
        found = self._disposition.get(b"filename")
        return None if found is None else found.decode()


def parts_of(received: Any) -> list[FormPart]:
    """The parts of a request that came to an upstream; what is no form fails here."""
    kind, options = parse_options_header(received.headers["content-type"])
    assert kind == b"multipart/form-data"
    parts: list[FormPart] = []
    header = [b"", b""]

    def on_part_begin() -> None:
        parts.append(FormPart())

    def on_part_data(data: bytes, start: int, end: int) -> None:
        parts[-1].content += data[start:end]

    def on_header_field(data: bytes, start: int, end: int) -> None:
        header[0] += data[start:end]

    def on_header_value(data: bytes, start: int, end: int) -> None:
        header[1] += data[start:end]

    def on_header_end() -> None:
        parts[-1].headers[header[0].decode().lower()] = header[1].decode("latin-1")
        header[:] = [b"", b""]

    ended: list[bool] = []
    callbacks: Any = {name: made for name, made in locals().items() if name.startswith("on_")}
    callbacks["on_end"] = lambda: ended.append(True)
    parser = python_multipart.MultipartParser(options[b"boundary"], callbacks)
    parser.write(received.body)
    parser.finalize()
    assert ended, "the form has no end"
    return parts


def fields_of(received: Any) -> dict[str, Any]:
    """The same by name: text as a string, a file as `(name, content, type)`, several of a name as a list."""
    said: dict[str, Any] = {}
    for part in parts_of(received):
        name = part.filename
        one: Any = (
            part.content.decode() if name is None else (name, part.content, part.headers["content-type"])
        )
        if part.name in said:
            one = [*(said[part.name] if isinstance(said[part.name], list) else [said[part.name]]), one]
        said[part.name] = one
    return said
