"""OpenAI's resources, with arguments of ours on `create`, `parse` and `stream`.

Two roads lead from a `create` to `inbound`. The quick one takes plain calls straight there. Anything
unusual goes the original's own way, and is taken over when its finished request would be sent.
"""

from __future__ import annotations

from functools import cached_property, partial, wraps
from inspect import signature
from typing import TYPE_CHECKING, Any

import openai
from openai import types
from openai._resource import AsyncAPIResource
from openai.resources import chat, completions, embeddings
from openai.resources.chat import completions as chats

from muxi_llm.clients.answers import QuickAsyncStream, QuickStream, judged, telling_in_the_end
from muxi_llm.clients.options import replacing, taking_options
from muxi_llm.clients.untouched import is_of_openai
from muxi_llm.core.stream import AsyncStream, Stream
from muxi_llm.inbound import OPTIONS
from muxi_llm.models import RawValue

if TYPE_CHECKING:
    from muxi_llm.inbound import Exchange

UNUSUAL = {"self", "extra_headers", "extra_query", "extra_body"}
REQUIRED = {"/chat/completions": {"messages", "model"}, "/completions": {"model", "prompt"}}


class Quick:
    """The quick road of one `create`, for plain calls, while that is the vendor's own."""

    def __init__(self, theirs: Any, path: str, kind: type) -> None:
        self._theirs = theirs
        self._path = path
        self._kind = kind
        # A tracer that was in its place before us must see every call as well.
        self._create = theirs.create if is_of_openai(theirs.create) else None
        self._post = (openai.AsyncOpenAI if issubclass(theirs, AsyncAPIResource) else openai.OpenAI).post
        # With any other argument the original is to say what it thinks of it.
        self._names = frozenset(signature(theirs.create).parameters) - UNUSUAL | frozenset(OPTIONS)

    def exchange(self, resource: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Exchange | None:
        """The call, `None` where the original's own road is the better one."""
        needed, given = REQUIRED[self._path], params.keys()
        is_plain = (
            not args
            and needed <= given <= self._names
            and self._theirs.create is self._create
            and getattr(resource._post, "__func__", None) is self._post
            and not isinstance(params.get("response_format"), type)
        )
        return resource._client.quick_exchange(self._path, params) if is_plain else None

    def answer(self, client: Any, exchange: Exchange, answer: Any) -> Any:
        """The answer as the original's `create` would give it."""
        if isinstance(answer, Stream):
            return QuickStream(exchange, answer)
        if isinstance(answer, AsyncStream):
            return QuickAsyncStream(exchange, answer)
        return judged(client, exchange, answer, self._kind) if isinstance(answer, RawValue) else answer


def quick(theirs: Any, name: str, *, path: str, kind: type) -> Any:
    """A sync `create` that takes the quick road where it may."""
    road, slow = Quick(theirs, path, kind), taking_options(theirs, name)

    @wraps(slow)
    def create(self: Any, *args: Any, **params: Any) -> Any:
        exchange = road.exchange(self, args, params)
        if exchange is None:
            return slow(self, *args, **params)
        return road.answer(self._client, exchange, exchange.prepared.run())

    return create


def quick_async(theirs: Any, name: str, *, path: str, kind: type) -> Any:
    """`quick`, async."""
    road, slow = Quick(theirs, path, kind), taking_options(theirs, name)

    @wraps(slow)
    async def create(self: Any, *args: Any, **params: Any) -> Any:
        exchange = road.exchange(self, args, params)
        if exchange is None:
            return await slow(self, *args, **params)
        return road.answer(self._client, exchange, await exchange.prepared.arun())

    return create


CHAT: dict[str, Any] = {"path": "/chat/completions", "kind": types.chat.ChatCompletion}
COMPLETION: dict[str, Any] = {"path": "/completions", "kind": types.Completion}
CREATE = {"create": taking_options}
METHODS: dict[str, Any] = dict.fromkeys(("create", "parse"), taking_options)
METHODS["stream"] = partial(telling_in_the_end, "openai", taking_options)


@replacing({**METHODS, "create": partial(quick, **CHAT)})
class Chats(chats.Completions):
    """Chat completions."""


@replacing({**METHODS, "create": partial(quick_async, **CHAT)})
class AsyncChats(chats.AsyncCompletions):
    """Chat completions, async."""


class Chat(chat.Chat):
    """`client.chat`."""

    @cached_property
    def completions(self) -> Chats:
        return Chats(self._client)


class AsyncChat(chat.AsyncChat):
    """`client.chat`, async."""

    @cached_property
    def completions(self) -> AsyncChats:
        return AsyncChats(self._client)


@replacing({"create": partial(quick, **COMPLETION)})
class Completions(completions.Completions):
    """Text completions."""


@replacing({"create": partial(quick_async, **COMPLETION)})
class AsyncCompletions(completions.AsyncCompletions):
    """Text completions, async."""


@replacing(CREATE)
class Embeddings(embeddings.Embeddings):
    """Embeddings: always the original's road, which asks for base64 and decodes it."""


@replacing(CREATE)
class AsyncEmbeddings(embeddings.AsyncEmbeddings):
    """Embeddings, async."""
