"""`Completion`: text completions; providers that only chat get the prompt as a message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from muxi_llm.runtime import prepare
from muxi_llm.types.common import CompletionParams
from muxi_llm.types.signatures import shows

if TYPE_CHECKING:
    from typing import Unpack

    from muxi_llm.core.stream import AsyncStream, Stream
    from muxi_llm.models import Completion as CompletionValue
    from muxi_llm.types.common import Model


class Completion:
    """Text completions.

    model: as in `ChatCompletion`. prompt: a string (or, where the provider has a completions endpoint,
    whatever OpenAI takes). Returns OpenAI's `Completion` with `.muxi`; with `stream=True` an iterator of
    them. Raises as `ChatCompletion` does.
    """

    @overload
    @classmethod
    def create(
        cls, model: Model, prompt: Any, stream: Literal[False] = False, **params: Unpack[CompletionParams]
    ) -> CompletionValue: ...

    @overload
    @classmethod
    def create(
        cls, model: Model, prompt: Any, stream: Literal[True], **params: Unpack[CompletionParams]
    ) -> Stream[CompletionValue]: ...

    @overload
    @classmethod
    def create(
        cls, model: Model, prompt: Any, stream: bool, **params: Unpack[CompletionParams]
    ) -> CompletionValue | Stream[CompletionValue]: ...

    @overload
    @classmethod
    def create(cls, *, prompt: Any, stream: bool = False, **params: Unpack[CompletionParams]) -> Any: ...

    @classmethod
    @shows(CompletionParams, "Completion | Stream[Completion]")
    def create(
        cls, model: Model | None = None, prompt: Any = None, stream: bool = False, **params: Any
    ) -> Any:
        """The completion (see the class), sync."""
        return prepare("completion", {**params, "model": model, "prompt": prompt, "stream": stream}).run()

    @overload
    @classmethod
    async def acreate(
        cls, model: Model, prompt: Any, stream: Literal[False] = False, **params: Unpack[CompletionParams]
    ) -> CompletionValue: ...

    @overload
    @classmethod
    async def acreate(
        cls, model: Model, prompt: Any, stream: Literal[True], **params: Unpack[CompletionParams]
    ) -> AsyncStream[CompletionValue]: ...

    @overload
    @classmethod
    async def acreate(
        cls, model: Model, prompt: Any, stream: bool, **params: Unpack[CompletionParams]
    ) -> CompletionValue | AsyncStream[CompletionValue]: ...

    @overload
    @classmethod
    async def acreate(
        cls, *, prompt: Any, stream: bool = False, **params: Unpack[CompletionParams]
    ) -> Any: ...

    @classmethod
    @shows(CompletionParams, "Completion | AsyncStream[Completion]")
    async def acreate(
        cls, model: Model | None = None, prompt: Any = None, stream: bool = False, **params: Any
    ) -> Any:
        """The completion (see the class), async."""
        return await prepare(
            "completion", {**params, "model": model, "prompt": prompt, "stream": stream}
        ).arun()
