"""Every provider that makes images, judges texts or ranks documents: the answer, its errors, its place in a
chain; and that all others say they do not.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from random import Random
from typing import Any
from urllib.parse import urlsplit

import openai
import pytest

import muxi_llm
from muxi_llm import Image, InvalidRequestError, MissingCredentialsError, Moderation, Rerank
from muxi_llm.errors import MalformedReplyError
from muxi_llm.providers import registry
from muxi_llm.transport.scripted import Scripted
from muxi_llm.wire.base import Ledger
from tests.conftest import Driver
from tests.contract.contact import HOME, KEY, PROVIDERS, answer_of, setting_of
from tests.contract.test_errors import STATUSES, WORDS
from tests.support.mutations import spoilt
from tests.support.patience import PATIENCE
from tests.support.speakers.makers import (
    DOCUMENTS,
    INSULT,
    PIXELS,
    PLACE,
    PROMPT,
    QUERY,
    SCORES,
    Maker,
    maker_of,
)
from tests.support.upstream import Respond, Upstream
from tests.test_hostile_replies import ROUNDS

FACES: dict[str, Any] = {"image": Image, "moderation": Moderation, "rerank": Rerank}
QUESTIONS: dict[str, dict[str, Any]] = {
    "image": {"prompt": PROMPT, "size": "1024x1024"},
    "moderation": {"input": INSULT},
    "rerank": {"query": QUERY, "documents": DOCUMENTS, "top_n": 2},
}
SAID = {"image": PROMPT, "moderation": INSULT, "rerank": (QUERY, DOCUMENTS)}
MODELS = {("image", "google"): ["imagen-4.0-generate-001"], ("image", "vertex"): ["imagen-4.0-generate-001"]}
"""Further models of a provider that has several wires for an endpoint."""


def having(endpoint: Any) -> list[str]:
    """Who has *endpoint*, closed services apart."""
    return registry.having(endpoint)


class Place:
    """A provider's endpoint, and the speaker of its wire."""

    def __init__(self, endpoint: str, name: str, model: str = "") -> None:
        self.endpoint: Any = endpoint
        self.name = name
        self._model = model

    def __repr__(self) -> str:
        return f"{self.endpoint}-{self.name}{'-' if self._model else ''}{self._model}"

    @property
    def speaker(self) -> Maker:
        kind = PROVIDERS[self.name]
        assert kind is not None
        provider = kind(api_key=KEY, base_url=HOME, settings={"project": "p1", "region": "us-east-1"})
        wire = provider.wire_for(self.endpoint, self._model or "some-model", Ledger(self.name))
        return maker_of(type(wire))

    @property
    def model(self) -> str:
        return f"{self.name}/{self._model or self.speaker.model}"

    def options(self, base_url: str = HOME) -> dict[str, Any]:
        question = QUESTIONS[self.endpoint]
        return {**question, "model": self.model, "api_key": KEY, "base_url": base_url, "retries": 0}

    def ask(self, driver: Driver, *replies: Respond, **params: Any) -> tuple[Any, Scripted]:
        """The answer, or the exception, and the script."""
        answers = [answer_of(reply) for reply in replies]
        return driver.scripted(FACES[self.endpoint], *answers, **{**self.options(), **params})

    def check(self, value: Any) -> None:
        """That *value* is the answer to the question."""
        if isinstance(value, Exception):
            raise value
        assert value.muxi.model == self.model
        CHECKS[self.endpoint](value)


def _is_image(value: Any) -> None:
    assert isinstance(value, openai.types.ImagesResponse)
    (one,) = value.data
    assert (one.b64_json, one.url) in {(PIXELS, None), (None, PLACE)}
    assert isinstance(value.created, int)


def _is_verdict(value: Any) -> None:
    assert isinstance(value, openai.types.ModerationCreateResponse)
    (one,) = value.results
    assert (one.flagged, one.categories.hate, one.categories.self_harm) == (True, True, False)
    assert 0.5 < one.category_scores.hate <= 1


def _is_ranking(value: Any) -> None:
    assert [(one.index, one.relevance_score) for one in value.results] == [(1, SCORES[1]), (2, SCORES[2])]


CHECKS: dict[str, Any] = {"image": _is_image, "moderation": _is_verdict, "rerank": _is_ranking}

PLACES = [
    Place(endpoint, name, model)
    for endpoint in FACES
    for name in having(endpoint)
    for model in ["", *MODELS.get((endpoint, name), ())]
]
places = pytest.mark.parametrize("place", PLACES, ids=repr)


@pytest.fixture(autouse=True)
def _settings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a provider needs beside key and base URL is set."""
    place = request.node.callspec.params.get("place") if hasattr(request.node, "callspec") else None
    if isinstance(place, Place):
        for variable, value in setting_of(place.name).env.items():
            monkeypatch.setenv(variable, value)


# ------------------------------------------------------------------------------------------ answers


@places
def test_an_answer(place: Place, driver: Driver) -> None:
    """The question arrives as it was asked, at the right path, with the key in a header."""
    value, script = place.ask(driver, place.speaker.reply())
    place.check(value)
    (call,) = script.calls
    model, said = place.speaker.asked(urlsplit(call.url).path, json.loads(call.body))
    assert (f"{place.name}/{model}" if model else place.model, said) == (place.model, SAID[place.endpoint])
    assert call.url.startswith(HOME)
    assert KEY not in call.url
    assert any(KEY in header for header in call.headers.values())
    assert not [one for one in value.muxi.adaptations if one.loss]


@places
def test_native_options(place: Place, driver: Driver) -> None:
    """They reach this provider, wherever its wire has them."""
    options = {place.name: {"own_option": "secret-7"}}
    value, script = place.ask(driver, place.speaker.reply(), provider_options=options)
    place.check(value)
    assert b"secret-7" in script.calls[0].body


@places
def test_a_status(place: Place) -> None:
    driver = Driver("sync")
    for status, kind in STATUSES.items():
        error, _ = place.ask(driver, Respond(status, json={"error": {"message": WORDS, "code": status}}))
        assert isinstance(error, kind)
        assert (error.status_code, error.provider, error.model) == (status, place.name, place.model)
        assert WORDS in str(error)
        assert KEY not in str(error)


@pytest.mark.parametrize(
    "body", ["", "{", "null", "[7]", "{}", '"Hi"', "<html>Welcome</html>", '{"data": 7}']
)
@places
def test_a_200_that_is_no_answer(place: Place, body: str) -> None:
    """Malformed, and worth another try."""
    nothing = Respond(body=body.encode())
    error, _ = place.ask(Driver("sync"), nothing)
    assert isinstance(error, MalformedReplyError), error
    value, script = place.ask(Driver("sync"), nothing, place.speaker.reply(), retries=1)
    place.check(value)
    assert len(script.calls) == 2


@places
def test_an_error_in_a_200(place: Place, driver: Driver) -> None:
    error, _ = place.ask(driver, Respond(json={"error": {"message": WORDS, "code": 429}}))
    takes = place.speaker.hides_errors and not place.speaker.takes_any_bytes
    assert isinstance(error, openai.RateLimitError if takes else MalformedReplyError)
    assert WORDS in str(error)


@places
def test_retries(place: Place, driver: Driver) -> None:
    failed = Respond(503, json={"error": {"message": WORDS}})
    value, _ = place.ask(driver, failed, failed, place.speaker.reply(), retries=2)
    place.check(value)
    assert [attempt.status for attempt in value.muxi.attempts] == [503, 503, None]


# ---------------------------------------------------------------------------------- over real sockets


@pytest.fixture
def _one_transport() -> Iterator[None]:
    """Only httpx2 hangs up at once (see the decision notes)."""
    muxi_llm.config.transport = "httpx2"
    yield
    muxi_llm.config.transport = None


@places
def test_over_loopback(place: Place, driver: Driver, upstream: Upstream) -> None:
    upstream.script = [place.speaker.reply(), Respond(429, json={"error": {"message": WORDS}})]
    face = FACES[place.endpoint]
    place.check(driver.create(face, **place.options(upstream.url)))
    with pytest.raises(openai.RateLimitError, match=WORDS):
        driver.create(face, **place.options(upstream.url))
    received = upstream.requests[0]
    place.speaker.asked(received.path.partition("?")[0], received.json)


@pytest.mark.usefixtures("_one_transport")
@places
def test_a_call_cancelled_before_its_answer(place: Place, upstream: Upstream) -> None:
    upstream.script = [Respond(json={}, delay=30)]

    async def main() -> None:
        task = asyncio.create_task(FACES[place.endpoint].acreate(**place.options(upstream.url)))
        while not upstream.requests:  # noqa: ASYNC110 - the server is a thread
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(upstream.closed_early.wait, PATIENCE)

    asyncio.run(main())


CHAINS = {
    "image": ("openai/gpt-image-1", "google/gemini-2.5-flash-image"),
    "moderation": ("openai/omni-moderation-latest", "azure/content-safety"),
    "rerank": ("cohere/rerank-v3.5", "vertex/semantic-ranker-default-004"),
}


@pytest.mark.parametrize("endpoint", CHAINS)
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
def test_a_fallback_across_wires(
    endpoint: str, turned: bool, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each provider gets its own form, its own key, and nothing of the other's."""
    chain = CHAINS[endpoint][::-1] if turned else CHAINS[endpoint]
    names = [model.partition("/")[0] for model in chain]
    monkeypatch.setenv("VERTEXAI_PROJECT", "p1")
    with Upstream() as first, Upstream() as second:
        for name, server in zip(names, (first, second), strict=True):
            kind = PROVIDERS[name]
            assert kind is not None
            monkeypatch.setenv(kind.key_env[0], f"sk-{name}")
            monkeypatch.setenv(kind.base_url_env[0], server.url)
        place = Place(endpoint, names[1], chain[1].partition("/")[2])
        first.script = [Respond(500, json={"error": {"message": WORDS}})]
        second.script = [place.speaker.reply()]
        value = driver.create(
            FACES[endpoint], model=chain[0], fallback_models=[chain[1]], **QUESTIONS[endpoint]
        )
        place.check(value)
        assert [attempt.status for attempt in value.muxi.attempts] == [500, None]
        for name, other, server in ((names[0], names[1], first), (names[1], names[0], second)):
            (received,) = server.requests
            told = str(received.headers)
            assert f"sk-{name}" in told
            assert f"sk-{other}" not in told


# ---------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("endpoint", FACES)
def test_who_has_it_not(endpoint: str, driver: Driver) -> None:
    """Refused by name, with those that have it, and without a key."""
    names = sorted(set(PROVIDERS) - set(having(endpoint)))
    assert len(names) > 20
    for name in names:
        kind = PROVIDERS[name]
        if getattr(kind, "closed", ""):
            continue
        error, script = driver.scripted(FACES[endpoint], model=f"{name}/m", **QUESTIONS[endpoint])
        assert isinstance(error, InvalidRequestError), (name, error)
        assert f"{name} has no {endpoint} endpoint" in str(error)
        assert ", ".join(having(endpoint)) in str(error)
        assert script.calls == []


@pytest.mark.parametrize("endpoint", FACES)
def test_a_key_is_asked_for_where_it_would_help(endpoint: str, driver: Driver) -> None:
    error, _ = driver.scripted(FACES[endpoint], model=CHAINS[endpoint][0], **QUESTIONS[endpoint])
    assert isinstance(error, MissingCredentialsError)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("image", {"prompt": ""}, "prompt"),
    ("image", {"prompt": 5}, "prompt"),
    ("image", {"n": 0}, "n"),
    ("image", {"size": "big"}, "size"),
    ("moderation", {"input": ""}, "input"),
    ("moderation", {"input": 5}, "input"),
    ("rerank", {"documents": []}, "documents"),
    ("rerank", {"documents": [5]}, "documents"),
    ("rerank", {"query": None}, "query"),
    ("rerank", {"top_n": -1}, "top_n"),
]


@pytest.mark.parametrize(("endpoint", "wrong", "param"), WRONG, ids=str)
def test_what_is_wrong_is_said_before_anything_is_sent(
    endpoint: str, wrong: dict[str, Any], param: str, driver: Driver
) -> None:
    place = Place(endpoint, {"image": "together", "moderation": "mistral", "rerank": "jina"}[endpoint])
    error, script = place.ask(driver, **wrong)
    assert isinstance(error, InvalidRequestError)
    assert (error.param, str(error)[: len(param)]) == (param, param)
    assert script.calls == []


def test_an_unknown_keyword(driver: Driver) -> None:
    for face, given in ((Image, {"promt": "x"}), (Rerank, {"topn": 1}), (Moderation, {"imput": "x"})):
        error, script = driver.scripted(
            face, **{"model": "openai/m", **QUESTIONS[face.__name__.lower()]}, **given
        )
        assert isinstance(error, TypeError)
        assert "did you mean" in str(error)
        assert script.calls == []


def test_there_are_as_many_as_there_should_be() -> None:
    """A row that is lost is missed."""
    assert {*having("image")} >= {
        "openai", "azure", "google", "vertex", "together", "fireworks", "xai", "replicate", "huggingface",
        "deepinfra", "nebius",
    }  # fmt: skip
    assert {*having("moderation")} >= {"openai", "mistral", "azure"}
    assert {*having("rerank")} >= {
        "cohere", "jina", "voyage", "together", "nvidia", "huggingface", "bedrock", "vertex", "vllm", "llama_cpp",
    }  # fmt: skip


# ------------------------------------------------------------------------------------- hostile servers


@places
def test_whatever_a_server_says(place: Place) -> None:
    """A value that can be read and dumped, or an error of ours."""
    for seed in range(ROUNDS):
        rng = Random(f"{place}-{seed}")
        answer = spoilt(rng, place.speaker.reply(), stream=False)
        value, _ = Driver("sync").scripted(FACES[place.endpoint], answer, **place.options())
        if isinstance(value, Exception):
            assert isinstance(value, muxi_llm.MuxiLLMError), (place, seed, value)
            continue
        value.model_dump(warnings=False)
        rows = value.data if place.endpoint == "image" else value.results
        assert rows or place.endpoint == "rerank", (place, seed)
        for row in rows:
            if place.endpoint == "image":
                assert isinstance(row.b64_json or row.url, str), (place, seed)
            elif place.endpoint == "rerank":
                assert 0 <= row.index < len(DOCUMENTS), (place, seed)
                assert isinstance(row.relevance_score, float), (place, seed)
            else:
                assert isinstance(row.flagged, bool), (place, seed)


@places
def test_nothing_quotes_what_was_asked(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """Neither an error, nor a change that is told, nor the log."""
    secret = "Rosebud-7"
    params = {"image": {"prompt": secret, "style": secret}, "moderation": {"input": secret}}.get(
        place.endpoint, {"query": secret, "documents": [secret, {"text": secret, "note": secret}], "top_n": 1}
    )
    caplog.set_level("DEBUG", logger="muxi_llm")
    error, _ = place.ask(Driver("sync"), Respond(500, json={"error": {"message": WORDS}}), **params)
    assert isinstance(error, openai.InternalServerError)
    told = [str(error), repr(error), repr(error.attempts), caplog.text]
    reply = place.speaker.reply() if place.endpoint != "rerank" else Respond(json={})
    value, _ = place.ask(Driver("sync"), reply, **params)
    told += [str(value)] if isinstance(value, Exception) else [repr(value.muxi)]
    assert not [one for one in told if secret in one]
