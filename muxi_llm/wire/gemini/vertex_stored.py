"""Vertex AI's batches of Gemini, and the Cloud Storage their files are in.

Sources: https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/batch-prediction-from-cloud-storage,
https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs and
https://cloud.google.com/storage/docs/json_api/v1/objects.
"""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import orjson

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire import stored
from muxi_llm.wire.base import Json, WireError
from muxi_llm.wire.batch_lines import ChatLines
from muxi_llm.wire.gemini.stored import NOT_HERE, PARTS, STATES, row_of
from muxi_llm.wire.gemini.vertex import PLACE
from muxi_llm.wire.rows import Bytes, Rows
from muxi_llm.wire.stored import Walked, identified, said_in
from muxi_llm.wire.stored_words import bucket_of, counted, ended, epoch_of, purpose_of, told_losses
from muxi_llm.wire.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Reply, StreamDecoder, WireCall


class VertexLines(ChatLines):
    """Rows have no id of ours, but echo the request, and what it is labelled with:
    https://cloud.google.com/vertex-ai/generative-ai/docs/multimodal/add-labels-to-api-calls. A label holds 63
    small letters, digits, - and _, so the id is in base 32, in pieces.
    """

    one_model = True
    chat = None

    @classmethod
    def line(cls, custom_id: str, url: str, body: bytes) -> bytes:  # noqa: ARG003 - there is but one
        request = orjson.loads(body)
        request["labels"] = {**(request.get("labels") or {}), **labels_of(custom_id)}
        return orjson.dumps({"request": request})


def labels_of(custom_id: str) -> dict[str, str]:
    """The labels that say *custom_id*."""
    text = base64.b32encode(custom_id.encode()).decode().rstrip("=").lower()
    pieces = [text[at : at + 60] for at in range(0, len(text), 60)]
    return {f"{LABEL}{number}": piece for number, piece in enumerate(pieces)}


def labelled(labels: Mapping[str, Any]) -> str:
    """The `custom_id` that *labels* say, "" where they say none."""
    pieces: list[str] = []
    while f"{LABEL}{len(pieces)}" in labels:
        pieces.append(str(labels[f"{LABEL}{len(pieces)}"]))
    text = "".join(pieces).upper()
    return base64.b32decode(text + "=" * (-len(text) % 8)).decode("utf-8", "replace")


def vertex_row(line: Json, created: int) -> Json:
    """A row of predictions; `status` is a text there, empty where all went well."""
    said = {
        "key": labelled((line.get("request") or {}).get("labels") or {}),
        "response": line.get("response"),
    }
    told = line.get("status")
    return row_of({**said, "error": {"message": told} if isinstance(told, str) else told}, created)


# ------------------------------------------------------------------------------------------ files


class InBucket:
    """A file is an object of Cloud Storage, known as `gs://bucket/name`."""

    settings: Mapping[str, str]
    storage: str

    def bucket(self) -> tuple[str, str]:
        """The bucket that is set, and what names in it begin with."""
        return bucket_of(self.settings, "vertex", "gs://", "VERTEXAI_BUCKET")

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        self.path = self.storage + object_path(str(body["file_id"]))
        return {}


def object_path(file_id: str) -> str:
    """Where Cloud Storage has it. Raises for what is none of its names."""
    bucket, _, name = file_id.removeprefix("gs://").partition("/")
    if not file_id.startswith("gs://") or not bucket or not name:
        raise InvalidRequestError("file_id must be like 'vertex/gs://bucket/name'", param="file_id")
    return f"/storage/v1/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"


def file_of(raw: Any) -> Json:
    """https://cloud.google.com/storage/docs/json_api/v1/objects#resource."""
    raw = identified(raw, "name")
    return {
        "id": f"gs://{raw.get('bucket')}/{raw['name']}",
        "object": "file",
        "bytes": int(raw.get("size") or 0),
        "created_at": epoch_of(raw.get("timeCreated")) or 0,
        "filename": raw["name"].rpartition("/")[2],
        "purpose": purpose_of(raw["name"]),
        "status": "processed",
    }


class FileCreate(InBucket, stored.FileCreate):
    """https://cloud.google.com/storage/docs/json_api/v1/objects/insert, by `media`."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        rest = dict(body)
        told_losses(self, rest, {"expires_after": "objects stay until they are deleted"})
        bucket, folder = self.bucket()
        name = f"{folder}/{rest['purpose']}/{rest['job']}/{rest['file'].name}"
        query = urlencode({"uploadType": "media", "name": name})
        self.path = f"{self.storage}/upload/storage/v1/b/{quote(bucket, safe='')}/o?{query}"
        return rest

    def content_of(self, body: Json) -> Upload:
        return Upload(file=body["file"])

    file_of = staticmethod(file_of)


class FileRetrieve(InBucket, stored.FileRetrieve):
    """What is known of it."""

    file_of = staticmethod(file_of)


class FileDelete(stored.FileDelete):
    """No more of it."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        super().encode_request(body, stream=stream)
        self.path = self.storage + object_path(self._id)
        return {}


class FileList(InBucket, Walked, stored.FileList):
    """https://cloud.google.com/storage/docs/json_api/v1/objects/list: what is in the folder of ours."""

    items = "items"
    query = ()
    size = ("maxResults", 1000)

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        Walked.encode_request(self, body, stream=stream)
        bucket, folder = self.bucket()
        query = urlencode({"prefix": f"{folder}/", "maxResults": self.size[1]})
        self.path = f"{self.storage}/storage/v1/b/{quote(bucket, safe='')}/o?{query}"
        return {}

    kind = FileRetrieve


class FileContent(stored.FileContent):
    """An object's bytes, or a batch's results: the job says in which folder they are."""

    prelude = True

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        name = str(body["file_id"])
        job, _, part = name.rpartition("/")
        self._failed = PARTS.get(part) if not name.startswith("gs://") else None
        if self._failed is None:
            self.prelude = False
            self.path = f"{self.storage}{object_path(name)}?alt=media"
        else:
            self.path = f"{JOBS}/{quote(job, safe='')}"
        return {}

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:
        if call.stream:
            return None
        raw = said_in(reply.content)
        folder = (raw.get("outputInfo") or {}).get("gcsOutputDirectory")
        if not folder:
            raise WireError("malformed", "the batch has no results (yet)")
        url = f"{self.storage}{object_path(f'{folder}/predictions.jsonl')}?alt=media"
        return replace(call, url=url, stream=True)

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        if self._failed is None:
            return Bytes()
        return Rows(lambda line: vertex_row(line, created), failed=self._failed)


# ---------------------------------------------------------------------------------------- batches


def batch_of(raw: Any) -> Json:
    """https://cloud.google.com/vertex-ai/docs/reference/rest/v1/projects.locations.batchPredictionJobs#resource."""
    raw = identified(raw, "name")
    name = raw["name"].rpartition("/")[2]
    status = STATES.get(str(raw.get("state") or "").rpartition("STATE_")[2], "validating")
    stats, error = raw.get("completionStats") or {}, raw.get("error")
    done, lost, left = (
        int(stats.get(kind) or 0) for kind in ("successfulCount", "failedCount", "incompleteCount")
    )
    sources = ((raw.get("inputConfig") or {}).get("gcsSource") or {}).get("uris") or [""]
    has_output = bool((raw.get("outputInfo") or {}).get("gcsOutputDirectory"))
    return {
        "id": name,
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "model": str(raw.get("model") or "").rpartition("/")[2] or None,
        "input_file_id": sources[0],
        "completion_window": "24h",
        "status": status,
        "created_at": epoch_of(raw.get("createTime")) or 0,
        "in_progress_at": epoch_of(raw.get("startTime")),
        **ended(status, raw.get("endTime")),
        "errors": {"object": "list", "data": [{"message": error.get("message")}]} if error else None,
        "request_counts": counted(done + lost + max(left, 0), done, lost),
        "output_file_id": f"{name}/results" if has_output else None,
        "error_file_id": f"{name}/errors" if has_output and lost else None,
    }


class OfJob(stored.OfBatch):
    """An operation whose answer is a job."""

    batch_of = staticmethod(batch_of)


class BatchCreate(OfJob, stored.BatchCreate):
    """What comes of it is put beside the input."""

    at = "/v1{place}/batchPredictionJobs"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        rest = dict(body)
        told_losses(self, rest, NOT_HERE)
        self.path = JOBS
        source = str(rest["input_file_id"])
        model = str(rest["for_model"])
        return {
            "displayName": f"muxi-llm-{rest['job']}",
            "model": model if "/" in model else f"publishers/google/models/{model}",
            "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [source]}},
            "outputConfig": {
                "predictionsFormat": "jsonl",
                "gcsDestination": {"outputUriPrefix": source.rpartition("/")[0]},
            },
        }


class BatchRetrieve(OfJob, stored.BatchRetrieve):
    """How it stands."""

    at = "/v1{place}/batchPredictionJobs/{batch_id}"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        self.path = f"{JOBS}/{quote(str(body['batch_id']), safe='')}"
        return {}


class BatchCancel(BatchRetrieve):
    """It answers with nothing, so the job is asked for behind it."""

    endpoint = "batch.cancel"
    method = "POST"

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        super().encode_request(body, stream=stream)
        self.path += ":cancel"
        return {}

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:  # noqa: ARG002 - there is nothing in it
        if call.method == "GET":
            return None
        return replace(call, url=call.url.removesuffix(":cancel"), method="GET", body=b"")


class BatchList(Walked, stored.BatchList):
    """Pages of jobs."""

    items = "batchPredictionJobs"
    query = ()

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:
        super().encode_request(body, stream=stream)
        self.path = f"{JOBS}?{urlencode(dict([self.size]))}"
        return {}

    kind = BatchRetrieve


# ------------------------------------------------------------------------------------------ tables

LABEL = "muxi_custom_id_"
JOBS = f"/v1{PLACE}/batchPredictionJobs"
