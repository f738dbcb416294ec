"""The values a call returns: the openai package's own types, readable by item as well.

`isinstance(response, openai.types.chat.ChatCompletion)` holds, type checkers agree, and both
`message.content` and `message["content"]` work. Unknown fields of a provider survive (pydantic's
`model_extra`). The declared extensions of the chat form are `reasoning_content` (text),
`thinking_blocks` (opaque, replayed verbatim) and `extra_content` (opaque state by provider).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from openai import BaseModel
from openai.resources.models import Models as ModelsResource
from openai.types import Completion as OpenAICompletion
from openai.types import CompletionUsage as OpenAICompletionUsage
from openai.types import CreateEmbeddingResponse as OpenAIEmbeddingResponse
from openai.types import Embedding as OpenAIEmbedding
from openai.types import Model as OpenAIModel
from openai.types.chat import ChatCompletion as OpenAIChatCompletion
from openai.types.chat import ChatCompletionChunk as OpenAIChatCompletionChunk
from openai.types.chat import ChatCompletionMessage as OpenAIMessage
from openai.types.chat import chat_completion as chat
from openai.types.chat import chat_completion_chunk as chunk
from openai.types.chat import chat_completion_message as message
from openai.types.chat import chat_completion_message_custom_tool_call as custom
from openai.types.chat import chat_completion_message_function_tool_call as function
from openai.types.completion_choice import CompletionChoice as OpenAICompletionChoice
from openai.types.completion_usage import CompletionTokensDetails as OpenAICompletionTokensDetails
from openai.types.completion_usage import PromptTokensDetails as OpenAIPromptTokensDetails
from openai.types.create_embedding_response import Usage as OpenAIEmbeddingUsage

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from muxi_llm.prices.cost import Cost, Quote

__all__ = [
    "Adaptation", "AttemptRecord", "ChatCompletion", "ChatCompletionChunk", "ChatCompletionMessage",
    "Completion", "CreateEmbeddingResponse", "Model", "ModelList", "Report",
]  # fmt: skip

# --------------------------------------------------------------------------------------- records


@dataclass(frozen=True, slots=True)
class Adaptation:
    """One thing that was changed to make a request fit a candidate.

    param: the argument, as a path (`temperature`, `messages[1].content[0]`).
    action: what happened to it.
    detail: why, in a sentence.
    loss: whether the answer may differ from what was asked; strict mode refuses these.
    """

    param: str
    action: Literal["dropped", "changed", "renamed", "added", "moved"]
    detail: str
    loss: bool = True

    def __str__(self) -> str:
        return f"{self.param} {self.action}: {self.detail}"


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try at one model: where, which try, how it ended, how long it took (seconds).

    `error` is `None` for the try that answered; `skipped` means nothing was sent. `waited` is the
    pause before this try, in seconds.
    """

    model: str
    number: int
    seconds: float
    error: Exception | None = None
    skipped: bool = False
    waited: float = 0.0

    @property
    def status(self) -> int | None:
        """HTTP status of a failed try, `None` if no answer came (or it succeeded)."""
        return getattr(self.error, "status_code", None)

    @property
    def reason(self) -> str:
        """`answered`, or the error in a line."""
        if self.error is None:
            return "answered"
        message = getattr(self.error, "message", self.error)  # alone: where it was, the record says
        return f"{'skipped, ' if self.skipped else ''}{type(self.error).__name__}: {message}"


NOTHING: dict[str, Any] = {}


class Countable:
    """A value that is billed by what is in it where the provider does not say what was used."""

    __slots__ = ()

    def counted(self) -> Mapping[str, Any] | None:
        """How much of what, by the names of `prices.counts.KINDS`."""
        raise NotImplementedError


class Meter:
    """What the provider counted of an answer: of a whole one at once, of a stream by its end.

    usage: in the chat form, or in the provider's own. model: who the provider says has answered. tier: of
    service. streamed, is_over: whether the answer is a stream, and has been read as far as it goes.
    """

    __slots__ = ("is_over", "model", "streamed", "tier", "usage")

    def __init__(self, *, streamed: bool = False) -> None:
        self.usage: Any = None
        self.model: str | None = None
        self.tier: str | None = None
        self.streamed = streamed
        self.is_over = not streamed

    def read(self, value: Any) -> None:
        """What *value*, an answer or a chunk, tells."""
        told = getattr(value, "__dict__", NOTHING)
        self.usage, self.model, self.tier = told.get("usage"), told.get("model"), told.get("service_tier")
        if self.usage is None and isinstance(value, Countable):
            self.usage = value.counted()
        elif self.usage is None and told.get("duration"):  # of sound, in seconds
            self.usage = {"seconds": told["duration"]}

    def hear(self, decoder: Any) -> None:
        """What a stream's *decoder* has heard besides its chunks."""
        self.usage = getattr(decoder, "counted", None)
        self.model = self.model or getattr(decoder, "model", None)
        self.tier = self.tier or getattr(decoder, "tier", None)


@dataclass(frozen=True, slots=True)
class Report:
    """How a call went: on the response as `.muxi`, on a stream likewise.

    model: `provider/model` that answered. attempts: every try, the last one answered.
    adaptations: what was changed for the model that answered. latency: seconds from the call to
    the answer (for a stream: to its first chunk), waits included. headers: the answering reply's, by
    lower-case name (request id, rate limits). cache_hit: the tier of the cache it came from, `l1` (memory)
    or `l2` (Redis); `None` for an answer of a model's. stale: seconds it is kept beyond its time, because no
    other was to be had, or while one is fetched. shared: another call that was under way asked the same,
    and this is what it was answered. meter: what was used, see `usage` and `cost`. preset, preset_revision:
    which preset the call was made with, and the release it is in (`None` for one from a file).
    """

    model: str
    attempts: tuple[AttemptRecord, ...]
    adaptations: tuple[Adaptation, ...]
    latency: float
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    cache_hit: Literal["l1", "l2"] | None = None
    stale: float = 0.0
    shared: bool = False
    meter: Meter | None = field(default=None, repr=False, compare=False)
    preset: str | None = None
    preset_revision: str | None = None

    @property
    def usage(self) -> Any:
        """What the provider counted; of a stream `None` until it has said so, which is at its end."""
        return None if self.meter is None else self.meter.usage

    @property
    def cost(self) -> Cost | None:
        """What the call cost in USD, all attempts that were billed together: a `Decimal` whose `parts` say
        what it is made of. Reckoned when it is read. `None` where it is not known, see `cost_reason`; of a
        stream until it has ended.
        """
        return _quote(self).cost

    @property
    def cost_reason(self) -> str | None:
        """Why there is no `cost`, `None` where there is."""
        return _quote(self).reason


def _quote(report: Report) -> Quote:
    """By the package's own name for it: prices are above the values that tell them, and loaded when asked."""
    quote: Quote = sys.modules["muxi_llm"].prices.quote_of_call(report)
    return quote


# ------------------------------------------------------------------------------------ item access


class ItemAccess:
    """`value["field"]`, `"field" in value` and `value.get("field")` for a pydantic model."""

    __slots__ = ()

    def __getitem__(self, key: str) -> Any:
        if key in self:
            return getattr(self, key)
        raise KeyError(key)

    def __contains__(self, key: object) -> bool:
        return key in type(self).model_fields or key in (self.model_extra or ())  # type: ignore[attr-defined]

    def get(self, key: str, default: Any = None) -> Any:
        """The field's value, or *default* where there is no such field."""
        return getattr(self, key) if key in self else default


class Reported:
    """Carries the call's `Report` outside the model's fields: no dump or comparison shows it."""

    __slots__ = ()
    _muxi: Report

    @property
    def muxi(self) -> Report:
        """Who answered, after which attempts, with which adaptations; only a call's answer has one."""
        return self._muxi

    def with_report(self, report: Report) -> None:
        """Attach *report* (a slot: pydantic must not see it)."""
        object.__setattr__(self, "_muxi", report)

    @property
    def wire_bytes(self) -> bytes | None:
        """The body as it came, kept where it is to be handed on."""
        return getattr(self, "_wire_bytes", None)

    def with_wire_bytes(self, content: bytes) -> None:
        """Keep the body as it came."""
        object.__setattr__(self, "_wire_bytes", content)


class Whole:
    """An answer that has a streamed form of its own."""

    __slots__ = ()

    def chunks(self) -> list[Any]:
        """The same, as a stream would have told it."""
        raise NotImplementedError


class ReportedModel(Reported):
    """The same beside pydantic, which does not copy what it does not see: queues, caches and `model_copy` go
    by these.
    """

    __slots__ = ()

    def __getstate__(self) -> dict[Any, Any]:
        return {**super().__getstate__(), "kept": _kept(self)}  # type: ignore[dict-item]

    def __setstate__(self, state: dict[Any, Any]) -> None:
        super().__setstate__({name: value for name, value in state.items() if name != "kept"})  # type: ignore[misc]
        _keeping(self, state.get("kept", {}))

    def __copy__(self) -> Self:
        return _keeping(super().__copy__(), _kept(self))  # type: ignore[misc,no-any-return]

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        return _keeping(super().__deepcopy__(memo), _kept(self))  # type: ignore[misc,no-any-return]


def _kept(value: Reported) -> dict[str, Any]:
    return {name: getattr(value, name) for name in ("_muxi", "_wire_bytes") if hasattr(value, name)}


def _keeping(value: Any, kept: Mapping[str, Any]) -> Any:
    for name, one in kept.items():
        object.__setattr__(value, name, one)
    return value


class RawValue(Reported):
    """An answer nobody here had to understand: its bytes, on their way to a client of the same wire.

    usage, model, service_tier: what was used, as the provider tells it.
    """

    def __init__(
        self, content: bytes, usage: Any = None, model: Any = None, service_tier: Any = None
    ) -> None:
        self.with_wire_bytes(content)
        self.usage, self.model, self.service_tier = usage, model, service_tier


@dataclass(frozen=True, slots=True)
class RawChunk:
    """A piece of a stream nobody here has to understand.

    commits: there is something of an answer in it. text: what it adds to the answer's text.
    """

    data: bytes
    commits: bool
    text: str = ""
    choices: tuple[()] = ()
    usage: None = None


class Reasoned(ItemAccess):
    """A message or delta that may carry what the model thought."""

    __slots__ = ()

    @property
    def reasoning_content(self) -> str | None:
        """The thinking as text; Groq and OpenRouter call the field `reasoning`."""
        text = self.get_extra("reasoning_content") or self.get_extra("reasoning")
        return text if isinstance(text, str) else None

    @property
    def thinking_blocks(self) -> list[dict[str, Any]] | None:
        """The thinking as the provider sent it, signatures included; send it back unchanged."""
        blocks = self.get_extra("thinking_blocks")
        is_sound = isinstance(blocks, list) and all(isinstance(block, dict) for block in blocks)
        return blocks if is_sound else None

    @property
    def extra_content(self) -> dict[str, Any] | None:
        """Opaque state by provider, to be sent back unchanged."""
        content = self.get_extra("extra_content")
        return content if isinstance(content, dict) else None

    def get_extra(self, name: str) -> Any:
        """A field outside OpenAI's schema, `None` where absent."""
        return (self.model_extra or {}).get(name)  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------ usage


class PromptTokensDetails(ItemAccess, OpenAIPromptTokensDetails):
    """Of the prompt's tokens: how many came from a cache, how many were audio."""


class CompletionTokensDetails(ItemAccess, OpenAICompletionTokensDetails):
    """Of the answer's tokens: how many were reasoning, audio, predicted."""


class CompletionUsage(ItemAccess, OpenAICompletionUsage):
    """Tokens. `prompt_tokens` includes cached ones, whatever the provider's own convention."""

    prompt_tokens_details: PromptTokensDetails | None = None
    completion_tokens_details: CompletionTokensDetails | None = None


# ------------------------------------------------------------------------------------------- chat
# The `type: ignore`s below say one thing: a list of our subclass in place of a list of OpenAI's
# class. mypy is right that lists are invariant; callers only read them.


class ToolFunction(ItemAccess, function.Function):
    """A called function's name and its arguments as a JSON string."""


class FunctionToolCall(ItemAccess, function.ChatCompletionMessageFunctionToolCall):
    """A call of a function tool."""

    function: ToolFunction


class CustomTool(ItemAccess, custom.Custom):
    """A called custom tool's name and its input text."""


class CustomToolCall(ItemAccess, custom.ChatCompletionMessageCustomToolCall):
    """A call of a custom tool."""

    custom: CustomTool


class FunctionCall(ItemAccess, message.FunctionCall):
    """The legacy form of a tool call."""


class ChatCompletionMessage(Reasoned, OpenAIMessage):
    """The assistant's message."""

    tool_calls: list[FunctionToolCall | CustomToolCall] | None = None  # type: ignore[assignment]
    function_call: FunctionCall | None = None


class Choice(ItemAccess, chat.Choice):
    """One answer of `n`."""

    message: ChatCompletionMessage


class ChatCompletion(ItemAccess, ReportedModel, OpenAIChatCompletion):
    """A chat completion."""

    __slots__ = ("_muxi", "_wire_bytes")

    choices: list[Choice]  # type: ignore[assignment]
    usage: CompletionUsage | None = None


class DeltaToolFunction(ItemAccess, chunk.ChoiceDeltaToolCallFunction):
    """A fragment of a function call: `arguments` are to be concatenated."""


class DeltaToolCall(ItemAccess, chunk.ChoiceDeltaToolCall):
    """A fragment of a tool call; `index` says of which."""

    function: DeltaToolFunction | None = None


class DeltaFunctionCall(ItemAccess, chunk.ChoiceDeltaFunctionCall):
    """A fragment of a legacy function call."""


class ChoiceDelta(Reasoned, chunk.ChoiceDelta):
    """What a chunk adds to the message."""

    tool_calls: list[DeltaToolCall] | None = None  # type: ignore[assignment]
    function_call: DeltaFunctionCall | None = None


class ChunkChoice(ItemAccess, chunk.Choice):
    """What a chunk adds to one choice."""

    delta: ChoiceDelta


class ChatCompletionChunk(ItemAccess, OpenAIChatCompletionChunk):
    """One chunk of a streamed chat completion."""

    choices: list[ChunkChoice]  # type: ignore[assignment]
    usage: CompletionUsage | None = None


# ------------------------------------------------------------- completions, embeddings, models


class CompletionChoice(ItemAccess, OpenAICompletionChoice):
    """One answer of `n`; in a stream it has no finish reason until its last piece."""

    finish_reason: Literal["stop", "length", "content_filter"] | None = None  # type: ignore[assignment]


class Completion(ItemAccess, ReportedModel, OpenAICompletion):
    """A text completion; a streamed one is a sequence of these."""

    __slots__ = ("_muxi", "_wire_bytes")

    choices: list[CompletionChoice]  # type: ignore[assignment]
    usage: CompletionUsage | None = None


class Embedding(ItemAccess, OpenAIEmbedding):
    """One input's vector."""


class EmbeddingUsage(ItemAccess, OpenAIEmbeddingUsage):
    """Tokens of an embedding call."""


class CreateEmbeddingResponse(ItemAccess, ReportedModel, OpenAIEmbeddingResponse):
    """Embeddings, in the order of their inputs."""

    __slots__ = ("_muxi", "_wire_bytes")

    data: list[Embedding]  # type: ignore[assignment]
    usage: EmbeddingUsage


class Model(ItemAccess, OpenAIModel):
    """A model one can ask for, by the provider's own name."""


class ModelList(ItemAccess, ReportedModel, BaseModel):
    """What a provider serves, or all of them that are configured."""

    __slots__ = ("_muxi", "_wire_bytes")

    object: Literal["list"] = "list"
    data: list[Model]


def __getattr__(name: str) -> Any:
    """`muxi_llm.models.list()`: the module-level client has a resource of this module's name."""
    if name != "_client" and (name.startswith("_") or not hasattr(ModelsResource, name)):
        raise AttributeError(f"module 'muxi_llm.models' has no attribute {name!r}")
    return getattr(sys.modules["muxi_llm"].__getattr__("models_resource"), name)
