"""Dispatch functions of every kind, and what they raise."""

from __future__ import annotations

import asyncio
from functools import partial
from io import BytesIO
from typing import Any
from urllib.error import HTTPError

import httpx2
import openai
import pytest

from muxi_llm.errors import APIConnectionError, APIStatusError, APITimeoutError
from muxi_llm.llmix import DispatchInput, ProviderResult
from muxi_llm.llmix.dispatching import called, headers_of, status_of
from tests.llmix.support import Script, ask, pipeline_of, refused


async def coroutine_function(asked: DispatchInput) -> ProviderResult:
    return ProviderResult("Hi", asked.model)


def function(asked: DispatchInput) -> ProviderResult:
    return ProviderResult("Hi", asked.model)


class AsyncObject:
    async def __call__(self, asked: DispatchInput) -> ProviderResult:
        return ProviderResult("Hi", asked.model)


class BothColours:
    """Like this package's own."""

    async def __call__(self, asked: DispatchInput) -> ProviderResult:
        return ProviderResult("Hi", "awaited")

    def sync(self, asked: DispatchInput) -> ProviderResult:
        return ProviderResult("Hi", "stepped")


@pytest.mark.parametrize(
    "dispatch",
    [
        coroutine_function,
        function,
        AsyncObject(),
        BothColours(),
        partial(coroutine_function),
        lambda asked: coroutine_function(asked),  # noqa: PLW0108 - not a coroutine function itself
    ],
    ids=["async", "sync", "async object", "both", "partial", "returns a coroutine"],
)
def test_any_function_will_do(face: str, dispatch: Any) -> None:
    """On both faces."""
    response = ask(face, pipeline_of(dispatch))
    assert (response.content, response.error) == ("Hi", None)


@pytest.mark.parametrize(("face", "model"), [("sync", "stepped"), ("async", "awaited")])
def test_each_face_takes_its_own_colour(face: str, model: str) -> None:
    """Where an object has both."""
    assert ask(face, pipeline_of(BothColours())).model == model


def test_an_async_function_inside_a_running_loop() -> None:
    """Is refused where it cannot be waited for, and nothing is left behind."""

    async def main() -> None:
        response = ask("sync", pipeline_of(coroutine_function))
        assert "inside a running event loop" in str(response.error)
        assert response.attempts == 1

    asyncio.run(main())


def test_a_result_that_is_none(face: str) -> None:
    """Is the function's mistake, and tried once."""
    response = ask(face, pipeline_of(lambda asked: "Hi"))
    assert response.error == "a dispatch function must return a ProviderResult, not str"
    assert response.attempts == 1


async def sleepless(_: DispatchInput) -> ProviderResult:
    await asyncio.Event().wait()
    raise AssertionError


def test_a_function_that_takes_too_long(face: str) -> None:
    """Is left after `timeout.totalTime`."""
    response = ask(face, pipeline_of(sleepless), timeout={"totalTime": 0.01})
    assert isinstance(response.exception, APITimeoutError)
    assert response.error is not None
    assert response.error.startswith("TimeoutError within 0.0")


REQUEST = httpx2.Request("POST", "http://a.test")


def openais(status: int) -> openai.APIStatusError:
    response = httpx2.Response(status, headers={"Retry-After": "0"}, request=REQUEST)
    return openai.APIStatusError("no", response=response, body=None)


class GenaiError(Exception):
    """As google-genai's: the status is its code."""

    def __init__(self, code: int) -> None:
        super().__init__("no")
        self.code = code


class ReadTimeout(Exception):  # noqa: N818 - httpx's name
    """As httpx's: no kin of TimeoutError."""


@pytest.mark.parametrize(
    ("error", "status", "headers"),
    [
        (refused(429, retry_after="3"), 429, {"retry-after": "3"}),
        (refused(429, **{"Retry-After": "3"}), 429, {"retry-after": "3"}),
        (openais(503), 503, {"retry-after": "0"}),
        (httpx2.HTTPStatusError("no", request=REQUEST, response=httpx2.Response(500)), 500, {}),
        (GenaiError(429), 429, {}),
        (HTTPError("http://a.test", 404, "no", {"X-A": "b"}, BytesIO()), 404, {"x-a": "b"}),  # type: ignore[arg-type]
        (refused(None), None, {}),
        (refused(200), None, {}),
        (GenaiError(7), None, {}),
        (RuntimeError("no"), None, {}),
    ],
    ids=["ours", "spelled", "openai", "httpx", "genai", "urllib", "none", "success", "grpc", "unknown"],
)
def test_errors_of_other_sdks(error: Exception, status: int | None, headers: dict[str, str]) -> None:
    """Their status and headers are found."""
    assert status_of(error) == status
    assert headers_of(error) == headers


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (openais(503), APIStatusError),
        (GenaiError(429), APIStatusError),
        (openai.APIConnectionError(request=REQUEST), APIConnectionError),
        (openai.APITimeoutError(REQUEST), APITimeoutError),
        (ReadTimeout("slow"), APITimeoutError),
        (OSError(), APIConnectionError),
    ],
    ids=["status", "code", "connection", "openai's timeout", "httpx's timeout", "nothing said"],
)
def test_what_they_become(face: str, error: Exception, kind: type[Exception]) -> None:
    """OpenAI's classes; all of these are tried again."""
    script = Script(error)
    response = ask(face, pipeline_of(script, max_retries=1))
    assert isinstance(response.exception, kind)
    assert len(script.asked) == 2


def test_ctrl_c_is_nobodys_outcome() -> None:
    """It ends the call."""
    with pytest.raises(KeyboardInterrupt):
        ask("sync", pipeline_of(Script(KeyboardInterrupt())))


def test_awaitables_that_cannot_be_closed() -> None:
    """Futures have no `close`."""

    async def main() -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with pytest.raises(TypeError, match="running event loop"):
            called(lambda: future, timeout=1)

    asyncio.run(main())
