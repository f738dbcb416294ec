"""Errors of the Anthropic drop-in clients: Anthropic's classes, with the story of the call on them."""

from __future__ import annotations

from typing import Any

import anthropic
import pytest
from anthropic.types.thread_not_found_error import ThreadNotFoundError
from anthropic.types.thread_unsupported_request_error import ThreadUnsupportedRequestError

import muxi_llm
from tests.support import bodies
from tests.support.anthropic_client import CLAUDE, LATER, ask, stream
from tests.support.bodies import HELLO, sse
from tests.support.patience import until
from tests.support.upstream import Respond, Upstream


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (400, anthropic.BadRequestError, "invalid_request_error"),
        (401, anthropic.AuthenticationError, "authentication_error"),
        (403, anthropic.PermissionDeniedError, "permission_error"),
        (404, anthropic.NotFoundError, "not_found_error"),
        (413, anthropic.RequestTooLargeError, "request_too_large"),
        (422, anthropic.UnprocessableEntityError, "invalid_request_error"),
        (429, anthropic.RateLimitError, "rate_limit_error"),
        (500, anthropic.InternalServerError, "api_error"),
        (529, anthropic.OverloadedError, "overloaded_error"),
    ],
)
def test_errors_are_anthropics(status: int, kind: type[Any], name: str, world: Upstream) -> None:
    """Class, status, type, request id, and the story; one request for each try."""
    headers = {"retry-after": "0", "x-request-id": "req_e"}
    world.script = [Respond(status, json=bodies.error("no such luck"), headers=headers)] * 9
    with pytest.raises(kind) as caught:
        ask(muxi_llm.Anthropic(), retries=1)
    error: Any = caught.value
    assert isinstance(error, anthropic.APIStatusError)
    assert (error.status_code, error.type, error.request_id) == (status, name, "req_e")
    assert "no such luck" in str(error)
    assert error.response.headers["x-should-retry"] == "false"
    assert error.provider == "openai"
    tries = 2 if status == 429 or status >= 500 else 1
    assert len(world.requests) == len(error.attempts) == tries


def test_anthropics_own_errors_stay_as_they_came(world: Upstream) -> None:
    """Its body, its type and its details, with arguments of ours as well."""
    details = {"error_code": "thread_not_found"}
    body = {
        "type": "error",
        "error": {"type": "not_found_error", "message": "no", "details": details},
        "request_id": "req_1",
    }
    world.script = [Respond(404, json=body, headers={"request-id": "req_1"})]
    with pytest.raises(ThreadNotFoundError) as caught:
        ask(muxi_llm.Anthropic(), CLAUDE, retries=0)
    assert (caught.value.body, caught.value.request_id) == (body, "req_1")


def test_an_exhausted_chain_tells_of_every_candidate(world: Upstream) -> None:
    """The last error's class; the story as a note."""
    world.script = [Respond(503, json=bodies.error()), Respond(429, json=bodies.error("slow"))]
    with pytest.raises(anthropic.RateLimitError, match="slow") as caught:
        ask(muxi_llm.Anthropic(), CLAUDE, fallback_models=["openai/gpt-4"])
    error: Any = caught.value
    assert [(a.model, a.status) for a in error.attempts] == [
        (f"anthropic/{CLAUDE}", 503),
        ("openai/gpt-4", 429),
    ]
    assert error.__notes__[0].startswith(f"all models failed: anthropic/{CLAUDE} (try 1)")


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_max_retries_is_the_default_for_retries(retries: int, world: Upstream) -> None:
    """Attempts never multiply: the client's loop and the plan's do not both run."""
    world.script = [Respond(429, json=bodies.error("slow"), **LATER)] * 9
    with pytest.raises(anthropic.RateLimitError):
        ask(muxi_llm.Anthropic().with_options(max_retries=retries))
    assert len(world.requests) == retries + 1


@pytest.mark.parametrize(
    ("reply", "timeout", "kind"),
    [
        (Respond(json=bodies.chat(), cut=True), 60, anthropic.APIConnectionError),
        (Respond(json=bodies.chat(), delay=60), 0.2, anthropic.APITimeoutError),
        (Respond(json={"choices": "?"}), 60, anthropic.APIResponseValidationError),
    ],
    ids=["cut", "late", "malformed"],
)
def test_errors_without_a_status(
    reply: Respond, timeout: float, kind: type[Exception], world: Upstream
) -> None:
    """Anthropic's classes for them too; the original's loop, which repeats such, stands back."""
    world.script = [reply] * 9
    with pytest.raises(kind) as caught:
        ask(muxi_llm.Anthropic(timeout=timeout), retries=1)
    assert type(caught.value) is kind
    assert len(caught.value.attempts) == 2  # type: ignore[attr-defined]
    assert until(lambda: len(world.requests) == 2)
    assert isinstance(caught.value.__cause__, muxi_llm.MuxiLLMError)


def test_refusals_before_any_request(world: Upstream, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown providers, missing keys: Anthropic's classes, and nothing sent."""
    monkeypatch.delenv("ANTHROPIC_BASE_URL")
    monkeypatch.delenv("GROQ_API_KEY")
    client = muxi_llm.Anthropic()
    with pytest.raises(anthropic.BadRequestError, match="did you mean openai"):
        ask(client, "opnai/gpt-4")
    with pytest.raises(anthropic.AuthenticationError, match="GROQ_API_KEY"):
        ask(client, "groq/a")
    assert not world.requests


def test_threads_are_anthropics(world: Upstream) -> None:
    """No other provider remembers a conversation: refused, as Anthropic refuses what it cannot thread."""
    client = muxi_llm.Anthropic()
    thread = client.beta.messages.thread(model="openai/gpt-4", max_tokens=9)
    with pytest.raises(ThreadUnsupportedRequestError, match="the whole conversation") as caught:
        thread.send(*HELLO)
    assert caught.value.details.error_code == "thread_unsupported_request"
    assert not world.requests


FAULT = {"error": {"message": "slow down", "type": "rate_limit_error", "code": "rate_limit_exceeded"}}


@pytest.mark.parametrize(
    ("model", "chunks", "kind"),
    [
        (
            "openai/gpt-4",
            bodies.chat_stream("Hel", "lo", done=False, finish=None),
            anthropic.APIConnectionError,
        ),
        (
            "openai/gpt-4",
            [*bodies.chat_stream("Hel", "lo", done=False, finish=None), *sse(FAULT)],
            anthropic.RateLimitError,
        ),
    ],
    ids=["cut", "fault"],
)
def test_a_stream_that_breaks(
    model: str, chunks: list[bytes], kind: type[Exception], world: Upstream
) -> None:
    """Raises Anthropic's class with the text so far, through its own helper; nothing is sent again."""
    world.script = [Respond(chunks=chunks, cut=True)]
    with pytest.raises(kind) as caught, stream(muxi_llm.Anthropic(), model) as events:
        assert "".join(events.text_stream) == "never whole"
    assert caught.value.partial_text == "Hello"  # type: ignore[attr-defined]
    assert len(world.requests) == 1


def test_middleware_sees_refusals_as_responses(world: Upstream) -> None:
    """As it sees Anthropic's own; what it raises of ours is not repeated either."""
    seen: list[int] = []

    def watch(request: Any, call_next: Any) -> Any:
        reply = call_next(request)
        seen.append(reply.status_code)
        return reply

    world.script = [Respond(400, json=bodies.error())]
    client = muxi_llm.Anthropic(middleware=[watch])
    with pytest.raises(anthropic.BadRequestError):
        ask(client)
    ask(client)
    assert seen == [400, 200]
