"""The errors a caller can meet, all of them OpenAI's.

Every error raised by this library is an instance of the `openai` package's class for that
status *and* of `MuxiLLMError`, so `except openai.RateLimitError` works for every provider, and
`except MuxiLLMError` tells ours apart. The tree, ours marked with `*`::

    OpenAIError
    ├── MuxiLLMError *                      provider, model, attempts, partial_text
    │   └── FallbackExhaustedError *        also an instance of the last error's class
    └── APIError                            message, code, param, type, body
        ├── APIConnectionError
        │   ├── APITimeoutError
        │   │   └── NoPermitError *         no permit came in time, nothing was sent
        │   ├── IncompleteStreamError *     the stream ended without its terminator
    │   └── CircuitOpenError *          the provider kept failing and is left alone for a while
        ├── APIResponseValidationError
        │   └── MalformedReplyError *       200, but not the promised shape
        │       └── ReplyTooLargeError *    more than `muxi_llm.config.bounds` allows
        └── APIStatusError                  status_code, response, request_id
            ├── BadRequestError                        400
            │   ├── InvalidRequestError *              refused before any I/O
            │   │   ├── InvalidModelError *
            │   │   └── UnsupportedParameterError *
            │   └── ContextLengthExceededError *
            ├── AuthenticationError                    401
            │   └── MissingCredentialsError *          no key was found, nothing was sent
            │       └── KeyPoolExhaustedError *        every key of the pool was refused
            ├── PermissionDeniedError 403 · NotFoundError 404 · ConflictError 409
            ├── UnprocessableEntityError 422
            ├── RateLimitError                         429
            │   └── PlaceRestingError *                a rate limit's pause is not over, nothing was sent
            └── InternalServerError                    5xx
                └── KillSwitchActiveError *            calls are switched off on this machine

An unknown keyword argument is a `TypeError`, as in the openai package.
"""

from __future__ import annotations

import re
from functools import cache
from math import ceil
from typing import TYPE_CHECKING, Any, cast

import httpx2
from openai import (
    APIConnectionError,
    APIError,
    APIResponseValidationError,
    APIStatusError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InternalServerError,
    NotFoundError,
    OpenAIError,
    PermissionDeniedError,
    RateLimitError,
    UnprocessableEntityError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.models import AttemptRecord

__all__ = [
    "APIConnectionError", "APIError", "APIResponseValidationError", "APIStatusError", "APITimeoutError",
    "AuthenticationError", "BadRequestError", "CircuitOpenError", "ConflictError",
    "ContextLengthExceededError", "FallbackExhaustedError", "IncompleteStreamError", "InternalServerError",
    "InvalidModelError", "InvalidRequestError", "KeyPoolExhaustedError", "KillSwitchActiveError",
    "MalformedReplyError", "MissingCredentialsError", "MuxiLLMError", "NoPermitError", "NotFoundError",
    "OpenAIError", "PermissionDeniedError", "PlaceRestingError", "RateLimitError", "ReplyTooLargeError",
    "UnprocessableEntityError", "UnsupportedParameterError",
]  # fmt: skip

# An error that never left this machine still owes its caller a `.request` and a `.response`.
LOCAL_URL = "http://muxi-llm.invalid/"


class MuxiLLMError(OpenAIError):
    """What every error of this library carries besides OpenAI's own attributes.

    provider: name of the provider that failed, `None` if the call reached none.
    model: `provider/model` of the attempt that failed.
    attempts: every attempt of the call, in order (`AttemptRecord`).
    partial_text: what a stream had delivered before it broke, `None` outside streams.
    retry_after: seconds the provider asked to wait, `None` if it did not say.
    usage: what the provider had counted before the attempt failed, in its own form; `None` if it did not say.
    """

    provider: str | None = None
    model: str | None = None
    attempts: tuple[AttemptRecord, ...] = ()
    partial_text: str | None = None
    retry_after: float | None = None
    usage: Any = None

    def __str__(self) -> str:
        """The message, and who said so of what: a log line must do without the attributes."""
        url = str(self.request.url).partition("?")[0] if isinstance(self, APIError) else LOCAL_URL
        text = super().__str__()
        return text if self.model is None or url == LOCAL_URL else f"{text} ({self.model} at {url})"

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle by parts: OpenAI's classes cannot be rebuilt from their `args`. The state comes last,
        because `attempts` leads back to the error itself.
        """
        kind: type = type(self)
        exhausted = kind.__dict__.get("_last") is not None
        if exhausted:
            kind = kind.__dict__["_last"]
        return _restore, (exhausted, kind.__dict__.get("_openai", kind), self.args), self.__dict__


class FallbackExhaustedError(MuxiLLMError):
    """Every candidate of a chain failed. Also an instance of the last error's own class."""

    def __str__(self) -> str:
        return Exception.__str__(self)  # it says of each candidate what became of it


class InvalidRequestError(MuxiLLMError, BadRequestError):
    """The request cannot be right for any provider, or not for this one; nothing was sent."""

    def __init__(self, message: str, *, param: str | None = None, code: str | None = None) -> None:
        """*param* names the argument at fault, e.g. `messages[2].role`."""
        body = {"message": message, "param": param, "code": code, "type": "invalid_request_error"}
        super().__init__(message, response=_response(400), body=body)


class InvalidModelError(InvalidRequestError):
    """The model id is malformed or its provider is unknown."""


class UnsupportedParameterError(InvalidRequestError):
    """This provider cannot do what *param* asks, and doing without it was not allowed."""


class ContextLengthExceededError(MuxiLLMError, BadRequestError):
    """The prompt does not fit the model's context window."""


class MissingCredentialsError(MuxiLLMError, AuthenticationError):
    """No API key was found for the provider; nothing was sent."""

    def __init__(self, message: str) -> None:
        super().__init__(message, response=_response(401), body={"message": message})


class KeyPoolExhaustedError(MissingCredentialsError):
    """Every key of the provider's pool was refused (401 or 403); nothing was sent."""

    def __init__(self, count: int) -> None:
        """*count* keys there are."""
        super().__init__(
            f"All {count} keys are dead (401/403). Replace keys or wait for provider resolution."
        )


class KillSwitchActiveError(MuxiLLMError, InternalServerError):
    """Somebody switched all calls off; nothing was sent."""

    def __init__(self, path: str) -> None:
        """*path* of the switch."""
        message = f"Kill switch active: {path} exists. All LLMix calls are blocked."
        super().__init__(message, response=_response(503), body={"message": message})


class NoPermitError(MuxiLLMError, APITimeoutError):
    """As many calls as the place stands were under way for as long as this one waited; nothing was sent."""

    def __init__(self, seconds: float, url: str) -> None:
        """It waited *seconds*."""
        super().__init__(httpx2.Request("POST", url))
        self.message = (
            f"no permit in {seconds:.3g} s: as many calls as the provider stands are under way "
            "(concurrency), and this one was not sent"
        )
        self.args = (self.message,)


class PlaceRestingError(MuxiLLMError, RateLimitError):
    """The provider limited this model's rate, and the pause it asked for is not over; nothing was sent."""

    def __init__(self, model: str, seconds: float) -> None:
        """*model* may be asked again in *seconds*, which is `retry_after`."""
        message = f"{model} is rate-limited for another {seconds:.3g} s; nothing was sent"
        super().__init__(message, response=_response(429), body={"message": message})
        self.retry_after = seconds


class CircuitOpenError(MuxiLLMError, APIConnectionError):
    """The provider kept failing; until its cool-down is over nothing is sent there.

    retry_after: seconds until then, `None` where it is not known.
    """

    def __init__(self, provider: str, base_url: str, retry_after: float | None = None) -> None:
        super().__init__(
            message=f"Circuit breaker OPEN for ({provider}, {shown_url(base_url)})",
            request=_request(base_url or LOCAL_URL),
        )
        self.retry_after = retry_after


class IncompleteStreamError(MuxiLLMError, APIConnectionError):
    """The stream's connection ended before its terminator: the answer is not whole."""


class MalformedReplyError(MuxiLLMError, APIResponseValidationError):
    """The provider answered with success, but not with an answer."""


class ReplyTooLargeError(MalformedReplyError):
    """More came than more than `muxi_llm.config.bounds` allows. Not retried; the next candidate is asked."""


def status_error(
    status: int, message: str, *, url: str, headers: Mapping[str, str], body: object, content: bytes = b""
) -> MuxiLLMError:
    """The error for an HTTP status (or for an in-band error object that stands for one)."""
    kind = CLASS_BY_STATUS.get(status) or (InternalServerError if status >= 500 else APIStatusError)
    if _is_context_length(status, message, body):
        kind = ContextLengthExceededError
    response = _response(status, url=url, headers=headers, content=content)
    text = f"Error code: {status} - {message}"
    return cast(MuxiLLMError, _ours(cast(Any, kind))(text, response=response, body=body))


def refusal(
    status: int,
    message: str,
    *,
    type: str,  # noqa: A002 - OpenAI's own name of it
    code: str | None = None,
    param: str | None = None,
    retry_after: float | None = None,
) -> MuxiLLMError:
    """An error of our own, in OpenAI's words: nobody was asked. retry_after: seconds, in the header too."""
    body = {"message": message, "type": type, "code": code, "param": param}
    headers = {} if retry_after is None else {"retry-after": str(ceil(retry_after))}
    error = status_error(status, message, url=LOCAL_URL, headers=headers, body=body)
    error.retry_after = retry_after
    return error


def shown_url(url: str) -> str:
    """*url* without user and password, which may be in a base URL and belong nowhere else."""
    return re.sub("//[^/?#]*@", "//", url) if "@" in url else url


def shown(value: object) -> str:
    """A caller's value as a message may tell it: a number, or a word such as settings take, as it is; of
    anything else the type alone, because it may be a prompt or a secret.
    """
    if isinstance(value, int | float) or not value or (isinstance(value, str) and WORD.fullmatch(value)):
        return repr(value)
    return KINDS.get(type(value), f"a {type(value).__name__}")


def shown_error(error: Exception) -> str:
    """What is wrong with a caller's value of another shape than was expected: without that value, and in
    JSON's words, since who reads it may know of no Python.
    """
    if isinstance(error, KeyError) and WORD.fullmatch(str(error.args[0])):
        return f"{error.args[0]} is missing"
    found = NAMED_TYPE.search(str(error)) if isinstance(error, TypeError | AttributeError) else None
    kind = next((words for kind, words in KINDS.items() if found and kind.__name__ == found[1]), "a value")
    return f"{kind} stands where none can"


def connection_error(message: str, *, url: str, timeout: bool = False) -> MuxiLLMError:
    """No answer came: refused, reset, unreachable, or (with *timeout*) too late."""
    error = _ours(APITimeoutError if timeout else APIConnectionError)
    request = _request(url)
    built = error(request) if timeout else error(message=message, request=request)
    built.message, built.args = message, (message,)
    return cast(MuxiLLMError, built)


def incomplete_stream(message: str, *, url: str) -> IncompleteStreamError:
    """The stream stopped without its terminator."""
    error = IncompleteStreamError(message=message, request=_request(url))
    error.code = "incomplete_stream"
    return error


def malformed_reply(
    message: str, *, url: str, headers: Mapping[str, str], content: bytes
) -> MalformedReplyError:
    """A success that cannot be read."""
    response = _response(200, url=url, headers=headers, content=content)
    return MalformedReplyError(response=response, body=content.decode("utf-8", "replace"), message=message)


def reply_too_large(message: str, *, url: str) -> ReplyTooLargeError:
    """A success that is larger than allowed; it was not kept."""
    return ReplyTooLargeError(response=_response(200, url=url), body=None, message=message)


def exhausted(last: MuxiLLMError, attempts: tuple[AttemptRecord, ...]) -> FallbackExhaustedError:
    """The chain's own error: says what each candidate did, behaves as the *last* error."""
    story = "; ".join(f"{a.model} (try {a.number}): {a.reason}" for a in attempts)
    error = _rebuild(_exhausted(cast(Any, type(last))), (f"all models failed: {story}",), last.__dict__)
    error.attempts = attempts
    error.__cause__ = last
    return cast(FallbackExhaustedError, error)


def _request(url: str) -> httpx2.Request:
    try:
        return httpx2.Request("POST", shown_url(url))
    except httpx2.InvalidURL:  # it is what went wrong
        return httpx2.Request("POST", LOCAL_URL)


def _response(
    status: int, *, url: str = LOCAL_URL, headers: Mapping[str, str] | None = None, content: bytes = b""
) -> httpx2.Response:
    # The request is rebuilt without its headers: errors get logged, and keys live in headers. The
    # body is already decoded, so the header that would have it decoded again must go too.
    kept = {k: v for k, v in (headers or {}).items() if k not in {"content-encoding", "content-length"}}
    return httpx2.Response(
        status, headers=httpx2.Headers(kept, encoding="utf-8"), content=content, request=_request(url)
    )


@cache
def _ours(kind: type[APIError]) -> type[Any]:
    """OpenAI's class with our attributes."""
    if issubclass(kind, MuxiLLMError):
        return kind
    return type(kind.__name__, (MuxiLLMError, kind), {"__module__": __name__, "_openai": kind})


@cache
def _exhausted(last: type[MuxiLLMError]) -> type[MuxiLLMError]:
    name = FallbackExhaustedError.__name__
    return type(name, (FallbackExhaustedError, last), {"__module__": __name__, "_last": last})


def _rebuild(kind: type[MuxiLLMError], args: tuple[Any, ...], state: Mapping[str, Any]) -> MuxiLLMError:
    error = kind.__new__(kind)
    error.__dict__.update(state)
    error.args = args
    return error


def _restore(was_exhausted: bool, kind: type[APIError], args: tuple[Any, ...]) -> MuxiLLMError:
    restored = _ours(cast(Any, kind))
    return _rebuild(_exhausted(cast(Any, restored)) if was_exhausted else restored, args, {})


def _is_context_length(status: int, message: str, body: object) -> bool:
    """The one place where text decides: providers have a code for it only now and then."""
    if status not in {400, 413, 422}:
        return False
    code = body.get("code") if isinstance(body, dict) else None
    return code == "context_length_exceeded" or any(mark in message.lower() for mark in CONTEXT_LENGTH_MARKS)


CLASS_BY_STATUS: dict[int, type[APIStatusError]] = {
    400: BadRequestError,
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    409: ConflictError,
    422: UnprocessableEntityError,
    429: RateLimitError,
}

WORD = re.compile(r"[A-Za-z._-]+|\s+|\d{1,3}")
"""What settings are words of: an effort, a mode, a role, a type."""

KINDS = {
    list: "a list", tuple: "a list", dict: "an object", str: "a string", bool: "true or false",
    int: "a number", float: "a number", type(None): "null",
}  # fmt: skip
"""What JSON calls values of these types."""
NAMED_TYPE = re.compile(r"(?:^|: |got |not |instance, )[\"']?(list|tuple|dict|str|bool|int|float|NoneType)")
"""Of what type the value is that Python stumbled over, as its errors have it."""

CONTEXT_LENGTH_MARKS = (
    "maximum context length",  # OpenAI and most that copy its wire
    "context length exceeded",
    "prompt is too long",  # Anthropic
    "exceeds the available context size",  # llama.cpp
    "exceeds the context length",  # Ollama
    "input is too long for requested model",  # Bedrock
    "exceeds the maximum number of tokens allowed",  # Gemini: "The input token count (N) exceeds ..."
    "exceeds the context window",  # OpenAI's Responses
    "exceed context limit",  # Anthropic: "input length and `max_tokens` exceed context limit: ..."
    "reduce the length of the messages",  # Groq, and OpenAI of old
    "the model's context length",  # NVIDIA NIM: "The input (N tokens) is longer than ..."
    "max context window",  # servers over MLX: "Prompt too long: N tokens exceeds ..."
    "prompt too long",
    "maximum prompt length",  # xAI
    "number of tokens in the prompt cannot exceed",  # Cohere
)
