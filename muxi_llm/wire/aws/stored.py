"""Amazon Bedrock's batches, whose files are in S3.

Sources: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_CreateModelInvocationJob.html and its
neighbours, https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-data.html,
.../batch-inference-results.html.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import orjson

from muxi_llm.errors import InvalidRequestError
from muxi_llm.wire import stored, stored_words
from muxi_llm.wire.aws.converse import Converse
from muxi_llm.wire.aws.faults import decode_aws_fault
from muxi_llm.wire.aws.s3 import FileCreate, FileDelete, FileList, FileRetrieve, InS3, object_path
from muxi_llm.wire.base import Fault, Json, Ledger, Profile, WireError, dumps, loads
from muxi_llm.wire.batch_lines import ChatLines
from muxi_llm.wire.rows import Bytes, Rows, answered, failed
from muxi_llm.wire.stored import Walked, identified
from muxi_llm.wire.stored_words import counted, ended, epoch_of, hours_of, told_losses

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Reply, StreamDecoder, WireCall


__all__ = [
    "BatchCancel", "BatchCreate", "BatchList", "BatchRetrieve", "ConverseLines",
    "FileContent", "FileCreate", "FileDelete", "FileList", "FileRetrieve",
]  # fmt: skip


class ConverseLines(ChatLines):
    """Requests of Converse, whoever made the model; which one is the job's."""

    one_model = True
    chat = None

    @classmethod
    def line(cls, custom_id: str, url: str, body: bytes) -> bytes:  # noqa: ARG003 - there is but one
        return orjson.dumps({"recordId": custom_id, "modelInput": orjson.Fragment(body)})


def row_of(line: Json, created: int) -> Json:
    """https://docs.aws.amazon.com/bedrock/latest/userguide/batch-inference-results.html."""
    custom_id = str(line.get("recordId") or "")
    if line.get("modelOutput"):
        wire = Converse("", Ledger("bedrock"), Profile())
        return answered(custom_id, lambda: wire.decode_response(dumps(line["modelOutput"]), created=created))
    error = line.get("error") or {}
    return failed(custom_id, error.get("errorCode") or "failed", error.get("errorMessage") or "")


class FileContent(InS3, stored.FileContent):
    """An object's bytes, or a batch's results: the job says in which folder they are."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        name = str(body["file_id"])
        job, _, part = name.rpartition("/")
        self._failed = PARTS.get(part) if not name.startswith("s3://") else None
        self.prelude = self._failed is not None
        self.path = f"{JOBS}/{quote(job, safe='')}"
        if self._failed is None:
            self.path = self.storage + object_path(name)
        return {}

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:
        if call.stream:
            return None
        raw = loads(reply.content)
        try:
            folder = raw["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"].rstrip("/")
            source = raw["inputDataConfig"]["s3InputDataConfig"]["s3Uri"]
            uri = f"{folder}/{raw['jobArn'].rpartition('/')[2]}/{source.rpartition('/')[2]}.out"
        except (KeyError, TypeError, AttributeError) as error:
            raise WireError("malformed", f"the reply is no job: {str(raw)[:200]}") from error
        return replace(call, url=self.storage + object_path(uri), stream=True)

    def stream_decoder(self, *, created: int) -> StreamDecoder:
        if self._failed is None:
            return Bytes()
        return Rows(lambda line: row_of(line, created), failed=self._failed)


# ---------------------------------------------------------------------------------------- batches


def batch_of(raw: Any) -> Json:
    """https://docs.aws.amazon.com/bedrock/latest/APIReference/API_GetModelInvocationJob.html."""
    raw = identified(raw, "jobArn")
    status = STATES.get(str(raw.get("status")), "in_progress")
    source = ((raw.get("inputDataConfig") or {}).get("s3InputDataConfig") or {}).get("s3Uri") or ""
    done, lost = int(raw.get("successRecordCount") or 0), int(raw.get("errorRecordCount") or 0)
    over = status in stored_words.ENDS and raw.get("status") != "Failed"
    message = raw.get("message")
    return {
        "id": raw["jobArn"],
        "object": "batch",
        "endpoint": "/v1/chat/completions",
        "model": model_named(str(raw.get("modelId") or "")),
        "input_file_id": source,
        "completion_window": f"{raw.get('timeoutDurationInHours') or 24}h",
        "status": status,
        "created_at": epoch_of(raw.get("submitTime")) or 0,
        "expires_at": epoch_of(raw.get("jobExpirationTime")),
        **ended(status, raw.get("endTime")),
        "errors": {"object": "list", "data": [{"message": message}]}
        if message and status == "failed"
        else None,
        "request_counts": counted(raw.get("totalRecordCount"), done, lost),
        "output_file_id": f"{raw['jobArn']}/results" if over else None,
        "error_file_id": f"{raw['jobArn']}/errors" if over and lost else None,
    }


def model_named(model: str) -> str | None:
    """A model's id; a job tells its ARN (`arn:aws:bedrock:us-east-1::foundation-model/...`)."""
    return (
        (model.rpartition("foundation-model/")[2] or None) if "foundation-model/" in model else model or None
    )


class OfJob(stored.OfBatch):
    """An operation whose answer is a job."""

    batch_of = staticmethod(batch_of)

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        return decode_aws_fault(status, data)


class BatchRetrieve(OfJob, stored.BatchRetrieve):
    """How it stands."""

    at = "/model-invocation-job/{batch_id}"


class BatchCreate(OfJob, stored.BatchCreate):
    """It answers with the job's name alone, so the job is asked for behind it."""

    def encode_request(self, body: Mapping[str, Any], *, stream: bool) -> Json:  # noqa: ARG002
        rest = dict(body)
        told_losses(self, rest, NOT_HERE)
        role = self.settings.get("batch_role")
        if not role:
            raise InvalidRequestError(
                "bedrock: no role that may read and write the bucket; set AWS_BATCH_ROLE_ARN or"
                " muxi_llm.bedrock_batch_role",
                param="provider",
            )
        self.path = JOBS
        source = str(rest["input_file_id"])
        return {
            "jobName": f"muxi-llm-{rest['job']}",
            "clientRequestToken": rest["job"],
            "roleArn": role,
            "modelId": rest["for_model"],
            "modelInvocationType": "Converse",
            "inputDataConfig": {"s3InputDataConfig": {"s3InputFormat": "JSONL", "s3Uri": source}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": f"{source.rpartition('/')[0]}/out/"}},
            "timeoutDurationInHours": max(24, min(hours_of(rest.get("completion_window")), 168)),
        }

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:
        if call.method == "GET":
            return None
        arn = loads(reply.content).get("jobArn", "")
        return replace(call, url=f"{call.url}/{quote(str(arn), safe='')}", method="GET", body=b"")


class BatchCancel(OfJob, stored.BatchCancel):
    """Likewise."""

    at = "/model-invocation-job/{batch_id}/stop"

    def following(self, call: WireCall, reply: Reply) -> WireCall | None:  # noqa: ARG002 - there is nothing in it
        if call.method == "GET":
            return None
        return replace(call, url=call.url.removesuffix("/stop"), method="GET", body=b"")


class BatchList(Walked, stored.BatchList):
    """Newest first."""

    at = "/model-invocation-jobs?sortBy=CreationTime&sortOrder=Descending"
    items = "invocationJobSummaries"
    query = ()
    size = ("maxResults", 1000)
    token = ("nextToken", "nextToken")

    kind = BatchRetrieve

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        return decode_aws_fault(status, data)


# ------------------------------------------------------------------------------------------ tables

PARTS = {"results": False, "errors": True}
JOBS = "/model-invocation-job"

STATES = {
    "Submitted": "validating",
    "Validating": "validating",
    "Scheduled": "validating",
    "InProgress": "in_progress",
    "Completed": "completed",
    "PartiallyCompleted": "completed",
    "Failed": "failed",
    "Stopping": "cancelling",
    "Stopped": "cancelled",
    "Expired": "expired",
}
NOT_HERE = {
    "metadata": "Bedrock's jobs have tags instead, by provider_options",
    "output_expires_after": "objects stay until they are deleted",
}
