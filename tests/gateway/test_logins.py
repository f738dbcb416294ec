"""A subscription's own login, passed on to Anthropic where it is configured, and to nobody else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from muxi_llm.errors import InvalidRequestError
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.state import State
from muxi_llm.routing.router import Rules
from tests.support import bodies
from tests.support.anthropic import message
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.upstream import Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOGIN = "Bearer sk-ant-oat01-of-ann"
TOKEN = "s3cret"
BETA = "oauth-2025-04-20,claude-code-20250219"
ASKED: dict[str, Any] = {
    "model": "claude",
    "max_tokens": 9,
    "messages": [{"role": "user", "content": "Hello"}],
    "metadata": {"user_id": "u"},
}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream(lambda _: Respond(json=message())) as upstream:
        yield upstream


def serving(upstream: Upstream, *, passes: bool = True, **given: Any) -> Any:
    headers = {"x-team": "ours", "X-API-Key": "configured"} if passes else {}
    provider = at(upstream, "anthropic", passes_login=passes, headers=headers)
    return settings_of((provider, deployment("anthropic/c", "claude")), tokens={"app": TOKEN}, **given)


def ask(served: Served, path: str = "/v1/messages?beta=true", **headers: str) -> httpx2.Response:
    return httpx2.post(served.url + path, json=ASKED, headers={"anthropic-beta": BETA, **headers})


def test_the_login_goes_there_and_the_token_does_not(upstream: Upstream) -> None:
    with Served(serving(upstream)) as served:
        assert ask(served, authorization=LOGIN, **{"x-api-key": TOKEN}).status_code == 200
        (sent,) = upstream.requests
        assert sent.headers["authorization"] == LOGIN
        assert sent.headers["anthropic-beta"] == BETA
        assert sent.headers["anthropic-version"]
        assert "x-api-key" not in sent.headers
        assert sent.headers["x-team"] == "ours"
        assert TOKEN not in str(sent.headers)
        assert sent.json == {**ASKED, "model": "c"}


@pytest.mark.parametrize(
    ("given", "passes"),
    [
        ({"authorization": LOGIN, "x-api-key": TOKEN}, False),
        ({"authorization": f"Bearer {TOKEN}"}, True),
        ({"authorization": "Bearer sk-something", "x-api-key": TOKEN}, True),
        ({"x-api-key": TOKEN}, True),
    ],
)
def test_else_the_gateways_key_does(upstream: Upstream, given: dict[str, str], passes: bool) -> None:
    """Not configured, no login, or a token of the gateway's own in its place."""
    with Served(serving(upstream, passes=passes)) as served:
        assert ask(served, **given).status_code == 200
    (sent,) = upstream.requests
    assert sent.headers["x-api-key"] == "sk-anthropic"
    assert "authorization" not in sent.headers


def test_a_login_alone_lets_nobody_in(upstream: Upstream) -> None:
    with Served(serving(upstream)) as served:
        assert ask(served, authorization=LOGIN).status_code == 401
        assert ask(served, authorization=LOGIN, **{"x-api-key": "wrong"}).status_code == 401
    assert not upstream.requests


def test_no_other_host_hears_of_it(upstream: Upstream) -> None:
    """Neither the next deployment, of whatever wire, nor who asks by another protocol."""
    with Upstream(lambda _: Respond(json=bodies.chat("Hi"))) as other:
        settings = settings_of(
            (at(upstream, "anthropic", passes_login=True), deployment("anthropic/c", "claude")),
            (at(other, "anthropic", "proxy"), deployment("proxy/c", "claude")),
            (at(other, "openai"), deployment("openai/c", "claude")),
            tokens={"app": TOKEN},
            rules=Rules("in-order"),
        )
        with Served(settings) as served:
            upstream.script.append(Respond(529))
            other.script.append(Respond(529))
            assert ask(served, authorization=LOGIN, **{"x-api-key": TOKEN}).status_code == 200
            assert len(other.requests) == 2
            assert all("sk-ant-oat" not in str(one.headers) for one in other.requests)
            ask(served, "/v1/chat/completions", authorization=LOGIN, **{"x-api-key": TOKEN})
            assert upstream.requests[-1].headers["x-api-key"] == "sk-anthropic"
            assert "authorization" not in upstream.requests[-1].headers


def test_one_persons_limit_is_not_the_deployments(upstream: Upstream) -> None:
    with Served(serving(upstream)) as served:
        facts = served.app.state.routes.router.facts["anthropic/c"]
        for status in (401, 429):  # of the latter the same login has to wait
            upstream.script.append(Respond(status, headers={"retry-after": "60"}))
            assert ask(served, authorization=LOGIN, **{"x-api-key": TOKEN}).status_code == status
            assert not facts.is_cooled(served.app.state.routes.clock())
        assert ask(served, **{"x-api-key": TOKEN}).status_code == 200
        assert ask(served, authorization=f"{LOGIN}-2", **{"x-api-key": TOKEN}).status_code == 200


@pytest.mark.parametrize(
    ("provider", "is_right"),
    [
        ({"name": "anthropic"}, True),
        ({"name": "a", "type": "anthropic", "base_url": "https://api.anthropic.com"}, True),
        ({"name": "a", "type": "anthropic", "base_url": "https://anthropic.com.evil.test"}, False),
        ({"name": "a", "type": "anthropic", "base_url": "http://api.anthropic.com"}, False),
        ({"name": "a", "type": "anthropic", "base_url": "https://proxy.test"}, False),
        ({"name": "openai"}, False),
        ({"name": "house", "base_url": "https://api.anthropic.com"}, True),
        ({"name": "house", "base_url": "http://127.0.0.1:1/v1"}, False),
    ],
)
def test_it_is_configured_for_anthropic_alone(
    tmp_path: Path, provider: dict[str, str], is_right: bool
) -> None:
    file = tmp_path / "gateway.yaml"
    told = {**provider, "pass_login": True, "api_key": "k", "models": ["m"]}
    file.write_text(json.dumps({"providers": [told]}), encoding="utf-8")
    settings, _ = files.read(file)
    if is_right:
        State(settings)
        return
    with pytest.raises(InvalidRequestError, match=r"goes to anthropic\.com alone"):
        State(settings)


def test_in_toml_too(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        '[provider.anthropic]\napi_key = "k"\npass_login = true\n[[backend]]\nmodel = "anthropic:m"\n',
        encoding="utf-8",
    )
    assert files.read(file)[0].providers["anthropic"].passes_login
