"""OpenAI-compatible services: paths and addresses of their own, and endpoints one adds oneself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from muxi_llm import Completion, Embedding
from muxi_llm.providers import registry
from muxi_llm.providers.base import CLASSES
from muxi_llm.providers.compatible import OpenAICompatible
from muxi_llm.runtime import prepare_models, using
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.wire.openai.chat import OpenAIChat
from tests.core import ask, said, streamed, text_of
from tests.support.bodies import HELLO, chat, embeddings


@pytest.fixture
def forgotten() -> Iterator[None]:
    """What a test registers is forgotten after it."""
    before = dict(CLASSES)
    yield
    for name in CLASSES.keys() - before.keys():
        del CLASSES[name]


def test_a_private_endpoint(driver, forgotten):
    """One line registers it: no key is needed, flags and tables are columns."""
    made = OpenAICompatible.at(
        "acme-eu", base_url="http://acme.test/v1/", vision_support=True, renames={"seed": "random_seed"}
    )
    assert registry.find("acme-eu") is made
    assert (made.name, made.__name__, made.vision_support) == ("acme-eu", "AcmeEuProvider", True)
    value, script = ask(driver, said(), model="acme-eu/org/m", seed=1)
    assert text_of(value) == "Hi"
    assert script.calls[0].url == "http://acme.test/v1/chat/completions"
    assert "authorization" not in script.calls[0].headers
    assert script.bodies == [{"model": "org/m", "messages": HELLO, "random_seed": 1}]


@pytest.mark.parametrize("wires", ["chat", {"chat": OpenAIChat}], ids=["names", "classes"])
def test_a_private_endpoint_with_fewer_wires(driver, forgotten, wires):
    """By name, as in the catalog, or by class."""
    OpenAICompatible.at("acme", base_url="http://acme.test/v1", wires=wires)
    raised, _ = driver.scripted(Embedding, model="acme/m", input="a")
    assert str(raised) == "acme has no embedding endpoint (it has: chat)"


def test_a_private_endpoint_with_a_key(driver, forgotten, monkeypatch):
    OpenAICompatible.at("acme", base_url="http://acme.test/v1")
    monkeypatch.setenv("ACME_API_KEY", "k")
    _, script = ask(driver, said(), model="acme/m")
    assert script.calls[0].headers["authorization"] == "Bearer k"


@pytest.mark.parametrize("name", ["", "a/b", "Acme", "a b", "-a", "ä"])
def test_bad_names(name):
    with pytest.raises(ValueError, match="a provider's name is of small letters"):
        OpenAICompatible.at(name, base_url="http://acme.test")
    assert name not in CLASSES


@pytest.mark.parametrize("column", ["vision", "__init__", "_fill"])
def test_unknown_columns(column):
    with pytest.raises(TypeError, match=f"a provider has no column '{column}'"):
        OpenAICompatible.at("acme", base_url="http://acme.test", **{column: True})
    assert "acme" not in CLASSES


# ------------------------------------------------------------------------- nothing decided for others

IMAGE = {"type": "image_url", "image_url": {"url": "https://x.test/a.png"}}


@pytest.mark.parametrize("model", ["gpt-4.1", "gpt-5-mini", "o4-mini", "gpt-9-of-tomorrow"])
def test_fault_16_no_list_of_models_that_see(driver, keys, model):
    """Whether a model sees is OpenAI's to say."""
    messages = [{"role": "user", "content": [IMAGE]}]
    value, script = ask(driver, said(), model=f"openai/{model}", messages=messages)
    assert script.bodies[0]["messages"] == messages
    assert value.muxi.adaptations == ()


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_fault_38_texts_are_not_touched(driver, keys, stream):
    """Joiners, curly quotes, no-break spaces and the spaces at a line's end mean something."""
    text = "\U0001f469\u200d\U0001f4bb \u201cmi\u200cbin\u201d\u00a0\u00ab!\u00bb  \n\ufe0f  "
    answer = streamed(*text) if stream else said(text)
    got, _ = ask(driver, answer, model="groq/llama", stream=stream)
    assert ("".join(c.choices[0].delta.content or "" for c in got) if stream else text_of(got)) == text


# --------------------------------------------------------------------- paths and addresses of rows


def test_writers_chat(driver, monkeypatch):
    """Its path, for completions over chat as well."""
    monkeypatch.setenv("WRITER_API_KEY", "k")
    _, script = ask(driver, said(), model="writer/palmyra-x5")
    assert script.calls[0].url == "https://api.writer.com/v1/chat"
    with pytest.warns(match="sent as a user message"):
        _, script = driver.scripted(Completion, Answer(json=chat("x")), model="writer/palmyra-x5", prompt="a")
    assert script.calls[0].url == "https://api.writer.com/v1/chat"


def test_perplexitys_embeddings(driver, monkeypatch):
    """Below /v1, where its chat is not."""
    monkeypatch.setenv("PERPLEXITY_API_KEY", "k")
    _, script = driver.scripted(
        Embedding, Answer(json=embeddings()), model="perplexity/pplx-embed", input="a"
    )
    assert script.calls[0].url == "https://api.perplexity.ai/v1/embeddings"


@pytest.mark.parametrize(
    ("asked", "vector", "got"),
    [(None, "AX//", [1.0, 127.0, -1.0]), ("base64", "AX//", "AX//"), (None, [0.5], [0.5])],
    ids=["int8", "as-it-is", "plain"],
)
def test_perplexitys_vectors(driver, monkeypatch, asked, vector, got):
    """Signed bytes, which would be quite other numbers as floats."""
    monkeypatch.setenv("PERPLEXITY_API_KEY", "k")
    reply = Answer(json=embeddings(vector))
    value, _ = driver.scripted(Embedding, reply, model="perplexity/e", input="a", encoding_format=asked)
    assert value.data[0].embedding == got


def test_perplexitys_vectors_that_are_none(driver, monkeypatch):
    monkeypatch.setenv("PERPLEXITY_API_KEY", "k")
    reply = Answer(json=embeddings("?"))
    raised, _ = driver.scripted(Embedding, reply, model="perplexity/e", input="a", retries=0)
    assert "an embedding is not base64: '?'" in str(raised)


CLOUDFLARE = "https://api.cloudflare.com/client/v4/accounts/acc"


def test_cloudflares_account(driver, monkeypatch):
    """Its account is in the address."""
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "acc")
    monkeypatch.setenv("CLOUDFLARE_API_TOKEN", "k")
    _, script = ask(driver, said(), model="cloudflare/@cf/meta/llama")
    assert script.calls[0].url == f"{CLOUDFLARE}/ai/v1/chat/completions"
    assert script.bodies[0]["model"] == "@cf/meta/llama"


@pytest.mark.parametrize(
    ("name", "reply", "url"),
    [
        ("cloudflare", {"result": [{"id": "u-u", "name": "m"}]}, f"{CLOUDFLARE}/ai/models/search"),
        ("github", [{"id": "m"}], "https://models.github.ai/catalog/models"),
        ("perplexity", {"data": [{"id": "m"}]}, "https://api.perplexity.ai/v1/models"),
        ("writer", {"models": [{"id": "m", "name": "M"}]}, "https://api.writer.com/v1/models"),
        ("groq", {"data": [{"id": "m"}]}, "https://api.groq.com/openai/v1/models"),
    ],
)
def test_lists_of_models(monkeypatch, name, reply, url):
    """Where each service has its own, under the key and the field it has them."""
    monkeypatch.setenv("CLOUDFLARE_ACCOUNT_ID", "acc")
    monkeypatch.setenv(registry.find(name).key_env[0], "k")
    with using(Scripted(Answer(json=reply))) as script:
        assert [model.id for model in prepare_models(name).run().data] == ["m"]
    assert (script.calls[0].method, script.calls[0].url) == ("GET", url)


def test_a_snowflake_account(driver, monkeypatch):
    """Written as a host or as a name."""
    monkeypatch.setenv("SNOWFLAKE_PAT", "k")
    monkeypatch.setenv("SNOWFLAKE_ACCOUNT", "myorg-myaccount")
    _, script = ask(driver, said(), model="snowflake/claude-sonnet-4-6")
    url = "https://myorg-myaccount.snowflakecomputing.com/api/v2/cortex/v1/chat/completions"
    assert (script.calls[0].url, script.calls[0].headers["authorization"]) == (url, "Bearer k")


def test_a_base_url_goes_before_settings(driver):
    """With an address of one's own nothing is left to fill in."""
    _, script = ask(driver, said(), model="cloudflare/m", api_key="k", base_url="http://gateway.test/v1")
    assert script.calls[0].url == "http://gateway.test/v1/chat/completions"
