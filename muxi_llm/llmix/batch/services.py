"""The batch APIs of three providers: what each calls submitting, standing and answers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import quote

import orjson

from muxi_llm.llmix.batch.service import MB, Answer, Service, wire_id
from muxi_llm.wire.anthropic.stored import MessageLines
from muxi_llm.wire.batch_lines import Lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from muxi_llm.llmix.batch.service import Standing
    from muxi_llm.wire.base import Json


class OpenAIBatches(Service):
    """https://platform.openai.com/docs/api-reference/batch."""

    name = "openai"
    most_requests, most_bytes = Lines.most_requests, Lines.most_bytes
    states = {
        "validating": "pending",
        "in_progress": "in_progress",
        "finalizing": "in_progress",
        "cancelling": "in_progress",
        "completed": "completed",
        "failed": "failed",
        "cancelled": "failed",
        "expired": "expired",
    }

    async def submit(self, model: str, asked: list[Json], ids: list[str]) -> str:
        """Hand in the calls; the id of the batch."""
        lines = [
            orjson.dumps(
                {
                    "custom_id": custom_id,
                    "method": "POST",
                    "url": ENDPOINT,
                    "body": orjson.Fragment(call.whole),
                }
            )
            for custom_id, call in zip(ids, self._encoded(model, asked), strict=True)
        ]
        boundary = f"muxi-llm-{time.time_ns()}"
        form = _form(boundary, self._checked(b"\n".join(lines) + b"\n"))
        uploaded = await self._ask("/files", form, kind=f"multipart/form-data; boundary={boundary}")
        wanted = {
            "input_file_id": orjson.loads(uploaded)["id"],
            "endpoint": ENDPOINT,
            "completion_window": "24h",
        }
        return str((await self._ask_json("/batches", wanted))["id"])

    async def fetch(self, raw_id: str) -> Json:
        """What is said of a batch."""
        return await self._ask_json(f"/batches/{quote(raw_id, safe=':')}")

    async def cancel(self, raw_id: str) -> None:
        """Ask for no more of it."""
        await self._ask_json(f"/batches/{quote(raw_id, safe=':')}/cancel", {})

    async def newest(self) -> list[tuple[str, int, Json]]:
        """The newest hundred."""
        found = (await self._ask_json("/batches?limit=100")).get("data") or ()
        return [(said["id"], (said.get("request_counts") or {}).get("total") or 0, said) for said in found]

    def standing(self, said: Json) -> Standing:
        """The state, the counts, the error."""
        counts = said.get("request_counts") or {}
        errors = (said.get("errors") or {}).get("data") or []
        told = "; ".join(error.get("message") or error.get("code") or "" for error in errors)
        state = self.states.get(said["status"], "in_progress")
        return state, (counts.get("completed", 0), counts.get("failed", 0)), told or None

    async def answers(self, raw_id: str, said: Json) -> dict[str, Answer]:  # noqa: ARG002 - it is in what was said
        """By `custom_id`."""
        found = {}
        for name in ("output_file_id", "error_file_id"):
            if said.get(name):
                content = await self._ask(f"/files/{quote(said[name], safe='')}/content")
                found.update({line["custom_id"]: self._answer(line) for line in _lines(content)})
        return found

    def _answer(self, line: Json) -> Answer:
        response, error = line.get("response") or {}, line.get("error")
        body = response.get("body") or {}
        if error or response.get("status_code") != 200:
            error = error or body.get("error") or {}
            return Answer(error=error.get("message") or f"status {response.get('status_code')}")
        return self._answer_of(body)


class AnthropicBatches(Service):
    """https://platform.claude.com/docs/en/api/messages/batches/create."""

    name = "anthropic"
    most_requests, most_bytes = MessageLines.most_requests, MessageLines.most_bytes
    ids = MessageLines.ids

    async def submit(self, model: str, asked: list[Json], ids: list[str]) -> str:
        """Hand in the calls; the id of the batch."""
        calls = self._encoded(model, [{"max_tokens": MAX_TOKENS, **arguments} for arguments in asked])
        requests = [
            {"custom_id": custom_id, "params": orjson.Fragment(call.whole)}
            for custom_id, call in zip(ids, calls, strict=True)
        ]
        content = self._checked(orjson.dumps({"requests": requests}))
        return str((await self._ask_json("/v1/messages/batches", content))["id"])

    async def fetch(self, raw_id: str) -> Json:
        """What is said of a batch."""
        return await self._ask_json(f"/v1/messages/batches/{quote(raw_id, safe=':')}")

    async def cancel(self, raw_id: str) -> None:
        """Ask for no more of it."""
        await self._ask_json(f"/v1/messages/batches/{quote(raw_id, safe=':')}/cancel", {})

    async def newest(self) -> list[tuple[str, int, Json]]:
        """The newest hundred."""
        found = (await self._ask_json("/v1/messages/batches?limit=100")).get("data") or ()
        return [(said["id"], sum((said.get("request_counts") or {}).values()), said) for said in found]

    def standing(self, said: Json) -> Standing:
        """The state, the counts, the error."""
        counts = said.get("request_counts") or {}
        done = counts.get("succeeded", 0)
        failed = sum(counts.get(name, 0) for name in ("errored", "canceled", "expired"))
        if said["processing_status"] != "ended":
            return "in_progress", (done, failed), None
        return "failed" if not done and counts.get("errored") else "completed", (done, failed), None

    async def answers(self, raw_id: str, said: Json) -> dict[str, Answer]:  # noqa: ARG002 - the key goes nowhere else
        """By `custom_id`."""
        # Not `results_url`: the key would follow wherever an answer points.
        content = await self._ask(f"/v1/messages/batches/{quote(raw_id, safe=':')}/results")
        return {line["custom_id"]: self._answer(line["result"]) for line in _lines(content)}

    def _answer(self, result: Json) -> Answer:
        if result["type"] == "succeeded":
            return self._answer_of(result["message"])
        error = result.get("error") or {}
        return Answer(error=(error.get("error") or error).get("message") or result["type"])


class GeminiBatches(Service):
    """https://ai.google.dev/api/batch-api. States are `BATCH_STATE_...` there, `JOB_STATE_...` in guides.

    Its limit for requests that come along: https://ai.google.dev/gemini-api/docs/batch-api.
    """

    name = "google"
    most_bytes = 20 * MB
    states = {
        "PENDING": "pending",
        "QUEUED": "pending",
        "RUNNING": "in_progress",
        "CANCELLING": "in_progress",
        "PAUSED": "in_progress",
        "SUCCEEDED": "completed",
        "PARTIALLY_SUCCEEDED": "completed",
        "FAILED": "failed",
        "CANCELLED": "failed",
        "EXPIRED": "expired",
    }

    async def submit(self, model: str, asked: list[Json], ids: list[str]) -> str:
        """Hand in the calls; the id of the batch."""
        calls = self._encoded(model, asked)
        requests = [
            {"request": orjson.Fragment(call.whole), "metadata": {"key": custom_id}}
            for custom_id, call in zip(ids, calls, strict=True)
        ]
        path = calls[0].url.removeprefix(self._provider.base_url).replace(":generate", ":batchGenerate")
        wanted = {"batch": {"displayName": "muxi-llm", "inputConfig": {"requests": {"requests": requests}}}}
        return str((await self._ask_json(path, self._checked(orjson.dumps(wanted))))["name"])

    async def fetch(self, raw_id: str) -> Json:
        """What is said of a batch."""
        return await self._ask_json(f"/{quote(raw_id, safe='/:')}")

    async def cancel(self, raw_id: str) -> None:
        """Ask for no more of it."""
        await self._ask_json(f"/{quote(raw_id, safe='/:')}:cancel", {})

    async def newest(self) -> list[tuple[str, int, Json]]:
        """The newest hundred."""
        found = (await self._ask_json("/batches?pageSize=100")).get("operations") or ()
        return [(said["name"], int(_stats(said).get("requestCount") or 0), said) for said in found]

    def standing(self, said: Json) -> Standing:
        """The state, the counts, the error."""
        about = said.get("metadata") or {}
        stats = _stats(said)
        state = self.states.get(str(about.get("state", "")).rpartition("STATE_")[2], "pending")
        if said.get("error"):
            state = "failed"
        # int64 is text in Google's JSON.
        done, failed = (int(stats.get(f"{kind}RequestCount", 0)) for kind in ("successful", "failed"))
        return state, (done, failed), (said.get("error") or {}).get("message")

    async def answers(self, raw_id: str, said: Json) -> dict[str, Answer]:  # noqa: ARG002 - they are in what was said
        """By `custom_id`."""
        output = said.get("response") or (said.get("metadata") or {}).get("output") or {}
        inlined = output.get("inlinedResponses") or {}
        return {
            (one.get("metadata") or {}).get("key", wire_id(index)): self._answer(one)
            for index, one in enumerate(inlined.get("inlinedResponses") or ())
        }

    def _answer(self, one: Json) -> Answer:
        if "response" in one:
            return self._answer_of(one["response"])
        return Answer(error=(one.get("error") or {}).get("message") or "no answer in it")


def _stats(said: Json) -> Json:
    found: Json = (said.get("metadata") or {}).get("batchStats") or {}
    return found


def _lines(content: bytes) -> Iterable[Json]:
    return (orjson.loads(line) for line in content.splitlines() if line.strip())


def _form(boundary: str, file: bytes) -> bytes:
    """A form with the field `purpose` and a file."""
    head = (
        f'--{boundary}\r\ncontent-disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{boundary}\r\ncontent-disposition: form-data; name="file"; filename="batch.jsonl"\r\n'
        "content-type: application/jsonl\r\n\r\n"
    )
    return head.encode() + file + f"\r\n--{boundary}--\r\n".encode()


# ------------------------------------------------------------------------------------------- tables

ENDPOINT = "/v1/chat/completions"
MAX_TOKENS = 4096
"""Where nothing is said: Anthropic must be told."""

SERVICES: dict[str, type[Service]] = {
    "openai": OpenAIBatches,
    "anthropic": AnthropicBatches,
    "gemini": GeminiBatches,
}
