"""A form's body → arguments: fields by their names, files as OpenAI's clients give them."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, Any

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError

from muxi_llm.errors import InvalidRequestError

if TYPE_CHECKING:
    from python_multipart.multipart import Field, File

    from muxi_llm.wire.base import Json

IS_FORM = "multipart/form-data"


def form_of(content: bytes, content_type: str) -> Json:
    """The fields and files of *content*. A name with `[]` is a list's, numbers are numbers again.

    Raises `InvalidRequestError` for what is no form.
    """
    out: dict[str, Any] = {}

    def put(name: str, value: Any) -> None:
        if name.endswith("[]"):
            out.setdefault(name[:-2], []).append(value)
        else:
            out[name] = value

    def field(one: Field) -> None:
        name, text = _text(one.field_name), _text(one.value)
        put(name, KINDS[name](text) if name in KINDS and text else text)

    def file(one: File) -> None:
        one.file_object.seek(0)
        given = (_text(one.file_name) or "upload", one.file_object.read())
        put(_text(one.field_name), (*given, one.content_type) if one.content_type else given)

    headers = {"Content-Type": content_type.encode("latin-1")}
    try:
        parse_form(headers, BytesIO(content), field, file)
    except (FormParserError, ValueError) as error:
        raise InvalidRequestError("the body is no multipart form") from error
    if not out:
        raise InvalidRequestError("the form of the body is empty")
    return out


def _text(value: bytes | None) -> str:
    try:
        return (value or b"").decode()
    except UnicodeDecodeError as error:
        raise InvalidRequestError("a field of the form is no UTF-8") from error


def _flag(text: str) -> Any:
    return {"true": True, "false": False}.get(text.lower(), text)


def _number(text: str) -> Any:
    try:
        return int(text) if text.lstrip("-").isdecimal() else float(text)
    except ValueError:
        return text  # whoever checks the argument says what is wrong with it


NUMBERS = ("n", "output_compression", "partial_images", "temperature")
KINDS = {"stream": _flag, **dict.fromkeys(NUMBERS, _number)}
"""Fields of OpenAI's forms that are no text."""
