"""The provider: what a subclass of flags alone can do, and the verbs one may override."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

import muxi_llm
from muxi_llm.providers.base import CLASSES, Provider, snake_case
from muxi_llm.providers.openai import OpenAIProvider
from muxi_llm.transport.scripted import Answer
from muxi_llm.wire.base import Fault, Ledger, Reply, WireError
from tests.core import ask, failed, provider_of, said, streamed, text_of
from tests.support.bodies import HELLO, chat, chat_stream
from tests.support.upstream import Respond, Upstream

URL = "http://custom.test/v1"


@pytest.fixture
def defined() -> Iterator[None]:
    """What a test defines is forgotten after it."""
    before = set(CLASSES)
    yield
    for name in set(CLASSES) - before - {"openai", "anthropic"}:
        del CLASSES[name]


@pytest.fixture
def my_custom(defined, monkeypatch) -> type[Provider]:
    """The README's example, word for word."""

    class MyCustomProvider(Provider):
        """Custom provider implementation."""

        # Set capability flags
        json_mode_support = True  # Supports structured JSON output

        # Multi-modal capabilities
        vision_support = True  # Supports image inputs
        audio_input_support = False  # No audio input support
        video_input_support = False  # No video input support

        # Streaming capabilities
        streaming_support = True  # Supports streaming responses
        token_by_token_support = True  # Supports granular token streaming

        # Realtime capabilities
        realtime_support = False  # No realtime API support

    # fmt: on
    monkeypatch.setenv("MY_CUSTOM_API_KEY", "sk-custom")
    monkeypatch.setenv("MY_CUSTOM_BASE_URL", URL)
    return MyCustomProvider


# --------------------------------------------------------------------------------- a custom provider


def test_the_readmes_provider(driver, my_custom):
    """Named after its class; key and URL from the environment; no method is needed."""
    value, script = ask(driver, said("Hi"), model="my_custom/some-model")
    assert text_of(value) == "Hi"
    assert value.muxi.model == "my_custom/some-model"
    (sent,) = script.calls
    assert (sent.url, sent.headers["authorization"]) == (f"{URL}/chat/completions", "Bearer sk-custom")
    assert script.bodies == [{"model": "some-model", "messages": HELLO}]


def test_the_readmes_provider_streams(driver, my_custom):
    chunks, script = ask(driver, streamed("a", "b"), model="my_custom/some-model", stream=True)
    assert "".join(c.choices[0].delta.content or "" for c in chunks) == "ab"
    assert script.bodies[0]["stream"] is True


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_the_readmes_provider_adapts(driver, my_custom):
    """Its flags are obeyed: JSON mode and images are sent, sound is not."""
    parts = [{"type": "image_url", "image_url": {"url": "u"}}, {"type": "input_audio", "input_audio": {}}]
    value, script = ask(
        driver,
        said(),
        model="my_custom/m",
        messages=[{"role": "user", "content": parts}],
        response_format={"type": "json_object"},
    )
    assert script.bodies[0]["messages"][0]["content"] == parts[:1]
    assert script.bodies[0]["response_format"] == {"type": "json_object"}
    assert [a.param for a in value.muxi.adaptations] == ["messages[0].content[1]"]


def test_the_readmes_provider_over_http(driver, my_custom, monkeypatch):
    """Over a real socket, whole and streamed."""
    with Upstream() as server:
        monkeypatch.setenv("MY_CUSTOM_BASE_URL", server.url)
        server.script = [Respond(json=chat("Hi")), Respond(chunks=chat_stream("a", "b"))]
        params = {"model": "my_custom/m", "messages": HELLO}
        assert text_of(driver.create(muxi_llm.ChatCompletion, **params)) == "Hi"
        chunks = driver.create(muxi_llm.ChatCompletion, **params, stream=True)
        assert "".join(c.choices[0].delta.content or "" for c in chunks) == "ab"
        assert [r.path for r in server.requests] == ["/chat/completions"] * 2


@pytest.mark.parametrize(
    ("missing", "hint"),
    [
        (
            "MY_CUSTOM_API_KEY",
            "no API key for my_custom: set MY_CUSTOM_API_KEY, muxi_llm.my_custom_api_key, or pass api_key=",
        ),
        ("MY_CUSTOM_BASE_URL", "my_custom: no base URL; set MY_CUSTOM_BASE_URL or pass base_url="),
    ],
)
def test_what_the_readmes_provider_misses(driver, my_custom, monkeypatch, missing, hint):
    """Each error names the variable."""
    monkeypatch.delenv(missing)
    raised, script = ask(driver, model="my_custom/m")
    assert str(raised) == hint
    assert script.calls == []


def test_the_package_sets_it_too(driver, my_custom):
    """`muxi_llm.my_custom_api_key`, as for every provider."""
    muxi_llm.my_custom_api_key = "sk-set"
    muxi_llm.my_custom_base_url = "http://set.test/"
    _, script = ask(driver, said(), model="my_custom/m")
    assert script.calls[0].url == "http://set.test/chat/completions"
    assert script.calls[0].headers["authorization"] == "Bearer sk-set"


def test_as_a_fallback(driver, my_custom, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk")
    value, _ = ask(driver, failed(500), said("b"), fallback_models=["my_custom/m"])
    assert value.muxi.model == "my_custom/m"


def test_class_attributes_win_over_the_derived_names(driver, defined, monkeypatch):
    """name, key_env, base_url_env, base_url: said once in the class."""

    class Whatever(Provider):
        name = "house-llm"
        base_url = "http://house.test"
        key_env = ("HOUSE_KEY", "HOUSE_TOKEN")
        base_url_env = ("HOUSE_URL",)

    monkeypatch.setenv("HOUSE_TOKEN", "t")
    _, script = ask(driver, said(), model="house-llm/m")
    assert script.calls[0].url == "http://house.test/chat/completions"
    assert script.calls[0].headers["authorization"] == "Bearer t"
    monkeypatch.setenv("HOUSE_URL", "http://other.test")
    _, script = ask(driver, said(), model="house-llm/m")
    assert script.calls[0].url == "http://other.test/chat/completions"
    assert CLASSES["house-llm"] is Whatever


def test_a_subclass_of_a_provider_is_another_one(defined):
    """With a key variable of its own: keys go to their own provider only."""

    class Mirror(OpenAIProvider):
        base_url = "http://mirror.test"

    assert (Mirror.name, Mirror.key_env, CLASSES["mirror"]) == ("mirror", ("MIRROR_API_KEY",), Mirror)
    assert CLASSES["openai"] is OpenAIProvider
    assert Mirror.vision_support


def test_what_a_provider_can_do_by_default():
    """Nothing that could fail there: media, JSON, streams are opted in; tools, system messages and URLs are usual."""
    flags = {name: value for name, value in vars(Provider).items() if name.endswith("_support")}
    usual = {"tools_support", "system_message_support", "media_url_support"}
    assert {name for name, on in flags.items() if on} == usual
    assert len(flags) == 33


def test_a_stand_in_is_not_registered(defined):
    before = dict(CLASSES)

    class Base(Provider, register=False):
        vision_support = True

    assert before == CLASSES
    assert Base.name == ""


@pytest.mark.parametrize(
    ("name", "snake"),
    [
        ("MyCustom", "my_custom"),
        ("HTTPModel", "http_model"),
        ("Foo", "foo"),
        ("Llama3Server", "llama3_server"),
        ("vLLM", "v_llm"),
    ],
)
def test_names_from_class_names(name, snake):
    assert snake_case(name) == snake


# ---------------------------------------------------------------------------------- verbs to override


def test_overridden_verbs(driver, defined):
    """authorize, prepare, read, classify: what a provider may say differently."""

    class Odd(Provider):
        base_url = "http://odd.test"

        def authorize(self):
            return {"x-odd-key": self.api_key}

        def prepare(self, wire, body, *, stream, extra):
            return super().prepare(wire, {**body, "odd": True}, stream=stream, extra=extra)

        def read(self, wire, reply):
            if reply.headers.get("x-odd") == "busy":
                raise WireError("fault", "busy", Fault(503, "busy"))
            return super().read(wire, reply)

        def classify(self, fault, *, url, reply):
            error = super().classify(fault, url=url, reply=reply)
            error.code = error.code or "odd"
            return error

    muxi_llm.odd_api_key = "k"
    answers = [Answer(json=chat(), headers={"x-odd": "busy"}), said()]
    value, script = ask(driver, *answers, model="odd/m", retries=1)
    assert script.calls[0].headers["x-odd-key"] == "k"
    assert "authorization" not in script.calls[0].headers
    assert script.bodies[0]["odd"] is True
    assert (value.muxi.attempts[0].status, value.muxi.attempts[0].error.code) == (503, "odd")


def test_instances_keep_to_themselves():
    """One for each call: what a call sets is no other call's."""
    kind = type(provider_of())
    headers = {"a": "b"}
    first = kind(api_key="1", base_url="http://one.test/", headers=headers)
    second = kind(api_key="2")
    headers["a"] = "changed"
    assert (first.base_url, first.api_key, first.headers) == ("http://one.test", "1", {"a": "b"})
    assert (second.base_url, second.api_key, second.headers) == ("http://weak.test/v1", "2", {})


def test_wires():
    """A codec for each endpoint; completions are played on chat where there is no endpoint for them."""
    ledger = Ledger("weak")
    chat_only = provider_of(wires={"chat": Provider.wires["chat"]})
    assert chat_only.wire_for("completion", "m", ledger).path == "/chat/completions"
    assert provider_of().wire_for("completion", "m", ledger).path == "/completions"
    embeds = provider_of(wires={"embedding": Provider.wires["embedding"]})
    for endpoint in ("chat", "completion"):
        with pytest.raises(
            muxi_llm.InvalidRequestError, match=f"weak has no {endpoint} endpoint .it has: embedding."
        ):
            embeds.wire_for(endpoint, "m", ledger)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (WireError("fault", "x", Fault(429, "x")), openai.RateLimitError),
        (WireError("incomplete", "x"), muxi_llm.IncompleteStreamError),
        (WireError("malformed", "x"), muxi_llm.MalformedReplyError),
    ],
)
def test_errors_of_bytes(error, kind):
    assert isinstance(provider_of().error_of(error, url=URL, reply=Reply(200, {})), kind)
