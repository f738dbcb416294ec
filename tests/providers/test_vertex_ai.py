"""The `vertex` provider over real HTTP: each publisher's wire and place, and every kind of credentials."""

from __future__ import annotations

import sys
from typing import Any
from urllib.parse import parse_qs

import openai
import pytest

import muxi_llm
from muxi_llm import ChatCompletion, Embedding, errors
from muxi_llm.providers import registry
from muxi_llm.providers.vertex_ai import VertexProvider
from muxi_llm.wire.base import Ledger
from tests.support import bodies
from tests.support.anthropic import assistant, told
from tests.support.bodies import HELLO
from tests.support.gemini import reply, sse
from tests.support.gemini_cloud import service_account, token
from tests.support.upstream import Respond, Upstream

MODEL = "vertex/gemini-2.5-flash"
PLACE = "/projects/p/locations/global"


@pytest.fixture(autouse=True)
def home(monkeypatch, upstream):
    """The upstream is Vertex, the project is known, and no machine's own credentials are looked for."""
    for variables in VertexProvider.settings_env.values():
        for variable in variables:
            monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("VERTEX_BASE_URL", upstream.url)
    monkeypatch.setenv("VERTEXAI_PROJECT", "p")
    monkeypatch.setenv("NO_GCE_CHECK", "true")


def call(**params: Any) -> Any:
    return ChatCompletion.create(
        **{"model": MODEL, "messages": HELLO, "api_key": "ya29.x", "retries": 0} | params
    )


# ------------------------------------------------------------------------------------------ places


@pytest.mark.parametrize("prefix", ["vertex/", "vertex_ai/", "vertexai/", "vertex/google/"])
def test_gemini(upstream, prefix):
    """By its own wire, with the token that was given."""
    upstream.script = [Respond(json=reply("Hi"))]
    assert call(model=f"{prefix}gemini-2.5-flash").choices[0].message.content == "Hi"
    (asked,) = upstream.requests
    assert asked.path == f"/v1beta1{PLACE}/publishers/google/models/gemini-2.5-flash:generateContent"
    assert asked.headers["authorization"] == "Bearer ya29.x"


def test_gemini_streamed(driver, upstream):
    upstream.script = [Respond(chunks=sse(reply("Hi")))]
    chunks = driver.create(ChatCompletion, model=MODEL, messages=HELLO, api_key="ya29.x", stream=True)
    assert chunks[0].choices[0].delta.content == "Hi"
    assert upstream.requests[0].path.endswith("/gemini-2.5-flash:streamGenerateContent?alt=sse")


def test_a_tuned_gemini(upstream):
    upstream.script = [Respond(json=reply("Hi"))]
    call(model="vertex/endpoints/123")
    assert upstream.requests[0].path == f"/v1beta1{PLACE}/endpoints/123:generateContent"


@pytest.mark.parametrize("name", ["claude-sonnet-4-5@20250929", "anthropic/claude-sonnet-4-5@20250929"])
def test_claude(upstream, name):
    """By Anthropic's wire: the version in the body, the model in the path, its thinking replayed."""
    upstream.script = [Respond(json=bodies.message("Hi"))]
    thought = {"type": "thinking", "thinking": "hm", "signature": "S"}
    messages = [*HELLO, assistant("a", thinking_blocks=[thought]), *HELLO]
    assert call(model=f"vertex/{name}", messages=messages, max_tokens=5).choices[0].message.content == "Hi"
    (asked,) = upstream.requests
    assert asked.path == f"/v1{PLACE}/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"
    assert (asked.json["anthropic_version"], asked.json["max_tokens"]) == ("vertex-2023-10-16", 5)
    assert asked.json["messages"][1]["content"][0] == thought
    assert "model" not in asked.json


def test_claude_streamed(upstream):
    upstream.script = [Respond(chunks=told("Hello"))]
    chunks = list(call(model="vertex/claude-sonnet-5", stream=True))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == "Hello"
    assert upstream.requests[0].path.endswith("/claude-sonnet-5:streamRawPredict")
    assert upstream.requests[0].json["stream"] is True


def test_claude_takes_no_sound():
    """Each publisher has its own habits: what one takes, another does not."""
    sound = {"type": "input_audio", "input_audio": {"data": "aGk=", "format": "wav"}}
    with pytest.raises(errors.UnsupportedParameterError):
        call(model="vertex/claude-sonnet-5", messages=[{"role": "user", "content": [sound]}])


@pytest.mark.parametrize(
    ("model", "path", "name"),
    [
        ("meta/llama-4-scout", "/endpoints/openapi/chat/completions", "meta/llama-4-scout"),
        ("mistral-medium-3", "/publishers/mistralai/models/mistral-medium-3:rawPredict", "mistral-medium-3"),
        ("mistralai/codestral-2", "/publishers/mistralai/models/codestral-2:rawPredict", "codestral-2"),
    ],
)
def test_other_publishers(upstream, model, path, name):
    """By OpenAI's wire."""
    upstream.script = [Respond(json=bodies.chat("Hi"))]
    assert call(model=f"vertex/{model}", seed=1).choices[0].message.content == "Hi"
    (asked,) = upstream.requests
    assert (asked.path, asked.json["model"]) == (f"/v1{PLACE}{path}", name)


def test_mistrals_habits_are_mistrals(upstream):
    """Its own names of parameters, as at its own place."""
    upstream.script = [Respond(chunks=bodies.chat_stream("Hi"))]
    list(call(model="vertex/mistral-medium-3", seed=1, stream=True))
    assert upstream.requests[0].json["random_seed"] == 1
    assert upstream.requests[0].path.endswith(":streamRawPredict")


def test_a_completion_of_claude():
    """By the publisher's wire too."""
    wire = VertexProvider(api_key="t").wire_for("completion", "claude-sonnet-5", Ledger("vertex"))
    assert wire.encode_request({"prompt": "Say it", "max_tokens": 5}, stream=False)["anthropic_version"]


def test_embeddings(upstream):
    upstream.script = [Respond(json={"predictions": [{"embeddings": {"values": [0.5]}}]})]
    value = Embedding.create(model="vertex/text-embedding-005", input="a", api_key="ya29.x")
    assert upstream.requests[0].path == f"/v1{PLACE}/publishers/google/models/text-embedding-005:predict"
    assert value.data[0].embedding == [0.5]


def test_models(upstream, monkeypatch):
    monkeypatch.setenv("VERTEX_API_KEY", "ya29.x")
    upstream.script = [
        Respond(json={"publisherModels": [{"name": "publishers/google/models/gemini-2.5-flash"}]})
    ]
    assert [model.id for model in muxi_llm.runtime.prepare_models("vertex").run().data] == [
        "gemini-2.5-flash"
    ]
    assert upstream.requests[0].path == "/v1beta1/publishers/google/models?pageSize=1000"


@pytest.mark.parametrize(
    ("location", "host"),
    [
        (None, "aiplatform.googleapis.com"),
        ("global", "aiplatform.googleapis.com"),
        ("eu", "aiplatform.eu.rep.googleapis.com"),
        ("europe-west4", "europe-west4-aiplatform.googleapis.com"),
    ],
)
def test_hosts(location, host):
    """The global one, and those of the locations."""
    settings = {"project": "p"} | ({"location": location} if location else {})
    provider = VertexProvider(api_key="t", settings=settings)
    wire = provider.wire_for("chat", "gemini-x", Ledger("vertex"))
    url = provider.url_of(wire, stream=False)
    place = f"/v1beta1/projects/p/locations/{location or 'global'}"
    assert url == f"https://{host}{place}/publishers/google/models/gemini-x:generateContent"


# ------------------------------------------------------------------------------------- credentials


@pytest.mark.parametrize("key", ["AIzaKey", "AQ.Key"])
@pytest.mark.parametrize(("project", "place"), [("p", PLACE), (None, "")], ids=["project", "express mode"])
def test_an_api_key(upstream, monkeypatch, key, project, place):
    """In its header; without a project it is one of express mode."""
    if project is None:
        monkeypatch.delenv("VERTEXAI_PROJECT")
    upstream.script = [Respond(json=reply("Hi"))]
    call(api_key=key)
    (asked,) = upstream.requests
    assert asked.path == f"/v1beta1{place}/publishers/google/models/gemini-2.5-flash:generateContent"
    assert asked.headers["x-goog-api-key"] == key
    assert "authorization" not in asked.headers


def test_a_token_without_a_project(monkeypatch):
    monkeypatch.delenv("VERTEXAI_PROJECT")
    with pytest.raises(errors.InvalidRequestError, match="set VERTEXAI_PROJECT or GOOGLE_CLOUD_PROJECT"):
        call()


@pytest.fixture
def identity():
    """Google's identity service."""
    with Upstream() as server:
        yield server


@pytest.fixture
def account(tmp_path, monkeypatch, identity):
    """A service account by the environment."""
    file = service_account(tmp_path / "account.json", identity)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    return file


@pytest.mark.usefixtures("account")
def test_default_credentials(driver, upstream, identity):
    """A token is fetched for a signed claim, and kept for the calls after."""
    identity.script = [token()]
    upstream.script = [Respond(json=reply("Hi")), Respond(json=reply("Hi"))]
    for _ in range(2):
        driver.create(ChatCompletion, model=MODEL, messages=HELLO)
    (asked,) = identity.requests
    assert parse_qs(asked.body.decode())["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    assert [one.headers["authorization"] for one in upstream.requests] == ["Bearer ya29.one"] * 2


def test_credentials_of_the_package(upstream, identity, monkeypatch, tmp_path):
    """Named in the program, not in the environment."""
    file = service_account(tmp_path / "mine.json", identity, project_id="mine")
    monkeypatch.delenv("VERTEXAI_PROJECT")
    muxi_llm.vertex_credentials = str(file)
    identity.script, upstream.script = [token("ya29.mine")], [Respond(json=reply("Hi"))]
    call(api_key=None)
    assert upstream.requests[0].headers["authorization"] == "Bearer ya29.mine"
    assert upstream.requests[0].path.startswith("/v1beta1/projects/mine/")


@pytest.mark.usefixtures("account")
def test_a_token_that_expired(upstream, identity):
    identity.script = [token("ya29.one", seconds=1), token("ya29.two")]
    upstream.respond = lambda _: Respond(json=reply("Hi"))
    call(api_key=None)
    call(api_key=None)
    assert [one.headers["authorization"] for one in upstream.requests] == [
        "Bearer ya29.one",
        "Bearer ya29.two",
    ]


@pytest.mark.usefixtures("account")
def test_the_project_of_the_credentials(upstream, identity, monkeypatch):
    """Where nobody says another."""
    monkeypatch.delenv("VERTEXAI_PROJECT")
    identity.script = [token()]
    upstream.script = [Respond(json=reply("Hi"))]
    call(api_key=None)
    assert upstream.requests[0].path.startswith("/v1beta1/projects/proj-of-file/locations/global/")


def test_credentials_without_a_project(tmp_path, monkeypatch, identity):
    file = service_account(tmp_path / "account.json", identity, project_id=None)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(file))
    monkeypatch.delenv("VERTEXAI_PROJECT")
    identity.script = [token()]
    with pytest.raises(errors.MissingCredentialsError, match="no project; set VERTEXAI_PROJECT"):
        call(api_key=None)


@pytest.mark.usefixtures("account")
def test_a_token_is_refused(identity):
    identity.script = [Respond(400, json={"error": "invalid_grant"})]
    with pytest.raises(openai.AuthenticationError, match=r"vertex: no access token.*invalid_grant"):
        call(api_key=None)


@pytest.mark.usefixtures("account")
def test_nobody_gives_tokens(identity):
    """Worth another try."""
    identity.close()
    with pytest.raises(openai.APIConnectionError, match="vertex: no access token"):
        call(api_key=None)


def test_no_credentials_at_all(monkeypatch, tmp_path):
    """The error says what to install and what to set."""
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    with pytest.raises(
        errors.MissingCredentialsError, match=r"muxi-llm\[google\].*GOOGLE_APPLICATION_CREDENTIALS"
    ):
        call(api_key=None)


def test_google_auth_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "google.auth", None)
    with pytest.raises(errors.MissingCredentialsError, match=r"pip install 'muxi-llm\[google\]'"):
        call(api_key=None)


def test_an_own_header_is_enough(upstream):
    """A caller's own authorization is not replaced."""
    upstream.script = [Respond(json=reply("Hi"))]
    call(api_key=None, extra_headers={"authorization": "Bearer mine"})
    assert upstream.requests[0].headers["authorization"] == "Bearer mine"


def test_names():
    assert registry.find("vertex_ai") is registry.find("vertexai") is registry.find("vertex")
