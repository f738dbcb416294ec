"""Every provider: whatever an error looks like, it is OpenAI's class for its status, with its own words."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from muxi_llm import ContextLengthExceededError
from muxi_llm.errors import MalformedReplyError
from tests.contract.contact import CHATTERS, KEY, Contact, cells
from tests.contract.heard import expected, heard
from tests.support.speakers.base import Said
from tests.support.upstream import Respond

WORDS = "That went wrong, schön."

STATUSES = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    402: openai.APIStatusError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    413: openai.APIStatusError,
    422: openai.UnprocessableEntityError,
    424: openai.APIStatusError,
    429: openai.RateLimitError,
    498: openai.APIStatusError,
    499: openai.APIStatusError,
    500: openai.InternalServerError,
    502: openai.InternalServerError,
    503: openai.InternalServerError,
    529: openai.InternalServerError,
}

BODIES: dict[str, Any] = {
    "list": [{"error": {"code": 400, "message": WORDS, "status": "INVALID_ARGUMENT"}}],
    "html": f"<html><head><title>Bad</title></head><body>{WORDS}</body></html>",
    "text": WORDS,
    "detail": {"detail": WORDS},
    "detail-list": {"detail": [{"loc": ["body", "n"], "msg": WORDS, "type": "extra_forbidden"}]},
    "message": {"message": WORDS},
    "aws": {"Message": WORDS},
    "string": {"error": WORDS},
    "code-int": {"error": {"code": 400, "message": WORDS}},
    "no-message": {"error": {"code": WORDS}},
    "errors-list": {"errors": [{"message": WORDS, "code": 7003}]},
    "nested-string": {
        "error": {"message": json.dumps({"error": {"message": WORDS}}, ensure_ascii=False), "code": 400}
    },
}


@cells(map(str, STATUSES), CHATTERS)
def test_a_status(contact: Contact, given: list[str]) -> None:
    """In the vendor's own form: the class, the words, who it was; never the key."""
    for status in map(int, given):
        error = contact.ask(Respond(status, json=contact.speaker.error(status, WORDS)))
        assert isinstance(error, STATUSES[status])
        assert (error.status_code, error.provider, error.model) == (status, contact.name, contact.model)
        assert WORDS in str(error)
        assert KEY not in str(error)
        assert KEY not in repr(error.response.request.headers)
        assert len(error.attempts) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@cells(BODIES, CHATTERS)
def test_a_body_of_any_form(quick: Contact, given: list[str], stream: bool) -> None:
    """Proxies and frameworks answer in forms of their own; the words are found all the same."""
    for body in given:
        content = BODIES[body]
        raw = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
        kind = {"Content-Type": "text/html" if isinstance(content, str) else "application/json"}
        error = quick.ask(Respond(400, body=raw.encode(), headers=kind), stream=stream)
        assert isinstance(error, openai.BadRequestError), body
        assert WORDS in str(error), body


SILENT = ["", "null", "{}", "[]", '""', '{"error": null}', "{", "\udcff\udcfe"]
"""Text whose bytes (surrogates are bytes that are no text) say nothing."""


@cells(SILENT, CHATTERS)
def test_an_error_that_says_nothing(quick: Contact, given: list[str]) -> None:
    """It is its status all the same."""
    for body in given:
        error = quick.ask(Respond(503, body=body.encode(errors="surrogateescape")))
        assert isinstance(error, openai.InternalServerError), body
        assert str(error)


def test_a_prompt_that_is_too_long(quick: Contact) -> None:
    """The one thing that the words decide."""
    words = "This model's maximum context length is 8192 tokens."
    error = quick.ask(Respond(400, json=quick.speaker.error(400, words)))
    assert isinstance(error, ContextLengthExceededError)


# -------------------------------------------------------------------------------- errors behind 200


@pytest.mark.parametrize("status", [429, 503])
def test_an_error_in_a_200(contact: Contact, status: int) -> None:
    """An error object is an error, whatever the status line says; where no such thing is known, no answer."""
    body = {"error": {"message": WORDS, "code": status}}
    error = contact.ask(Respond(json=body))
    wanted = STATUSES[status] if contact.speaker.hides_errors else MalformedReplyError
    assert isinstance(error, wanted)
    assert WORDS in str(error)


NO_ANSWERS = ["", "{", "null", "[]", "{}", '"Hi"', "<html>Welcome</html>", '{"choices": 7}', "\udcff\udcfe"]


@cells(NO_ANSWERS, CHATTERS)
def test_a_200_that_is_no_answer(quick: Contact, given: list[str]) -> None:
    """Malformed, and worth another try."""
    for body in given:
        reply = Respond(body=body.encode(errors="surrogateescape"))
        error = quick.ask(reply)
        assert isinstance(error, MalformedReplyError), (body, error)
        assert heard(quick.ask(reply, Said(), retries=1)) == expected(Said())


def test_half_an_answer(quick: Contact) -> None:
    """JSON that was cut off."""
    (reply,) = quick.speaker.replies(Said())[-1:]
    raw = json.dumps(reply.json).encode()
    *before, _ = quick.speaker.replies(Said())
    error = quick.ask(*before, Respond(body=raw[: len(raw) // 2]))
    assert isinstance(error, MalformedReplyError)


# ------------------------------------------------------------------------------------------ retries

WAITS = {
    "seconds": ({"retry-after": "3"}, [3.0]),
    "fraction": ({"retry-after": "1.5"}, [1.5]),
    "milliseconds": ({"retry-after-ms": "250", "retry-after": "9"}, [0.25]),
    "date": (
        {"retry-after": "Wed, 21 Oct 2026 07:28:07 GMT", "date": "Wed, 21 Oct 2026 07:28:00 GMT"},
        [7.0],
    ),
    "past": ({"retry-after": "-5"}, []),
}


@cells(WAITS, CHATTERS)
def test_a_pause_that_was_asked_for(quick: Contact, given: list[str]) -> None:
    for headers, slept in (WAITS[wait] for wait in given):
        limited = Respond(429, json=quick.speaker.error(429, WORDS), headers=headers)
        value = quick.ask(limited, Said(), retries=1)
        assert heard(value) == expected(Said())
        assert quick.script.slept[: len(slept)] == slept  # what polls waits some more
        assert [attempt.status for attempt in value.muxi.attempts] == [429, None]


def test_a_pause_that_is_too_long(contact: Contact) -> None:
    """The caller is told at once."""
    limited = Respond(429, json=contact.speaker.error(429, WORDS), headers={"retry-after": "3600"})
    error = contact.ask(limited, retries=2)
    assert (type(error).__name__, error.retry_after, contact.script.slept) == ("RateLimitError", 3600.0, [])


NEVER = ["400", "401", "402", "403", "404", "413", "422", "424", "499"]
AGAIN = ["408", "409", "429", "500", "502", "503", "504", "529"]


@cells(NEVER, CHATTERS)
def test_what_is_never_tried_again(quick: Contact, given: list[str]) -> None:
    for status in map(int, given):
        quick.ask(Respond(status, json=quick.speaker.error(status, WORDS)), retries=2)
        assert len(quick.script.calls) == 1, status


@cells(AGAIN, CHATTERS)
def test_what_is_tried_again(quick: Contact, given: list[str]) -> None:
    for status in map(int, given):
        failed = Respond(status, json=quick.speaker.error(status, WORDS))
        assert heard(quick.ask(failed, failed, Said(), retries=2)) == expected(Said())
