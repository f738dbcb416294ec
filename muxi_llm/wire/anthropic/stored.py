"""Anthropic's files (in beta) and message batches.

Sources: https://platform.claude.com/docs/en/build-with-claude/files,
https://platform.claude.com/docs/en/api/messages/batches/create and
https://platform.claude.com/docs/en/build-with-claude/batch-processing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from muxi_llm.wire import stored
from muxi_llm.wire.anthropic.messages import AnthropicMessages
from muxi_llm.wire.base import Ledger, Profile, dumps
from muxi_llm.wire.batch_lines import MB, Lines
from muxi_llm.wire.rows import Bytes, Rows, answered, failed
from muxi_llm.wire.stored import identified
from muxi_llm.wire.stored_words import counted, ended, epoch_of, told_losses
from muxi_llm.wire.upload import Upload, form_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json, StreamDecoder

BETA = {"anthropic-beta": "files-api-2025-04-14"}


class MessageLines(Lines):
    """One request of Messages each; the file's lines go along with the batch.

    Files uploaded cannot be read back, not even by a batch: "You can only download files that were created
    by skills or the code execution tool".
    """

    endpoints = {"/chat/completions": "chat"}
    most_requests = 100_000
    most_bytes = 256 * MB
    ids = re.compile(r"[a-zA-Z0-9_-]{1,64}"), "1 to 64 letters, digits, - and _"
    chat = None
    kept = True
    begin, between, end = b'{"requests":[', b",", b"]}"

    @classmethod
    def line(cls, custom_id: str, url: str, body: bytes) -> bytes:  # noqa: ARG003 - Messages is all there is
        return orjson.dumps({"custom_id": custom_id, "params": orjson.Fragment(body)})


# ------------------------------------------------------------------------------------------ files


def file_of(raw: Any) -> Json:
    """https://platform.claude.com/docs/en/api/beta/files/retrieve_metadata."""
    raw = identified(raw)
    return {
        **{name: value for name, value in raw.items() if name not in {"type", "size_bytes", "created_at"}},
        "object": "file",
        "bytes": int(raw.get("size_bytes") or 0),
        "created_at": epoch_of(raw.get("created_at")) or 0,
        "filename": raw.get("filename") or "",
        "purpose": "assistants_output" if raw.get("downloadable") else "user_data",
        "status": "processed",
    }


class FileCreate(stored.FileCreate):
    """A form with the file alone: there are no purposes."""

    at = "/v1/files"
    headers = BETA
    file_of = staticmethod(file_of)

    def content_of(self, body: Json) -> Upload:
        told_losses(self, body, {"expires_after": "Anthropic keeps files until they are deleted"})
        return form_of({name: value for name, value in body.items() if name != "purpose"})


class FileRetrieve(stored.FileRetrieve):
    """What is known of it."""

    at = "/v1/files/{file_id}"
    headers = BETA
    file_of = staticmethod(file_of)


class FileDelete(stored.FileDelete):
    """No more of it."""

    at = "/v1/files/{file_id}"
    headers = BETA


class FileList(stored.FileList):
    """https://platform.claude.com/docs/en/api/beta/files/list: newest first, up to 1,000."""

    at = "/v1/files"
    headers = BETA
    query = ("after_id", "limit")
    kind = FileRetrieve

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        return super().encode_request(paged(body), stream=stream)


class FileContent(stored.FileContent):
    """Of a file, or of a batch's results: `<batch>/results` and `<batch>/errors`."""

    at = "/v1/files/{file_id}/content"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        name = str(body["file_id"])
        batch, _, part = name.rpartition("/")
        self._failed = {"results": False, "errors": True}.get(part) if batch else None
        if self._failed is None:
            self.headers = BETA
            return super().encode_request(body, stream=stream)
        # Not `results_url`: the key would follow wherever an answer points.
        self.path = f"/v1/messages/batches/{quote(batch, safe='')}/results"
        return {}

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        if self._failed is None:
            return Bytes()
        return Rows(lambda line: row_of(line, created), failed=self._failed)


def row_of(line: Json, created: int) -> Json:
    """https://platform.claude.com/docs/en/api/messages/batches/results: an answer, an error, or neither."""
    custom_id, result = str(line["custom_id"]), line["result"]
    if result["type"] == "succeeded":
        wire = AnthropicMessages("", Ledger("anthropic"), Profile())
        return answered(custom_id, lambda: wire.decode_response(dumps(result["message"]), created=created))
    error = result.get("error") or {}
    error = error.get("error") or error
    return failed(
        custom_id, error.get("type") or f"batch_{result['type']}", error.get("message") or result["type"]
    )


# ---------------------------------------------------------------------------------------- batches


def batch_of(raw: Any) -> Json:
    """https://platform.claude.com/docs/en/api/messages/batches/retrieve."""
    raw = identified(raw)
    counts = raw.get("request_counts") or {}
    done = int(counts.get("succeeded") or 0)
    lost = sum(int(counts.get(name) or 0) for name in ("errored", "canceled", "expired"))
    status = STATES.get(str(raw.get("processing_status")), "in_progress")
    if status == "completed" and raw.get("cancel_initiated_at") and counts.get("canceled"):
        status = "cancelled"
    elif status == "completed" and counts.get("expired"):
        status = "expired"
    over = status not in {"in_progress", "cancelling"}
    return {
        "id": raw["id"],
        "object": "batch",
        "endpoint": CHAT,
        "input_file_id": "",
        "completion_window": "24h",
        "status": status,
        "created_at": epoch_of(raw.get("created_at")) or 0,
        "expires_at": epoch_of(raw.get("expires_at")),
        "cancelling_at": epoch_of(raw.get("cancel_initiated_at")),
        **ended(status, raw.get("ended_at")),
        "request_counts": counted(sum(int(v or 0) for v in counts.values()), done, lost),
        "output_file_id": f"{raw['id']}/results" if over and done else None,
        "error_file_id": f"{raw['id']}/errors" if over and lost else None,
    }


class BatchCreate(stored.BatchCreate):
    """The lines are the request, sent in pieces like any file."""

    at = "/v1/messages/batches"
    batch_of = staticmethod(batch_of)

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        rest = super().encode_request(body, stream=stream)
        told_losses(self, rest, NOT_HERE)
        return rest

    def content_of(self, body: Json) -> Upload:
        return Upload(file=body["input_file"])


class BatchRetrieve(stored.BatchRetrieve):
    """How it stands."""

    at = "/v1/messages/batches/{batch_id}"
    batch_of = staticmethod(batch_of)


class BatchCancel(stored.BatchCancel):
    """Asks for no more of it."""

    at = "/v1/messages/batches/{batch_id}/cancel"
    batch_of = staticmethod(batch_of)


class BatchList(stored.BatchList):
    """Newest first, up to 1,000."""

    at = "/v1/messages/batches"
    query = ("after_id", "limit")
    kind = BatchRetrieve

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        return super().encode_request(paged(body), stream=stream)


def paged(body: Mapping[str, Any]) -> Json:
    """*body* with what follows which by its name here."""
    return {"after_id" if name == "after" else name: value for name, value in body.items()}


# ------------------------------------------------------------------------------------------ tables

CHAT = "/v1/chat/completions"
STATES = {"in_progress": "in_progress", "canceling": "cancelling", "ended": "completed"}
NOT_HERE = {
    "metadata": "Anthropic's batches have none",
    "output_expires_after": "Anthropic keeps results for 29 days",
}
