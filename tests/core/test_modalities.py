"""Pictures and sound out of a chat: kept in OpenAI's shape wherever they can be, declared where not."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import muxi_llm
from muxi_llm import ChatCompletion
from muxi_llm.transport.scripted import Answer, Scripted
from muxi_llm.utils.streaming import collect
from tests.core import ask
from tests.support.bodies import HELLO, chat, chunk, message, sse
from tests.support.upstream import Respond, Upstream

pytestmark = [
    pytest.mark.usefixtures("keys"),
    pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning"),
]

SPEAKING: Any = {"modalities": ["text", "audio"], "audio": {"voice": "alloy", "format": "pcm16"}}
DRAWING: Any = {"modalities": ["image", "text"]}
PNG = "iVBORw0KGgo="
PICTURE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
SOUND = {"id": "audio_1", "data": "aGVsbG8=", "expires_at": 1_800_000_000, "transcript": "Hello"}
GPT = "openai/gpt-4o-audio-preview"
BANANA = "google/gemini-2.5-flash-image"


def gemini(*parts: Any) -> dict[str, Any]:
    """A whole answer, or an event."""
    candidate = {"index": 0, "content": {"role": "model", "parts": list(parts)}, "finishReason": "STOP"}
    return {"candidates": [candidate], "usageMetadata": {"promptTokenCount": 1, "totalTokenCount": 1}}


def changes(value: Any) -> list[tuple[str, str, bool]]:
    return [(a.param, a.action, a.loss) for a in value.muxi.adaptations]


def sent(script: Scripted) -> Any:
    return json.loads(script.calls[-1].body)


# ----------------------------------------------------------------------------------------- asking


@pytest.mark.parametrize(
    ("model", "asked", "goes"),
    [
        (GPT, SPEAKING, SPEAKING),
        (GPT, DRAWING, {}),
        ("openrouter/google/gemini-2.5-flash-image", DRAWING, DRAWING),
        ("openrouter/openai/gpt-audio", SPEAKING, SPEAKING),
        ("openrouter/openai/gpt-audio", {"modalities": ["text", "audio", "image"]}, {"modalities": ["text", "audio", "image"]}),
        (GPT, {"modalities": ["text", "audio", "image"]}, {"modalities": ["text", "audio"]}),
        ("groq/llama", SPEAKING, {}),
        ("groq/llama", DRAWING, {}),
        ("groq/llama", {"audio": {"voice": "alloy"}}, {}),
        ("groq/llama", {"modalities": ["text"]}, {"modalities": ["text"]}),
    ],
)  # fmt: skip
def test_what_a_chat_may_make(driver: Any, model: str, asked: Any, goes: Any) -> None:
    """It goes where it is known; elsewhere the answer is text, and that is told as a loss."""
    value, script = ask(driver, Answer(json=chat()), model=model, **asked)
    assert {n: v for n, v in sent(script).items() if n in {"modalities", "audio"}} == goes
    assert changes(value) == ([] if goes == asked else [(next(iter(asked)), "changed", True)])
    if goes != asked:
        refused, script = ask(driver, model=model, adapt="strict", **asked)
        assert isinstance(refused, muxi_llm.UnsupportedParameterError)
        assert not script.calls


def test_other_wires(driver: Any) -> None:
    """Anthropic writes; Gemini speaks and draws, its models for speech alone in one kind."""
    value, script = ask(driver, Answer(json=message()), model="anthropic/claude-sonnet-5", **SPEAKING)
    assert not sent(script).keys() & {"modalities", "audio"}
    assert ("modalities", "changed", True) in changes(value)
    value, script = ask(driver, Answer(json=gemini({"text": "Hi"})), model=BANANA, **DRAWING)
    assert sent(script)["generationConfig"] == {"responseModalities": ["IMAGE", "TEXT"]}
    assert changes(value) == []
    asked = {**SPEAKING, "audio": {"voice": "Kore", "format": "mp3"}}
    value, script = ask(driver, Answer(json=gemini({"text": "Hi"})), model="google/gemini-2.5-flash-preview-tts", **asked)  # fmt: skip
    voice = {"voiceConfig": {"prebuiltVoiceConfig": {"voiceName": "Kore"}}}
    assert sent(script)["generationConfig"] == {"responseModalities": ["AUDIO"], "speechConfig": voice}
    assert changes(value) == [("modalities", "changed", True), ("audio.format", "changed", True)]
    _, script = ask(driver, Answer(json=gemini({"text": "Hi"})), model=BANANA, audio={"format": "pcm16"})
    assert "speechConfig" not in sent(script).get("generationConfig", {})


# ---------------------------------------------------------------------------------------- answers


def test_a_whole_answer(driver: Any) -> None:
    """Sound as OpenAI tells it, pictures as OpenRouter does, whoever made them."""
    value, _ = ask(driver, Answer(json=chat(None, audio=SOUND)), model=GPT, **SPEAKING)
    spoken = value.choices[0].message
    assert (spoken.audio.id, spoken.audio.transcript, spoken["audio"].data) == (
        "audio_1",
        "Hello",
        "aGVsbG8=",
    )
    value, _ = ask(
        driver, Answer(json=chat("Here", images=[PICTURE])), model="openrouter/google/x", **DRAWING
    )
    assert value.choices[0].message.images == [PICTURE]
    parts = {"text": "Here"}, {"inlineData": {"mimeType": "image/png", "data": PNG}}
    value, _ = ask(driver, Answer(json=gemini(*parts)), model=BANANA, **DRAWING)
    assert value.choices[0].message.images == [PICTURE]
    assert value.choices[0].message.content == "Here"
    pcm = "audio/L16;codec=pcm;rate=24000"
    pieces = [{"inlineData": {"mimeType": pcm, "data": b64encode(p).decode()}} for p in (b"\0\1", b"\2\3")]
    value, _ = ask(driver, Answer(json=gemini(*pieces)), model=BANANA, **SPEAKING)
    audio = value.choices[0].message.audio
    assert b64decode(audio.data) == b"\0\1\2\3"
    assert (audio.id, audio.expires_at, audio.transcript, audio.format) == ("", 0, "", pcm)


def streamed(*deltas: Any) -> Answer:
    return Answer(chunks=sse(*map(chunk, deltas), chunk({}, finish="stop")))


@pytest.mark.parametrize(
    "pieces",
    [
        [b64encode(b"hell").decode(), b64encode(b"o, wor").decode(), b64encode(b"ld").decode()],  # one by one
        ["aGVsbG8sI", "Hdvcm", "xk"],  # one text, cut anywhere
    ],
)  # fmt: skip
def test_a_stream_is_put_together(driver: Any, pieces: list[str]) -> None:
    """As the answer would have come in one piece, however its sound was encoded."""
    first = {"role": "assistant", "audio": {"id": "audio_1", "transcript": "Hel"}}
    last = {"audio": {"transcript": "lo", "expires_at": 7}}
    sound = [{"audio": {"id": "audio_1", "data": piece}} for piece in pieces]
    chunks, _ = ask(driver, streamed(first, *sound, last), model=GPT, stream=True, **SPEAKING)
    assert [c.choices[0].delta.audio.data for c in chunks[1:4]] == pieces
    said = collect(chunks).choices[0].message
    assert b64decode(said.audio.data) == b"hello, world"
    assert (said.audio.id, said.audio.transcript, said.audio.expires_at) == ("audio_1", "Hello", 7)
    drawn, _ = ask(
        driver, streamed({"content": "Here"}, {"images": [PICTURE]}), model="openrouter/x/y", stream=True, **DRAWING
    )  # fmt: skip
    assert collect(drawn).choices[0].message.images == [PICTURE]


@given(st.lists(st.binary(max_size=9)))
def test_base64_in_pieces(pieces: list[bytes]) -> None:
    """Any pieces, each encoded by itself, are the whole."""
    deltas = [chunk({"audio": {"id": "a", "data": b64encode(piece).decode()}}) for piece in pieces]
    chunks = [muxi_llm.models.ChatCompletionChunk.construct(**raw) for raw in [chunk({}), *deltas]]
    audio = collect(chunks).choices[0].message.audio
    assert b64decode(getattr(audio, "data", "") or "") == b"".join(pieces)


def test_what_is_no_base64_is_put_together_as_text() -> None:
    """Nobody is asked to decode it."""
    deltas = [chunk({"audio": {"data": "x="}}), chunk({"audio": {"data": "?"}})]
    chunks = [muxi_llm.models.ChatCompletionChunk.construct(**raw) for raw in deltas]
    assert collect(chunks).choices[0].message.audio.data == "x=?"


def test_a_stream_of_gemini(driver: Any) -> None:
    """Deltas of pictures and of sound."""
    events = [gemini({"inlineData": {"mimeType": "audio/L16", "data": "AAE="}}), gemini({"text": ""})]
    body = [f"data: {json.dumps(event)}\r\n\r\n".encode() for event in events]
    chunks, _ = ask(driver, Answer(chunks=body), model=BANANA, stream=True, **SPEAKING)
    assert collect(chunks).choices[0].message.audio.data == "AAE="


# ---------------------------------------------------------------------------------------- history


def turns(**said: Any) -> list[Any]:
    return [*HELLO, {"role": "assistant", **said}, *HELLO]


@pytest.mark.parametrize(
    ("model", "said", "goes", "told"),
    [
        # OpenAI knows its sound by the id, and pictures not at all.
        (GPT, {"content": None, "audio": SOUND}, {"audio": {"id": "audio_1"}}, []),
        (GPT, {"audio": {"id": "audio_1"}}, {"audio": {"id": "audio_1"}}, []),
        (GPT, {"audio": {**SOUND, "id": ""}}, {"content": "Hello"}, [("messages[].audio", "dropped", False)]),
        (GPT, {"content": "Here", "images": [PICTURE]}, {"content": "Here"}, [("messages[].images", "dropped", True)]),
        # Where sound means nothing, what was said is there as text.
        ("groq/llama", {"content": None, "audio": SOUND}, {"content": "Hello"}, [("messages[].audio", "dropped", False)]),
        ("groq/llama", {"content": "Hi", "audio": SOUND}, {"content": "Hi"}, [("messages[].audio", "dropped", False)]),
        ("groq/llama", {"content": "", "audio": {"id": "audio_1"}}, None, [("messages[].audio", "dropped", True)]),
        ("groq/llama", {"content": "", "audio": "odd"}, None, [("messages[].audio", "dropped", True)]),
        (GPT, {"content": "", "audio": "odd"}, None, [("messages[].audio", "dropped", True)]),
        ("openrouter/x/y", {"content": "Here", "images": [PICTURE]}, {"content": "Here", "images": [PICTURE]}, []),
    ],
)  # fmt: skip
def test_what_was_made_before(driver: Any, model: str, said: Any, goes: Any, told: Any) -> None:
    """Goes back to who knows it; elsewhere what it said does."""
    value, script = ask(driver, Answer(json=chat()), model=model, messages=turns(**said))
    if goes is not None:
        gone = {name: value for name, value in sent(script)["messages"][1].items() if value is not None}
        assert gone == {"role": "assistant", **goes}
    assert [change for change in changes(value) if change[0].startswith("messages[].")] == told


def test_pictures_before_gemini_and_claude(driver: Any) -> None:
    """Gemini is shown what another model drew; Claude is not, and that is told."""
    history = turns(content="Here", images=[PICTURE])
    _, script = ask(driver, Answer(json=gemini({"text": "Hi"})), model=BANANA, messages=history)
    blob = {"inlineData": {"mimeType": "image/png", "data": PNG}}
    assert sent(script)["contents"][1] == {"role": "model", "parts": [{"text": "Here"}, blob]}
    value, _ = ask(driver, Answer(json=message()), model="anthropic/claude-sonnet-5", messages=history)
    assert ("messages[].images", "dropped", True) in changes(value)


# ---------------------------------------------------------------------------------- drop-in clients


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Any:
    """OpenRouter on loopback: it draws and speaks."""
    with Upstream(_made) as upstream:
        monkeypatch.setenv("OPENROUTER_BASE_URL", f"{upstream.url}/v1")
        yield upstream


def _made(received: Any) -> Respond:
    audio = {"id": "audio_1", "data": "aGVsbG8=", "transcript": "Hello", "expires_at": 7}
    if received.json.get("stream"):
        deltas = {"content": "Here"}, {"images": [PICTURE]}, {"audio": audio}
        return Respond(chunks=sse(*map(chunk, deltas), chunk({}, finish="stop")))
    return Respond(json=chat("Here", images=[PICTURE], audio=audio))


ASKED: Any = {"model": "openrouter/x/y", "messages": HELLO, **SPEAKING}


def test_the_openai_client(world: Upstream) -> None:
    """Chat has all of it, streamed or not."""
    with muxi_llm.OpenAI(api_key="sk") as client:
        said = client.chat.completions.create(**ASKED).choices[0].message
        assert (said.audio.transcript, said.images) == ("Hello", [PICTURE])
        chunks = list(client.chat.completions.create(**ASKED, stream=True))
        again = collect(chunks).choices[0].message
        assert (again.audio.data, again.images) == ("aGVsbG8=", [PICTURE])
        raw = client.chat.completions.with_raw_response.create(**ASKED).parse()
        assert raw.choices[0].message.audio.data == "aGVsbG8="
    assert world.requests[0].json["modalities"] == ["text", "audio"]


@pytest.mark.parametrize("stream", [False, True])
def test_the_other_clients(world: Upstream, stream: bool) -> None:
    """Responses have a place for pictures and none for sound, Anthropic's messages none for either."""
    with muxi_llm.OpenAI(api_key="sk") as client, muxi_llm.Anthropic(api_key="sk") as claude:
        if stream:
            with client.responses.stream(model="openrouter/x/y", input="Hi") as events:
                response = events.get_final_response()
            with claude.messages.stream(model="openrouter/x/y", max_tokens=9, messages=HELLO) as told:
                answer = told.get_final_message()
        else:
            response = client.responses.create(model="openrouter/x/y", input="Hi")
            answer = claude.messages.create(model="openrouter/x/y", max_tokens=9, messages=HELLO)
    drawn = [item for item in response.output if item.type == "image_generation_call"]
    assert [item.result for item in drawn] == [PNG]
    assert answer.content[0].text == "Here"
    if not stream:
        assert ("choices[0].message.audio", "dropped", True) in changes(response)
        lost = {change[0] for change in changes(answer)}
        assert {"choices[0].message.audio", "choices[0].message.images"} <= lost


def test_a_face_streams_them_too(world: Upstream) -> None:
    """Over real HTTP."""
    chunks = list(ChatCompletion.create(**ASKED, stream=True))
    assert collect(chunks).choices[0].message.images == [PICTURE]
