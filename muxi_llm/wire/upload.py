"""Bodies with files in them: what is sent, told without reading a byte of it.

An `Upload` is a value like JSON is. The transport opens its files, anew for every attempt, and sends it in
pieces; how long it is, and what separates the parts of a form, is found out there.

Names are written as browsers do, with `"`, CR and LF percent-encoded and the rest as UTF-8:
https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#multipart-form-data. The values of
fields keep the line ends they have.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from muxi_llm.wire.json_text import UnsendableTextError


class Source(Protocol):
    """Bytes that lie elsewhere. All of it may block, and raises `UnreadableError`."""

    @property
    def size(self) -> int:
        """How many there are."""

    def pieces(self) -> Iterator[bytes]:
        """All of them, from the beginning, whenever it is called."""


@dataclass(frozen=True, slots=True)
class File:
    """One file. name: as the server is told. type: its media type. headers: what else its part says.

    Lengths and contents are its source's; a `bytes` source is both.
    """

    name: str
    type: str
    source: bytes | Source = field(repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)

    def read(self) -> bytes:
        """All of it. Blocks where it is not in memory; for wires that have files inside of JSON."""
        return self.source if isinstance(self.source, bytes) else b"".join(self.source.pieces())


Part = tuple[str, str | File]
Layout = list[bytes | Source]


@dataclass(frozen=True, slots=True)
class Upload:
    """A form of *parts*, or one *file* alone as it is."""

    parts: tuple[Part, ...] = field(default=(), repr=False)
    file: File | None = None

    @property
    def is_in_memory(self) -> bool:
        """Whether nothing has to be opened for it."""
        files = [self.file] if self.file is not None else [value for _, value in self.parts]
        return all(isinstance(one, str) or isinstance(one.source, bytes) for one in files)

    def type(self, boundary: str) -> str:
        """Its content type."""
        return self.file.type if self.file is not None else f"multipart/form-data; boundary={boundary}"

    def layout(self, boundary: str) -> Layout:
        """What is sent, one after another. boundary: must not occur in any part."""
        if self.file is not None:
            return [self.file.source]
        out: Layout = []
        head = b""
        for name, value in self.parts:
            head += f"--{boundary}\r\n{_head(name, value)}\r\n\r\n".encode("utf-8", "replace")
            if isinstance(value, str):
                head += value.encode() + b"\r\n"
            else:
                out += (head, value.source)
                head = b"\r\n"
        out.append(head + f"--{boundary}--\r\n".encode())
        return out


def _head(name: str, value: str | File) -> str:
    head = f'Content-Disposition: form-data; name="{_quoted(name)}"'
    if isinstance(value, str):
        return head
    further = "".join(f"\r\n{key}: {said}" for key, said in value.headers)
    return f'{head}; filename="{_quoted(value.name)}"\r\nContent-Type: {value.type}{further}'


def _quoted(name: str) -> str:
    return name.translate(ESCAPED)


ESCAPED = {ord('"'): "%22", ord("\r"): "%0D", ord("\n"): "%0A"}


def form_of(body: Mapping[str, Any]) -> Upload:
    """A form that says what *body* says. Raises `UnsendableTextError`.

    It is written as the openai package writes it: `name[]` for each of a list, `name[key]` for what an object
    holds, `true` and `false`. Files are parts, several of one argument too.
    """
    return Upload(tuple(part for name, value in body.items() for part in _parts(name, value)))


def in_memory(body: Mapping[str, Any], most: int) -> dict[str, Any]:
    """*body* with the contents of its files. Blocks; raises `UnreadableError`, and `ValueError` for one of
    more than *most* bytes.
    """
    return {name: _held(name, value, most) for name, value in body.items()}


def _held(name: str, value: Any, most: int) -> Any:
    if isinstance(value, list):
        return [_held(name, one, most) for one in value]
    if not isinstance(value, File):
        return value
    size = len(value.source) if isinstance(value.source, bytes) else value.source.size
    if size > most:
        raise ValueError(f"{name} has {size:,}")
    return replace(value, source=value.read())


def _parts(name: str, value: Any) -> Iterator[Part]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _parts(f"{name}[{key}]", inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _parts(f"{name}[]", inner)
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    elif isinstance(value, File):
        yield name, value
    elif value is not None:
        try:
            str(value).encode()
        except UnicodeEncodeError:
            raise UnsendableTextError("a parameter cannot be sent in a form: it is no UTF-8") from None
        yield name, str(value)
