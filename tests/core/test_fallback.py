"""Chains: what the error of an exhausted one says, skipped candidates, callbacks, the configuration."""

from __future__ import annotations

import logging
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import Embedding, FallbackExhaustedError, MissingCredentialsError
from muxi_llm.core.options import models_of
from muxi_llm.core.request import Limits
from muxi_llm.transport.scripted import Answer
from tests.core import CHAIN, REFUSED, ask, candidate, claude_said, failed, request_of, run, said, text_of
from tests.support.bodies import embeddings

pytestmark = pytest.mark.usefixtures("keys")

# -------------------------------------------------------------------------------------- exhaustion


def test_one_candidate_raises_its_own_error(driver):
    raised, _ = ask(driver, failed(500), failed(503), retries=1)
    assert isinstance(raised, openai.InternalServerError)
    assert not isinstance(raised, FallbackExhaustedError)
    assert raised.status_code == 503
    assert [(a.model, a.number, a.status) for a in raised.attempts] == [
        ("openai/gpt-4", 1, 500),
        ("openai/gpt-4", 2, 503),
    ]
    assert (raised.provider, raised.model) == ("openai", "openai/gpt-4")


def test_a_chain_raises_exhausted_as_the_last_error(driver):
    """`except openai.RateLimitError` and `except FallbackExhaustedError` both catch it."""
    raised, _ = ask(
        driver, failed(500), Answer(error=REFUSED), failed(429, x_request_id="req_9"), fallback_models=CHAIN
    )
    assert isinstance(raised, FallbackExhaustedError)
    assert isinstance(raised, openai.RateLimitError)
    assert (raised.status_code, raised.request_id) == (429, "req_9")
    assert [a.model for a in raised.attempts] == ["openai/gpt-4", *CHAIN]
    assert raised.__cause__ is raised.attempts[-1].error
    assert str(raised) == (
        "all models failed: openai/gpt-4 (try 1): InternalServerError: Error code: 500 - status 500; "
        "groq/llama (try 1): APIConnectionError: connection refused; "
        "deepseek/chat (try 1): RateLimitError: Error code: 429 - status 429"
    )
    assert (raised.provider, raised.model) == ("deepseek", "deepseek/chat")


def test_a_final_error_down_the_chain(driver):
    """A fallback's 400 ends the call: the error says what both did."""
    raised, script = ask(driver, failed(500), failed(400), fallback_models=CHAIN)
    assert isinstance(raised, FallbackExhaustedError)
    assert isinstance(raised, openai.BadRequestError)
    assert len(script.calls) == 2


def test_no_candidates(driver):
    raised, _ = run(driver, request_of(), on=[])
    assert str(raised) == "nothing was tried: no candidates"


# ------------------------------------------------------------------------------------- credentials


@pytest.mark.parametrize("params", [{}, {"fallback_models": ["groq/llama"]}, {"retries": 3}], ids=str)
def test_missing_credentials_of_the_primary(driver, monkeypatch, params):
    """Raised before any I/O, naming the variable."""
    monkeypatch.delenv("OPENAI_API_KEY")
    raised, script = ask(driver, **params)
    assert isinstance(raised, MissingCredentialsError)
    assert isinstance(raised, openai.AuthenticationError)
    assert "OPENAI_API_KEY" in str(raised)
    assert "muxi_llm.openai_api_key" in str(raised)
    assert script.calls == []


def test_missing_credentials_of_a_fallback(driver, monkeypatch):
    """That candidate is skipped, at no cost, and recorded."""
    monkeypatch.delenv("GROQ_API_KEY")
    value, script = ask(driver, failed(500), said("c"), fallback_models=CHAIN, retries=0)
    assert text_of(value) == "c"
    assert len(script.calls) == 2
    assert [(a.model, a.skipped) for a in value.muxi.attempts] == [
        ("openai/gpt-4", False),
        ("groq/llama", True),
        ("deepseek/chat", False),
    ]
    assert value.muxi.attempts[1].reason.startswith("skipped, MissingCredentialsError: no API key for groq")


def test_missing_credentials_never_hide_the_real_error(driver, monkeypatch):
    """The chain's error is the last one that came from a provider."""
    monkeypatch.delenv("GROQ_API_KEY")
    raised, _ = ask(driver, failed(503), fallback_models=["groq/llama"])
    assert isinstance(raised, FallbackExhaustedError)
    assert isinstance(raised, openai.InternalServerError)
    assert raised.status_code == 503
    assert [a.skipped for a in raised.attempts] == [False, True]


def test_a_fallback_that_cannot_serve_the_request_is_skipped(driver):
    """The same for one without tools, whatever `retries` says."""
    tools = [{"type": "function", "function": {"name": "f"}}]
    weak = candidate(tools_support=False)
    request = request_of(Limits(retries=2), tools=tools)
    raised, script = run(driver, request, *[failed(500)] * 3, on=[candidate("strong"), weak])
    assert [(a.model, a.skipped) for a in raised.attempts][-1] == ("weak/model", True)
    assert len(script.calls) == 3


# ------------------------------------------------------------------------ telling about fallbacks


def test_fallback_callback(driver):
    """Called with (failed, next, error) for each fallback, not for retries."""
    told: list[Any] = []
    config = {"fallback_callback": lambda *news: told.append(news)}
    ask(driver, *[failed(500)] * 4, said(), retries=1, fallback_models=CHAIN, fallback_config=config)
    assert [(failed_model, following) for failed_model, following, _ in told] == [
        ("openai/gpt-4", "groq/llama"),
        ("groq/llama", "deepseek/chat"),
    ]
    assert all(isinstance(error, openai.InternalServerError) for _, _, error in told)


def test_fallback_callback_may_be_a_coroutine_function(driver):
    """Awaited on the async face; on the sync face it may not suspend."""
    told: list[Any] = []

    async def callback(*news: Any) -> None:
        told.append(news[:2])

    value, _ = ask(
        driver, failed(500), said(), fallback_models=CHAIN, fallback_config={"fallback_callback": callback}
    )
    assert text_of(value) == "Hi"
    assert told == [("openai/gpt-4", "groq/llama")]


def test_what_a_callback_raises_reaches_the_caller(driver):
    """A way to stop a chain; nothing more is sent."""

    def callback(*_: Any) -> None:
        raise LookupError("stop here")

    raised, script = ask(
        driver, failed(500), fallback_models=CHAIN, fallback_config={"fallback_callback": callback}
    )
    assert isinstance(raised, LookupError)
    assert len(script.calls) == 1


def test_log_fallbacks(driver, caplog):
    """One INFO line for each fallback, with neither prompt nor key nor the provider's words in it."""
    caplog.set_level(logging.INFO, "muxi_llm")
    messages = [{"role": "user", "content": "my secret"}]
    ask(
        driver,
        failed(500),
        said(),
        messages=messages,
        fallback_models=CHAIN,
        fallback_config={"log_fallbacks": True},
    )
    assert [(r.levelname, r.getMessage()) for r in caplog.records if r.name == "muxi_llm"] == [
        ("INFO", "openai/gpt-4 failed (InternalServerError), falling back on groq/llama")
    ]


def test_nothing_is_logged_unasked(driver, caplog):
    caplog.set_level(logging.INFO, "muxi_llm")
    ask(driver, failed(500), said(), fallback_models=CHAIN)
    assert [r for r in caplog.records if r.name == "muxi_llm"] == []


@pytest.mark.parametrize(
    ("config", "hint"),
    [
        ({"max_fallback": 1}, "did you mean 'max_fallbacks'?"),
        ({"retryable_errors": []}, "did you mean 'retriable_errors'?"),
        ({"zzz": 1}, "known: retriable_errors, max_fallbacks, log_fallbacks, fallback_callback, deadline"),
        (["max_fallbacks"], "must be a dict"),
    ],
    ids=str,
)
def test_fallback_config_is_checked(driver, config, hint):
    raised, script = ask(driver, fallback_models=CHAIN, fallback_config=config)
    assert isinstance(raised, TypeError)
    assert hint in str(raised)
    assert script.calls == []


# --------------------------------------------------------------------------------- config.fallback


def test_default_chain_of_the_configuration(driver):
    """Used where a call names no fallbacks; the primary is not tried twice."""
    muxi_llm.config.fallback = {
        "default_chains": {"chat": ["openai/gpt-4", "groq/llama"], "embedding": ["mistral/e"]}
    }
    value, script = ask(driver, failed(500), said("b"))
    assert (text_of(value), len(script.calls)) == ("b", 2)
    value, script = driver.scripted(
        Embedding, failed(500), Answer(json=embeddings()), model="openai/text-embedding-3-small", input="x"
    )
    assert value.muxi.model == "mistral/e"


@pytest.mark.parametrize(
    "params",
    [{"fallback_models": []}, {"model": ["openai/gpt-4"], "fallback_models": ()}],
    ids=str,
)
def test_a_call_without_fallbacks_says_so_by_an_empty_list(driver, params):
    muxi_llm.config.fallback = {"default_chains": {"chat": ["groq/llama"]}, "max_retries": 0}
    raised, script = ask(driver, failed(500), **params)
    assert isinstance(raised, openai.InternalServerError)
    assert len(script.calls) == 1


def test_own_fallbacks_replace_the_default_chain(driver):
    muxi_llm.config.fallback = {"default_chains": {"chat": ["groq/llama"]}}
    value, _ = ask(driver, failed(500), claude_said("c"), fallback_models=["anthropic/claude-sonnet-4-5"])
    assert value.muxi.model == "anthropic/claude-sonnet-4-5"


def test_max_retries_and_retry_delay_of_the_configuration(driver):
    """They stand in for `retries` and the base of the back-off; the call's own `retries` wins."""
    muxi_llm.config.fallback = {"max_retries": 3, "retry_delay": 0.001}
    _, script = ask(driver, *[failed(500)] * 4)
    assert all(0 <= pause <= most for pause, most in zip(script.slept, [0.001, 0.002, 0.004], strict=True))
    _, script = ask(driver, *[failed(500)] * 8, model=["openai/gpt-4", "groq/llama"])
    assert len(script.calls) == 8
    _, script = ask(driver, failed(500), retries=0)
    assert len(script.calls) == 1


def test_disabled_configuration_has_no_effect(driver):
    muxi_llm.config.fallback = {
        "enabled": False,
        "default_chains": {"chat": ["groq/llama"]},
        "max_retries": 0,
    }
    raised, script = ask(driver, *[failed(500)] * 3)
    assert [call.url.split("/")[2] for call in script.calls] == ["api.openai.com"] * 3
    assert not isinstance(raised, FallbackExhaustedError)


# ------------------------------------------------------------------------------------ who is asked


@pytest.mark.parametrize(
    ("model", "provider", "asked"),
    [
        ("m", "mistral", "mistral/m"),
        ("groq/m", "mistral", "groq/m"),
        (None, "mistral", "mistral/*"),
        (["m", "groq/o"], "mistral", "mistral/m"),
        (5, "mistral", 5),
    ],
)
def test_who_is_asked_where_the_model_does_not_say(model, provider, asked):
    endpoint = "file.list" if model is None else "image"
    first, *_ = models_of(endpoint, model, {"provider": provider}, muxi_llm.config.settings())
    assert first == asked


@pytest.mark.parametrize("provider", ["", 5])
def test_a_provider_that_is_no_name(provider):
    with pytest.raises(muxi_llm.InvalidRequestError, match="provider must be a provider's name"):
        models_of("image", "m", {"provider": provider}, muxi_llm.config.settings())
