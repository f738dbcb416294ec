"""A dispatch function as a place to call: provider, wire and transport in one.

Theory: LLMix's pipeline is the same call as every other, over a transport that hands the attempt to the
caller's own function instead of an HTTP server. So retries, breaker, permits and keys are the core's.
"""

from __future__ import annotations

import asyncio
import time
from copy import deepcopy
from dataclasses import dataclass, replace
from inspect import isawaitable, iscoroutinefunction
from typing import TYPE_CHECKING, Any, Self

from openai.types import CompletionUsage

from muxi_llm.core.port import TransportError
from muxi_llm.errors import LOCAL_URL, InvalidRequestError
from muxi_llm.llmix.provider_kwargs import transform_kwargs
from muxi_llm.llmix.values import DispatchInput, ProviderResult
from muxi_llm.models import Reported
from muxi_llm.providers.base import Provider
from muxi_llm.utils.retry import RETRY_AFTER_CAP, retry_after_seconds
from muxi_llm.wire.base import Fault, Profile, Reply, Wire, WireCall

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.llmix.values import Dispatch, Messages, TransformKwargs
    from muxi_llm.wire.base import Endpoint, Ledger

NO_PROFILE = Profile()


class Answer(Reported):
    """A provider's result, on its way through the core."""

    def __init__(self, result: ProviderResult) -> None:
        self.result = result

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Each of those who share a flight gets a result of its own."""
        return type(self)(deepcopy(self.result, memo))

    @property
    def model(self) -> str:
        """As the harness' listeners know it."""
        return self.result.model

    @property
    def usage(self) -> CompletionUsage:
        """As the harness' listeners know it."""
        used = self.result.usage
        return CompletionUsage(
            prompt_tokens=used.input_tokens,
            completion_tokens=used.output_tokens,
            total_tokens=used.total_tokens,
        )


@dataclass(slots=True)
class DispatchCall(WireCall):
    """An attempt for a dispatch function."""

    input: DispatchInput | None = None


@dataclass(slots=True)
class DispatchReply(Reply):
    """What it returned."""

    result: ProviderResult | None = None


class DispatchWire(Wire):
    """Nothing is encoded: the function gets and gives objects."""

    @classmethod
    def decode_fault(cls, status: int, data: bytes) -> Fault:
        """The function's own words."""
        return Fault(status, data.decode("utf-8", "replace"))


class DispatchProvider(Provider, register=False):
    """One config's provider. Raises `ValueError` where the config cannot be right for it."""

    key_required = False

    def __init__(
        self, config: Mapping[str, Any], messages: Messages, overrides: Mapping[str, TransformKwargs] | None
    ) -> None:
        self.config = config
        self.kwargs = transform_kwargs(config, messages, overrides)
        super().__init__(base_url=str(self.kwargs.get("base_url") or config.get("base_url") or ""))
        self.needs_key = True

    def wire_for(self, endpoint: Endpoint, model: str, ledger: Ledger) -> Wire:  # noqa: ARG002 - there is one
        return DispatchWire(model, ledger, NO_PROFILE)

    def prepare(
        self,
        wire: Wire,
        body: Mapping[str, Any],
        *,
        stream: bool,  # noqa: ARG002 - LLMix has none
        extra: Mapping[str, Any],  # noqa: ARG002 - nor these
    ) -> DispatchCall:
        name = self.config["provider"]
        if self.needs_key and self.api_key is None:
            raise InvalidRequestError(
                f"No API key pool for provider {name}. Call set_key_pool({name!r}, KeyPool([...])) first."
            )
        asked = DispatchInput(
            name, wire.model, self.api_key or "", body["messages"], dict(self.kwargs), self.config
        )
        return DispatchCall(LOCAL_URL, {}, b"", input=asked)

    def read(self, wire: Wire, reply: Reply) -> Answer:  # noqa: ARG002 - nothing to decode
        assert isinstance(reply, DispatchReply)
        assert reply.result is not None
        return Answer(reply.result)

    def classify(self, fault: Fault, *, url: str, reply: Reply) -> MuxiLLMError:
        """The class for the status, the words of the function's own error."""
        error = super().classify(fault, url=url, reply=reply)
        error.args = (fault.message,)
        return error


# --------------------------------------------------------------------------------------- transports


class AsyncDispatch:
    """A dispatch function as a transport on an event loop; one that is not async runs in a thread."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch = dispatch

    async def send(self, call: WireCall) -> Reply:
        with _Outcome(call) as outcome:
            async with asyncio.timeout(call.timeout):
                outcome.returned(await acalled(self._dispatch, outcome.asked))
        return outcome.reply


class BlockingDispatch:
    """A dispatch function as a transport without an event loop; one that is async gets a loop of its own."""

    def __init__(self, dispatch: Dispatch) -> None:
        self._dispatch: Callable[[DispatchInput], Any] = getattr(dispatch, "sync", dispatch)

    def send(self, call: WireCall) -> Reply:
        with _Outcome(call) as outcome:
            outcome.returned(called(self._dispatch, outcome.asked, timeout=call.timeout))
        return outcome.reply


async def acalled(function: Callable[..., Any], *args: Any) -> Any:
    """What *function* returns, async or not; one that is not runs in a thread."""
    if iscoroutinefunction(function) or iscoroutinefunction(type(function).__call__):
        return await function(*args)
    result = await asyncio.to_thread(function, *args)
    return await result if isawaitable(result) else result


def called(function: Callable[..., Any], *args: Any, timeout: float) -> Any:
    """What *function* returns, without an event loop; one that is async gets its own.

    Raises `TypeError` for an async one inside a running loop, which cannot run another.
    """
    result = function(*args)
    if not isawaitable(result):
        return result
    if asyncio._get_running_loop() is not None:  # noqa: SLF001 - the public one raises where there is none
        getattr(result, "close", bool)()
        raise TypeError(
            "an async function cannot be waited for here, inside a running event loop: use `await`"
        )
    return asyncio.run(_within(result, timeout))


async def _within(result: Any, timeout: float) -> Any:  # noqa: ASYNC109 - see `called`
    async with asyncio.timeout(timeout):
        return await result


class _Outcome:
    """What came of one attempt: a reply, or what a transport says instead of one."""

    def __init__(self, call: WireCall) -> None:
        assert isinstance(call, DispatchCall)
        assert call.input is not None
        self.asked = replace(call.input, timeout=call.timeout)
        self.reply: Reply = Reply(0, {})

    def returned(self, result: Any) -> None:
        """The function returned *result*."""
        if not isinstance(result, ProviderResult):
            raise TypeError(f"a dispatch function must return a ProviderResult, not {type(result).__name__}")
        self.reply = DispatchReply(200, _lower(result.headers), received=time.time(), result=result)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if not isinstance(error, Exception):  # a cancellation, Ctrl-C, or nothing
            return False
        status = status_of(error)
        if status is not None:
            text = str(error).encode("utf-8", "replace")
            self.reply = Reply(status, _capped(headers_of(error)), text, received=time.time())
            return True
        said = str(error) or f"{type(error).__name__} within {self.asked.timeout:.2g} s"
        if isinstance(error, LOCAL):
            raise InvalidRequestError(said) from error
        is_late = isinstance(error, TimeoutError) or "Timeout" in type(error).__name__
        raise TransportError(said, timeout=is_late) from error


# ------------------------------------------------------------- errors, LLMix's and those of other SDKs


def status_of(error: Exception) -> int | None:
    """The HTTP status *error* stands for, `None` if no answer came. Knows how SDKs say it."""
    response = getattr(error, "response", None)
    for said in (
        getattr(error, "status_code", None),
        getattr(response, "status_code", None),
        getattr(error, "code", None),  # google-genai's and urllib's
    ):
        if isinstance(said, int) and 300 <= said < 600:
            return said
    return None


def headers_of(error: Exception) -> Mapping[str, str]:
    """The headers of the reply *error* stands for, lower-case."""
    return _lower(
        getattr(error, "headers", None) or getattr(getattr(error, "response", None), "headers", None)
    )


def _capped(headers: Mapping[str, str]) -> dict[str, str]:
    """LLMix waits a minute at most, where every other call gives up on a server that asks for more."""
    asked = retry_after_seconds(headers, time.time())
    is_longer = asked is not None and asked > RETRY_AFTER_CAP
    return {**headers, "retry-after": str(RETRY_AFTER_CAP)} if is_longer else dict(headers)


def _lower(headers: Any) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in dict(headers or {}).items()}


LOCAL = (ValueError, TypeError, KeyError, SyntaxError, Warning)
"""A caller's mistakes (and warnings, where they are errors): tried once, and no fault of the provider's."""
