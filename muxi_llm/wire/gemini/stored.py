"""Gemini's files and batches.

Sources: https://ai.google.dev/api/files, https://ai.google.dev/gemini-api/docs/files,
https://ai.google.dev/api/batch-api and https://ai.google.dev/gemini-api/docs/batch-api. States are
`BATCH_STATE_...` in the one, `JOB_STATE_...` in the other. What was uploaded cannot be read back.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote, urlsplit

import orjson

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire import stored
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.batch_lines import MB, ChatLines
from muxi_llm.wire.gemini.generate_content import GenerateContent, model_path
from muxi_llm.wire.rows import Rows, answered, failed
from muxi_llm.wire.stored import Walked, identified, said_in
from muxi_llm.wire.stored_words import counted, ended, epoch_of, told_losses
from muxi_llm.wire.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json, Reply, StreamDecoder, WireCall


class GeminiLines(ChatLines):
    """https://ai.google.dev/gemini-api/docs/batch-api#input-file: "up to 2GB"; the model is the job's."""

    most_bytes = 2048 * MB
    one_model = True
    chat = None

    @classmethod
    def line(cls, custom_id: str, url: str, body: bytes) -> bytes:  # noqa: ARG003 - there is but one
        return orjson.dumps({"key": custom_id, "request": orjson.Fragment(body)})


# ------------------------------------------------------------------------------------------ files


def file_of(raw: Any) -> Json:
    """https://ai.google.dev/api/files#File: int64 is text in Google's JSON."""
    raw = identified(raw, "name")
    states = {"PROCESSING": "uploaded", "FAILED": "error"}
    return {
        **{name: value for name, value in raw.items() if name not in {"name", "sizeBytes", "state"}},
        "id": raw["name"],
        "object": "file",
        "bytes": int(raw.get("sizeBytes") or 0),
        "created_at": epoch_of(raw.get("createTime")) or 0,
        "expires_at": epoch_of(raw.get("expirationTime")),
        "filename": raw.get("displayName") or "",
        "purpose": "batch" if raw.get("mimeType") == JSONL else "user_data",
        "status": states.get(str(raw.get("state")), "processed"),
        "status_details": (raw.get("error") or {}).get("message"),
    }


class FileCreate(stored.FileCreate):
    """Resumable, in one piece: https://ai.google.dev/gemini-api/docs/files. Where the bytes go is said by the
    answer to the first request; it has a key of its own in it, so ours stays here.
    """

    at = "/files"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        rest = super().encode_request(body, stream=stream)
        told_losses(self, rest, {"expires_after": "Gemini keeps files for 48 hours"})
        self._file = rest["file"]
        self.headers = {
            "x-goog-upload-protocol": "resumable",
            "x-goog-upload-command": "start",
            "x-goog-upload-header-content-type": self._file.type,
        }
        return {"file": {"display_name": self._file.name}}

    def content_of(self, body: Json) -> bytes:
        return dumps(body)

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:
        if isinstance(call.body, Upload):
            return None
        target = reply.headers.get("x-goog-upload-url", "")
        if urlsplit(target)[:2] != urlsplit(call.url)[:2]:
            raise WireError("malformed", "the reply has no upload URL of the same server")
        headers = {"x-goog-upload-offset": "0", "x-goog-upload-command": "upload, finalize"}
        return replace(call, url=target, headers=headers, body=Upload(file=self._file))

    @classmethod
    def file_of(cls, raw: Any) -> Json:
        return file_of(raw.get("file") if isinstance(raw, dict) else raw)


class Named:
    """Ids here are names of resources: paths, as they stand."""

    at: ClassVar[str]

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        rest = dict(body)
        name = rest.pop("file_id", None) or rest.pop("batch_id", "")
        self.path = self.at.format(quote(str(name), safe="/"))
        return rest


class FileRetrieve(Named, stored.FileRetrieve):
    """What is known of it."""

    at = "/{}"

    file_of = staticmethod(file_of)


class FileDelete(stored.FileDelete):
    """No more of it."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        super().encode_request(body, stream=stream)
        self.path = f"/{quote(self._id, safe='/')}"
        return {}


class FileList(Walked, stored.FileList):
    """Pages of 100 at the most."""

    at = "/files"
    items = "files"
    query = ()

    kind = FileRetrieve


class FileContent(stored.FileContent):
    """Of a batch's results alone, `<batch>/results` and `<batch>/errors`: the batch says in which file."""

    prelude = True

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        batch, _, part = str(body["file_id"]).rpartition("/")
        if part not in PARTS:
            raise InvalidRequestError(
                "file_id: Gemini hands out no file that was uploaded, only results of batches",
                param="file_id",
            )
        self._failed = PARTS[part]
        self.path = f"/{quote(batch, safe='/')}"
        return {}

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:
        if call.stream:
            return None
        raw = said_in(reply.content)
        name = output_of(raw).get("responsesFile")
        if not name:
            raise WireError("malformed", "the batch has no file of results (yet)")
        url = BELOW.sub(rf"/download\g<1>/{quote(str(name), safe='/')}:download?alt=media", call.url)
        return replace(call, url=url, stream=True)

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        return Rows(lambda line: row_of(line, created), failed=self._failed)


def row_of(line: Json, created: int) -> Json:
    """https://ai.google.dev/gemini-api/docs/batch-api#retrieve-results: an answer, or a status."""
    custom_id = str(line.get("key") or "")
    if line.get("response"):
        wire = GenerateContent("", Ledger("google"), Profile())
        return answered(custom_id, lambda: wire.decode_response(dumps(line["response"]), created=created))
    error = line.get("error") or line.get("status") or {}
    return failed(custom_id, error.get("status") or error.get("code") or "failed", error.get("message") or "")


# ---------------------------------------------------------------------------------------- batches


def output_of(raw: Json) -> Json:
    """What came of a batch: in the operation's answer, and in what is said of it."""
    found: Json = raw.get("response") or (raw.get("metadata") or {}).get("output") or {}
    return found


def batch_of(raw: Any) -> Json:
    """https://ai.google.dev/api/batch-api#GenerateContentBatch, in an operation."""
    raw = identified(raw, "name")
    about = raw.get("metadata") or {}
    stats = about.get("batchStats") or {}
    error = raw.get("error")
    status = STATES.get(str(about.get("state") or "").rpartition("STATE_")[2], "validating")
    status = "failed" if error and status not in {"cancelled", "expired"} else status
    has_file = bool(output_of(raw).get("responsesFile"))
    done, lost = (int(stats.get(f"{kind}RequestCount") or 0) for kind in ("successful", "failed"))
    return {
        "id": raw["name"],
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "model": str(about.get("model") or "").removeprefix("models/") or None,
        "input_file_id": (about.get("inputConfig") or {}).get("fileName") or "",
        "completion_window": "24h",
        "status": status,
        "created_at": epoch_of(about.get("createTime")) or 0,
        **ended(status, about.get("endTime")),
        "errors": {"object": "list", "data": [{"message": error.get("message")}]} if error else None,
        "request_counts": counted(stats.get("requestCount"), done, lost),
        "output_file_id": f"{raw['name']}/results" if has_file else None,
        "error_file_id": f"{raw['name']}/errors" if has_file and lost else None,
    }


class BatchCreate(stored.BatchCreate):
    """https://ai.google.dev/api/batch-api#method:-models.batchgeneratecontent: below its model."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        rest = dict(body)
        told_losses(self, rest, NOT_HERE)
        self.path = f"{model_path(rest['for_model'])}:batchGenerateContent"
        source = {"file_name": rest["input_file_id"]}
        return {"batch": {"display_name": f"muxi-llm-{rest['job']}", "input_config": source}}

    batch_of = staticmethod(batch_of)


class BatchRetrieve(Named, stored.BatchRetrieve):
    """How it stands."""

    at = "/{}"

    batch_of = staticmethod(batch_of)


class BatchCancel(Named, stored.BatchCancel):
    """It answers with nothing, so the batch is asked for behind it."""

    at = "/{}:cancel"

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:  # noqa: ARG002 - there is nothing in it
        if call.method == "GET":
            return None
        return replace(call, url=call.url.removesuffix(":cancel"), method="GET", body=b"")

    batch_of = staticmethod(batch_of)


class BatchList(Walked, stored.BatchList):
    """Operations, 100 on a page."""

    items = "operations"
    query = ()

    kind = BatchRetrieve


# ------------------------------------------------------------------------------------------ tables

JSONL = "application/jsonl"
PARTS = {"results": False, "errors": True}
BELOW = re.compile(r"(/v\d\w*)/batches/.*")
"""A version's path, and a batch below it."""

STATES = {
    "PENDING": "validating",
    "QUEUED": "validating",
    "RUNNING": "in_progress",
    "PAUSED": "in_progress",
    "CANCELLING": "cancelling",
    "SUCCEEDED": "completed",
    "PARTIALLY_SUCCEEDED": "completed",
    "FAILED": "failed",
    "CANCELLED": "cancelled",
    "EXPIRED": "expired",
}
NOT_HERE = {
    "metadata": "Google's batches have none of the kind",
    "output_expires_after": "Google says itself how long results are kept",
}
