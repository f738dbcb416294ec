"""Every other endpoint through the gateway: by OpenAI's client, to whoever has it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

from muxi_llm.errors import InvalidRequestError
from muxi_llm.gateway.forms import form_of
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.gateway.settings.model import Settings

WAVE = b"RIFF\x24\x00\x00\x00WAVEfmt \x10\r\n--not-a-boundary\r\n\x00\xff"


LISTED = b'Content-Disposition: form-data; name="a[]"\r\n\r\n%s\r\n'


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
    ("body", "given"),
    [
        (b'--x\r\nContent-Disposition: form-data; name="n"\r\n\r\n2\r\n--x--\r\n', {"n": 2}),
        (b'--x\r\nContent-Disposition: form-data; name="stream"\r\n\r\ntrue\r\n--x--\r\n', {"stream": True}),
        (b'--x\r\nContent-Disposition: form-data; name="temperature"\r\n\r\nhot\r\n--x--\r\n', {"temperature": "hot"}),
        (b"--x\r\n".join([b"", LISTED % b"1", LISTED % b"2"]) + b"--x--\r\n", {"a": ["1", "2"]}),
    ],
)  # fmt: skip
def test_fields_of_a_form(body: bytes, given: dict[str, Any]) -> None:
    assert form_of(body, "multipart/form-data; boundary=x") == given


@pytest.mark.parametrize("body", [b"", b"no form", b"--y\r\n\r\n", json.dumps({"model": "m"}).encode()])
def test_what_is_no_form_is_refused(body: bytes) -> None:
    for boundary in ("; boundary=x", ""):
        with pytest.raises(InvalidRequestError):
            form_of(body, f"multipart/form-data{boundary}")
