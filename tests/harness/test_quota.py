"""So many requests and tokens a minute: laws of the machine, and whole crowds on a clock of their own."""

from __future__ import annotations

import asyncio
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import muxi_llm
from muxi_llm import ChatCompletion, harness
from muxi_llm.core.call import call
from muxi_llm.core.request import Candidate, Limits, ModelRef, Request
from muxi_llm.errors import PlaceRestingError
from muxi_llm.harness.pipeline import Harness, Stages
from muxi_llm.harness.quota import MINUTE, Quota, guessed
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.transport.scripted import Answer, Scripted
from tests.harness.test_simulations import Server, asked, crowd, simulated
from tests.support.bodies import HELLO, chat


@given(
    st.lists(st.tuples(st.floats(0, 90), st.integers(1, 40)), max_size=60),
    st.integers(1, 8),
    st.integers(1, 60),
)
def test_no_minute_has_more_than_the_quota(
    steps: list[tuple[float, int]], requests: int, tokens: int
) -> None:
    """Wherever it begins; and turns are in order."""
    quota, sent = Quota(requests, tokens), []
    moments = accumulate(seconds for seconds, _ in steps)
    for now, (_, needed) in zip(moments, steps, strict=True):
        at = now + quota.wait(now, needed)
        quota.take(at, needed)
        sent.append((at, min(needed, tokens)))
    assert sent == sorted(sent, key=lambda each: each[0])
    for begin, _ in sent:
        within = [amount for at, amount in sent if begin <= at < begin + MINUTE - 1e-6]
        assert len(within) <= requests
        assert sum(within) <= tokens


def test_up_to_the_quota_nothing_waits() -> None:
    quota = Quota(3, None)
    waits = []
    for _ in range(7):
        waits.append(quota.wait(0.0, 5))
        quota.take(waits[-1], 5)
    assert waits == [0, 0, 0, 60, 60, 60, 120]


def test_a_guess_is_corrected_by_what_it_took() -> None:
    """Up or down, and no longer once its minute is over."""
    quota = Quota(None, 100)
    first = quota.take(0.0, 90)
    assert first is not None
    assert quota.wait(1.0, 50) == 59
    quota.correct(first, 10)
    assert quota.wait(1.0, 50) == 0
    quota.correct(first, 95)
    assert quota.wait(1.0, 50) == 59
    quota.take(60.0, 50)
    quota.correct(first, 5)
    assert quota.wait(61.0, 50) == 0
    assert quota.wait(61.0, 51) == 59


def test_one_beyond_the_whole_quota_goes_out_alone() -> None:
    quota = Quota(None, 100)
    assert quota.wait(0.0, 10_000) == 0
    quota.take(0.0, 10_000)
    assert quota.wait(0.0, 1) == 60


def test_what_a_body_will_take() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:" + "x" * 10_000}}
    content = [{"type": "text", "text": "x" * 40}, picture]
    assert guessed({"messages": [{"role": "user", "content": content}], "max_tokens": 5}) == 15
    assert guessed({"input": ["x" * 8, "x" * 8]}) == 4
    assert guessed({"prompt": None, "max_tokens": "many"}) == 0


# ------------------------------------------------------------------------------------ whole calls


def test_a_crowd_never_asks_more_in_a_minute() -> None:
    """150 at once at 60 a minute: nobody is refused, and it takes no longer than it must."""
    times: list[float] = []

    def answer(now: float) -> Answer:
        times.append(now)
        return Answer(json=chat("Hi"), delay=0.3)

    server, around = Server(answer), Harness(Stages(requests_per_minute=60))
    answers = simulated(lambda: crowd(server, around, 150))
    assert [each for each in answers if isinstance(each, Exception)] == []
    assert all(sum(begin <= at < begin + 60 for at in times) <= 60 for begin in times)
    assert max(times) == pytest.approx(120)


def test_tokens_are_counted_by_what_answers_say() -> None:
    """Seven each (`tests.support.bodies`), though a thousand were asked for: one at first, then all of them."""
    server = Server(lambda now: Answer(json=chat("Hi"), delay=1.0))
    around = Harness(Stages(tokens_per_minute=1000))
    body = {"messages": HELLO, "max_tokens": 900}
    candidate = Candidate(ModelRef("openai", "m"), OpenAIProvider(api_key="k"))
    request = Request("chat", body, limits=Limits(retries=0, timeout=60.0))

    async def one_after_another() -> float:
        for _ in range(10):
            await call(server, request, [candidate], around)
        return server.now()

    assert simulated(one_after_another) == pytest.approx(10)


def test_a_call_and_a_client_may_have_one_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    port = Scripted(*[Answer(json=chat("Hi"))] * 8)
    client = muxi_llm.OpenAI()
    limited = client.with_options(requests_per_minute=1)
    with muxi_llm.runtime.using(port):
        for _ in range(2):
            ChatCompletion.create("openai/a", HELLO, tokens_per_minute=7)
        assert sum(port.slept) == pytest.approx(60)
        for _ in range(2):
            limited.chat.completions.create(model="b", messages=HELLO)
        assert sum(port.slept) == pytest.approx(120)
        for _ in range(2):
            client.chat.completions.create(model="b", messages=HELLO, requests_per_minute=1)
        assert sum(port.slept) == pytest.approx(240)
        for _ in range(2):
            client.chat.completions.create(model="b", messages=HELLO)
        assert sum(port.slept) == pytest.approx(240)
        with pytest.raises(muxi_llm.InvalidRequestError, match="requests_per_minute"):
            ChatCompletion.create("openai/a", HELLO, requests_per_minute=0)


def test_each_place_has_its_own() -> None:
    server, around = (
        Server(lambda now: Answer(json=chat("Hi"))),
        Harness(Stages(requests_per_minute=1)),
    )

    async def both() -> float:
        await asyncio.gather(asked(server, around), asked(server, around, model="other"))
        return server.now()

    assert simulated(both) < 1


def test_a_deadline_refuses_and_a_chain_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused has taken nothing."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    harness.configure(requests_per_minute=1)
    port = Scripted(*[Answer(json=chat("Hi"))] * 3)

    def create(**more: Any) -> Any:
        return ChatCompletion.create("openai/m", HELLO, **more)

    with muxi_llm.runtime.using(port):
        create()
        for _ in range(2):
            with pytest.raises(PlaceRestingError):
                create(fallback_config={"deadline": 10.0})
        assert create(fallback_models=["openai/other"]).muxi.model == "openai/other"
        assert port.slept == []
        create()
        assert sum(port.slept) == pytest.approx(60)
