"""Azure: where a request goes and who it is, by key or by an Entra token."""

from __future__ import annotations

import asyncio
import logging

import openai
import pytest

import muxi_llm
from muxi_llm import ChatCompletion, Embedding, MissingCredentialsError
from muxi_llm.runtime import prepare_models, using
from muxi_llm.transport.scripted import Answer, Scripted
from tests.core import ask, said, text_of
from tests.support.bodies import HELLO, embeddings

ENDPOINT = "https://mine.openai.azure.com"
DATED = "2024-10-21"


@pytest.fixture(autouse=True)
def azure(monkeypatch):
    """An endpoint and a key, and nothing of the machine's."""
    for name in (
        "OPENAI_API_VERSION",
        "AZURE_OPENAI_AD_TOKEN",
        "AZURE_OPENAI_API_VERSION",
        "AZURE_RESOURCE_NAME",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", ENDPOINT)
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "k")


@pytest.mark.parametrize(
    ("endpoint", "version", "url"),
    [
        (ENDPOINT, None, f"{ENDPOINT}/openai/v1/chat/completions"),
        (f"{ENDPOINT}/", None, f"{ENDPOINT}/openai/v1/chat/completions"),
        (ENDPOINT, "preview", f"{ENDPOINT}/openai/v1/chat/completions?api-version=preview"),
        (ENDPOINT, DATED, f"{ENDPOINT}/openai/deployments/my%20gpt/chat/completions?api-version={DATED}"),
        (f"{ENDPOINT}/openai/v1", None, f"{ENDPOINT}/openai/v1/chat/completions"),
        (
            "https://mine.services.ai.azure.com/models", "2024-05-01-preview",
            "https://mine.services.ai.azure.com/models/chat/completions?api-version=2024-05-01-preview",
        ),
    ],
)  # fmt: skip
def test_where_it_goes(driver, monkeypatch, endpoint, version, url):
    """By the v1 API; by deployment where the version is a date; by the endpoint's own path if it has one."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", endpoint)
    if version:
        monkeypatch.setenv("OPENAI_API_VERSION", version)
    value, script = ask(driver, said(), model="azure/my gpt")
    assert text_of(value) == "Hi"
    assert script.calls[0].url == url
    assert script.bodies == [{"model": "my gpt", "messages": HELLO}]
    assert script.calls[0].headers["api-key"] == "k"
    assert "authorization" not in script.calls[0].headers


@pytest.mark.parametrize("end", ["/chat/completions?api-version=2024-10-21", "/chat/completions", ""])
def test_a_target_uri_as_the_portal_shows_it(driver, monkeypatch, end):
    """Its version is the one of the address, unless another is set."""
    if "?" not in end:
        monkeypatch.setenv("AZURE_OPENAI_API_VERSION", "2024-10-21")
    at = "https://r.openai.azure.com/openai/deployments/dep"
    _, script = ask(driver, said(), model="azure/dep", base_url=at + end, api_key="k")
    assert script.calls[0].url == f"{at}/chat/completions?api-version=2024-10-21"


def test_by_resource_name(driver, monkeypatch):
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT")
    monkeypatch.setenv("AZURE_RESOURCE_NAME", "mine")
    _, script = ask(driver, said(), model="azure/gpt")
    assert script.calls[0].url == f"{ENDPOINT}/openai/v1/chat/completions"


def test_without_an_endpoint(driver, monkeypatch):
    monkeypatch.delenv("AZURE_OPENAI_ENDPOINT")
    raised, script = ask(driver, model="azure/gpt")
    assert str(raised) == "azure: no resource; set AZURE_RESOURCE_NAME or muxi_llm.azure_resource"
    assert script.calls == []


def test_embeddings_and_models(driver, monkeypatch):
    """Deployments embed too; models are listed per resource."""
    monkeypatch.setenv("OPENAI_API_VERSION", DATED)
    _, script = driver.scripted(Embedding, Answer(json=embeddings()), model="azure/e", input="a")
    assert script.calls[0].url == f"{ENDPOINT}/openai/deployments/e/embeddings?api-version={DATED}"
    with using(Scripted(Answer(json={"data": [{"id": "gpt-4o"}]}))) as script:
        assert [model.id for model in prepare_models("azure").run().data] == ["gpt-4o"]
    assert script.calls[0].url == f"{ENDPOINT}/openai/models?api-version={DATED}"


# --------------------------------------------------------------------------------------------- tokens


def test_an_entra_token(driver, monkeypatch):
    """It goes before the key, and no key is needed."""
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", "entra")
    _, script = ask(driver, said(), model="azure/gpt")
    monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    _, again = ask(driver, said(), model="azure/gpt")
    for sent in (script, again):
        assert sent.calls[0].headers["authorization"] == "Bearer entra"
        assert "api-key" not in sent.calls[0].headers


async def token_later() -> str:
    await asyncio.sleep(0)
    return "t1"


@pytest.mark.parametrize("key", ["k", None])
def test_a_token_provider(driver, monkeypatch, key):
    """Asked at each try, on both faces; it may be asynchronous where there is a loop."""
    if key is None:
        monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    tokens = iter(["t1", "t2"])
    monkeypatch.setattr(muxi_llm, "azure_ad_token_provider", lambda: next(tokens), raising=False)
    _, script = ask(driver, Answer(status=500, json={}), said(), model="azure/gpt")
    assert [call.headers["authorization"] for call in script.calls] == ["Bearer t1", "Bearer t2"]
    assert all("api-key" not in call.headers for call in script.calls)


def test_an_asynchronous_token_provider(monkeypatch):
    monkeypatch.setattr(muxi_llm, "azure_ad_token_provider", token_later, raising=False)
    with using(Scripted(said())) as script:
        asyncio.run(ChatCompletion.acreate(model="azure/gpt", messages=HELLO))
    assert script.calls[0].headers["authorization"] == "Bearer t1"


def test_no_credentials_at_all(driver, monkeypatch):
    monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    raised, script = ask(driver, model="azure/gpt")
    assert isinstance(raised, MissingCredentialsError)
    assert "AZURE_OPENAI_API_KEY" in str(raised)
    assert script.calls == []


def test_tokens_are_not_logged(driver, monkeypatch, caplog):
    monkeypatch.setattr(muxi_llm, "azure_ad_token_provider", lambda: "s3cret", raising=False)
    with caplog.at_level(logging.DEBUG):
        raised, _ = ask(driver, Answer(status=401, json={"error": {"message": "no"}}), model="azure/gpt")
    assert isinstance(raised, openai.AuthenticationError)
    assert "s3cret" not in caplog.text + str(raised) + repr(raised)


def test_a_filtered_prompt(driver):
    """Azure's content filter is a bad request with its own code."""
    error = {
        "message": "The response was filtered",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
    }
    raised, _ = ask(driver, Answer(status=400, json={"error": error}), model="azure/gpt")
    assert isinstance(raised, openai.BadRequestError)
    assert (raised.code, raised.param) == ("content_filter", "prompt")


@pytest.mark.usefixtures("azure")
@pytest.mark.parametrize(
    ("deployment", "by_responses"), [("prod-gpt-5.4", True), ("context-model", False), ("my-llama", False)]
)
def test_a_deployment_at_a_gateway_is_known_by_the_model_it_is_named_for(
    deployment: str, by_responses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tools while it reasons are what chat refuses there, whatever the host is called."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://gateway.test")
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    with using(Scripted(Answer(status=400))) as script, pytest.raises(openai.BadRequestError):
        ChatCompletion.create(f"azure/{deployment}", HELLO, tools=[tool], retries=0)
    assert script.calls[0].url.endswith("/responses") == by_responses
