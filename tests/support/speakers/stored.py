"""Servers with files and batches on loopback, one for each wire: what is uploaded is there, batches go on when
a test says so.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

from tests.support.forms import fields_of
from tests.support.upstream import Received, Respond

ISO = "2026-11-30T12:00:00Z"
EPOCH = 1796040000


@dataclass
class Vault:
    """What a server keeps. files: by id, name and content. batches: by id, what is said of each."""

    url: str = ""
    files: dict[str, tuple[str, bytes, str]] = field(default_factory=dict)
    batches: dict[str, dict[str, Any]] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)
    """What the latest batch was asked for."""

    model: ClassVar[str] = "m-1"
    env: ClassVar[dict[str, str]] = {}

    def __call__(self, received: Received) -> Respond:
        path = urlsplit(received.path)
        query = {name: values[0] for name, values in parse_qs(path.query).items()}
        for method, pattern, answer in self.routes():
            found = re.fullmatch(pattern, path.path)
            if found and method == received.method:
                return answer(received, query, *map(unquote, found.groups()))
        return self.missing()

    def routes(self) -> list[tuple[str, str, Callable[..., Respond]]]:
        raise NotImplementedError

    def missing(self) -> Respond:
        error = {"message": "no such thing", "type": "invalid_request_error", "code": "not_found"}
        return Respond(404, json={"error": error})

    def lines(self, content: bytes) -> list[Any]:
        return [json.loads(line) for line in content.splitlines()]

    def finish(self, batch_id: str) -> None:
        """The batch is done: its second request has failed."""
        raise NotImplementedError


def jsonl(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def chat(text: str) -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m-1",
        "choices": [choice],
        "usage": usage,
    }


class OpenAIVault(Vault):
    """OpenAI's own shape. prefix: before the paths."""

    prefix: ClassVar[str] = ""

    def routes(self) -> list[tuple[str, str, Callable[..., Respond]]]:
        at = self.prefix
        return [
            ("POST", f"{at}/files", self.upload),
            ("GET", f"{at}/files", self.listed),
            ("GET", f"{at}/files/([^/]+)", self.told),
            ("GET", f"{at}/files/([^/]+)/content", self.content),
            ("DELETE", f"{at}/files/([^/]+)", self.deleted),
            ("POST", f"{at}/batches", self.begun),
            ("GET", f"{at}/batches", self.batches_listed),
            ("GET", f"{at}/batches/([^/]+)", self.batch_told),
            ("POST", f"{at}/batches/([^/]+)/cancel", self.cancelled),
        ]

    def file_of(self, file_id: str) -> dict[str, Any]:
        name, content, purpose = self.files[file_id]
        return {
            "id": file_id, "object": "file", "bytes": len(content), "created_at": EPOCH, "filename": name,
            "purpose": purpose, "status": "processed",
        }  # fmt: skip

    def upload(self, received: Received, query: Any) -> Respond:
        fields = fields_of(received)
        name, content, _ = fields["file"]
        file_id = f"file-{len(self.files) + 1}"
        self.files[file_id] = name, content, fields["purpose"]
        return Respond(json=self.file_of(file_id))

    def page(self, ids: list[str], query: dict[str, str]) -> tuple[list[str], bool]:
        start = ids.index(query["after"]) + 1 if "after" in query else 0
        end = start + int(query.get("limit", 20))
        return ids[start:end], len(ids) > end

    def listed(self, received: Received, query: Any) -> Respond:
        ids, more = self.page(list(self.files), query)
        return Respond(json={"object": "list", "data": list(map(self.file_of, ids)), "has_more": more})

    def told(self, received: Received, query: Any, file_id: str) -> Respond:
        return Respond(json=self.file_of(file_id)) if file_id in self.files else self.missing()

    def content(self, received: Received, query: Any, file_id: str) -> Respond:
        if file_id not in self.files:
            return self.missing()
        return Respond(body=self.files[file_id][1], headers={"Content-Type": "application/octet-stream"})

    def deleted(self, received: Received, query: Any, file_id: str) -> Respond:
        if self.files.pop(file_id, None) is None:
            return self.missing()
        return Respond(json={"id": file_id, "object": "file", "deleted": True})

    def begun(self, received: Received, query: Any) -> Respond:
        self.made = received.json
        batch_id = f"batch_{len(self.batches) + 1}"
        self.batches[batch_id] = {
            "id": batch_id, "object": "batch", "status": "validating", "created_at": EPOCH,
            "request_counts": {"total": 0, "completed": 0, "failed": 0}, **received.json,
        }  # fmt: skip
        return Respond(json=self.batches[batch_id])

    def batch_told(self, received: Received, query: Any, batch_id: str) -> Respond:
        return Respond(json=self.batches[batch_id]) if batch_id in self.batches else self.missing()

    def batches_listed(self, received: Received, query: Any) -> Respond:
        ids, more = self.page(list(self.batches), query)
        return Respond(json={"object": "list", "data": [self.batches[i] for i in ids], "has_more": more})

    def cancelled(self, received: Received, query: Any, batch_id: str) -> Respond:
        if batch_id not in self.batches:
            return self.missing()
        self.batches[batch_id] |= {"status": "cancelling", "cancelling_at": EPOCH}
        return Respond(json=self.batches[batch_id])

    def rows(self, source: str) -> tuple[list[Any], list[Any]]:
        done, lost = [], []
        for number, line in enumerate(self.lines(self.files[source][1])):
            body = chat(f"answer to {line['custom_id']}")
            row = {"id": f"batch_req_{number}", "custom_id": line["custom_id"], "error": None}
            if number == 1:
                lost.append({**row, "response": None, "error": {"code": "bad", "message": "it failed"}})
            else:
                done.append({**row, "response": {"status_code": 200, "request_id": "r", "body": body}})
        return done, lost

    def finish(self, batch_id: str) -> None:
        batch = self.batches[batch_id]
        done, lost = self.rows(self.source_of(batch))
        self.files["file-out"] = "out.jsonl", jsonl(done), "batch_output"
        self.files["file-err"] = "err.jsonl", jsonl(lost), "batch_output"
        batch.update(self.finished(len(done), len(lost)))

    def source_of(self, batch: dict[str, Any]) -> str:
        return batch["input_file_id"]

    def finished(self, done: int, lost: int) -> dict[str, Any]:
        return {
            "status": "completed", "completed_at": EPOCH, "output_file_id": "file-out",
            "error_file_id": "file-err",
            "request_counts": {"total": done + lost, "completed": done, "failed": lost},
        }  # fmt: skip


class AzureVault(OpenAIVault):
    """Azure's v1."""

    prefix = "/openai/v1"


class MistralVault(OpenAIVault):
    """Jobs."""

    def routes(self) -> list[tuple[str, str, Callable[..., Respond]]]:
        return [
            *(route for route in super().routes() if "batches" not in route[1]),
            ("POST", "/batch/jobs", self.begun),
            ("GET", "/batch/jobs", self.batches_listed),
            ("GET", "/batch/jobs/([^/]+)", self.batch_told),
            ("POST", "/batch/jobs/([^/]+)/cancel", self.cancelled),
        ]

    def page(self, ids: list[str], query: dict[str, str]) -> tuple[list[str], bool]:
        start = int(query.get("page", 0)) * int(query["page_size"])
        return ids[start : start + int(query["page_size"])], False

    def begun(self, received: Received, query: Any) -> Respond:
        self.made = received.json
        batch_id = f"job{len(self.batches) + 1}"
        self.batches[batch_id] = {
            "id": batch_id, "object": "batch", "status": "QUEUED", "created_at": EPOCH, "errors": [],
            "total_requests": 0, "completed_requests": 0, "succeeded_requests": 0, "failed_requests": 0,
            **received.json,
        }  # fmt: skip
        return Respond(json=self.batches[batch_id])

    def cancelled(self, received: Received, query: Any, batch_id: str) -> Respond:
        if batch_id not in self.batches:
            return self.missing()
        self.batches[batch_id]["status"] = "CANCELLATION_REQUESTED"
        return Respond(json=self.batches[batch_id])

    def source_of(self, batch: dict[str, Any]) -> str:
        return batch["input_files"][0]

    def finished(self, done: int, lost: int) -> dict[str, Any]:
        return {
            "status": "SUCCESS", "completed_at": EPOCH, "output_file": "file-out", "error_file": "file-err",
            "total_requests": done + lost, "succeeded_requests": done, "failed_requests": lost,
        }  # fmt: skip


class TogetherVault(OpenAIVault):
    """Uploads elsewhere, jobs in capitals, no pages."""

    def routes(self) -> list[tuple[str, str, Callable[..., Respond]]]:
        return [("POST", "/files/upload", self.upload), *super().routes()[1:]]

    def page(self, ids: list[str], query: dict[str, str]) -> tuple[list[str], bool]:
        return ids, False

    def begun(self, received: Received, query: Any) -> Respond:
        self.made = received.json
        batch_id = f"b-{len(self.batches) + 1}"
        self.batches[batch_id] = {
            "id": batch_id, "status": "VALIDATING", "created_at": ISO, "job_deadline": ISO,
            **received.json,
        }  # fmt: skip
        return Respond(201, json={"job": self.batches[batch_id]})

    def batches_listed(self, received: Received, query: Any) -> Respond:
        return Respond(json=list(self.batches.values()))

    def cancelled(self, received: Received, query: Any, batch_id: str) -> Respond:
        if batch_id not in self.batches:
            return self.missing()
        self.batches[batch_id]["status"] = "CANCELING"
        return Respond(json=self.batches[batch_id])

    def finished(self, done: int, lost: int) -> dict[str, Any]:
        return {
            "status": "COMPLETED", "completed_at": ISO, "output_file_id": "file-out",
            "error_file_id": "file-err",
        }  # fmt: skip


class AnthropicVault(OpenAIVault):
    """Files in beta, batches with their requests in them."""

    prefix = "/v1"

    def routes(self) -> list[tuple[str, str, Callable[..., Respond]]]:
        at = "/v1/messages/batches"
        return [
            *(route for route in super().routes() if "batches" not in route[1]),
            ("POST", at, self.begun),
            ("GET", at, self.batches_listed),
            ("GET", f"{at}/([^/]+)", self.batch_told),
            ("POST", f"{at}/([^/]+)/cancel", self.cancelled),
            ("GET", f"{at}/([^/]+)/results", self.results),
        ]

    def missing(self) -> Respond:
        error = {"type": "not_found_error", "message": "no such thing"}
        return Respond(404, json={"type": "error", "error": error})

    def file_of(self, file_id: str) -> dict[str, Any]:
        name, content, _ = self.files[file_id]
        return {
            "id": file_id, "type": "file", "filename": name, "mime_type": "text/plain",
            "size_bytes": len(content), "created_at": ISO, "downloadable": False,
        }  # fmt: skip

    def upload(self, received: Received, query: Any) -> Respond:
        assert received.headers["anthropic-beta"] == "files-api-2025-04-14"
        fields = fields_of(received)
        assert set(fields) == {"file"}
        file_id = f"file_{len(self.files) + 1}"
        self.files[file_id] = *fields["file"][:2], ""
        return Respond(json=self.file_of(file_id))

    def page(self, ids: list[str], query: dict[str, str]) -> tuple[list[str], bool]:
        renamed = {"after": query["after_id"]} if "after_id" in query else {}
        return super().page(ids, {**query, **renamed})

    def deleted(self, received: Received, query: Any, file_id: str) -> Respond:
        if self.files.pop(file_id, None) is None:
            return self.missing()
        return Respond(json={"id": file_id, "type": "file_deleted"})

    def begun(self, received: Received, query: Any) -> Respond:
        self.made = received.json
        batch_id = f"msgbatch_{len(self.batches) + 1}"
        counts = dict.fromkeys(("succeeded", "errored", "canceled", "expired"), 0)
        self.batches[batch_id] = {
            "id": batch_id, "type": "message_batch", "processing_status": "in_progress", "created_at": ISO,
            "expires_at": ISO, "request_counts": {**counts, "processing": len(self.made["requests"])},
        }  # fmt: skip
        return Respond(json=self.batches[batch_id])

    def cancelled(self, received: Received, query: Any, batch_id: str) -> Respond:
        if batch_id not in self.batches:
            return self.missing()
        self.batches[batch_id] |= {"processing_status": "canceling", "cancel_initiated_at": ISO}
        return Respond(json=self.batches[batch_id])

    def results(self, received: Received, query: Any, batch_id: str) -> Respond:
        rows = []
        for number, asked in enumerate(self.made["requests"]):
            message = {
                "id": "msg_1", "type": "message", "role": "assistant", "model": asked["params"]["model"],
                "content": [{"type": "text", "text": f"answer to {asked['custom_id']}"}],
                "stop_reason": "end_turn", "usage": {"input_tokens": 3, "output_tokens": 2},
            }  # fmt: skip
            result: dict[str, Any] = {"type": "succeeded", "message": message}
            if number == 1:
                error = {"type": "invalid_request_error", "message": "it failed"}
                result = {"type": "errored", "error": {"type": "error", "error": error}}
            rows.append({"custom_id": asked["custom_id"], "result": result})
        return Respond(body=jsonl(rows), headers={"Content-Type": "application/x-jsonl"})

    def finish(self, batch_id: str) -> None:
        counts = {"processing": 0, "succeeded": len(self.made["requests"]) - 1, "errored": 1}
        counts |= {"canceled": 0, "expired": 0}
        self.batches[batch_id] |= {"processing_status": "ended", "ended_at": ISO, "request_counts": counts}


class GeminiVault(Vault):
    """Resumable uploads, operations."""

    prefix: ClassVar[str] = "/v1beta"

    def routes(self) -> list[tuple[str, str, Callable[..., Respond]]]:
        return [
            ("POST", "/upload/v1beta/files", self.upload),
            ("GET", "/v1beta/files", self.listed),
            ("GET", "/v1beta/(files/[^/]+)", self.told),
            ("DELETE", "/v1beta/(files/[^/]+)", self.deleted),
            ("POST", "/v1beta/models/([^/]+):batchGenerateContent", self.begun),
            ("GET", "/v1beta/batches", self.batches_listed),
            ("GET", "/v1beta/(batches/[^/]+)", self.batch_told),
            ("POST", "/v1beta/(batches/[^/]+):cancel", self.cancelled),
            ("GET", "/download/v1beta/(files/[^/]+):download", self.content),
        ]

    def missing(self) -> Respond:
        error = {"code": 404, "message": "no such thing", "status": "NOT_FOUND"}
        return Respond(404, json={"error": error})

    def file_of(self, file_id: str) -> dict[str, Any]:
        name, content, kind = self.files[file_id]
        return {
            "name": file_id, "displayName": name, "mimeType": kind, "sizeBytes": str(len(content)),
            "createTime": ISO, "expirationTime": ISO, "state": "ACTIVE",
        }  # fmt: skip

    def upload(self, received: Received, query: Any) -> Respond:
        if received.headers["x-goog-upload-command"] == "start":
            self.made = {**received.json, "type": received.headers["x-goog-upload-header-content-type"]}
            target = f"{self.url}/upload/v1beta/files?upload_id=1"
            return Respond(json={}, headers={"X-Goog-Upload-URL": target})
        assert received.headers["x-goog-upload-command"] == "upload, finalize"
        assert "x-goog-api-key" not in received.headers
        assert query["upload_id"] == "1"
        file_id = f"files/f{len(self.files) + 1}"
        self.files[file_id] = self.made["file"]["display_name"], received.body, self.made["type"]
        return Respond(json={"file": self.file_of(file_id)})

    def page(self, name: str, rows: list[Any], query: dict[str, str], size: str = "pageSize") -> Respond:
        start = int(query.get("pageToken", 0))
        end = start + min(int(query[size]), 2)
        token = {"nextPageToken": str(end)} if len(rows) > end else {}
        return Respond(json={**({name: rows[start:end]} if rows else {}), **token})

    def listed(self, received: Received, query: Any) -> Respond:
        return self.page("files", list(map(self.file_of, self.files)), query)

    def told(self, received: Received, query: Any, file_id: str) -> Respond:
        return Respond(json=self.file_of(file_id)) if file_id in self.files else self.missing()

    def deleted(self, received: Received, query: Any, file_id: str) -> Respond:
        return Respond(json={}) if self.files.pop(file_id, None) else self.missing()

    def content(self, received: Received, query: Any, file_id: str) -> Respond:
        assert query["alt"] == "media"
        return Respond(body=self.files[file_id][1], headers={"Content-Type": "application/json"})

    def begun(self, received: Received, query: Any, model: str) -> Respond:
        self.made = received.json
        batch_id = f"batches/b{len(self.batches) + 1}"
        about = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": f"models/{model}", "state": "BATCH_STATE_PENDING", "createTime": ISO,
            "inputConfig": {"fileName": self.made["batch"]["input_config"]["file_name"]},
        }  # fmt: skip
        self.batches[batch_id] = {"name": batch_id, "metadata": about}
        return Respond(json=self.batches[batch_id])

    def batch_told(self, received: Received, query: Any, batch_id: str) -> Respond:
        return Respond(json=self.batches[batch_id]) if batch_id in self.batches else self.missing()

    def batches_listed(self, received: Received, query: Any) -> Respond:
        return self.page("operations", list(self.batches.values()), query)

    def cancelled(self, received: Received, query: Any, batch_id: str) -> Respond:
        if batch_id not in self.batches:
            return self.missing()
        self.batches[batch_id]["metadata"]["state"] = "BATCH_STATE_CANCELLING"
        return Respond(json={})

    @staticmethod
    def answer(text: str) -> dict[str, Any]:
        content = {"role": "model", "parts": [{"text": text}]}
        usage = {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5}
        return {"candidates": [{"content": content, "finishReason": "STOP"}], "usageMetadata": usage}

    def finish(self, batch_id: str) -> None:
        batch = self.batches[batch_id]
        lines = self.lines(self.files[batch["metadata"]["inputConfig"]["fileName"]][1])
        rows = [
            {"key": line["key"], "error": {"code": 400, "message": "it failed", "status": "INVALID_ARGUMENT"}}
            if number == 1
            else {"key": line["key"], "response": self.answer(f"answer to {line['key']}")}
            for number, line in enumerate(lines)
        ]
        self.files["files/out"] = "out", jsonl(rows), "application/jsonl"
        stats = {"requestCount": str(len(rows)), "successfulRequestCount": str(len(rows) - 1)}
        stats["failedRequestCount"] = "1"
        batch["metadata"] |= {"state": "BATCH_STATE_SUCCEEDED", "endTime": ISO, "batchStats": stats}
        batch |= {"done": True, "response": {"responsesFile": "files/out"}}


class VertexVault(GeminiVault):
    """Jobs, and objects of Cloud Storage."""

    env = {"VERTEXAI_PROJECT": "p1", "VERTEXAI_LOCATION": "us-central1", "VERTEXAI_BUCKET": "gs://bkt/in"}
    jobs: ClassVar[str] = "/v1/projects/p1/locations/us-central1/batchPredictionJobs"

    def routes(self) -> list[tuple[str, str, Callable[..., Respond]]]:
        objects = "/storage/v1/b/bkt/o"
        return [
            ("POST", f"/upload{objects}", self.upload),
            ("GET", objects, self.listed),
            ("GET", f"{objects}/([^/]+)", self.told),
            ("DELETE", f"{objects}/([^/]+)", self.deleted),
            ("POST", self.jobs, self.begun),
            ("GET", self.jobs, self.batches_listed),
            ("GET", f"{self.jobs}/([^/]+)", self.batch_told),
            ("POST", f"{self.jobs}/([^/]+):cancel", self.cancelled),
        ]

    def file_of(self, file_id: str) -> dict[str, Any]:
        name, content, _ = self.files[file_id]
        return {"name": name, "bucket": "bkt", "size": str(len(content)), "timeCreated": ISO}

    def upload(self, received: Received, query: Any) -> Respond:
        assert query["uploadType"] == "media"
        self.files[query["name"]] = query["name"], received.body, received.headers["content-type"]
        return Respond(json=self.file_of(query["name"]))

    def listed(self, received: Received, query: Any) -> Respond:
        found = [self.file_of(name) for name in self.files if name.startswith(query["prefix"])]
        return self.page("items", found, query, size="maxResults")

    def told(self, received: Received, query: Any, file_id: str) -> Respond:
        if file_id not in self.files:
            return self.missing()
        if query.get("alt") == "media":
            return Respond(body=self.files[file_id][1], headers={"Content-Type": "application/json"})
        return Respond(json=self.file_of(file_id))

    def deleted(self, received: Received, query: Any, file_id: str) -> Respond:
        return Respond(204) if self.files.pop(file_id, None) else self.missing()

    def begun(self, received: Received, query: Any) -> Respond:
        self.made = received.json
        batch_id = str(100 + len(self.batches))
        name = f"{self.jobs.removeprefix('/v1/')}/{batch_id}"
        self.batches[batch_id] = {**self.made, "name": name, "state": "JOB_STATE_PENDING", "createTime": ISO}
        return Respond(json=self.batches[batch_id])

    def batches_listed(self, received: Received, query: Any) -> Respond:
        return self.page("batchPredictionJobs", list(self.batches.values()), query)

    def cancelled(self, received: Received, query: Any, batch_id: str) -> Respond:
        if batch_id not in self.batches:
            return self.missing()
        self.batches[batch_id]["state"] = "JOB_STATE_CANCELLING"
        return Respond(json={})

    def finish(self, batch_id: str) -> None:
        batch = self.batches[batch_id]
        (source,) = batch["inputConfig"]["gcsSource"]["uris"]
        folder = batch["outputConfig"]["gcsDestination"]["outputUriPrefix"] + "/prediction-m"
        rows = []
        for number, line in enumerate(self.lines(self.files[source.removeprefix("gs://bkt/")][1])):
            asked = line["request"]["contents"][0]["parts"][0]["text"]
            row = {"request": line["request"], "status": "", "processed_time": ISO}
            answer = self.answer(f"answer to {asked}")
            rows.append({**row, "status": "it failed"} if number == 1 else {**row, "response": answer})
        name = f"{folder.removeprefix('gs://bkt/')}/predictions.jsonl"
        self.files[name] = name, jsonl(rows), "application/jsonl"
        stats = {"successfulCount": str(len(rows) - 1), "failedCount": "1", "incompleteCount": "0"}
        batch |= {"state": "JOB_STATE_SUCCEEDED", "endTime": ISO, "completionStats": stats}
        batch["outputInfo"] = {"gcsOutputDirectory": folder}


class BedrockVault(Vault):
    """Jobs, and objects of S3."""

    env = {
        "AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "s",
        "AWS_S3_BUCKET_NAME": "bkt", "AWS_BATCH_ROLE_ARN": "arn:aws:iam::123456789012:role/batch",
    }  # fmt: skip

    def __call__(self, received: Received) -> Respond:
        service = "bedrock" if "model-invocation" in received.path else "s3"
        assert f"/us-east-1/{service}/aws4_request" in received.headers["authorization"]
        assert service == "bedrock" or "x-amz-content-sha256" in received.headers
        return super().__call__(replace(received, path=received.path.removeprefix("/s3")))

    def routes(self) -> list[tuple[str, str, Callable[..., Respond]]]:
        jobs = "/model-invocation-job"
        return [
            ("POST", jobs, self.begun),
            ("GET", f"{jobs}s", self.batches_listed),
            ("GET", f"{jobs}/([^/]+)", self.batch_told),
            ("POST", f"{jobs}/([^/]+)/stop", self.cancelled),
            ("GET", "/bkt", self.listed),
            ("PUT", "/bkt/(.+)", self.upload),
            ("GET", "/bkt/(.+)", self.content),
            ("DELETE", "/bkt/(.+)", self.deleted),
        ]

    def missing(self) -> Respond:
        error = b"<?xml version='1.0'?><Error><Code>NoSuchKey</Code><Message>no such thing</Message></Error>"
        return Respond(404, body=error, headers={"Content-Type": "application/xml"})

    def absent(self) -> Respond:
        headers = {"x-amzn-ErrorType": "ResourceNotFoundException"}
        return Respond(404, json={"message": "no such job"}, headers=headers)

    def upload(self, received: Received, query: Any, key: str) -> Respond:
        assert received.headers["x-amz-content-sha256"] == "UNSIGNED-PAYLOAD"
        self.files[key] = key, received.body, ""
        return Respond(headers={"ETag": '"e"'})

    def listed(self, received: Received, query: Any) -> Respond:
        found = [key for key in sorted(self.files) if key.startswith(query["prefix"])]
        start = int(query.get("continuation-token", 0))
        end = start + min(int(query["max-keys"]), 2)
        entries = "".join(
            f"<Contents><Key>{key.replace('&', '&amp;')}</Key><LastModified>{ISO}</LastModified>"
            f"<Size>{len(self.files[key][1])}</Size></Contents>"
            for key in found[start:end]
        )
        token = f"<NextContinuationToken>{end}</NextContinuationToken>" if len(found) > end else ""
        xml = f"<ListBucketResult><Name>bkt</Name>{token}{entries}</ListBucketResult>"
        return Respond(body=xml.encode(), headers={"Content-Type": "application/xml"})

    def content(self, received: Received, query: Any, key: str) -> Respond:
        if key not in self.files:
            return self.missing()
        return Respond(body=self.files[key][1], headers={"Content-Type": "binary/octet-stream"})

    def deleted(self, received: Received, query: Any, key: str) -> Respond:
        self.files.pop(key, None)
        return Respond(204)

    def begun(self, received: Received, query: Any) -> Respond:
        self.made = received.json
        arn = f"arn:aws:bedrock:us-east-1:123456789012:model-invocation-job/j{len(self.batches) + 1}"
        self.batches[arn] = {**self.made, "jobArn": arn, "status": "Submitted", "submitTime": ISO}
        return Respond(json={"jobArn": arn})

    def batch_told(self, received: Received, query: Any, arn: str) -> Respond:
        return Respond(json=self.batches[arn]) if arn in self.batches else self.absent()

    def batches_listed(self, received: Received, query: Any) -> Respond:
        assert query["sortOrder"] == "Descending"
        rows, start = list(self.batches.values()), int(query.get("nextToken", 0))
        token = {"nextToken": str(start + 2)} if len(rows) > start + 2 else {}
        return Respond(json={"invocationJobSummaries": rows[start : start + 2], **token})

    def cancelled(self, received: Received, query: Any, arn: str) -> Respond:
        if arn not in self.batches:
            return self.absent()
        self.batches[arn]["status"] = "Stopping"
        return Respond(json={})

    def finish(self, batch_id: str) -> None:
        batch = self.batches[batch_id]
        source = batch["inputDataConfig"]["s3InputDataConfig"]["s3Uri"].removeprefix("s3://bkt/")
        folder = batch["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"].removeprefix("s3://bkt/")
        rows = []
        for number, line in enumerate(self.lines(self.files[source][1])):
            message = {"role": "assistant", "content": [{"text": f"answer to {line['recordId']}"}]}
            output = {
                "output": {"message": message}, "stopReason": "end_turn",
                "usage": {"inputTokens": 3, "outputTokens": 2, "totalTokens": 5},
            }  # fmt: skip
            error = {"errorCode": 400, "errorMessage": "it failed"}
            rows.append({**line, "error": error} if number == 1 else {**line, "modelOutput": output})
        key = f"{folder}{batch_id.rpartition('/')[2]}/{source.rpartition('/')[2]}.out"
        self.files[key] = key, jsonl(rows), ""
        counts = {"totalRecordCount": len(rows), "successRecordCount": len(rows) - 1, "errorRecordCount": 1}
        batch |= {"status": "Completed", "endTime": ISO, **counts}


VAULTS: dict[str, type[Vault]] = {
    "openai": OpenAIVault,
    "azure": AzureVault,
    "groq": OpenAIVault,
    "mistral": MistralVault,
    "together": TogetherVault,
    "anthropic": AnthropicVault,
    "google": GeminiVault,
    "vertex": VertexVault,
    "bedrock": BedrockVault,
}
