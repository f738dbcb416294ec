"""llama.cpp, the real one: its server and a model file in this process answer alike."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest
from pydantic import BaseModel

from muxi_llm import AsyncOpenAI, ChatCompletion, Completion, Embedding, OpenAI
from muxi_llm.errors import ContextLengthExceededError, InvalidRequestError
from muxi_llm.transport.scripted import Answer
from muxi_llm.utils.streaming import collect
from tests.support import bodies
from tests.support.bodies import HELLO
from tests.support.llama import ANSWER, SCHEMA, TOOL, embedder, needs_llama, one_thread, server, tiny

__all__ = ["embedder", "one_thread", "server", "tiny"]


class Place:
    """Where a model is asked: `params` are the call's."""

    def __init__(self, driver: Any, **params: Any) -> None:
        self.driver = driver
        self.params = params

    def chat(self, messages: Any = HELLO, **params: Any) -> Any:
        return self.driver.create(ChatCompletion, **self.params, messages=messages, **params)


@pytest.fixture(params=["server", "in-process"])
def place(request: pytest.FixtureRequest, driver: Any, tiny: Any, one_thread: None) -> Place:
    """Both, by both drivers."""
    if request.param == "server":
        return Place(driver, model="llama_cpp/tiny", base_url=request.getfixturevalue("server"))
    return Place(driver, model=f"llama_cpp/{tiny}")


# ------------------------------------------------------------------------------------------- where


@pytest.mark.parametrize(
    ("model", "base_url", "url"),
    [
        ("tiny", None, "http://127.0.0.1:8080/v1/chat/completions"),
        ("tiny.gguf", "http://gpu:8080/v1", "http://gpu:8080/v1/chat/completions"),
        ("tiny.gguf", None, "llama-cpp:///chat/completions?model=tiny.gguf"),
        ("a/b c.gguf", None, "llama-cpp:///chat/completions?model=a%2Fb+c.gguf"),
    ],
)
def test_where(driver, model, base_url, url):
    """A name is the server's, a file is run here, unless a base URL says otherwise."""
    answer = Answer(json=bodies.chat())
    _, script = driver.scripted(
        ChatCompletion, answer, model=f"llama_cpp/{model}", base_url=base_url, messages=HELLO
    )
    assert script.calls[0].url == url


def test_the_folder_of_models(driver, monkeypatch):
    monkeypatch.setenv("LLAMA_CPP_MODEL_DIR", "/models")
    _, script = driver.scripted(
        ChatCompletion, Answer(json=bodies.chat()), model="llama_cpp/tiny.gguf", messages=HELLO
    )
    assert script.calls[0].url.endswith("?model=tiny.gguf&model_dir=%2Fmodels")


@pytest.mark.parametrize(
    ("whole", "kind"),
    [
        (bodies.chat_stream("Hi", finish=None, done=False), "IncompleteStreamError"),
        ([b"data: [DONE]\n\n"], "MalformedReplyError"),  # nothing was said, so nothing was broken off
    ],
)
def test_an_error_in_what_was_to_be_a_whole_answer(driver, whole, kind):
    """It is asked for as a stream, so that it can be stopped; a break in it is an error all the same."""
    error, script = driver.scripted(
        ChatCompletion, Answer(chunks=whole), model="llama_cpp/x.gguf", messages=HELLO, retries=0
    )
    assert type(error).__name__ == kind
    assert script.bodies[0]["stream"] is True


# -------------------------------------------------------------------------------- the real one, chat


@needs_llama
def test_a_chat(place):
    value = place.chat()
    assert (value.choices[0].message.content, value.choices[0].finish_reason) == (ANSWER, "stop")
    assert (value.object, value.usage.completion_tokens) == ("chat.completion", 7)
    assert value.usage.total_tokens == value.usage.prompt_tokens + 7
    assert value["timings"]["predicted_n"] == 7


@needs_llama
def test_a_stream(place):
    """Token by token; usage if asked for."""
    chunks = place.chat(stream=True, stream_options={"include_usage": True})
    texts = [choice.delta.content for chunk in chunks for choice in chunk.choices if choice.delta.content]
    assert texts == ["Hello", " from", " a", " tiny", " llama", " model."]
    assert (chunks[-1].choices, chunks[-1].usage.completion_tokens) == ([], 7)
    assert collect(chunks).choices[0].message.content == ANSWER


@needs_llama
def test_several_answers(place):
    value = place.chat(n=2, max_tokens=1)
    assert [(choice.index, choice.message.content) for choice in value.choices] == [
        (0, "Hello"),
        (1, "Hello"),
    ]


@needs_llama
def test_a_limit_and_a_stop(place):
    value = place.chat(max_completion_tokens=2)
    assert (value.choices[0].message.content, value.choices[0].finish_reason) == ("Hello from", "length")
    assert place.chat(stop=[" tiny"]).choices[0].message.content == "Hello from a"


@needs_llama
def test_logprobs(place):
    tokens = place.chat(logprobs=True, top_logprobs=2, temperature=0).choices[0].logprobs.content
    assert [token.token for token in tokens][:2] == ["Hello", " from"]
    assert all(len(token.top_logprobs) == 2 for token in tokens)


@needs_llama
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_fault_41_a_tool(place, stream):
    """Called with arguments its schema allows; its result is answered by text."""
    value = place.chat(tools=[TOOL], stream=stream, seed=1, temperature=0)
    message = (collect(value) if stream else value).choices[0].message
    (call,) = message.tool_calls
    assert (call.type, call.function.name) == ("function", "weather")
    assert isinstance(json.loads(call.function.arguments)["city"], str)
    result = {"role": "tool", "tool_call_id": call.id, "content": "Sunny"}
    assert place.chat([*HELLO, message, result], tools=[TOOL]).choices[0].message.content == ANSWER


class Task(BaseModel):
    name: str
    done: bool


@needs_llama
@pytest.mark.parametrize(
    "wanted", [Task, {"type": "json_schema", "json_schema": {"name": "t", "schema": SCHEMA}}]
)
def test_an_answer_of_a_schema(place, wanted):
    """Held to it by a grammar."""
    message = place.chat(response_format=wanted, temperature=0).choices[0].message
    assert isinstance(Task.model_validate_json(message.content), Task)
    assert wanted is not Task or isinstance(message.parsed, Task)


@needs_llama
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_too_long_a_prompt(place, stream):
    with pytest.raises(ContextLengthExceededError) as caught:
        place.chat([{"role": "user", "content": "Hi " * 20_000}], stream=stream)
    assert (caught.value.status_code, len(caught.value.attempts)) == (400, 1)


@needs_llama
def test_what_llama_cpp_refuses(place):
    odd = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"type": "oddity"}}}
    with pytest.raises(openai.BadRequestError, match="oddity") as caught:
        place.chat(response_format=odd)
    assert caught.value.provider == "llama_cpp"


# --------------------------------------------------------------------- the real one, other endpoints


@needs_llama
def test_a_completion(place):
    """Streamed, whole, several prompts, tokens' probabilities."""
    value = place.driver.create(Completion, **place.params, prompt="Hello", logprobs=1, temperature=0)
    assert (value.choices[0].text, value.choices[0].finish_reason) == (ANSWER, "stop")
    assert (value.object, value.usage.completion_tokens) == ("text_completion", 7)
    several = place.driver.create(Completion, **place.params, prompt=["Hello", "Hello"], max_tokens=1)
    assert [(choice.index, choice.text) for choice in several.choices] == [(0, "Hello"), (1, "Hello")]
    chunks = place.driver.create(Completion, **place.params, prompt="Hello", stream=True)
    assert "".join(choice.text for chunk in chunks for choice in chunk.choices) == ANSWER


@needs_llama
@pytest.mark.parametrize("where", ["server", "in-process"])
def test_embeddings(driver, request, tiny, one_thread, where):
    """One hot each token: equal texts have equal vectors, others have not."""
    params: dict[str, Any] = {"model": f"llama_cpp/{tiny}"}
    if where == "server":
        params = {"model": "llama_cpp/tiny", "base_url": request.getfixturevalue("embedder")}
    value = driver.create(Embedding, **params, input=["Hello", "Hello", "from"])
    one, same, other = (item.embedding for item in value.data)
    assert (one == same, one == other, len(one) > 100) == (True, False, True)
    assert value.usage.prompt_tokens > 0


# ------------------------------------------------------------------------------- the drop-in clients


@needs_llama
def test_openais_client(tiny, one_thread):
    """Chat, stream, parse, embeddings, all in this process."""
    model = f"llama_cpp/{tiny}"
    with OpenAI(api_key="none") as client:
        answer = client.chat.completions.create(model=model, messages=HELLO)
        assert answer.choices[0].message.content == ANSWER
        with client.chat.completions.stream(model=model, messages=HELLO) as events:
            assert events.get_final_completion().choices[0].message.content == ANSWER
        parsed = client.chat.completions.parse(
            model=model, messages=HELLO, response_format=Task, temperature=0
        )
        assert isinstance(parsed.choices[0].message.parsed, Task)
        assert len(client.embeddings.create(model=model, input="Hello").data[0].embedding) > 100


@needs_llama
def test_openais_async_client(tiny, one_thread):
    async def main() -> list[str]:
        async with AsyncOpenAI(api_key="none") as client:
            model = f"llama_cpp/{tiny}"
            answers = [client.chat.completions.create(model=model, messages=HELLO) for _ in range(6)]
            whole = [answer.choices[0].message.content for answer in await asyncio.gather(*answers)]
            stream = await client.chat.completions.create(model=model, messages=HELLO, stream=True)
            return [*whole, "".join([chunk.choices[0].delta.content or "" async for chunk in stream])]

    assert asyncio.run(main()) == [ANSWER] * 7


# ------------------------------------------------------------------------------------- what is amiss


@needs_llama
@pytest.mark.parametrize("face", [ChatCompletion, Embedding], ids=["chat", "embedding"])
def test_a_file_that_is_not_there(driver, tmp_path, monkeypatch, face):
    """The error names the places looked at; nothing is tried again."""
    monkeypatch.setenv("LLAMA_CPP_MODEL_DIR", str(tmp_path))
    params = {"messages": HELLO} if face is ChatCompletion else {"input": "x"}
    with pytest.raises(InvalidRequestError, match=r"there is no file .*none\.gguf or ") as caught:
        driver.create(face, model="llama_cpp/none.gguf", **params)
    assert str(tmp_path / "none.gguf") in str(caught.value)
    assert len(caught.value.attempts) == 1


@needs_llama
def test_a_file_that_is_no_model(driver, tmp_path):
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(b"no model")
    with pytest.raises(InvalidRequestError, match=r"cannot load .*bad\.gguf"):
        driver.create(ChatCompletion, model=f"llama_cpp/{bad}", messages=HELLO)


@needs_llama
def test_a_model_of_the_folder(driver, tiny, one_thread, monkeypatch):
    monkeypatch.setenv("LLAMA_CPP_MODEL_DIR", str(tiny.parent))
    value = driver.create(ChatCompletion, model=f"llama_cpp/{tiny.name}", messages=HELLO)
    assert (value.choices[0].message.content, value.model) == (ANSWER, "tiny.gguf")
