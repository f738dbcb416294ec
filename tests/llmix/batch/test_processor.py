"""Batches, over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import muxi_llm
from muxi_llm.errors import (
    APIConnectionError,
    AuthenticationError,
    InternalServerError,
    KillSwitchActiveError,
)
from muxi_llm.harness.kill_switch import KillSwitch
from muxi_llm.llmix.batch import (
    BatchProcessor,
    BatchResult,
    BatchStatus,
    decode_batch_id,
    delete_metadata,
    encode_batch_id,
    read_metadata,
    write_metadata,
)
from muxi_llm.llmix.batch.services import SERVICES
from tests.llmix.test_dispatchers import CLAUDE, GEMINI
from tests.support.bodies import CALL, chat
from tests.support.upstream import Received, Respond, Upstream

KEY = "sk-batch"
Handler = Callable[[Received], Any]


class Api:
    """A provider's batch API: answers by method and path."""

    def __init__(self, upstream: Upstream) -> None:
        self.routes: dict[str, Any] = {}
        self.requests = upstream.requests
        upstream.respond = self._respond

    def _respond(self, received: Received) -> Respond:
        answer = self.routes[f"{received.method} {received.path}"]
        return answer if isinstance(answer, Respond) else Respond(json=answer)

    def last(self, method: str = "POST") -> Received:
        return [request for request in self.requests if request.method == method][-1]


@pytest.fixture
def api(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Api:
    """All three providers, on loopback."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/v1")
    monkeypatch.setenv("ANTHROPIC_BASE_URL", upstream.url)
    monkeypatch.setenv("GEMINI_BASE_URL", f"{upstream.url}/v1beta")
    return Api(upstream)


class Face:
    """Both faces of a processor."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.batches = BatchProcessor()

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        if self.kind == "sync":
            return getattr(self.batches, verb)
        method = getattr(self.batches, f"a{verb}")
        return lambda *args, **named: asyncio.run(method(*args, **named))


@pytest.fixture
def batches(face: str) -> Face:
    return Face(face)


def jsonl(*lines: Any) -> Respond:
    return Respond(body=b"\n".join(json.dumps(line).encode() for line in lines) + b"\n")


# ------------------------------------------------------------------------------------------ openai


def openai_batch(api: Api, **said: Any) -> None:
    api.routes.update({
        "POST /v1/files": {"id": "file-in"},
        "POST /v1/batches": {"id": "batch_1"},
        "GET /v1/batches/batch_1": {"id": "batch_1", "status": "completed", **said},
    })  # fmt: skip


def test_openai_submits(api: Api, batches: Face, state: Path) -> None:
    """A file of requests, then the batch; parameters fitted to the model."""
    openai_batch(api)
    batch_id = batches.submit(
        "openai",
        KEY,
        "gpt-5-mini",
        ["One", [{"role": "user", "content": "Two"}]],
        "Be brief.",
        {"max_tokens": 9},
    )
    assert batch_id == encode_batch_id("openai", KEY, 2, "batch_1")
    upload, made = api.requests
    assert upload.headers["authorization"] == made.headers["authorization"] == f"Bearer {KEY}"
    form = upload.body.decode()
    boundary = upload.headers["content-type"].partition("boundary=")[2]
    purpose, file = form.split(f"--{boundary}")[1:3]
    assert purpose.split("\r\n\r\n")[1].strip() == "batch"
    lines = [json.loads(line) for line in file.split("\r\n\r\n")[1].strip().splitlines()]
    assert lines[1] == {
        "custom_id": "req-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {
            "model": "gpt-5-mini",
            "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Two"}],
            "max_completion_tokens": 9,
        },
    }
    assert made.json == {
        "input_file_id": "file-in", "endpoint": "/v1/chat/completions", "completion_window": "24h",
    }  # fmt: skip
    kept = read_metadata(batch_id)
    assert (kept.provider, kept.n_prompts, kept.submitted_at[-1]) == ("openai", 2, "Z")


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("validating", "pending"), ("in_progress", "in_progress"), ("finalizing", "in_progress"),
        ("cancelling", "in_progress"), ("completed", "completed"), ("failed", "failed"),
        ("cancelled", "failed"), ("expired", "expired"), ("something new", "in_progress"),
    ],
)  # fmt: skip
def test_openais_states(api: Api, said: str, state: str) -> None:
    """By our names."""
    openai_batch(api, status=said, request_counts={"total": 2, "completed": 1, "failed": 1})
    batches = BatchProcessor()
    batch_id = batches.submit("openai", KEY, "gpt-4o", ["a", "b"])
    assert batches.status(batch_id, KEY) == BatchStatus(batch_id, state, 2, 1, 1)  # type: ignore[arg-type]


def test_openais_results(api: Api, batches: Face) -> None:
    """In the prompts' order, whatever order they came in; then the batch is forgotten."""
    openai_batch(api, output_file_id="file-out", error_file_id="file-err")
    api.routes["GET /v1/files/file-out/content"] = jsonl(
        {"custom_id": "req-1", "response": {"status_code": 200, "body": chat("Second")}, "error": None},
        {"custom_id": "req-0", "response": {"status_code": 200, "body": chat("First")}, "error": None},
        {"custom_id": "req-5", "response": {"status_code": 200, "body": {"no": "answer"}}},
    )
    api.routes["GET /v1/files/file-err/content"] = jsonl(
        {"custom_id": "req-2", "response": {"status_code": 400, "body": {"error": {"message": "bad"}}}},
        {"custom_id": "req-3", "response": None, "error": {"code": "expired", "message": "too late"}},
        {"custom_id": "req-6", "response": {"status_code": 500, "body": {}}},
    )
    batch_id = batches.submit("openai", KEY, "gpt-4o", list("abcdefg"))
    results = batches.results(batch_id, KEY)
    assert [bare(result) for result in results[:5]] == [
        BatchResult(0, True, "First"),
        BatchResult(1, True, "Second"),
        BatchResult(2, False, error="bad"),
        BatchResult(3, False, error="too late"),
        BatchResult(4, False, error="Missing result"),
    ]
    assert [(r.success, bool(r.error)) for r in results[5:]] == [(False, True)] * 2
    assert results[6].error == "status 500"
    with pytest.raises(ValueError, match="is not known here"):
        read_metadata(batch_id)
    assert batches.results(batch_id, KEY) == results  # on any machine, as long as the provider has them


def bare(result: BatchResult) -> BatchResult:
    """Text or error alone."""
    return BatchResult(result.index, result.success, result.response, result.error)


def test_what_goes_with_an_answer(api: Api, batches: Face) -> None:
    """Its own id, what it used, its tool calls, why it ended."""
    openai_batch(api, output_file_id="file-out")
    batch_id = batches.submit("openai", KEY, "gpt-4o", ["a", "b"], custom_ids=["first-1", None])
    lines = [json.loads(line) for line in api.requests[0].body.splitlines() if line.startswith(b"{")]
    assert [line["custom_id"] for line in lines] == ["req-0-first-1", "req-1"]
    body = chat(None, finish="tool_calls", tool_calls=[CALL])
    api.routes["GET /v1/files/file-out/content"] = jsonl(
        {"custom_id": "req-0-first-1", "response": {"status_code": 200, "body": body}}
    )
    first, second = batches.results(batch_id, KEY)
    assert (first.custom_id, first.finish_reason, first.response) == ("first-1", "tool_calls", "")
    assert first.usage == {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    assert first.tool_calls[0]["function"]["name"] == "f"
    assert (second.custom_id, second.usage, second.tool_calls) == (None, None, None)


def test_a_batch_of_another_programs(api: Api, batches: Face) -> None:
    """Its results come under its own ids, in the order they are in."""
    openai_batch(api, output_file_id="file-out")
    api.routes["GET /v1/files/file-out/content"] = jsonl(
        {"custom_id": "x", "response": {"status_code": 200, "body": chat("X")}},
        {"custom_id": "y", "response": {"status_code": 200, "body": chat("Y")}},
    )
    results = batches.results(encode_batch_id("openai", KEY, 1, "batch_1"), KEY)
    assert [(r.index, r.custom_id, r.response) for r in results] == [(0, "x", "X"), (1, "y", "Y")]


def test_results_of_a_batch_under_way(api: Api, batches: Face) -> None:
    """Are none yet, and it is not forgotten."""
    openai_batch(api, status="in_progress")
    batch_id = batches.submit("openai", KEY, "gpt-4o", ["a"])
    assert batches.results(batch_id, KEY) == []
    assert read_metadata(batch_id)


def test_results_of_a_batch_that_failed(api: Api, batches: Face) -> None:
    """Say why, each of them."""
    errors = {"data": [{"code": "c", "message": "line 1 is no JSON"}, {"code": "too_long", "message": None}]}
    openai_batch(api, status="failed", errors=errors)
    batch_id = batches.submit("openai", KEY, "gpt-4o", ["a"])
    assert batches.results(batch_id, KEY) == [BatchResult(0, False, error="line 1 is no JSON; too_long")]


# --------------------------------------------------------------------------------------- anthropic


def anthropic_batch(api: Api, **said: Any) -> None:
    said = {
        "id": "msgbatch_1",
        "processing_status": "ended",
        "results_url": "https://elsewhere.test/",
        **said,
    }
    api.routes.update({
        "POST /v1/messages/batches": {"id": "msgbatch_1"},
        "GET /v1/messages/batches/msgbatch_1": said,
    })  # fmt: skip


def test_anthropic_submits(api: Api, batches: Face) -> None:
    """All in one request, by Anthropic's own names."""
    anthropic_batch(api)
    batch_id = batches.submit(
        "anthropic", KEY, "claude-sonnet-4-5", ["One"], "Be brief.", {"temperature": 0.5, "top_k": 3}
    )
    assert batch_id == encode_batch_id("anthropic", KEY, 1, "msgbatch_1")
    [request] = api.requests
    assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == (KEY, "2023-06-01")
    params = {
        "model": "claude-sonnet-4-5", "max_tokens": 4096, "temperature": 0.5, "top_k": 3, "system": "Be brief.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "One"}]}],
    }  # fmt: skip
    [asked] = request.json["requests"]
    assert asked["custom_id"] == "req-0"
    content = asked["params"]["messages"][0]["content"]
    assert content in ("One", params["messages"][0]["content"])  # type: ignore[index]
    assert {**asked["params"], "messages": params["messages"]} == params


@pytest.mark.parametrize(
    ("said", "state", "counts"),
    [
        ({"processing_status": "in_progress"}, "in_progress", (0, 0)),
        ({"processing_status": "canceling"}, "in_progress", (0, 0)),
        ({"request_counts": {"succeeded": 1, "errored": 1}}, "completed", (1, 1)),
        ({"request_counts": {"succeeded": 0, "errored": 2}}, "failed", (0, 2)),
        ({"request_counts": {"succeeded": 0, "expired": 1, "canceled": 1}}, "completed", (0, 2)),
    ],
)
def test_anthropics_states(api: Api, said: Any, state: Any, counts: tuple[int, int]) -> None:
    """By our names."""
    anthropic_batch(api, **said)
    batches = BatchProcessor()
    batch_id = batches.submit("anthropic", KEY, "claude-sonnet-4-5", ["a", "b"])
    assert batches.status(batch_id, KEY) == BatchStatus(batch_id, state, 2, *counts)


def test_anthropics_results(api: Api, batches: Face) -> None:
    """Fetched where the key belongs, not where an answer points."""
    anthropic_batch(api)
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}}
    api.routes["GET /v1/messages/batches/msgbatch_1/results"] = jsonl(
        {"custom_id": "req-1", "result": {"type": "errored", "error": error}},
        {"custom_id": "req-0", "result": {"type": "succeeded", "message": CLAUDE}},
        {"custom_id": "req-2", "result": {"type": "expired"}},
    )
    batch_id = batches.submit("anthropic", KEY, "claude-sonnet-4-5", list("abc"))
    assert [bare(result) for result in batches.results(batch_id, KEY)] == [
        BatchResult(0, True, "Hi"),
        BatchResult(1, False, error="busy"),
        BatchResult(2, False, error="expired"),
    ]


# ------------------------------------------------------------------------------------------ gemini


def gemini_batch(api: Api, state: str = "BATCH_STATE_SUCCEEDED", stats: Any = None, **said: Any) -> None:
    metadata = {"state": state, "batchStats": stats or {}, **said.pop("metadata", {})}
    api.routes.update({
        "POST /v1beta/models/gemini-2.5-flash:batchGenerateContent": {"name": "batches/1"},
        "GET /v1beta/batches/1": {"name": "batches/1", "metadata": metadata, **said},
    })  # fmt: skip


def test_gemini_submits(api: Api, batches: Face) -> None:
    """Inline requests; the key in a header."""
    gemini_batch(api)
    batch_id = batches.submit("gemini", KEY, "gemini-2.5-flash", ["One"], params={"temperature": 0.5})
    assert batch_id == encode_batch_id("gemini", KEY, 1, "batches/1")
    [request] = api.requests
    assert request.headers["x-goog-api-key"] == KEY
    asked = {
        "contents": [{"role": "user", "parts": [{"text": "One"}]}],
        "generationConfig": {"temperature": 0.5},
    }
    assert request.json == {
        "batch": {
            "displayName": "muxi-llm",
            "inputConfig": {"requests": {"requests": [{"request": asked, "metadata": {"key": "req-0"}}]}},
        }
    }


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("BATCH_STATE_PENDING", "pending"), ("JOB_STATE_QUEUED", "pending"), ("BATCH_STATE_RUNNING", "in_progress"),
        ("JOB_STATE_SUCCEEDED", "completed"), ("BATCH_STATE_FAILED", "failed"),
        ("JOB_STATE_CANCELLED", "failed"), ("BATCH_STATE_EXPIRED", "expired"), ("BATCH_STATE_UNSPECIFIED", "pending"),
    ],
)  # fmt: skip
def test_geminis_states(api: Api, batches: Face, said: str, state: Any) -> None:
    """By our names, whichever way Google spells its own."""
    gemini_batch(api, said, {"requestCount": "2", "successfulRequestCount": "1", "failedRequestCount": "1"})
    batch_id = batches.submit("gemini", KEY, "gemini-2.5-flash", ["a", "b"])
    assert batches.status(batch_id, KEY) == BatchStatus(batch_id, state, 2, 1, 1)


@pytest.mark.parametrize("place", ["response", "output"])
def test_geminis_results(api: Api, batches: Face, place: str) -> None:
    """By key, or by place where there is none."""
    inlined = [
        {"metadata": {"key": "req-1"}, "error": {"code": 8, "message": "quota"}},
        {"metadata": {"key": "req-0"}, "response": GEMINI},
        {"response": {"candidates": []}},
        {"metadata": {"key": "req-3"}},
    ]
    output = {"inlinedResponses": {"inlinedResponses": inlined}}
    gemini_batch(api, **({"response": output} if place == "response" else {"metadata": {"output": output}}))
    batch_id = batches.submit("gemini", KEY, "gemini-2.5-flash", list("abcd"))
    results = [bare(result) for result in batches.results(batch_id, KEY)]
    assert results[:2] == [BatchResult(0, True, "Hi"), BatchResult(1, False, error="quota")]
    assert not results[2].success
    assert results[3] == BatchResult(3, False, error="no answer in it")


def test_a_batch_of_geminis_that_failed(api: Api, batches: Face) -> None:
    """Says why."""
    gemini_batch(api, "BATCH_STATE_RUNNING", error={"code": 3, "message": "no such model"})
    batch_id = batches.submit("gemini", KEY, "gemini-2.5-flash", ["a"])
    assert batches.results(batch_id, KEY) == [BatchResult(0, False, error="no such model")]


# ------------------------------------------------------------------------------------------ errors


def test_what_is_refused_before_anything_is_sent(batches: Face) -> None:
    """An unknown provider; nothing to do."""
    with pytest.raises(ValueError, match="provider must be one of openai, anthropic, gemini, not 'groq'"):
        batches.submit("groq", KEY, "m", ["a"])
    with pytest.raises(ValueError, match="one prompt at least"):
        batches.submit("openai", KEY, "m", [])


def test_the_providers_refusal(api: Api, batches: Face) -> None:
    """Has its class; nothing is kept of the batch."""
    api.routes["POST /v1/files"] = Respond(401, json={"error": {"message": "no such key"}})
    with pytest.raises(AuthenticationError, match="no such key"):
        batches.submit("openai", KEY, "gpt-4o", ["a"])


def test_no_answer(batches: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is there."""
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:1/v1")
    with pytest.raises(APIConnectionError):
        batches.submit("openai", KEY, "gpt-4o", ["a"])


def test_losses_are_told(api: Api) -> None:
    """Once for all prompts."""
    anthropic_batch(api)
    with pytest.warns(muxi_llm.AdaptationWarning, match=r"anthropic/claude-sonnet-4-5: seed dropped"):
        BatchProcessor().submit("anthropic", KEY, "claude-sonnet-4-5", ["a", "b"], params={"seed": 1})


def test_another_key() -> None:
    """Is not this batch's."""
    batch_id = encode_batch_id("openai", KEY, 2, "raw")
    with pytest.raises(ValueError, match="submitted with another key"):
        BatchProcessor().status(batch_id, "sk-other")


def test_the_kill_switch_stops_what_would_be_bought(api: Api, batches: Face, state: Path) -> None:
    """What was bought is fetched all the same, and what costs is cancelled."""
    openai_batch(api, output_file_id=None)
    KillSwitch().turn("on")
    with pytest.raises(KillSwitchActiveError):
        batches.submit("openai", KEY, "gpt-4o", ["a"])
    assert api.requests == []
    assert len(batches.results(encode_batch_id("openai", KEY, 1, "batch_1"), KEY)) == 1


def test_a_batch_of_which_no_file_can_be_made(
    api: Api, batches: Face, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is bought by then: its id is what counts."""
    openai_batch(api)
    (tmp_path / "file").touch()
    batch_id = batches.submit("openai", KEY, "gpt-4o", ["a"], state_dir=None)
    assert batch_id
    with pytest.raises(NotADirectoryError):
        batches.submit("openai", KEY, "gpt-4o", ["a"], state_dir=tmp_path / "file")


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_more_than_a_provider_takes(
    api: Api, batches: Face, provider: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Is said before anything is sent; by number and by size."""
    most = SERVICES[provider].most_requests
    assert most is not None
    with pytest.raises(ValueError, match=f"takes {most:,} requests in a batch, not {most + 1:,}: split it"):
        batches.submit(provider, KEY, "m", ["a"] * (most + 1))
    monkeypatch.setattr(SERVICES[provider], "most_bytes", 2 * 1024 * 1024)
    with pytest.raises(ValueError, match=r"takes batches of 2 MB, and this one has 3\.0: split it"):
        batches.submit(provider, KEY, "m", ["a" * 3 * 1024 * 1024])
    assert api.requests == []


def test_ids_that_a_provider_does_not_take(api: Api, batches: Face) -> None:
    with pytest.raises(ValueError, match="anthropic takes ids of 1 to 64 letters, digits, - and _"):
        batches.submit("anthropic", KEY, "m", ["a"], custom_ids=["a b"])
    with pytest.raises(ValueError, match="there are 1 prompts and 2 custom_ids"):
        batches.submit("openai", KEY, "m", ["a"], custom_ids=["a", "b"])
    assert api.requests == []


# ------------------------------------------------------------------------------- list, cancel, wait

GEMINI_SAID = {
    "name": "batches/1",
    "metadata": {
        "state": "BATCH_STATE_RUNNING",
        "batchStats": {"requestCount": "3", "successfulRequestCount": "1"},
    },
}
LISTED: dict[str, tuple[str, Any]] = {
    "openai": (
        "GET /v1/batches?limit=100",
        {
            "data": [
                {"id": "b1", "status": "in_progress", "request_counts": {"total": 3, "completed": 1}},
                {"id": "b2", "status": "validating", "request_counts": None},
            ]
        },
    ),
    "anthropic": (
        "GET /v1/messages/batches?limit=100",
        {
            "data": [
                {
                    "id": "b1",
                    "processing_status": "in_progress",
                    "request_counts": {"processing": 2, "succeeded": 1},
                }
            ]
        },
    ),
    "gemini": ("GET /v1beta/batches?pageSize=100", {"operations": [GEMINI_SAID]}),
}


@pytest.mark.parametrize("provider", LISTED)
def test_batches_are_listed(api: Api, batches: Face, provider: str) -> None:
    """Wherever they were submitted; one that is being counted has one request at least."""
    route, said = LISTED[provider]
    api.routes[route] = said
    found = batches.list(provider, KEY)
    assert (found[0].state, found[0].total_requests, found[0].completed_requests) == ("in_progress", 3, 1)
    assert decode_batch_id(found[0].batch_id).provider == provider
    assert [status.total_requests for status in found[1:]] == ([1] if provider == "openai" else [])


CANCELLED: dict[str, tuple[str, str, str, Any]] = {
    "openai": (
        "b1",
        "POST /v1/batches/b1/cancel",
        "GET /v1/batches/b1",
        {"id": "b1", "status": "cancelling"},
    ),
    "anthropic": (
        "b1",
        "POST /v1/messages/batches/b1/cancel",
        "GET /v1/messages/batches/b1",
        {"id": "b1", "processing_status": "canceling"},
    ),
    "gemini": ("batches/1", "POST /v1beta/batches/1:cancel", "GET /v1beta/batches/1", GEMINI_SAID),
}


@pytest.mark.parametrize("provider", CANCELLED)
def test_a_batch_is_cancelled(api: Api, batches: Face, provider: str) -> None:
    raw_id, cancel, fetch, said = CANCELLED[provider]
    api.routes |= {cancel: {}, fetch: said}
    assert batches.cancel(encode_batch_id(provider, KEY, 3, raw_id), KEY).state == "in_progress"
    assert [request.method for request in api.requests] == ["POST", "GET"]


def waiting(batches: Face, **how: Any) -> BatchStatus:
    verb = "wait" if batches.kind == "sync" else "over"
    wait = batches.batches.wait if batches.kind == "sync" else batches.batches.await_over
    assert verb
    batch_id = encode_batch_id("openai", KEY, 2, "batch_1")
    found = wait(batch_id, KEY, every=0.001, **how)
    return found if isinstance(found, BatchStatus) else asyncio.run(found)


def test_a_wait_ends_with_the_batch(
    upstream: Upstream, batches: Face, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure that may pass is passed over."""
    monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/v1")
    states = [Respond(json={"status": "validating"}), Respond(503), Respond(json={"status": "completed"})]
    upstream.script = states
    assert waiting(batches).state == "completed"
    assert len(upstream.requests) == 3


def test_a_wait_that_is_in_vain(upstream: Upstream, batches: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/v1")
    upstream.respond = lambda received: Respond(503)
    with pytest.raises(InternalServerError):
        waiting(batches)
    assert len(upstream.requests) == 6
    upstream.respond = lambda received: Respond(401, json={})
    with pytest.raises(AuthenticationError):
        waiting(batches)
    assert len(upstream.requests) == 7
    with pytest.raises(ValueError, match="every must be seconds above 0"):
        BatchProcessor().wait(encode_batch_id("openai", KEY, 2, "batch_1"), KEY, every=0)


def test_a_wait_has_its_own_end(upstream: Upstream, batches: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", f"{upstream.url}/v1")
    upstream.respond = lambda received: Respond(json={"status": "in_progress"})
    assert waiting(batches, timeout=0.01).state == "in_progress"


@pytest.mark.parametrize("content", ["{}", "[]", "no JSON"])
def test_a_file_that_makes_no_sense(state: Path, content: str) -> None:
    """Is said to."""
    batch_id = encode_batch_id("openai", KEY, 2, "raw")
    write_metadata(batch_id, KEY, "openai", 2)
    next((state / "batches").iterdir()).write_text(content)
    with pytest.raises(ValueError, match="makes no sense"):
        read_metadata(batch_id)


# ------------------------------------------------------------------------------------ ids and files


@pytest.mark.parametrize(
    ("provider", "key", "count", "raw", "batch_id"),
    [
        ("openai", "sk-test-key-openai-1234567890", 5, "batch_abc123", "openai:5ed0d833:5:batch_abc123"),
        (
            "anthropic",
            "sk-ant-test-key-anthropic",
            10,
            "msgbatch_xyz789",
            "anthropic:3361c12f:10:msgbatch_xyz789",
        ),
        ("gemini", "AIzaSyTestKey-Gemini", 3, "operations/b/1", "gemini:19d76673:3:operations/b/1"),
        ("openai", "sk-proj-test-with-colons", 100, "b:with:colons", "openai:ddff2c2f:100:b:with:colons"),
    ],
)
def test_ids(provider: str, key: str, count: int, raw: str, batch_id: str) -> None:
    """There and back."""
    assert encode_batch_id(provider, key, count, raw) == batch_id
    assert decode_batch_id(batch_id) == (provider, batch_id.split(":")[1], count, raw)


@pytest.mark.parametrize(
    "batch_id",
    ["no", "openai:abcd1234", "openai:abcd1234:5", "groq:abcd1234:5:b", "openai:short:5:b", "openai:abcd1234:0:b",
     "openai:abcd1234:-1:b", "openai:abcd1234:abc:b", "openai:abcd1234:5:", "openai:abcd1234:²:b"],
)  # fmt: skip
def test_what_is_no_id(batch_id: str) -> None:
    """Is refused."""
    with pytest.raises(ValueError, match="not a batch id"):
        decode_batch_id(batch_id)


def test_files(tmp_path: Path) -> None:
    """Named by the id, and their owner's alone; nothing else is left behind."""
    folder = tmp_path / "new"
    batch_id = "openai:5ed0d833:5:batch_abc123"
    write_metadata(batch_id, "sk-test-key-openai-1234567890", "openai", 5, folder)
    [file] = (folder / "batches").iterdir()
    assert file.name == "b3BlbmFpOjVlZDBkODMzOjU6YmF0Y2hfYWJjMTIz.json"
    modes = [path.stat().st_mode & 0o777 for path in (folder, folder / "batches", file)]
    assert modes == [0o700, 0o700, 0o600]
    kept = json.loads(file.read_text())
    assert kept.keys() == {"keyFingerprint", "provider", "nPrompts", "submittedAt"}
    delete_metadata(batch_id, folder)
    delete_metadata(batch_id, folder)
    assert not file.exists()


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    """Not even half a file."""
    with pytest.raises(TypeError):
        write_metadata("id", KEY, "openai", object(), tmp_path)  # type: ignore[arg-type]
    assert list((tmp_path / "batches").iterdir()) == []


def test_another_folder_for_one_call(api: Api, tmp_path: Path, state: Path) -> None:
    """`state_dir`."""
    openai_batch(api)
    batches = BatchProcessor()
    batch_id = batches.submit("openai", KEY, "gpt-4o", ["a"], state_dir=tmp_path)
    assert read_metadata(batch_id, tmp_path)
    batches.results(batch_id, KEY, forget=False)
    assert read_metadata(batch_id, tmp_path)
    batches.results(batch_id, KEY, tmp_path)
    with pytest.raises(ValueError, match="is not known here"):
        read_metadata(batch_id, tmp_path)
