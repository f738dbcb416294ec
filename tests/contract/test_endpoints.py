"""Every provider: embeddings, text completions and its list of models, or an error that says there are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm import Completion, Embedding, InvalidRequestError
from muxi_llm.runtime import prepare_models, using
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.wire.base import Ledger
from tests.conftest import Driver
from tests.contract.contact import CHATS, HOME, KEY, PROVIDERS, Contact, told
from tests.support.speakers.base import TEXT, Said
from tests.support.speakers.lists import COMPLETIONS, EMBEDDINGS, MODELS, spoken
from tests.support.upstream import Respond

EMBEDDERS = [name for name, kind in PROVIDERS.items() if kind and "embedding" in kind.wires]
LISTERS = [name for name, kind in PROVIDERS.items() if kind and "models" in kind.wires]
NAMES = ["team/first-model", "team/second-model"]
VECTORS = [[0.5, -0.25, 1.0], [0.0, 0.125, -1.0]]


def wire_of(name: str, endpoint: Any, model: str = "some-model") -> type:
    """The codec class that a provider at a base URL of one's own takes."""
    kind = PROVIDERS[name]
    assert kind is not None
    return type(kind(api_key=KEY, base_url=HOME).wire_for(endpoint, model, Ledger(name)))


def embed(name: str, driver: Driver, texts: Any, vectors: Any) -> tuple[Any, Scripted]:
    """One call."""
    speaker = spoken(EMBEDDINGS, name, wire_of(name, "embedding"))
    return driver.scripted(
        Embedding,
        Answer(json=speaker.whole(vectors)),
        model=f"{name}/{speaker.model}",
        input=texts,
        api_key=KEY,
        base_url=HOME,
        retries=0,
    )


@pytest.mark.parametrize("name", EMBEDDERS, indirect=True)
def test_embeddings(name: str, driver: Driver) -> None:
    """Floats, in the order of the texts."""
    value, script = embed(name, driver, ["eins", "zwei"], VECTORS)
    assert [item.embedding for item in value.data] == VECTORS
    assert [item.index for item in value.data] == [0, 1]
    assert (value.object, value.data[0].object) == ("list", "embedding")
    speaker = spoken(EMBEDDINGS, name, wire_of(name, "embedding"))
    (call,) = script.calls
    assert speaker.texts(json.loads(call.body)) == ["eins", "zwei"]
    assert call.url.startswith(HOME)
    assert KEY not in call.url


@pytest.mark.parametrize("name", EMBEDDERS, indirect=True)
def test_an_embedding_of_one_text(name: str, driver: Driver) -> None:
    value, _ = embed(name, driver, "eins", VECTORS[:1])
    assert [item.embedding for item in value.data] == VECTORS[:1]


@pytest.mark.parametrize("name", sorted({*PROVIDERS} - {*EMBEDDERS}), indirect=True)
def test_no_embeddings(name: str, driver: Driver) -> None:
    """The error names the endpoints there are."""
    error, script = driver.scripted(Embedding, model=f"{name}/x", input="x", api_key=KEY, base_url=HOME)
    assert isinstance(error, InvalidRequestError)
    assert "embedding" in str(error)
    assert script.calls == []


# -------------------------------------------------------------------------------------- completions


def test_a_completion(contact: Contact) -> None:
    """Streamed and not; over chat it is told that a model answers instead of going on."""
    speaker = spoken(COMPLETIONS, contact.name, wire_of(contact.kind.name, "completion", contact.bare_model))
    whole: Respond | Said = Said()
    stream = whole
    if speaker is not None:
        whole = Respond(json=speaker.whole(TEXT))
        stream = Respond(chunks=speaker.events(TEXT), headers={"Content-Type": speaker.stream_type})
    value = contact.ask(whole, face=Completion, prompt="Say it")
    if isinstance(value, Exception):
        raise value
    assert (value.object, value.choices[0].text) == ("text_completion", TEXT)
    assert value.choices[0].finish_reason == "stop"
    if speaker is None:
        assert told(value, "prompt")
        assert contact.asked.facts == [("user", "Say it")]
    else:
        assert speaker.prompt(json.loads(contact.script.calls[0].body)) == "Say it"
    chunks = contact.ask(stream, face=Completion, prompt="Say it", stream=True)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == TEXT


# ------------------------------------------------------------------------------------------- models


@pytest.mark.parametrize("name", LISTERS, indirect=True)
def test_models(name: str, driver: Driver, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their names, as a request would have them."""
    kind = PROVIDERS[name]
    assert kind is not None
    if kind.key_env:
        monkeypatch.setenv(kind.key_env[0], KEY)
    if kind.base_url_env:
        monkeypatch.setenv(kind.base_url_env[0], HOME)
    body = spoken(MODELS, name, kind.wires["models"])(NAMES)
    script = Scripted(Answer(json=body))
    with using(script):
        prepared = prepare_models(name)
        value = prepared.run() if driver.kind == "sync" else driver.run(prepared.arun())
    assert [model.id for model in value.data] == NAMES
    assert {model.object for model in value.data} == {"model"}
    assert script.calls[0].method == "GET"
    assert KEY not in script.calls[0].url


def test_who_chats_lists_or_says_so() -> None:
    """Every provider is in one of the lists above."""
    beside = {name for name, kind in PROVIDERS.items() if kind and not kind.wires and kind.more_wires}
    assert set(CHATS) | set(EMBEDDERS) | beside == set(PROVIDERS)
