"""Ollama as a provider: where, by which key, and what a caller's request becomes on the way."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import ChatCompletion, Completion, Embedding, OpenAI
from muxi_llm.errors import IncompleteStreamError, InvalidRequestError, UnsupportedParameterError
from muxi_llm.providers.ollama import OllamaCloudProvider, OllamaProvider
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from tests.support.bodies import HELLO
from tests.support.upstream import Respond

pytestmark = pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")

NDJSON = {"content-type": "application/x-ndjson"}
PNG = "data:image/png;base64,aGk="


def line(text: str = "", *, done: bool = False, **fields: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": text, **fields}
    counts = {"done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2} if done else {}
    return {
        "model": "qwen3",
        "created_at": "2026-08-07T06:08:09Z",
        "message": message,
        "done": done,
        **counts,
    }


def stream(*lines: Any) -> Answer:
    return Answer(chunks=[json.dumps(each).encode() + b"\n" for each in lines], headers=NDJSON)


def ask(
    driver: Any, *answers: Answer, face: Any = ChatCompletion, model: str = "ollama/qwen3", **params: Any
) -> Any:
    """A call: its value (or exception) and the script."""
    if face is ChatCompletion:
        params.setdefault("messages", HELLO)
    return driver.scripted(face, *(answers or (Answer(json=line("Hi", done=True)),)), model=model, **params)


# ----------------------------------------------------------------------------------- where and who


@pytest.mark.parametrize(
    ("given", "base"),
    [
        ("http://gpu:11434", "http://gpu:11434"),
        ("http://gpu:11434/v1", "http://gpu:11434"),
        ("http://gpu:11434/api/", "http://gpu:11434"),
        ("https://proxy.example.com/ollama/v1", "https://proxy.example.com/ollama"),
        ("https://me:pw@proxy.example.com", "https://me:pw@proxy.example.com"),
        ("http://gpu", "http://gpu"),
        ("gpu", "http://gpu:11434"),
        ("gpu:8000", "http://gpu:8000"),
        (":8000", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:11434"),
        ("http://0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("[::]:8000", "http://[::1]:8000"),
        ("[fe80::1]", "http://[fe80::1]:11434"),
    ],
)
def test_forms_of_the_base_url(given, base):
    """The vendor's own (`OLLAMA_HOST`), and those people write for the compatible API."""
    assert OllamaProvider(base_url=given).base_url == base


def test_no_base_url():
    with pytest.raises(InvalidRequestError, match="'gpu:port' is no base URL") as caught:
        OllamaProvider(base_url="gpu:port")
    assert caught.value.param == "base_url"


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, "http://127.0.0.1:11434/api/chat"),
        ({"OLLAMA_HOST": "gpu:1234"}, "http://gpu:1234/api/chat"),
        ({"OLLAMA_HOST": "gpu:1234", "OLLAMA_BASE_URL": "http://other/v1"}, "http://other/api/chat"),
    ],
    ids=["default", "host", "both"],
)
def test_where(driver, monkeypatch, variables, url):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    _, script = ask(driver)
    assert script.calls[0].url == url
    assert "authorization" not in script.calls[0].headers


def test_by_which_key(driver, monkeypatch):
    """A server of one's own may want one; the cloud does."""
    monkeypatch.setenv("OLLAMA_API_KEY", "sk-ollama")
    for model, url in (("ollama/x", "http://127.0.0.1:11434"), ("ollama_cloud/x", "https://ollama.com")):
        _, script = ask(driver, model=model)
        assert script.calls[0].url == f"{url}/api/chat"
        assert script.calls[0].headers["authorization"] == "Bearer sk-ollama"


def test_the_cloud_without_a_key(driver):
    error, script = ask(driver, model="ollama_cloud/gpt-oss:120b")
    assert isinstance(error, openai.AuthenticationError)
    assert "OLLAMA_API_KEY" in str(error)
    assert script.calls == []


def test_the_cloud_is_asked_for_json_in_words(driver):
    """It takes a form, and does not keep to it."""
    assert OllamaCloudProvider.wires == OllamaProvider.wires
    value, script = ask(driver, model="ollama_cloud/x", api_key="k", response_format={"type": "json_object"})
    assert "format" not in script.bodies[0]
    assert "JSON object" in script.bodies[0]["messages"][0]["content"]
    assert [a.param for a in value.muxi.adaptations] == ["response_format"]


# ------------------------------------------------------------------------------------- the whole way


def test_a_chat(driver):
    value, script = ask(driver, max_tokens=5, temperature=0)
    assert (value.choices[0].message.content, value.usage.total_tokens) == ("Hi", 7)
    assert value.muxi.model == "ollama/qwen3"
    assert script.bodies == [
        {
            "model": "qwen3",
            "messages": HELLO,
            "stream": False,
            "options": {"temperature": 0, "num_predict": 5},
        }
    ]


def test_a_stream(driver):
    chunks, script = ask(driver, stream(line("Hel"), line("lo"), line(done=True)), stream=True)
    assert collect(chunks).choices[0].message.content == "Hello"
    assert (script.bodies[0]["stream"], script.calls[0].headers["accept"]) == (True, "application/x-ndjson")


def test_pitfall_17_a_cut_stream(driver):
    error, _ = ask(driver, stream(line("Hel")), stream=True, retries=0)
    assert isinstance(error, IncompleteStreamError)
    assert error.partial_text == "Hel"


def test_pitfall_16_an_error_in_the_stream_is_tried_again(driver):
    """Before the first word."""
    broken = stream({"error": "llama runner process has terminated"})
    chunks, script = ask(driver, broken, stream(line("Hi"), line(done=True)), stream=True, retries=1)
    assert (collect(chunks).choices[0].message.content, len(script.calls)) == ("Hi", 2)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, openai.BadRequestError),
        (401, openai.AuthenticationError),
        (404, openai.NotFoundError),
        (429, openai.RateLimitError),
        (500, openai.InternalServerError),
        (503, openai.InternalServerError),
    ],
)
def test_errors_are_openais(driver, status, kind):
    error, _ = ask(driver, Answer(status=status, json={"error": "model 'x' not found"}), retries=0)
    assert isinstance(error, kind)
    assert "model 'x' not found" in str(error)


@pytest.mark.parametrize(
    "params",
    [
        {"extra_body": {"num_ctx": 8192}},
        {"extra_body": {"options": {"num_ctx": 8192}}},
        {"provider_options": {"ollama": {"num_ctx": 8192}}},
        {"provider_options": {"ollama": {"options": {"num_ctx": 8192}}, "openai": {"num_ctx": 1}}},
    ],
    ids=["plain", "nested", "provider", "provider-nested"],
)
def test_fault_47_the_models_own_options(driver, params):
    """Wherever they are given they arrive, beside the sampling."""
    _, script = ask(driver, top_p=0.5, **params)
    assert script.bodies[0]["options"] == {"top_p": 0.5, "num_ctx": 8192}
    assert script.bodies[0].keys() == {"model", "messages", "stream", "options"}


def test_fault_48_one_call_says_nothing_of_another(driver):
    """Nothing of a provider is shared between calls."""
    image = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": PNG}}]}]
    for messages in (image, HELLO, image):
        _, script = ask(driver, messages=messages)
        assert ("images" in script.bodies[0]["messages"][0]) is (messages is image)


def test_pitfall_46_an_image_by_url(driver):
    """Ollama fetches none: that part is left out and told; alone it is refused."""
    part = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    text = {"type": "text", "text": "What is it?"}
    value, script = ask(driver, messages=[{"role": "user", "content": [text, part]}])
    assert script.bodies[0]["messages"] == [{"role": "user", "content": "What is it?"}]
    assert value.muxi.adaptations[0].param == "messages[0].content[1]"
    error, script = ask(driver, messages=[{"role": "user", "content": [part]}])
    assert isinstance(error, UnsupportedParameterError)
    assert script.calls == []


def test_a_conversation_with_tools(driver):
    """The reply's message goes back as it is, its thinking too."""
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    first, _ = ask(driver, Answer(json=line(done=True, tool_calls=[call], thinking="hm")), tools=[tool])
    said = first.choices[0].message
    result = {"role": "tool", "tool_call_id": said.tool_calls[0].id, "content": "2"}
    for form in (said, said.model_dump()):
        _, script = ask(driver, messages=[*HELLO, form, result], tools=[tool])
        _, assistant, answer = script.bodies[0]["messages"]
        assert assistant["thinking"] == "hm"
        assert assistant["tool_calls"][0]["function"] == {"name": "f", "arguments": {"a": 1}}
        assert (answer["tool_name"], answer["content"]) == ("f", "2")


def test_pitfall_64_strict_mode(driver):
    error, script = ask(driver, logit_bias={"1": 2}, adapt="strict")
    assert isinstance(error, UnsupportedParameterError)
    assert (error.param, script.calls) == ("logit_bias", [])


def test_pitfall_12_a_completion(driver):
    """By `/api/generate`; a stream's usage comes if it was asked for."""
    lines = [
        {"model": "x", "response": " time", "done": False},
        {"model": "x", "response": "", "done": True, "done_reason": "stop", "eval_count": 2},
    ]
    value, script = ask(driver, Answer(json={**lines[0], "done": True}), face=Completion, prompt="Once")
    assert (value.choices[0].text, script.calls[0].url) == (" time", "http://127.0.0.1:11434/api/generate")
    params = {"stream": True, "stream_options": {"include_usage": True}}
    chunks, _ = ask(driver, stream(*lines), face=Completion, prompt="Once", **params)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == " time"
    assert chunks[-1].usage.completion_tokens == 2


def test_embeddings(driver):
    answer = Answer(json={"model": "e", "embeddings": [[0.5], [1.0]], "prompt_eval_count": 3})
    value, script = ask(driver, answer, face=Embedding, input=["a", "b"], extra_body={"truncate": False})
    assert [item.embedding for item in value.data] == [[0.5], [1.0]]
    assert script.bodies == [{"model": "qwen3", "input": ["a", "b"], "truncate": False}]


# ---------------------------------------------------------------------------------- a real connection


def test_over_real_sockets(driver, upstream, monkeypatch):
    """A stream of lines on loopback, through the class; the list of models through OpenAI's client."""
    monkeypatch.setenv("OLLAMA_HOST", upstream.url.removeprefix("http://"))
    lines = [json.dumps(each).encode() + b"\n" for each in (line("Hel"), line("lo"), line(done=True))]
    upstream.script = [
        Respond(
            chunks=[b"".join(lines)[at : at + 7] for at in range(0, len(b"".join(lines)), 7)], headers=NDJSON
        )
    ]
    chunks = driver.create(ChatCompletion, model="ollama/qwen3", messages=HELLO, stream=True)
    assert collect(chunks).choices[0].message.content == "Hello"
    assert (upstream.requests[0].path, upstream.requests[0].json["stream"]) == ("/api/chat", True)


def test_the_models():
    script = Scripted(Answer(json={"models": [{"name": "qwen3:latest", "size": 5}]}))
    with muxi_llm.runtime.using(script):
        listed = muxi_llm.runtime.prepare_models("ollama").run()
    assert [model.id for model in listed.data] == ["qwen3:latest"]
    assert (script.calls[0].method, script.calls[0].url) == ("GET", "http://127.0.0.1:11434/api/tags")


def test_openais_client(upstream, monkeypatch):
    monkeypatch.setenv("OLLAMA_HOST", upstream.url)
    upstream.script = [Respond(json=line('{"a": 1}', done=True))]
    with OpenAI(api_key="none") as client:
        answer = client.chat.completions.create(
            model="ollama/qwen3", messages=HELLO, response_format={"type": "json_object"}
        )
    assert answer.choices[0].message.content == '{"a": 1}'
    assert upstream.requests[0].json["format"] == "json"
