"""Every stream that a gateway of the tests emits, held against the rules of its protocol."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.gateway.app import path_of
from tests.support import anthropic_validator, chat_validator, completion_validator, responses_validator

if TYPE_CHECKING:
    from collections.abc import Callable


class Emitted:
    """An application around another, that looks at what it streams. Streams nobody read to their end, and those
    of paths without a protocol of their own, are left alone.
    """

    def __init__(self, app: Any) -> None:
        self._app = app
        self.count = 0
        """Streams that were checked."""
        self.faults: list[str] = []

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        check = CHECKS.get(path_of(scope.get("path", ""), ""))
        if check is None:
            await self._app(scope, receive, send)
            return
        asked, told = bytearray(), bytearray()
        is_stream = False

        async def received() -> Any:
            message = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def sent(message: Any) -> None:
            nonlocal is_stream
            if message["type"] == "http.response.start":
                is_stream = (
                    dict(message["headers"]).get(b"content-type", b"").startswith(b"text/event-stream")
                )
            elif is_stream:
                told.extend(message.get("body", b""))
                if not message.get("more_body"):
                    self._look(scope["path"], check, bytes(told), bytes(asked))
            await send(message)

        await self._app(scope, received, sent)

    def _look(self, path: str, check: Callable[[bytes, Any], object], told: bytes, asked: bytes) -> None:
        self.count += 1
        try:
            check(told, _read(asked))
        except Exception as error:  # whatever a validator stumbles over is a fault of the stream's
            self.faults.append(
                f"{path} emitted an invalid stream: {error!r}\n{told.decode(errors='replace')}"
            )


def _read(asked: bytes) -> Any:
    """The request, empty where it was packed."""
    try:
        return orjson.loads(asked)
    except orjson.JSONDecodeError:
        return {}


def chat(told: bytes, asked: Any) -> None:
    wants = (asked.get("stream_options") or {}).get("include_usage", False) if asked else None
    chat_validator.validate(chat_validator.chunks_of(told), usage=wants)


def completion(told: bytes, asked: Any) -> None:
    completion_validator.validate(chat_validator.chunks_of(told))


def messages(told: bytes, asked: Any) -> None:
    events = anthropic_validator.read(told)
    anthropic_validator.validate([event for event in events if event["type"] != "ping"])


def responses(told: bytes, asked: Any) -> None:
    responses_validator.validate(responses_validator.events_of(told))


CHECKS: dict[str, Callable[[bytes, Any], object]] = {
    "/chat/completions": chat,
    "/completions": completion,
    "/messages": messages,
    "/responses": responses,
}
