"""llama.cpp's own server behind the gateway: a real server, by both vendors' clients."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from muxi_llm.gateway.settings.model import ProviderSettings
from muxi_llm.routing.router import Rules
from tests.support.gateway import Served, deployment, settings_of
from tests.support.llama import ANSWER, SCHEMA, TOOL, embedder, needs_llama, server, tiny

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["embedder", "server", "tiny"]
pytestmark = [needs_llama, pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")]
HELLO: Any = [{"role": "user", "content": "Hello"}]
KINDS = ["", "llama_cpp"]
"""As a server without a name here, and as the one it is."""


@pytest.fixture(scope="module", params=KINDS)
def served(request: pytest.FixtureRequest, server: str, embedder: str, ranker: str) -> Iterator[Served]:
    """Three servers of llama.cpp, each with a model of its kind."""
    urls = {"tiny": server, "vectors": embedder, "ranks": ranker}
    places = [
        (
            ProviderSettings(name, KINDS[-1] if name == "ranks" else request.param, "none", url),
            deployment(f"{name}/m", name),
        )
        for name, url in urls.items()  # OpenAI's wire has no ranks
    ]
    with Served(settings_of(*places)) as gateway:
        yield gateway
        assert gateway.emitted.count


@pytest.fixture(scope="module")
def ranker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server that ranks."""
    from examples.demo.llama_server import LlamaServer
    from tests.support.tiny_reranker import write_tiny_reranker

    path: Path = tmp_path_factory.mktemp("models") / "reranker.gguf"
    write_tiny_reranker(path)
    with LlamaServer(path, reranking=True) as running:
        yield running.base_url


def test_chat_by_openais_client(served: Served) -> None:
    chat = served.openai.chat.completions
    said = chat.create(model="tiny", messages=HELLO)
    assert said.choices[0].message.content == ANSWER
    assert said.usage is not None
    options: Any = {"include_usage": True}
    chunks = list(chat.create(model="tiny", messages=HELLO, stream=True, stream_options=options))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == ANSWER
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.completion_tokens == said.usage.completion_tokens
    schema: Any = {"type": "json_schema", "json_schema": {"name": "s", "schema": SCHEMA}}
    made = chat.create(model="tiny", messages=HELLO, response_format=schema, max_tokens=200)
    assert (made.choices[0].message.content or "").startswith("{")


def test_responses_by_openais_client(served: Served) -> None:
    assert served.openai.responses.create(model="tiny", input="Hello").output_text == ANSWER
    with served.openai.responses.stream(model="tiny", input="Hello") as events:
        assert events.get_final_response().output_text == ANSWER


def test_messages_by_anthropics_client(served: Served) -> None:
    asked: Any = {"model": "tiny", "messages": HELLO, "max_tokens": 64}
    said = served.anthropic.messages.create(**asked)
    assert [block.text for block in said.content if block.type == "text"] == [ANSWER]
    assert said.stop_reason == "end_turn"
    assert said.usage.output_tokens
    with served.anthropic.messages.stream(**asked) as stream:
        assert stream.get_final_text() == ANSWER
        assert stream.get_final_message().usage == said.usage


@pytest.mark.parametrize("stream", [False, True])
def test_a_forced_call(served: Served, stream: bool) -> None:
    asked: Any = {"messages": HELLO, "tools": [TOOL], "tool_choice": "required", "max_tokens": 300}
    reply = httpx2.post(
        f"{served.url}/v1/chat/completions", json={"model": "tiny", "stream": stream, **asked}, timeout=60
    )
    assert reply.status_code == 200
    assert '"name":"weather"' in reply.text.replace(": ", ":")


def test_embeddings_and_ranks(served: Served) -> None:
    made = served.openai.embeddings.create(model="vectors", input=["one", "two"])
    assert [one.index for one in made.data] == [0, 1]
    assert len(made.data[0].embedding) == len(made.data[1].embedding) > 1
    asked = {"model": "ranks", "query": "q", "documents": ["abc", "xxx", "axb"]}
    ranked = httpx2.post(f"{served.url}/v1/rerank", json=asked, timeout=60)
    assert ranked.status_code == 200, ranked.text
    assert [one["index"] for one in ranked.json()["results"]] == [1, 2, 0]


def test_what_the_server_refuses_is_told_in_the_clients_protocol(served: Served) -> None:
    asked = {"model": "tiny", "messages": [{"role": "user", "content": "long " * 9000}], "max_tokens": 9}
    for path in ("/v1/chat/completions", "/v1/messages"):
        reply = httpx2.post(served.url + path, json=asked, timeout=60)
        assert reply.status_code == 400
        assert reply.json()["error"]["message"]


def test_it_is_down_and_the_next_one_answers(tiny: Path) -> None:
    from examples.demo.llama_server import LlamaServer

    with ExitStack() as first, LlamaServer(tiny) as second:
        places = [
            (ProviderSettings(name, "", "none", one.base_url), deployment(f"{name}/m", "tiny"))
            for name, one in (("one", first.enter_context(LlamaServer(tiny))), ("two", second))
        ]
        with Served(settings_of(*places, rules=Rules("in-order"))) as served:
            for answers in ("one/m", "two/m"):
                said = served.openai.chat.completions.with_raw_response.create(model="tiny", messages=HELLO)
                assert said.headers["x-muxi-model"] == answers
                first.close()
