"""The faces in threads, event loops and processes, over real sockets, on both transports."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

import muxi_llm
from muxi_llm import ChatCompletion
from muxi_llm.runtime import Runtime
from tests.support.patience import PATIENCE, in_time
from tests.support.process import echo, run_script
from tests.support.upstream import Upstream


@pytest.fixture
def provider(upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Upstream:
    """OpenAI, as far as this process knows; it says what it is told."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.url)
    upstream.respond = echo
    return upstream


@pytest.fixture(params=["auto", "httpx2", "fast"], autouse=True)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    muxi_llm.config.transport = request.param
    return request.param


def ask(text: Any, **params: Any) -> Any:
    """The arguments of a call that is answered with *text*."""
    return {"model": "openai/gpt-4", "messages": [{"role": "user", "content": str(text)}], **params}


def said(response: Any) -> str:
    """A response's text."""
    return response.choices[0].message.content


async def aask(text: Any) -> str:
    """One call's answer; on a busy machine connecting may take too long once."""
    return said(await ChatCompletion.acreate(**ask(text, retries=20)))


def joined(chunks: list[Any]) -> str:
    """A stream's text."""
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)


# --------------------------------------------------------------------------------------- threads


def test_threads_share_the_sync_face(provider: Upstream) -> None:
    """64 threads: every answer is its own question's, and connections are shared, not piled up."""
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(lambda number: said(ChatCompletion.create(**ask(number))), range(320)))
    assert answers == [str(number) for number in range(320)]
    assert len(provider.requests) == 320
    assert provider.accepted < 320


def test_threads_share_streams_too(provider: Upstream) -> None:
    """Each on its own."""

    def words(number: int) -> str:
        return joined(list(ChatCompletion.create(**ask(f"{number} and on", stream=True))))

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(words, range(48))) == [f"{number} and on " for number in range(48)]
    assert provider.accepted < 48


def test_threads_make_one_port(transport: str) -> None:
    """However many ask for it first."""
    runtime = Runtime()
    start = threading.Barrier(16)

    def port(_: int) -> Any:
        start.wait(10)
        return runtime.port(transport, blocking=False)

    with ThreadPoolExecutor(16) as pool:
        assert len({id(port) for port in pool.map(port, range(16))}) == 1


# ----------------------------------------------------------------------------------- event loops


def test_many_async_calls_at_once(provider: Upstream) -> None:
    """200, each with its own answer."""

    async def scenario() -> list[str]:
        return await asyncio.gather(*(aask(number) for number in range(200)))

    assert asyncio.run(scenario(), debug=True) == [str(number) for number in range(200)]


def test_one_event_loop_after_the_other(provider: Upstream) -> None:
    """`asyncio.run` twice in one process."""
    assert [asyncio.run(aask(number), debug=True) for number in range(3)] == ["0", "1", "2"]


def test_a_sync_call_inside_a_running_loop(provider: Upstream) -> None:
    """As in a notebook's cell; async calls before and after it."""

    async def cell() -> list[str]:
        before = await aask("before")
        return [before, said(ChatCompletion.create(**ask("inside"))), await aask("after")]

    assert asyncio.run(cell()) == ["before", "inside", "after"]


def test_a_sync_stream_inside_a_running_loop(provider: Upstream) -> None:
    """Likewise."""

    async def cell() -> str:
        return joined(list(ChatCompletion.create(**ask("a b", stream=True))))

    assert asyncio.run(cell()) == "a b "


def test_two_event_loops_at_once(provider: Upstream) -> None:
    """In two threads."""

    async def calls(start: int) -> list[str]:
        return await asyncio.gather(*(aask(number) for number in range(start, start + 40)))

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda start: asyncio.run(calls(start)), [0, 40]))
    assert answers[0] + answers[1] == [str(number) for number in range(80)]


# ----------------------------------------------------------------------------- streams left early


def test_leaving_a_sync_stream_frees_the_connection(provider: Upstream) -> None:
    """By `break` alone."""
    for chunk in ChatCompletion.create(**ask("a wait", stream=True)):
        if chunk.choices[0].delta.content:
            break
    assert provider.closed_early.wait(PATIENCE)


@pytest.mark.parametrize("how", ["del", "close", "with"])
def test_ending_a_sync_stream_frees_the_connection(provider: Upstream, how: str) -> None:
    """By any of the ways to do so."""
    stream = ChatCompletion.create(**ask("a wait", stream=True))
    next(stream)
    if how == "del":
        del stream
    elif how == "close":
        stream.close()
        assert list(stream) == []
    else:
        with stream as entered:
            next(entered)
    assert provider.closed_early.wait(PATIENCE)


@pytest.mark.parametrize("how", ["break", "close", "with", "cancelled"])
def test_ending_an_async_stream_frees_the_connection(provider: Upstream, how: str) -> None:
    """While the loop goes on, and without a task left behind."""

    async def reader() -> None:
        stream = await ChatCompletion.acreate(**ask("a wait", stream=True))
        if how == "with":
            async with stream:
                await anext(stream)
            return
        async for _ in stream:
            if how == "break":
                break
            if how == "close":
                await stream.close()

    async def scenario() -> None:
        task = asyncio.create_task(reader())
        if how == "cancelled":
            assert await in_time(lambda: bool(provider.requests))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        else:
            await task
        assert await in_time(provider.closed_early.is_set)
        assert await in_time(lambda: asyncio.all_tasks() == {asyncio.current_task()})

    asyncio.run(scenario(), debug=True)


# ------------------------------------------------------------------------------------- processes

FORKING = """
    import asyncio, os, sys
    from muxi_llm import ChatCompletion

    def ask(text, **params):
        return dict(model="openai/gpt-4", messages=[{"role": "user", "content": text}], **params)

    def text_of(chunks):
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks)

    def calls(who):
        answer = ChatCompletion.create(**ask(f"{who} sync")).choices[0].message.content
        later = asyncio.run(ChatCompletion.acreate(**ask(f"{who} async"))).choices[0].message.content
        words = text_of(ChatCompletion.create(**ask(f"{who} stream", stream=True)))
        print(answer, later, words, sep="|", flush=True)

    calls("parent")
    opened = ChatCompletion.create(**ask("still here", stream=True))
    first = text_of([next(opened), next(opened)])
    child = os.fork()
    if child == 0:
        calls("child")
        sys.exit(0)  # with all that ending an interpreter means
    print("ended", os.waitpid(child, 0)[1], flush=True)
    print(first + text_of(opened))
    calls("parent")
"""


def test_a_forked_child_calls_and_the_parent_goes_on(transport: str) -> None:
    """Both faces and a stream in the child, whose parent had used them all; then again in the parent."""
    with Upstream(echo) as provider:
        done = run_script(
            FORKING,
            provider,
            "-W",
            "error::ResourceWarning",
            "-W",
            "ignore::DeprecationWarning",
            MUXI_LLM_TRANSPORT=transport,
        )
    parent = "parent sync|parent async|parent stream "
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        parent, "child sync|child async|child stream ", "ended 0", "still here ", parent,
    ]  # fmt: skip
    assert done.returncode == 0


LEAVING = {
    "after a call": "ChatCompletion.create(**ask('a'))",
    "after an async call": "asyncio.run(ChatCompletion.acreate(**ask('a')))",
    "with a stream open": "stream = ChatCompletion.create(**ask('a wait', stream=True)); next(stream)",
    "after an async stream left early": "asyncio.run(left_early())",
    "with an async stream and its loop open": """
loop = asyncio.new_event_loop()
stream = loop.run_until_complete(ChatCompletion.acreate(**ask('a wait', stream=True)))
loop.close()""",
}


@pytest.mark.parametrize("leaving", LEAVING.values(), ids=LEAVING)
def test_the_interpreter_ends_in_silence(transport: str, leaving: str) -> None:
    """Whatever is still open."""
    script = """
import asyncio
from muxi_llm import ChatCompletion

def ask(text, **params):
    return dict(model="openai/gpt-4", messages=[{"role": "user", "content": text}], **params)

async def left_early():
    async for chunk in await ChatCompletion.acreate(**ask("a wait", stream=True)):
        break

"""
    with Upstream(echo) as provider:
        done = run_script(script + leaving, provider, MUXI_LLM_TRANSPORT=transport)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
