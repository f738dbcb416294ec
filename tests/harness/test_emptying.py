"""Answers that are kept, looked at and forgotten: one by the call's own arguments, or all there are in Redis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import muxi_llm
from muxi_llm import ChatCompletion, Completion, Embedding, InvalidRequestError, harness
from muxi_llm.commands import main as command
from muxi_llm.harness import redis_contents
from muxi_llm.transport.scripted import Answer, Scripted
from tests.support.bodies import HELLO, chat
from tests.support.patience import PATIENCE, until
from tests.support.redis_server import RedisServer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisServer]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    with RedisServer() as server:
        patient = f"{server.url}?socket_timeout={PATIENCE}&socket_connect_timeout={PATIENCE}"
        monkeypatch.setenv("REDIS_URL", patient)
        yield server


def asked(**given: Any) -> str | None:
    """Which tier answers that call."""
    with muxi_llm.runtime.using(Scripted(Answer(json=chat("Hi")))):
        return ChatCompletion.create("openai/m", HELLO, **given).muxi.cache_hit


def test_one_answer_is_forgotten_by_the_calls_own_arguments(server: RedisServer) -> None:
    """In memory and in Redis; the others stay, one of another tenant's too."""
    for given in ({"tenant": "a"}, {"tenant": "b"}, {"tenant": "a", "temperature": 0}):
        asked(cache="redis", **given)
    until(lambda: server.client.dbsize() == 3)
    call = {"model": "openai/m", "messages": HELLO, "cache": "redis", "tenant": "a"}
    assert harness.delete(**call)
    assert not harness.delete(**call)
    assert server.client.dbsize() == 2
    assert asked(cache="redis", tenant="a") is None
    assert asked(cache="redis", tenant="b") == "l1"


@pytest.mark.parametrize(
    ("face", "named", "answer"),
    [
        (
            Embedding,
            {"input": "x"},
            {
                "object": "list",
                "model": "m",
                "usage": {"prompt_tokens": 1, "total_tokens": 1},
                "data": [{"object": "embedding", "index": 0, "embedding": [0.5]}],
            },
        ),
        (
            Completion,
            {"prompt": "x"},
            {
                "id": "c",
                "object": "text_completion",
                "created": 1,
                "model": "m",
                "choices": [{"index": 0, "text": "y", "finish_reason": "stop", "logprobs": None}],
            },
        ),
    ],
)
def test_of_every_endpoint(
    face: Any, named: dict[str, str], answer: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    harness.configure(cache="memory")
    with muxi_llm.runtime.using(Scripted(Answer(json=answer), Answer(json=answer))) as port:
        face.create(model="openai/m", **named)
        assert face.create(model="openai/m", **named).muxi.cache_hit == "l1"
        assert harness.delete(model="openai/m", **named)
        assert face.create(model="openai/m", **named).muxi.cache_hit is None
        assert len(port.calls) == 2


def test_a_call_that_keeps_none_or_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    assert not harness.delete(model="openai/m", messages=HELLO)
    with pytest.raises(InvalidRequestError):
        harness.delete(model="openai/m", messages=HELLO, cache="disk")


def test_where_redis_does_not_say_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not taken for gone."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(ConnectionError, match="does not say"):
        harness.delete(model="openai/m", messages=HELLO, cache="redis")


# ---------------------------------------------------------------------------------- the command


def test_the_command_shows_and_clears(server: RedisServer, capsys: pytest.CaptureFixture[str]) -> None:
    """What is ours, whichever form it is in, and nobody else's."""
    for key in ("muxi-llm:1:a", "muxi-llm:1:b", "llmix:resp:c", "someone:else"):
        server.client.set(key, "12345")
    assert command.main(["harness", "--redis-url", server.url]) == 0
    shown = capsys.readouterr().out
    assert "muxi-llm: 2 entries, 10 bytes" in shown
    assert "llmix: 1 entries, 5 bytes" in shown
    assert "hits" in shown
    assert command.main(["harness", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["entries"] == {"muxi-llm": 2, "llmix": 1}
    assert isinstance(told["hits"], int)
    assert command.main(["harness", "clear"]) == 0
    assert capsys.readouterr().out == "cleared: 3\n"
    assert server.client.keys() == ["someone:else"]
    assert command.main(["harness", "clear", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"cleared": 0}


def test_a_server_that_hides_its_counts(server: RedisServer, capsys: pytest.CaptureFixture[str]) -> None:
    server.client.acl_setuser("u", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-info"])
    assert command.main(["harness", "--redis-url", server.url.replace("://", "://u:x@")]) == 0
    assert "hits" not in capsys.readouterr().out


def test_more_keys_than_are_asked_about_at_once(server: RedisServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_contents, "AT_ONCE", 10)
    for number in range(35):
        server.client.set(f"muxi-llm:1:{number}", "x")
    assert redis_contents.contents(server.url).entries["muxi-llm"] == 35
    assert redis_contents.empty(server.url) == 35


@pytest.mark.parametrize("url", ["", "redis://:secret@127.0.0.1:1/0", "http://nowhere"])
def test_the_command_without_a_redis(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is said, with status 2, and without the password."""
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert command.main(["harness", "--redis-url", url]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("muxi-llm: ")
    assert "secret" not in told.err + told.out
