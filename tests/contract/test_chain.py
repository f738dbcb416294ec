"""One call over six wires: five ways to fail, then the right answer and a report one can read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

import muxi_llm
from muxi_llm import ChatCompletion, FallbackExhaustedError
from tests.conftest import Driver
from tests.contract.contact import KEY, PROVIDERS, SETTINGS, Contact, model_of
from tests.contract.heard import expected, heard
from tests.support.bodies import HELLO
from tests.support.speakers import speaker_of
from tests.support.speakers.base import Said
from tests.support.upstream import Respond, Upstream

CHAIN = ["openai", "anthropic", "google", "bedrock", "cohere", "ollama"]
SILENT = "cohere"
"""Nobody listens at this one."""


@pytest.fixture
def servers(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Upstream]]:
    """One server for each of the chain, and the settings that lead there."""
    with ExitStack() as stack:
        found = {name: stack.enter_context(Upstream()) for name in CHAIN}
        found[SILENT].close()
        for name, server in found.items():
            setattr(muxi_llm, f"{name}_api_key", KEY)
            setattr(muxi_llm, f"{name}_base_url", server.url)
            for variable, value in SETTINGS[name].env.items() if name in SETTINGS else ():
                monkeypatch.setenv(variable, value)
        yield found


def fail(contact: Contact, *, stream: bool) -> list[Respond]:
    """How each of the chain fails: a pause that is too long, overload, an error behind 200, half an answer."""
    speaker = contact.speaker
    if contact.name == "openai":
        return [Respond(429, json=speaker.error(429, "in an hour"), headers={"Retry-After": "3600"})]
    if contact.name == "anthropic":
        return [Respond(529, json=speaker.error(529, "overloaded"))]
    if contact.name == "google":
        broken = speaker.broken(503, "not now")
        return [speaker.streamed([broken or b""]) if stream else Respond(json=speaker.error(503, "not now"))]
    if contact.name == "bedrock":
        first = speaker.events(Said())[1]
        return [speaker.streamed([first[: len(first) // 2]]) if stream else Respond(body=b'{"half": ')]
    return [Respond(503, json=speaker.error(503, "closed"))]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_sixth_answers(driver: Driver, servers: dict[str, Upstream], stream: bool) -> None:
    """Each is asked once, in order, in its own wire; every failure is on the report."""
    contacts = [Contact(name, driver) for name in CHAIN]
    for contact in contacts[:-1]:
        servers[contact.name].script = fail(contact, stream=stream)
    last = contacts[-1]
    servers[last.name].script = last.replies(Said(), {"stream": stream})
    script, report = _ask(driver, stream)
    assert heard(script) == expected(Said(), usage=not stream)
    assert [(attempt.model, attempt.status) for attempt in report.attempts] == [
        (model_of("openai"), 429),
        (model_of("anthropic"), 529),
        (model_of("google"), 503),
        (model_of("bedrock"), None if stream else 200),
        (model_of("cohere"), None),
        (model_of("ollama"), None),
    ]
    told = [attempt.reason for attempt in report.attempts]
    assert told[-1] == "answered"
    for reason, words in zip(told, ["in an hour", "overloaded", "not now", "", ""], strict=False):
        assert words in reason
    asked = {name: [request.path for request in server.requests] for name, server in servers.items()}
    assert [len(paths) for paths in asked.values()] == [1, 1, 1, 1, 0, 1]
    for contact in contacts:
        for request in servers[contact.name].requests:
            assert contact.speaker.asked(request.path.partition("?")[0], request.json).facts == [
                ("user", "Hello")
            ]


def _ask(driver: Driver, stream: bool) -> tuple[Any, Any]:
    """The answer, and its report: a stream has one too, before it is read."""
    params: dict[str, Any] = {"model": [*map(model_of, CHAIN)], "messages": HELLO, "stream": stream}

    async def asynchronously() -> tuple[Any, Any]:
        answer = await ChatCompletion.acreate(**params)
        return ([chunk async for chunk in answer] if stream else answer), answer.muxi

    if driver.kind == "async":
        return driver.run(asynchronously())
    answer = ChatCompletion.create(**params)
    return (list(answer) if stream else answer), answer.muxi


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_nobody_answers(driver: Driver, servers: dict[str, Upstream], stream: bool) -> None:
    """One error with all six on it, which is also the last one's own class."""
    for name in CHAIN:
        servers[name].script = fail(Contact(name, driver), stream=stream)
    with pytest.raises(FallbackExhaustedError) as caught:
        _ask(driver, stream)
    assert [attempt.model for attempt in caught.value.attempts] == [*map(model_of, CHAIN)]
    assert all(model_of(name) in str(caught.value) for name in CHAIN)
    assert isinstance(caught.value, muxi_llm.InternalServerError)


def test_the_chain_is_of_six_wires() -> None:
    assert len({type(speaker_of(PROVIDERS[name].wires["chat"])) for name in CHAIN}) == len(CHAIN)
