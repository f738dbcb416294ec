"""`Speech`: a text, spoken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from muxi_llm.runtime import prepare
from muxi_llm.types.common import SpeechParams
from muxi_llm.types.signatures import shows

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from muxi_llm.core.stream import AsyncStream, Stream
    from muxi_llm.sounds import Sound
    from muxi_llm.types.common import Model


class Speech:
    """Speech.

    model: as in `ChatCompletion`. input: what is to be said. voice: its name at the provider; an object
    with an `id` for one of your own. Returns a `Sound`: `content`, `read`, `iter_bytes`, `write_to_file` and
    `stream_to_file`, as OpenAI's client has them, and `.muxi`. With `stream=True` an iterator of bytes, which
    falls back until its first piece and raises where it breaks off. Raises as `ChatCompletion` does.
    """

    @overload
    @classmethod
    def create(
        cls,
        model: Model,
        input: str,
        voice: str | Mapping[str, str] | None = None,
        stream: Literal[False] = False,
        **params: Unpack[SpeechParams],
    ) -> Sound: ...

    @overload
    @classmethod
    def create(
        cls,
        model: Model,
        input: str,
        voice: str | Mapping[str, str] | None = None,
        *,
        stream: Literal[True],
        **params: Unpack[SpeechParams],
    ) -> Stream[bytes]: ...

    @classmethod
    @shows(SpeechParams, "Sound | Stream[bytes]")
    def create(cls, model: Model, input: str, voice: Any = None, stream: bool = False, **params: Any) -> Any:
        """The sound (see the class), sync."""
        params.update(model=model, input=input, voice=voice, stream=stream)
        return prepare("speech", params).run()

    @overload
    @classmethod
    async def acreate(
        cls,
        model: Model,
        input: str,
        voice: str | Mapping[str, str] | None = None,
        stream: Literal[False] = False,
        **params: Unpack[SpeechParams],
    ) -> Sound: ...

    @overload
    @classmethod
    async def acreate(
        cls,
        model: Model,
        input: str,
        voice: str | Mapping[str, str] | None = None,
        *,
        stream: Literal[True],
        **params: Unpack[SpeechParams],
    ) -> AsyncStream[bytes]: ...

    @classmethod
    @shows(SpeechParams, "Sound | AsyncStream[bytes]")
    async def acreate(
        cls, model: Model, input: str, voice: Any = None, stream: bool = False, **params: Any
    ) -> Any:
        """The sound (see the class), async."""
        params.update(model=model, input=input, voice=voice, stream=stream)
        return await prepare("speech", params).arun()
