"""`client.audio` and `client.images.edit`: by the model's name to its server, with that provider's key alone."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from openai.types import audio as types_audio

import muxi_llm
from muxi_llm import InvalidRequestError
from muxi_llm.transport.files import PathFile
from tests.support.audio import MP3, PNG
from tests.support.forms import fields_of
from tests.support.speakers.base import sse
from tests.support.upstream import Received, Respond, Upstream

pytestmark = pytest.mark.filterwarnings("ignore:deprecated:DeprecationWarning")  # OpenAI's, of translations

SENT = (*MP3, "audio/mpeg")
MADE = {"created": 1, "data": [{"b64_json": "aW1hZ2U="}]}
DONE = {"type": "transcript.text.done", "text": "Hi"}
VERBOSE = {
    "text": "Hi",
    "language": "english",
    "duration": 1.0,
    "segments": [{"start": 0, "end": 1, "text": "Hi"}],
}


def answer(request: Received) -> Respond:
    """What any of the servers says."""
    if request.path.endswith(("/speech", "/stream")) or "/text-to-speech/" in request.path:
        return Respond(chunks=[b"RIFF", b"sound"], headers={"Content-Type": "audio/wav"})
    if request.path.endswith("/images/edits"):
        return Respond(json=MADE)
    said = fields_of(request) if "multipart" in request.headers["content-type"] else {}
    if said.get("stream") == "true":
        return Respond(chunks=[sse({"type": "transcript.text.delta", "delta": "Hi"}), sse(DONE)])
    if said.get("response_format") in ("text", "srt"):
        return Respond(body=b"Hi", headers={"Content-Type": "text/plain"})
    return Respond(json=VERBOSE)


@pytest.fixture
def own() -> Iterator[Upstream]:
    """The client's own server."""
    with Upstream(answer) as upstream:
        yield upstream


@pytest.fixture
def others(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    """Everybody else."""
    with Upstream(answer) as upstream:
        for name in ("GROQ", "ELEVENLABS", "XAI"):
            monkeypatch.setenv(f"{name}_API_KEY", f"sk-{name.lower()}")
            monkeypatch.setenv(f"{name}_BASE_URL", f"{upstream.url}/{name.lower()}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
        yield upstream


def called(colour: str, own: Upstream | None, work: Any, **settings: Any) -> Any:
    """What *work* makes of a client of that colour."""
    given = (
        {"max_retries": 0, **settings}
        if own is None
        else {"base_url": f"{own.url}/v1", "max_retries": 0, **settings}
    )
    if colour == "sync":
        with muxi_llm.OpenAI(**given) as client:
            return work(client)

    async def run() -> Any:
        async with muxi_llm.AsyncOpenAI(**given) as client:
            return await work(client)

    return asyncio.run(run())


COLOURS = pytest.mark.parametrize("colour", ["sync", "async"])
WHISPER = {"model": "groq/whisper-large-v3", "file": MP3}


@COLOURS
def test_a_transcription_lands_at_its_provider(colour: str, own: Upstream, others: Upstream) -> None:
    """With its key alone, under the model's own name."""
    value = called(colour, own, lambda c: c.audio.transcriptions.create(**WHISPER, language="de"))
    assert isinstance(value, types_audio.Transcription)
    assert value.text == "Hi"
    assert value.muxi.model == "groq/whisper-large-v3"  # type: ignore[attr-defined]
    (received,) = others.requests
    assert received.path == "/groq/v1/audio/transcriptions"
    assert received.headers["authorization"] == "Bearer sk-groq"
    assert "sk-openai" not in str(received.headers)
    assert not any(name.startswith("x-stainless") for name in received.headers)
    assert fields_of(received) == {"model": "whisper-large-v3", "file": SENT, "language": "de"}
    assert own.requests == []


@COLOURS
@pytest.mark.parametrize(
    ("wanted", "kind"),
    [("text", str), ("srt", str), ("verbose_json", types_audio.TranscriptionVerbose)],
)
def test_every_format_is_what_openais_client_gives(
    colour: str, wanted: str, kind: type, others: Upstream
) -> None:
    value = called(colour, None, lambda c: c.audio.transcriptions.create(**WHISPER, response_format=wanted))
    assert isinstance(value, kind)
    assert "Hi" in str(value)


@COLOURS
def test_translations(colour: str, others: Upstream) -> None:
    value = called(colour, None, lambda c: c.audio.translations.create(**WHISPER))
    assert value.text == "Hi"
    assert others.requests[0].path == "/groq/v1/audio/translations"


def test_a_stream_of_events(others: Upstream) -> None:
    """As the original's stream objects, of a server at a base URL of one's own that is a fallback's."""
    with muxi_llm.OpenAI(base_url=f"{others.url}/v1") as client:
        stream = client.audio.transcriptions.create(
            model="groq/x", file=MP3, stream=True, fallback_models=["openai/y"], retries=0
        )
        assert [event.type for event in stream] == ["transcript.text.delta", "transcript.text.done"]


SPEECH: dict[str, Any] = {"model": "groq/canopylabs/orpheus-v1-english", "voice": "troy", "input": "Hello."}


@COLOURS
def test_speech(colour: str, own: Upstream, others: Upstream, tmp_path: Path) -> None:
    value = called(colour, own, lambda c: c.audio.speech.create(**SPEECH))
    assert value.content == value.read() == b"RIFFsound"
    value.write_to_file(tmp_path / "a.wav")
    assert (tmp_path / "a.wav").read_bytes() == b"RIFFsound"
    assert value.response.headers["content-type"] == "audio/wav"
    (received,) = others.requests
    assert received.json == {"model": "canopylabs/orpheus-v1-english", "voice": "troy", "input": "Hello."}
    assert (received.headers["authorization"], own.requests) == ("Bearer sk-groq", [])


def test_speech_as_it_comes(others: Upstream) -> None:
    """By `with_streaming_response`, in both colours; the provider's stream, not its whole answer."""
    with (
        muxi_llm.OpenAI() as client,
        client.audio.speech.with_streaming_response.create(
            model="elevenlabs/eleven_v3", voice="abc", input="Hello."
        ) as response,
    ):
        assert response.headers["x-muxi-model"] == "elevenlabs/eleven_v3"
        assert b"".join(response.iter_bytes()) == b"RIFFsound"
    assert others.requests[0].path.startswith("/elevenlabs/v1/text-to-speech/abc/stream?")
    assert others.requests[0].headers["xi-api-key"] == "sk-elevenlabs"

    async def run() -> bytes:
        async with (
            muxi_llm.AsyncOpenAI() as client,
            client.audio.speech.with_streaming_response.create(**SPEECH) as response,
        ):
            return b"".join([piece async for piece in response.iter_bytes()])

    assert asyncio.run(run()) == b"RIFFsound"


@COLOURS
def test_raw_responses(colour: str, others: Upstream) -> None:
    """With headers of ours."""
    raw = called(colour, None, lambda c: c.audio.transcriptions.with_raw_response.create(**WHISPER))
    assert raw.headers["x-muxi-model"] == "groq/whisper-large-v3"
    assert raw.parse().text == "Hi"
    raw = called(
        colour,
        None,
        lambda c: c.audio.transcriptions.with_raw_response.create(**WHISPER, response_format="text"),
    )
    assert raw.headers["content-type"].startswith("text/plain")


@COLOURS
def test_image_edits(colour: str, own: Upstream, others: Upstream) -> None:
    """As a form at the own server's, as JSON at xAI's."""
    value = called(
        colour, own, lambda c: c.images.edit(model="xai/grok-imagine-image", image=[PNG], prompt="red")
    )
    assert value.data[0].b64_json == "aW1hZ2U="
    (received,) = others.requests
    assert received.json["image"]["url"].startswith("data:image/png;base64,")
    assert received.headers["authorization"] == "Bearer sk-xai"
    assert own.requests == []


@COLOURS
def test_a_chain_sends_the_file_anew(colour: str, own: Upstream, others: Upstream) -> None:
    """To the own server first, by the form of ours, then to another."""
    own.respond = lambda _: Respond(status=503)
    file = io.BytesIO(b"skipped" + MP3[1])
    file.seek(7)
    value = called(
        colour,
        own,
        lambda c: c.audio.transcriptions.create(
            model="whisper-1", file=("talk.mp3", file), fallback_models=["groq/whisper-large-v3"], retries=1
        ),
    )
    assert value.text == "Hi"
    assert [fields_of(one) for one in own.requests] == [{"model": "whisper-1", "file": SENT}] * 2
    assert own.requests[0].headers["authorization"] == "Bearer sk-openai"
    assert fields_of(others.requests[0]) == {"model": "whisper-large-v3", "file": SENT}


def test_what_is_for_openai_goes_byte_for_byte(own: Upstream, others: Upstream, tmp_path: Path) -> None:
    """As the original sends it, but for the boundary; a path as well, which is not read before."""
    path = tmp_path / 'a "song".mp3'
    path.write_bytes(MP3[1] * 50_000)
    calls: list[Any] = [
        lambda c: c.audio.transcriptions.create(model="whisper-1", file=path, language="de"),
        lambda c: c.audio.transcriptions.create(model="whisper-1", file=("x.mp3", path, "audio/x")),
        lambda c: c.audio.transcriptions.create(model="whisper-1", file=MP3, stream=True),
        lambda c: c.audio.translations.create(model="whisper-1", file=MP3),
        lambda c: c.audio.speech.create(model="tts-1", voice="alloy", input="Hello."),
        lambda c: c.images.edit(model="gpt-image-2", image=[PNG, PNG], prompt="red", mask=PNG),
    ]
    bodies = []
    for kind in (openai.OpenAI, muxi_llm.OpenAI):
        with kind(base_url=f"{own.url}/v1", api_key="sk-openai") as client:
            for call in calls:
                call(client)
        bodies.append([_without_boundary(one) for one in own.requests])
        own.requests.clear()
    assert bodies[0] == bodies[1]
    assert others.requests == []


def _without_boundary(request: Received) -> Any:
    headers = {
        n: v for n, v in request.headers.items() if n not in ("x-stainless-retry-count", "content-type")
    }
    _, _, boundary = request.headers["content-type"].partition("boundary=")
    return request.path, headers, request.body.replace(boundary.encode(), b"-") if boundary else request.body


@COLOURS
@pytest.mark.parametrize("file", [("a.mp3", b""), io.BytesIO()])
def test_an_empty_file_is_refused_before_anything_is_sent(colour: str, file: Any, others: Upstream) -> None:
    """By others; what the own server makes of it is its own affair."""
    with pytest.raises(InvalidRequestError, match="file is empty"):
        called(
            colour, None, lambda c: c.audio.transcriptions.create(model="groq/whisper-large-v3", file=file)
        )
    assert others.requests == []


def test_the_own_servers_answers_have_a_report_too(own: Upstream, others: Upstream) -> None:
    """Of the try that answered; and are values of ours."""
    value = called("sync", own, lambda c: c.audio.transcriptions.create(model="whisper-1", file=MP3))
    assert (value.muxi.model, value["text"]) == ("openai/whisper-1", "Hi")


@COLOURS
def test_options_of_ours_for_an_edit(colour: str, others: Upstream) -> None:
    """And a path, which is read when it is sent."""
    value = called(
        colour,
        None,
        lambda c: c.images.edit(model="xai/x", image=PNG, prompt="red", retries=0, adapt="strict"),
    )
    assert value.muxi.model == "xai/x"


def test_errors_are_openais(others: Upstream) -> None:
    others.respond = lambda _: Respond(status=429, json={"error": {"message": "slow down"}})
    with muxi_llm.OpenAI(max_retries=0) as client, pytest.raises(openai.RateLimitError, match="slow down"):
        client.audio.transcriptions.create(**WHISPER)


def test_a_path_that_is_not_there(others: Upstream) -> None:
    """As the original says it."""
    with muxi_llm.OpenAI() as client, pytest.raises(FileNotFoundError):
        client.audio.transcriptions.create(model="groq/whisper-large-v3", file=Path("/no/such"))


def test_a_file_by_its_path_is_open_only_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"abcdef")
    file = PathFile(path)
    assert (file.read(2), file.tell(), file.seek(1, io.SEEK_CUR), file.read(), file.read()) == (
        b"ab",
        2,
        3,
        b"def",
        b"",
    )
    assert (file.seek(0, io.SEEK_END), file.seek(0), file.read()) == (6, 0, b"abcdef")
    assert httpx2.Request("POST", "http://x", files={"f": ("x", file)}).headers["content-length"]
