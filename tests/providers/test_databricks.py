"""Databricks: a workspace's endpoints, by personal token or as a service principal."""

from __future__ import annotations

import base64
import logging
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

import openai
import pytest

from muxi_llm import ChatCompletion
from muxi_llm.providers import tokens
from muxi_llm.runtime import prepare_models, using
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from tests.core import REFUSED, ask, said, text_of
from tests.support.bodies import HELLO

HOST = "https://adb-1.azuredatabricks.net"
CHAT = f"{HOST}/serving-endpoints/chat/completions"
GRANTED = Answer(json={"access_token": "t1", "token_type": "Bearer", "expires_in": 3600})


@pytest.fixture(autouse=True)
def workspace(monkeypatch) -> Iterator[None]:
    for name in ("DATABRICKS_TOKEN", "DATABRICKS_CLIENT_ID", "DATABRICKS_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DATABRICKS_HOST", HOST)
    tokens.KEPT.clear()
    yield
    tokens.KEPT.clear()


@pytest.fixture
def principal(monkeypatch) -> None:
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "id")
    monkeypatch.setenv("DATABRICKS_CLIENT_SECRET", "s3cret")


@pytest.mark.parametrize("host", [HOST, "adb-1.azuredatabricks.net", f"{HOST}/"])
def test_a_personal_token(driver, monkeypatch, host):
    """However the host is written."""
    monkeypatch.setenv("DATABRICKS_HOST", host)
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi")
    value, script = ask(driver, said(), model="databricks/claude", max_completion_tokens=9)
    assert text_of(value) == "Hi"
    assert (script.calls[0].url, script.calls[0].headers["authorization"]) == (CHAT, "Bearer dapi")
    assert script.bodies == [{"model": "claude", "messages": HELLO, "max_tokens": 9}]


def test_a_service_principal(driver, principal):
    """A token is asked for once, and used until its end."""
    value, script = ask(driver, GRANTED, said("a"), model="databricks/m")
    assert text_of(value) == "a"
    first, second = script.calls
    assert first.url == f"{HOST}/oidc/v1/token"
    assert first.headers["authorization"] == "Basic " + base64.b64encode(b"id:s3cret").decode()
    assert parse_qs(first.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["all-apis"]}
    assert (second.url, second.headers["authorization"]) == (CHAT, "Bearer t1")
    _, again = ask(driver, said("b"), model="databricks/m")
    assert [call.headers["authorization"] for call in again.calls] == ["Bearer t1"]


def test_a_token_that_ends(driver, principal):
    """A new one is asked for a minute before."""
    short = Answer(json={"access_token": "old", "expires_in": 61})
    _, script = ask(
        driver, short, Answer(status=503, headers={"retry-after": "2"}), GRANTED, said(), model="databricks/m"
    )
    assert [call.headers["authorization"][:8] for call in script.calls] == [
        "Basic aW", "Bearer o", "Basic aW", "Bearer t"
    ]  # fmt: skip
    assert len(tokens.KEPT) == 1


def test_a_new_token_that_is_refused(driver, principal):
    """A 401 forgets it: the next call begins with another."""
    raised, _ = ask(driver, GRANTED, Answer(status=401, json={}), model="databricks/m")
    assert isinstance(raised, openai.AuthenticationError)
    assert tokens.KEPT == {}


@pytest.mark.parametrize("stream", [False, True])
def test_a_kept_token_that_is_refused(driver, principal, stream):
    """It was withdrawn, or ran out while this machine slept: a new one is asked for, once."""
    refusal = Answer(status=401, chunks=[b"{}"]) if stream else Answer(status=401, json={})
    answers = (GRANTED, said("a"), refusal, Answer(json={"access_token": "t2"}), said("b"))
    with using(Scripted(*answers)) as script:
        for text in "ab":
            value = driver.create(ChatCompletion, model="databricks/m", messages=HELLO, stream=stream)
            assert text_of(collect(value) if stream else value) == text
    assert [call.headers["authorization"][:9] for call in script.calls] == [
        "Basic aWQ", "Bearer t1", "Bearer t1", "Basic aWQ", "Bearer t2"
    ]  # fmt: skip


def test_each_principal_has_a_token_of_its_own(driver, principal, monkeypatch):
    ask(driver, GRANTED, said(), model="databricks/m")
    monkeypatch.setenv("DATABRICKS_CLIENT_ID", "another")
    _, script = ask(
        driver, Answer(json={"access_token": "t2", "expires_in": 90}), said(), model="databricks/m"
    )
    assert script.calls[1].headers["authorization"] == "Bearer t2"
    assert len(tokens.KEPT) == 2


def test_the_token_takes_its_share_of_the_time(driver, principal):
    """An attempt's time is one, however many requests it takes."""
    slow = Answer(json={"access_token": "t1", "expires_in": 3600}, delay=7)
    _, script = ask(driver, slow, said(), model="databricks/m", timeout=10)
    assert [call.timeout for call in script.calls] == [10, 3]
    raised, _ = ask(driver, said(), model="databricks/m", timeout=10)
    assert text_of(raised) == "Hi"


@pytest.mark.parametrize("lasts", [{}, {"expires_in": None}, {"expires_in": "30"}], ids=str)
def test_a_token_that_does_not_last(driver, principal, lasts):
    """Is good for one call."""
    value, _ = ask(driver, Answer(json={"access_token": "t1", **lasts}), said(), model="databricks/m")
    again, script = ask(driver, GRANTED, said(), model="databricks/m")
    assert (text_of(value), text_of(again), len(script.calls)) == ("Hi", "Hi", 2)


@pytest.mark.parametrize(
    ("refusal", "error", "message"),
    [
        (Answer(status=401, json={"error": "invalid_client"}), openai.AuthenticationError, "invalid_client"),
        (Answer(status=400, json={"error": "invalid_client"}), openai.AuthenticationError, "invalid_client"),
        (Answer(json={"nothing": 1}), openai.InternalServerError, "answered without a token"),
        (Answer(json={"access_token": None}), openai.InternalServerError, "answered without a token"),
        (Answer(json=[]), openai.InternalServerError, "answered without a token"),
        (Answer(content=b"<html>"), openai.InternalServerError, "answered without a token"),
        (Answer(error=REFUSED), openai.APIConnectionError, "connection refused"),
    ],
    ids=["401", "400", "no-token", "null", "a-list", "no-json", "no-answer"],
)
def test_a_token_service_that_fails(driver, principal, refusal, error, message):
    """Its refusal is the call's, as what it is: a wrong key is not a wrong request."""
    raised, script = ask(driver, refusal, model="databricks/m", retries=0)
    assert isinstance(raised, error)
    assert message in str(raised)
    assert len(script.calls) == 1


def test_secrets_are_not_logged(driver, principal, caplog):
    with caplog.at_level(logging.DEBUG):
        value, _ = ask(driver, GRANTED, said(), model="databricks/m")
    assert "s3cret" not in caplog.text + repr(value)
    assert "t1" not in caplog.text


def test_no_credentials(driver):
    raised, script = ask(driver, model="databricks/m")
    assert "set DATABRICKS_TOKEN or DATABRICKS_API_KEY" in str(raised)
    assert script.calls == []


def test_models(monkeypatch):
    """A workspace's endpoints are what one may name."""
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi")
    with using(Scripted(Answer(json={"endpoints": [{"name": "databricks-claude"}]}))) as script:
        assert [model.id for model in prepare_models("databricks").run().data] == ["databricks-claude"]
    assert (script.calls[0].method, script.calls[0].url) == ("GET", f"{HOST}/api/2.0/serving-endpoints")


def test_reasoning_in_parts(driver, monkeypatch):
    """Claude's endpoints answer with parts: text is the content, reasoning stands beside it."""
    monkeypatch.setenv("DATABRICKS_TOKEN", "dapi")
    content: Any = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm", "signature": "x"}]},
        {"type": "text", "text": "4"},
    ]
    value, _ = ask(driver, said(content), model="databricks/claude")
    assert (text_of(value), value.choices[0].message.reasoning_content) == ("4", "hm")


THINKING: dict[str, tuple[dict[str, Any], Any, bool | None]] = {
    "high": ({"reasoning_effort": "high"}, 24_576, False),
    "a level nobody knows": ({"reasoning_effort": "most"}, 24_576, False),
    "within max_tokens": ({"reasoning_effort": "high", "max_tokens": 5000}, 4999, False),
    "no room": ({"reasoning_effort": "low", "max_tokens": 500}, None, True),
    "none": ({"reasoning_effort": "none"}, None, False),
    "nothing said": ({}, None, None),
}


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
@pytest.mark.parametrize(("params", "budget", "loss"), THINKING.values(), ids=THINKING)
def test_claude_thinks_by_budget(driver, monkeypatch, params, budget, loss):
    """As Anthropic's own does; all others take OpenAI's word."""
    monkeypatch.setenv("DATABRICKS_TOKEN", "t")
    value, script = ask(driver, said(), model="databricks/databricks-claude-sonnet-4-5", **params)
    (body,) = script.bodies
    assert body.get("thinking") == (budget and {"type": "enabled", "budget_tokens": budget})
    assert "reasoning_effort" not in body
    told = {each.param: each.loss for each in value.muxi.adaptations}
    assert told.get("reasoning_effort") is loss
    _, script = ask(driver, said(), model="databricks/databricks-gpt-oss-20b", reasoning_effort="low")
    assert script.bodies[0]["reasoning_effort"] == "low"
