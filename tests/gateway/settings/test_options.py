"""Every option of both dialects does what its document says: a gateway by its file, servers behind it."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from muxi_llm.commands.llmux import llmux
from muxi_llm.gateway.serve import options_of, settings_of
from muxi_llm.gateway.settings.model import Backoff
from tests.support import bodies
from tests.support.gateway import Served
from tests.support.patience import until
from tests.support.serving import Serving
from tests.support.upstream import Received, Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HELLO: Any = [{"role": "user", "content": "Hello"}]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
LOOK: Any = [{"role": "user", "content": [{"type": "text", "text": "What is it?"}, PICTURE]}]
LONG: Any = [{"role": "user", "content": "word " * 3000}]


class Room:
    """A folder, a server, and a gateway by a file that names it."""

    def __init__(self, folder: Path, upstream: Upstream) -> None:
        self.folder = folder
        self.upstream = upstream

    def file(self, name: str, content: str) -> Path:
        """A file; `URL` in it is the server's."""
        file = self.folder / name
        file.write_text(content.replace("URL", self.upstream.url), encoding="utf-8")
        return file

    def toml(self, *backends: str, top: str = "") -> Served:
        """Backends of one provider, each as the lines below its `model`; models are called a, b, ..."""
        top = f'windows_file = "{self.folder}/windows"\n{top}'
        told = [
            f'[[backend]]\nmodel = "house:{name}"\n{more}'
            for name, more in zip("abc", backends, strict=False)
        ]
        provider = '[provider.house]\nbase_url = "URL"\napi_key = "sk-house"'
        return Served(settings_of(str(self.file("c.toml", "\n".join([top, provider, *told]))), {}))

    def yaml(self, more: str = "", models: str = "[a]") -> Served:
        """The models of one provider."""
        provider = f"providers: [{{name: house, base_url: URL, models: {models}}}]"
        return Served(settings_of(str(self.file("c.yaml", f"{provider}\n{more}\n")), {}))

    def asked(self) -> list[str]:
        """The models that were asked."""
        return [one.json["model"] for one in self.upstream.requests]


def said(_: Received) -> Respond:
    return Respond(json=bodies.chat("Hi"))


def ask(served: Served, *, status: int = 200, **asked: Any) -> httpx2.Response:
    asked = {"model": "m", "messages": HELLO, **asked}
    reply = httpx2.post(f"{served.url}/v1/chat/completions", json=asked, timeout=60)
    assert reply.status_code == status, reply.text
    return reply


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with Upstream(said) as upstream:
        yield Room(tmp_path, upstream)


# ----------------------------------------------------------------------------------------------- TOML


@pytest.mark.parametrize(
    ("first", "second", "asked"),
    [
        ("context = 500", "context = 8000", {"messages": LONG}),
        ("", "vision = true", {"messages": LOOK}),
        ("vision = false", "vision = true", {"messages": LOOK}),
        ("", "thinking = true", {"reasoning_effort": "high"}),
        ('model_match = ["*opus*", "*o1*"]', "", {"model": "gpt-x"}),
    ],
)
def test_the_first_backend_that_can_is_asked(room: Room, first: str, second: str, asked: Any) -> None:
    with room.toml(first, second) as served:
        ask(served, **({"model": "x-O1-y"} | asked))
        assert room.asked() == ["b"]
        ask(served, model="x-O1-y")
    assert room.asked() == ["b", "a"]


@pytest.mark.parametrize("window", ["max_per_day", "max_per_hour", "max_per_5hours"])
def test_a_windows_limit_sends_the_rest_elsewhere(room: Room, window: str) -> None:
    with room.toml(f"{window} = 1", f"{window} = 1") as served:
        ask(served)
        ask(served)
        refused = ask(served, status=429)
    assert room.asked() == ["a", "b"]
    assert int(refused.headers["retry-after"]) > 60


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        ('key_rename = { max_tokens = "max_completion_tokens" }', {"max_completion_tokens": 9, "user": "u"}),
        ('key_delete = "user"', {"max_tokens": 9}),
        ('key_delete = ["user", "max_tokens"]', {}),
        ("key_add = { seed = 1, max_tokens = 5 }", {"max_tokens": 9, "user": "u", "seed": 1}),
    ],
)
def test_keys_are_renamed_deleted_and_added(room: Room, options: str, changed: dict[str, Any]) -> None:
    with room.toml(options) as served:
        ask(served, max_tokens=9, user="u")
    assert room.upstream.requests[0].json == {"model": "a", "messages": HELLO, **changed}
    assert room.upstream.requests[0].headers["authorization"] == "Bearer sk-house"


@pytest.mark.parametrize(
    ("top", "tokens"),
    [
        ("max_tokens_limit = 100", 100),
        ("max_tokens_limit = 9000", 200),
        ('max_tokens_limit = "request"', 200),
        ('max_tokens_limit = "ignore"', 200),
        ("min_tokens_limit = 1000", 1000),
    ],
)
def test_answers_are_asked_to_be_as_long_as_they_may(room: Room, top: str, tokens: int) -> None:
    with room.toml("", top=top) as served:
        for name in ("max_tokens", "max_completion_tokens"):
            ask(served, **{name: 200})
        ask(served)
    assert [{**one.json, "model": 0, "messages": 0} for one in room.upstream.requests] == [
        {"model": 0, "messages": 0, "max_tokens": tokens},
        {"model": 0, "messages": 0, "max_completion_tokens": tokens},
        {"model": 0, "messages": 0},
    ]


@pytest.mark.parametrize(
    ("top", "asked"), [("max_retries = 2", "aaab"), ("max_retries = 0", "ab"), ("", "ab")]
)
def test_each_backend_is_tried_so_often(room: Room, top: str, asked: str) -> None:
    """Where nothing is said the next one is asked at once."""
    room.upstream.script += [Respond(500, headers={"retry-after": "0"})] * (len(asked) - 1)
    with room.toml("", "", top=top) as served:
        ask(served)
    assert room.asked() == list(asked)


def test_an_attempt_has_so_long(room: Room) -> None:
    room.upstream.script.append(Respond(delay=600.0))
    with room.toml("", "", top="request_timeout = 1") as served:
        ask(served)
    assert room.asked() == ["a", "b"]


def test_a_backend_that_failed_is_left_alone(room: Room) -> None:
    room.upstream.script.append(Respond(429))
    with room.toml("", "", top="cooldown = 600") as served:
        ask(served)
        ask(served)
    assert room.asked() == ["a", "b", "b"]


def test_what_means_nothing_in_toml_is_told(room: Room) -> None:
    with room.toml("weight = 3", top='ssl_ca_file = "ca.pem"\nlog = { request_details = true }') as served:
        notes = served.app.state.settings.notes
    assert [note.partition(": means nothing here: ")[0] for note in notes] == [
        "backend[0].weight",
        "ssl_ca_file",
        "log.request_details",
    ]


# ----------------------------------------------------------------------------------------------- YAML

TWO = "[{name: m, model: a}, {name: m, model: b}]"


@pytest.mark.parametrize(
    ("routing", "asked"),
    [
        ("retry_count: 2", "aaab"),
        ("retry_count: 0", "ab"),
        ("fallback_enabled: true", "ab"),
    ],
)
def test_a_deployment_is_tried_so_often_before_another(room: Room, routing: str, asked: str) -> None:
    room.upstream.script += [Respond(500, headers={"retry-after": "0"})] * (len(asked) - 1)
    with room.yaml(f"routing: {{strategy: in-order, {routing}}}", TWO) as served:
        ask(served)
    assert room.asked() == list(asked)


def test_without_fallbacks_there_is_no_second_deployment(room: Room) -> None:
    room.upstream.script += [Respond(500, headers={"retry-after": "0"})] * 2
    with room.yaml("routing: {strategy: in-order, fallback_enabled: false, retry_count: 1}", TWO) as served:
        ask(served, status=500)
        told = httpx2.post(f"{served.url}/control/explain", json={"model": "m", "messages": HELLO}).json()
    assert room.asked() == ["a", "a"]
    assert [one["deployment"] for one in told["chosen"]] == ["house/m"]
    assert [one["why"] for one in told["refused"]] == ["nothing falls back here"]


def test_retries_wait_as_long_as_is_said(room: Room) -> None:
    room.upstream.script += [Respond(500)] * 2
    options = "retry_count: 2, retry_backoff: 1ms, retry_max_backoff: 1ms, retry_jitter: 0"
    with room.yaml(f"routing: {{{options}}}") as served:
        assert served.app.state.settings.backoff == Backoff(0.001, 0.001, 0.0)
        raw = ask(served, model="a")
    assert raw.headers["x-muxi-attempts"] == "3"


@pytest.mark.parametrize(
    ("number", "least", "most"), [(1, 0.08, 0.12), (2, 0.16, 0.24), (3, 0.32, 0.48), (9, 4, 6), (10**6, 4, 6)]
)
def test_a_pause_doubles_up_to_its_most(number: int, least: float, most: float) -> None:
    pauses = [Backoff()(number) for _ in range(100)]
    assert min(pauses) >= least
    assert max(pauses) <= most
    assert len(set(pauses)) > 1


@pytest.mark.parametrize(
    "strategy", ["round-robin", "least-busy", "lowest-cost", "lowest-latency", "lowest-tpm-rpm"]
)
def test_a_strategy_chooses(room: Room, strategy: str) -> None:
    """What each does is in the tests of the router."""
    models = "[{name: m, model: a, price: {input: 2.0e-6, output: 2.0e-6}}, {name: m, model: b, price: {input: 1.0e-6, output: 1.0e-6}}]"
    with room.yaml(f"routing: {{strategy: {strategy}}}", models) as served:
        for _ in range(4):
            ask(served)
        assert served.app.state.settings.rules.strategy == strategy
    assert len(room.asked()) == 4
    if strategy == "lowest-cost":
        assert room.asked() == ["b"] * 4
    elif strategy in {"round-robin", "lowest-tpm-rpm"}:
        assert sorted(room.asked()) == ["a", "a", "b", "b"]


@pytest.mark.parametrize("share", ["weight", "rpm", "tpm"])
def test_shuffling_is_by_shares(room: Room, share: str) -> None:
    models = f"[{{name: m, model: a, {share}: 1000000}}, {{name: m, model: b, {share}: {0 if share == 'weight' else 1}}}]"
    with room.yaml("routing: {strategy: simple-shuffle}", models) as served:
        for _ in range(4):
            ask(served)
    assert room.asked() == ["a"] * 4


def test_metrics_are_where_they_are_said_to_be(room: Room) -> None:
    with room.yaml("metrics: {enabled: true, path: /told, auth: false}") as served:
        assert httpx2.get(f"{served.url}/told").text.count("llmux_")
        assert httpx2.get(f"{served.url}/metrics").status_code == 404
    with room.yaml("metrics: {enabled: false}") as served:
        assert httpx2.get(f"{served.url}/metrics").status_code == 404


def test_a_body_has_so_long_to_come_and_a_connection_to_be_idle(room: Room) -> None:
    with room.yaml("server: {read_timeout: 300ms, idle_timeout: 7s}") as served:
        host, port = served.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\n{")
            told = connection.recv(65536)
        assert told.startswith(b"HTTP/1.1 408 ")
        ask(served, model="a")
        assert options_of(served.app.state.settings)["timeout_keep_alive"] == 7
    assert room.asked() == ["a"]


@pytest.mark.parametrize("mode", ["standalone", "development"])
def test_modes_of_one_machine_are_served(room: Room, mode: str) -> None:
    with room.yaml(f"deployment: {{mode: {mode}}}") as served:
        ask(served, model="a")
        assert [one["id"] for one in httpx2.get(f"{served.url}/v1/models").json()["data"]] == ["a"]
        assert httpx2.get(f"{served.url}/health/live").status_code == 200
        assert httpx2.get(f"{served.url}/health/ready").status_code == 200


@pytest.mark.parametrize(
    ("option", "note"),
    [
        (
            "server: {write_timeout: 120s}",
            "server.write_timeout: means nothing here: an answer takes as long",
        ),
        ("rate_limit: {enabled: true}", "rate_limit: means nothing here: a deployment has its own rpm"),
        ("rate_limit: {enabled: false}", ""),
        ("tracing: {endpoint: 'x:1'}", "tracing.endpoint: means nothing here: the process"),
        ("cors: {data_origins: {}}", "cors: means nothing here: server.cors_origins"),
    ],
)
def test_what_means_nothing_in_yaml_is_told(room: Room, option: str, note: str) -> None:
    with room.yaml(option) as served:
        notes = "\n".join(served.app.state.settings.notes)
    assert note in notes
    assert bool(note) == bool(notes)


# ------------------------------------------------------------------------------------------- commands


def test_the_log_has_its_level_and_notes_are_told_at_the_start(room: Room) -> None:
    file = room.file(
        "c.yaml",
        "providers: [{name: house, base_url: URL, models: [a]}]\nlogging: {level: debug}\ncache: {}\nmcp: {x: 1}",
    )
    with Serving(file) as served:
        reply = httpx2.post(f"{served.url}/v1/chat/completions", json={"model": "a", "messages": HELLO})
        assert reply.status_code == 200
        until(lambda: '"attempt' in "".join(served.said))
    assert "note: mcp: means nothing here: tools are the client's" in "".join(served.said)
    assert "note: cache" not in "".join(served.said)


@pytest.mark.parametrize(
    ("arguments", "file"),
    [
        (["start"], "config.toml"),
        (["start", "--config", "mine.toml", "--port", "1", "--verbose"], "mine.toml"),
        (["--config=mine.yaml"], "mine.yaml"),
    ],
)
def test_the_command_of_those_before_it(
    arguments: list[str],
    file: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert llmux(arguments) == 2
    assert f"{file}: cannot be read" in capsys.readouterr().err
