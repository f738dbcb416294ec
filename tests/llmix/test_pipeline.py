"""The pipeline, step by step, on both faces."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from muxi_llm.errors import APIConnectionError, APITimeoutError, CircuitOpenError, RateLimitError
from muxi_llm.llmix import (
    CallInput,
    CallPipeline,
    DispatchInput,
    KeyPool,
    LLMUsage,
    PipelineConfig,
    ProviderResult,
)
from tests.llmix.support import CONFIG, HELLO, Script, ask, ask_for, pipeline_of, refused

# ------------------------------------------------------------------------------------ what goes in


def test_what_the_function_is_asked(face: str) -> None:
    """Provider, model, key, messages, kwargs by OpenAI's names, the config in snake case, the time it has."""
    script = Script()
    ask(face, pipeline_of(script), common={"temperature": 0, "maxOutputTokens": 9}, timeout={"totalTime": 7})
    [asked] = script.asked
    assert (asked.provider, asked.model, asked.api_key, asked.messages) == (
        "openai",
        "gpt-4o-mini",
        "sk-1",
        HELLO,
    )
    assert {name: value for name, value in asked.kwargs.items() if value is not None} == {
        "temperature": 0,
        "max_tokens": 9,
    }
    assert asked.config["common"] == {"temperature": 0, "max_output_tokens": 9}
    assert 6 < asked.timeout <= 7


@pytest.mark.parametrize(
    "common",
    [
        {
            "maxOutputTokens": 5,
            "topP": 0.5,
            "topK": 3,
            "stopSequences": ["x"],
            "presencePenalty": 1,
            "seed": 2,
        },
        {
            "max_output_tokens": 5,
            "top_p": 0.5,
            "top_k": 3,
            "stop_sequences": ["x"],
            "presence_penalty": 1,
            "seed": 2,
        },
    ],
    ids=["camel", "snake"],
)
def test_both_spellings_mean_the_same(common: dict[str, Any]) -> None:
    """Whichever way a config is written."""
    script = Script()
    ask("sync", pipeline_of(script), common=common)
    kwargs = {name: value for name, value in script.asked[0].kwargs.items() if value is not None}
    assert kwargs == {
        "max_tokens": 5, "top_p": 0.5, "top_k": 3, "stop": ["x"], "presence_penalty": 1, "seed": 2,
    }  # fmt: skip


def test_a_transformation_of_ones_own_wins() -> None:
    """Over the table's."""
    script = Script()
    pipeline = pipeline_of(
        script, transform_kwargs_overrides={"openai": lambda context, kwargs: {"got": context["messages"]}}
    )
    ask("sync", pipeline)
    assert script.asked[0].kwargs == {"got": HELLO}


def test_the_effective_base_url_is_the_transformations() -> None:
    """It is what breakers are told apart by."""
    pipeline = CallPipeline(PipelineConfig(Script()))
    pipeline.set_key_pool("sno-gpu", KeyPool(["k"]))
    config = {"provider": "sno-gpu", "model": "m", "baseUrl": "https://gpu.test/v1/"}
    assert pipeline.call_sync(CallInput(config, HELLO)).success
    assert pipeline.get_circuit_breaker_state("sno-gpu", "https://gpu.test/v1") == "CLOSED"
    assert pipeline.get_circuit_breaker_state("sno-gpu") is None


# ----------------------------------------------------------------------------------- what comes out


def test_an_answer(face: str) -> None:
    """Everything a result says, and how it came about."""
    calls = [{"id": "1"}]
    script = Script(ProviderResult("<think>hm</think> Hi", "gpt-4o", LLMUsage(1, 2, 3), {}, calls))
    response = ask(face, pipeline_of(script))
    assert (response.content, response.thinking_content) == ("Hi", "hm")
    assert (response.model, response.provider) == ("gpt-4o", "openai")
    assert response.usage == LLMUsage(1, 2, 3)
    assert (response.success, response.error, response.cache_hit) == (True, None, None)
    assert (response.tool_calls, response.attempts) == (calls, 1)
    assert response.latency_ms > 0


def test_thinking_may_stay() -> None:
    """`keepThinkingOutput`."""
    response = ask("sync", pipeline_of(Script("<think>a</think>b")), common={"keepThinkingOutput": True})
    assert (response.content, response.thinking_content) == ("<think>a</think>b", None)


def test_no_content_is_empty_content() -> None:
    """As with an answer that is tool calls alone."""
    result = ProviderResult(None, "m", tool_calls=[{"id": "1"}])  # type: ignore[arg-type]
    assert ask("sync", pipeline_of(Script(result))).content == ""


def test_a_failure(face: str) -> None:
    """Its words, its status, its class; nothing is raised."""
    response = ask(face, pipeline_of(Script(refused(400, "bad prompt"))))
    assert (response.success, response.content, response.usage) == (False, "", LLMUsage())
    assert (response.error, response.status_code, response.attempts) == ("bad prompt", 400, 1)
    assert (response.model, response.provider) == ("gpt-4o-mini", "openai")
    assert response.exception is not None


def test_a_cancellation_is_raised() -> None:
    """The one thing that is."""

    async def for_ever(_: DispatchInput) -> ProviderResult:
        await asyncio.Event().wait()
        raise AssertionError

    async def main() -> None:
        task = asyncio.create_task(pipeline_of(for_ever).call(CallInput(CONFIG, HELLO)))
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())


@pytest.mark.parametrize(
    ("config", "error"),
    [
        ({"provider": ""}, "config.provider must be a name, not ''"),
        ({"model": None}, "config.model must be a name, not None"),
        ({"timeout": {"totalTime": 0}}, "config.timeout.total_time must be seconds above 0, not 0"),
        ({"common": {"maxRetries": -1}}, "config.common.max_retries must be a whole number from 0, not -1"),
        ({"provider": "groq"}, "No API key pool for provider groq."),
        ({"provider": "sno-gpu"}, "sno-gpu provider requires a non-empty base_url"),
        (
            {
                "provider": "anthropic",
                "providerOptions": {"anthropic": {"thinking": {"type": "enabled", "budgetTokens": 5}}},
            },
            "anthropic thinking.budget_tokens must be a whole number from 1024, not 5",
        ),
    ],
    ids=["provider", "model", "timeout", "retries", "no pool", "no url", "budget"],
)
def test_a_config_that_cannot_be(face: str, config: dict[str, Any], error: str) -> None:
    """The response says what is wrong; the function is not asked."""
    script = Script()
    response = ask(face, pipeline_of(script), **config)
    assert not response.success
    assert error in str(response.error)
    assert script.asked == []


def test_a_config_that_is_none() -> None:
    """A bug of the caller's is a response too."""
    response = pipeline_of(Script()).call_sync(CallInput(None, HELLO))  # type: ignore[arg-type]
    assert response.error == "a config must be a mapping, not NoneType"
    assert (response.provider, response.model) == ("", "")


@pytest.mark.parametrize(
    "name",
    ["max_retries", "retry_base_ms", "retry_max_delay_ms", "retry_jitter_ms", "circuit_breaker_threshold"],
)
def test_a_pipeline_config_that_cannot_be(name: str) -> None:
    """Numbers below 0."""
    with pytest.raises(ValueError, match=f"{name} must be 0 or more, not -1"):
        PipelineConfig(Script(), **{name: -1})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"semaphore_initial": 0}, "semaphore_initial no less"),
        ({"semaphore_initial": 2}, "semaphore_initial no less"),
        ({"semaphore_initial": 2, "semaphore_min": 0}, "semaphore_min must be 1"),
        ({"circuit_breaker_cooldown_seconds": 0}, "must be above 0"),
    ],
    ids=repr,
)
def test_stages_that_cannot_be(wanted: dict[str, Any], error: str) -> None:
    """Are refused where they are set, not in every call's response."""
    with pytest.raises(ValueError, match=error):
        PipelineConfig(Script(), **wanted)


# ------------------------------------------------------------------------------------------ retries


@pytest.mark.parametrize("status", [408, 429, 500, 503, 529, None])
def test_tried_again(face: str, status: int | None) -> None:
    """As often as the pipeline says."""
    script = Script(refused(status))
    response = ask(face, pipeline_of(script, max_retries=2))
    assert len(script.asked) == response.attempts == 3


@pytest.mark.parametrize(
    "error",
    [
        refused(400),
        refused(404),
        refused(422),
        ValueError("v"),
        TypeError("t"),
        KeyError("k"),
        UserWarning("w"),
    ],
    ids=["400", "404", "422", "value", "type", "key", "warning"],
)
def test_not_tried_again(face: str, error: Exception) -> None:
    """What another try cannot help."""
    script = Script(error)
    assert ask(face, pipeline_of(script)).attempts == 1
    assert len(script.asked) == 1


def test_a_config_says_how_often(face: str) -> None:
    """`common.maxRetries` wins."""
    script = Script(refused(500))
    ask(face, pipeline_of(script, max_retries=5), common={"maxRetries": 1})
    assert len(script.asked) == 2


def test_the_pauses() -> None:
    """Doubling from the base, capped; what the provider asks for wins."""
    pipeline = pipeline_of(Script(), retry_base_ms=1000, retry_max_delay_ms=5000)
    assert [pipeline._pause(n) for n in (1, 2, 3, 4)] == [1, 2, 4, 5]
    script = Script(refused(500, retry_after="0"), "Hi")
    slow = pipeline_of(script, retry_base_ms=1e9, retry_max_delay_ms=1e9)
    assert ask("sync", slow).content == "Hi"


def test_time_runs_out(face: str) -> None:
    """`timeout.totalTime` bounds all attempts and pauses."""
    script = Script(refused(500))
    pipeline = pipeline_of(script, retry_base_ms=60_000, retry_max_delay_ms=60_000)
    response = ask(face, pipeline, timeout={"total_time": 5})
    assert (response.status_code, len(script.asked)) == (500, 1)


# --------------------------------------------------------------------------------------------- keys


@pytest.mark.parametrize("status", [401, 403, 429])
def test_another_key_in_the_same_call(face: str, status: int) -> None:
    """A key that is refused or limited costs no retry while there is another."""
    script = Script(refused(status), "Hi")
    response = ask(face, pipeline_of(script, keys=["a", "b"], max_retries=0))
    assert response.content == "Hi"
    assert script.keys == ["a", "b"]


def test_keys_take_turns(face: str) -> None:
    """One call each."""
    script = Script()
    pipeline = pipeline_of(script, keys=["a", "b"])
    for _ in range(3):
        ask(face, pipeline)
    assert script.keys == ["a", "b", "a"]


def test_dead_keys_stay_dead(face: str) -> None:
    """With none left the function is not asked."""
    script = Script(refused(401))
    pool = KeyPool(["a", "b"])
    pipeline = pipeline_of(script, keys=())
    pipeline.set_key_pool("openai", pool)
    assert ask(face, pipeline).status_code == 401
    assert pool.is_exhausted()
    response = ask(face, pipeline)
    assert response.error == "All 2 keys are dead (401/403). Replace keys or wait for provider resolution."
    assert script.keys == ["a", "b"]
    assert pipeline.get_circuit_breaker_state("openai") == "CLOSED"


def test_a_new_pool_replaces_the_old_one(face: str) -> None:
    """At once."""
    script = Script()
    pipeline = pipeline_of(script, keys=["a"])
    ask(face, pipeline)
    pipeline.set_key_pool("openai", KeyPool(["b"]))
    ask(face, pipeline)
    assert script.keys == ["a", "b"]


def test_a_function_with_a_key_of_its_own(face: str) -> None:
    """Needs no pool, and takes none."""
    script = Script()
    pipeline = pipeline_of(script, keys=(), bypass_key_pool_providers=frozenset({"openai"}))
    assert ask(face, pipeline).success
    assert script.keys == [""]
    with pytest.raises(ValueError, match="client="):
        pipeline.set_key_pool("openai", KeyPool(["a"]))
    pipeline.set_key_pool("google", KeyPool(["a"]))


# ---------------------------------------------------------------------------------- circuit breaker


def test_the_breaker_counts_calls(face: str) -> None:
    """One failure for each call, however many attempts it made; open, it asks nobody."""
    script = Script(refused(500))
    pipeline = pipeline_of(script, max_retries=1, circuit_breaker_threshold=2)
    ask(face, pipeline)
    assert pipeline.get_circuit_breaker_state("openai") == "CLOSED"
    ask(face, pipeline)
    assert pipeline.get_circuit_breaker_state("openai") == "OPEN"
    response = ask(face, pipeline)
    assert response.error == "Circuit breaker OPEN for (openai, )"
    assert isinstance(response.exception, CircuitOpenError)
    assert len(script.asked) == 4


def test_the_breaker_closes_again(face: str) -> None:
    """After its cool-down one call tries, and its success closes it."""
    script = Script(refused(500), "Hi")
    pipeline = pipeline_of(
        script, max_retries=0, circuit_breaker_threshold=1, circuit_breaker_cooldown_seconds=0.001
    )
    ask(face, pipeline)
    threading.Event().wait(0.002)
    assert pipeline.get_circuit_breaker_state("openai") == "HALF_OPEN"
    assert ask(face, pipeline).content == "Hi"
    assert pipeline.get_circuit_breaker_state("openai") == "CLOSED"


@pytest.mark.parametrize("error", [refused(400), refused(404), ValueError("v")], ids=["400", "404", "local"])
def test_what_does_not_trip_the_breaker(face: str, error: Exception) -> None:
    """Somebody who answers is there; a mistake of ours says nothing of them."""
    pipeline = pipeline_of(Script(error), circuit_breaker_threshold=1)
    ask(face, pipeline)
    assert pipeline.get_circuit_breaker_state("openai") == "CLOSED"


def test_a_limited_key_does_not_trip_the_breaker_while_another_is_free(face: str) -> None:
    """The last of them does."""
    pipeline = pipeline_of(Script(refused(429)), keys=["a", "b"], max_retries=0, circuit_breaker_threshold=1)
    ask(face, pipeline)
    assert pipeline.get_circuit_breaker_state("openai") == "OPEN"
    pipeline = pipeline_of(
        Script(refused(429), "Hi"), keys=["a", "b"], max_retries=0, circuit_breaker_threshold=1
    )
    ask(face, pipeline)
    assert pipeline.get_circuit_breaker_state("openai") == "CLOSED"


def test_no_breaker() -> None:
    """A threshold of 0."""
    pipeline = pipeline_of(Script(refused(500)), max_retries=0, circuit_breaker_threshold=0)
    for _ in range(5):
        assert ask("sync", pipeline).status_code == 500
    assert pipeline.get_circuit_breaker_state("openai") is None


def test_breakers_by_base_url(face: str) -> None:
    """One server's failures are not another's."""
    pipeline = pipeline_of(Script(refused(500), "Hi"), max_retries=0, circuit_breaker_threshold=1)
    ask(face, pipeline, baseUrl="http://a.test/v1")
    assert ask(face, pipeline, base_url="http://b.test/v1").content == "Hi"
    assert pipeline.get_circuit_breaker_state("openai", "http://a.test/v1/") == "OPEN"


# ------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused(429), RateLimitError),
        (refused(None), APIConnectionError),
        (TimeoutError(), APITimeoutError),
    ],
    ids=["429", "no status", "timeout"],
)
def test_exceptions_are_openais(error: Exception, kind: type[Exception]) -> None:
    """As everywhere here."""
    response = ask("sync", pipeline_of(Script(error), max_retries=0))
    assert isinstance(response.exception, kind)


def test_closing(face: str) -> None:
    """At once, or awaited; the pipeline may go on being used."""
    pipeline = pipeline_of(Script())
    pipeline.close()

    async def main() -> None:
        await pipeline.close()

    asyncio.run(main())
    assert ask_for(face, pipeline, CallInput(CONFIG, HELLO)).success
