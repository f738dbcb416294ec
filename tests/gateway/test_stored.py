"""Files and batches through the gateway: by OpenAI's client, at providers that keep some."""

from __future__ import annotations

import asyncio
import json
import tempfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx2
import openai
import pytest

from muxi_llm.errors import refusal
from muxi_llm.gateway.admission import Anybody
from muxi_llm.gateway.settings.model import Limits, Server, Settings
from muxi_llm.routing.router import Rules
from muxi_llm.stored.seals import place_of
from muxi_llm.types.admission import Grant
from tests.support import responses
from tests.support.gateway import Served, at, deployment, settings_of
from tests.support.patience import until
from tests.support.speakers.stored import VAULTS, OpenAIVault, Vault, jsonl
from tests.support.upstream import Respond, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from muxi_llm.gateway.admission import Admission
    from muxi_llm.gateway.told import Told
    from muxi_llm.types.admission import Asked, Principal

TOKENS = {"ann": "secret-ann", "ben": "secret-ben"}


def line_of(number: int, model: str = "fast") -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": f"r-{number}"}]}
    return {"custom_id": f"r-{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}


ANSWER = responses.response(responses.said(responses.text("Hi")))
LINES = jsonl([line_of(0), line_of(1), line_of(2)])


class Kept:
    """A gateway before a provider that keeps files."""

    def __init__(self, kind: str, admission: Admission | None = None, **given: Any) -> None:
        self.upstream = Upstream()
        self.vault: Vault = VAULTS[kind or "openai"]()
        self.vault.url, self.upstream.respond = self.upstream.url, self.vault
        self.served = Served(self.settings(kind, **given), admission)

    def settings(self, kind: str, **given: Any) -> Settings:
        provider = at(self.upstream, kind)
        if kind == "google":
            provider = replace(provider, base_url=f"{self.upstream.url}/v1beta")
        return settings_of((provider, deployment(f"{kind or 'own'}/m-1", "fast", "quick")), **given)

    def client(self, token: str = "") -> openai.OpenAI:
        return openai.OpenAI(api_key=TOKENS.get(token, "t"), base_url=f"{self.served.url}/v1", max_retries=0)

    def __enter__(self) -> Kept:
        self.served.__enter__()
        return self

    def __exit__(self, *exc: object) -> None:
        self.served.__exit__(*exc)
        self.upstream.close()


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is kept on this machine is kept in the test's own folder; nothing is left on the disk."""
    monkeypatch.setenv("LLMIX_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == []


@pytest.mark.parametrize("kind", ["openai", "", "anthropic", "google", "mistral"])
def test_the_whole_life_of_a_batch(kind: str) -> None:
    """Upload, begin, poll, read what came of it, delete the file: whoever does the work."""
    with Kept(kind) as kept, kept.client() as client:
        file = client.files.create(file=("in.jsonl", LINES), purpose="batch")
        assert (file.filename, file.purpose) == ("in.jsonl", "batch")
        assert place_of("file", file.id) == (kind or "own")
        batch = client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        assert batch.id.startswith("batch_mx_")
        (raw,) = kept.vault.batches
        assert raw not in batch.id
        kept.vault.finish(raw)
        done = client.batches.retrieve(batch.id)
        assert done.status == "completed"
        assert done.output_file_id is not None
        rows = client.files.content(done.output_file_id).text.splitlines()
        assert {json.loads(row)["custom_id"] for row in rows} <= {"r-0", "r-1", "r-2"}
        assert client.files.retrieve(file.id).id == file.id
        assert client.files.delete(file.id).deleted
        if kind in {"openai", "mistral", ""}:
            assert [one.id for one in client.batches.list()] == [batch.id]


def test_lines_ask_for_models_by_the_names_that_clients_know() -> None:
    with Kept("openai") as kept, kept.client() as client:
        client.files.create(file=("in.jsonl", LINES), purpose="batch")
        ((_, content, _),) = kept.vault.files.values()
        assert {row["body"]["model"] for row in kept.vault.lines(content)} == {"m-1"}
        strange = jsonl([line_of(0), line_of(1, "gpt-5-of-nobody")])
        with pytest.raises(openai.BadRequestError, match=r"line 2.*nobody.*not served by openai here"):
            client.files.create(file=("in.jsonl", strange), purpose="batch")
        with pytest.raises(openai.BadRequestError, match="line 1"):
            client.files.create(file=("in.jsonl", b"{}"), purpose="batch")
        two = jsonl([line_of(0), line_of(1, "quick")])
        with pytest.raises(openai.BadRequestError, match=r"line 2.*one model"):
            client.files.create(file=("in.jsonl", two), purpose="batch")


def test_each_operation_is_admitted_and_settled() -> None:
    """With the model that a file's lines ask for: who may not ask it may not ask it in a batch either."""
    asked, settled = [], []

    class Some(Anybody):
        async def admit(self, principal: Principal, said: Asked) -> Grant:
            asked.append((said.path, said.model))
            if said.model == "fast":
                raise refusal(403, "not that one", type="permission_error")
            return Grant()

        def settle(self, told: Told) -> None:
            settled.append((told.path, told.status))

    with Kept("openai", admission=Some()) as kept, kept.client() as client:
        with pytest.raises(openai.PermissionDeniedError, match="not that one"):
            client.files.create(file=("in.jsonl", LINES), purpose="batch")
        assert not kept.upstream.requests
        client.files.create(file=("in.txt", b"x"), purpose="user_data")
        client.batches.list()
        assert asked == [("/files", "fast"), ("/files", ""), ("/batches", "")]
        until(lambda: len(settled) == 2)
        assert settled == [("/files", 200), ("/batches", 200)]


def test_the_keys_are_the_gateways_own() -> None:
    with Kept("openai", tokens=TOKENS) as kept, kept.client("ann") as client:
        client.files.create(file=("a.txt", b"hello"), purpose="user_data")
        (asked,) = kept.upstream.requests
        assert asked.headers["authorization"] == "Bearer sk-openai"
        assert "secret-ann" not in str(asked.headers)


def test_nobody_has_anothers_files() -> None:
    """Not by an id that was heard of, nor by one that is the provider's own, nor by a list."""
    with Kept("openai", tokens=TOKENS) as kept, kept.client("ann") as ann, kept.client("ben") as ben:
        hers = ann.files.create(file=("in.jsonl", LINES), purpose="batch")
        his = ben.files.create(file=("his.jsonl", LINES), purpose="batch")
        batch = ann.batches.create(
            input_file_id=hers.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"a": "b"},
        )
        assert batch.metadata == {"a": "b"}
        raw_file, raw_batch = next(iter(kept.vault.files)), next(iter(kept.vault.batches))
        asked = len(kept.upstream.requests)
        for file_id in (hers.id, raw_file, hers.id[:-1], "file-mx-", "file-mx-" + "A" * 40):
            with pytest.raises(openai.NotFoundError, match="No such File"):
                ben.files.content(file_id)
            with pytest.raises(openai.NotFoundError):
                ben.files.delete(file_id)
            with pytest.raises(openai.NotFoundError):
                ben.batches.create(
                    input_file_id=file_id, endpoint="/v1/chat/completions", completion_window="24h"
                )
        for batch_id in (batch.id, raw_batch, hers.id):
            with pytest.raises(openai.NotFoundError, match="No such Batch"):
                ben.batches.cancel(batch_id)
        assert len(kept.upstream.requests) == asked
        assert [one.filename for one in ann.files.list()] == ["in.jsonl"]
        assert [one.id for one in ben.files.list()] == [his.id]
        assert [one.id for one in ann.batches.list()] == [batch.id]
        assert list(ben.batches.list()) == []
        assert ann.files.content(hers.id).read()


def test_a_list_of_ones_own_is_paged() -> None:
    with Kept("openai", tokens=TOKENS) as kept, kept.client("ann") as ann, kept.client("ben") as ben:
        for number in range(6):
            (ann if number % 2 else ben).files.create(file=(f"{number}.txt", b"x"), purpose="user_data")
        first = ann.files.list(limit=2)
        assert (len(first.data), first.has_more) == (2, True)
        assert len(list(first)) == 3
        for limit in ("none", "0", "-1"):
            reply = httpx2.get(
                f"{kept.served.url}/v1/files?limit={limit}", headers={"x-api-key": TOKENS["ann"]}
            )
            assert reply.status_code == 400


def test_a_list_that_cannot_be_told_apart_is_refused() -> None:
    with Kept("google", tokens=TOKENS) as kept, kept.client("ann") as ann:
        with pytest.raises(openai.BadRequestError, match="keep their ids"):
            ann.batches.list()
        ann.files.create(file=("in.jsonl", LINES), purpose="batch")
        assert [one.filename for one in ann.files.list()] == ["in.jsonl"]


def test_ids_hold_for_every_process_of_the_same_configuration() -> None:
    with Kept("openai", tokens=TOKENS) as kept, kept.client("ann") as ann:
        file = ann.files.create(file=("a.txt", b"hello"), purpose="user_data")
        other = Served(kept.settings("openai", tokens=TOKENS))
        with other, openai.OpenAI(api_key=TOKENS["ann"], base_url=f"{other.url}/v1") as again:
            assert again.files.content(file.id).read() == b"hello"
        other = Served(kept.settings("openai", tokens=TOKENS, id_secret="another"))
        with other, pytest.raises(openai.NotFoundError):
            other.openai.with_options(api_key=TOKENS["ann"]).files.retrieve(file.id)


def test_which_provider_is_said_by_name_by_a_model_or_by_being_the_only_one() -> None:
    with Upstream(OpenAIVault()) as one, Upstream(OpenAIVault()) as two:
        settings = settings_of(
            (at(one, "openai"), deployment("openai/m-1", "fast")),
            (at(two, "groq"), deployment("groq/m-2", "slow")),
            rules=Rules("in-order"),
        )
        with Served(settings) as served:
            files = served.openai.files
            with pytest.raises(openai.BadRequestError, match="several keep files here"):
                files.create(file=("a.txt", b"x"), purpose="user_data")
            with pytest.raises(openai.BadRequestError, match="there is no provider"):
                files.create(file=("a.txt", b"x"), purpose="batch", extra_body={"provider": "azure"})
            with pytest.raises(openai.NotFoundError, match="'none' does not exist here"):
                files.create(file=("a.txt", b"x"), purpose="batch", extra_body={"model": "none"})
            files.create(file=("a.txt", b"x"), purpose="user_data", extra_body={"provider": "groq"})
            files.create(file=("a.txt", b"x"), purpose="user_data", extra_body={"model": "slow"})
            files.create(file=("in.jsonl", jsonl([line_of(0, "slow")])), purpose="batch")
            assert (len(one.requests), len(two.requests)) == (0, 3)
            assert len(files.list(extra_query={"provider": "groq"}).data) == 3


def test_an_upload_goes_by_the_disk_and_is_bounded() -> None:
    """Nothing of it is left there; one beyond the limit is refused, and so is what is no upload."""
    limits = Limits(upload=9_000_000, body=1000)
    with Kept("openai", server=Server(limits=limits)) as kept, kept.client() as client:
        content = bytes(range(256)) * (8_000_000 // 256)
        file = client.files.create(
            file=("big.bin", content),
            purpose="user_data",
            expires_after={"anchor": "created_at", "seconds": 3600},
        )
        assert file.bytes == len(content)
        assert kept.vault.files[next(iter(kept.vault.files))][1] == content
        assert b'name="expires_after[seconds]"' in kept.upstream.requests[0].body
        with pytest.raises(openai.APIStatusError, match="larger than 9000000 bytes") as refused:
            client.files.create(file=("big.bin", content * 2), purpose="user_data")
        assert refused.value.status_code == 413
        with pytest.raises(openai.BadRequestError, match="no multipart form"):
            client.post("/files", body={"purpose": "batch"}, cast_to=object)
        for body in (b"", b"--x\r\n", b'--x\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbat'):
            headers = {"content-type": "multipart/form-data; boundary=x"}
            assert (
                httpx2.post(f"{kept.served.url}/v1/files", content=body, headers=headers).status_code == 400
            )
        for text in ({}, {"file": (None, b"/etc/hostname")}):  # a path is none of this machine's
            files: Any = {"purpose": (None, b"user_data"), **text}
            reply = httpx2.post(f"{kept.served.url}/v1/files", files=files)
            assert (reply.status_code, reply.json()["error"]["param"]) == (400, "file")
        coded = {**headers, "content-encoding": "gzip"}
        packed = httpx2.post(f"{kept.served.url}/v1/files", content=b"", headers=coded)
        assert packed.status_code == 415
    assert len(kept.upstream.requests) == 1


def test_a_content_that_breaks_off_is_cut() -> None:
    with Kept("openai") as kept, kept.client() as client:
        file = client.files.create(file=("a.txt", b"x"), purpose="user_data")
        kept.upstream.script.append(Respond(chunks=[b"half"], cut=True))
        with pytest.raises((httpx2.TransportError, openai.APIConnectionError)):
            client.files.content(file.id).read()
        assert client.files.content(file.id).read() == b"x"


def test_a_content_is_cut_at_the_gateways_end() -> None:
    loops: list[asyncio.AbstractEventLoop] = []

    class Some(Anybody):
        async def admit(self, principal: Principal, said: Asked) -> Grant:
            del principal, said
            loops.append(asyncio.get_running_loop())
            return Grant()

    with Kept("openai", admission=Some()) as kept, kept.client() as client:
        file = client.files.create(file=("a.txt", b"x"), purpose="user_data")
        kept.upstream.script.append(Respond(chunks=[b"half", 30.0, b"rest"]))
        with client.files.with_streaming_response.content(file.id) as content:
            pieces = content.iter_bytes()
            assert next(pieces) == b"half"
            loops[0].call_soon_threadsafe(kept.served.app.end_open)
            with pytest.raises(httpx2.TransportError):
                next(pieces)
        until(kept.upstream.closed_early.is_set)


def test_what_the_provider_says_no_to_is_told() -> None:
    with Kept("openai") as kept, kept.client() as client:
        file = client.files.create(file=("a.txt", b"x"), purpose="user_data")
        kept.vault.files.clear()
        with pytest.raises(openai.NotFoundError, match="no such thing"):
            client.files.retrieve(file.id)
        for method, path in (("PUT", "/files"), ("GET", "/files/a/b/c"), ("POST", "/batches/x")):
            assert httpx2.request(method, f"{kept.served.url}/v1{path}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "given"),
    [
        ("POST", "/batches", {"json": {"provider": []}}),
        ("POST", "/batches", {"json": {"provider": {}}}),
        ("POST", "/batches", {"json": {"limit": "9" * 5000}}),
        ("POST", "/files", {"files": [("file", ("a", b"x")), ("provider[]", (None, "openai"))]}),
        ("POST", "/files", {"files": [("file", ("a", b"x")), ("purpose[]", (None, "batch"))]}),
        ("GET", f"/files?limit={'9' * 5000}", {}),
        ("GET", f"/responses/resp_muxi_x/input_items?limit={'9' * 5000}", {}),
    ],
)
def test_what_makes_no_sense_is_refused(method: str, path: str, given: dict[str, Any]) -> None:
    with Kept("openai") as kept:
        refused = httpx2.request(method, f"{kept.served.url}/v1{path}", **given)
        assert refused.status_code in {400, 404}
        assert refused.json()["error"]["type"] == "invalid_request_error"


def test_what_is_no_argument_of_a_list_is_left_out() -> None:
    with Kept("openai") as kept:
        assert httpx2.get(f"{kept.served.url}/v1/batches?order=asc").json()["data"] == []


def test_a_file_is_named_in_a_request_for_a_model() -> None:
    """By its id at the provider, who alone is asked then; another's id stays the text that it is."""
    with (
        Kept("openai", tokens=TOKENS) as kept,
        Upstream(lambda _: Respond(json=ANSWER)) as other,
    ):
        first = at(other, "openai", "first")
        own = at(kept.upstream, "openai")
        settings = settings_of(
            (first, deployment("first/gpt-5", "m")),
            (own, deployment("openai/gpt-5", "m")),
            (first, deployment("first/gpt-4", "elsewhere")),
            tokens=TOKENS,
            rules=Rules("in-order"),
        )
        with Served(settings) as served:
            ann, ben = (served.openai.with_options(api_key=TOKENS[name]) for name in ("ann", "ben"))
            file = ann.files.create(
                file=("a.pdf", b"%PDF"), purpose="user_data", extra_body={"provider": "openai"}
            )
            (raw,) = kept.vault.files
            part: Any = {"type": "input_file", "file_id": file.id}
            asked: Any = [{"role": "user", "content": [part]}]
            kept.upstream.script.append(Respond(json=ANSWER))
            assert ann.responses.create(model="m", input=asked).output_text == "Hi"
            assert kept.upstream.requests[-1].json["input"][0]["content"][0]["file_id"] == raw
            assert not other.requests
            with pytest.raises(openai.BadRequestError, match="the files are kept by openai"):
                ann.responses.create(model="elsewhere", input=asked)
            ben.responses.create(model="elsewhere", input=asked)
            assert raw not in other.requests[0].body.decode()
