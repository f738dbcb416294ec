"""From a face's arguments to a call: the chain, its limits, the port it goes over; and what an import loads."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from typing import Any

import pytest

import muxi_llm
from muxi_llm import ChatCompletion, config, errors, runtime
from muxi_llm.core.step import CoreSuspended
from muxi_llm.runtime import AdaptationWarning, Runtime, prepare
from muxi_llm.transport.scripted import Answer, Scripted
from tests.support import bodies
from tests.support.process import echo, run_script
from tests.support.upstream import Upstream

HI = [{"role": "user", "content": "Hi"}]


def prepared(model: Any = "openai/gpt-4", **params: Any) -> Any:
    """A chat call, ready to run."""
    return prepare("chat", {"model": model, "messages": HI, **params})


def chain(model: Any = "openai/gpt-4", **params: Any) -> list[str]:
    """The models it would try."""
    return [str(candidate.ref) for candidate in prepared(model, **params).candidates]


# ------------------------------------------------------------------------------------- the chain

CHAINS: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "a model": ("groq/a", {}, ["groq/a"]),
    "no prefix is OpenAI's": ("gpt-4", {}, ["openai/gpt-4"]),
    "fallbacks": (
        "groq/a",
        {"fallback_models": ["mistral/b", "gpt-4"]},
        ["groq/a", "mistral/b", "openai/gpt-4"],
    ),
    "a list of models": (["groq/a", "mistral/b"], {}, ["groq/a", "mistral/b"]),
    "a list and fallbacks": (
        ["groq/a", "groq/b"],
        {"fallback_models": ["groq/c"]},
        ["groq/a", "groq/b", "groq/c"],
    ),
    "as many as wanted": (
        "groq/a",
        {"fallback_models": ["groq/b", "groq/c"], "fallback_config": {"max_fallbacks": 1}},
        ["groq/a", "groq/b"],
    ),
    "none wanted": (
        "groq/a",
        {"fallback_models": ["groq/b"], "fallback_config": {"max_fallbacks": 0}},
        ["groq/a"],
    ),
    "an empty list": ("groq/a", {"fallback_models": []}, ["groq/a"]),
}


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(("model", "params", "expected"), CHAINS.values(), ids=CHAINS)
def test_the_chain(model: Any, params: dict[str, Any], expected: list[str]) -> None:
    """The model or models, then the fallbacks."""
    assert chain(model, **params) == expected


DEFAULTS: dict[str, tuple[Any, dict[str, Any], list[str]]] = {
    "where the call names none": ("groq/a", {}, ["groq/a", "openai/gpt-4", "mistral/b"]),
    "but not the model itself again": ("openai/gpt-4", {}, ["openai/gpt-4", "mistral/b"]),
    "not where the call names some": ("groq/a", {"fallback_models": ["groq/b"]}, ["groq/a", "groq/b"]),
    "not where the call wants none": ("groq/a", {"fallback_models": []}, ["groq/a"]),
    "not where the model is a list": (["groq/a"], {}, ["groq/a", "openai/gpt-4", "mistral/b"]),
    "not where the model is a longer list": (["groq/a", "groq/b"], {}, ["groq/a", "groq/b"]),
    "as many as wanted": ("groq/a", {"fallback_config": {"max_fallbacks": 1}}, ["groq/a", "openai/gpt-4"]),
}


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(("model", "params", "expected"), DEFAULTS.values(), ids=DEFAULTS)
def test_the_default_chain(model: Any, params: dict[str, Any], expected: list[str]) -> None:
    """Of the configuration, for its kind of call."""
    config.fallback = {"default_chains": {"chat": ["openai/gpt-4", "mistral/b"], "embedding": ["openai/e"]}}
    assert chain(model, **params) == expected


WRONG: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "no models": ([], {}, errors.InvalidModelError, "model must be .provider/model. or a list"),
    "no model": (None, {}, errors.InvalidModelError, "model must be 'provider/model', not None"),
    "a number": (["openai/a", 5], {}, errors.InvalidModelError, "not 5"),
    "a string of fallbacks": ("openai/a", {"fallback_models": "openai/b"}, errors.InvalidRequestError, "must be a list of models, not str"),
    "an unknown provider": ("opnai/a", {}, errors.InvalidModelError, "did you mean openai"),
    "an unknown fallback": ("openai/a", {"fallback_models": ["opnai/b"]}, errors.InvalidModelError, "did you mean openai"),
    "no key": ("cohere/a", {}, errors.MissingCredentialsError, "set CO_API_KEY or COHERE_API_KEY"),
    "unknown settings": ("openai/a", {"fallback_config": {"max_fallback": 1}}, TypeError, "did you mean 'max_fallbacks'"),
    "settings that are none": ("openai/a", {"fallback_config": [1]}, TypeError, "must be a dict, not list"),
    "retries below 0": ("openai/a", {"retries": -1}, errors.InvalidRequestError, "retries must be a whole number"),
    "half a retry": ("openai/a", {"retries": 0.5}, errors.InvalidRequestError, "retries must be a whole number"),
    "no time": ("openai/a", {"timeout": 0}, errors.InvalidRequestError, "timeout must be seconds above 0, not 0"),
    "time that is none": ("openai/a", {"timeout": float("nan")}, errors.InvalidRequestError, "not nan"),
    "a text of time": ("openai/a", {"timeout": "5"}, errors.InvalidRequestError, "not '5'"),
    "a deadline before now": ("openai/a", {"fallback_config": {"deadline": -1}}, errors.InvalidRequestError, "deadline"),
}  # fmt: skip


@pytest.mark.parametrize(("model", "params", "kind", "told"), WRONG.values(), ids=WRONG)
def test_what_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, model: Any, params: dict[str, Any], kind: type[Exception], told: str
) -> None:
    """With the name of what is wrong."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    with muxi_llm.runtime.using(Scripted()) as script, pytest.raises(kind, match=told):
        ChatCompletion.create(model=model, messages=HI, **params)
    assert script.calls == []


@pytest.mark.usefixtures("keys")
def test_the_calls_key_and_url_go_to_its_own_provider_only() -> None:
    """A fallback elsewhere has that provider's own."""
    call = prepared(
        "groq/a", fallback_models=["groq/b", "openai/c"], api_key="sk-mine", base_url="http://mine/v1/"
    )
    assert [(c.provider.api_key, c.provider.base_url) for c in call.candidates] == [
        ("sk-mine", "http://mine/v1"),
        ("sk-mine", "http://mine/v1"),
        ("sk-openai", "https://api.openai.com/v1"),
    ]


@pytest.mark.usefixtures("keys")
def test_with_a_base_url_an_unknown_prefix_is_part_of_the_name() -> None:
    """As on a server that serves `meta-llama/...`."""
    assert chain("meta-llama/Llama-3", base_url="http://mine/v1") == ["openai/meta-llama/Llama-3"]


def test_whether_any_provider_is_configured(monkeypatch: pytest.MonkeyPatch) -> None:
    """One key of one provider is enough."""
    assert not runtime.any_key()
    monkeypatch.setenv("GROQ_API_KEY", "sk-1")
    assert runtime.any_key()


# ---------------------------------------------------------------------------------------- limits

LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = {
    "as they come": (
        {},
        {},
        {"retries": 2, "retry_delay": 0.5, "timeout": 600.0, "deadline": None, "retriable": ()},
    ),
    "fewer with fallbacks": ({"fallback_models": ["openai/b"]}, {}, {"retries": 0}),
    "the call's own": ({"retries": 5, "timeout": 3}, {"max_retries": 1}, {"retries": 5, "timeout": 3.0}),
    "none wanted": ({"retries": 0}, {"max_retries": 1}, {"retries": 0}),
    "of the configuration": ({}, {"max_retries": 1, "retry_delay": 2}, {"retries": 1, "retry_delay": 2}),
    "of the configuration with fallbacks": (
        {"fallback_models": ["openai/b"]},
        {"max_retries": 1},
        {"retries": 1},
    ),
    "of fallback_config": (
        {"fallback_config": {"deadline": 9, "retriable_errors": [KeyError]}},
        {},
        {"deadline": 9.0, "retriable": (KeyError,)},
    ),
}


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(("params", "configured", "expected"), LIMITS.values(), ids=LIMITS)
def test_the_limits(params: dict[str, Any], configured: dict[str, Any], expected: dict[str, Any]) -> None:
    """What the call says, then the configuration, then the defaults."""
    config.fallback = configured
    limits = prepared(**params).request.limits
    assert {name: getattr(limits, name) for name in expected} == expected


def test_a_timeout_without_end(monkeypatch: pytest.MonkeyPatch, upstream: Upstream) -> None:
    """Infinity is a way to say that there is none."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.url)
    upstream.respond = echo
    for transport in ("auto", "httpx2", "fast", "direct"):
        config.transport = transport
        answer = ChatCompletion.create(model="openai/gpt-4", messages=HI, timeout=float("inf"))
        assert answer.choices[0].message.content == "Hi"


FAILED = Answer(503, json=bodies.error("your prompt: secret"))
FALLING_BACK = {"model": "openai/a", "messages": HI, "fallback_models": ["openai/b"]}


@pytest.mark.usefixtures("keys")
def test_an_async_callback_needs_the_async_face(driver: Any) -> None:
    """It is awaited there, and is refused by the sync one with the reason."""

    async def callback(*_: Any) -> None:
        await asyncio.sleep(0)

    answer, _ = driver.scripted(
        ChatCompletion,
        FAILED,
        Answer(json=bodies.chat()),
        **FALLING_BACK,
        fallback_config={"fallback_callback": callback},
    )
    if driver.kind == "async":
        assert answer.muxi.model == "openai/b"
    else:
        assert isinstance(answer, CoreSuspended)
        assert "use the async face" in str(answer)


# -------------------------------------------------------------------------------------- warnings


@pytest.mark.usefixtures("keys")
def test_a_loss_is_warned_of_where_the_call_stands(driver: Any) -> None:
    """The warning points at the caller's own line."""
    image = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}
    messages = [{"role": "user", "content": [{"type": "text", "text": "Hi"}, image]}]
    with pytest.warns(AdaptationWarning, match=r"^deepseek/a: messages\[0\]") as caught:
        driver.scripted(ChatCompletion, Answer(json=bodies.chat()), model="deepseek/a", messages=messages)
    assert len(caught) == 1
    assert caught[0].filename.endswith("tests/conftest.py")


# ----------------------------------------------------------------------------------------- using


@pytest.mark.usefixtures("keys")
def test_using_is_nested_and_ends_with_its_block() -> None:
    """Even when that ends with an exception."""
    outer, inner = Scripted(Answer(json=bodies.chat())), Scripted(Answer(json=bodies.chat()))
    with runtime.using(outer):
        with runtime.using(inner) as given:
            assert given is inner
            ChatCompletion.create(model="openai/a", messages=HI)
        with pytest.raises(AssertionError, match="the script has no answer"), runtime.using(inner):
            ChatCompletion.create(model="openai/a", messages=HI)
        ChatCompletion.create(model="openai/b", messages=HI)
    assert [body["model"] for body in inner.bodies] == ["a", "a"]
    assert [body["model"] for body in outer.bodies] == ["b"]


def test_using_is_seen_by_its_own_context_only() -> None:
    """Not by another thread."""
    seen: list[Any] = []
    with runtime.using(Scripted()):
        thread = threading.Thread(target=lambda: seen.append(runtime._scripted.get()))
        thread.start()
        thread.join()
    assert seen == [None]


# ------------------------------------------------------------------------------------- transports

KINDS = {
    ("httpx2", True): "BlockingHttpx2",
    ("httpx2", False): "AsyncHttpx2",
    ("fast", True): "BlockingFast",
    ("fast", False): "AsyncFast",
    ("auto", True): "BlockingPool",
    ("auto", False): "AsyncPool",
}


@pytest.mark.parametrize(("transport", "blocking"), KINDS)
def test_a_port_by_name(transport: str, blocking: bool) -> None:
    """Made once; `auto` is never the fast one."""
    made = Runtime()
    port: Any = made.port(transport, blocking=blocking)
    assert type(port._transport).__name__ == KINDS[transport, blocking]
    assert made.port(transport, blocking=blocking) is port
    if "Blocking" in KINDS[transport, blocking] and hasattr(port._transport, "close"):
        port._transport.close()


@pytest.mark.parametrize("used", [(), ("httpx2",), ("fast",), ("auto",)])
def test_after_a_fork(used: tuple[str, ...]) -> None:
    """New ports, and never the fast one where pyreqwest was there before: what it hangs on is gone."""
    made = Runtime()
    before = [made.port(transport, blocking=False) for transport in used]
    assert "pyreqwest" in sys.modules
    made.after_fork()
    port: Any = made.port("fast", blocking=False)
    assert port not in before
    assert type(port._transport).__name__ == "AsyncPool"


def test_a_child_may_choose_the_fast_transport_first() -> None:
    """Where its parent never loaded it."""
    with Upstream(echo) as provider:
        done = run_script(FORKED, provider, MUXI_LLM_TRANSPORT="fast")
    assert (done.stdout.split(), done.stderr) == (["Hi", "True", "0"], "")


FORKED = """
    import os, sys
    import muxi_llm, muxi_llm.runtime

    def ask():
        hi = [{"role": "user", "content": "Hi"}]
        return muxi_llm.ChatCompletion.create(model="openai/gpt-4", messages=hi).choices[0].message.content

    child = os.fork()
    if not child:
        print(ask(), "pyreqwest" in sys.modules, flush=True)
        os._exit(0)
    print(os.waitpid(child, 0)[1])
"""


CALL = """
    import sys
    {before}
    import muxi_llm
    {then}
    answer = muxi_llm.ChatCompletion.create(model="openai/gpt-4", messages=[{{"role": "user", "content": "Hi"}}])
    print(answer.choices[0].message.content, bool(sys.modules.get("pyreqwest")))
"""
ABSENT = "sys.modules['pyreqwest'] = None  # as if it were not installed"
CHOICES: dict[str, tuple[str, str, dict[str, str], str]] = {
    "auto": ("", "", {}, "Hi False"),
    "the environment": ("", "", {"MUXI_LLM_TRANSPORT": "fast"}, "Hi True"),
    "the configuration": (
        "",
        "muxi_llm.config.transport = 'httpx2'",
        {"MUXI_LLM_TRANSPORT": "fast"},
        "Hi False",
    ),
    "auto without pyreqwest": (ABSENT, "", {}, "Hi False"),
}


@pytest.mark.parametrize(("before", "then", "environment", "printed"), CHOICES.values(), ids=CHOICES)
def test_which_transport_carries_the_call(
    before: str, then: str, environment: dict[str, str], printed: str
) -> None:
    """The configuration, then the environment; whatever is installed."""
    with Upstream(echo) as provider:
        done = run_script(CALL.format(before=before, then=then), provider, **environment)
    assert (done.stdout.strip(), done.stderr) == (printed, "")


def test_without_pyreqwest_the_fast_transport_says_what_to_install() -> None:
    """By its extra's name."""
    with Upstream(echo) as provider:
        done = run_script(CALL.format(before=ABSENT, then=""), provider, MUXI_LLM_TRANSPORT="fast")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "ImportError: the fast transport needs pyreqwest: pip install 'muxi-llm[fast]'"
    )


# ---------------------------------------------------------------------------------------- imports


def test_importing_the_package_loads_nothing_heavy() -> None:
    """No HTTP library, no openai package, no counting or retrying of tokens or calls; no network."""
    done = run_script("""
        import json, sys
        import muxi_llm
        print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
    """)
    assert done.stderr == ""
    heavy = {"openai", "anthropic", "httpx2", "httpx", "httpcore2", "pyreqwest", "pydantic", "pydantic_core"}
    heavy |= {"tiktoken", "tenacity", "orjson", "anyio", "asyncio", "logging", "ssl", "socket"}
    assert heavy & set(json.loads(done.stdout)) == set()


def test_every_public_name_resolves() -> None:
    """And is listed."""
    done = run_script("""
        import muxi_llm
        for name in muxi_llm.__all__:
            assert getattr(muxi_llm, name) is not None
            assert name in dir(muxi_llm)
        from muxi_llm import *
        print(len(muxi_llm.__all__) == len(set(muxi_llm.__all__)), ChatCompletion.__module__)
    """)
    assert (done.stdout, done.stderr) == ("True muxi_llm.chat_completion\n", "")


@pytest.mark.parametrize("module", ["config", "errors", "models", "providers", "runtime", "types", "utils"])
def test_submodules_resolve_as_attributes(module: str) -> None:
    """Without an import of their own."""
    done = run_script(f"import muxi_llm; print(muxi_llm.{module}.__name__)")
    assert (done.stdout, done.stderr) == (f"muxi_llm.{module}\n", "")


def test_a_name_that_does_not_exist() -> None:
    """Is told as Python does."""
    with pytest.raises(AttributeError, match="module 'muxi_llm' has no attribute 'nonsense'"):
        _ = muxi_llm.nonsense


STARTS = {
    "a face": (
        (
            "from muxi_llm import ChatCompletion; from muxi_llm.runtime import using\n"
            "from muxi_llm.transport.scripted import Answer, Scripted\n"
            "with using(Scripted(Answer(json=ANSWER))): ChatCompletion.create('openai/m', HELLO, api_key='k')"
        ),
        {"openai.resources.responses", "muxi_llm.wire.responses.inbound"},
    ),
    "a client": (
        (
            "from muxi_llm import OpenAI; from muxi_llm.runtime import using\n"
            "from muxi_llm.transport.scripted import Answer, Scripted\n"
            "chat = OpenAI(api_key='k', base_url='http://a.test').chat\n"
            "with using(Scripted(Answer(json=ANSWER))): chat.completions.create(model='m', messages=HELLO)"
        ),
        {"openai.resources.responses"},
    ),
}


@pytest.mark.parametrize("start", STARTS)
def test_a_first_call_loads_what_it_needs(start: str) -> None:
    """No other provider's wire, nothing for retries: starting is measured."""
    program, unneeded = STARTS[start]
    unneeded = unneeded | {"tenacity", "tiktoken"}
    unneeded |= {f"muxi_llm.providers.{name}" for name in ("google", "cohere", "amazon_bedrock", "replicate")}
    done = run_script(
        f"ANSWER, HELLO = {bodies.chat()!r}, {bodies.HELLO!r}\n{program}\nimport sys\nprint(*sys.modules)"
    )
    assert done.stderr == ""
    assert unneeded & set(done.stdout.split()) == set()
