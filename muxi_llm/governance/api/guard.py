"""What every request has to be before anybody reads it: small, flat, whole JSON in clean text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.governance.refusals import refused

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, MutableMapping

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Coroutine[Any, Any, Message]]

LARGEST = 2**20
"""Bytes of a body."""

DEEPEST = 32
"""Lists and tables within each other."""

NUL = "\x00"


async def checked(scope: Message, receive: Receive) -> Receive:
    """The body, read; what gives it again. Raises a refusal of 400 or 413."""
    if NUL in scope["path"] or b"%00" in scope["query_string"]:
        raise refused(400, "the address has a character that none may have", "bad_address")
    pieces, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        pieces.append(message.get("body", b""))
        size += len(pieces[-1])
        if size > LARGEST:
            raise refused(413, f"the request body is larger than {LARGEST} bytes", "request_too_large")
        more = message.get("more_body", False)
    body = b"".join(pieces)
    if body:
        check_json(body)
    told = False

    async def again() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again


def check_json(body: bytes) -> None:
    """Raises a refusal of 400 for what is no JSON, or is not clean, or is deeper than anybody needs."""
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise refused(400, "the request body is not JSON", "bad_json") from None
    if b"\\u0000" in body:
        raise refused(400, "the request body has a character that none may have", "bad_json")
    level = [value]
    for _ in range(DEEPEST):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return
    raise refused(400, f"the request body is deeper than {DEEPEST} levels", "bad_json")
