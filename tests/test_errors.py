"""Errors: OpenAI's classes for every status, with everything a caller may ask of them, and no key."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import errors
from muxi_llm.models import AttemptRecord
from muxi_llm.providers.base import CLASSES as CLASSES_BY_NAME
from muxi_llm.providers.base import Provider
from muxi_llm.transport.scripted import Answer
from tests.core import CHAIN, REFUSED, ask, failed, said
from tests.support.bodies import chat_stream, error, sse

pytestmark = pytest.mark.usefixtures("keys")

URL = "https://api.example.com/v1/chat/completions"
KEY = "sk-openai"

# ------------------------------------------------------------------------------------- the classes

CLASSES = [
    (400, openai.BadRequestError),
    (401, openai.AuthenticationError),
    (402, openai.APIStatusError),
    (403, openai.PermissionDeniedError),
    (404, openai.NotFoundError),
    (405, openai.APIStatusError),
    (408, openai.APIStatusError),
    (409, openai.ConflictError),
    (413, openai.APIStatusError),
    (418, openai.APIStatusError),
    (422, openai.UnprocessableEntityError),
    (425, openai.APIStatusError),
    (429, openai.RateLimitError),
    *((status, openai.InternalServerError) for status in (500, 501, 502, 503, 504, 529)),
]


@pytest.mark.parametrize(("status", "kind"), CLASSES)
def test_the_class_of_a_status(driver, status, kind):
    """OpenAI's own, and ours as well: both `except` clauses catch it."""
    raised, _ = ask(driver, failed(status), retries=0)
    assert isinstance(raised, kind)
    assert isinstance(raised, muxi_llm.MuxiLLMError)
    assert type(raised).__name__ == kind.__name__
    assert raised.status_code == status


@pytest.mark.parametrize(("status", "kind"), CLASSES)
def test_the_class_of_an_in_band_code(driver, status, kind):
    """An error object that came with status 200 tells its own."""
    raised, _ = ask(driver, Answer(json=error("no", code=status)), retries=0)
    assert isinstance(raised, kind)
    assert raised.status_code == status


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (muxi_llm.InvalidRequestError, openai.BadRequestError),
        (muxi_llm.InvalidModelError, muxi_llm.InvalidRequestError),
        (muxi_llm.UnsupportedParameterError, muxi_llm.InvalidRequestError),
        (muxi_llm.ContextLengthExceededError, openai.BadRequestError),
        (muxi_llm.MissingCredentialsError, openai.AuthenticationError),
        (muxi_llm.IncompleteStreamError, openai.APIConnectionError),
        (muxi_llm.MalformedReplyError, openai.APIResponseValidationError),
        (muxi_llm.FallbackExhaustedError, muxi_llm.MuxiLLMError),
        (muxi_llm.MuxiLLMError, openai.OpenAIError),
    ],
)
def test_the_tree(ours, theirs):
    assert issubclass(ours, theirs)
    assert issubclass(ours, muxi_llm.MuxiLLMError)


def test_openais_names_are_openais_classes():
    """`muxi_llm.RateLimitError is openai.RateLimitError`: one import line is enough."""
    theirs = [name for name in errors.__all__ if hasattr(openai, name)]
    assert len(theirs) == 14
    assert all(getattr(muxi_llm, name) is getattr(openai, name) for name in theirs)


@pytest.mark.parametrize(
    ("status", "body", "exceeded"),
    [
        (400, error("x", code="context_length_exceeded"), True),
        (400, error("This model's maximum context length is 8192 tokens."), True),
        (400, error("prompt is too long: 210000 tokens > 200000 maximum"), True),
        (413, error("Context length exceeded"), True),
        (422, error("the request exceeds the available context size"), True),
        (400, error("The input token count (9) exceeds the maximum number of tokens allowed (8)."), True),
        (400, error("temperature is too high"), False),
        (429, error("maximum context length"), False),
        (500, error("x", code="context_length_exceeded"), False),
    ],
)
def test_context_length(driver, status, body, exceeded):
    """Told apart from other bad requests, by code or by the known phrases; it is still a 400."""
    raised, _ = ask(driver, Answer(status=status, json=body), retries=0)
    assert isinstance(raised, muxi_llm.ContextLengthExceededError) is exceeded
    assert raised.status_code == status
    if exceeded:
        assert isinstance(raised, openai.BadRequestError)


# ---------------------------------------------------------------------------------- the attributes


def test_what_an_error_tells(driver):
    """code, param, type, message, body, request id, headers, response: as OpenAI's client fills them."""
    body = error("no such model", type="invalid_request_error", param="model", code="model_not_found")
    headers = {"x-request-id": "req_1", "x-ratelimit-remaining-requests": "9"}
    raised, _ = ask(driver, Answer(status=404, json=body, headers=headers))
    assert raised.message == "Error code: 404 - no such model"
    assert (raised.code, raised.param, raised.type) == ("model_not_found", "model", "invalid_request_error")
    assert raised.body == body["error"]
    assert raised.request_id == "req_1"
    assert raised.response.headers["x-ratelimit-remaining-requests"] == "9"
    assert raised.response.json() == body
    assert str(raised.request.url) == "https://api.openai.com/v1/chat/completions"


def test_request_id_of_anthropic(driver):
    """Its header is called `request-id`."""
    body = {"type": "error", "error": {"type": "not_found_error", "message": "model: x"}}
    answer = Answer(status=404, json=body, headers={"request-id": "req_2"})
    raised, _ = ask(driver, answer, model="anthropic/claude-sonnet-4-5")
    assert (raised.request_id, raised.type, raised.message) == (
        "req_2",
        "not_found_error",
        "Error code: 404 - model: x",
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "HTTP 400 without a body"),
        (b"<html>Bad gateway</html>", "<html>Bad gateway</html>"),
        (b'"quota"', "quota"),
        (b'{"error": "quota"}', "quota"),
        (b'{"detail": "quota"}', "quota"),
        (b'{"message": "quota", "code": 7}', "quota"),
        (b'[{"error": {"message": "quota", "code": 400}}]', "quota"),
        (b"\xff\xfe", "\ufffd\ufffd"),
    ],
)
def test_error_bodies_of_any_shape(driver, content, message):
    """Object, list, string, HTML, nothing, not even text."""
    raised, _ = ask(driver, Answer(status=400, content=content))
    assert isinstance(raised, openai.BadRequestError)
    assert raised.message == f"Error code: 400 - {message}"


def test_an_error_body_that_comes_as_a_stream(driver):
    """The head said 429; the body is read, and the reader closed."""
    raised, script = ask(
        driver, Answer(status=429, chunks=[b'{"error": {"mess', b'age": "later"}}']), retries=0
    )
    assert raised.message == "Error code: 429 - later"
    assert script.readers[0].closed


def test_a_compressed_replys_headers(driver):
    """The body is already decoded: `.response` must not be told to decode it again."""
    headers = {"content-encoding": "gzip", "content-length": "999"}
    raised, _ = ask(driver, Answer(status=400, json=error("no"), headers=headers))
    assert raised.response.json() == error("no")


def test_connection_errors(driver):
    raised, _ = ask(driver, Answer(error=REFUSED), retries=0)
    assert type(raised).__name__ == "APIConnectionError"
    assert raised.message == "connection refused"
    assert str(raised) == "connection refused (openai/gpt-4 at https://api.openai.com/v1/chat/completions)"
    assert raised.request.method == "POST"


def test_timeouts(driver):
    """A timeout is a connection error, too, as in OpenAI's tree."""
    raised, _ = ask(driver, Answer(delay=2.0), retries=0, timeout=1.0)
    assert isinstance(raised, openai.APITimeoutError)
    assert isinstance(raised, openai.APIConnectionError)
    assert raised.message == "the request timed out (timeout: 1 s)"


def test_a_malformed_reply_can_be_looked_at(driver):
    raised, _ = ask(driver, Answer(content=b"<html>"), retries=0)
    assert isinstance(raised, muxi_llm.MalformedReplyError)
    assert (raised.body, raised.response.content, raised.status_code) == ("<html>", b"<html>", 200)


def test_an_incomplete_stream_has_a_code(driver):
    raised, _ = ask(driver, Answer(chunks=chat_stream("a", done=False, finish=None)), stream=True)
    assert isinstance(raised, muxi_llm.IncompleteStreamError)
    assert raised.code == "incomplete_stream"


def test_local_errors_have_a_request_and_a_response():
    """Code written for OpenAI's errors reads `.status_code`, `.response` and `.request` of any of them."""
    refused = muxi_llm.InvalidRequestError("no", param="messages", code="empty")
    assert (refused.status_code, refused.param, refused.code) == (400, "messages", "empty")
    assert refused.type == "invalid_request_error"
    assert refused.response.request is refused.request
    missing = muxi_llm.MissingCredentialsError("no key")
    assert (missing.status_code, str(missing)) == (401, "no key")


# ----------------------------------------------------------------------------------- keys, pickling


WHOLE = chat_stream("a", done=False, finish=None)
CALLS: dict[str, tuple[dict[str, Any], list[Answer]]] = {
    "status": ({}, [failed(400)]),
    "rate limit": ({"retries": 1}, [failed(429), failed(429)]),
    "plain status": ({}, [failed(418)]),
    "context length": ({}, [Answer(status=400, json=error("prompt is too long"))]),
    "connection": ({"retries": 0}, [Answer(error=REFUSED)]),
    "timeout": ({"retries": 0}, [Answer(delay=601.0)]),
    "malformed": ({"retries": 0}, [Answer(content=b"<html>")]),
    "in mid-stream": ({"stream": True}, [Answer(chunks=[*WHOLE, *sse(error("boom"), done=False)])]),
    "incomplete": ({"stream": True}, [Answer(chunks=WHOLE)]),
    "exhausted": ({"fallback_models": CHAIN}, [failed(500), failed(503), failed(429)]),
    "exhausted by timeouts": ({"fallback_models": ["groq/a"]}, [Answer(delay=601.0), Answer(delay=601.0)]),
    "invalid": ({"messages": []}, []),
    "invalid model": ({"model": "nope/x"}, []),
    "unsupported": ({"model": "anthropic/claude-sonnet-4-5", "n": 2}, []),
    "no key": ({"model": "stranger/x"}, []),
}


@pytest.fixture
def stranger() -> Iterator[None]:
    """A provider without a key, forgotten again after the test."""

    class Stranger(Provider):
        base_url = "http://stranger.test"

    yield
    del CLASSES_BY_NAME["stranger"]


def raised_by(driver: Any, call: str) -> muxi_llm.MuxiLLMError:
    params, answers = CALLS[call]
    raised, script = ask(driver, *answers, **params)
    assert isinstance(raised, muxi_llm.MuxiLLMError)
    assert len(script.calls) == len(answers)
    return raised


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("call", CALLS)
def test_no_key_in_an_error(driver, call):
    """Not in its words, not in what a logger or a crash reporter would take of it."""
    raised = raised_by(driver, call)
    shown = [str(raised), repr(raised), repr(vars(raised)), repr(raised.attempts)]
    assert KEY not in "".join(shown)
    assert KEY.encode() not in pickle.dumps(raised)
    for held in (raised, *(attempt.error for attempt in raised.attempts)):
        assert KEY not in repr(dict(held.request.headers))


@pytest.mark.usefixtures("stranger")
@pytest.mark.parametrize("copied", [lambda e: pickle.loads(pickle.dumps(e)), copy.copy, copy.deepcopy])
@pytest.mark.parametrize("call", CALLS)
def test_errors_survive_pickling_and_copying(driver, call, copied):
    """Workers send them between processes: class, words, status, attempts are kept."""
    raised = raised_by(driver, call)
    twin = copied(raised)
    assert type(twin) is type(raised)
    assert (str(twin), repr(twin)) == (str(raised), repr(raised))
    for name in (
        "message",
        "status_code",
        "code",
        "param",
        "type",
        "body",
        "request_id",
        "provider",
        "model",
    ):
        assert getattr(twin, name, None) == getattr(raised, name, None), name
    assert twin.partial_text == raised.partial_text
    assert [told(a) for a in twin.attempts] == [told(a) for a in raised.attempts]


def told(attempt: AttemptRecord) -> tuple[Any, ...]:
    return attempt.model, attempt.number, attempt.seconds, attempt.reason, attempt.status, attempt.skipped


def test_a_pickled_error_of_the_core_alone():
    """One that came from no provider."""
    twin = pickle.loads(pickle.dumps(muxi_llm.MuxiLLMError("nothing was tried")))
    assert (type(twin), str(twin)) == (muxi_llm.MuxiLLMError, "nothing was tried")


def test_the_answer_tells_its_failed_attempts(driver):
    """On success the earlier errors are on `.muxi`."""
    value, _ = ask(driver, failed(503), said(), retries=1)
    first, second = value.muxi.attempts
    assert (first.status, first.reason) == (503, "InternalServerError: Error code: 503 - status 503")
    assert (second.status, second.reason, second.error) == (None, "answered", None)
