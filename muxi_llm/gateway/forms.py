"""Forms of clients: in memory where they are calls, and never a path of this machine's."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError
from muxi_llm.transport.files import FILES
from muxi_llm.wire.form import FORM, FormDecoder

if TYPE_CHECKING:
    from muxi_llm.wire.base import Endpoint, Json


def form_of(content: bytes, content_type: str) -> Json:
    """The fields and files of *content*. Raises `InvalidRequestError` for what is no form."""
    decoder = FormDecoder(content_type, BytesIO)
    decoder.feed(content)
    return {name: _in_memory(value) for name, value in decoder.finish().items()}


def with_no_paths(endpoint: Endpoint, said: Json) -> Json:
    """*said*, whose files are files: a text in the place of one would be taken for a path, on this machine.

    Raises `InvalidRequestError`, which names what is none.
    """
    for name in FILES.get(endpoint, ()):
        given = said.get(name)
        if given is None and name != "file":
            continue
        if not all(isinstance(one, tuple) for one in (given if isinstance(given, list) else [given])):
            raise InvalidRequestError(f"{name} must be a file of a {FORM} body", param=name)
    return said


def _in_memory(value: Any) -> Any:
    if isinstance(value, list):
        return [_in_memory(one) for one in value]
    if isinstance(value, tuple):
        name, file, *media_type = value
        return (name, file.read(), *media_type)
    return value
