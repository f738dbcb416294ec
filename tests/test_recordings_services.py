"""Recorded traffic of OpenAI-compatible services, each through its own provider.

Given the recorded request we send the same fields to the same address, but for what a declared adaptation
explains; given the recorded reply we say what it says.
"""

from __future__ import annotations

import json
import re
from typing import Any

import openai
import pytest

from muxi_llm import ChatCompletion, Embedding
from muxi_llm.providers import registry
from muxi_llm.providers.perplexity import int8s
from muxi_llm.runtime import prepare_models, using
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.types.common import ChatParams, EmbeddingParams
from muxi_llm.utils.streaming import collect
from muxi_llm.wire.vectors import floats
from tests.support.recordings import (
    NOT_AN_ANSWER,
    Json,
    answer_of,
    asked_of,
    body_of,
    each,
    events_of,
    expected_facts,
    facts_of,
    found,
    interactions,
    status_of,
    url_of,
)

pytestmark = [
    pytest.mark.shared,
    pytest.mark.usefixtures("shared"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]
SERVICES = {
    "alibaba": "dashscope",
    **dict.fromkeys(("local", "ollama", "ollama_cloud"), "vllm"),
    "openaicompat": "xai",
    **{
        name: name
        for name in (
            "anthropic", "azure", "cerebras", "cloudflare", "databricks", "deepseek", "groq", "heroku", "huggingface", "mistral", "openai",
            "openrouter", "perplexity", "snowflake", "together", "watsonx", "writer", "xai", "zai",
        )
    },
}  # fmt: skip
"""Folder of recordings → provider."""

ENDPOINTS = {
    r"/chat/completions|api\.writer\.com(:443)?/v1/chat$": "chat",
    r"(?<!api)/embeddings": "embedding",
    r"/v1/models$|/foundation_model_specs": "models",
}

PLACES = {
    "azure": {"AZURE_OPENAI_ENDPOINT": r"(https://[^/]+(?:/models)?)/", "OPENAI_API_VERSION": r"api-version=(.+)"},
    "cloudflare": {"CLOUDFLARE_ACCOUNT_ID": r"accounts/(\w+)/"},
    "databricks": {"DATABRICKS_HOST": r"https://([^/]+)/"},
    "snowflake": {"SNOWFLAKE_ACCOUNT": r"https://([^.]+)\."},
    "watsonx": {"WATSONX_TOKEN": r"(ibm)", "WATSONX_API_VERSION": r"version=([0-9-]+)"},
    "vllm": {"VLLM_BASE_URL": r"(http://localhost:\d+/v1|https://ollama.com/v1)/"},
}  # fmt: skip
"""Provider → the setting that leads to the recorded address → where the address has it."""

OTHER_ADDRESSES = {
    "https://api.together.xyz": "the service's former name",
    r"router.huggingface.co/\w+/v1/": "one of the services behind Hugging Face, by an address of its own",
    "cloud.ibm.com/ml/v1-beta/": "the API before its first version",
}


def those(endpoint: str, *, request: bool = True, ok: bool = True) -> list[str]:
    """The interactions of *endpoint*."""
    return [
        key
        for key, interaction in interactions().items()
        if key.partition("/")[0] in SERVICES
        and (interaction["request"] is not None) == request
        and (status_of(key) < 300) == ok
        and (found(ENDPOINTS, key) if request else answers_a_chat(key)) == endpoint
    ]


def answers_a_chat(key: str) -> str | None:
    """What an answer alone is of."""
    return "chat" if b'"choices":' in body_of(key).replace(b" ", b"") else None


def provider_of(monkeypatch: pytest.MonkeyPatch, key: str, url: str) -> str:
    """The provider, with a key, and settings that lead to *url*."""
    name = SERVICES[key.partition("/")[0]]
    kind = registry.find(name)
    assert kind is not None
    monkeypatch.setenv(kind.key_env[0], "k")
    for variable, pattern in PLACES.get(name, {}).items():
        if place := re.search(pattern, url):
            monkeypatch.setenv(variable, place[1])
    return name


FACES: dict[str, tuple[Any, Any]] = {
    "chat": (ChatCompletion, ChatParams),
    "embedding": (Embedding, EmbeddingParams),
}


def replay(monkeypatch: pytest.MonkeyPatch, key: str) -> tuple[Any, Json, Scripted]:
    """The recorded request through the face: its value (or error), what was sent, and what it ought to have been.

    An answer is a pair: its value, and the adaptations.
    """
    url, body = url_of(key), asked_of(key)
    name = provider_of(monkeypatch, key, url)
    face, params = FACES[found(ENDPOINTS, key) or ""]
    deployed = re.search(r"/deployments/([^/]+)/", url)
    model = deployed[1] if deployed else body["model"]
    known = params.__annotations__.keys() | {"stream", "messages", "prompt", "input"}
    known -= {"provider"}  # the face's own word, and the name of a field of OpenRouter's
    given = {field: value for field, value in body.items() if field in known}
    extra = {field: value for field, value in body.items() if field not in {*known, "model"}}
    script = Scripted(answer_of(key, stream=bool(body.get("stream"))))
    asked = {**body, "model": model}
    with using(script):
        try:
            value = face.create(model=f"{name}/{model}", **given, extra_body=extra, retries=0)
            told = value.muxi.adaptations
            answer = (collect(list(value)) if body.get("stream") else value), told
        except openai.APIError as error:
            return error, asked, script
    return answer, asked, script


NOTHING = (("stream", False), ("tools", []))


def changed(asked: Json, sent: Json) -> set[str]:
    """Fields that are not the same. `null`, `stream: false`, no tools and what a message has not say nothing."""
    asked, sent = (
        {k: v for k, v in body.items() if v is not None and (k, v) not in NOTHING} for body in (asked, sent)
    )
    asked, sent = (
        {**body, "messages": [_said(message) for message in body["messages"]]} if "messages" in body else body
        for body in (asked, sent)
    )
    return {name for name in asked.keys() | sent.keys() if asked.get(name, ...) != sent.get(name, ...)}


def _said(message: Json) -> Json:
    return {k: v for k, v in message.items() if v is not None and v != []}


def explained(adaptations: Any) -> set[str]:
    """Fields that *adaptations* speak of, by their old names and by their new ones."""
    old = {re.split(r"[\[.]", entry.param)[0] for entry in adaptations}
    return old | {word for entry in adaptations for word in re.findall(r"sent as (\w+)", str(entry))}


def address(url: str) -> str:
    """*url* without what says nothing."""
    return url.replace(":443/", "/")


@each(those("chat"), "answer", "request")
def test_chats(monkeypatch, key):
    """The same request to the same address, and the recorded answer."""
    answer, asked, script = replay(monkeypatch, key)
    if key in NOT_AN_ANSWER:
        assert isinstance(answer, openai.BadRequestError)
        return
    assert not isinstance(answer, Exception), answer
    value, told = answer
    assert changed(asked, script.bodies[0]) <= explained(told)
    url = url_of(key)
    assert address(script.calls[0].url) == address(url) or found(OTHER_ADDRESSES, key)
    assert facts_of(value) == expected_facts(key)


@each([*those("chat", ok=False), *those("embedding", ok=False)], "answer", "request")
def test_refusals(monkeypatch, key):
    """OpenAI's class for the status, and the service's words."""
    error, asked, script = replay(monkeypatch, key)
    assert isinstance(error, openai.APIStatusError)
    assert error.status_code == status_of(key)
    assert address(script.calls[0].url) == address(url_of(key))
    assert changed(asked, script.bodies[0]) <= {"n"}  # 1, which is what it is anyway


@each(those("chat", request=False), "answer")
def test_answers_without_a_request(monkeypatch, key):
    """Text, finish and usage are what stands in the bytes."""
    name = provider_of(monkeypatch, key, "")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    stream = body_of(key).startswith(b"data:")
    lines = events_of(key) if stream else [json.loads(body_of(key))]
    answer = Answer(chunks=[body_of(key), b"data: [DONE]\n\n"]) if stream else Answer(content=body_of(key))
    with using(Scripted(answer)):
        value = ChatCompletion.create(
            model=f"{name}/m", messages=[{"role": "user", "content": "a"}], stream=stream
        )
    value = collect(list(value)) if stream else value
    choices = [choice for line in lines for choice in line["choices"][:1]]
    said = [choice.get("delta" if stream else "message") or {} for choice in choices]
    texts = [part for message in said for part in plain(message.get("content"))]
    assert (value.choices[0].message.content or "") == "".join(texts)
    assert (
        value.choices[0].finish_reason == [c["finish_reason"] for c in choices if c.get("finish_reason")][-1]
    )
    used = [line["usage"] for line in lines if line.get("usage")]
    assert value.usage.total_tokens == used[-1]["total_tokens"]
    assert bool(value.choices[0].message.tool_calls) == any(message.get("tool_calls") for message in said)


def plain(content: Any) -> list[str]:
    """The text in content: a string, or parts."""
    if isinstance(content, list):
        return [part["text"] for part in content if part["type"] == "text"]
    return [content or ""]


@each(those("embedding"), "answer", "request")
def test_embeddings(monkeypatch, key):
    """Vectors as they came, decoded where base64 was not asked for."""
    (value, told), asked, script = replay(monkeypatch, key)
    assert changed(asked, script.bodies[0]) <= explained(told)
    assert address(script.calls[0].url) == address(url_of(key))
    rows = json.loads(body_of(key))["data"]
    vectors = [row["embedding"] for row in rows]
    if asked.get("encoding_format") != "base64":
        read = int8s if key.startswith("perplexity/") else floats
        vectors = [read(vector) if isinstance(vector, str) else vector for vector in vectors]
    assert [item.embedding for item in value.data] == vectors
    if wanted := asked.get("dimensions"):
        assert {len(item.embedding) for item in value.data} == {wanted}


@each(those("models"), "answer", "request")
def test_models(monkeypatch, key):
    """The ids, in their order, of the first page."""
    url = url_of(key)
    name = provider_of(monkeypatch, key, url)
    with using(Scripted(answer_of(key, stream=False))) as script:
        listed = prepare_models(name).run()
    asked, recorded = (address(said).partition("?")[0] for said in (script.calls[0].url, url))
    assert asked == recorded or found(OTHER_ADDRESSES, key)
    raw = json.loads(body_of(key))
    ids = (
        [row["id"] for row in raw["data"]] if "data" in raw else [row["model_id"] for row in raw["resources"]]
    )
    assert [model.id for model in listed.data] == ids
