"""Files and batches of services near OpenAI's shape: Groq, Mistral, Together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from muxi_llm.wire import stored
from muxi_llm.wire.batch_lines import MB, ChatLines
from muxi_llm.wire.stored import Walked, identified
from muxi_llm.wire.stored_words import counted, ended, epoch_of, hours_of, told_losses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json, WireCall


class GroqLines(ChatLines):
    """https://console.groq.com/docs/batch: chats, and sound that lies at a URL."""

    endpoints = {"/chat/completions": "chat", "/audio/transcriptions": None, "/audio/translations": None}


# ---------------------------------------------------------------------------------------- Mistral


class MistralLines(ChatLines):
    """https://docs.mistral.ai/studio-api/batch-processing: each names its model, or the job does."""

    endpoints = {"/chat/completions": "chat", "/embeddings": "embedding"}
    most_requests = 1_000_000

    @classmethod
    def line(cls, custom_id: str, url: str, body: bytes) -> bytes:  # noqa: ARG003 - it is the job's
        return orjson.dumps({"custom_id": custom_id, "body": orjson.Fragment(body)})


class Numbered(Walked):
    """Pages by numbers, from 0: https://docs.mistral.ai/api/endpoint/files."""

    size = ("page_size", 100)
    token = ("page", "")

    def token_of(self, raw: Any, call: WireCall) -> str | None:
        this = int(dict(parse_qsl(urlsplit(call.url).query)).get("page", 0))
        return str(this + 1) if len(self.rows_of(raw)) == self.size[1] else None


class MistralFiles(Numbered, stored.FileList):
    """A page of files."""


def mistral_batch(raw: Any) -> Json:
    """https://docs.mistral.ai/api/endpoint/batch."""
    raw = identified(raw)
    status = MISTRAL_STATES.get(str(raw.get("status")), "in_progress")
    files = raw.get("input_files") or [""]
    errors = [{"message": error.get("message")} for error in raw.get("errors") or ()]
    return {
        "id": raw["id"],
        "object": "batch",
        "endpoint": raw.get("endpoint") or "",
        "model": raw.get("model"),
        "input_file_id": files[0],
        "completion_window": "24h",
        "status": status,
        "created_at": epoch_of(raw.get("created_at")) or 0,
        "in_progress_at": epoch_of(raw.get("started_at")),
        **ended(status, raw.get("completed_at")),
        "metadata": raw.get("metadata"),
        "errors": {"object": "list", "data": errors} if errors else None,
        "request_counts": counted(
            raw.get("total_requests"), raw.get("succeeded_requests"), raw.get("failed_requests")
        ),
        "output_file_id": raw.get("output_file"),
        "error_file_id": raw.get("error_file"),
    }


class MistralCreate(stored.BatchCreate):
    """https://docs.mistral.ai/api/endpoint/batch: the time it may take is a number of hours, up to 168."""

    at = "/batch/jobs"
    batch_of = staticmethod(mistral_batch)

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        rest = super().encode_request(body, stream=stream)
        told_losses(self, rest, {"output_expires_after": "Mistral's files do not expire so"})
        hours = hours_of(rest.pop("completion_window", None))
        model = {"model": body["for_model"]} if "for_model" in body else {}
        source = rest.pop("input_file_id")
        return {**rest, "input_files": [source], "timeout_hours": hours, **model}


class MistralRetrieve(stored.BatchRetrieve):
    """How it stands."""

    at = "/batch/jobs/{batch_id}"
    batch_of = staticmethod(mistral_batch)


class MistralCancel(stored.BatchCancel):
    """Asks for no more of it."""

    at = "/batch/jobs/{batch_id}/cancel"
    batch_of = staticmethod(mistral_batch)


class MistralList(Numbered, stored.BatchList):
    """A page of jobs."""

    at = "/batch/jobs"
    kind = MistralRetrieve


# --------------------------------------------------------------------------------------- Together


class TogetherLines(MistralLines):
    """https://docs.together.ai/docs/inference/batch/overview."""

    endpoints = {"/chat/completions": "chat"}
    most_requests = 50_000
    most_bytes = 100 * MB


class TogetherUpload(stored.FileCreate):
    """https://docs.together.ai/reference/upload-file: the name is a field of its own, a batch's purpose has
    another name.
    """

    at = "/files/upload"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        rest = super().encode_request(body, stream=stream)
        told_losses(self, rest, {"expires_after": "Together keeps files until they are deleted"})
        purpose = "batch-api" if rest.get("purpose") == "batch" else rest.get("purpose")
        return {"purpose": purpose, "file_name": rest["file"].name, "file": rest["file"]}


def together_batch(raw: Any) -> Json:
    """https://docs.together.ai/reference/batch-get. It counts no requests."""
    raw = identified(raw)
    status = str(raw.get("status") or "").lower().replace("canceling", "cancelling")
    error = raw.get("error")
    return {
        "id": raw["id"],
        "object": "batch",
        "endpoint": raw.get("endpoint") or "",
        "model": raw.get("model_id"),
        "input_file_id": raw.get("input_file_id") or "",
        "completion_window": "24h",
        "status": status if status in STATES else "in_progress",
        "created_at": epoch_of(raw.get("created_at")) or 0,
        "expires_at": epoch_of(raw.get("job_deadline")),
        **ended(status, raw.get("completed_at")),
        "errors": {"object": "list", "data": [{"message": str(error)}]} if error else None,
        "output_file_id": raw.get("output_file_id") or None,
        "error_file_id": raw.get("error_file_id") or None,
    }


class TogetherCreate(stored.BatchCreate):
    """https://docs.together.ai/reference/batch-create: what was made is in `job`."""

    batch_of = staticmethod(together_batch)

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        rest = super().encode_request(body, stream=stream)
        told_losses(self, rest, dict.fromkeys(TOGETHER_LACKS, "Together's batches have none"))
        return rest

    def value_of(self, raw: Any) -> Any:
        return super().value_of(raw["job"] if isinstance(raw, dict) and "job" in raw else raw)


class TogetherRetrieve(stored.BatchRetrieve):
    """How it stands."""

    batch_of = staticmethod(together_batch)


class TogetherCancel(stored.BatchCancel):
    """https://docs.together.ai/reference/batch-cancel."""

    batch_of = staticmethod(together_batch)


class OnePage(Walked):
    """A service that lists all it has at once; the page is cut out of it."""

    size = ("limit", 0)

    def token_of(self, raw: Any, call: WireCall) -> None:  # noqa: ARG002 - there is no other page
        return None


class TogetherFiles(OnePage, stored.FileList):
    """A page of files."""


class TogetherBatches(OnePage, stored.BatchList):
    """A page of batches."""

    kind = TogetherRetrieve


# ------------------------------------------------------------------------------------------ tables

STATES = {
    "validating", "in_progress", "finalizing", "completed", "failed", "expired", "cancelling", "cancelled",
}  # fmt: skip
MISTRAL_STATES = {
    "QUEUED": "validating",
    "RUNNING": "in_progress",
    "SUCCESS": "completed",
    "FAILED": "failed",
    "TIMEOUT_EXCEEDED": "expired",
    "CANCELLATION_REQUESTED": "cancelling",
    "CANCELLED": "cancelled",
}
TOGETHER_LACKS = ("metadata", "output_expires_after")
