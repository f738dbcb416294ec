"""Files and batches through OpenAI's own clients: another provider's by `provider=` and by their ids, OpenAI's
own as the original has them.
"""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from pathlib import Path

import openai
import pytest

import muxi_llm
from tests.contract.test_stored import LINES
from tests.support.forms import fields_of
from tests.support.speakers.stored import VAULTS, OpenAIVault, Vault, jsonl
from tests.support.upstream import Received, Respond, Upstream

OTHERS = {"groq": "/groq", "anthropic": "", "google": "/v1beta", "mistral": "/mistral"}


class World:
    """OpenAI at one server, one other provider at another, each with a key."""

    def __init__(self, name: str, own: Upstream, other: Upstream) -> None:
        self.name = name
        self.own = own
        self.other = other
        self.vault: Vault = VAULTS[name]()
        self.vault.url = other.url
        prefix = OTHERS[name] if name in {"groq", "mistral"} else ""

        def answer(received: Received) -> Respond:
            path = received.path.removeprefix(prefix)
            return self.vault(Received(received.method, path, received.headers, received.body))

        other.respond = answer
        own.respond = OpenAIVault()


@pytest.fixture(params=sorted(OTHERS))
def world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    monkeypatch.setenv("LLMIX_STATE_DIR", str(tmp_path / "state"))
    name = request.param
    with Upstream() as own, Upstream() as other:
        monkeypatch.setenv("OPENAI_API_KEY", "sk-openai")
        monkeypatch.setenv(f"{name.upper()}_API_KEY", f"sk-{name}")
        monkeypatch.setenv(f"{name.upper()}_BASE_URL", other.url + OTHERS[name])
        yield World(name, own, other)


def test_a_life_through_the_client(world: World, tmp_path: Path) -> None:
    """Everything by the original's own methods; OpenAI's server hears nothing, and neither key is mixed up."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(jsonl(LINES))
    with muxi_llm.OpenAI(max_retries=0) as client:
        file = client.files.create(file=path, purpose="batch", provider=world.name)
        assert isinstance(file, openai.types.FileObject)
        assert file.id.startswith(f"{world.name}/")
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        assert isinstance(batch, openai.types.Batch)
        assert batch.muxi.model.startswith(world.name)
        (raw,) = world.vault.batches
        world.vault.finish(raw)
        done = client.batches.retrieve(batch.id)
        assert done.status == "completed"
        rows = [json.loads(line) for line in client.files.content(done.output_file_id).text.splitlines()]
        assert [row["custom_id"] for row in rows] == ["r-0", "r-2"]
        with client.files.with_streaming_response.content(done.error_file_id) as answer:
            answer.stream_to_file(tmp_path / "errors.jsonl")
        (error,) = (tmp_path / "errors.jsonl").read_bytes().splitlines()
        assert json.loads(error)["custom_id"] == "r-1"
        told = client.files.with_raw_response.retrieve(file.id)
        assert told.headers["content-type"] == "application/json"
        assert told.parse().id == file.id
        assert client.batches.cancel(batch.id).status == "cancelling"
        assert client.files.delete(file.id).deleted
    assert not world.own.requests
    for received in world.other.requests:
        assert "sk-openai" not in str(received.headers)


def test_the_same_on_an_event_loop(world: World, tmp_path: Path) -> None:
    async def live() -> None:
        async with muxi_llm.AsyncOpenAI(max_retries=0) as client:
            file = await client.files.create(
                file=("a.jsonl", io.BytesIO(jsonl(LINES))), purpose="batch", provider=world.name
            )
            batch = await client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
            (raw,) = world.vault.batches
            world.vault.finish(raw)
            done = await client.batches.retrieve(batch.id)
            content = await client.files.content(done.output_file_id)
            assert len(content.content.splitlines()) == 2
            async with client.files.with_streaming_response.content(done.error_file_id) as answer:
                await answer.stream_to_file(tmp_path / "errors.jsonl")
            assert (tmp_path / "errors.jsonl").read_bytes().count(b"\n") == 1
            assert (await client.files.delete(file.id)).deleted

    asyncio.run(live())
    assert not world.own.requests


def test_pages_go_on_at_the_same_provider(world: World) -> None:
    """The original's own paging asks for the next page by the last id, which names the provider."""
    with muxi_llm.OpenAI(max_retries=0).with_options(provider=world.name) as client:
        made = [client.files.create(file=(f"{n}.txt", b"x"), purpose="user_data").id for n in range(5)]
        assert [file.id for file in client.files.list(limit=2)] == made
    assert not world.own.requests


def test_what_names_openai_goes_its_own_way(world: World) -> None:
    """As the original sends it, to the server it is for."""
    heard = []
    for module in (openai, muxi_llm):
        with module.OpenAI(base_url=world.own.url, max_retries=0) as client:
            file = client.files.create(file=("in.jsonl", jsonl(LINES)), purpose="batch")
            client.files.retrieve(file.id)
            client.files.list(limit=2, purpose="batch")
            client.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
            client.files.content(file.id)
            client.files.delete(file.id)
        heard.append([(r.method, r.path.replace("file-2", "file-1")) for r in world.own.requests])
        assert fields_of(world.own.requests[0])["purpose"] == "batch"
        world.own.requests.clear()
        world.own.respond = OpenAIVault()
    assert heard[0] == heard[1]
    assert not world.other.requests


def test_a_server_of_ones_own_keeps_ids_that_look_like_ours(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody configured that provider, so the id is the server's."""
    monkeypatch.delenv(f"{world.name.upper()}_API_KEY")
    monkeypatch.delenv(f"{world.name.upper()}_BASE_URL")
    with (
        muxi_llm.OpenAI(base_url=world.own.url, max_retries=0) as client,
        pytest.raises(openai.NotFoundError),
    ):
        client.files.retrieve(f"{world.name}/abc")
    (received,) = world.own.requests
    assert received.path == f"/files/{world.name}%2Fabc"


def test_what_cannot_be_is_refused_by_name(world: World) -> None:
    """Uploads in parts, files of two providers, fallbacks: before anything is sent."""
    with muxi_llm.OpenAI(max_retries=0) as client:
        with pytest.raises(openai.BadRequestError, match="uploads: OpenAI alone"):
            client.uploads.create(
                bytes=1, filename="a", mime_type="text/plain", purpose="batch", provider=world.name
            )
        with pytest.raises(openai.BadRequestError, match="both must be of one provider") as caught:
            client.batches.create(
                input_file_id="cohere/abc",
                endpoint="/v1/chat/completions",
                completion_window="24h",
                provider=world.name,
            )
        assert caught.value.param == "provider"
        with pytest.raises(openai.BadRequestError, match="kept at one provider"):
            client.files.list(provider=world.name, fallback_models=["openai/gpt-5"])
    assert not world.own.requests
    assert not world.other.requests


def test_an_error_of_the_provider_is_openais_error(world: World) -> None:
    batch_id = f"{world.name}/{'batches/' if world.name == 'google' else ''}none"
    with (
        muxi_llm.OpenAI(max_retries=0) as client,
        pytest.raises(openai.NotFoundError, match="no such") as caught,
    ):
        client.batches.retrieve(batch_id)
    assert world.name in str(caught.value)
