"""`muxi_llm.config.models`: names of one's own, on every face, chosen among as a gateway chooses."""

from __future__ import annotations

import os
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

import muxi_llm
from muxi_llm import ChatCompletion, Embedding, OpenAI, errors, groups, runtime
from muxi_llm.transport.scripted import Answer, Scripted
from tests.support import bodies
from tests.support.process import run_script

if TYPE_CHECKING:
    from collections.abc import Iterator

HELLO: Any = [{"role": "user", "content": "Hello"}]
IMAGE: Any = [
    {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}]}
]


NAMES = count()


def deployment(name: str, **given: Any) -> dict[str, Any]:
    return {
        "name": f"{name}{next(NAMES)}",
        "model": f"openai/{name}",
        "api_key": f"sk-{name}",
        "base_url": f"http://{name}.test/v1",
        **given,
    }


@pytest.fixture
def models() -> Iterator[dict[str, Any]]:
    given: dict[str, Any] = {
        "fast": {"strategy": "in-order", "deployments": [deployment("a"), deployment("b")]}
    }
    muxi_llm.config.models = given
    yield given
    muxi_llm.config.models = {}


def said(text: str = "Hi") -> Answer:
    return Answer(json=bodies.chat(text))


def asked(script: Scripted) -> list[str]:
    return [call.url.split("/")[2].removesuffix(".test") for call in script.calls]


def test_a_name_is_its_deployments_and_the_next_one_answers(models: dict[str, Any]) -> None:
    script = Scripted(Answer(status=500), said())
    with runtime.using(script):
        answer = ChatCompletion.create(model="fast", messages=HELLO)
    assert answer.muxi.model == "openai/b"
    assert asked(script) == ["a", "b"]
    assert [call.headers["authorization"] for call in script.calls] == ["Bearer sk-a", "Bearer sk-b"]
    assert models


def test_what_is_known_lasts_and_a_changed_setting_goes_on_with_it(models: dict[str, Any]) -> None:
    script = Scripted(Answer(status=429), *(said() for _ in range(3)))
    with runtime.using(script):
        ChatCompletion.create(model="fast", messages=HELLO)
        ChatCompletion.create(model="fast", messages=HELLO)
        models["fast"]["deployments"].append(deployment("c"))
        ChatCompletion.create(model="fast", messages=HELLO)
    assert asked(script) == ["a", "b", "b", "b"], "a cools down"


def test_the_drop_in_clients_know_the_names_too(models: dict[str, Any]) -> None:
    script = Scripted(said(), said("there"))
    with runtime.using(script):
        client = OpenAI(api_key="sk-own", max_retries=0)
        assert client.chat.completions.create(model="fast", messages=HELLO).choices[0].message.content == "Hi"
        assert client.responses.create(model="fast", input="Hello").output_text == "there"
    assert asked(script) == ["a", "a"]
    assert models


def test_names_stand_in_chains_and_have_fallbacks(
    models: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    models["slow"] = {"deployments": [deployment("c")]}
    models["fast"]["fallbacks"] = ["slow"]
    script = Scripted(*(Answer(status=500) for _ in range(3)), said())
    with runtime.using(script):
        ChatCompletion.create(model="fast", messages=HELLO, fallback_models=["openai/gpt-4"], retries=0)
    assert asked(script)[:3] == ["a", "b", "c"]


def test_who_cannot_see_is_not_shown_anything(models: dict[str, Any]) -> None:
    models["fast"]["deployments"][0]["vision"] = False
    models["fast"]["deployments"][1]["context"] = 5000
    script = Scripted(said(), said())
    with runtime.using(script):
        ChatCompletion.create(model="fast", messages=IMAGE)
        ChatCompletion.create(model="fast", messages=HELLO)
        with pytest.raises(errors.InvalidRequestError, match="it sees no images"):
            ChatCompletion.create(model="fast", messages=IMAGE, max_tokens=6000)
    assert asked(script) == ["b", "a"]


def test_other_endpoints_and_other_names_are_as_ever(models: dict[str, Any]) -> None:
    script = Scripted(Answer(json=bodies.embeddings([0.5])), said())
    with runtime.using(script):
        assert Embedding.create(model="fast", input="x").data[0].embedding == [0.5]
        ChatCompletion.create(model="openai/gpt-4", messages=HELLO, api_key="sk-1")
    assert Counter(asked(script)) == {"a": 1, "api.openai.com": 1}
    assert models


def test_a_session_stays_where_it_is(models: dict[str, Any]) -> None:
    models["fast"]["strategy"] = "round-robin"
    script = Scripted(*(said() for _ in range(4)))
    with runtime.using(script):
        for _ in range(4):
            ChatCompletion.create(model="fast", messages=HELLO, prompt_cache_key="mine")
    assert len(set(asked(script))) == 1


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_forked_child_has_locks_of_its_own() -> None:
    ended = run_script(
        """
        import os, signal, threading
        import muxi_llm
        from muxi_llm import groups

        muxi_llm.config.models = {"fast": {"deployments": [{"model": "openai/a", "api_key": "sk-1"}]}}
        routes = groups._routes()
        held, go = threading.Event(), threading.Event()

        def hold():
            with groups._known.lock, routes.lock:
                held.set()
                go.wait()

        threading.Thread(target=hold, daemon=True).start()
        held.wait()
        child = os.fork()
        if not child:
            signal.alarm(60)
            os._exit(0 if groups.choose("fast", {}) else 1)
        assert os.waitpid(child, 0)[1] == 0
        """
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("setting", "said_so"),
    [
        ([], "must be a dict"),
        (
            {"fast": {"strategy": "fastest", "deployments": [{"model": "openai/x"}]}},
            "must be one of in-order",
        ),
        ({"fast": {"deployments": []}}, "a list of deployments"),
        ({"fast": {"deployment": []}}, "did you mean 'deployments'"),
        ({"fast": {"deployments": [{"model": "openai/x", "wieght": 1}]}}, "did you mean 'weight'"),
        ({"fast": {"deployments": [{"name": "x"}]}}, "must be 'provider/model'"),
    ],
)
def test_a_setting_that_cannot_be_says_which(models: dict[str, Any], setting: Any, said_so: str) -> None:
    muxi_llm.config.models = setting or [1]  # type: ignore[assignment]
    if setting:
        assert models
    with pytest.raises((TypeError, ValueError), match=said_so):
        groups.checked(muxi_llm.config.models)
