"""What can be seen of a gateway: its log, its metrics, the ids of requests, what browsers are told."""

from __future__ import annotations

import json
import logging
import re
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from muxi_llm.gateway import lines, told
from muxi_llm.gateway.admission import ANYBODY
from muxi_llm.gateway.metrics import MODELS
from muxi_llm.gateway.settings.model import Server
from muxi_llm.routing.router import Rules
from tests.gateway.test_app import saying, serving
from tests.support import bodies
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.patience import until
from tests.support.speakers.base import Said
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator

    from muxi_llm.gateway.settings.model import Settings

SECRET = "xyzzy-prompt"
ASKED: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": SECRET}]}


class Heard(logging.Handler):
    """The log of the gateway, as the lines it would be."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.setFormatter(lines.Lines())

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [line for line in map(json.loads, self.lines) if line["message"] == "request"]

    def one(self) -> dict[str, Any]:
        until(lambda: self.requests)  # told when all is over, which may be after the client has its answer
        return self.requests[-1]


@pytest.fixture
def heard() -> Iterator[Heard]:
    handler, before = Heard(), lines.log.level
    lines.log.addHandler(handler)
    lines.log.setLevel(logging.INFO)
    yield handler
    lines.log.removeHandler(handler)
    lines.log.setLevel(before)


def post(served: Served, path: str = "/v1/chat/completions", **given: Any) -> httpx2.Response:
    headers = given.pop("headers", {})
    return httpx2.post(f"{served.url}{path}", json={**ASKED, **given}, headers=headers)


def scraped(served: Served, **headers: str) -> dict[str, float]:
    """Samples by name and labels, as they stand in the text."""
    text = httpx2.get(f"{served.url}/metrics", headers=headers).text
    found = (line.rpartition(" ") for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in found}


def of(samples: dict[str, float], name: str, **labels: str) -> float:
    """The sum of those samples that have these labels."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    return sum(
        value
        for sample, value in samples.items()
        if sample.partition("{")[0] == name and all(one in sample for one in wanted)
    )


# ------------------------------------------------------------------------------------------- log


def test_a_request_is_one_line_that_says_what_it_came_to_and_nothing_secret(heard: Heard) -> None:
    with (
        Upstream(saying("openai", Said())) as upstream,
        Served(serving(upstream, "openai", tokens={"app": "s3cret"})) as served,
    ):
        reply = post(served, headers={"authorization": "Bearer s3cret", "x-request-id": "mine-1"})
        line = heard.one()
    assert reply.headers["x-request-id"] == "mine-1"
    said = {"request_id": "mine-1", "path": "/chat/completions", "principal": "app", "model": "m"}
    said |= {"deployment": "openai/m", "answered": "openai/m", "attempts": 1, "status": 200}
    assert line.items() >= said.items()
    assert line["input_tokens"] >= 0
    assert 0 < line["own_ms"] < line["ms"]
    told_all = "".join(heard.lines)
    assert SECRET not in told_all
    assert "s3cret" not in told_all
    assert "sk-openai" not in told_all
    assert Said().text not in told_all


def test_a_stream_is_told_at_its_end_with_its_tokens(heard: Heard) -> None:
    with Upstream(saying("anthropic", Said())) as upstream, Served(serving(upstream, "anthropic")) as served:
        for path in ("/v1/messages", "/v1/chat/completions"):
            heard.lines.clear()
            post(served, path, stream=True, max_tokens=9, stream_options={"include_usage": True})
            line = heard.one()
            assert line["stream"]
            assert line["output_tokens"] > 0
            assert line["first_ms"] <= line["ms"]


def test_ids_that_cannot_be_headers_are_made_anew_and_the_providers_own_is_in_the_log(heard: Heard) -> None:
    def named(_: Received) -> Respond:
        return Respond(json=bodies.chat("hi"), headers={"x-request-id": "theirs"})

    with Upstream(named) as upstream, Served(serving(upstream, "openai")) as served:
        for given in ("", "x" * 200):
            reply = post(served, headers={"x-request-id": given})
            assert re.fullmatch("[0-9a-f]{32}", reply.headers["x-request-id"])
            until(lambda reply=reply: heard.one()["request_id"] == reply.headers["x-request-id"])
        assert heard.one()["upstream_id"] == "theirs"


def test_refusals_and_failures_are_told_too(heard: Heard) -> None:
    with Upstream(lambda _: Respond(500)) as upstream, Served(serving(upstream, "openai")) as served:
        assert post(served).status_code == 500
        assert heard.one().items() >= {"status": 500, "attempts": 1, "level": "error"}.items()
        heard.lines.clear()
        post(served, model="no such model " + "x" * 999)
        line = heard.one()
        assert (line["status"], line["error"]) == (404, "NotFoundError")
        assert len(line["model"]) == lines.LONGEST
        heard.lines.clear()
        httpx2.get(f"{served.url}/v1/nothing")
        assert heard.one()["status"] == 404
        heard.lines.clear()
        httpx2.get(f"{served.url}/health/live")  # of balancers, every second: nobody wants to read that
        assert not heard.lines


def test_a_client_that_left_is_told_and_counted_as_one_that_left(heard: Heard) -> None:
    chunks = [*bodies.chat_stream("Hel", "lo")[:2], 600.0]
    with (
        Upstream(lambda _: Respond(chunks=chunks)) as upstream,
        Served(serving(upstream, "openai")) as served,
    ):
        url = f"{served.url}/v1/chat/completions"
        with httpx2.stream("POST", url, json={**ASKED, "stream": True}) as reply:
            assert next(reply.iter_bytes())
        line = heard.one()
        samples = scraped(served)
    assert (line["status"], line["gone"], line["level"]) == (told.GONE, True, "info")
    assert of(samples, "llmux_proxy_total_requests", status_code="499") == 1
    assert of(samples, "llmux_deployment_failure_responses") == 0  # it was not its fault


def test_each_attempt_is_told_at_debug(heard: Heard) -> None:
    lines.log.setLevel(logging.DEBUG)
    with (
        Upstream(lambda _: Respond(429)) as broken,
        Upstream(saying("openai", Said())) as sound,
        Served(two(broken, sound)) as served,
    ):
        post(served)
        tries = heard.one()["tries"]
    assert [(one["deployment"], one["status"], one["cooled"]) for one in tries] == [
        ("openai/a", 429, True),
        ("openai/b", None, False),
    ]


def two(broken: Upstream, sound: Upstream) -> Settings:
    return settings_of(
        (at(broken, "openai", "openai"), deployment("openai/a", "m")),
        (at(sound, "", "own"), deployment("openai/b", "m", model="own/b")),
        rules=Rules("in-order"),
    )


# --------------------------------------------------------------------------------------- metrics


def test_metrics_count_requests_attempts_tokens_and_our_own_time() -> None:
    with (
        Upstream(lambda _: Respond(429)) as broken,
        Upstream(saying("openai", Said())) as sound,
        Served(two(broken, sound)) as served,
    ):
        post(served)
        post(served, stream=True, stream_options={"include_usage": True})
        until(lambda: of(scraped(served), "llmux_proxy_total_requests") == 2)
        samples = scraped(served)
        text = httpx2.get(f"{served.url}/metrics").text
    where = {"model": "own/b", "model_group": "m", "api_provider": "own"}
    assert of(samples, "llmux_proxy_total_requests", **where, status_code="200") == 2
    assert of(samples, "llmux_deployment_failure_responses", deployment_id="openai/a") == 1
    assert of(samples, "llmux_deployment_cooled_down", deployment_id="openai/a") == 1
    assert of(samples, "llmux_deployment_state", deployment_id="openai/a") == 1
    assert of(samples, "llmux_deployment_success_responses", deployment_id="openai/b") == 2
    assert of(samples, "llmux_fallback_successful", model_group="m") == 1
    assert of(samples, "llmux_active_requests") == 0
    assert of(samples, "llmux_time_to_first_token_seconds_count", **where) == 1
    assert of(samples, "llmux_overhead_latency_seconds_count", route="/chat/completions") == 2
    assert of(samples, "llmux_output_tokens", **where) > 0
    assert of(samples, "gen_ai_client_token_usage_count", gen_ai_token_type="output") == 2
    assert of(samples, "gen_ai_client_operation_duration_seconds_count", gen_ai_operation_name="chat") == 2
    assert "# TYPE llmux_proxy_total_requests counter" in text
    assert "# TYPE llmux_active_requests gauge" in text
    assert "_created" not in text


def test_failures_are_counted_by_what_they_would_have_been() -> None:
    cut = Respond(
        chunks=bodies.chat_stream("Hel", "lo")[:2], cut=True, headers={"content-type": "text/event-stream"}
    )
    with Upstream(lambda _: cut) as upstream, Served(serving(upstream, "openai")) as served:
        assert post(served, stream=True).status_code == 200  # said before it broke
        post(served, model="nobody")
        until(lambda: of(scraped(served), "llmux_proxy_failed_requests") == 2)
        samples = scraped(served)
    assert of(samples, "llmux_proxy_failed_requests", status_code="502") == 1
    assert of(samples, "llmux_proxy_failed_requests", status_code="404", model_group="other") == 1


def test_names_that_strangers_choose_make_no_series() -> None:
    with Upstream(saying("openai", Said())) as upstream:
        wild = settings_of((at(upstream, "openai"), deployment("any", "*", model="openai/*")))
        with Served(wild) as served:
            metrics = served.app.metrics
            metrics._met.update(f"met-{number}" for number in range(MODELS - 1))
            for name in ("alpha", "beta", "gamma"):
                post(served, model=name)
                httpx2.get(f"{served.url}/v1/{name}")
            until(lambda: of(scraped(served), "llmux_proxy_total_requests") == 3)
            samples = scraped(served)
    assert of(samples, "llmux_proxy_total_requests", model_group="other") >= 2
    assert "beta" not in "".join(samples)
    assert 'route="other"' in "".join(samples)


def test_metrics_are_for_those_who_may_unless_it_is_said_otherwise() -> None:
    with Upstream(saying("openai", Said())) as upstream:
        for given, status in (({}, 401), ({"metrics_open": True}, 200), ({"metrics": ""}, 404)):
            settings = serving(upstream, "openai", tokens={"app": "s3cret"}, **given)
            with Served(settings) as served:
                bearer = {"authorization": "Bearer s3cret"} if status == 404 else {}
                assert httpx2.get(f"{served.url}/metrics", headers=bearer).status_code == status
                if status == 401:
                    assert scraped(served, authorization="Bearer s3cret")


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (None, (None, None)),
        ({"prompt_tokens": 3, "completion_tokens": 2}, (3, 2)),
        ({"input_tokens": 3, "cache_read_input_tokens": 4, "output_tokens": 2}, (7, 2)),
        ({"promptTokenCount": 3, "candidatesTokenCount": 1, "thoughtsTokenCount": 4}, (3, 5)),
        ({"prompt_tokens": "3", "completion_tokens": -1}, (None, None)),
    ],
)
def test_tokens_are_read_in_every_providers_words(usage: Any, tokens: Any) -> None:
    class Reported:
        def __init__(self) -> None:
            self.usage = usage

    one = told.Told("/", ANYBODY)
    one.report = Reported()  # type: ignore[assignment]
    assert one.tokens == tokens


# -------------------------------------------------------------------------------------- browsers

PAGE = {"origin": "https://app.test"}
ASKS = {**PAGE, "access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}


def test_pages_of_the_configured_origins_may_ask_and_no_others() -> None:
    server = Server(origins=("https://app.test",))
    with Upstream(saying("openai", Said())) as upstream:
        with Served(serving(upstream, "openai", server=server, tokens={"a": "s3cret"})) as served:
            url = f"{served.url}/v1/chat/completions"
            before = httpx2.request("OPTIONS", url, headers=ASKS)  # a browser sends no token with it
            assert before.status_code == 204
            assert before.headers["access-control-allow-origin"] == "https://app.test"
            assert before.headers["access-control-allow-headers"] == "x-api-key"
            reply = post(served, headers={**PAGE, "x-api-key": "s3cret"})
            assert reply.headers["access-control-allow-origin"] == "https://app.test"
            assert "access-control-allow-credentials" not in reply.headers
            assert "access-control-allow-origin" in post(served, headers=PAGE).headers  # 401, to be read too
            other = httpx2.request("OPTIONS", url, headers={**ASKS, "origin": "https://evil.test"})
            assert "access-control-allow-origin" not in other.headers
            assert other.headers["vary"] == "origin"
        with Served(serving(upstream, "openai")) as served:
            assert (
                httpx2.request("OPTIONS", f"{served.url}/v1/chat/completions", headers=ASKS).status_code
                == 405
            )
            assert "access-control-allow-origin" not in post(served, headers=PAGE).headers
        with Served(serving(upstream, "openai", server=Server(origins=("*",)))) as served:
            assert post(served, headers=PAGE).headers["access-control-allow-origin"] == PAGE["origin"]
