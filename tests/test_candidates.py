"""Who may be asked: keys and addresses that can be sent, and providers used again."""

from __future__ import annotations

from typing import Any

import pytest

import muxi_llm
from muxi_llm import errors
from muxi_llm.candidates import KNOWN, candidate_of, is_meant
from muxi_llm.providers import registry
from muxi_llm.providers.base import CLASSES, Provider
from muxi_llm.providers.compatible import OpenAICompatible
from tests.core import ask, failed, said

pytestmark = pytest.mark.usefixtures("keys")

UNFIT_KEYS = ["sk-1\n", " sk-1", "sk 1", '"sk-1"', "'sk-1'", "sk-\u00e9", "sk-1\x00", "sk-\u200b1"]
NO_URLS = [
    "localhost:9/v1", "htp://x/v1", '"https://x/v1"', "'https://x/v1'", "https://x y/v1", "https://", "x",
    "https://x:port/v1", "https://[::1/v1", "https://x/v1\n", "file:///etc/passwd", "https://x/v1#part",
]  # fmt: skip


@pytest.mark.parametrize("key", UNFIT_KEYS, ids=repr)
@pytest.mark.parametrize("how", ["call", "package", "pool"])
def test_a_key_that_cannot_be_sent_is_refused_unquoted(driver, key, how):
    """At once, by name, and without telling it."""
    given: dict[str, Any] = {"api_key": key} if how == "call" else {}
    if how == "package":
        muxi_llm.openai_api_key = key
    if how == "pool":
        muxi_llm.openai_keys = [f"sk-2{key}sk"]
    raised, script = ask(driver, **given)
    assert isinstance(raised, errors.InvalidRequestError)
    assert (raised.param, script.calls) == ("api_key", [])
    assert "openai" in str(raised)
    assert "sk-1" not in repr(raised)


@pytest.mark.parametrize("given", [{"api_key": 5}, {"base_url": b"http://x"}, {"api_key": ["sk"]}], ids=str)
def test_keys_and_addresses_are_strings(driver, given):
    raised, _ = ask(driver, **given)
    assert isinstance(raised, errors.InvalidRequestError)
    assert raised.param in given


def test_a_key_of_the_package_is_a_string(driver):
    muxi_llm.openai_api_key = 5
    raised, _ = ask(driver)
    assert isinstance(raised, errors.InvalidRequestError)
    assert "is no string" in str(raised)


@pytest.mark.parametrize("url", NO_URLS)
def test_an_address_that_is_none_is_refused(driver, url):
    """At once, with an example."""
    raised, script = ask(driver, base_url=url)
    assert isinstance(raised, errors.InvalidRequestError)
    assert (raised.param, script.calls) == ("base_url", [])
    assert "http://localhost:8000/v1" in str(raised)


@pytest.mark.parametrize(
    "url", ["http://[::1]:80/v1", "HTTPS://x", "https://x.test/v1?a=b", "http://m\u00fcnchen.test"]
)
def test_addresses_that_are_some(driver, url):
    value, _ = ask(driver, said(), base_url=url)
    assert value.muxi.model == "openai/gpt-4"


def test_a_password_in_an_address_is_told_to_nobody(driver):
    """Neither by an error's words nor by its request."""
    raised, _ = ask(driver, failed(400), base_url="http://me:PASSWORD@x.test/v1")
    assert "PASSWORD" not in f"{raised} {raised!r} {raised.request.url} {raised.response.request.url}"
    raised, _ = ask(driver, base_url="ftp://me:PASSWORD@x.test/v1")
    assert "PASSWORD" not in f"{raised} {raised!r}"


# ------------------------------------------------------------------------------- used again


def test_a_provider_is_used_again_until_something_it_was_made_of_changes(monkeypatch):
    """A key, an address, a header, a setting: each is seen by the very next call."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-1")
    first = candidate_of("openai/m")
    assert candidate_of("openai/m") is first
    for variable in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_KEYS"):
        monkeypatch.setenv(variable, "http://2")
        other = candidate_of("openai/m")
        assert other is not first
        first = other
    muxi_llm.openai_keys = ["sk-5"]
    assert candidate_of("openai/m").provider.keys == ("sk-5",)
    muxi_llm.openai_keys.append("sk-6")
    assert candidate_of("openai/m").provider.keys == ("sk-5", "sk-6")
    muxi_llm.openai_keys = None
    muxi_llm.openai_api_key = "sk-3"
    assert candidate_of("openai/m", api_key="sk-4").provider.api_key == "sk-4"
    monkeypatch.delenv("OPENAI_KEYS")
    assert candidate_of("openai/m").provider.api_key == "sk-3"


def test_a_provider_defined_anew_is_seen():
    """Under a name already used, and under one that was part of a model's name before."""
    before = dict(CLASSES)
    try:
        assert candidate_of("anew/m", default="openai").ref == ("openai", "anew/m")
        for url in ("http://one.test", "http://two.test"):
            OpenAICompatible.at("anew", base_url=url)
            assert candidate_of("anew/m", default="openai").provider.base_url == url
    finally:
        for name in CLASSES.keys() - before.keys():
            del CLASSES[name]


def test_not_all_that_was_ever_asked_is_kept():
    """Who brings a key for each call is not to fill the memory."""
    for number in range(KNOWN + 2):
        assert candidate_of("openai/m", api_key=f"sk-{number}").provider.api_key == f"sk-{number}"


def test_who_is_meant_by_a_prefix(monkeypatch):
    """A provider somebody configured, or one the program brought along."""
    ollama = registry.find("ollama")
    assert ollama is not None
    assert not is_meant(ollama)
    monkeypatch.setenv("OLLAMA_HOST", "localhost")
    assert is_meant(ollama)

    class Brought(Provider):
        base_url = "http://brought.test"

    try:
        assert is_meant(Brought)
    finally:
        del CLASSES["brought"]
