"""Files and batches: every provider that has them, its whole life over loopback, in both colours."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from muxi_llm import Batch, File, errors
from tests.conftest import Driver
from tests.support.speakers.stored import VAULTS, Vault, jsonl
from tests.support.upstream import Upstream

PROVIDERS = sorted(VAULTS)
KEY = "sk-contract"


def line_of(number: int, model: str | None = "m-1", **body: Any) -> dict[str, Any]:
    named = {} if model is None else {"model": model}
    asked = {**named, "messages": [{"role": "user", "content": f"r-{number}"}], **body}
    return {"custom_id": f"r-{number}", "method": "POST", "url": "/v1/chat/completions", "body": asked}


LINES = [line_of(0), line_of(1), line_of(2)]


class Place:
    """One provider with a vault at the other end."""

    def __init__(self, name: str, driver: Driver, upstream: Upstream) -> None:
        self.name = name
        self.driver = driver
        self.upstream = upstream
        self.vault: Vault = VAULTS[name]()
        self.vault.url = upstream.url
        upstream.respond = self.vault
        self.options = {
            "api_key": None if name == "bedrock" else KEY,
            "base_url": upstream.url + ("/v1beta" if name == "google" else ""),
            "retries": 0,
        }

    def __call__(self, face: Any, verb: str, *args: Any, **params: Any) -> Any:
        """`face.verb(...)` or `await face.averb(...)`; a content comes as bytes, results as a list."""
        given = {**self.options, **params}
        if self.driver.kind == "sync":
            value = getattr(face, verb)(*args, **given)
            if verb == "content":
                return value.read()
            return list(value) if verb == "results" else value
        return asyncio.run(self._asked(face, verb, args, given))

    async def _asked(self, face: Any, verb: str, args: Any, given: Any) -> Any:
        value = await getattr(face, f"a{verb}")(*args, **given)
        if verb == "content":
            return await value.read()
        return [row async for row in value] if verb == "results" else value

    def uploaded(self, lines: Any = LINES, **params: Any) -> Any:
        """A batch's file."""
        return self(File, "create", ("in.jsonl", jsonl(lines)), "batch", provider=self.name, **params)

    def refused(self, *args: Any, **params: Any) -> errors.InvalidRequestError:
        """The error, before anything was sent."""
        before = len(self.upstream.requests)
        with pytest.raises(errors.InvalidRequestError) as caught:
            self(*args, **params)
        assert len(self.upstream.requests) == before
        return caught.value


@pytest.fixture
def place(
    request: pytest.FixtureRequest,
    driver: Driver,
    upstream: Upstream,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Place:
    monkeypatch.setenv("LLMIX_STATE_DIR", str(tmp_path / "state"))
    for name, value in VAULTS[request.param].env.items():
        monkeypatch.setenv(name, value)
    if request.param == "bedrock":
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", f"{upstream.url}/s3")
    return Place(request.param, driver, upstream)


every = pytest.mark.parametrize("place", PROVIDERS, indirect=True)


def only(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", names, indirect=True)


@every
def test_the_whole_life_of_a_batch(place: Place) -> None:
    """Upload, begin, poll, read what came of it, delete the file."""
    file = place.uploaded()
    assert file.purpose == "batch"
    assert file.muxi.model.startswith(place.name) if place.name != "anthropic" else True
    batch = place(Batch, "create", file.id, metadata={"a": "b"})
    assert (batch.object, batch.status, batch.endpoint) in {
        ("batch", "validating", "/v1/chat/completions"),
        ("batch", "in_progress", "/v1/chat/completions"),
    }
    assert batch.id.startswith(f"{place.name}/") or place.name == "openai"
    assert batch.input_file_id == file.id
    with pytest.raises(errors.InvalidRequestError, match="results are there once it is over"):
        place(Batch, "results", batch.id)
    (raw,) = place.vault.batches
    place.vault.finish(raw)
    done = place(Batch, "retrieve", batch.id)
    assert done.status == "completed"
    assert isinstance(done.created_at, int)
    assert done.completed_at
    if place.name != "together":
        assert done.request_counts.to_dict() == {"total": 3, "completed": 2, "failed": 1}
    rows = place(Batch, "results", batch.id)
    assert [row["custom_id"] for row in rows] == ["r-0", "r-2", "r-1"]
    first, _, last = rows
    assert first["response"]["status_code"] == 200
    assert first["response"]["body"]["choices"][0]["message"]["content"] == "answer to r-0"
    assert first["response"]["body"]["usage"]["total_tokens"] == 5
    assert last["error"]["message"] == "it failed"
    whole = place(File, "content", done.output_file_id)
    assert [json.loads(one)["custom_id"] for one in whole.splitlines()] == ["r-0", "r-2"]
    assert place(File, "delete", file.id).deleted is True
    assert place(File, "delete", file.id).id == file.id if place.name == "bedrock" else True


@every
def test_a_file_is_told_of_and_found_again(place: Place) -> None:
    """Retrieve, list, page after page, delete."""
    ids = [
        place(File, "create", (f"näme & {n}.txt", b"x" * n), "user_data", provider=place.name).id
        for n in range(1, 6)
    ]
    told = place(File, "retrieve", ids[2])
    assert (told.id, told.bytes, told.filename, told.object) == (ids[2], 3, "näme & 3.txt", "file")
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = place(File, "list", provider=place.name, limit=2, **after)
        seen += [file.id for file in page.data]
        if not page.has_more:
            break
        after = {"after": page.data[-1].id}
    assert sorted(seen) == sorted(ids)
    assert len(seen) == len(set(seen))
    deleted = place(File, "delete", ids[0])
    assert (deleted.id, deleted.deleted) == (ids[0], True)
    with pytest.raises(errors.NotFoundError, match="no such"):
        place(File, "retrieve", ids[0])


@every
def test_batches_are_listed_and_cancelled(place: Place) -> None:
    file = place.uploaded()
    ids = [place(Batch, "create", file.id).id for _ in range(3)]
    page = place(Batch, "list", provider=place.name, limit=2)
    assert [batch.id for batch in page.data] == ids[:2]
    assert page.has_more
    page = place(Batch, "list", provider=place.name, limit=2, after=ids[1])
    assert [batch.id for batch in page.data] == ids[2:]
    assert not page.has_more
    stopped = place(Batch, "cancel", ids[0])
    assert (stopped.id, stopped.status) == (ids[0], "cancelling")
    with pytest.raises(errors.NotFoundError, match="no such"):
        place(Batch, "retrieve", f"{ids[0]}0")
