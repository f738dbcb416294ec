"""What the gateway says of itself: an OpenAPI 3.1 document, from a table of its paths.

Bodies are as loose as the gateway is: fields it looks at have their types, all others go on to the provider.
https://spec.openapis.org/oas/v3.1.1.html
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

import orjson

from muxi_llm import __version__
from muxi_llm.gateway.openapi_tables import FIELDS, OPERATIONS, SCHEMAS, SCHEMES, TEXTS

if TYPE_CHECKING:
    from muxi_llm.gateway.openapi_tables import Operation
    from muxi_llm.wire.base import Json


@cache
def document(prefix: str, *, asks: bool) -> bytes:
    """The document, as JSON. prefix: what stands before all paths. asks: whether the gateway wants tokens."""
    paths: dict[str, Json] = {}
    for place, operation in OPERATIONS.items():
        method, _, path = place.partition(" ")
        paths.setdefault(path, {})[method.lower()] = _told(path, operation, asks=asks)
    return orjson.dumps(
        {
            "openapi": "3.1.0",
            "info": {"title": "muxi-llm gateway", "version": __version__},
            "servers": [{"url": prefix or "/"}],
            "paths": paths,
            "components": {
                "schemas": SCHEMAS,
                "responses": {"error": _answer("what is wrong", "Error")},
                "securitySchemes": SCHEMES if asks else {},
            },
        }
    )


def _told(path: str, operation: Operation, *, asks: bool) -> Json:
    """An operation, in the document's words."""
    content = {media: {"schema": TEXTS.get(media, {})} for media in operation.said}
    told: Json = {
        "summary": operation.what,
        "responses": {
            "200": {"description": "the answer", "content": content},
            "default": {"$ref": "#/components/responses/error"},
        },
        "security": [{name: []} for name in SCHEMES] if asks and not operation.is_open else [],
    }
    if names := re.findall(r"{(\w+)}", path):
        told["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
            for name in names
        ]
    if operation.takes:
        fields, last = operation.takes.split(), path.rpartition("/")[2]
        names = [field.rstrip("!") for field in fields]
        schema = {
            "type": "object",
            "properties": {name: FIELDS.get(f"{last}.{name}") or FIELDS[name] for name in names},
            "required": [field[:-1] for field in fields if field.endswith("!")],
        }
        media = "multipart/form-data" if operation.is_form else "application/json"
        told["requestBody"] = {"required": True, "content": {media: {"schema": schema}}}
    return told


def _answer(what: str, schema: str) -> Json:
    content = {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}
    return {"description": what, "content": content}
