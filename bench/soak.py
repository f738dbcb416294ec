"""The gateway for ten minutes under a steady load: its memory, its errors, its slowest answers.

python -m bench.soak [--seconds N] [--rate N]

Whole answers, translated ones, streams, and streams that are left after their first words, on loopback.
Prints a line for each twentieth of the time; ends with 1 where there was an error, or memory went on growing.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import statistics
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import urlsplit

import httpx2

from bench.gateway import ASKED, gateway
from bench.load import HEAD
from bench.upstream import running

STEPS: Final = 20
CALLERS: Final = 16
KINDS: Final = ("whole", "translated", "whole", "stream", "whole", "translated", "whole", "left")
"""What is asked, in turn."""
GROWTH: Final = 1.05
"""Memory at the end beside that after the first quarter: more is a leak."""
PAGE: Final = 4096


class Answer(NamedTuple):
    """One, over: after how many seconds, and what was wrong with it."""

    seconds: float
    error: str


class Step(NamedTuple):
    """A part of the time. rss: bytes at its end."""

    answers: list[Answer]
    rss: int

    @property
    def errors(self) -> int:
        return sum(bool(one.error) for one in self.answers)

    def quantile(self, part: float) -> float:
        """Milliseconds that so many answers took at most."""
        times = sorted(one.seconds for one in self.answers)
        return times[int(part * (len(times) - 1))] * 1e3 if times else 0.0


def rss(pid: int) -> int:
    """Bytes of memory of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE


class Caller:
    """A client that is nothing but a connection, so that what is measured is not the client."""

    def __init__(self, origin: str) -> None:
        self._host = urlsplit(origin)
        self._at: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, kind: str) -> str:
        """Ask, and read the answer; what was wrong with it."""
        try:
            async with asyncio.timeout(60):
                return await self._answer(kind)
        except (OSError, asyncio.IncompleteReadError, TimeoutError) as failure:
            self.close()
            return f"{kind}: {failure!r}"

    async def _answer(self, kind: str) -> str:
        if self._at is None:
            self._at = await asyncio.open_connection(self._host.hostname, self._host.port)
        reader, writer = self._at
        writer.write(REQUESTS[kind])
        head = await reader.readuntil(b"\r\n\r\n")
        length = LENGTH.search(head)
        if kind == "left":
            await reader.readuntil(b"\n\n")
            self.close()
            return "" if head.startswith(OK) else f"{kind}: {head[:20]!r}"
        content = await (reader.readexactly(int(length[1])) if length else reader.readuntil(b"0\r\n\r\n"))
        whole = head.startswith(OK) and (b"[DONE]" if kind == "stream" else b"choices") in content
        return "" if whole else f"{kind}: {head[:20]!r} {content[-60:]!r}"

    def close(self) -> None:
        if self._at is not None:
            self._at[1].close()
            self._at = None


def request(**body: object) -> bytes:
    """Its bytes."""
    content = json.dumps({**ASKED, **body})
    head = HEAD.format(path="/v1/chat/completions", host="gateway", length=len(content), body=content)
    return head.encode()


OK: Final = b"HTTP/1.1 200"
LENGTH: Final = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
REQUESTS: Final = {
    "whole": request(model="passed"),
    "translated": request(model="translated"),
    "stream": request(model="passed", stream=True),
    "left": request(model="passed", stream=True),
}


async def load(origin: str, pid: int, seconds: float, rate: float) -> list[Step]:
    """So many requests a second, evenly, as long as there is a caller left for the next."""
    answers: list[Answer] = []
    steps: list[Step] = []
    begun, numbers = time.perf_counter(), count()

    async def calls(caller: Caller) -> None:
        for number in numbers:
            due = begun + number / rate
            if max(due, time.perf_counter()) >= begun + seconds:
                break  # a machine that is too slow for the rate does not make it longer
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            sent = time.perf_counter()
            error = await caller.ask(KINDS[number % len(KINDS)])
            answers.append(Answer(time.perf_counter() - sent, error))
        caller.close()

    async def watch() -> None:
        for number in range(1, STEPS + 1):
            await asyncio.sleep(max(0.0, begun + number * seconds / STEPS - time.perf_counter()))
            done = sum(len(step.answers) for step in steps)
            steps.append(Step(answers[done:], rss(pid)))
            print(line(number * seconds / STEPS, steps[-1]), flush=True)

    await asyncio.gather(watch(), *(calls(Caller(origin)) for _ in range(CALLERS)))
    return steps


def line(at: float, step: Step) -> str:
    bar = "#" * round(step.rss / 2**20 / 4)
    return (
        f"{at:6.0f} s {len(step.answers):6} answers {step.errors:3} errors  p50 {step.quantile(0.5):6.1f} ms"
        f"  p99 {step.quantile(0.99):7.1f} ms  {step.rss / 2**20:6.1f} MiB {bar}"
    )


def started(origin: str, begun: float) -> float:
    """Seconds from *begun* until it answers."""
    host = urlsplit(origin).netloc
    while True:
        try:
            if httpx2.get(f"http://{host}/health/live").status_code == 200:
                return time.perf_counter() - begun
        except httpx2.TransportError:
            time.sleep(0.01)


def faults(steps: list[Step]) -> Iterator[str]:
    """What must not be."""
    errors = [one.error for step in steps for one in step.answers if one.error]
    if errors:
        yield f"{len(errors)} errors, the first: {errors[0]}"
    settled = statistics.median(step.rss for step in steps[STEPS // 4 : STEPS // 2])
    last = statistics.median(step.rss for step in steps[-STEPS // 4 :])
    if last > settled * GROWTH:
        yield f"memory grew from {settled / 2**20:.1f} to {last / 2**20:.1f} MiB"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--rate", type=float, default=50, help="requests a second")
    given = parser.parse_args()
    with running() as upstream:
        begun = time.perf_counter()
        with gateway(upstream.url) as (origin, pid):
            print(f"start-up {started(origin, begun):.2f} s, idle {rss(pid) / 2**20:.1f} MiB", flush=True)
            steps = asyncio.run(load(origin, pid, given.seconds, given.rate))
    halves = steps[: STEPS // 2], steps[STEPS // 2 :]
    p99 = [statistics.median(step.quantile(0.99) for step in half) for half in halves]
    answers = sum(len(step.answers) for step in steps)
    found = list(faults(steps))
    print(
        f"{answers} answers; p99 of the halves {p99[0]:.1f} and {p99[1]:.1f} ms; {'; '.join(found) or 'well'}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
