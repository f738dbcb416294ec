"""What a call cost: on every kind of answer, with every attempt that was billed."""

from __future__ import annotations

import asyncio
import pickle
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from openai.types.audio import TranscriptionVerbose

import muxi_llm
from muxi_llm import ChatCompletion, Completion, Embedding, config, harness, prices
from muxi_llm.core.port import TransportError
from muxi_llm.models import Meter, Report
from muxi_llm.prices.calls import quote_of_call
from muxi_llm.transport.scripted import Answer, Scripted
from tests.core import ask, claude_said, failed, said, streamed
from tests.support import bodies, responses
from tests.support.bodies import HELLO, chat, chunk, message, message_stream, sse
from tests.support.upstream import Respond, Upstream

GPT_4 = Decimal("0.00027")  # 5 tokens at $30, 2 at $60 a million
CLAUDE = "anthropic/claude-sonnet-4-5"
SONNET = Decimal("0.000045")  # 5 at $3, 2 at $15
SONNET_STREAM = Decimal("0.00015")  # 5 at $3, 9 at $15

pytestmark = [
    pytest.mark.usefixtures("keys"),
    pytest.mark.filterwarnings("ignore:The model 'claude-sonnet-4-5':DeprecationWarning"),
]


def test_an_answer_says_what_it_cost(driver: Any) -> None:
    """With its parts, whose prices, and what was counted."""
    value, _ = ask(driver, said())
    assert value.muxi.cost == GPT_4
    assert value.muxi.cost_reason is None
    assert {p.kind: p.quantity for p in value.muxi.cost.parts} == {"input": 5, "output": 2}
    assert value.muxi.usage is value.usage
    again = pickle.loads(pickle.dumps(value))
    assert again.muxi.cost == GPT_4
    config.prices = {"openai/gpt-4": {"input": 0, "output": 1_000_000}}
    assert value.muxi.cost == 2


def test_other_endpoints(driver: Any) -> None:
    """Completions and embeddings."""
    whole, _ = driver.scripted(
        Completion,
        Answer(json={**bodies.completion(), "usage": bodies.USAGE}),
        model="openai/gpt-3.5-turbo-instruct",
        prompt="Hi",
    )
    assert whole.muxi.cost == Decimal("0.0000115")
    reply = {
        "object": "list", "model": "text-embedding-3-small", "usage": {"prompt_tokens": 1000, "total_tokens": 1000},
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
    }  # fmt: skip
    vectors, _ = driver.scripted(
        Embedding, Answer(json=reply), model="openai/text-embedding-3-small", input="Hi"
    )
    assert vectors.muxi.cost == Decimal("0.00002")


def test_no_usage_no_cost(driver: Any) -> None:
    """And the reason for it."""
    bare = chat()
    del bare["usage"]
    value, _ = ask(driver, Answer(json=bare))
    assert (value.muxi.cost, value.muxi.cost_reason) == (None, "openai/gpt-4 told no usage")
    value, _ = ask(driver, said(), model="vllm/mine")
    assert value.muxi.cost is None
    assert "no price is known for vllm/mine" in str(value.muxi.cost_reason)


def test_azure_says_which_model_answered(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deployment may be called anything."""
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-azure")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://acme.openai.azure.com")
    value, _ = ask(driver, Answer(json=chat(model="gpt-4")), model="azure/our-deployment")
    assert value.muxi.cost == GPT_4


def test_the_time_is_the_providers_own(driver: Any) -> None:
    """Off-peak prices hold when the answer was given, whenever the cost is read."""
    night, _ = ask(
        driver, said(headers={"date": "Sat, 01 Mar 2025 18:00:00 GMT"}), model="deepseek/deepseek-chat"
    )
    day, _ = ask(
        driver, said(headers={"date": "Sat, 01 Mar 2025 12:00:00 -0000"}), model="deepseek/deepseek-chat"
    )
    assert night.muxi.cost < day.muxi.cost


def test_failed_attempts_that_counted_are_billed(driver: Any) -> None:
    """An answer that is none was made all the same; a refusal was not."""
    none = {"object": "chat.completion", "usage": bodies.USAGE, "choices": "none"}
    value, _ = ask(driver, failed(503), Answer(json=none), said(), retries=2)
    assert len(value.muxi.attempts) == 3
    assert value.muxi.cost == 2 * GPT_4
    value, _ = ask(driver, Answer(json=none), claude_said(), fallback_models=[CLAUDE])
    assert value.muxi.cost == GPT_4 + SONNET
    assert {part.model for part in value.muxi.cost.parts} == {"openai/gpt-4", CLAUDE}
    raised, _ = ask(driver, Answer(json=none), failed(400), fallback_models=[CLAUDE])
    assert raised.attempts[0].error.usage == bodies.USAGE
    assert prices.cost_of_attempts(raised.attempts).cost == GPT_4
    raised, _ = ask(driver, Answer(json=none), model="vllm/mine", retries=0)
    assert prices.cost_of_attempts(raised.attempts).cost is None
    raised, _ = ask(driver, Answer(content=b"[1]"), retries=0)
    assert raised.usage is None
    assert prices.cost_of_attempts(raised.attempts).cost == 0
    odd = {**none, "usage": {"prompt_tokens": "many"}}
    value, _ = ask(driver, Answer(json=odd), said(), retries=1)
    assert value.muxi.cost is None
    assert "makes no sense" in value.muxi.cost_reason


# ------------------------------------------------------------------------------------------ streams

USAGE_CHUNK = chunk(usage=bodies.USAGE)


def streamed_call(driver: Any, *answers: Answer, leave: Any = None, **params: Any) -> tuple[Any, Any]:
    """A stream, read to its end (or left), and its chunks, or what broke it."""
    asked: Any = {"model": "openai/gpt-4", "messages": HELLO, "stream": True, **params}
    with muxi_llm.runtime.using(Scripted(*answers)):
        if driver.kind == "sync":
            stream: Any = ChatCompletion.create(**asked)
            begun(stream)
            try:
                return stream, list(stream) if leave is None else leave(stream)
            except muxi_llm.MuxiLLMError as error:
                return stream, error
        return asyncio.run(_astreamed(asked, leave))


async def _astreamed(asked: Any, leave: Any) -> tuple[Any, Any]:
    stream: Any = await ChatCompletion.acreate(**asked)
    begun(stream)
    try:
        if leave is None:
            return stream, [chunk async for chunk in stream]
        left = leave(stream)
        return stream, left if left is None else await left
    except muxi_llm.MuxiLLMError as error:
        return stream, error


def begun(stream: Any) -> None:
    """It costs nothing that is known yet."""
    assert stream.muxi.cost is None
    assert stream.muxi.cost_reason == "the stream has not ended"


def test_a_stream_costs_what_its_end_says(driver: Any) -> None:
    """In OpenAI's wire where it is asked for; else the reason says how to."""
    told = Answer(chunks=sse(chunk({"content": "Hi"}), chunk({}, finish="stop"), USAGE_CHUNK))
    stream, _ = streamed_call(driver, told)
    assert stream.muxi.cost == GPT_4
    stream, _ = streamed_call(driver, streamed("Hi"))
    assert stream.muxi.cost is None
    assert stream.muxi.cost_reason == (
        "openai/gpt-4 told no usage; with stream_options={'include_usage': True} it may"
    )


def test_other_wires_say_it_unasked(driver: Any) -> None:
    """No chunk tells of it, the report does."""
    stream, chunks = streamed_call(driver, Answer(chunks=message_stream("Hi")), model=CLAUDE)
    assert all(chunk.usage is None for chunk in chunks)
    assert stream.muxi.cost == SONNET_STREAM


def test_a_whole_answer_as_a_stream(driver: Any) -> None:
    """Of a server that does not stream."""
    stream, _ = streamed_call(driver, Answer(json=chat(), headers={"content-type": "application/json"}))
    assert stream.muxi.cost == GPT_4


def test_streams_that_break(driver: Any) -> None:
    """What they had counted is on the error, and on the bill of the answer after it."""
    start, *_ = message_stream("Hi")
    broken = Answer(chunks=[start, TransportError("reset")])
    told = Answer(chunks=sse(chunk({"content": "Hi"}), chunk({}, finish="stop"), USAGE_CHUNK))
    stream, _ = streamed_call(driver, broken, told, model=CLAUDE, fallback_models=["openai/gpt-4"])
    assert stream.muxi.cost == GPT_4 + SONNET
    late = Answer(chunks=[*message_stream("Hi")[:3], TransportError("reset")])
    stream, error = streamed_call(driver, late, model=CLAUDE)
    assert prices.cost_of_attempts(error.attempts).cost == SONNET
    assert stream.muxi.cost is not None


@pytest.mark.parametrize("leave", ["close", "abandon"])
def test_a_stream_that_was_left(driver: Any, leave: str) -> None:
    """Has ended, and said nothing."""
    stream, _ = streamed_call(driver, streamed("Hi"), leave=lambda stream: getattr(stream, leave)())
    assert "told no usage" in stream.muxi.cost_reason


# ------------------------------------------------------------------------------- caches and flights


def test_what_nobody_was_asked_costs_nothing(driver: Any) -> None:
    """An answer of the cache's, and one that another call is paying for."""
    harness.configure(cache="memory")
    ask(driver, said())
    hit, script = ask(driver)
    assert not script.calls
    assert (hit.muxi.cost, hit.muxi.cost.parts, hit.muxi.usage) == (0, (), None)
    assert replace(ask(driver, said(), cache=False)[0].muxi, shared=True).cost == 0
    assert quote_of_call(Report("openai/gpt-4", (), (), 0.0)).reason == "openai/gpt-4 told no usage"


def test_flights() -> None:
    """Of two calls that ask the same, one pays."""
    harness.configure(singleflight=True)

    async def both() -> Any:
        with muxi_llm.runtime.using(Scripted(said(delay=1.0))):
            ask = ChatCompletion.acreate
            return await asyncio.gather(*(ask(model="openai/gpt-4", messages=HELLO) for _ in range(2)))

    assert sorted(value.muxi.cost for value in asyncio.run(both())) == [0, GPT_4]


# ---------------------------------------------------------------------------------- drop-in clients


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """OpenAI and Anthropic on loopback."""
    with Upstream(_answer) as upstream:
        for name in ("OPENAI", "ANTHROPIC"):
            path = "/v1" if name == "OPENAI" else ""
            monkeypatch.setenv(f"{name}_BASE_URL", f"{upstream.url}{path}")
            monkeypatch.setenv(f"{name}_API_KEY", "sk")
        yield upstream


def _answer(received: Any) -> Respond:
    asked, path = received.json, received.path
    if path.endswith("/messages"):
        return Respond(chunks=message_stream("Hi")) if asked.get("stream") else Respond(json=message())
    if path.endswith("/responses"):
        full = responses.response("Hi", model="gpt-4", usage=RESPONSES_USAGE)
        return Respond(chunks=responses.told(full)) if asked.get("stream") else Respond(json=full)
    if path.endswith("/embeddings"):
        return Respond(
            json={
                "object": "list",
                "model": "text-embedding-3-small",
                "usage": {"prompt_tokens": 1000, "total_tokens": 1000},
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            }
        )
    if asked.get("stream"):
        return Respond(chunks=sse(chunk({"content": "Hi"}), chunk({}, finish="stop"), USAGE_CHUNK))
    return Respond(json=chat())


RESPONSES_USAGE = {
    "input_tokens": 5, "input_tokens_details": {"cached_tokens": 0}, "output_tokens": 2,
    "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 7,
}  # fmt: skip
TEXT: Any = {"max_tokens": 9, "messages": HELLO}
USING: Any = {"stream": True, "stream_options": {"include_usage": True}}
ROADS: dict[str, tuple[Any, Decimal]] = {
    "chat": (lambda c, a: c.chat.completions.create(model="gpt-4", messages=HELLO), GPT_4),
    "chat, with ours": (lambda c, a: c.chat.completions.create(model="gpt-4", messages=HELLO, retries=0), GPT_4),
    "chat, elsewhere": (lambda c, a: c.chat.completions.create(model=CLAUDE, messages=HELLO), SONNET),
    "parse": (lambda c, a: c.chat.completions.parse(model=CLAUDE, messages=HELLO), SONNET),
    "embeddings": (lambda c, a: c.embeddings.create(model="text-embedding-3-small", input="Hi"), Decimal("0.00002")),
    "responses": (lambda c, a: c.responses.create(model="gpt-4", input="Hi"), GPT_4),
    "responses, with ours": (lambda c, a: c.responses.create(model="gpt-4", input="Hi", retries=0), GPT_4),
    "responses, elsewhere": (lambda c, a: c.responses.create(model=CLAUDE, input="Hi"), SONNET),
    "messages": (lambda c, a: a.messages.create(model="claude-sonnet-4-5", **TEXT), SONNET),
    "messages, with ours": (lambda c, a: a.messages.create(model="claude-sonnet-4-5", retries=0, **TEXT), SONNET),
    "messages, elsewhere": (lambda c, a: a.messages.create(model="openai/gpt-4", **TEXT), GPT_4),
}  # fmt: skip


@pytest.mark.parametrize("road", ROADS)
@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_answers_of_the_clients(road: str, world: Upstream) -> None:
    """Whichever way they came."""
    call, cost = ROADS[road]
    with muxi_llm.OpenAI(max_retries=0) as client, muxi_llm.Anthropic(max_retries=0) as claude:
        value = call(client, claude)
    assert value.muxi.cost == cost, value.muxi.cost_reason


STREAMS: dict[str, tuple[Any, Decimal]] = {
    "chat, with ours": (
        lambda c, a: c.chat.completions.create(model="gpt-4", messages=HELLO, retries=0, **USING), GPT_4,
    ),
    "chat, elsewhere": (lambda c, a: c.chat.completions.create(model=CLAUDE, messages=HELLO, stream=True), SONNET_STREAM),
}  # fmt: skip


@pytest.mark.parametrize("road", STREAMS)
def test_streams_of_the_clients(road: str, world: Upstream) -> None:
    """Once they are read."""
    call, cost = STREAMS[road]
    with muxi_llm.OpenAI(max_retries=0) as client, muxi_llm.Anthropic(max_retries=0) as claude:
        stream = call(client, claude)
        assert stream.muxi.cost is None
        assert list(stream)
    assert stream.muxi.cost == cost, stream.muxi.cost_reason


def test_helpers_of_the_clients(world: Upstream) -> None:
    """What a `stream` helper comes to in the end, of a stream nobody here had to understand too."""
    with muxi_llm.OpenAI(max_retries=0) as client, muxi_llm.Anthropic(max_retries=0) as claude:
        for model, cost in (("gpt-4", GPT_4), (CLAUDE, SONNET_STREAM)):
            with client.responses.stream(model=model, input="Hi", retries=0) as stream:
                assert stream.get_final_response().muxi.cost == cost
        for model, cost in (("claude-sonnet-4-5", SONNET_STREAM), ("openai/gpt-4", GPT_4)):
            with claude.messages.stream(model=model, retries=0, **TEXT) as stream:
                assert stream.get_final_message().muxi.cost == cost
        with client.chat.completions.stream(model=CLAUDE, messages=HELLO) as stream:
            assert stream.get_final_completion().muxi.cost == SONNET_STREAM


def test_raw_responses_have_it_in_a_header(world: Upstream) -> None:
    """Where the caller looks at headers, and it is known by then."""
    with muxi_llm.OpenAI(max_retries=0) as client, muxi_llm.Anthropic(max_retries=0) as claude:
        raw = client.chat.completions.with_raw_response.create(model=CLAUDE, messages=HELLO)
        assert raw.headers["x-muxi-cost"] == "0.000045"
        assert raw.parse().muxi.cost == SONNET
        raw = claude.messages.with_raw_response.create(model="openai/gpt-4", **TEXT)
        assert raw.headers["x-muxi-cost"] == "0.00027"
        raw = client.chat.completions.with_raw_response.create(model=CLAUDE, messages=HELLO, stream=True)
        assert "x-muxi-cost" not in raw.headers
        raw.parse().close()
        config.prices = {CLAUDE: {"input": 1}}
        raw = client.chat.completions.with_raw_response.create(model=CLAUDE, messages=HELLO)
        assert "x-muxi-cost" not in raw.headers


def test_what_no_provider_counts(driver: Any) -> None:
    """Pictures are counted here, and a verdict is one request."""
    image = {"created": 1, "data": [{"url": "http://pictures.test/1"}, {"url": "http://pictures.test/2"}]}
    config.prices = {"openai/dall-e-2": {"image": 0.04}}
    made, _ = driver.scripted(
        muxi_llm.Image, Answer(json=image), model="openai/dall-e-2", prompt="A sea", n=2
    )
    assert made.muxi.cost == Decimal("0.08")
    verdict = {
        "id": "modr-1", "model": "omni-moderation-latest",
        "results": [{"flagged": False, "categories": {}, "category_scores": {}, "category_applied_input_types": {}}],
    }  # fmt: skip
    judged, _ = driver.scripted(
        muxi_llm.Moderation, Answer(json=verdict), model="openai/omni-moderation-latest", input="Hi"
    )
    assert (judged.muxi.cost, judged.muxi.cost_reason) == (0, None)


def test_what_asks_no_model(driver: Any) -> None:
    """A batch that is looked at tells of its usage each time: that is not what looking costs."""
    usage = {"input_tokens": 9, "output_tokens": 9, "total_tokens": 18}
    raw = {
        "id": "batch_1", "object": "batch", "endpoint": "/v1/chat/completions", "input_file_id": "f", "created_at": 1,
        "completion_window": "24h", "status": "completed", "model": "gpt-5.4", "usage": usage,
    }  # fmt: skip
    with muxi_llm.runtime.using(Scripted(Answer(json=raw))):
        batch = (
            muxi_llm.Batch.retrieve("batch_1")
            if driver.kind == "sync"
            else asyncio.run(muxi_llm.Batch.aretrieve("batch_1"))
        )
    assert (batch.muxi.cost, batch.muxi.cost_reason) == (None, "no model was asked")


def test_sound_is_paid_for_by_the_second() -> None:
    """Where it is not told as usage, an answer's length is."""
    meter = Meter()
    meter.read(TranscriptionVerbose(text="Hi", duration=90.0, language="en"))
    report = Report("openai/whisper-1", (), (), 0.0, meter=meter)
    assert report.cost == Decimal("0.009")
