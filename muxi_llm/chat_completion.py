"""`ChatCompletion`: chat with any provider, in OpenAI's shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from muxi_llm.runtime import prepare
from muxi_llm.types.common import ChatParams
from muxi_llm.types.signatures import shows
from muxi_llm.utils.parsing import parse_into

if TYPE_CHECKING:
    from typing import TypeVar, Unpack

    from pydantic import BaseModel

    from muxi_llm.core.stream import AsyncStream, Stream
    from muxi_llm.models import ChatCompletion as ChatCompletionValue
    from muxi_llm.models import ChatCompletionChunk
    from muxi_llm.types.common import Messages, Model, UnformattedChatParams
    from muxi_llm.types.parsed import ParsedChatCompletion

    Format = TypeVar("Format", bound=BaseModel)


class ChatCompletion:
    """Chat completions.

    model: `provider/model` (`anthropic/claude-sonnet-5`; without a prefix it is OpenAI's), or a list of
    them: a chain, tried in order; or none, with `preset="module/preset"`. messages: as OpenAI's, dicts or
    pydantic objects. Every parameter of OpenAI's chat completions is taken and fitted to the provider; what
    had to change is on `response.muxi.adaptations`. Further ones: `muxi_llm.types.common.CallParams`.

    Returns OpenAI's `ChatCompletion` (readable by item too) with `response.muxi`; with `stream=True` an
    iterator of `ChatCompletionChunk` that falls back until its first chunk and raises after it. With a
    Pydantic class as `response_format`, `message.parsed` is an instance of it. Chunks are text, nothing of
    them is parsed: `muxi_llm.utils.streaming.collect(stream, Class)` reads them and gives such an answer.

    Raises, before anything is sent: `TypeError` for an unknown keyword, `InvalidRequestError` (an
    `openai.BadRequestError`), `MissingCredentialsError` (an `openai.AuthenticationError`). Otherwise
    OpenAI's classes for the provider's error, with `.attempts`; `FallbackExhaustedError` for a chain.
    """

    @overload
    @classmethod
    def create(
        cls,
        model: Model,
        messages: Messages,
        stream: Literal[False] = False,
        *,
        response_format: type[Format],
        **params: Unpack[UnformattedChatParams],
    ) -> ParsedChatCompletion[Format]: ...

    @overload
    @classmethod
    def create(
        cls, model: Model, messages: Messages, stream: Literal[False] = False, **params: Unpack[ChatParams]
    ) -> ChatCompletionValue: ...

    @overload
    @classmethod
    def create(
        cls, model: Model, messages: Messages, stream: Literal[True], **params: Unpack[ChatParams]
    ) -> Stream[ChatCompletionChunk]: ...

    @overload
    @classmethod
    def create(
        cls, model: Model, messages: Messages, stream: bool, **params: Unpack[ChatParams]
    ) -> ChatCompletionValue | Stream[ChatCompletionChunk]: ...

    @overload
    @classmethod
    def create(cls, *, messages: Messages, stream: bool = False, **params: Unpack[ChatParams]) -> Any: ...

    @classmethod
    @shows(ChatParams, "ChatCompletion | Stream[ChatCompletionChunk]")
    def create(
        cls, model: Model | None = None, messages: Messages = (), stream: bool = False, **params: Any
    ) -> Any:
        """The answer (see the class), sync: no event loop, no thread.

        params: OpenAI's, and those of `muxi_llm.types.common.CallParams`, which says what they do.
        """
        params.update(model=model, messages=messages, stream=stream)
        return parse_into(params.get("response_format"), prepare("chat", params).run())

    @overload
    @classmethod
    async def acreate(
        cls,
        model: Model,
        messages: Messages,
        stream: Literal[False] = False,
        *,
        response_format: type[Format],
        **params: Unpack[UnformattedChatParams],
    ) -> ParsedChatCompletion[Format]: ...

    @overload
    @classmethod
    async def acreate(
        cls, model: Model, messages: Messages, stream: Literal[False] = False, **params: Unpack[ChatParams]
    ) -> ChatCompletionValue: ...

    @overload
    @classmethod
    async def acreate(
        cls, model: Model, messages: Messages, stream: Literal[True], **params: Unpack[ChatParams]
    ) -> AsyncStream[ChatCompletionChunk]: ...

    @overload
    @classmethod
    async def acreate(
        cls, model: Model, messages: Messages, stream: bool, **params: Unpack[ChatParams]
    ) -> ChatCompletionValue | AsyncStream[ChatCompletionChunk]: ...

    @overload
    @classmethod
    async def acreate(
        cls, *, messages: Messages, stream: bool = False, **params: Unpack[ChatParams]
    ) -> Any: ...

    @classmethod
    @shows(ChatParams, "ChatCompletion | AsyncStream[ChatCompletionChunk]")
    async def acreate(
        cls, model: Model | None = None, messages: Messages = (), stream: bool = False, **params: Any
    ) -> Any:
        """The answer (see the class), async."""
        params.update(model=model, messages=messages, stream=stream)
        return parse_into(params.get("response_format"), await prepare("chat", params).arun())
