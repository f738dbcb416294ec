"""Secrets are looked for in everything that comes out of a gateway: answers, errors, pages, the log, metrics, traces,
the database, its spool, the audit log. So are prompts and answers in all of it but what their caller is told.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from muxi_llm import harness
from muxi_llm.commands.governed.composed import Governed
from muxi_llm.commands.governed.prepared import prepare
from muxi_llm.gateway.settings.model import ProviderSettings, Server, Settings
from muxi_llm.gateway.tracing import Tracing
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from muxi_llm.types.governed import GovernanceSettings
from tests.support import bodies
from tests.support.gateway import Served, deployment, settings_of
from tests.support.patience import until
from tests.support.upstream import Received, Respond, Upstream

SECRETS = {
    "provider": "sk-c4n4ry-of-the-provider",
    "token": "c4n4ry-of-the-configuration",
    "webhook": "c4n4ry-of-the-webhook",
    "declared": "c4n4ry-of-a-declared-key",
}
SAID = {"prompt": "c4n4ry-asked", "answer": "c4n4ry-answered"}
PAGES = ("/ui/", "/ui/keys", "/ui/spend", "/ui/ledger", "/ui/audit", "/ui/live", "/ui/gateway", "/ui/models", "/ui/settings")  # fmt: skip


def reply(received: Received) -> Respond:
    """A provider that tells everybody what it was sent."""
    if b"fail" in received.body:
        told = f"Incorrect API key provided: {received.headers['authorization']} for {SAID['answer']}"
        return Respond(401 if b"key" in received.body else 500, json=bodies.error(told))
    if received.json.get("stream"):
        return Respond(
            chunks=bodies.chat_stream(SAID["answer"], "b"), headers={"content-type": "text/event-stream"}
        )
    return Respond(json=bodies.chat(SAID["answer"]))


def configured(folder: Path, upstream: Upstream) -> Settings:
    key = {"token_id": "declared", "key": SECRETS["declared"], "key_type": "management"}
    governance = GovernanceSettings(
        f"sqlite:///{folder}/store.db",
        str(folder / "spool"),
        default_price={"input": 1, "output": 1},
        webhook=f"http://127.0.0.1:9/{SECRETS['webhook']}",
        webhook_private=True,
        declared={"keys": [key]},
    )
    provider = ProviderSettings("one", "", SECRETS["provider"], upstream.url)
    return settings_of(
        (provider, deployment("one/m", "m")),
        governance=governance,
        tokens={"operator": SECRETS["token"]},
        server=Server(dashboard="/ui"),
    )


OURS = ("httpx2", "httpcore2.http11", "httpcore2.connection")
"""The log of the client here."""


class Outside:
    """Whoever asks, and keeps all they are told."""

    def __init__(self, url: str) -> None:
        self.http = httpx2.Client(base_url=url, timeout=60)
        self.heard: list[str] = []

    def ask(self, method: str, path: str, key: str = "", **given: Any) -> httpx2.Response:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        told = self.http.request(method, path, headers=headers, **given)
        self.heard.append(f"{method} {path} {told.status_code} {told.headers} {told.text}")
        return told

    def unheard(self) -> str:
        """What was told last is for who was told it alone."""
        return self.heard.pop()


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    yield InMemorySpanExporter()
    harness.configure()


def test_no_secret_is_in_anything_that_comes_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, exporter: InMemorySpanExporter
) -> None:
    caplog.set_level(logging.DEBUG)
    store = Store(f"sqlite:///{tmp_path}/store.db")
    migrate(store)
    secrets, said = dict(SECRETS), []
    with Upstream(reply) as upstream:
        settings = configured(tmp_path, upstream)
        prepare(settings, said.append, "http://127.0.0.1")
        with Served(settings, Governed(settings), lax=True) as served:
            provider = TracerProvider()
            provider.add_span_processor(SimpleSpanProcessor(exporter))
            served.app.tracing = Tracing(provider)
            outside = Outside(served.url)
            worked(outside, secrets)
            looked_around(outside, secrets)
            until(lambda: outside.ask("GET", "/spend/rows", SECRETS["declared"]).json()["data"])
            outside.http.close()
    out = {
        "answers": "\n".join(outside.heard),
        "log": "\n".join([*said, *(one.getMessage() for one in caplog.records if one.name not in OURS)]),
        "traces": "\n".join(span.to_json() for span in exporter.get_finished_spans()),
        **{file.name: file.read_bytes().decode("latin-1") for file in tmp_path.rglob("*") if file.is_file()},
    }
    store.close()
    assert out["traces"]
    for where, text in out.items():
        hidden = secrets if where == "answers" else secrets | SAID  # what was said is its caller's
        assert [name for name, one in hidden.items() if one in text] == [], where


def worked(outside: Outside, secrets: dict[str, str]) -> None:
    """A key is made, is used in every way, and is gone."""
    root = SECRETS["declared"]
    made = outside.ask(
        "POST", "/key/generate", root, json={"key_name": "ci", "max_budget": 5, "soft_budget": 0}
    )
    secrets["made"] = made.json()["key"]
    outside.unheard()
    for key in (secrets["made"], SECRETS["token"]):
        for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses"):
            for more in ({}, {"stream": True}):
                asked = {"model": "m", "max_tokens": 9, **more, MESSAGES[path]: saying(path, SAID["prompt"])}
                assert outside.ask("POST", path, key, json=asked).status_code == 200
                outside.unheard()
            for fault in ("fail", "fail by key"):
                asked = {"model": "m", "max_tokens": 9, MESSAGES[path]: saying(path, fault)}
                assert outside.ask("POST", path, key, json=asked).status_code >= 400
    for body in (
        {"model": "m", "messages": SAID["prompt"]},
        {"model": 5},
        {"key": secrets["made"]},
    ):
        outside.ask("POST", "/v1/chat/completions", secrets["made"], json=body)
    outside.ask("POST", "/v1/chat/completions", "sk-" + secrets["made"], json={})
    rotated = outside.ask(
        "POST", "/key/regenerate", root, json={"key": secrets["made"], "grace_period": "1h"}
    )
    secrets["rotated"] = rotated.json()["key"]
    outside.unheard()
    outside.ask("POST", "/key/block", root, json={"key": secrets["rotated"]})
    outside.ask("GET", "/v1/models", secrets["rotated"])


def looked_around(outside: Outside, secrets: dict[str, str]) -> None:
    """Every list, every page."""
    root = SECRETS["declared"]
    for path in outside.ask("GET", "/management/openapi.json").json()["paths"]:
        outside.ask("GET", path, root)
    for path in (
        "/metrics",
        "/health/ready",
        "/openapi.json",
        "/v1/models",
        "/audit/export",
        "/spend/export",
    ):
        outside.ask("GET", path, SECRETS["token"])
        outside.ask("GET", path, root)
    admin = outside.ask("POST", "/user/new", root, json={"user_id": "root", "user_role": "proxy_admin"})
    assert admin.status_code == 200
    secrets["roots"] = outside.ask("POST", "/key/generate", root, json={"user_id": "root"}).json()["key"]
    outside.unheard()
    login = outside.ask("POST", "/auth/login", json={"key": secrets["roots"]})
    outside.unheard()
    secrets["session"] = next(iter(login.cookies.values()))
    for page in PAGES:
        outside.ask("GET", page)
    for path in ("/control/config", "/control/live", "/user/me"):
        assert outside.ask("GET", path).status_code == 200


MESSAGES = {"/v1/chat/completions": "messages", "/v1/messages": "messages", "/v1/responses": "input"}


def saying(path: str, text: str) -> Any:
    return text if path == "/v1/responses" else [{"role": "user", "content": text}]
