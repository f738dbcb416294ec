"""The recorder itself, against a stand-in on loopback that says more than anybody should keep."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
import vcr.errors

import muxi_llm
from muxi_llm import ChatCompletion
from tests.live import tape
from tests.live.__main__ import main
from tests.live.scenarios import MODELS, SCENARIOS, Subject
from tests.live.test_replay import replay
from tests.support import bodies, world
from tests.support.upstream import Received, Respond, Upstream

KEY = "gsk-A1B2C3D4E5F6"
ACCOUNT = "org_01habcdefgh"


def service(received: Received) -> Respond:
    """Groq, as good as: knows one key and one model, and is talkative about whose they are."""
    if received.headers["authorization"] != f"Bearer {KEY}":
        return Respond(401, json=bodies.error(f"wrong key for {ACCOUNT}"))
    if received.method == "POST" and received.json["model"] != "llama":
        return Respond(404, json=bodies.error(f"{ACCOUNT} has no such model"))
    if received.method == "POST" and received.json.get("stream"):
        counted = bodies.chunk(usage=bodies.chat()["usage"])
        chunks = [*bodies.chat_stream("one", " two", done=False), *bodies.sse(counted)]
        return Respond(chunks=chunks, headers={"Set-Cookie": "session=1"})
    reply = world.answer(received)
    if reply.json is not None:
        reply = dataclasses.replace(reply, json={**reply.json, "echo": KEY, "organization": ACCOUNT})
    return dataclasses.replace(
        reply, headers={**reply.headers, "Set-Cookie": "session=1", "X-Organization": ACCOUNT}
    )


@pytest.fixture
def groq(monkeypatch):
    """That service, configured."""
    with Upstream(service) as upstream:
        monkeypatch.setenv("GROQ_API_KEY", KEY)
        monkeypatch.setenv("GROQ_BASE_URL", f"{upstream.url}/groq/v1")
        yield upstream


def record(folder: Path, *arguments: str) -> int:
    return main(["groq", "--folder", str(folder), *arguments])


def test_a_recording_is_kept_without_what_is_private(groq, tmp_path, capsys):
    """No key, no cookie, no account, no port: a cassette anybody may read, and twice the same."""
    assert record(tmp_path, "--model", "llama") == 0
    folder = tmp_path / "groq"
    applying = [name for name, (_, applies) in SCENARIOS.items() if applies(Subject("groq", "llama"))]
    assert sorted(path.stem for path in folder.glob("*.yaml")) == sorted(applying)
    text = "".join(path.read_text() for path in folder.iterdir()).lower()
    for private in (KEY, ACCOUNT, "cookie", "authorization", str(groq.port), "127.0.0.1"):
        assert private.lower() not in text
    assert f"wrong key for {tape.SCRUBBED}" in (folder / "wrong_key.yaml").read_text()
    assert capsys.readouterr().out.count("recorded") == len(applying)
    first = {path.name: path.read_text() for path in folder.iterdir()}
    assert record(tmp_path) == 0  # the model of last time
    assert {path.name: path.read_text() for path in folder.iterdir()} == first


@pytest.mark.filterwarnings("ignore::muxi_llm.AdaptationWarning")
def test_a_recording_replays_with_the_service_gone(groq, tmp_path, driver, monkeypatch):
    assert record(tmp_path, "--model", "llama") == 0
    groq.close()
    for cassette in sorted((tmp_path / "groq").glob("*.yaml")):
        replay(cassette, driver, monkeypatch)


def test_a_replay_notices_what_is_sent_differently(groq, tmp_path):
    """Were a parameter added, renamed or lost, the recorded request would be another."""
    assert record(tmp_path, "--model", "llama") == 0
    sent = len(groq.requests)
    messages = [{"role": "user", "content": "Say something else."}]
    with (
        tape.tape(tmp_path / "groq", "chat", "groq"),
        pytest.raises(vcr.errors.CannotOverwriteExistingCassetteException),
    ):
        ChatCompletion.create(model="groq/llama", messages=messages, retries=0)
    assert len(groq.requests) == sent


def test_a_failure_keeps_nothing(groq, tmp_path, capsys):
    """Not half a recording, and an earlier one stays as it is."""
    assert record(tmp_path, "--model", "llama") == 0
    before = sorted(tmp_path.rglob("*.yaml"))
    groq.respond = lambda received: (
        Respond(json=bodies.chat("")) if received.method == "POST" else service(received)
    )
    assert record(tmp_path) == 1
    assert "chat           AssertionError" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*.yaml")) == before


def test_who_is_asked_where_nobody_says(groq, tmp_path):
    """The one of last time, else a model that is known to be there."""
    assert record(tmp_path) == 1  # the stand-in knows but one
    assert {asked.json["model"] for asked in groq.requests if asked.method == "POST"} >= {MODELS["groq"][0]}


def test_what_a_model_cannot_do_is_skipped_by_name(groq, tmp_path):
    groq.respond = lambda received: (
        service(received) if "image_url" not in str(received.body) else Respond(400, json={})
    )
    assert record(tmp_path, "--model", "llama", "--skip", "image") == 0
    assert not (tmp_path / "groq" / "image.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "story"),
    [
        (["openrouter"], "which model? --model one of: gpt-4"),
        (["mistral", "--model", "m"], "mistral is not configured; set MISTRAL_API_KEY"),
    ],
    ids=["no model", "no key"],
)
def test_what_is_missing_is_said(groq, arguments, story, capsys, monkeypatch):
    monkeypatch.setenv("OPENROUTER_API_KEY", KEY)
    monkeypatch.setenv("OPENROUTER_BASE_URL", f"{groq.url}/v1")
    with pytest.raises(SystemExit):
        main(arguments)
    assert story in capsys.readouterr().err


@pytest.mark.parametrize("held", ["Bearer gsk-A1B2C3D4E5F6", '{"access_token": "x"}', "x-api-key: y"])
def test_a_secret_that_slips_through_is_found(tmp_path, held):
    """The last look over what was recorded, whatever scrubbing missed."""
    (tmp_path / "chat.yaml").write_text(held)
    (tmp_path / "models.yaml").write_text("clean")
    assert tape.leaks(tmp_path, [KEY]) == ["chat.yaml"]


def test_binary_answers_are_kept_as_they_are(groq, tmp_path):
    """Frames have lengths and checksums: nothing is replaced in them, so nothing private may be in them."""
    frame = b"\xff\x00" + ACCOUNT.encode()
    groq.respond = lambda received: Respond(body=frame, headers={"Content-Type": "image/png"})
    with tape.tape(tmp_path, "chat", "groq", record=True):
        assert httpx2.get(f"{groq.url}/v1").content == frame
    with tape.tape(tmp_path, "chat", "groq"):
        assert httpx2.get("https://elsewhere.test/v1").content == frame
    secret = tape.tape(tmp_path, "chat", "groq", secrets=[ACCOUNT], record=True)
    with pytest.raises(AssertionError, match="a secret in a binary answer"), secret:
        httpx2.get(f"{groq.url}/v1")


def test_facts_come_back(tmp_path):
    subject = Subject("cloudflare", "llama", "bge")
    tape.keep_facts(tmp_path, subject, "https://api.example/accounts/abcdef123/v1", ["abcdef123"])
    kept: dict[str, Any] = json.loads((tmp_path / tape.FACTS).read_text())
    assert kept["path"] == "/accounts/scrubbed/v1"
    assert tape.kept(tmp_path) == (subject, "https://cloudflare.test/accounts/scrubbed/v1")
    assert subject.kind is muxi_llm.providers.registry.find("cloudflare")
