"""`client.realtime.connect`: a session at the provider `model=` names, over a real WebSocket, by its own key alone."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import openai
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

import muxi_llm
from muxi_llm import harness

SECRET = "sk-openai-secret"


class Sessions:
    """A server of realtime sessions on loopback, and what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.heard: list[dict[str, Any]] = []
        self.closed = threading.Event()
        self._server = serve(self._session, "127.0.0.1", 0, process_request=self._greet)
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _greet(self, connection: ServerConnection, request: Any) -> Any:
        self.asked.append(
            (request.path, {name.lower(): value for name, value in request.headers.raw_items()})
        )
        return connection.respond(403, "who is this?") if "refuse" in request.path else None

    def _session(self, connection: ServerConnection) -> None:
        connection.send(
            json.dumps({"type": "session.created", "event_id": "e1", "session": {"type": "realtime"}})
        )
        try:
            for frame in connection:
                event = json.loads(frame)
                self.heard.append(event)
                if event["type"] == "response.create":
                    for piece in ("Hel", "lo"):
                        connection.send(json.dumps({"type": "response.output_text.delta", "delta": piece}))
                    connection.send(json.dumps({"type": "response.done", "event_id": "e2"}))
                elif event["type"] == "response.cancel":
                    connection.send(json.dumps({"type": "error", "error": {"message": "nothing to cancel"}}))
                elif event["type"] == "input_audio_buffer.clear":
                    connection.close(1011, "broke")
        except ConnectionClosed:
            pass
        finally:
            self.closed.set()

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@pytest.fixture
def sessions(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sessions]:
    """xAI and Azure on loopback; OpenAI has a key too, an organisation, and headers of the client's."""
    server = Sessions()
    monkeypatch.setenv("OPENAI_API_KEY", SECRET)
    monkeypatch.setenv("OPENAI_ORG_ID", "org-secret")
    monkeypatch.setenv("XAI_API_KEY", "sk-xai")
    monkeypatch.setenv("XAI_BASE_URL", f"{server.url}/v1")
    monkeypatch.setenv("AZURE_OPENAI_API_KEY", "sk-azure")
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", server.url)
    monkeypatch.setenv("GROQ_API_KEY", "sk-groq")
    yield server
    server.close()


class Talk:
    """One session of either client: what is sent, and what comes back."""

    def __init__(self, colour: str) -> None:
        self.colour = colour

    def say(
        self, *events: Any, model: Any, client: Any = None, until: str = "response.done", **how: Any
    ) -> list[Any]:
        if self.colour == "async":
            return asyncio.run(self._asay(events, model, client, until, how))
        heard = []
        with muxi_llm.OpenAI(**client or {}) as it, it.realtime.connect(model=model, **how) as session:
            for event in events:
                session.send(event)
            for event in session:
                heard.append(event)
                if event.type == until:
                    break
        return heard

    async def _asay(self, events: Any, model: Any, client: Any, until: str, how: Any) -> list[Any]:
        heard = []
        async with (
            muxi_llm.AsyncOpenAI(**client or {}) as it,
            it.realtime.connect(model=model, **how) as session,
        ):
            for event in events:
                await session.send(event)
            async for event in session:
                heard.append(event)
                if event.type == until:
                    break
        return heard


@pytest.fixture(params=["sync", "async"])
def talk(request: pytest.FixtureRequest) -> Talk:
    """Both clients."""
    return Talk(request.param)


SPEAK = {"type": "response.create"}


def test_a_session_with_another_provider(sessions: Sessions, talk: Talk) -> None:
    """Events both ways, at its own address, with its own key; nothing of the client's own goes there."""
    heard = talk.say(
        SPEAK, model="xai/grok-voice-latest",
        client={"default_headers": {"x-secret": "of the client"}, "project": "proj-secret"},
        extra_headers={"x-mine": "for this call"}, extra_query={"trace": "1"},
    )  # fmt: skip
    assert [event.type for event in heard][0::3] == ["session.created", "response.done"]
    assert "".join(getattr(event, "delta", "") for event in heard) == "Hello"
    assert sessions.heard == [SPEAK]
    path, headers = sessions.asked[0]
    assert urlsplit(path).path == "/v1/realtime"
    assert parse_qs(urlsplit(path).query) == {"model": ["grok-voice-latest"], "trace": ["1"]}
    assert headers["authorization"] == "Bearer sk-xai"
    assert headers["x-mine"] == "for this call"
    assert not any("secret" in value for value in headers.values())
    assert not headers.keys() & {"x-secret", "openai-organization", "openai-project"}
    assert sessions.closed.wait(30)  # leaving the block closes it


@pytest.mark.parametrize(
    ("version", "path", "query"),
    [
        ("", "/openai/v1/realtime", {"model": ["our-voice"]}),
        ("2025-04-01-preview", "/openai/realtime", {"api-version": ["2025-04-01-preview"], "deployment": ["our-voice"]}),
    ],
)  # fmt: skip
def test_azure(
    sessions: Sessions, talk: Talk, monkeypatch: pytest.MonkeyPatch, version: str, path: str, query: Any
) -> None:
    """By the v1 API, or by a dated version and the deployment."""
    if version:
        monkeypatch.setenv("AZURE_OPENAI_API_VERSION", version)
    talk.say(SPEAK, model="azure/our-voice")
    asked, headers = sessions.asked[0]
    assert (urlsplit(asked).path, parse_qs(urlsplit(asked).query)) == (path, query)
    assert headers["api-key"] == "sk-azure"
    assert "authorization" not in headers


def test_azure_with_a_path_of_its_own(
    sessions: Sessions, talk: Talk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy's address is taken as it is; a token from a function is asked for at each session."""
    monkeypatch.setenv("AZURE_OPENAI_ENDPOINT", f"{sessions.url}/proxy")
    monkeypatch.delenv("AZURE_OPENAI_API_KEY")
    monkeypatch.setattr(muxi_llm, "azure_ad_token_provider", lambda: "token", raising=False)
    talk.say(SPEAK, model="azure/our-voice")
    asked, headers = sessions.asked[0]
    assert urlsplit(asked).path == "/proxy/realtime"
    assert headers["authorization"] == "Bearer token"

    async def later() -> str:
        return "token"

    coroutine = later()
    monkeypatch.setattr(muxi_llm, "azure_ad_token_provider", lambda: coroutine, raising=False)
    with pytest.raises(muxi_llm.InvalidRequestError, match="no coroutine function"):
        talk.say(SPEAK, model="azure/our-voice")
    coroutine.close()


def test_errors_and_ends(sessions: Sessions, talk: Talk) -> None:
    """What the server says is an event; what breaks the session is raised; a refusal at the door too."""
    heard = talk.say({"type": "response.cancel"}, model="xai/grok", until="error")
    assert heard[-1].error.message == "nothing to cancel"
    with pytest.raises(ConnectionClosed):
        talk.say({"type": "input_audio_buffer.clear"}, model="xai/grok", until="never")
    with pytest.raises(Exception, match="403"):
        talk.say(model="xai/refuse")


def test_own_sessions_go_the_originals_way(sessions: Sessions, talk: Talk) -> None:
    """To the client's own server, as the original does: its key, its headers, names of its own."""
    own = {"base_url": f"{sessions.url}/own", "default_headers": {"x-own": "1"}}
    for model in ("gpt-realtime", "acme/voice", "openai/voice"):
        talk.say(SPEAK, model=model, client=own)
        path, headers = sessions.asked.pop()
        assert parse_qs(urlsplit(path).query) == {"model": [model]}
        assert (urlsplit(path).path, headers["authorization"]) == ("/own/realtime", f"Bearer {SECRET}")
        assert (headers["x-own"], headers["openai-organization"]) == ("1", "org-secret")
    talk.say(
        SPEAK,
        model="openai/gpt-realtime",
        client={"websocket_base_url": f"ws://127.0.0.1:{sessions.port}/v9"},
    )
    path, headers = sessions.asked.pop()
    assert parse_qs(urlsplit(path).query) == {"model": ["gpt-realtime"]}
    talk.say(SPEAK, model=openai.omit, client=own, extra_query={"intent": "transcription"})
    assert parse_qs(urlsplit(sessions.asked.pop()[0]).query) == {"intent": ["transcription"]}


@pytest.mark.parametrize(
    ("model", "error", "said"),
    [
        ("groq/voice", muxi_llm.UnsupportedParameterError, "groq has no realtime API.*azure, openai, xai"),
        ("nobody/voice", muxi_llm.InvalidModelError, "nobody"),
        ("xai/", muxi_llm.InvalidModelError, "no model name"),
    ],
)
def test_who_has_none_is_refused_by_name(
    sessions: Sessions, talk: Talk, model: str, error: type[Exception], said: str
) -> None:
    """Before anything is sent, and never to OpenAI."""
    with pytest.raises(error, match=said):
        talk.say(SPEAK, model=model)
    assert not sessions.asked


def test_nothing_is_sent_without_a_key_or_while_all_is_off(
    sessions: Sessions, talk: Talk, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    """As for any other call."""
    monkeypatch.delenv("XAI_API_KEY")
    with pytest.raises(muxi_llm.MissingCredentialsError, match="XAI_API_KEY"):
        talk.say(SPEAK, model="xai/grok")
    (tmp_path / "killswitch").touch()
    harness.configure(kill_switch=str(tmp_path))
    with pytest.raises(muxi_llm.KillSwitchActiveError):
        talk.say(SPEAK, model="azure/our-voice")
    assert not sessions.asked


@pytest.mark.filterwarnings("ignore:The Sora API:DeprecationWarning")
def test_videos_are_openais_alone(sessions: Sessions) -> None:
    """A model of another provider's never goes to OpenAI under a name it does not know."""
    with muxi_llm.OpenAI(max_retries=0, base_url="http://127.0.0.1:9/v1") as client:
        with pytest.raises(muxi_llm.UnsupportedParameterError, match="videos of xai are not to be had here"):
            client.videos.create(model="xai/grok-video", prompt="A sea")
        with pytest.raises(openai.APIConnectionError):
            client.videos.create(model="sora-2", prompt="A sea")  # its own server, as the original does
        with pytest.raises(openai.APIConnectionError):
            client.videos.create(model="acme/film", prompt="A sea")

    async def ask() -> None:
        async with muxi_llm.AsyncOpenAI() as client:
            await client.videos.create(model="xai/grok-video", prompt="A sea")

    with pytest.raises(muxi_llm.UnsupportedParameterError, match="videos of xai"):
        asyncio.run(ask())
