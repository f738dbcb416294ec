"""Images, sound, video and documents, from a caller's part to what each provider's wire carries."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import openai
import pytest

import muxi_llm
from muxi_llm import ChatCompletion
from muxi_llm.config import MediaPolicy
from muxi_llm.providers import registry
from muxi_llm.providers.base import CLASSES
from muxi_llm.providers.compatible import OpenAICompatible
from tests.support import world
from tests.support.upstream import Received, Respond, Upstream

PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)
FILES = {
    "/cat.png": (PNG, "image/png"),
    "/song.mp3": (b"ID3" + bytes(20), "audio/mpeg"),
    "/clip.mp4": (b"\0\0\0\x18ftypisom" + bytes(20), "video/mp4"),
    "/paper.pdf": (b"%PDF-1.7 ...", "application/pdf"),
}
TEXT = {"type": "text", "text": "What is this?"}


def serve(received: Received) -> Respond:
    body, kind = FILES.get(received.path, (b"no such file", "text/plain"))
    return Respond(200 if received.path in FILES else 404, body=body, headers={"Content-Type": kind})


@pytest.fixture
def media() -> Iterator[Upstream]:
    """A web server with one file of each kind."""
    with Upstream(serve) as server:
        yield server


@pytest.fixture
def providers(monkeypatch) -> Iterator[Upstream]:
    """Every provider on loopback, configured."""
    with Upstream(world.answer) as server:
        for name, value in world.environment(server).items():
            monkeypatch.setenv(name, value)
        yield server


class Listener(OpenAICompatible, register=False):
    """A provider that takes every kind of part and fetches none of their URLs."""

    name = "listener"
    base_url_env = ("OPENAI_BASE_URL",)
    key_required = False
    vision_support = audio_input_support = video_input_support = file_input_support = True
    media_url_support = False


@pytest.fixture
def listener() -> Iterator[None]:
    """That provider, known for the time of one test."""
    registry.register("listener", Listener)
    yield
    CLASSES.pop("listener")


def message(*parts: Any) -> list[Any]:
    return [{"role": "user", "content": [TEXT, *parts]}]


def url_part(kind: str, url: str) -> dict[str, Any]:
    return {"type": kind, kind: {"file_url" if kind == "file" else "url": url}}


def data(path: str) -> str:
    body, kind = FILES[path]
    return f"data:{kind};base64,{base64.b64encode(body).decode()}"


SOUND = {"data": base64.b64encode(FILES["/song.mp3"][0]).decode(), "format": "mp3"}
KINDS = {
    "image_url": ("/cat.png", {"type": "image_url", "image_url": {"url": data("/cat.png")}}),
    "audio_url": ("/song.mp3", {"type": "input_audio", "input_audio": SOUND}),
    "video_url": ("/clip.mp4", {"type": "video_url", "video_url": {"url": data("/clip.mp4")}}),
    "file": (
        "/paper.pdf",
        {"type": "file", "file": {"filename": "file.pdf", "file_data": data("/paper.pdf")}},
    ),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.usefixtures("listener")
def test_fetched_for_a_provider_that_cannot(driver, providers, media, kind, stream):
    """With fetching on, a URL arrives as base64, on both faces, in one piece or streamed."""
    muxi_llm.config.fetch_media = MediaPolicy(allow_private=True)
    path, inlined = KINDS[kind]
    messages = message(url_part(kind, media.url + path))
    answer = driver.create(ChatCompletion, model="listener/m", messages=messages, stream=stream)
    assert providers.requests[0].json["messages"][0]["content"] == [TEXT, inlined]
    assert [asked.path for asked in media.requests] == [path]
    if not stream:
        told = [(each.param, each.action, each.loss) for each in answer.muxi.adaptations]
        assert told == [("messages[0].content[1]", "changed", False)]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("listener")
def test_off_by_default(driver, providers, media, kind):
    """Nothing is fetched: the part is left out, and one warning says how to have it fetched."""
    messages = message(url_part(kind, media.url + KINDS[kind][0]))
    with pytest.warns(muxi_llm.AdaptationWarning, match=r"muxi_llm\.config\.fetch_media = True"):
        driver.create(ChatCompletion, model="listener/m", messages=messages)
    assert providers.requests[0].json["messages"][0]["content"] == [TEXT]
    assert media.accepted == 0


@pytest.mark.usefixtures("listener", "providers")
def test_switched_on_is_not_wide_open(driver, media):
    """`True` keeps to the public internet: a URL on this machine is an error, before anything is sent."""
    muxi_llm.config.fetch_media = True
    with pytest.raises(openai.BadRequestError, match=r"127\.0\.0\.1 is not on the public internet") as caught:
        driver.create(
            ChatCompletion,
            model="listener/m",
            messages=message(url_part("image_url", f"{media.url}/cat.png")),
        )
    assert caught.value.param == "messages[0].content[1]"
    assert media.accepted == 0


@pytest.mark.usefixtures("listener")
def test_what_is_not_there(driver, providers, media):
    muxi_llm.config.fetch_media = MediaPolicy(allow_private=True)
    part = url_part("image_url", f"{media.url}/dog.png")
    with pytest.raises(openai.BadRequestError, match=r"messages\[0\].content\[1\]: .* status 404"):
        driver.create(ChatCompletion, model="listener/m", messages=message(part), retries=2)
    assert (len(media.requests), providers.requests) == (1, [])


@pytest.mark.usefixtures("listener")
def test_attempts_share_what_was_fetched(driver, providers, media):
    """One download, however often and wherever the answer is asked for."""
    muxi_llm.config.fetch_media = MediaPolicy(allow_private=True)
    providers.script = [Respond(503, json={}), Respond(503, json={})]
    part = url_part("image_url", f"{media.url}/cat.png")
    answer = driver.create(
        ChatCompletion,
        model=["openai/gpt-4", "listener/a", "listener/b"],
        messages=message(part),
        fallback_config={"log_fallbacks": False},
    )
    sent = [asked.json["messages"][0]["content"][1] for asked in providers.requests]
    assert sent == [part, KINDS["image_url"][1], KINDS["image_url"][1]]
    assert (answer.muxi.model, len(media.requests)) == ("listener/b", 1)


@pytest.mark.usefixtures("listener")
def test_a_drop_in_client_fetches_too(providers, media):
    muxi_llm.config.fetch_media = MediaPolicy(allow_private=True)
    with muxi_llm.OpenAI(api_key="sk-test") as client:
        messages = message(url_part("image_url", f"{media.url}/cat.png"))
        client.chat.completions.create(model="listener/m", messages=messages)
    assert providers.requests[0].json["messages"][0]["content"][1] == KINDS["image_url"][1]


def test_the_setting_is_checked():
    muxi_llm.config.fetch_media = "yes"
    with pytest.raises(TypeError, match=r"fetch_media must be a bool or a MediaPolicy, not 'yes'"):
        ChatCompletion.create(model="openai/gpt-4o", messages=message(), api_key="k")


# ------------------------------------------------------------------------------- provider by provider

IMAGE = {"type": "image_url", "image_url": {"url": "https://media.example/cat.png", "detail": "low"}}
INLINE = {"type": "image_url", "image_url": {"url": data("/cat.png")}}
PDF = {"type": "file", "file": {"file_data": data("/paper.pdf"), "filename": "paper.pdf"}}
PDF_URL = {"type": "file", "file": {"file_url": "https://media.example/paper.pdf"}}
AUDIO = {"type": "input_audio", "input_audio": SOUND}
AUDIO_DATA = {"type": "audio_url", "audio_url": {"url": data("/song.mp3")}}
VIDEO = {"type": "video_url", "video_url": {"url": "https://media.example/clip.mp4"}}
PNG_BLOCK = {"type": "base64", "media_type": "image/png", "data": base64.b64encode(PNG).decode()}
PDF_BLOCK = {
    "type": "base64",
    "media_type": "application/pdf",
    "data": base64.b64encode(FILES["/paper.pdf"][0]).decode(),
}

TAKEN = {
    "openai image": ("openai/gpt-4o", IMAGE, IMAGE),
    "openai pdf": ("openai/gpt-4o", PDF, PDF),
    "openai audio": ("openai/gpt-audio", AUDIO, AUDIO),
    "openai audio data": ("openai/gpt-audio", AUDIO_DATA, AUDIO),
    "anthropic image": (
        "anthropic/claude-sonnet-5",
        {"type": "image_url", "image_url": {"url": "https://media.example/cat.png"}},
        {"type": "image", "source": {"type": "url", "url": "https://media.example/cat.png"}},
    ),
    "anthropic inline": ("anthropic/claude-sonnet-5", INLINE, {"type": "image", "source": PNG_BLOCK}),
    "anthropic pdf": (
        "anthropic/claude-sonnet-5",
        PDF,
        {"type": "document", "source": PDF_BLOCK, "title": "paper.pdf"},
    ),
    "anthropic pdf url": (
        "anthropic/claude-sonnet-5",
        PDF_URL,
        {"type": "document", "source": {"type": "url", "url": "https://media.example/paper.pdf"}},
    ),
    "groq image": ("groq/llama-4-scout", IMAGE, IMAGE),
    "openrouter pdf": ("openrouter/google/gemini", PDF, PDF),
}


@pytest.mark.parametrize(("model", "part", "wire"), TAKEN.values(), ids=TAKEN.keys())
def test_pitfall_47_and_48_what_a_provider_takes_arrives_as_it_was(providers, model, part, wire):
    """Nothing is made up (`detail`, a document's type), nothing is lost."""
    ChatCompletion.create(model=model, messages=message(part))
    assert providers.requests[0].json["messages"][0]["content"] == [TEXT, wire]


LEFT_OUT = {
    "openai video": ("openai/gpt-4o", VIDEO),
    "openai pdf url": ("openai/gpt-4o", PDF_URL),
    "anthropic audio": ("anthropic/claude-sonnet-5", AUDIO),
    "anthropic video": ("anthropic/claude-sonnet-5", VIDEO),
    "groq pdf": ("groq/llama-4-scout", PDF),
}


@pytest.mark.parametrize(("model", "part"), LEFT_OUT.values(), ids=LEFT_OUT.keys())
def test_pitfall_37_what_a_provider_does_not_take_is_left_out_aloud(providers, model, part):
    with pytest.warns(muxi_llm.AdaptationWarning, match=r"messages\[0\]\.content\[1\] dropped"):
        ChatCompletion.create(model=model, messages=message(part))
    assert providers.requests[0].json["messages"][0]["content"] == [TEXT]
