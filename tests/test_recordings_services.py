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

from muxi_llm import ChatCompletion, Completion, Embedding
from muxi_llm.providers import registry
from muxi_llm.runtime import prepare_models, using
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.types.common import ChatParams, CompletionParams, EmbeddingParams
from muxi_llm.utils.streaming import collect
from tests.conftest import SHARED
from tests.test_recordings_openai import NOT_AN_ANSWER, UNEQUAL, body_of, columns_of, row_of

pytestmark = [
    pytest.mark.shared,
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]
Json = dict[str, Any]

SERVICES = {
    "alibaba": "dashscope",
    "local": "vllm",
    "openaicompat": "xai",
    **{
        name: name
        for name in (
            "azure", "cerebras", "cloudflare", "databricks", "deepseek", "groq", "heroku", "mistral", "openai",
            "openrouter", "perplexity", "snowflake", "together", "watsonx", "writer", "xai", "zai",
        )
    },
}  # fmt: skip
"""Folder of recordings → provider."""

ENDPOINTS = {
    r"/chat/completions|api\.writer\.com(:443)?/v1/chat$": "chat",
    r"api\.writer\.com/v1/completions": "completion",
    r"/embeddings": "embedding",
    r"/v1/models$": "models",
}

NOT_REPLAYED = {
    r"/responses": "OpenAI's Responses: a wire of its own, replayed in test_recordings_responses",
    r"^responses": "likewise, without its request",
    r"/messages|generateContent": "the wires of Anthropic and Gemini, replayed in their own tests",
    r"\.(png|mp3|pdf|jpeg)$": "a file that the recorded program fetched",
    r"/ocr|/images/|/rerank|reranking|transcription": "endpoints that are not for chat or embeddings",
    r"localhost:(8081|8882|4320)": "no model provider: an MCP server, a vector store, a telemetry agent",
    r"ml/v1-beta|ml/v4|dataplatform": "watsonx's API before its chat API",
    r"azure-(tool-call|web-search)": "OpenAI's Responses, without its request",
}
"""What a URL (a file's name, where there is none) is of that the faces have no door for, and why."""

PLACES = {
    "azure": {"AZURE_OPENAI_ENDPOINT": r"(https://[^/]+(?:/models)?)/", "OPENAI_API_VERSION": r"api-version=(.+)"},
    "cloudflare": {"CLOUDFLARE_ACCOUNT_ID": r"accounts/(\w+)/"},
    "databricks": {"DATABRICKS_HOST": r"https://([^/]+)/"},
    "snowflake": {"SNOWFLAKE_ACCOUNT": r"https://([^.]+)\."},
    "vllm": {"VLLM_BASE_URL": r"(http://localhost:\d+/v1)/"},
}  # fmt: skip
"""Provider → the setting that leads to the recorded address → where the address has it."""

OTHER_ADDRESSES = {
    "https://api.together.xyz": "the service's former name",
    "https://router.huggingface.co": "the same service by way of Hugging Face",
}


def of(table: dict[str, str], place: str) -> str | None:
    """The row whose pattern is found in *place*."""
    return next((value for pattern, value in table.items() if re.search(pattern, place)), None)


def recorded(*endpoints: str, request: bool = True, ok: bool = True) -> list[str]:
    """The interactions with one of *endpoints*, as `file#interaction`."""
    index = SHARED / "recordings" / "index.json"
    if not index.is_file():
        return ["(no recordings)"]  # the `shared` fixture skips it, loudly
    keys = []
    for row in json.loads(index.read_text()):
        if row["provider"] in SERVICES:
            recording = json.loads((SHARED / "recordings" / row["file"]).read_text())
            for number, interaction in enumerate(recording["interactions"]):
                place = place_of(row["file"], interaction)
                endpoint = None if of(NOT_REPLAYED, place) else of(ENDPOINTS, place)
                if endpoint is None and not of(NOT_REPLAYED, place):
                    endpoint = "chat" if interaction["request"] is None else "unknown"
                if (
                    endpoint in endpoints
                    and (interaction["request"] is not None) == request
                    and (interaction["response"]["status"] < 300) == ok
                ):
                    keys.append(f"{row['file']}#{number}")
    return keys


def place_of(file: str, interaction: Json) -> str:
    url: str | None = (interaction["request"] or {}).get("url")
    return url or file.partition("__")[2]


def interaction_of(key: str) -> Json:
    file, _, number = key.rpartition("#")
    found: Json = json.loads((SHARED / "recordings" / file).read_text())["interactions"][int(number)]
    return found


def provider_of(monkeypatch: pytest.MonkeyPatch, key: str, url: str) -> str:
    """The provider, with a key, and settings that lead to *url*."""
    name = SERVICES[key.partition("/")[0]]
    kind = registry.find(name)
    assert kind is not None
    monkeypatch.setenv(kind.key_env[0], "k")
    for variable, pattern in PLACES.get(name, {}).items():
        if found := re.search(pattern, url):
            monkeypatch.setenv(variable, found[1])
    return name


FACES: dict[str, tuple[Any, Any]] = {
    "chat": (ChatCompletion, ChatParams),
    "completion": (Completion, CompletionParams),
    "embedding": (Embedding, EmbeddingParams),
}


def replay(monkeypatch: pytest.MonkeyPatch, key: str) -> tuple[Any, Json, Scripted]:
    """The recorded request through the face: its value (or error), what was sent, and what it ought to have been.

    An answer is a pair: its value, and the adaptations.
    """
    interaction = interaction_of(key)
    url, body = interaction["request"]["url"], interaction["request"]["body"]
    name = provider_of(monkeypatch, key, url)
    face, params = FACES[of(ENDPOINTS, url) or ""]
    deployed = re.search(r"/deployments/([^/]+)/", url)
    model = deployed[1] if deployed else body["model"]
    known = params.__annotations__.keys() | {"stream", "messages", "prompt", "input"}
    given = {field: value for field, value in body.items() if field in known}
    extra = {field: value for field, value in body.items() if field not in {*known, "model"}}
    data = body_of(SHARED, key)
    status = interaction["response"]["status"]
    script = Scripted(
        Answer(status=status, chunks=[data]) if body.get("stream") else Answer(status=status, content=data)
    )
    asked = {**body, "model": model}
    with using(script):
        try:
            value = face.create(model=f"{name}/{model}", **given, extra_body=extra, retries=0)
            told = value.muxi.adaptations
            answer = (collect(list(value)) if body.get("stream") else value), told
        except openai.APIError as error:
            return error, asked, script
    return answer, asked, script


def changed(asked: Json, sent: Json) -> set[str]:
    """Fields that are not the same. `null` and `stream: false` say nothing."""
    asked, sent = (
        {k: v for k, v in body.items() if v is not None and (k, v) != ("stream", False)}
        for body in (asked, sent)
    )
    return {name for name in asked.keys() | sent.keys() if asked.get(name, ...) != sent.get(name, ...)}


def explained(adaptations: Any) -> set[str]:
    """Fields that *adaptations* speak of, by their old names and by their new ones."""
    old = {re.split(r"[\[.]", entry.param)[0] for entry in adaptations}
    return old | {word for entry in adaptations for word in re.findall(r"sent as (\w+)", str(entry))}


def address(url: str) -> str:
    """*url* without what says nothing."""
    return url.replace(":443/", "/")


@pytest.mark.parametrize("key", recorded("chat"))
def test_chats(shared, monkeypatch, key):
    """The same request to the same address, and the recorded answer."""
    answer, asked, script = replay(monkeypatch, key)
    if UNEQUAL.get(key) == NOT_AN_ANSWER:
        assert isinstance(answer, openai.BadRequestError)
        return
    assert not isinstance(answer, Exception), answer
    value, told = answer
    assert changed(asked, script.bodies[0]) <= explained(told)
    url = interaction_of(key)["request"]["url"]
    assert address(script.calls[0].url) == address(url) or of(OTHER_ADDRESSES, url)
    if key in json.loads((shared / "recordings" / "expected.json").read_text()):
        row = row_of(shared, key)
        assert columns_of(value) == {name: row[name] for name in ("text", "tool_calls", "finish", "usage")}


@pytest.mark.parametrize("key", recorded("chat", ok=False))
def test_refusals(shared, monkeypatch, key):
    """OpenAI's class for the status, and the service's words."""
    error, _, script = replay(monkeypatch, key)
    assert isinstance(error, openai.APIStatusError)
    assert error.status_code == interaction_of(key)["response"]["status"]
    assert address(script.calls[0].url) == address(interaction_of(key)["request"]["url"])


def lines_of(key: str) -> list[Json]:
    """The chunks of a stream that was kept as lines, or its one answer."""
    body = body_of(SHARED, key).decode()
    return [json.loads(line) for line in body.splitlines() if line] if "\n" in body else [json.loads(body)]


@pytest.mark.parametrize("key", recorded("chat", request=False))
def test_answers_without_a_request(shared, monkeypatch, key):
    """Text, finish and usage are what stands in the bytes."""
    name = provider_of(monkeypatch, key, "")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", "https://mine.openai.azure.com")
    lines = lines_of(key)
    stream = "chunks" in key
    pieces = [b"data: " + json.dumps(line).encode() + b"\n\n" for line in lines] + [b"data: [DONE]\n\n"]
    answer = Answer(chunks=pieces) if stream else Answer(content=body_of(shared, key))
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


@pytest.mark.parametrize("key", recorded("embedding"))
def test_embeddings(shared, monkeypatch, key):
    """Vectors as they came, decoded where base64 was not asked for."""
    (value, told), asked, script = replay(monkeypatch, key)
    assert changed(asked, script.bodies[0]) <= explained(told)
    assert address(script.calls[0].url) == address(interaction_of(key)["request"]["url"])
    rows = json.loads(body_of(shared, key))["data"]
    if asked.get("encoding_format") == "base64":
        assert [item.embedding for item in value.data] == [row["embedding"] for row in rows]
    assert len(value.data) == len(rows)
    if wanted := asked.get("dimensions"):
        assert {len(item.embedding) for item in value.data} == {wanted}


@pytest.mark.parametrize("key", recorded("models"))
def test_models(shared, monkeypatch, key):
    url = interaction_of(key)["request"]["url"]
    name = provider_of(monkeypatch, key, url)
    with using(Scripted(Answer(content=body_of(shared, key)))) as script:
        listed = prepare_models(name).run()
    assert script.calls[0].url == url
    assert [model.id for model in listed.data] == [
        row["id"] for row in json.loads(body_of(shared, key))["data"]
    ]


def test_every_recording_is_replayed_or_said_why_not(shared):
    """A new one that no row speaks of is not passed over."""
    assert recorded("unknown") == recorded("unknown", ok=False) == []


@pytest.mark.parametrize("pattern", NOT_REPLAYED)
def test_the_table_names_what_exists(shared, pattern):
    files = [
        row
        for row in json.loads((shared / "recordings" / "index.json").read_text())
        if row["provider"] in SERVICES
    ]
    places = [
        place_of(row["file"], interaction)
        for row in files
        for interaction in json.loads((shared / "recordings" / row["file"]).read_text())["interactions"]
    ]
    assert any(re.search(pattern, place) for place in places)
