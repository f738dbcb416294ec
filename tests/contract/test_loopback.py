"""Every provider over real sockets: an answer, a stream, an error, and what happens when a caller leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import ChatCompletion, IncompleteStreamError
from tests.contract.contact import CHATTERS, KEY, Contact, kind_of, located
from tests.contract.heard import expected, heard
from tests.support.bodies import HELLO
from tests.support.patience import PATIENCE
from tests.support.speakers.base import TEXT, Said
from tests.support.upstream import Respond, Upstream

STREAMERS = [name for name in CHATTERS if kind_of(name).streaming_support]
streamers = pytest.mark.parametrize("name", STREAMERS, indirect=True)


@pytest.fixture(autouse=True)
def _one_transport() -> Iterator[None]:
    """What both must do is tested beside them; only httpx2 hangs up at once (see the decision notes)."""
    muxi_llm.config.transport = "httpx2"
    yield
    muxi_llm.config.transport = None


def options(contact: Contact, upstream: Upstream) -> dict[str, Any]:
    """A question to this server."""
    return {
        "model": contact.model,
        "messages": HELLO,
        "api_key": KEY,
        "base_url": upstream.url,
        "retries": 0,
    }


def test_an_answer_and_an_error(contact: Contact, upstream: Upstream) -> None:
    """One connection serves both faces' calls in turn."""
    upstream.script = located(contact.replies(Said(), {}), upstream.url)
    assert heard(contact.driver.create(ChatCompletion, **options(contact, upstream))) == expected(Said())
    upstream.script = [Respond(429, json=contact.speaker.error(429, "slow down"))]
    with pytest.raises(openai.RateLimitError, match="slow down"):
        contact.driver.create(ChatCompletion, **options(contact, upstream))
    assert upstream.requests[-1].method == "POST"


def test_a_stream(contact: Contact, upstream: Upstream) -> None:
    upstream.script = located(contact.replies(Said(), {"stream": True}), upstream.url)
    chunks = contact.driver.create(ChatCompletion, **options(contact, upstream), stream=True)
    assert heard(chunks) == expected(Said(), usage=False)
    assert not upstream.closed_early.is_set()


@streamers
def test_a_connection_that_breaks(contact: Contact, upstream: Upstream) -> None:
    """In the middle of the body: an error, with what had come."""
    *before, reply = contact.speaker.replies(Said(), stream=True, usage=False)
    events = list(reply.chunks or ())
    half = [piece for piece in events[: len(events) // 2] if isinstance(piece, bytes)]
    upstream.script = [*located(before, upstream.url), contact.speaker.streamed(half, cut=True)]
    with pytest.raises(openai.APIConnectionError) as caught:
        contact.driver.create(ChatCompletion, **options(contact, upstream), stream=True)
    assert isinstance(caught.value, muxi_llm.MuxiLLMError)
    assert TEXT.startswith(caught.value.partial_text or "")


@streamers
def test_a_stream_without_its_end(quick: Contact, upstream: Upstream) -> None:
    """The body ends properly, the answer does not."""
    *before, reply = quick.speaker.replies(Said(), stream=True, usage=False)
    events = [piece for piece in reply.chunks or () if isinstance(piece, bytes)]
    upstream.script = [*located(before, upstream.url), quick.speaker.streamed(events[: len(events) // 2])]
    with pytest.raises(IncompleteStreamError):
        quick.driver.create(ChatCompletion, **options(quick, upstream), stream=True)


# ---------------------------------------------------------------------------------- leaving early


def paused(contact: Contact, upstream: Upstream) -> None:
    """Script a stream that halts in its middle."""
    *before, reply = contact.speaker.replies(Said(), stream=True, usage=False)
    events = list(reply.chunks or ())
    at = len(events) - contact.speaker.open_enough - 2
    halting: Any = [*events[:at], 30.0, *events[at:]]
    upstream.script = [*located(before, upstream.url), contact.speaker.streamed(halting)]


@streamers
def test_closing_a_sync_stream_frees_the_connection(quick: Contact, upstream: Upstream) -> None:
    paused(quick, upstream)
    with ChatCompletion.create(**options(quick, upstream), stream=True) as stream:
        next(stream)
    assert upstream.closed_early.wait(PATIENCE)


@streamers
def test_a_cancelled_task_frees_the_connection(name: str, upstream: Upstream, quick: Contact) -> None:
    """Cancelled while it waits for the next chunk."""
    paused(quick, upstream)

    async def reads(first: asyncio.Event) -> None:
        stream = await ChatCompletion.acreate(**options(quick, upstream), stream=True)
        async for _ in stream:
            first.set()

    async def main() -> None:
        first = asyncio.Event()
        task = asyncio.create_task(reads(first))
        await first.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(upstream.closed_early.wait, PATIENCE), name

    asyncio.run(main())


@streamers
def test_a_call_cancelled_before_its_answer(quick: Contact, upstream: Upstream) -> None:
    (first, *_) = quick.replies(Said(), {})
    upstream.script = [Respond(json=first.json, delay=30)]

    async def main() -> None:
        task = asyncio.create_task(ChatCompletion.acreate(**options(quick, upstream)))
        while not upstream.requests:  # noqa: ASYNC110 - the server is a thread
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(upstream.closed_early.wait, PATIENCE)

    asyncio.run(main())
