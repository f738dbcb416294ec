"""Streams: committed at the first chunk with content, never spliced, never left open."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import ChatCompletion, Completion, IncompleteStreamError, config
from muxi_llm.config import Bounds
from muxi_llm.core.port import TransportError
from muxi_llm.core.step import run_sync
from muxi_llm.core.stream import AsyncStream, Stream, StreamFlow
from muxi_llm.errors import ReplyTooLargeError
from muxi_llm.models import ChatCompletionChunk, RawChunk
from muxi_llm.transport.scripted import Answer, Scripted, ScriptedReader
from muxi_llm.wire.base import dumps
from muxi_llm.wire.openai.chat import OpenAIStreamDecoder
from tests.core import CHAIN, ask, candidate, failed, request_of, run, said, streamed
from tests.support.bodies import (
    HELLO,
    chat,
    chat_stream,
    chunk,
    completion,
    error,
    message_stream,
    sse,
)

pytestmark = pytest.mark.usefixtures("keys")

RESET = TransportError("connection reset")
ROLE = {"role": "assistant", "content": ""}


def text_of(chunks: Any) -> str:
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


def opened(script: Scripted, **params: Any) -> Stream[Any]:
    """A stream of the sync face, before its first chunk is taken."""
    with muxi_llm.runtime.using(script):
        return ChatCompletion.create(**{"model": "openai/gpt-4", "messages": HELLO, "stream": True, **params})


# ------------------------------------------------------------------------------------- committing

CONTENT = {
    "text": {"content": "a"},
    "tool call": {
        "tool_calls": [
            {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
        ]
    },
    "legacy call": {"function_call": {"name": "f", "arguments": ""}},
    "refusal": {"refusal": "no"},
    "reasoning": {"reasoning_content": "hm"},
    "unknown field": {"audio": {"id": "x"}},
}
NO_CONTENT = {
    "role": ROLE,
    "role alone": {"role": "assistant"},
    "nulls": {"content": None, "refusal": None, "tool_calls": None},
    "empty": {},
}


@pytest.mark.parametrize("delta", CONTENT.values(), ids=CONTENT.keys())
def test_content_commits(driver, delta):
    """After the first chunk that says something, a failure is raised: nothing more is sent."""
    broken = Answer(chunks=[*sse(chunk(ROLE), chunk(delta), done=False), RESET])
    raised, script = ask(driver, broken, stream=True, retries=3, fallback_models=CHAIN)
    assert isinstance(raised, openai.APIConnectionError)
    assert raised.partial_text == (delta.get("content") or "")
    assert len(script.calls) == 1
    assert script.readers[0].closed


@pytest.mark.parametrize("delta", NO_CONTENT.values(), ids=NO_CONTENT.keys())
def test_an_empty_chunk_does_not_commit(driver, delta):
    """Role-only and empty chunks: the next candidate answers, and no chunk of the first is seen."""
    first = Answer(chunks=[*sse(chunk(delta, id="first"), chunk(None, id="first"), done=False), RESET])
    chunks, script = ask(driver, first, streamed("b"), stream=True, fallback_models=CHAIN)
    assert text_of(chunks) == "b"
    assert {c.id for c in chunks} == {"chatcmpl-1"}
    assert len(script.calls) == 2


def test_a_finish_reason_commits(driver):
    """An answer may be empty; that is no failure."""
    chunks, script = ask(driver, Answer(chunks=chat_stream()), stream=True)
    assert [c.choices[0].finish_reason for c in chunks] == [None, "stop"]
    assert len(script.calls) == 1


def test_a_finish_reason_then_a_reset(driver):
    """The finish reason was handed out, so what comes after it is raised, not retried."""
    broken = Answer(chunks=[*sse(chunk({}, finish="stop"), done=False), RESET])
    raised, script = ask(driver, broken, stream=True, retries=3)
    assert isinstance(raised, openai.APIConnectionError)
    assert len(script.calls) == 1


def test_a_stream_without_any_chunk(driver):
    """Is no answer, whatever it ends with: the next one is asked."""
    chunks, script = ask(
        driver, Answer(chunks=sse()), streamed("Hi"), stream=True, fallback_models=["groq/llama"]
    )
    assert (text_of(chunks), len(script.calls)) == ("Hi", 2)
    raised, _ = ask(driver, Answer(chunks=sse()), stream=True, retries=0)
    assert "without an answer" in str(raised)


def test_an_async_stream_is_closed_by_aclosing_too():
    """As the openai package's is."""

    async def take_one():
        script = Scripted(Answer(chunks=sse(chunk({"content": "H"}), chunk({"content": "i"}))))
        with muxi_llm.runtime.using(script):
            stream = await muxi_llm.ChatCompletion.acreate(model="openai/gpt-4", messages=HELLO, stream=True)
            async with contextlib.aclosing(stream) as chunks:
                async for _ in chunks:
                    break
        return script

    (reader,) = asyncio.run(take_one()).readers
    assert reader.closed


def test_an_ended_stream_without_any_chunk_with_content(driver):
    """`[DONE]` after nothing but a role is a whole, empty answer."""
    chunks, script = ask(driver, Answer(chunks=sse(chunk(ROLE))), stream=True)
    assert (len(chunks), text_of(chunks), len(script.calls)) == (2, "", 1)
    assert chunks[-1].choices[0].finish_reason == "stop"


def test_content_and_error_in_one_piece(driver):
    """Nothing was handed out yet, so the next candidate may still answer."""
    piece = b"".join(sse(chunk({"content": "lost"}), error("boom", code=500), done=False))
    chunks, script = ask(driver, Answer(chunks=[piece]), streamed("b"), stream=True, fallback_models=CHAIN)
    assert text_of(chunks) == "b"
    assert len(script.calls) == 2


def test_a_chunk_off_the_schema_is_survived(driver):
    """A choice without a delta (Azure's asynchronous filter) is handed on, adds no text, commits nothing."""
    odd = chunk({})
    del odd["choices"][0]["delta"]
    odd["choices"][0]["content_filter_offsets"] = {"start_offset": 1}
    chunks, _ = ask(
        driver, Answer(chunks=sse(odd, chunk({"content": "a"}), odd, chunk({}, finish="stop"))), stream=True
    )
    assert len(chunks) == 4
    assert chunks[0].choices[0].content_filter_offsets == {"start_offset": 1}


PING = b": still working\n\n"


def test_signs_of_life_are_no_content(driver):
    """A server that only pings has the attempt's time, not for ever; the next candidate answers."""
    pings = Answer(chunks=[*sse(chunk(ROLE), done=False), *[4.0, PING] * 9])
    chunks, script = ask(driver, pings, streamed("b"), stream=True, timeout=10.0, fallback_models=CHAIN)
    assert text_of(chunks) == "b"
    assert script.now() == 10.0
    assert all(reader.closed for reader in script.readers)


def test_the_deadline_bounds_a_stream_until_it_speaks(driver):
    raised, script = ask(
        driver, Answer(chunks=[4.0, PING] * 9), stream=True, fallback_config={"deadline": 8.0}
    )
    assert isinstance(raised, openai.APITimeoutError)
    assert raised.message == "the stream said nothing in time (timeout: 8 s)"
    assert (script.now(), len(script.calls)) == (8.0, 1)


@pytest.mark.parametrize("said", [PING, b"\xff\xfe", b"data: "], ids=["pings", "no text", "half an event"])
def test_what_comes_between_two_chunks_has_their_time(driver, said):
    """A server that has begun to answer may not hold the caller by saying nothing, however often."""
    begun = Answer(chunks=[*sse(chunk({"content": "a"}), done=False), *[4.0, said] * 9])
    raised, script = ask(driver, begun, stream=True, timeout=10.0)
    assert isinstance(raised, openai.APITimeoutError)
    assert raised.partial_text == "a"
    assert script.now() == 10.0
    assert script.readers[0].closed


def test_an_event_without_end_is_too_large(driver):
    """The next candidate answers: asked again, this one would say the same."""
    config.bounds = Bounds(event=1000)
    endless = Answer(chunks=[b"data: ", *[b"x" * 100] * 50])
    chunks, script = ask(driver, endless, streamed("b"), stream=True, retries=5, fallback_models=CHAIN)
    assert text_of(chunks) == "b"
    assert len(script.calls) == 2
    raised, script = ask(driver, endless, stream=True, retries=5)
    assert isinstance(raised, ReplyTooLargeError)
    assert "larger than 1,000 bytes (muxi_llm.config.bounds.event)" in str(raised)
    assert len(script.calls) == 1


def test_chunks_go_out_before_the_end_of_the_connection_is_looked_for(driver):
    """What was read with the end of the answer is the caller's already."""

    class Slow(ScriptedReader):
        async def finish(self) -> None:
            order.append("finish")

    order: list[Any] = []
    flow = StreamFlow(
        Slow([b"".join(chat_stream("a", "b"))], lambda *_: None, 1.0),
        OpenAIStreamDecoder(ChatCompletionChunk),
        AssertionError,
    )

    async def all_of_it() -> None:
        await flow.open(lambda: False)
        while (taken := await flow.next()) is not None:
            order.append(taken.choices[0].delta.content)

    driver.run(all_of_it())
    assert order == ["", "a", "b", None, "finish"]


def test_a_stream_that_speaks_may_take_its_time(driver):
    """The timeout is for each read then: a long answer is no slow one."""
    texts = [
        piece
        for event in sse(*[chunk({"content": "a"})] * 9, chunk({}, finish="stop"))
        for piece in (4.0, event)
    ]
    chunks, script = ask(
        driver, Answer(chunks=texts), stream=True, timeout=10.0, fallback_config={"deadline": 10.0}
    )
    assert text_of(chunks) == "a" * 9
    assert script.now() == 44.0


def test_a_pause_longer_than_the_timeout_breaks_a_stream(driver):
    pieces = [*sse(chunk({"content": "a"}), done=False), 11.0, *sse(chunk({"content": "b"}))]
    raised, _ = ask(driver, Answer(chunks=pieces), stream=True, timeout=10.0)
    assert isinstance(raised, openai.APITimeoutError)
    assert raised.partial_text == "a"


# ----------------------------------------------------------------------------------- dying streams


@pytest.mark.parametrize(
    ("ending", "kind"),
    [
        ([RESET], openai.APIConnectionError),
        ([TransportError("too late", timeout=True)], openai.APITimeoutError),
        ([], IncompleteStreamError),
        (sse(error("busy", type="server_error"), done=False), openai.InternalServerError),
        (sse(error("slow down", type=None, code="rate_limit_exceeded"), done=False), openai.RateLimitError),
        (sse(error("no", type="invalid_request_error"), done=False), openai.BadRequestError),
        ([b"data: {not json\n\n"], openai.APIResponseValidationError),
    ],
    ids=["reset", "timeout", "cut", "in-band 500", "in-band 429", "in-band 400", "not JSON"],
)
def test_a_stream_that_dies_after_its_first_chunk(driver, ending, kind):
    """Its text so far is on the error, the reader is closed, and nothing more is sent."""
    broken = Answer(chunks=[*chat_stream("Once ", "upon", done=False, finish=None), *ending])
    raised, script = ask(driver, broken, stream=True, retries=3, fallback_models=CHAIN)
    assert isinstance(raised, kind)
    assert isinstance(raised, muxi_llm.MuxiLLMError)
    assert raised.partial_text == "Once upon"
    assert (raised.provider, raised.model) == ("openai", "openai/gpt-4")
    assert [(a.model, a.error) for a in raised.attempts] == [("openai/gpt-4", raised)]
    assert len(script.calls) == 1
    assert script.readers[0].closed


def test_an_error_outside_streams_has_no_partial_text(driver):
    raised, _ = ask(driver, failed(400))
    assert raised.partial_text is None


def test_partial_text_is_the_first_answers(driver):
    """With `n=2` the answers are not mixed up."""
    deltas = [chunk({"content": text}) for text in ("a", "X", "b", "Y")]
    deltas[1]["choices"][0]["index"] = deltas[3]["choices"][0]["index"] = 1
    raised, _ = ask(driver, Answer(chunks=[*sse(*deltas, done=False), RESET]), stream=True, n=2)
    assert raised.partial_text == "ab"


def test_after_its_error_a_stream_is_over():
    """The error is raised once; then there is nothing more."""
    stream = opened(Scripted(Answer(chunks=[*chat_stream("a", done=False, finish=None), RESET])))
    assert [next(stream), next(stream)]
    with pytest.raises(openai.APIConnectionError):
        next(stream)
    assert list(stream) == []


# ----------------------------------------------------------------------------------- leaving early


def leave_by_break(script: Scripted) -> None:
    for _ in opened(script):
        break


def leave_by_close(script: Scripted) -> None:
    stream = opened(script)
    next(stream)
    stream.close()
    assert list(stream) == []


def leave_by_with(script: Scripted) -> None:
    with opened(script) as stream:
        next(stream)
    assert script.readers[0].closed  # at once, although `stream` is still held


def leave_by_error(script: Scripted) -> None:
    with pytest.raises(LookupError), opened(script):
        raise LookupError


def leave_untouched(script: Scripted) -> None:
    opened(script)


@pytest.mark.parametrize(
    "leave",
    [leave_by_break, leave_by_close, leave_by_with, leave_by_error, leave_untouched],
    ids=lambda f: f.__name__,
)
def test_leaving_a_stream_early_frees_the_reader(leave):
    """However it is left; no garbage collection is needed."""
    gc.disable()
    try:
        script = Scripted(streamed("a", "b", "c"))
        leave(script)
        assert script.readers[0].closed
    finally:
        gc.enable()


async def aopened(script: Scripted) -> AsyncStream[Any]:
    with muxi_llm.runtime.using(script):
        return await ChatCompletion.acreate(model="openai/gpt-4", messages=HELLO, stream=True)


async def aleave_by_break(script: Scripted) -> None:
    async for _ in await aopened(script):
        break


async def aleave_by_close(script: Scripted) -> None:
    stream = await aopened(script)
    await anext(stream)
    await stream.close()
    assert [c async for c in stream] == []


async def aleave_by_with(script: Scripted) -> None:
    async with await aopened(script) as stream:
        await anext(stream)
    assert script.readers[0].closed


async def aleave_by_error(script: Scripted) -> None:
    with pytest.raises(LookupError):
        async with await aopened(script):
            raise LookupError


async def aleave_untouched(script: Scripted) -> None:
    await aopened(script)


@pytest.mark.parametrize(
    "leave",
    [aleave_by_break, aleave_by_close, aleave_by_with, aleave_by_error, aleave_untouched],
    ids=lambda f: f.__name__,
)
def test_leaving_an_async_stream_early_frees_the_reader(leave):
    """However it is left."""
    gc.disable()
    try:
        script = Scripted(streamed("a", "b", "c"))
        asyncio.run(leave(script))
        assert script.readers[0].closed
    finally:
        gc.enable()


def test_a_cancelled_stream_frees_the_reader():
    """A task cancelled before the first chunk leaves no connection behind."""

    class Hanging(Scripted):
        """Its streams never say anything."""

        async def send(self, call):
            reply = await super().send(call)
            reply.reader.read = asyncio.Event().wait
            return reply

    async def cancelled(script: Scripted) -> None:
        task = asyncio.ensure_future(aopened(script))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    script = Hanging(streamed("never"))
    asyncio.run(cancelled(script))
    assert script.readers[0].closed


def test_a_finished_stream_is_closed_and_stays_over():
    script = Scripted(streamed("a"))
    stream = opened(script)
    assert text_of(stream) == "a"
    assert script.readers[0].closed
    assert list(stream) == []
    stream.close()


# ------------------------------------------------------------------------ streams that are not one


def test_a_provider_that_does_not_stream(driver):
    """It is asked for a whole answer, which is handed out as chunks; `stream_options` stay at home."""
    request = request_of(stream=True, stream_options={"include_usage": True})
    flow, script = run(driver, request, said("Hi"), on=[candidate(streaming_support=False)])
    chunks = list(flow.ready)
    assert text_of(chunks) == "Hi"
    assert chunks[-1].usage.total_tokens == 7
    assert script.bodies == [{"model": "model", "messages": HELLO}]
    assert [(a.param, a.action, a.loss) for a in flow.report.adaptations] == [("stream", "changed", False)]


@pytest.mark.parametrize(
    ("asked", "usages"), [(None, [None, None]), ({"include_usage": True}, [None, None, 7])]
)
def test_a_json_reply_to_a_stream_request(driver, asked, usages):
    """Some servers answer in one piece all the same; usage comes as a chunk only when asked for."""
    chunks, script = ask(driver, said("Hi"), stream=True, stream_options=asked)
    assert script.bodies[0]["stream"] is True
    assert text_of(chunks) == "Hi"
    assert [c.usage and c.usage.total_tokens for c in chunks] == usages
    assert [c.choices[0].finish_reason for c in chunks if c.choices] == [None, "stop"]


def test_a_json_error_to_a_stream_request_is_an_attempt(driver):
    """Status 200, JSON, an error object: the next candidate answers."""
    chunks, script = ask(
        driver, Answer(json=error(code=503)), streamed("b"), stream=True, fallback_models=CHAIN
    )
    assert (text_of(chunks), len(script.calls)) == ("b", 2)


JSON = {"content-type": "application/json; charset=utf-8"}


def test_a_json_reply_that_comes_in_pieces(driver):
    """The transport gave a reader although the reply is no stream: it is read whole, and closed."""
    body = dumps(chat("Hi"))
    chunks, script = ask(driver, Answer(chunks=[body[:20], body[20:]], headers=JSON), stream=True)
    assert text_of(chunks) == "Hi"
    assert script.readers[0].closed


def test_a_json_reply_that_breaks_off(driver):
    """Half a whole reply is a failed attempt."""
    halves = Answer(chunks=[b'{"choices"', RESET], headers=JSON)
    chunks, script = ask(driver, halves, streamed("b"), stream=True, retries=1)
    assert (text_of(chunks), len(script.calls)) == ("b", 2)
    assert script.readers[0].closed


@pytest.mark.parametrize("asked", [False, True])
def test_usage_of_a_native_stream_only_when_asked(driver, asked):
    """Anthropic always tells its usage; callers see a chunk of it if they wanted one."""
    params = {"stream_options": {"include_usage": True}} if asked else {}
    chunks, _ = ask(
        driver,
        Answer(chunks=message_stream("Hi")),
        model="anthropic/claude-sonnet-4-5",
        stream=True,
        **params,
    )
    assert text_of(chunks) == "Hi"
    assert [c.usage.total_tokens for c in chunks if c.usage] == ([14] if asked else [])
    assert [c.choices for c in chunks if not c.choices] == ([[]] if asked else [])


def test_a_streams_report(driver):
    """`.muxi` of a stream tells who answers before the first chunk is taken."""
    flow, script = run(driver, request_of(stream=True), streamed("a"), on=[candidate(streaming_support=True)])
    assert flow.report.model == "weak/model"
    assert Stream(flow).muxi is flow.report
    assert [a.reason for a in flow.report.attempts] == ["answered"]
    assert script.readers[0].closed is True  # the `Stream` above was dropped


def test_completions_stream_too(driver):
    """Text completions commit and break by the same rules."""
    texts = [completion("", None), completion(" there", None)]
    broken = Answer(chunks=[*sse(texts[0], done=False), RESET])
    chunks, script = driver.scripted(
        Completion,
        broken,
        Answer(chunks=sse(*texts, completion("", "stop"))),
        model="openai/gpt-3.5-turbo-instruct",
        prompt="Hello",
        stream=True,
        retries=1,
    )
    assert "".join(c.choices[0].text for c in chunks) == " there"
    assert len(script.calls) == 2


def test_completions_keep_their_partial_text(driver):
    broken = Answer(chunks=[*sse(completion(" there", None), done=False), RESET])
    raised, _ = driver.scripted(Completion, broken, model="openai/instruct", prompt="Hello", stream=True)
    assert raised.partial_text == " there"


def test_the_end_is_where_the_answer_says_so(driver):
    """Not where the connection ends: what breaks after `[DONE]` breaks nothing."""
    broken = TransportError("reset")
    answers = Answer(chunks=[*chat_stream("Hi"), broken])
    chunks, script = driver.scripted(
        ChatCompletion, answers, model="openai/a", messages=HELLO, stream=True, api_key="k"
    )
    assert [chunk.choices[0].delta.content for chunk in chunks] == ["", "Hi", None]
    assert script.readers[0].closed


@pytest.mark.parametrize(("commits", "opened"), [(True, 1), (False, 2)])
def test_raw_chunks_say_themselves_whether_they_commit(commits, opened):
    """Nobody here has to understand them."""
    pieces = [RawChunk(b"a", commits=commits), RawChunk(b"b", commits=True)]

    class Tap:
        over = False

        def feed(self, data):
            return [pieces.pop(0)]

        def finish(self):
            return []

    flow = StreamFlow(ScriptedReader([b"1", b"2"], lambda *_: None, 1.0), Tap(), AssertionError)
    run_sync(flow.open(lambda: False))
    assert len(flow.ready) == opened


def test_raw_chunks_that_never_commit_are_handed_out_at_the_end():
    """And what they say is the stream's text."""

    class Tap:
        over = False

        def feed(self, data):
            return [RawChunk(data, text="Hi", commits=False)]

        def finish(self):
            return []

    flow = StreamFlow(ScriptedReader([b"1"], lambda *_: None, 1.0), Tap(), AssertionError)
    run_sync(flow.open(lambda: False))
    assert run_sync(flow.next()) == RawChunk(b"1", text="Hi", commits=False)
    assert (run_sync(flow.next()), flow.text) == (None, "Hi")


def test_a_decoder_that_promised_more_ends_with_the_connection(driver):
    """Servers that never say `[DONE]`: every answer has its finish reason, then the connection ends."""
    pieces = chat_stream("Hi", done=False)
    answer = Answer(chunks=pieces)
    chunks, script = driver.scripted(
        ChatCompletion, answer, model="openai/a", messages=HELLO, stream=True, api_key="k"
    )
    assert text_of(chunks) == "Hi"
    assert script.readers[0].closed


def test_abandoning_a_stream_frees_it_at_once():
    """From a finalizer, say, which cannot wait."""
    script = Scripted(Answer(chunks=chat_stream("a", "b")))
    stream = opened(script)
    stream.abandon()
    assert script.readers[0].closed
