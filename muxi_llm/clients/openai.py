"""`OpenAI`, `AsyncOpenAI`, and Azure's: the openai package's clients, with every provider behind `model=`.

They *are* OpenAI's classes. One step is ours: the moment a finished request would be sent. Requests for
chat, completions, embeddings and responses go to `inbound` instead, inside the process; all others go on
to the client's own server untouched. So `parse`, `stream`, `with_raw_response`, `with_options`,
pagination and whatever comes next work because they are OpenAI's own.

Retries belong to the plan: its errors are `OpenAIError`s, which the original's loop passes on at once.
"""

from __future__ import annotations

import os
from functools import cached_property, partial, update_wrapper
from typing import TYPE_CHECKING, Any

import openai
from anyio import to_thread
from openai import types
from openai._models import FinalRequestOptions

from muxi_llm import inbound, models, runtime
from muxi_llm.clients import beside, models_list, resources
from muxi_llm.clients.answers import REPORT, local, own_report, response, tell, telling
from muxi_llm.clients.naming import own_alone
from muxi_llm.clients.options import CARRIER, FORM, form_of, make_plain, optioned, taken_from, unloaded
from muxi_llm.clients.storing import Storing
from muxi_llm.clients.untouched import Road, is_default, mark
from muxi_llm.core.body import named
from muxi_llm.core.options import NO_TIMEOUT
from muxi_llm.core.plain import made_plain, unsendable_in
from muxi_llm.kept import requests as kept_requests
from muxi_llm.kept import store
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.transport.httpx2 import AsyncHttpx2, BlockingHttpx2
from muxi_llm.transport.ports import AsyncIO, BlockingIO
from muxi_llm.wire.base import dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.clients import audio_typed, typed

__all__ = ["AsyncAzureOpenAI", "AsyncClient", "AsyncOpenAI", "AzureOpenAI", "Client", "OpenAI"]


class Routed(Storing):
    """What all of them share: which requests are ours, and what the client brings along for them."""

    _quick: tuple[Any, dict[str, str]] | None = None

    if not TYPE_CHECKING:  # to type checkers it stays OpenAI's

        @cached_property
        def beta(self) -> Any:
            """`client.beta`, whose `chat` is the client's own."""
            beta = super().beta
            vars(beta)["chat"] = self.chat
            return beta

        @cached_property
        def realtime(self) -> Any:
            from muxi_llm.clients import realtime as here  # noqa: PLC0415 - few have sessions

            kind = here.AsyncRealtime if isinstance(self, openai.AsyncOpenAI) else here.Realtime
            return kind(self)

    def taken(self, request: Any, *, stream: bool) -> inbound.Exchange | None:
        """The request as one of ours, `None` where it is not for us. stream: whether its answer is read by
        and by.

        Nothing is ours about a request for the client's own server without arguments of ours: it goes
        the original's own way, whatever that is, retries and streams and all.
        """
        door = self._door(request.method, request.url.path)
        # A body of another kind than the client's own methods make is between the caller and the server.
        content = request.extensions.get(FORM) or getattr(request, "_content", b"")
        if door is None or not (isinstance(content, dict) or content.startswith(b"{")):
            return None
        options = {**self._options_of_ours, **request.extensions.get(CARRIER, {})}
        seconds = (request.extensions.get("timeout") or {}).get("read")
        own = self._own(self._base, str(request.url), inbound.sendable(request.headers), seconds, options)
        exchange = inbound.Exchange(door, content, own, streamed=stream)
        return None if exchange.is_plain else exchange

    def kept(self, request: Any, *, stream: bool) -> Any:
        """The answer to a request about a response kept here, `None` for any other."""
        told = kept_requests.told(request.method, request.url.path, request.url.params)
        return None if told is None else local(request, dumps(told), stream=stream)

    def _door(self, method: str, path: str) -> inbound.Door | None:
        base = self.base_url.path.rstrip("/")  # type: ignore[attr-defined]
        return inbound.OPENAI_DOORS.get((method, path.removeprefix(base))) if path.startswith(base) else None

    @property
    def _base(self) -> str:
        return str(self.base_url).rstrip("/")  # type: ignore[attr-defined]

    def _own(
        self,
        base: str,
        url: str,
        headers: Mapping[str, str],
        seconds: float | None,
        options: Mapping[str, Any],
    ) -> inbound.Own:
        return inbound.Own(
            url=url,
            base_url=base,
            headers=headers,
            explicit=base != OpenAIProvider.base_url,
            timeout=NO_TIMEOUT if seconds is None else seconds,
            max_retries=self.max_retries,  # type: ignore[attr-defined]
            port=self._port,  # type: ignore[attr-defined]
            options=options,
        )

    def quick_exchange(self, path: str, params: dict[str, Any]) -> inbound.Exchange | None:
        """A plain `create` as a call, `None` where anything about it or the client is unusual."""
        road = ROADS.get(type(self))
        if road is None or not self._is_plain() or not road.is_untouched(self):
            return None
        body = {name: value for name, value in params.items() if not isinstance(value, ABSENT)}
        timeout = body.pop("timeout", self.timeout)  # type: ignore[attr-defined]
        seconds = timeout if isinstance(timeout, float | int) else getattr(timeout, "read", None)
        options = {**self._options_of_ours, **taken_from(body)}
        body = made_plain(body)
        base = self._base
        own = self._own(base, base + path, self._headers(path, timeout), seconds, options)
        exchange = inbound.Exchange(inbound.OPENAI_DOORS["POST", path], body, own)
        if exchange.is_plain:
            if exchange.prepared.request.stream:  # the original's business, to the last event
                params.update(body)  # iterators in it are spent
                return None
            exchange.prepared.candidates[0].provider.lenient = True  # type: ignore[attr-defined]
        return exchange

    def _is_plain(self) -> bool:
        client: Any = self
        return not (
            client._custom_headers
            or client._custom_query
            or client._strict_response_validation
            or client._api_key_provider
            or client._provider_runtime
            or client._workload_identity_auth
            or not client.api_key
        )

    def _headers(self, path: str, timeout: Any) -> dict[str, str]:
        """The original's headers of a plain call, made anew when what they tell of has changed."""
        client: Any = self
        key = (client.api_key, client.organization, client.project, timeout)
        quick = self._quick  # another thread may have another in its place at any time
        if quick is None or quick[0] != key:
            options = FinalRequestOptions(method="post", url=path, json_data={}, timeout=timeout)
            options.timeout = (
                timeout  # as it is: validation would make 600 of a client's 600.0, or the reverse
            )
            options.security = {"bearer_auth": True}
            quick = self._quick = key, inbound.sendable(client._build_headers(options))
        return quick[1]

    def _build_request(self, options: Any, **how: Any) -> Any:
        carried, options = unloaded(options)
        options = own_alone(self, options)
        body = options.json_data
        wanted = body.get("response_format") if isinstance(body, dict) else None
        if isinstance(wanted, dict) and (fitting := named(wanted)) is not wanted:
            # `parse` names a schema for its class, and OpenAI takes no `Page[int]`.
            options = options.model_copy(update={"json_data": {**body, "response_format": fitting}})
        try:
            request = super()._build_request(options, **how)  # type: ignore[misc]
        except UnicodeEncodeError as error:
            raise unsendable_in(options.json_data) or error from None
        if carried:
            request.extensions = {**request.extensions, CARRIER: carried}
        self.told_form(request, options)
        if options.files:
            request.extensions = {**request.extensions, FORM: form_of(options)}
        return request

    def request(self, cast_to: Any, options: Any, **how: Any) -> Any:
        """As the original; what `parse` makes of an answer tells of its call as well."""
        make_plain(options, ABSENT)
        if not isinstance(options.post_parser, ABSENT):
            options.post_parser = telling(options.post_parser)
        return super().request(cast_to, options, **how)  # type: ignore[misc]

    def _process_response_data(self, *, data: Any, cast_to: Any, response: Any) -> Any:
        """Values of our classes, with their report, whichever road they came."""
        kind = OURS.get(cast_to) or beside.ours(cast_to) or cast_to
        value = super()._process_response_data(data=data, cast_to=kind, response=response)  # type: ignore[misc]
        is_answer = isinstance(value, ANSWERS) or (
            isinstance(value, openai.BaseModel) and response.extensions.get(REPORT) is not None
        )
        if is_answer and response.is_closed:  # else it is a piece of a stream
            report = (
                response.extensions[REPORT] if REPORT in response.extensions else own_report(value, response)
            )
            if report is not None:
                tell(value, report)
        return value

    def _validate_headers(self, headers: Any, custom_headers: Any) -> None:
        # Without a key only other providers can be meant, if there are any.
        if self.api_key or not runtime.any_key():  # type: ignore[attr-defined]
            super()._validate_headers(headers, custom_headers)  # type: ignore[misc]


@optioned
class OpenAI(Routed, beside.Beside, openai.OpenAI):
    """`openai.OpenAI`, the real one: every argument, resource and method of it.

    `model=` takes `provider/model` of any provider (without a prefix: OpenAI, or the server at
    `base_url`) or a list of them. `create`, `parse` and `stream` of chat and responses, and `create` of
    completions and embeddings, also take `fallback_models`, `retries`, `fallback_config`,
    `provider_options` and `adapt` (see `muxi_llm.types.common.CallParams`); `with_options` takes them for
    all calls of a client, and there type checkers know them. `max_retries` is the default for `retries`.
    An OpenAI key is not required where another provider's is configured.
    """

    if not TYPE_CHECKING:  # to type checkers it takes what the original takes

        def __init__(self, *, http_client: Any = None, **kwargs: Any) -> None:
            super().__init__(http_client=http_client, **_credentials(kwargs))
            if http_client is None:
                mark(self._client)

    @property
    def _port(self) -> Any:
        """What all providers are reached over, if the caller has anything to do with the HTTP client."""
        return None if is_default(self._client) else BlockingIO(BlockingHttpx2(self._client))

    @cached_property
    def chat(self) -> typed.Chat:
        return resources.Chat(self)  # type: ignore[return-value]

    @cached_property
    def completions(self) -> typed.TextCompletions:
        return resources.Completions(self)  # type: ignore[return-value]

    @cached_property
    def embeddings(self) -> typed.Embeddings:
        return resources.Embeddings(self)  # type: ignore[return-value]

    @cached_property
    def audio(self) -> audio_typed.Audio:
        from muxi_llm.clients import audio_resources as here  # noqa: PLC0415 - see there

        return here.Audio(self)  # type: ignore[return-value]

    @cached_property
    def responses(self) -> typed.Responses:
        from muxi_llm.clients import responses_resources as here  # noqa: PLC0415 - see there

        return here.Responses(self)  # type: ignore[return-value]

    def _send_request(self, request: Any, *, stream: bool, **kwargs: Any) -> Any:
        if (kept := self.kept(request, stream=stream)) is not None:
            return kept
        if (operation := self.stored(request)) is not None:
            return self.of_another(request, operation.run(), stream=stream)
        exchange = self.taken(request, stream=stream)
        if exchange is None:
            runtime.check_kill_switch()
            send = partial(super()._send_request, request, **kwargs)
            names = models_list.others(request)
            return self._all_models(request, send, names, stream) if names else send(stream=stream)
        return response(request, exchange, exchange.prepared.run(), stream=stream)

    def _all_models(self, request: Any, send: Any, names: list[str], stream: bool) -> Any:
        own = send(stream=False) if self.api_key else None
        if own is not None and own.is_error:
            return own
        return models_list.merged(request, own, names, models_list.listed(names), stream=stream)


@optioned
class AsyncOpenAI(Routed, beside.AsyncBeside, openai.AsyncOpenAI):
    """`openai.AsyncOpenAI`, as `OpenAI` is `openai.OpenAI`."""

    if not TYPE_CHECKING:  # to type checkers it takes what the original takes

        def __init__(self, *, http_client: Any = None, **kwargs: Any) -> None:
            super().__init__(http_client=http_client, **_credentials(kwargs))
            if http_client is None:
                mark(self._client)

    @property
    def _port(self) -> Any:
        return None if is_default(self._client) else AsyncIO(AsyncHttpx2(self._client))

    @cached_property
    def chat(self) -> typed.AsyncChat:
        return resources.AsyncChat(self)  # type: ignore[return-value]

    @cached_property
    def completions(self) -> typed.AsyncTextCompletions:
        return resources.AsyncCompletions(self)  # type: ignore[return-value]

    @cached_property
    def embeddings(self) -> typed.AsyncEmbeddings:
        return resources.AsyncEmbeddings(self)  # type: ignore[return-value]

    @cached_property
    def audio(self) -> audio_typed.AsyncAudio:
        from muxi_llm.clients import audio_resources as here  # noqa: PLC0415 - see there

        return here.AsyncAudio(self)  # type: ignore[return-value]

    @cached_property
    def responses(self) -> typed.AsyncResponses:
        from muxi_llm.clients import responses_resources as here  # noqa: PLC0415 - see there

        return here.AsyncResponses(self)  # type: ignore[return-value]

    async def _send_request(self, request: Any, *, stream: bool, **kwargs: Any) -> Any:
        # A store of the caller's own may block, so it gets a thread.
        run = to_thread.run_sync if store.waits(request.url.path) else at_once
        if (kept := await run(partial(self.kept, request, stream=stream))) is not None:
            return kept
        if (operation := self.stored(request)) is not None:
            return await self.of_another(request, await operation.arun(), stream=stream)
        exchange = await run(partial(self.taken, request, stream=stream))
        if exchange is None:
            runtime.check_kill_switch()
            send = partial(super()._send_request, request, **kwargs)
            names = models_list.others(request)
            return await (self._all_models(request, send, names, stream) if names else send(stream=stream))
        answer = await exchange.prepared.arun()
        return await run(partial(response, request, exchange, answer, stream=stream))

    async def _all_models(self, request: Any, send: Any, names: list[str], stream: bool) -> Any:
        own = await send(stream=False) if self.api_key else None
        if own is not None and own.is_error:
            return own
        return models_list.merged(request, own, names, await models_list.alisted(names), stream=stream)


async def at_once(work: Callable[[], Any]) -> Any:
    """*work*, where it needs no thread."""
    return work()


# Tools read signatures: the originals' are ours.
update_wrapper(OpenAI.__init__, openai.OpenAI.__init__)
update_wrapper(AsyncOpenAI.__init__, openai.AsyncOpenAI.__init__)


class Deployments:
    """Azure's way of putting the model into the path."""

    def _door(self, method: str, path: str) -> inbound.Door | None:
        doors = inbound.OPENAI_DOORS.items()
        return next(
            (door for (verb, end), door in doors if verb == method and path.endswith(f"/openai{end}")), None
        ) or next(
            (
                door
                for (verb, end), door in doors
                if verb == method and "/deployments/" in path and path.endswith(end)
            ),
            None,
        )


@optioned
class AzureOpenAI(Deployments, OpenAI, openai.AzureOpenAI):
    """`openai.AzureOpenAI`, as `OpenAI` is `openai.OpenAI`."""


@optioned
class AsyncAzureOpenAI(Deployments, AsyncOpenAI, openai.AsyncAzureOpenAI):
    """`openai.AsyncAzureOpenAI`, as `OpenAI` is `openai.OpenAI`."""


Client = OpenAI
AsyncClient = AsyncOpenAI


def _credentials(kwargs: dict[str, Any]) -> dict[str, Any]:
    """The client's arguments, without the demand for an OpenAI key where others are configured."""
    if kwargs.get("api_key") is None and "OPENAI_API_KEY" not in os.environ and runtime.any_key():
        kwargs.setdefault("_enforce_credentials", False)
    return kwargs


ROADS = {OpenAI: Road(OpenAI, openai.OpenAI), AsyncOpenAI: Road(AsyncOpenAI, openai.AsyncOpenAI)}
"""The quick road is theirs. Not their subclasses': what those override must have its say."""

ABSENT = (openai.NotGiven, openai.Omit)

ANSWERS = (models.Reported, types.responses.Response)

OURS: dict[Any, Any] = {
    types.chat.ChatCompletion: models.ChatCompletion,
    types.chat.ChatCompletionChunk: models.ChatCompletionChunk,
    types.Completion: models.Completion,
    types.CreateEmbeddingResponse: models.CreateEmbeddingResponse,
}
