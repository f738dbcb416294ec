"""Realtime sessions through the gateway: OpenAI's client on one side, a provider's WebSocket on the other."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from muxi_llm.errors import refusal
from muxi_llm.gateway import lasting
from muxi_llm.gateway.admission import Anybody
from muxi_llm.gateway.settings.model import ProviderSettings, Server, Settings
from muxi_llm.gateway.state import State
from muxi_llm.routing.router import Rules
from muxi_llm.types.admission import Grant
from tests.support.gateway import Served, deployment, settings_of
from tests.support.patience import until
from tests.support.serving import Serving
from tests.support.sessions import NOISE, USAGE, Sessions

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from muxi_llm.gateway.told import Told
    from muxi_llm.types.admission import Asked, Principal


class Kept(Anybody):
    """Keeps what was asked and what it came to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.settled: list[Told] = []
        self.loop: asyncio.AbstractEventLoop | None = None

    async def admit(self, principal: Principal, asked: Asked) -> Grant:
        del principal
        self.loop = asyncio.get_running_loop()
        self.asked.append((asked.path, asked.model))
        if asked.model == "dear":
            raise refusal(429, "too dear", type="usage_limit_reached", code="insufficient_quota")
        return Grant()

    def settle(self, told: Told) -> None:
        self.settled.append(told)


def at(there: Sessions, kind: str, name: str = "", **given: Any) -> ProviderSettings:
    return ProviderSettings(name or kind, kind, f"sk-{kind}", there.url, **given)


def serving(there: Sessions, **given: Any) -> Settings:
    return settings_of((at(there, "openai"), deployment("openai/gpt-realtime", "voice", "dear")), **given)


def address(served: Served, query: str = "model=voice", path: str = "/v1/realtime") -> str:
    return f"ws{served.url.removeprefix('http')}{path}?{query}"


def test_a_session_of_openais_client() -> None:
    """Both directions as they are said, the gateway's key, the name at the provider, and what was used."""
    kept = Kept()
    with Sessions() as there, Served(serving(there), kept) as served:
        with served.openai.realtime.connect(
            model="voice", extra_headers={"x-secret": "no", "openai-beta": "realtime=v1"}
        ) as session:
            assert session.recv().type == "session.created"
            session.response.create()
            assert [session.recv().type for _ in range(2)] == ["response.output_text.delta", "response.done"]
            session.response.create()
            assert [session.recv().type for _ in range(2)] == ["response.output_text.delta", "response.done"]
            session.send_raw(b"\x00\x01")
            assert session.recv_bytes() == b"sound"
        until(lambda: kept.settled)
        ((path, headers),) = there.asked
        assert path == "/v1/realtime?model=gpt-realtime"
        assert headers["authorization"] == "Bearer sk-openai"
        assert headers["openai-beta"] == "realtime=v1"
        assert "x-secret" not in headers
        assert "Bearer t" not in headers.values()
    assert there.closed == [1000]
    (told,) = kept.settled
    assert (told.model, told.status, told.error, told.tokens) == ("voice", 101, None, (40, 20))
    assert told.report is not None
    assert told.report.usage["input_token_details"]["audio_tokens"] == 2 * 15
    assert told.report.cost is not None
    assert [one.error for one in told.tries] == [""]
    assert kept.asked == [("/realtime", "voice")]
    assert USAGE["total_tokens"] == 30


@pytest.mark.parametrize(
    ("kind", "given", "path", "key"),
    [
        ("azure", {"settings": {"api_version": "2025-04-01-preview"}}, "deployment=gpt-realtime", "api-key"),
        ("xai", {}, "model=gpt-realtime", "authorization"),
    ],
)
def test_others_who_speak_the_protocol(kind: str, given: Any, path: str, key: str) -> None:
    with Sessions() as there:
        settings = settings_of((at(there, kind, **given), deployment(f"{kind}/gpt-realtime", "voice")))
        with Served(settings) as served, connect(address(served)) as session:
            assert json.loads(session.recv())["type"] == "session.created"
        ((asked, headers),) = there.asked
        assert path in asked
        assert f"sk-{kind}" in headers[key]


def test_whoever_may_not_is_told_before_there_is_a_session() -> None:
    with Sessions() as there, Served(serving(there, tokens={"app": "s3cret"})) as served:
        for headers in ({}, {"authorization": "Bearer wrong"}):
            with (
                pytest.raises(InvalidStatus) as refused,
                connect(address(served), additional_headers=headers),
            ):
                pass
            assert refused.value.response.status_code == 401
            assert b"API key" in (refused.value.response.body or b"")
        assert not there.asked
        own = {"x-api-key": "s3cret"}
        for query, status in (("model=none", 404), ("", 400), ("model=voice&intent=transcription", 0)):
            if not status:
                with connect(address(served, query), additional_headers=own) as session:
                    session.recv()
                assert there.asked[0][0] == "/v1/realtime?intent=transcription&model=gpt-realtime"
                continue
            with (
                pytest.raises(InvalidStatus) as refused,
                connect(address(served, query), additional_headers=own),
            ):
                pass
            assert refused.value.response.status_code == status


def test_a_browser_has_its_key_among_its_protocols_and_its_page_must_be_known() -> None:
    server = Server(origins=("https://app.test",))
    with Sessions() as there, Served(serving(there, tokens={"app": "s3cret"}, server=server)) as served:
        offered: Any = ["realtime", "openai-insecure-api-key.s3cret"]
        with connect(address(served), subprotocols=offered, origin="https://app.test") as session:  # type: ignore[arg-type]
            assert session.subprotocol == "realtime"
            session.recv()
        assert "s3cret" not in str(there.asked)
        with (
            pytest.raises(InvalidStatus) as refused,
            connect(
                address(served),
                subprotocols=offered,
                origin="https://evil.test",  # type: ignore[arg-type]
            ),
        ):
            pass
        assert refused.value.response.status_code == 403


def test_what_admission_refuses_is_never_asked() -> None:
    with Sessions() as there, Served(serving(there), Kept()) as served:
        with pytest.raises(InvalidStatus) as refused, connect(address(served, "model=dear")):
            pass
        assert refused.value.response.status_code == 429
        assert refused.value.response.headers["x-should-retry"] == "false"
        assert not there.asked


def test_the_next_provider_is_asked_where_one_opens_no_session() -> None:
    with Sessions(refuses=503) as one, Sessions() as two:
        settings = settings_of(
            (at(one, "openai"), deployment("openai/a", "voice")),
            (ProviderSettings("off", "openai", "sk", "http://127.0.0.1:9"), deployment("off/a", "voice")),
            (at(two, "xai"), deployment("xai/b", "voice")),
            rules=Rules("in-order"),
        )
        with Served(settings) as served, connect(address(served)) as session:
            session.recv()
            assert session.response is not None
            assert session.response.headers["x-muxi-model"] == "xai/b"
        assert len(one.asked) == 1


@pytest.mark.parametrize(("refuses", "status"), [(403, 403), (429, 429), (307, 307)])
def test_what_the_provider_says_no_with_is_told(refuses: int, status: int) -> None:
    """And nobody is followed elsewhere with the key."""
    with Sessions(refuses=refuses) as there, Served(serving(there)) as served:
        with pytest.raises(InvalidStatus) as refused, connect(address(served)):
            pass
        said = refused.value.response
        assert said.status_code == status
        assert b"no more of you" in (said.body or b"")


def test_who_speaks_another_protocol_is_not_asked() -> None:
    with Sessions() as there:
        settings = settings_of((at(there, "anthropic"), deployment("anthropic/m", "voice")))
        with Served(settings) as served:
            with pytest.raises(InvalidStatus) as refused, connect(address(served)):
                pass
            assert refused.value.response.status_code == 400
            assert b"realtime API" in (refused.value.response.body or b"")


@pytest.mark.parametrize(("event", "code"), [({"type": "leave", "code": 1000}, 1000), ({"type": "leave", "code": 4001}, 4001), ({"type": "vanish"}, 1011)])  # fmt: skip
def test_the_provider_leaves(event: Any, code: int) -> None:
    kept = Kept()
    with Sessions() as there, Served(serving(there), kept) as served:
        with connect(address(served)) as session:
            session.recv()
            session.send(json.dumps(event))
            with pytest.raises(ConnectionClosed):
                session.recv()
            assert session.protocol.close_code == code
        until(lambda: kept.settled)
        assert (kept.settled[0].error is None) == (code == 1000)


def test_the_client_leaves() -> None:
    """However it does, the provider's side is closed, and the deployment is free again."""
    kept = Kept()
    with Sessions() as there, Served(serving(there), kept) as served:
        facts = served.app.state.routes.router.facts["openai/gpt-realtime"]
        with connect(address(served)) as session:
            session.recv()
            assert facts.in_flight == 1
        gone = connect(address(served))
        gone.recv()
        gone.socket.shutdown(socket.SHUT_RDWR)
        until(lambda: len(there.closed) == 2)
        until(lambda: len(kept.settled) == 2 and not facts.in_flight)
        gone.close()


def test_a_client_that_does_not_read_slows_the_provider() -> None:
    with Sessions() as there, Served(serving(there)) as served:
        with connect(address(served), max_queue=1) as session:
            session.recv()
            session.send(json.dumps({"type": "flood"}))
            counts: list[int] = []

            def has_stopped() -> bool:
                counts.append(there.sent)
                return len(counts) > 50 and counts[-50] == counts[-1] > 0

            until(has_stopped)
            assert there.sent < 1000  # 64 MB, where it would have been all there is
            session.socket.shutdown(socket.SHUT_RDWR)
        there.stop.set()


def test_a_provider_that_does_not_read_slows_the_client() -> None:
    sent = []

    def flooded(session: ClientConnection) -> None:
        for _ in range(2000):
            session.send(NOISE)
            sent.append(1)

    with Sessions() as there, Served(serving(there)) as served, connect(address(served)) as session:
        session.recv()
        session.send(json.dumps({"type": "sleep"}))
        session.socket.settimeout(0.5)
        with pytest.raises((TimeoutError, ConnectionClosed)):
            flooded(session)
        assert len(sent) < 1000
        there.stop.set()


def test_the_gateways_end_is_an_error_of_the_protocols() -> None:
    kept = Kept()
    with Sessions() as there, Served(serving(there), kept) as served:
        with connect(address(served)) as session:
            session.recv()
            assert kept.loop is not None
            kept.loop.call_soon_threadsafe(served.app.end_open)
            assert json.loads(session.recv())["error"]["code"] == "shutting_down"
            with pytest.raises(ConnectionClosed):
                session.recv()
            assert session.protocol.close_code == 1012
        until(lambda: there.closed)


def test_a_session_goes_on_while_the_process_drains(tmp_path: Path) -> None:
    with Sessions() as there:
        provider = {
            "name": "openai",
            "type": "openai",
            "base_url": there.url,
            "api_key": "k",
            "models": ["v"],
        }
        config = tmp_path / "config.yaml"
        server = {"drain_pause": 0, "drain_timeout": 2}
        config.write_text(json.dumps({"providers": [provider], "server": server}), encoding="utf-8")
        with Serving(config) as served, connect(f"ws{served.url[4:]}/v1/realtime?model=v") as session:
            session.recv()
            served.tell(signal.SIGTERM)
            until(lambda: not _answers(served.url))
            session.send(json.dumps({"type": "response.create"}))
            assert "delta" in session.recv()
            assert "response.done" in session.recv()
            assert "shutting_down" in session.recv()
            assert served.ended() == 0


def _answers(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/live").status_code == 200
    except httpx2.TransportError:
        return False


def test_the_websocket_of_responses_is_426_still() -> None:
    with Sessions() as there, Served(serving(there)) as served:
        with pytest.raises(InvalidStatus) as refused, connect(address(served, path="/v1/responses")):
            pass
        assert refused.value.response.status_code == 426
        with pytest.raises(openai.NotFoundError):
            served.openai.get("/realtime", cast_to=object)


class Revoking(Kept):
    """Whose keys end, and whose money."""

    def __init__(self, spends: int) -> None:
        """spends: answers that there is money for."""
        super().__init__()
        self.is_revoked = False
        self.spends = spends

    async def authenticate(self, headers: Mapping[str, str]) -> Principal:
        if self.is_revoked:
            raise refusal(403, "the API key is blocked", type="permission_error", code="blocked")
        return await super().authenticate(headers)

    async def admit(self, principal: Principal, asked: Asked) -> Grant:
        await super().admit(principal, asked)
        return Spending(self.spends)


class Spending(Grant):
    def __init__(self, spends: int) -> None:
        self.spends = spends

    async def goes_on(self, told: Told) -> None:
        if told.tokens[0] == USAGE["input_tokens"] * (self.spends + 1):
            raise refusal(429, "the budget is spent", type="usage_limit_reached", code="insufficient_quota")


def ended(session: Any) -> tuple[Any, int | None]:
    """The error that ends a session, and the code it is closed with."""
    said: list[Any] = []
    with suppress(ConnectionClosed):
        said.extend(json.loads(each) for each in session)
    assert said[-1]["type"] == "error"
    return said[-1]["error"]["code"], session.protocol.close_code


def test_a_session_ends_once_its_money_is_spent() -> None:
    """Asked after each answer, of which the last is told whole."""
    kept = Revoking(1)
    with Sessions() as there, Served(serving(there), kept) as served:
        with connect(address(served)) as session:
            session.recv()
            for _ in range(2):
                session.send(json.dumps({"type": "response.create"}))
            assert ended(session) == ("insufficient_quota", 1008)
        until(lambda: kept.settled and there.closed)
    (told,) = kept.settled
    assert (told.tokens, told.result) == ((40, 20), 429)
    assert [one.error for one in told.tries] == [""]  # it is no fault of the deployment's


def test_a_session_ends_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though nobody says a word in it."""
    monkeypatch.setattr(lasting, "OFTEN", 0.05)
    kept = Revoking(9)
    with Sessions() as there, Served(serving(there), kept) as served, connect(address(served)) as session:
        session.recv()
        kept.is_revoked = True
        assert ended(session) == ("blocked", 1008)
        until(lambda: there.closed)


def test_a_token_that_a_reload_took_away_ends_its_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lasting, "OFTEN", 0.05)
    with (
        Sessions() as there,
        Served(serving(there, tokens={"app": "s3cret"})) as served,
        connect(address(served), additional_headers={"x-api-key": "s3cret"}) as session,
    ):
        session.recv()
        served.app.replace(State(serving(there, tokens={"app": "another"})))
        assert ended(session) == ("invalid_api_key", 1008)


def test_a_bug_is_an_error_of_the_protocols(caplog: pytest.LogCaptureFixture) -> None:
    """Before there is a session, and in the midst of one."""

    class Broken(Kept):
        async def admit(self, principal: Principal, asked: Asked) -> Grant:
            if asked.model == "dear":
                raise ZeroDivisionError("a secret")
            await super().admit(principal, asked)
            return Grant()

        async def authenticate(self, headers: Mapping[str, str]) -> Principal:
            if self.asked:
                raise ZeroDivisionError("a secret")
            return await super().authenticate(headers)

    with Sessions() as there, Served(serving(there), Broken()) as served:
        with pytest.raises(InvalidStatus) as refused, connect(address(served, "model=dear")):
            pass
        assert refused.value.response.status_code == 500
        assert json.loads(refused.value.response.body or b"")["error"]["code"] == "internal_error"
        with connect(address(served)) as session:
            session.recv()
            session.send(json.dumps({"type": "response.create"}))
            assert ended(session) == ("internal_error", 1008)
    assert "a secret" not in caplog.text
