"""`Anthropic` and `AsyncAnthropic`: the anthropic package's clients, with every provider behind `model=`.

They *are* Anthropic's classes. One step is ours: an attempt at a Messages request that names another
provider, or brings arguments of ours, goes to `inbound` inside the process. All else goes the original's
own way, byte for byte.

Retries of what is taken in belong to the plan. Its errors come out as Anthropic's classes, with the
story of the call on them, and the original's loop never repeats them.
"""

from __future__ import annotations

import inspect
from functools import cached_property, partial, update_wrapper
from typing import TYPE_CHECKING, Any

try:
    import anthropic
except ImportError as missing:
    raise ImportError("Anthropic needs the anthropic package: pip install 'muxi-llm[anthropic]'") from missing
from anthropic import _client as vendor

from muxi_llm import inbound, runtime
from muxi_llm.clients import anthropic_answers as answers
from muxi_llm.clients import anthropic_resources as resources
from muxi_llm.clients.answers import REPORT, own_report, response, tell
from muxi_llm.clients.options import Optioned, make_plain, optioned, unloaded
from muxi_llm.clients.untouched import is_default, mark
from muxi_llm.core.options import NO_TIMEOUT
from muxi_llm.core.plain import unsendable_in
from muxi_llm.core.step import run_sync
from muxi_llm.errors import APIStatusError, InvalidRequestError, MuxiLLMError
from muxi_llm.providers.anthropic import AnthropicProvider
from muxi_llm.runtime import Prepared
from muxi_llm.transport.httpx2 import AsyncHttpx2, BlockingHttpx2
from muxi_llm.transport.ports import AsyncIO, BlockingIO

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.clients import anthropic_typed as typed

__all__ = ["Anthropic", "AsyncAnthropic"]


class Routed(Optioned):
    """What both share: which requests are ours, how they are run, and what their errors become."""

    _run: Any
    _authorize: Any

    async def _attempt(
        self, original: Any, options: Any, ours: Mapping[str, Any], how: dict[str, Any]
    ) -> Any:
        """One attempt at a request that may be ours. Over the sync client nothing here suspends."""
        client: Any = self
        prepared = await _value(client._prepare_options(resources.marked(options)))
        request = client._build_request(prepared, retries_taken=how.get("retries_taken", 0))
        del request.headers[resources.MARK]
        await _value(client._prepare_request(request))
        try:
            if client.custom_auth is not None and resources.asks_own(prepared.json_data, ours):
                await _value(self._authorize(client.custom_auth, request))
            door = resources.DOORS[prepared.url.partition("?")[0]]
            exchange = inbound.Exchange(door, request.content, self._own(request, prepared, ours))
            if exchange.is_plain or (door is resources.COUNT and exchange.is_own):
                return await _value(original(resources.bare(options, exchange), **how))
            if door is resources.COUNT:
                return answers.counted(request, exchange), prepared
            if not exchange.is_own:
                answers.refuse_threads(prepared.json_data)
            streamed = how.get("stream") or client._should_stream_response_body(request=request)
            answer = await _value(self._run(exchange.prepared))
            raised = partial(self._raised, request)
            told = response(request, exchange, answer, stream=streamed, raised=raised)
            return answers.named(told), prepared
        except MuxiLLMError as error:
            if not isinstance(error, APIStatusError):
                raise self._raised(request, error) from error
            return answers.refusal(request, error), prepared

    def _ours(self, options: Any) -> tuple[Mapping[str, Any], Any]:
        carried, options = unloaded(options)
        return {**self._options_of_ours, **carried}, options

    def _own(self, request: Any, options: Any, ours: Mapping[str, Any]) -> inbound.Own:
        client: Any = self
        seconds = (request.extensions.get("timeout") or {}).get("read")
        base = str(client.base_url).rstrip("/")
        return inbound.Own(
            url=str(request.url),
            base_url=base,
            headers=inbound.sendable(request.headers),
            explicit=base != AnthropicProvider.base_url,
            timeout=NO_TIMEOUT if seconds is None else seconds,
            max_retries=options.get_max_retries(client.max_retries),
            provider="anthropic",
            port=client._port,
            options=ours,
        )

    def request(self, cast_to: Any, options: Any, **how: Any) -> Any:
        """As the original, its body made plain once."""
        try:
            make_plain(options, ABSENT)
        except InvalidRequestError as error:
            raise self._refused(options, error) from error
        return super().request(cast_to, options, **how)  # type: ignore[misc]

    def _build_request(self, options: Any, **how: Any) -> Any:
        try:
            return super()._build_request(options, **how)  # type: ignore[misc]
        except UnicodeEncodeError as error:
            found = unsendable_in(options.json_data)
            raise error if found is None else self._refused(options, found) from error

    def _refused(self, options: Any, error: MuxiLLMError) -> Any:
        """Anthropic's class for a request that cannot be built."""
        bare = options.model_copy(update={"json_data": {}, "extra_json": None})
        return self._raised(super()._build_request(bare), error)  # type: ignore[misc]

    def _validate_headers(self, headers: Any, omitted: Any) -> None:
        # The mark is on what may be for another provider, whose key it needs then, and not Anthropic's.
        if resources.MARK not in headers:
            super()._validate_headers(headers, omitted)  # type: ignore[misc]

    def _process_response_data(self, *, data: Any, cast_to: Any, response: Any) -> Any:
        """Messages with the call's story, whichever road they came; Anthropic's own stay of its class."""
        report: Any = getattr(response, "extensions", {}).get(REPORT)  # a stand-in may have none
        kind = cast_to if report is None else answers.REPORTING.get(cast_to, cast_to)
        value = super()._process_response_data(data=data, cast_to=kind, response=response)  # type: ignore[misc]
        if isinstance(value, tuple(answers.REPORTING)):
            tell(value, report or own_report(value, response, "anthropic"))
        return value

    def _may_be_ours(self, options: Any, ours: Mapping[str, Any]) -> bool:
        """Whether the request is looked at here; what is not goes out, unless all is switched off."""
        if resources.may_be_ours(options, ours):
            return True
        try:
            runtime.check_kill_switch()
        except MuxiLLMError as error:
            raise self._raised(self._build_request(options), error) from error
        return False

    def _raised(self, request: Any, error: MuxiLLMError) -> Any:
        """Anthropic's class for an error of ours."""
        if isinstance(error, APIStatusError):
            return self._make_status_error_from_response(answers.refusal(request, error))
        return answers.without_status(request, error)

    def _make_status_error_from_response(self, response: Any) -> Any:
        made = super()._make_status_error_from_response(response)  # type: ignore[misc]
        error = response.extensions.get(answers.ERROR)
        return made if error is None else answers.with_story(made, error)

    def _should_retry(self, response: Any) -> bool:
        return answers.ERROR not in response.extensions and super()._should_retry(response)  # type: ignore[misc]

    def _should_retry_exception(self, err: BaseException) -> Any:
        return (False, None) if hasattr(err, "attempts") else super()._should_retry_exception(err)  # type: ignore[misc]


@optioned
class Anthropic(Routed, anthropic.Anthropic):
    """`anthropic.Anthropic`, the real one: every argument, resource and method of it.

    `model=` takes `provider/model` of any provider (without a prefix: Anthropic, or the server at
    `base_url`) or a list of them. `create`, `stream` and `parse` of `messages` and of `beta.messages`, and
    `tool_runner` and `thread` of the latter, also take `fallback_models`, `retries`, `fallback_config`,
    `provider_options` and `adapt` (see `muxi_llm.types.common.CallParams`); `with_options` takes them for
    all calls of a client, and there type checkers know them. `max_retries` is the default for `retries`.
    An Anthropic key is needed for Anthropic's own models alone.
    """

    _run = staticmethod(Prepared.run)
    _authorize = staticmethod(lambda auth, request: next(auth.sync_auth_flow(request)))

    if not TYPE_CHECKING:  # to type checkers it takes what the original takes

        def __init__(self, *, http_client: Any = None, **kwargs: Any) -> None:
            super().__init__(http_client=http_client, **kwargs)
            if http_client is None:
                mark(self._client)

    @property
    def _port(self) -> Any:
        return None if is_default(self._client) else BlockingIO(BlockingHttpx2(self._client))

    @cached_property
    def messages(self) -> typed.Messages:
        """Messages."""
        return resources.Messages(self)  # type: ignore[return-value]

    @cached_property
    def beta(self) -> typed.Beta:
        """What is in beta."""
        return resources.Beta(self)  # type: ignore[return-value]

    def _attempt_request(self, options: Any, **how: Any) -> Any:
        ours, options = self._ours(options)
        if self._may_be_ours(options, ours):
            return run_sync(self._attempt(super()._attempt_request, options, ours, how))
        return super()._attempt_request(options, **how)


@optioned
class AsyncAnthropic(Routed, anthropic.AsyncAnthropic):
    """`anthropic.AsyncAnthropic`, as `Anthropic` is `anthropic.Anthropic`."""

    _run = staticmethod(Prepared.arun)
    _authorize = staticmethod(lambda auth, request: anext(auth.async_auth_flow(request)))

    if not TYPE_CHECKING:  # to type checkers it takes what the original takes

        def __init__(self, *, http_client: Any = None, **kwargs: Any) -> None:
            super().__init__(http_client=http_client, **kwargs)
            if http_client is None:
                mark(self._client)

    @property
    def _port(self) -> Any:
        return None if is_default(self._client) else AsyncIO(AsyncHttpx2(self._client))

    @cached_property
    def messages(self) -> typed.AsyncMessages:
        """Messages."""
        return resources.AsyncMessages(self)  # type: ignore[return-value]

    @cached_property
    def beta(self) -> typed.AsyncBeta:
        """What is in beta."""
        return resources.AsyncBeta(self)  # type: ignore[return-value]

    async def _attempt_request(self, options: Any, **how: Any) -> Any:
        ours, options = self._ours(options)
        if self._may_be_ours(options, ours):
            return await self._attempt(super()._attempt_request, options, ours, how)
        return await super()._attempt_request(options, **how)


# Tools read signatures: the originals' are ours.
update_wrapper(Anthropic.__init__, anthropic.Anthropic.__init__)
update_wrapper(AsyncAnthropic.__init__, anthropic.AsyncAnthropic.__init__)


async def _value(found: Any) -> Any:
    """What the sync client's method gave, or what the async one's will."""
    return await found if inspect.isawaitable(found) else found


def _is_base_client(client: object) -> bool:
    """Anthropic's question whether a client finds its credentials as its own two classes do: ours do."""
    return type(client) in {Anthropic, AsyncAnthropic} or _asked_of_theirs(client)


_asked_of_theirs = vendor._is_base_client
vendor._is_base_client = _is_base_client


# ------------------------------------------------------------------------------------------ tables

ABSENT = (anthropic.NotGiven, anthropic.Omit)
