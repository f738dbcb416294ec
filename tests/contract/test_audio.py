"""Every provider and audio endpoint and edit, over real HTTP: answers, errors, fallbacks, what is cancelled."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

import muxi_llm
from muxi_llm import APIConnectionError, AudioTranscription, InvalidRequestError, RateLimitError, Speech
from muxi_llm.providers import registry
from tests.conftest import Driver
from tests.contract.contact import PROVIDERS
from tests.support.audio import FACES
from tests.support.upstream import Received, Respond, Upstream

ENDPOINTS = ("transcription", "translation", "speech", "image_edit")
CELLS = [
    (name, endpoint)
    for name, kind in PROVIDERS.items()
    for endpoint in ENDPOINTS
    if kind is not None and endpoint in kind.endpoints()
]
MODELS = {"azure": "gpt-4o", "deepgram": "aura-2-thalia-en"}
SOUND = b"RIFF....WAVEfmt sound"
BEST = {"transcript": "Hi", "words": [{"word": "hi", "start": 0, "end": 1}]}
SAID = {
    "text": "Hi",
    "language_code": "en",
    "results": {"channels": [{"alternatives": [BEST]}]},
    "data": [{"b64_json": "aW1hZ2U="}],
}


def answer(request: Received) -> Respond:
    """What any of them says: each reads what it knows."""
    if "generateContent" in request.path:
        parts = [{"text": "Hi"}, {"inlineData": {"mimeType": "audio/L16;rate=24000", "data": "AAAA"}}]
        if "responseModalities" not in str(request.json):
            parts = parts[:1]
        return Respond(json={"candidates": [{"content": {"parts": parts}, "finishReason": "STOP"}]})
    if any(
        mark in request.path for mark in ("/speech?", "/speak", "text-to-speech")
    ) or request.path.endswith("/speech"):
        return Respond(body=SOUND, headers={"Content-Type": "audio/wav"})
    return Respond(json=SAID)


@pytest.fixture
def service() -> Iterator[Upstream]:
    with Upstream(answer) as upstream:
        yield upstream


def asked(name: str, endpoint: str, service: Upstream, driver: Driver, **params: Any) -> Any:
    """What a face gives or raises."""
    face, given = FACES[endpoint]
    kind = registry.find(name)
    assert kind is not None
    voices = kind(api_key="k").profile_at(endpoint, "m").voices  # type: ignore[arg-type]
    voice = {"voice": voices[0] if voices else "abc"} if endpoint == "speech" else {}
    if name == "google" and endpoint == "speech":
        voice["response_format"] = "wav"
    options = {
        "model": f"{name}/{MODELS.get(name, 'm')}",
        "api_key": "k",
        "base_url": f"{service.url}/v1",
        "retries": 0,
    }
    try:
        return driver.create(face, **{**options, **given, **voice, **params})
    except Exception as error:  # the test looks at it
        return error


@pytest.mark.parametrize(("name", "endpoint"), CELLS)
def test_an_answer(name: str, endpoint: str, service: Upstream, driver: Driver) -> None:
    """Its value, its report, its key and nobody else's."""
    value = asked(name, endpoint, service, driver)
    if endpoint == "speech":
        assert value.content[:4] == b"RIFF"
    elif endpoint == "image_edit":
        assert value.data[0].b64_json == "aW1hZ2U="
    else:
        assert value.text == "Hi"
    assert value.muxi.model.startswith(f"{name}/")
    (request,) = service.requests
    assert request.headers["content-length"] == str(len(request.body))
    assert "k" in str(request.headers)


@pytest.mark.parametrize(("name", "endpoint"), CELLS)
def test_errors(name: str, endpoint: str, service: Upstream, driver: Driver) -> None:
    """OpenAI's, for a refusal, a reply that is none, and a connection that ends."""
    service.script = [
        Respond(status=429, json={"error": {"message": "slow down"}}),
        Respond(body=b"", headers={"Content-Type": "text/html"}),
        Respond(json=SAID, cut=True),
    ]
    refused = asked(name, endpoint, service, driver)
    assert isinstance(refused, RateLimitError)
    assert "slow down" in str(refused)
    assert isinstance(asked(name, endpoint, service, driver), muxi_llm.APIError)
    assert isinstance(asked(name, endpoint, service, driver), APIConnectionError)


@pytest.mark.parametrize(
    "name", sorted(set(PROVIDERS) - {name for name, end in CELLS if end == "speech"})[:6]
)
def test_who_has_no_voice_says_so(name: str, driver: Driver) -> None:
    """By name, with who has one."""
    with pytest.raises(InvalidRequestError, match=r"has no speech endpoint .*elevenlabs"):
        driver.create(Speech, model=f"{name}/m", input="Hi", api_key="k", base_url="http://127.0.0.1:9")


CHAINS = [
    ("transcription", "groq", "deepgram"),
    ("transcription", "mistral", "google"),
    ("translation", "groq", "openai"),
    ("speech", "elevenlabs", "deepgram"),
    ("image_edit", "openai", "xai"),
]


@pytest.mark.parametrize(("endpoint", "first", "second"), CHAINS)
def test_fallback_across_two_wires(
    endpoint: str, first: str, second: str, service: Upstream, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file goes to each of them whole."""
    with Upstream(answer) as other:
        prefix = second.upper()
        monkeypatch.setenv(f"{prefix}_API_KEY", "other")
        monkeypatch.setenv(f"{prefix}_BASE_URL", f"{other.url}/v1")
        service.respond = lambda _: Respond(status=503)
        fallback = [f"{second}/{MODELS.get(second, 'm')}"]
        value = asked(first, endpoint, service, driver, fallback_models=fallback, retries=1)
        assert value.muxi.model.startswith(f"{second}/"), value
        assert (len(service.requests), len(other.requests)) == (2, 1)
        assert service.requests[0].headers["content-length"] == service.requests[1].headers["content-length"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_call_frees_its_connection(stream: bool) -> None:
    """While a file is on its way, or a sound."""

    async def scenario(url: str) -> None:
        given = {"api_key": "k", "base_url": url, "retries": 0}
        if stream:
            sound = await Speech.acreate("groq/m", "Hi", "abc", stream=True, **given)
            assert await anext(sound) == b"RIFF"
            work = asyncio.ensure_future(anext(sound))
        else:
            work = asyncio.ensure_future(AudioTranscription.acreate("groq/m", ("a.mp3", b"ID3"), **given))
        await asyncio.sleep(0.2)
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work

    with Upstream(
        lambda _: Respond(chunks=[b"RIFF", 30.0], headers={"Content-Type": "audio/wav"})
    ) as upstream:
        if not stream:
            upstream.respond = lambda _: Respond(json=SAID, delay=30.0)
        asyncio.run(scenario(f"{upstream.url}/v1"))
        assert upstream.closed_early.wait(30)


def test_a_stream_of_sound_falls_back_before_its_first_piece(
    service: Upstream, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And breaks off as an error after it."""
    monkeypatch.setenv("DEEPGRAM_API_KEY", "other")
    monkeypatch.setenv("DEEPGRAM_BASE_URL", f"{service.url}/v1")
    audio = {"Content-Type": "audio/wav"}
    service.script = [
        Respond(chunks=[], headers=audio, cut=True),
        Respond(chunks=[b"one", b"two"], headers=audio),
        Respond(chunks=[b"one"], headers=audio, cut=True),
    ]
    chain = {"fallback_models": ["deepgram/aura-2-thalia-en"], "stream": True}
    assert b"".join(asked("groq", "speech", service, driver, **chain)) == b"onetwo"
    assert isinstance(asked("groq", "speech", service, driver, stream=True), APIConnectionError)
