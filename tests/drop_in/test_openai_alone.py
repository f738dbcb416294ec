"""What OpenAI alone is asked for: another provider's model never goes there, and OpenAI's own as ever."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

import muxi_llm

PNG = ("a.png", b"\x89PNG not really", "image/png")
CALLS: dict[str, Callable[[Any, str], Any]] = {
    "variation": lambda c, model: c.images.create_variation(model=model, image=PNG),
    "fine-tuning": lambda c, model: c.fine_tuning.jobs.create(model=model, training_file="file-1"),
    "assistant": lambda c, model: c.beta.assistants.create(model=model),
    "run": lambda c, model: c.beta.threads.create_and_run(assistant_id="a", model=model),
    "tokens": lambda c, model: c.responses.input_tokens.count(model=model, input="x"),
    "compaction": lambda c, model: c.responses.compact(model=model, input="x"),
    "secret": lambda c, model: c.realtime.client_secrets.create(session={"type": "realtime", "model": model}),
    "path of one's own": lambda c, model: c.post("/rerank", cast_to=object, body={"model": model}),
}
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def asked(call: Callable[[Any, str], Any], model: str, **given: Any) -> list[httpx2.Request]:
    """What reaches the client's own server."""
    seen: list[httpx2.Request] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return httpx2.Response(200, json={"id": "x"})

    mine = httpx2.Client(transport=httpx2.MockTransport(answer))
    with muxi_llm.OpenAI(api_key="k", http_client=mine, **given) as client:
        call(client, model)
    return seen


@pytest.mark.parametrize("name", CALLS)
def test_another_providers_model_never_goes_to_openai(name: str) -> None:
    with pytest.raises(muxi_llm.UnsupportedParameterError, match="groq are not to be had here") as raised:
        asked(CALLS[name], "groq/some-model")
    assert raised.value.param == "model"


@pytest.mark.parametrize("name", CALLS)
def test_openais_own_models_go_there_by_their_name(name: str) -> None:
    for model, told in {"gpt-5": "gpt-5", "openai/gpt-5": "gpt-5", "acme/gpt": "acme/gpt"}.items():
        (request,) = asked(CALLS[name], model)
        assert request.url.host == "api.openai.com"
        assert told.encode() in request.read()
        assert b"openai/gpt-5" not in request.read()


def test_what_a_server_of_ones_own_has_beside_is_its_own_affair(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "sk-groq")
    (request,) = asked(CALLS["path of one's own"], "groq/some-model", base_url="http://nowhere.test/v1")
    assert json.loads(request.read()) == {"model": "groq/some-model"}


def test_a_session_without_a_model_is_openais() -> None:
    (request,) = asked(lambda c, _: c.realtime.client_secrets.create(), "")
    assert request.url.path == "/v1/realtime/client_secrets"


def test_a_session_that_names_openai_is_told_apart_from_what_is_no_session() -> None:
    for session in ("openai/gpt-5", {"model": 5}):
        (request,) = asked(
            lambda c, _, told=session: c.post(
                "/realtime/client_secrets", cast_to=object, body={"session": told}
            ),
            "",
        )
        assert json.loads(request.read()) == {"session": session}
