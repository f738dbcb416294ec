"""`ChatCompletion`: chat with any provider, in OpenAI's shapes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from openai import ContentFilterFinishReasonError, LengthFinishReasonError
from pydantic import BaseModel, ValidationError

from muxi_llm.models import ChatCompletion as ChatCompletionValue
from muxi_llm.runtime import prepare

if TYPE_CHECKING:
    from typing import TypeVar, Unpack

    from muxi_llm.core.stream import AsyncStream, Stream
    from muxi_llm.models import ChatCompletionChunk
    from muxi_llm.types.common import ChatParams, Messages, Model, UnformattedChatParams
    from muxi_llm.types.parsed import ParsedChatCompletion

    Format = TypeVar("Format", bound=BaseModel)


class ChatCompletion:
    """Chat completions.

    model: `provider/model` (`anthropic/claude-sonnet-5`; without a prefix it is OpenAI's), or a list of
    them: a chain, tried in order. messages: as OpenAI's, dicts or pydantic objects. Every parameter of
    OpenAI's chat completions is taken and fitted to the provider; what had to change is on
    `response.muxi.adaptations`. Further ones: `muxi_llm.types.common.CallParams`.

    Returns OpenAI's `ChatCompletion` (readable by item too) with `response.muxi`; with `stream=True` an
    iterator of `ChatCompletionChunk` that falls back until its first chunk and raises after it. With a
    Pydantic class as `response_format`, `message.parsed` is an instance of it; of a stream nothing is
    parsed, `muxi_llm.utils.streaming.collect` makes the answer of its chunks.

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

    @classmethod
    def create(cls, model: Model, messages: Messages, stream: bool = False, **params: Any) -> Any:
        """The answer (see the class), sync: no event loop, no thread.

        params: OpenAI's (`temperature`, `tools`, ...), and `fallback_models`, `fallback_config`, `retries`,
        `timeout`, `api_key`, `base_url`, `extra_headers`, `extra_query`, `extra_body`, `provider_options`,
        `adapt`, `cache`; all of them: `muxi_llm.types.common.ChatParams`.
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

    @classmethod
    async def acreate(cls, model: Model, messages: Messages, stream: bool = False, **params: Any) -> Any:
        """The answer (see the class), async."""
        params.update(model=model, messages=messages, stream=stream)
        return parse_into(params.get("response_format"), await prepare("chat", params).arun())


def parse_into(wanted: object, answer: Any) -> Any:
    """*answer*, each message with a `parsed` instance of *wanted* if that is a Pydantic class.

    Streams pass as they are. Raises as `client.chat.completions.parse` does: `LengthFinishReasonError`,
    `ContentFilterFinishReasonError`, pydantic's `ValidationError`; on each is the `completion` itself, on the
    last also the text that does not fit, as `raw_content`.
    """
    if not (
        isinstance(wanted, type) and issubclass(wanted, BaseModel) and isinstance(answer, ChatCompletionValue)
    ):
        return answer
    for choice in answer.choices:
        if choice.finish_reason == "length":
            raise LengthFinishReasonError(completion=answer)
        if choice.finish_reason == "content_filter":
            raise ContentFilterFinishReasonError(completion=answer)
        message = choice.message
        said = message.content if not message.refusal else None
        try:
            message.parsed = wanted.model_validate_json(said) if said else None  # type: ignore[attr-defined]  # an extra
        except ValidationError as error:
            error.completion = answer  # type: ignore[attr-defined]  # paid for, and it says what went wrong
            error.raw_content = said  # type: ignore[attr-defined]
            raise
    return answer
