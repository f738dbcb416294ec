"""Every other endpoint through the gateway: by OpenAI's client, to whoever has it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

from muxi_llm.gateway.state import provider_of
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.gateway.settings.model import Settings

WAVE = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\r\n--not-a-boundary\r\n\x00\xff"


def serving(upstream: Upstream, kind: str) -> Settings:
    return settings_of((at(upstream, kind), deployment(f"{kind}/m", "m")))


def saying(value: Any) -> Callable[[Received], Respond]:
    return lambda _: Respond(json=value)


def test_a_file_is_transcribed_by_whom_the_router_names() -> None:
    with Upstream(saying({"text": "hello"})) as upstream, Served(serving(upstream, "groq")) as served:
        file = ('odd "name" é.wav', WAVE, "audio/wav")
        said = served.openai.audio.transcriptions.create(model="m", file=file, temperature=0.5, language="en")
    assert said.text == "hello"
    asked = upstream.requests[0]
    assert asked.path == "/audio/transcriptions"
    assert asked.headers["authorization"] == "Bearer sk-groq"
    assert WAVE in asked.body
    assert b'name="model"\r\n\r\nm\r\n' in asked.body


def test_speech_comes_back_as_sound() -> None:
    def sound(_: Received) -> Respond:
        return Respond(body=WAVE, headers={"Content-Type": "audio/wav"})

    with Upstream(sound) as upstream, Served(serving(upstream, "openai")) as served:
        said = served.openai.audio.speech.create(
            model="m", voice="alloy", input="hello", response_format="wav"
        )
        assert said.read() == WAVE
        assert said.response.headers["content-type"] == "audio/wav"
    assert upstream.requests[0].json["model"] == "m"


def test_images_and_moderations_and_ranks() -> None:
    image = {"created": 1, "data": [{"b64_json": "aGk="}]}
    with Upstream(saying(image)) as upstream, Served(serving(upstream, "xai")) as served:
        assert served.openai.images.generate(model="m", prompt="a cat").data[0].b64_json == "aGk="  # type: ignore[index]
        assert upstream.requests[0].path == "/images/generations"
    judged = {
        "id": "1",
        "model": "m",
        "results": [{"flagged": False, "categories": {}, "category_scores": {}}],
    }
    with Upstream(saying(judged)) as upstream, Served(serving(upstream, "openai")) as served:
        assert not served.openai.moderations.create(model="m", input="hello").results[0].flagged
    ranked = {
        "model": "m",
        "results": [{"index": 1, "relevance_score": 0.9}, {"index": 0, "relevance_score": 0.1}],
    }
    with Upstream(saying(ranked)) as upstream, Served(serving(upstream, "jina")) as served:
        asked = {"model": "m", "query": "q", "documents": ["a", "b"], "top_n": 2}
        reply = httpx2.post(f"{served.url}/v1/rerank", json=asked)
        assert [one["index"] for one in reply.json()["results"]] == [1, 0]


def test_who_has_no_such_endpoint_is_not_asked() -> None:
    with Upstream() as upstream, Served(serving(upstream, "anthropic")) as served:
        with pytest.raises(openai.BadRequestError, match="image"):
            served.openai.images.generate(model="m", prompt="a cat")
        with pytest.raises(openai.BadRequestError):
            served.openai.audio.transcriptions.create(model="m", file=("a.wav", b""))
    assert not upstream.requests


@pytest.mark.parametrize(
    ("path", "name"),
    [("audio/transcriptions", "file"), ("audio/translations", "file"), ("images/edits", "image")],
)
def test_a_text_where_a_file_should_be_is_no_path_of_this_machine(path: str, name: str) -> None:
    with Upstream() as upstream, Served(serving(upstream, "openai")) as served:
        url, asked = f"{served.url}/v1/{path}", {"model": "m", "prompt": "x", name: __file__}
        form: Any = {field: (None, text) for field, text in asked.items()}
        several: Any = [*form.items(), (f"{name}[]", (None, __file__))]
        for reply in (
            httpx2.post(url, json=asked),
            httpx2.post(url, files=form),
            httpx2.post(url, files=several),
        ):
            assert (reply.status_code, reply.json()["error"]["param"]) == (400, name)
    assert not upstream.requests


def test_a_server_without_a_name_here_goes_by_its_configured_one(upstream: Upstream) -> None:
    assert provider_of(at(upstream, "", "house")).name == "house"
    settings = settings_of((at(upstream, "", "house"), deployment("house/m")))
    upstream.script.append(Respond(body=b"no answer"))
    with Served(settings) as served:
        asked = {"model": "m", "input": "Hello", "encoding_format": "float"}
        reply = httpx2.post(f"{served.url}/v1/embeddings", json=asked)
    assert (reply.status_code, reply.json()["error"]["type"]) == (502, "server_error")
