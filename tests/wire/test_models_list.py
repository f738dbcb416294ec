"""Lists of models: every service's shape under one roof."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm import runtime
from muxi_llm.errors import AuthenticationError, MalformedReplyError, MissingCredentialsError, NotFoundError
from muxi_llm.models import Model
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.wire.base import Ledger, Profile, WireError, dumps
from muxi_llm.wire.models_list import ModelsList


class Named(ModelsList):
    """A service with other names."""

    items = "models"
    name = "name"
    prefix = "models/"


def decoded(kind: type[ModelsList], raw: object) -> list[Model]:
    return kind("*", Ledger("acme"), Profile()).decode_response(dumps(raw), created=0).data


@pytest.mark.parametrize(
    ("kind", "raw"),
    [
        (ModelsList, {"object": "list", "data": [{"id": "a", "created": 3, "owned_by": "acme"}]}),
        (ModelsList, [{"id": "a", "created": 3, "owned_by": "acme"}]),
        (Named, {"models": [{"name": "models/a", "created": 3, "owned_by": "acme"}]}),
    ],
    ids=["openai's", "a bare list", "other names"],
)
def test_a_list(kind: type[ModelsList], raw: object) -> None:
    (model,) = decoded(kind, raw)
    assert (model.id, model["created"], model.owned_by, model.object) == ("a", 3, "acme", "model")


def test_what_a_service_tells_besides_is_kept() -> None:
    """And what it does not tell is filled in: ids and times of other kinds too."""
    (model,) = decoded(
        ModelsList, {"data": [{"id": "a", "created": "2026-01-01", "context": 8}, {"no": "id"}, 3]}
    )
    assert (model.created, model.owned_by, model["context"]) == (0, "", 8)


@pytest.mark.parametrize("raw", [{"models": []}, {"data": {}}, 3, None], ids=repr)
def test_no_list_is_malformed(raw: object) -> None:
    with pytest.raises(WireError, match="has no list 'data'"):
        decoded(ModelsList, raw)


def test_an_error_object_in_a_success() -> None:
    with pytest.raises(WireError, match="no such key"):
        decoded(ModelsList, {"error": {"message": "no such key", "code": 401}})


def test_lists_are_not_streamed() -> None:
    with pytest.raises(NotImplementedError):
        ModelsList("*", Ledger("acme"), Profile()).stream_decoder(created=0)


# ---------------------------------------------------------------------------------- the whole call


def listed(driver: Any, name: str, *answers: Answer) -> tuple[Any, Scripted]:
    script = Scripted(*answers)
    with runtime.using(script):
        prepared = runtime.prepare_models(name)
        try:
            return (prepared.run() if driver.kind == "sync" else driver.run(prepared.arun())), script
        except Exception as error:
            return error, script


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("name", "url", "key"),
    [
        ("openai", "https://api.openai.com/v1/models", ("authorization", "Bearer sk-openai")),
        ("anthropic", "https://api.anthropic.com/v1/models?limit=1000", ("x-api-key", "sk-anthropic")),
    ],
    ids=["openai", "anthropic"],
)
def test_a_providers_models(driver: Any, name: str, url: str, key: tuple[str, str]) -> None:
    """A GET without a body, retried like any call."""
    answers = Answer(status=503), Answer(json={"data": [{"id": "m"}]})
    value, script = listed(driver, name, *answers)
    assert [model.id for model in value.data] == ["m"]
    assert [(call.method, call.url, call.body) for call in script.calls] == [("GET", url, b"")] * 2
    assert script.calls[0].headers[key[0]] == key[1]
    assert [attempt.status for attempt in value.muxi.attempts] == [503, None]


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("answers", "error"),
    [
        ([Answer(status=401, json={"error": {"message": "bad key"}})], AuthenticationError),
        ([Answer(status=404)], NotFoundError),
        ([Answer(content=b"<html>")] * 3, MalformedReplyError),
    ],
    ids=["401", "404", "malformed"],
)
def test_errors_of_a_list_are_openais(driver: Any, answers: list[Answer], error: type[Exception]) -> None:
    raised, script = listed(driver, "openai", *answers)
    assert isinstance(raised, error)
    assert len(script.calls) == len(answers)


def test_a_list_needs_the_key() -> None:
    """Before any I/O, and the message names the variable."""
    with pytest.raises(MissingCredentialsError, match="GROQ_API_KEY"):
        runtime.prepare_models("groq")
