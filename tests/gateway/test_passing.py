"""Endpoints beside chat whose wire is the upstream's: what is asked and what is answered stay what they are."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from muxi_llm.gateway.settings.model import DeploymentSettings
from muxi_llm.routing.rewriting import Rewriting
from muxi_llm.routing.router import Rules
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.patience import until
from tests.support.upstream import Respond, Upstream
from tests.wire.test_form import TYPE, WAVE, form, part

if TYPE_CHECKING:
    from muxi_llm.gateway.settings.model import Settings
    from muxi_llm.gateway.told import Told

FORM = form(
    part("model", b"m"),
    part("file", WAVE, '; filename="a \\"b\\".wav"\r\nX-Odd: yes'),
    part("prompt", b"hello m"),
    part("unknown_field", b"1"),
)
JSON: dict[str, tuple[str, dict[str, Any], bytes, Any]] = {
    "/images/generations": ("openai", {"prompt": "a cat", "n": 1}, b'{"created":1,"data":[{"b64_json":"aGk="}],"odd":1}', {"images": 1}),
    "/moderations": ("openai", {"input": "hello"}, b'{"id":"1","results":[{"flagged":false}],"odd":[]}', {"requests": 1}),
    "/embeddings": ("openai", {"input": "hello"}, b'{"data":[],"odd":1,"usage":{"prompt_tokens":3}}', {"prompt_tokens": 3}),
    "/audio/speech": ("openai", {"input": "hi", "voice": "of nobody"}, WAVE, None),
    "/rerank": ("", {"query": "q", "documents": ["a"]}, b'{"results":[],"odd":1,"usage":{"total_tokens":4}}', {"total_tokens": 4}),
}  # fmt: skip


def serving(upstream: Upstream, kind: str) -> Settings:
    return settings_of((at(upstream, kind), deployment(f"{kind or 'own'}/there", "m")))


def post(served: Served, path: str, content: bytes, kind: str) -> httpx2.Response:
    headers = {"content-type": kind, "openai-beta": "x", "x-secret": "no"}
    return httpx2.post(f"{served.url}/v1{path}?q=1", content=content, headers=headers)


class Seen:
    """Keeps what a gateway's requests came to."""

    def __init__(self, served: Served) -> None:
        self.told: list[Told] = []
        served.app.metrics.ended = self.told.append  # type: ignore[method-assign]

    def one(self) -> Told:
        until(lambda: self.told)
        return self.told.pop()


@pytest.mark.parametrize("path", JSON)
def test_json_goes_and_comes_as_it_is(path: str) -> None:
    kind, asked, answer, usage = JSON[path]
    type_of_answer = "audio/odd" if path == "/audio/speech" else "application/json; odd=1"
    with Upstream() as upstream, Served(serving(upstream, kind)) as served:
        seen = Seen(served)
        upstream.script.append(Respond(body=answer, headers={"Content-Type": type_of_answer}))
        body = {"model": "m", **asked, "unknown": {"deep": [1]}}
        reply = post(served, path, json.dumps(body).encode(), "application/json")
        assert (reply.status_code, reply.content) == (200, answer)
        (sent,) = upstream.requests
        assert sent.json == {**body, "model": "there"}
        assert sent.path.endswith(f"{path}?q=1")
        assert sent.headers["authorization"] == f"Bearer sk-{kind or 'own'}"
        assert sent.headers["openai-beta"] == "x"
        assert "x-secret" not in sent.headers
        told = seen.one()
        assert told.report is not None
        assert told.report.usage == usage


@pytest.mark.parametrize(
    ("path", "answer", "kind", "usage"),
    [
        ("/audio/transcriptions", b'{"text":"hi","odd":1,"usage":{"input_tokens":2}}', "application/json", {"input_tokens": 2}),
        ("/audio/transcriptions", b'{"text":"hi","duration":2.5}', "application/json", {"seconds": 2.5}),
        ("/audio/transcriptions", b"1\n00:00:00,000 --> 00:00:01,000\nhi\n", "text/plain; charset=utf-8", None),
        ("/audio/translations", b'{"text":"hi"}', "application/json", None),
        ("/images/edits", b'{"created":1,"data":[{}],"usage":{"total_tokens":5}}', "application/json", {"total_tokens": 5}),
    ],
)  # fmt: skip
def test_forms_go_as_they_came_but_for_the_model(path: str, answer: bytes, kind: str, usage: Any) -> None:
    content = FORM.replace(b'name="file"', b'name="image"') if path == "/images/edits" else FORM
    with Upstream() as upstream, Served(serving(upstream, "openai")) as served:
        seen = Seen(served)
        upstream.script.append(Respond(body=answer, headers={"Content-Type": kind}))
        reply = post(served, path, content, TYPE)
        assert (reply.status_code, reply.content, reply.headers["content-type"]) == (200, answer, kind)
        (sent,) = upstream.requests
        assert sent.body == content.replace(b"\r\n\r\nm\r\n", b"\r\n\r\nthere\r\n")
        assert sent.headers["content-type"] == TYPE
        told = seen.one()
        assert told.report is not None
        assert told.report.usage == usage


@pytest.mark.parametrize("path", ["/audio/transcriptions", "/moderations"])
def test_errors_are_the_providers_own(path: str) -> None:
    said = b'{"error": {"message": "no such voice", "odd": {"a": 1}}, "more": 1}'
    with Upstream() as upstream, Served(serving(upstream, "openai")) as served:
        is_form = path != "/moderations"
        content = FORM if is_form else b'{"model": "m", "input": "x"}'
        kind = TYPE if is_form else "application/json"
        upstream.script.append(Respond(body=said))  # in the place of an answer
        reply = post(served, path, content, kind)
        assert reply.status_code >= 400
        assert reply.json()["error"]["message"] == "no such voice"
        for status in (400, 429):
            upstream.script.append(Respond(status, body=said, headers={"Retry-After": "7"}))
            reply = post(served, path, content, kind)
            assert (reply.status_code, reply.content) == (status, said)
        assert reply.headers["retry-after"] == "7"


def test_the_next_one_is_asked_in_its_own_words() -> None:
    """A form as it came to the first, translated to the second, who speaks another wire."""
    with Upstream(lambda _: Respond(503)) as one, Upstream() as two:
        two.script.append(Respond(json={"text": "hi"}))
        settings = settings_of(
            (at(one, "openai"), deployment("openai/a", "m")),
            (at(two, "groq"), deployment("groq/b", "m")),
            rules=Rules("in-order"),
        )
        with Served(settings) as served:
            reply = post(served, "/audio/transcriptions", FORM, TYPE)
        assert reply.json()["text"] == "hi"
        assert len(one.requests) == 1
        assert WAVE in two.requests[0].body
        assert b"\r\n\r\nb\r\n" in two.requests[0].body


def test_what_the_configuration_does_to_bodies_is_done_to_forms_too() -> None:
    with Upstream() as upstream:
        upstream.script.append(Respond(json={"text": "hi"}))
        provider = at(upstream, "openai")
        one = DeploymentSettings(deployment("openai/there", "m"), "openai", (), Rewriting(delete=("prompt",)))
        settings = settings_of((provider, one.deployment))
        with Served(type(settings)(settings.providers, (one,), retries=0)) as served:
            assert post(served, "/audio/transcriptions", FORM, TYPE).json()["text"] == "hi"
        assert b"hello m" not in upstream.requests[0].body
        assert WAVE in upstream.requests[0].body


def test_a_server_of_ones_own_hears_and_speaks() -> None:
    with Upstream() as upstream, Served(serving(upstream, "")) as served:
        upstream.script += [
            Respond(json={"text": "hi"}),
            Respond(body=WAVE, headers={"Content-Type": "audio/wav"}),
        ]
        assert post(served, "/audio/transcriptions", FORM, TYPE).json() == {"text": "hi"}
        asked = json.dumps({"model": "m", "input": "hi", "voice": "own"}).encode()
        assert post(served, "/audio/speech", asked, "application/json").content == WAVE


@pytest.mark.parametrize(
    "content", [form(part("file", WAVE, '; filename="a"')), FORM.replace(b"\r\n\r\nm\r\n", b"\r\n\r\n\r\n")]
)
def test_a_form_without_a_model_is_refused(content: bytes) -> None:
    with Upstream() as upstream, Served(serving(upstream, "openai")) as served:
        assert post(served, "/audio/transcriptions", content, TYPE).status_code == 400
    assert not upstream.requests
