"""Whatever a server says ends in a value or in an error of ours, on every face and wire, and the chain goes on.

Replies as the vendors document them, spoilt at random: types, keys, depth, size, characters, numbers, order,
bytes, statuses, headers. A few rounds here; `MUXI_LLM_FUZZ_ROUNDS=2000` makes it long. A case is known by its
seed, which stands in the failure.
"""

from __future__ import annotations

import asyncio
import json
import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from itertools import cycle
from random import Random
from typing import Any

import anthropic
import openai
import pytest

import muxi_llm
from muxi_llm import Anthropic, AsyncOpenAI, ChatCompletion, Embedding, OpenAI, harness
from muxi_llm.errors import IncompleteStreamError, MalformedReplyError
from muxi_llm.runtime import using
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from tests.contract.contact import kind_of, model_of, setting_of
from tests.support.bodies import HELLO, chat, chunk, embeddings, sse
from tests.support.mutations import spoilt
from tests.support.speakers import speaker_of
from tests.support.speakers.base import Call, Said, Usage
from tests.support.upstream import Respond

ROUNDS = int(os.environ.get("MUXI_LLM_FUZZ_ROUNDS", "6"))

PROVIDERS = [
    "openai", "anthropic", "google", "bedrock", "cohere", "ollama", "replicate", "watsonx", "sagemaker", "minimax",
    "mistral", "perplexity",
]  # fmt: skip
"""One for each wire, and those that have something of their own in it."""

SAYINGS = (
    Said("Hello there", reasoning="hm", usage=Usage(cached=3, reasoning=2)),
    Said("", calls=(Call(), Call("time", {}, "call_2"))),
    Said("It is", finish=None, calls=(Call(),)),
)

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")


class Hostile(Scripted):
    """A server that says the same replies again and again, beside one that is as it should be."""

    def __init__(self) -> None:
        super().__init__()
        self._replies = cycle([Answer()])

    def says(self, replies: list[Answer]) -> None:
        """From now on, *replies* in turn."""
        self._replies = cycle(replies)

    async def send(self, call: Any) -> Any:
        parts = sse(chunk({"content": "Hi"}, finish="stop"))
        healthy = Answer(chunks=parts) if call.stream else Answer(json=chat("Hi"))
        self._answers = [healthy if "api.groq.com" in call.url else next(self._replies)]
        return await super().send(call)


# -------------------------------------------------------------------------------------------- faces


def used(value: Any) -> None:
    """What any caller does with an answer."""
    assert isinstance(repr(value), str)
    value.model_dump(warnings=False)
    for choice in value.choices:
        assert (choice.message.content or "") + "" == (choice.message.content or "")
        assert choice.finish_reason is None or choice.finish_reason.strip() is not None
        for call in choice.message.tool_calls or ():
            called = call.custom.input if call.type == "custom" else call.function.arguments
            named = call.custom.name if call.type == "custom" else call.function.name
            assert (called + named).strip() is not None
    if value.usage:
        assert (value.usage.prompt_tokens or 0) + (value.usage.completion_tokens or 0) >= 0


@cache
def client(kind: type) -> Any:
    """One of each for all cases: what a reply does to a client is seen by the next."""
    return kind(api_key="k")


def chatted(model: str, chain: list[str], **how: Any) -> Any:
    value = ChatCompletion.create(model=model, messages=HELLO, fallback_models=chain, **how)
    used(value)
    return value.muxi


def streamed(model: str, chain: list[str], **how: Any) -> None:
    options = {"include_usage": True}
    stream = ChatCompletion.create(model=model, messages=HELLO, fallback_models=chain, stream=True, stream_options=options, **how)  # fmt: skip
    used(collect(stream))


def completed(model: str, chain: list[str], **how: Any) -> None:
    value = muxi_llm.Completion.create(model=model, prompt="x", fallback_models=chain, **how)
    assert all(choice.text + "" == choice.text for choice in value.choices)


def client_chatted(model: str, chain: list[str], **how: Any) -> None:
    used(client(OpenAI).chat.completions.create(model=model, messages=HELLO, fallback_models=chain, **how))


def client_streamed(model: str, chain: list[str], **how: Any) -> None:
    used(collect(client(OpenAI).chat.completions.create(model=model, messages=HELLO, stream=True, fallback_models=chain, **how)))  # fmt: skip


def async_streamed(model: str, chain: list[str], **how: Any) -> None:
    async def chunks() -> list[Any]:
        stream = await client(AsyncOpenAI).chat.completions.create(model=model, messages=HELLO, stream=True, fallback_models=chain, **how)  # fmt: skip
        return [part async for part in stream]

    used(collect(asyncio.run(chunks())))


def responded(model: str, chain: list[str], **how: Any) -> None:
    response = client(OpenAI).responses.create(model=model, input="Hi", fallback_models=chain, **how)
    assert response.output_text + "" == response.output_text


def responses_streamed(model: str, chain: list[str], **how: Any) -> None:
    events = list(client(OpenAI).responses.create(model=model, input="Hi", stream=True, fallback_models=chain, **how))  # fmt: skip
    assert events[-1].type in {"response.completed", "response.incomplete", "response.failed"}


def messaged(model: str, chain: list[str], **how: Any) -> None:
    message = client(Anthropic).messages.create(model=model, max_tokens=9, messages=HELLO, fallback_models=chain, **how)  # fmt: skip
    assert message.role == "assistant"


def messages_streamed(model: str, chain: list[str], **how: Any) -> None:
    with client(Anthropic).messages.stream(model=model, max_tokens=9, messages=HELLO, fallback_models=chain, **how) as stream:  # fmt: skip
        assert stream.get_final_message().role == "assistant"


def embedded(model: str, chain: list[str], **how: Any) -> None:
    value = Embedding.create(model=model, input=["a", "b"], fallback_models=chain, **how)
    assert [row.index for row in value.data] == [0, 1]
    assert all(isinstance(sum(row.embedding), float | int) for row in value.data)


FACES: dict[Callable[..., Any], bool] = {
    chatted: False, streamed: True, completed: False, client_chatted: False, client_streamed: True,
    async_streamed: True, responded: False, responses_streamed: True, messaged: False, messages_streamed: True,
}  # fmt: skip
"""Ways to ask → whether they stream."""


# -------------------------------------------------------------------------------------------- cases


Case = tuple[str, Callable[..., Any], list[str], list[Answer]]


def cases(name: str, rounds: int, faces: Mapping[Callable[..., Any], bool]) -> Iterator[Case]:
    """Seed, face, chain and replies of each case."""
    for number in range(rounds):
        for face, stream in faces.items():
            seed = f"{name}/{face.__name__}/{number}"
            rng = Random(seed)
            replies = documented(rng, name, face, stream=stream)
            chain = rng.choice(([], ["groq/llama"])) if face is not embedded else []
            yield seed, face, chain, [spoilt(rng, reply, stream=stream) for reply in replies]


def documented(rng: Random, name: str, face: Callable[..., Any], *, stream: bool) -> list[Respond]:
    """The replies as they should be."""
    if face is embedded:
        return [Respond(json=VECTORS.get(name, embeddings([0.5, 1.0], [2.0, -1.0])))]
    return speaker_of(kind_of(name).wires["chat"]).replies(rng.choice(SAYINGS), stream=stream)


VECTORS: dict[str, Any] = {
    "google": {"embeddings": [{"values": [0.5, 1]}, {"values": [2, 3]}], "usageMetadata": {"promptTokenCount": 3}},
    "cohere": {"id": "e", "embeddings": {"float": [[0.5, 1], [2, 3]]}, "meta": {"billed_units": {"input_tokens": 3}}},
    "ollama": {"model": "m", "embeddings": [[0.5, 1], [2, 3]], "prompt_eval_count": 3},
}  # fmt: skip


@pytest.fixture
def ready(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the provider needs is set."""
    for provider in (name, "groq"):
        setattr(muxi_llm, f"{provider}_api_key", "k")
    for variable, value in setting_of(name).env.items():
        monkeypatch.setenv(variable, value)


def trouble(seed: str, ask: Callable[[], Any], *, falls_back: bool) -> str | None:
    """What is wrong with how it ended, if anything. falls_back: a healthy server was next."""
    try:
        ask()
    except (openai.OpenAIError, anthropic.AnthropicError) as error:
        spoken = isinstance(error, MalformedReplyError | IncompleteStreamError)
        return f"{seed}: the chain did not go on: {error!r}" if spoken and falls_back else None
    except Exception as error:  # whatever it is, it is what this test looks for
        return None if is_theirs(seed, error) else f"{seed}: {traceback.format_exc(limit=-4)}"
    return None


def is_theirs(seed: str, error: Exception) -> bool:
    """Whether the vendor's own client stumbles over what its own server said, or over a model's half a JSON."""
    where = traceback.extract_tb(error.__traceback__)[-1].filename
    at_home = seed.startswith(("openai/respon", "anthropic/message"))
    inside = "site-packages/anthropic" in where or "site-packages/openai" in where or where == __file__
    return inside and (at_home or "Unable to parse tool parameter JSON" in str(error))


def found(
    name: str, rounds: int, server: Hostile, faces: Mapping[Callable[..., Any], bool] | None = None
) -> list[str]:
    """What is wrong with each case of a provider."""
    lines = []
    for seed, face, chain, replies in cases(name, rounds, faces or FACES):
        server.says(replies)
        how: dict[str, Any] = {"timeout": 5, "retries": 0}
        if face in (messaged, messages_streamed):
            del how["retries"]  # the vendor's argument has another name
        ask = partial(face, model_of(name), chain, **how)
        lines.append(trouble(seed, ask, falls_back=bool(chain) and not FACES.get(face)))
    return [line for line in lines if line]


@pytest.mark.parametrize("name", PROVIDERS)
@pytest.mark.usefixtures("ready")
def test_whatever_a_server_says(name: str) -> None:
    """A value that can be used, or an error that `except openai.OpenAIError` catches."""
    with using(Hostile()) as server:
        assert not found(name, ROUNDS, server)


@pytest.mark.parametrize("name", ["openai", "anthropic", "google"])
@pytest.mark.usefixtures("ready")
def test_nothing_stays_taken(name: str) -> None:
    """Permits, flights and tickets come back whatever was said, and the next call goes through."""
    harness.configure(cache="memory", singleflight=True, breaker=3, breaker_cooldown=1e-9, concurrency=4)
    with using(Hostile()) as server:
        assert not found(name, ROUNDS, server)
        value = ChatCompletion.create(model="groq/llama", messages=HELLO)
        assert value.choices[0].message.content == "Hi"
        (stages,) = muxi_llm.runtime._runtime._harnesses.values()
        assert stages._flights is not None
        assert len(stages._flights) == 0
        places = list(stages.places)
        permits = [each for place in places for each in place.permits.values()]
        breakers = [each for place in places for each in place.breakers.values()]
        assert permits
        assert {(each.out, each.waiting) for each in permits} == {(0, 0)}
        assert breakers
        assert all(each.admit(server.now() + 1000) is not None for each in breakers)


@pytest.mark.parametrize("name", ["openai", "google", "cohere", "ollama", "mistral"])
@pytest.mark.usefixtures("ready")
def test_embeddings_whatever_a_server_says(name: str) -> None:
    """As many vectors of numbers as there are texts, or an error."""
    with using(Hostile()) as server:
        assert not found(name, ROUNDS * 4, server, {embedded: False})


@pytest.mark.parametrize("name", ["openai", "anthropic", "google"])
@pytest.mark.parametrize("status", [200, 429])
@pytest.mark.usefixtures("ready")
def test_a_header_of_odd_bytes(name: str, status: int) -> None:
    """A server may put anything into one; it ends in no error of Python's on any face."""
    wrong = []
    for face, stream in FACES.items():
        (reply,) = documented(Random(1), name, face, stream=stream)
        head = {**{key.lower(): value for key, value in reply.headers.items()}, "x-odd": "\xb2"}
        body = {"chunks": list(reply.chunks)} if reply.chunks else {"json": reply.json}
        with using(Hostile()) as server:
            server.says([Answer(status, headers=head, **body)])  # type: ignore[arg-type]
            how = {} if face in (messaged, messages_streamed) else {"retries": 0}
            wrong.append(
                trouble(
                    f"{name}/{face.__name__}/odd", partial(face, model_of(name), [], **how), falls_back=False
                )
            )
    assert not [line for line in wrong if line]


BEYOND = 10**400
"""More than a float can hold, yet a whole number as JSON has them."""

COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")


@pytest.mark.parametrize("name", ["mistral", "watsonx"])
@pytest.mark.parametrize("told", [{"created": BEYOND}, {"usage": dict.fromkeys(COUNTS, BEYOND)}])
@pytest.mark.usefixtures("ready")
def test_a_number_beyond_all_floats(name: str, told: dict[str, Any]) -> None:
    """Where a face holds a float instead, it is one."""
    pieces = sse({**chunk({"content": "Hi"}, finish="stop"), **told})
    whole = json.dumps({**chat("Hi"), **told}).encode()
    wrong = []
    for face, stream in FACES.items():
        with using(Hostile()) as server:
            server.says([Answer(chunks=pieces) if stream else Answer(content=whole)])
            how = {} if face in (messaged, messages_streamed) else {"retries": 0}
            ask = partial(face, model_of(name), [], **how)
            wrong.append(trouble(f"{name}/{face.__name__}/beyond", ask, falls_back=False))
    assert not [line for line in wrong if line]
