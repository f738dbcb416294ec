"""How the lines of a batch's file look at a service, and what may stand in them: facts, by service.

OpenAI's: https://platform.openai.com/docs/api-reference/batch/create (`input_file_id`, `endpoint`) and
https://platform.openai.com/docs/guides/batch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import orjson

from muxi_llm.wire.openai.chat import OpenAIChat

if TYPE_CHECKING:
    import re
    from collections.abc import Mapping

    from muxi_llm.wire.base import Endpoint, Wire

MB = 1024 * 1024


class Lines:
    """OpenAI's own lines. A service's class says what differs.

    endpoints: what they may ask, without `/v1` before it, and whose codec writes it; `None`: sent as it is.
    prefix: what stands before it here. most_requests, most_bytes: in one batch, `None` where only the service
    knows. ids: what a `custom_id` may look like, and how that is said. one_model: whether a batch is one
    model's, which is named when it is made. chat: the codec of chats, where it is not the provider's own.
    kept: whether the file itself has no place there, and its lines go with the batch.
    """

    endpoints: ClassVar[Mapping[str, Endpoint | None]] = {
        "/chat/completions": "chat",
        "/embeddings": "embedding",
        "/completions": "completion",
        "/responses": None,
        "/moderations": None,
        "/images/generations": None,
        "/images/edits": None,
        "/videos": None,
    }
    prefix: ClassVar[str] = "/v1"
    most_requests: ClassVar[int | None] = 50_000
    most_bytes: ClassVar[int | None] = 200 * MB
    ids: ClassVar[tuple[re.Pattern[str], str] | None] = None
    one_model: ClassVar[bool] = False
    chat: ClassVar[type[Wire] | None] = OpenAIChat
    kept: ClassVar[bool] = False
    begin: ClassVar[bytes] = b""
    between: ClassVar[bytes] = b"\n"
    end: ClassVar[bytes] = b"\n"

    @classmethod
    def line(cls, custom_id: str, url: str, body: bytes) -> bytes:
        """One line. body: JSON in the service's own form."""
        return orjson.dumps(
            {
                "custom_id": custom_id,
                "method": "POST",
                "url": cls.prefix + url,
                "body": orjson.Fragment(body),
            }
        )


class ChatLines(Lines):
    """The same for services whose batches are chats alone, and who tell no limits."""

    endpoints = {"/chat/completions": "chat"}
    most_requests: ClassVar[int | None] = None
    most_bytes: ClassVar[int | None] = None
