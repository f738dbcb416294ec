"""What files and batches refuse before anything is sent, what they lose and tell, and how they fail."""

from __future__ import annotations

import asyncio
import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from muxi_llm import AdaptationWarning, Batch, File, errors
from muxi_llm.stored.lines import ranges
from tests.contract.test_stored import LINES, Place, every, line_of, only, place
from tests.support.length import long
from tests.support.patience import in_time
from tests.support.speakers.stored import jsonl
from tests.support.upstream import Received, Respond

__all__ = ["place"]

BAD_LINES = {
    "no json": (b'{"custom_id": "a"', "file, line 2: no JSON, at column 18"),
    "a list": (b"[]", "file, line 2: it must be an object"),
    "no id": ({"body": {}}, "file, line 2: custom_id must be a string"),
    "an id of before": (line_of(0), "file, line 2: its custom_id is that of a line before"),
    "no body": ({"custom_id": "a"}, "file, line 2: body must be an object"),
    "a GET": ({**line_of(9), "method": "GET"}, "file, line 2: method must be POST"),
    "another url": ({**line_of(9), "url": "/v1/responses2"}, "file, line 2: url: .* batches ask /v1/chat"),
    "a stream": (line_of(9, stream=True), "file, line 2: body.stream: a batch does not stream"),
    "no model": (line_of(9, model=None), "file, line 2: body.model is missing"),
    "no messages": (
        {**line_of(9), "body": {"model": "m-1", "messages": []}},
        "file, line 2: messages is empty",
    ),
    "another's model": (line_of(9, model="cohere/command"), "file, line 2: body.model is of cohere"),
}


@only("anthropic", "google", "groq", "vertex")
@pytest.mark.parametrize("bad", BAD_LINES)
def test_a_bad_line_is_told_by_its_number(place: Place, bad: str) -> None:
    line, said = BAD_LINES[bad]
    content = jsonl([line_of(0)]) + (line if isinstance(line, bytes) else jsonl([line]))
    error = place.refused(File, "create", ("in.jsonl", content), "batch", provider=place.name)
    assert error.param == "file"
    with pytest.raises(errors.InvalidRequestError, match=said):
        raise error


@every
def test_no_file_and_no_word_for_it(place: Place, tmp_path: Path) -> None:
    """Nothing, nothing in it, nothing there, a word that is none."""
    for bad, said in (
        (None, "file must be"),
        (b"", "file is empty"),
        (tmp_path / "none.jsonl", "file cannot be read"),
        (tmp_path, "file is a directory"),
        (io.StringIO("x"), "file was opened as text"),
    ):
        error = place.refused(File, "create", bad, "user_data", provider=place.name)
        assert (error.param, said in error.message) == ("file", True), error
    assert place.refused(File, "create", b"\n\n", "batch", provider=place.name).message.startswith(
        "file has no"
    )
    assert place.refused(File, "create", b"x", "", provider=place.name).param == "purpose"


@every
def test_ids_that_are_none(place: Place) -> None:
    for bad in (None, 3, "", " ", f"{place.name}/", f"{place.name}/..", f"{place.name}/a/../b", ".."):
        assert place.refused(File, "retrieve", bad).param == "file_id"
        assert place.refused(Batch, "cancel", bad).param == "batch_id"
    assert "there is no provider 'nobody'" in place.refused(File, "content", "nobody/abc").message
    other = "groq" if place.name != "groq" else "mistral"
    error = place.refused(Batch, "create", f"{place.name}/abc", provider=other)
    assert "both must be of one provider" in error.message
    error = place.refused(Batch, "create", f"{place.name}/abc#m", endpoint="/v1/nothing", provider=place.name)
    assert error.param == "endpoint"
    assert "ask /v1/chat/completions" in error.message
    error = place.refused(File, "list", provider=place.name, fallback_models=["openai/gpt-5"])
    assert error.param == "fallback_models"
    assert place.refused(File, "list", provider=place.name, limit=0).param == "limit"
    with pytest.raises(TypeError, match=r"retrieve\(\) got an unexpected keyword argument 'files_id'"):
        place(File, "retrieve", "abc", files_id=1)


def test_who_has_no_batches_says_who_has() -> None:
    with pytest.raises(
        errors.InvalidRequestError, match="cerebras has no batches; those who have: anthropic, "
    ):
        File.create(("a", b"x"), "batch", provider="cerebras", api_key="k")
    with pytest.raises(errors.InvalidRequestError, match=r"cerebras has no file\.list endpoint"):
        File.list(provider="cerebras", api_key="k")
    with pytest.raises(errors.InvalidRequestError, match="there is no provider 'grok'"):
        File.list(provider="grok")


@only("google", "vertex", "bedrock")
def test_a_batch_of_one_model_must_know_it(place: Place) -> None:
    """By the file's id, which says it, or by `model`."""
    lines = [line_of(0), line_of(1, model="m-2")]
    error = place.refused(File, "create", ("a", jsonl(lines)), "batch", provider=place.name)
    assert "is of one model" in error.message
    file = place.uploaded([line_of(0, model=None)], model=f"{place.name}/m-7")
    assert file.id.endswith("#m-7")
    bare = file.id.partition("#")[0]
    assert place.refused(Batch, "create", bare).param == "model"
    batch = place(Batch, "create", bare, model=f"{place.name}/m-7")
    assert batch.model == "m-7"
    assert place(File, "retrieve", file.id).id == file.id


@only("anthropic", "google", "bedrock", "mistral")
def test_what_a_line_loses_is_told_by_its_number(place: Place) -> None:
    """As a call of its own would tell it, and once for all lines of a kind; strict mode refuses."""
    lines = [line_of(n, **({"logit_bias": {"5": 1}} if n != 3 else {})) for n in range(6)]
    with pytest.warns(AdaptationWarning) if place.name != "anthropic" else _nothing():
        file = place.uploaded(lines)
    if place.name != "anthropic":  # whose lines go with the batch
        told = [a.param for a in file.muxi.adaptations if a.loss]
    else:
        with pytest.warns(AdaptationWarning):
            batch = place(Batch, "create", file.id)
        told = [a.param for a in batch.muxi.adaptations if a.loss]
    assert told == ["file[1-3, 5-6].logit_bias"]
    error = place.refused(File, "create", ("a", jsonl(lines)), "batch", provider=place.name, adapt="strict")
    assert isinstance(error, errors.UnsupportedParameterError)
    assert "line 1: " in error.message


class _nothing:  # noqa: N801 - a context, like the one it stands for
    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


def test_lines_as_people_write_them() -> None:
    assert ranges([1, 2, 3, 7]) == "1-3, 7"
    assert ranges(list(range(1, 100, 2))) == "50 lines from 1 to 99"


@only("groq", "mistral", "anthropic")
def test_lines_are_what_the_provider_takes(place: Place) -> None:
    """Renamed and translated as calls are; the provider's name before a model is none of the model's."""
    lines = [line_of(0, model=f"{place.name}/m-1", max_completion_tokens=5, seed=3)]
    lines[0].pop("url")
    file = place.uploaded(b"".join([b"\xef\xbb\xbf", jsonl(lines), b"\n"]) and lines)
    if place.name == "anthropic":
        place(Batch, "create", file.id)
        (asked,) = place.vault.made["requests"]
        assert asked["params"]["max_tokens"] == 5
        assert asked["params"]["messages"][0]["content"] == [{"type": "text", "text": "r-0"}]
    else:
        (line,) = place.vault.lines(next(iter(place.vault.files.values()))[1])
        assert line["body"]["model"] == "m-1"
        assert line["body"].get("random_seed" if place.name == "mistral" else "seed") == 3
        assert ("url" in line) == (place.name == "groq")


@only("anthropic")
def test_files_that_are_kept_here(place: Place) -> None:
    """Anthropic gives no file back, so its batches' are on this machine, as they were given."""
    content = jsonl(LINES)
    file = place.uploaded()
    assert not place.upstream.requests
    assert (file.filename, file.bytes, file.purpose) == ("in.jsonl", len(content), "batch")
    assert place(File, "retrieve", file.id).bytes == len(content)
    assert place(File, "content", file.id) == content
    other = place.uploaded([line_of(7)])
    listed = place(File, "list", provider="anthropic", purpose="batch")
    assert {one.id for one in listed.data} == {file.id, other.id}
    page = place(File, "list", provider="anthropic", purpose="batch", limit=1)
    assert page.has_more
    rest = place(File, "list", provider="anthropic", purpose="batch", after=page.data[0].id)
    assert len(rest.data) == 1
    assert place(File, "delete", file.id).deleted
    with pytest.raises(errors.NotFoundError, match="No such File object"):
        place(File, "content", file.id)
    with pytest.raises(errors.NotFoundError, match="No such File object"):
        place(Batch, "create", file.id)
    assert not place.upstream.requests
    lines = [{**line_of(0), "custom_id": "an id with spaces"}]
    error = place.refused(File, "create", ("a", jsonl(lines)), "batch", provider="anthropic")
    assert "1 to 64 letters, digits, - and _" in error.message


@only("vertex", "bedrock")
def test_what_must_be_set_is_said(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket for files, a role for Bedrock's jobs."""
    file = place.uploaded()
    if place.name == "bedrock":
        monkeypatch.delenv("AWS_BATCH_ROLE_ARN")
        assert "AWS_BATCH_ROLE_ARN" in place.refused(Batch, "create", file.id).message
        monkeypatch.delenv("AWS_S3_BUCKET_NAME")
    else:
        monkeypatch.delenv("VERTEXAI_BUCKET")
    error = place.refused(File, "create", ("a", b"x"), "user_data", provider=place.name)
    assert f"muxi_llm.{place.name}_bucket" in error.message
    assert "must be like" in place.refused(File, "retrieve", f"{place.name}/abc").message


@every
def test_errors_are_openais(place: Place) -> None:
    """Each status its class, retried where it may be better the next time."""
    kinds = {401: errors.AuthenticationError, 429: errors.RateLimitError, 500: errors.InternalServerError}
    for status, kind in kinds.items():
        place.upstream.script = [Respond(status, json={"error": {"message": "no"}})]
        with pytest.raises(kind):
            place(File, "list", provider=place.name)
    place.upstream.script = [Respond(503, json={"error": {"message": "later"}})]
    assert place(File, "list", provider=place.name, retries=1).data == []
    for bad in (b"no json", b"[1]", b'"x"', b"{}"):
        place.upstream.script = [Respond(body=bad)] * 3
        with pytest.raises(errors.MuxiLLMError):
            place(Batch, "retrieve", f"{place.name}/abc/1" if place.name == "google" else f"{place.name}/abc")


@only("anthropic", "google", "vertex", "bedrock")
def test_results_that_make_no_sense(place: Place) -> None:
    """What is wrong with one answer is that row's error; what is no row at all is the file's."""
    file = place.uploaded()
    batch = place(Batch, "create", file.id)
    (raw,) = place.vault.batches
    place.vault.finish(raw)
    whole: Any = place.vault.__call__

    def spoilt(received: Received) -> Respond:
        reply = whole(received)
        if reply.body.startswith(b'{"') and b"answer to r-0" in reply.body:
            return Respond(body=b"no json\n" + reply.body)
        return reply

    place.upstream.respond = spoilt
    with pytest.raises(errors.MalformedReplyError, match="a row of the results makes no sense"):
        place(Batch, "results", batch.id)


@only("openai", "groq")
@pytest.mark.parametrize("line", [b"no json", b"[1]"])
def test_a_row_of_results_that_is_none(place: Place, line: bytes) -> None:
    """Told by an error of OpenAI's, also where rows are handed on as they come."""
    batch = place(Batch, "create", place.uploaded().id)
    (raw,) = place.vault.batches
    place.vault.finish(raw)
    whole: Any = place.vault.__call__

    def spoilt(received: Received) -> Respond:
        reply = whole(received)
        return Respond(body=line + b"\n") if b"answer to r-0" in reply.body else reply

    place.upstream.respond = spoilt
    with pytest.raises(errors.MalformedReplyError, match="results: "):
        place(Batch, "results", batch.id)


@only("openai")
def test_a_download_that_breaks_leaves_nothing(place: Place, tmp_path: Path) -> None:
    """The file is there whole or not at all, and the connection is free."""
    place.upstream.script = [Respond(chunks=[b"abc", b"def"], cut=True)] * 2
    target = tmp_path / "out.bin"
    if place.driver.kind == "sync":
        content = File.content("file-1", **place.options)
        with pytest.raises(errors.MuxiLLMError):
            content.stream_to_file(target)
    else:

        async def load() -> None:
            content = await File.acontent("file-1", **place.options)
            await content.stream_to_file(target)

        with pytest.raises(errors.MuxiLLMError):
            asyncio.run(load())
    assert list(tmp_path.glob("*")) == [tmp_path / "state"] or not list(tmp_path.glob("*out*"))


@only("openai")
def test_content_in_every_way(place: Place, tmp_path: Path) -> None:
    place.vault.files["file-1"] = "a", b"one\n\ntwo", "user_data"
    place.vault.files["file-2"] = "b", b"", "user_data"
    target = tmp_path / "out.bin"
    assert place(File, "content", "file-2") == b""
    if place.driver.kind == "sync":
        assert File.content("file-1", **place.options).text == "one\n\ntwo"
        assert list(File.content("file-1", **place.options).iter_lines()) == [b"one", b"two"]
        with File.content("file-1", **place.options) as content:
            content.write_to_file(target)
            assert content.muxi.model == "openai/*"
    else:

        async def load() -> None:
            content = await File.acontent("file-1", **place.options)
            assert [line async for line in content.iter_lines()] == [b"one", b"two"]
            async with await File.acontent("file-1", **place.options) as content:
                await content.write_to_file(target)

        asyncio.run(load())
    assert target.read_bytes() == b"one\n\ntwo"


def test_a_cancelled_upload_ends_at_once(upstream: Any) -> None:
    """The caller's task is cancelled while the server waits: the connection goes with it."""
    upstream.respond = lambda received: Respond(delay=60)

    async def cancelled() -> None:
        task = asyncio.create_task(
            File.acreate(("a", b"x"), "user_data", api_key="k", base_url=upstream.url, retries=0)
        )
        assert await in_time(lambda: bool(upstream.requests))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert upstream.closed_early.wait(30)


PROGRAM = """
import resource, sys
from muxi_llm import File

path, url, out, provider = sys.argv[1:]
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
options = {"api_key": "k", "base_url": url, "retries": 0}
file = File.create(path, "batch", provider=provider, **options)
File.content("openai/big", **{**options, "base_url": url}).stream_to_file(out)
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.long
def test_a_large_file_at_flat_memory(upstream: Any, tmp_path: Path) -> None:
    """200 MB up, line by line, and down again; the process grows by less than a tenth of it."""
    megabytes = long(190, 60)
    text = "x" * 1_000_000
    path = tmp_path / "in.jsonl"
    with path.open("wb") as file:
        for number in range(megabytes):
            row = line_of(number)
            row["body"]["messages"][0]["content"] = text
            file.write(jsonl([row]))

    def respond(received: Received) -> Respond:
        if received.method == "GET":
            return Respond(chunks=(b"y" * 1_000_000 for _ in range(megabytes)))
        assert len(received.body) > megabytes * 1_000_000
        told = {
            "id": "file-1",
            "object": "file",
            "bytes": 1,
            "created_at": 1,
            "filename": "f",
            "purpose": "batch",
        }
        upstream.requests.clear()  # it would hold what was sent
        return Respond(json=told)

    upstream.respond = respond
    out = tmp_path / "out.bin"
    found = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path), upstream.url, str(out), "openai"],
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert out.stat().st_size == megabytes * 1_000_000
    grown = int(found.stdout)
    assert grown < 45, f"{grown} MB for {megabytes} MB"
