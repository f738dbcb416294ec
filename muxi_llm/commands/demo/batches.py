"""Message batches, the server's side: https://platform.claude.com/docs/en/api/messages/batches.

They are done when somebody asks how they stand.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from muxi_llm.commands.demo import anthropic_wire
from muxi_llm.commands.demo.answers import Json, Refused, answer

if TYPE_CHECKING:
    from collections.abc import Mapping

PATH = "/v1/messages/batches"
Batches = dict[str, list[Json]]


def begun(kept: Batches, body: Json) -> Json:
    """A batch, just made."""
    name = f"msgbatch_{len(kept) + 1}"
    kept[name] = body["requests"]
    return _told(name, "in_progress", processing=len(kept[name]))


def asked(kept: Mapping[str, list[Json]], path: str) -> Json | bytes:
    """How a batch stands, or the lines of its results."""
    name, _, part = path.removeprefix(f"{PATH}/").partition("/")
    if name not in kept:
        raise Refused(404, f"there is no {path}")
    if part == "results":
        return b"".join(json.dumps(_result(request)).encode() + b"\n" for request in kept[name])
    return _told(name, "ended", succeeded=len(kept[name]))


def _told(name: str, status: str, **counts: int) -> Json:
    every = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    head = {"id": name, "type": "message_batch", "processing_status": status}
    moments = dict.fromkeys(("created_at", "expires_at", "ended_at"), "2026-11-30T12:00:00Z")
    return {**head, **moments, "request_counts": {**every, **counts}}


def _result(request: Json) -> Json:
    body = request["params"]
    read = anthropic_wire.read("/v1/messages", body)
    message = anthropic_wire.reply("/v1/messages", body, read, answer(read))
    return {"custom_id": request["custom_id"], "result": {"type": "succeeded", "message": message}}
