"""Very many calls with everything switched on, among troubles of all kinds: all are accounted for, nothing leaks.

10,000 calls, or a fifth of them (see `tests.support.length`).
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import random
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from muxi_llm import ChatCompletion, harness
from muxi_llm.errors import MuxiLLMError
from muxi_llm.harness import making
from muxi_llm.harness.events import HarnessEvent
from tests.support.length import long

CALLS = long(10_000, 2_000)

TASKS = 200
WINDOW = 32
PROC = Path("/proc/self")

SERVER = """
import random, sys, time
from tests.support import bodies
from tests.support.upstream import Respond, Upstream

chance = random.Random(7)

def respond(received):
    upstream.requests.clear()
    if (trouble := chance.random()) < 0.04:
        return Respond(429, json=bodies.error("slow down"), headers={"retry-after-ms": "5"})
    if trouble < 0.09:
        return Respond(500, json=bodies.error())
    if trouble < 0.11:
        return Respond(json=bodies.chat("too late"), delay=5.0)
    if trouble < 0.13:
        return Respond(json=bodies.chat("cut"), cut=True)
    said = received.json["messages"][0]["content"]
    if received.json.get("stream"):
        whole = trouble < 0.95
        return Respond(chunks=bodies.chat_stream(said[:3], said[3:], done=whole, finish="stop" if whole else None))
    return Respond(json=bodies.chat(said))

upstream = Upstream(respond)
print(upstream.url, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def troubled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A provider with troubles, in a process of its own: its sockets and threads are not ours."""
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    monkeypatch.setenv("OPENAI_BASE_URL", server.stdout.readline().strip())
    monkeypatch.setenv("OPENAI_KEYS", "sk-1,sk-2,sk-3")
    yield
    server.communicate()


class Heard:
    """How the calls ended, as the harness tells it."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._lock = threading.Lock()

    def record(self, event: HarnessEvent) -> None:
        if event.kind == "call":
            with self._lock:
                self.calls[event.facts["error"] or "answer"] += 1


@pytest.fixture
def heard(tmp_path: Path) -> Heard:
    """Everything the harness has, switched on."""
    heard = Heard()
    harness.configure(
        cache="memory",
        cache_items=200,
        singleflight=True,
        breaker=10_000,
        concurrency=WINDOW,
        kill_switch=tmp_path,
        telemetry=[heard],
    )
    return heard


class Ledger:
    """What became of every call, as its caller sees it."""

    def __init__(self) -> None:
        self.ends: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._lock = threading.Lock()

    def note(self, end: str) -> None:
        with self._lock:
            self.ends[end] += 1

    def answered(self, prompt: str, said: str) -> None:
        self.note("answer")
        if said != prompt:
            self.wrong.append(said)

    def failed(self, error: MuxiLLMError) -> None:
        self.note(type(error).__name__)


def asked(chance: random.Random) -> dict[str, Any]:
    """Some prompts come again, some while they are still being answered."""
    prompt = f"prompt {chance.randrange(CALLS // 2)}" if chance.random() < 0.7 else f"{chance.random()}"
    messages = [{"role": "user", "content": prompt}]
    return {"model": "openai/m", "messages": messages, "timeout": 0.5, "retries": 1}


async def worker(tickets: Iterator[int], ledger: Ledger, seed: int) -> None:
    chance = random.Random(seed)
    for _ in tickets:
        params = asked(chance)
        patience = chance.random() * 0.02 if chance.random() < 0.05 else None
        try:
            async with asyncio.timeout(patience):
                await (streamed if chance.random() < 0.2 else whole)(params, ledger, chance)
        except TimeoutError:
            pass  # noted where it happened
        except MuxiLLMError as error:
            ledger.failed(error)


async def whole(params: dict[str, Any], ledger: Ledger, _: random.Random) -> None:
    try:
        value = await ChatCompletion.acreate(**params)
    except asyncio.CancelledError:
        ledger.note("CancelledError")
        raise
    ledger.answered(params["messages"][0]["content"], value.choices[0].message.content or "")


async def streamed(params: dict[str, Any], ledger: Ledger, chance: random.Random) -> None:
    try:
        stream = await ChatCompletion.acreate(**params, stream=True)
    except asyncio.CancelledError:
        ledger.note("CancelledError")
        raise
    pieces = []
    try:
        async for chunk in stream:
            pieces.append(chunk.choices[0].delta.content or "")
            if chance.random() < 0.05:
                break  # and dropped, not closed
        else:
            return ledger.answered(params["messages"][0]["content"], "".join(pieces))
    except asyncio.CancelledError:
        ledger.note("answer")
        raise
    except MuxiLLMError:
        pass  # one that breaks after its beginning was an answer so far
    ledger.note("answer")
    return None


async def swarm(calls: int, ledger: Ledger, seed: int) -> None:
    tickets = iter(range(calls))
    await asyncio.gather(*(worker(tickets, ledger, seed + n) for n in range(TASKS)))


async def the_others_to_end() -> None:
    """Given-up flights and dropped streams end in tasks of their own; one that does not hangs the test."""
    while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110 - nobody tells when a task has left the list
        await asyncio.sleep(0.01)


def resident() -> int:
    """Bytes of memory in use."""
    gc.collect()
    return int((PROC / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def sockets() -> int:
    targets = []
    for link in (PROC / "fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            targets.append(str(link.readlink()))
    return sum(target.startswith("socket:") for target in targets)


def nothing_is_held() -> None:
    """No permit is out, nobody waits, no call is under way."""
    assert len(making.SHARED.flights) == 0
    for place in making.SHARED.places:
        for permits in place.permits.values():
            assert (permits.out, permits.waiting) == (0, 0)


def all_accounted_for(ledger: Ledger, heard: Heard, calls: int) -> None:
    """Each call ended once, for its caller and for those who listen; and no answer was another's."""
    assert ledger.wrong == []
    assert sum(ledger.ends.values()) == calls
    assert ledger.ends == heard.calls
    assert {"answer", "CancelledError"} < set(ledger.ends)  # and errors: of which kinds, the machine decides


@pytest.mark.long
@pytest.mark.skipif(not PROC.is_dir(), reason="counts what /proc shows")
@pytest.mark.usefixtures("troubled")
@pytest.mark.timeout(300 + CALLS // 10)
@pytest.mark.parametrize("transport", ["auto", "fast"])
def test_very_many_calls(heard: Heard, transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUXI_LLM_TRANSPORT", transport)
    ledger, half = Ledger(), CALLS // 2
    before = sockets()

    async def scenario() -> tuple[int, int]:
        await swarm(half, ledger, 1)
        middle = resident()
        threads = threading.active_count()
        await swarm(half, ledger, 2)
        await the_others_to_end()
        assert threading.active_count() <= threads
        return middle, resident()

    middle, end = asyncio.run(scenario())
    all_accounted_for(ledger, heard, 2 * half)
    assert end - middle < 16 * 1024 * 1024
    # Those kept for the next call. On the fast transport a cancelled call runs on beside its successor.
    assert sockets() - before <= {"auto": 2, "fast": 8}[transport] * WINDOW
    nothing_is_held()


@pytest.mark.usefixtures("troubled")
@pytest.mark.parametrize("transport", ["auto", "fast"])
def test_many_calls_in_threads(heard: Heard, transport: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MUXI_LLM_TRANSPORT", transport)
    ledger, calls = Ledger(), 320

    def one(number: int) -> None:
        params = asked(random.Random(number))
        try:
            value = ChatCompletion.create(**params)
        except MuxiLLMError as error:
            ledger.failed(error)
        else:
            ledger.answered(params["messages"][0]["content"], value.choices[0].message.content or "")

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(one, range(calls)))
    assert ledger.wrong == []
    assert ledger.ends == heard.calls
    assert sum(ledger.ends.values()) == calls
    nothing_is_held()
