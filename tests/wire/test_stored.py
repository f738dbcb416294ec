"""The codecs of files and batches: what services say and leave out, to the last branch."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.errors import InvalidRequestError
from muxi_llm.types.stored import FileObject
from muxi_llm.wire import stored, stored_words
from muxi_llm.wire.anthropic import stored as anthropic
from muxi_llm.wire.aws import stored as aws
from muxi_llm.wire.aws.s3 import InS3
from muxi_llm.wire.base import Ledger, Profile, Reply, Wire, WireCall, WireError
from muxi_llm.wire.gemini import stored as gemini
from muxi_llm.wire.gemini import vertex_stored as vertex
from muxi_llm.wire.openai import batches
from muxi_llm.wire.rows import Bytes, Rows, answered, failed
from tests.support.speakers.stored import EPOCH, ISO


def codec(kind: type[Wire], **body: Any) -> Any:
    """A codec that has written its request."""
    wire = kind("*", Ledger("p"), Profile())
    wire.storage = "http://storage.test"
    wire.settings = {"bucket": "bkt"}
    wire.encode_request(body, stream=False)
    return wire


def reply(content: Any = b"", **headers: str) -> Reply:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Reply(200, headers, data, received=1.0)


def call(url: str = "http://p.test/v1beta/batches/b", **how: Any) -> WireCall:
    return WireCall(url, {}, b"", **how)


# ---------------------------------------------------------------------------------- bytes and rows


@given(st.lists(st.binary(max_size=5), max_size=8))
def test_bytes_are_handed_on(pieces: list[bytes]) -> None:
    decoder = Bytes()
    out = [chunk.data for piece in pieces for chunk in decoder.feed(piece)]
    out += [chunk.data for chunk in decoder.finish()]
    assert b"".join(out) == b"".join(pieces)
    assert out, "an empty file is one as well"


ROWS = b'{"n": 1}\n{"n": 2, "bad": true}\n\n{"n": 3}'


@given(st.sets(st.integers(1, len(ROWS) - 1)))
def test_rows_do_not_mind_where_they_are_cut(cuts: set[int]) -> None:
    def row_of(line: Any) -> Any:
        return {"n": line["n"], "error": {"code": "x"} if line.get("bad") else None}

    for wanted, numbers in ((False, [1, 3]), (True, [2])):
        decoder = Rows(row_of, failed=wanted)
        edges = [0, *sorted(cuts), len(ROWS)]
        out = b"".join(
            chunk.data for start, end in pairwise(edges) for chunk in decoder.feed(ROWS[start:end])
        )
        out += b"".join(chunk.data for chunk in decoder.finish())
        assert [json.loads(line)["n"] for line in out.splitlines()] == numbers


def test_an_answer_that_is_a_failure_is_one() -> None:
    def read() -> Any:
        raise WireError("malformed", "no answer in it")

    assert answered("a", read) == failed("a", "invalid_answer", "no answer in it")


# ------------------------------------------------------------------------------------ OpenAI's shape


def test_what_is_no_file_and_no_list() -> None:
    wire = codec(stored.FileRetrieve, file_id="a b/c")
    assert wire.path == "/files/a%20b%2Fc"
    for bad in (b"[]", b'{"id": 3}', b"null"):
        with pytest.raises(WireError, match="has no id"):
            wire.decode_response(bad, created=0)
    listed = codec(stored.FileList, after="x", purpose="batch")
    assert listed.path == "/files?after=x&purpose=batch"
    for bad in (b"3", b'{"data": [1]}', b"{}"):
        with pytest.raises(WireError, match="has no list 'data'"):
            listed.decode_response(bad, created=0)
    bare = listed.decode_response(b'[{"id": "f", "purpose": null}]', created=0)
    assert (bare.data[0].id, bare.has_more) == ("f", False)
    with pytest.raises(NotImplementedError):
        stored.Stored("*", Ledger("p"), Profile()).value_of({})
    with pytest.raises(NotImplementedError):
        stored.Listed("*", Ledger("p"), Profile()).told({})


def test_a_batch_that_failed_is_no_error() -> None:
    """What is wrong with it is in it; what is wrong with the request is an object of its own."""
    for kind, said in (
        (gemini.BatchRetrieve, {"name": "batches/b", "error": {"code": 3, "message": "no"}}),
        (vertex.BatchRetrieve, {"name": "p/7", "state": "JOB_STATE_FAILED", "error": {"message": "no"}}),
        (batches.TogetherRetrieve, {"id": "b", "status": "FAILED", "error": "no"}),
    ):
        batch = codec(kind, batch_id="b").decode_response(json.dumps(said).encode(), created=0)
        assert (batch.status, batch.errors.data[0].message) == ("failed", "no")
    with pytest.raises(WireError, match="no"):
        codec(stored.BatchRetrieve, batch_id="b").decode_response(b'{"error": {"message": "no"}}', created=0)


def test_deleted_without_a_word() -> None:
    for said in (b"", b" ", b"{}", b"[]"):
        assert codec(stored.FileDelete, file_id="f").decode_response(said, created=0).deleted is True
    said = b'{"id": "f", "deleted": false}'
    assert codec(stored.FileDelete, file_id="f").decode_response(said, created=0).deleted is False


def test_moments_and_windows() -> None:
    assert stored_words.epoch_of(ISO) == EPOCH == stored_words.epoch_of("2026-11-30T12:00:00")
    assert stored_words.epoch_of(1.9) == 1
    assert [stored_words.epoch_of(bad) for bad in (None, True, "soon", [])] == [None] * 4
    windows = ("24h", "7d", "1h", None, "soon", "h", "99999999d")
    assert [stored_words.hours_of(window) for window in windows] == [24, 168, 1, 24, 24, 24, 24]
    assert stored_words.purpose_of("a/muxi-llm/batch/x/y.jsonl") == "batch"
    assert stored_words.purpose_of("y.jsonl") == "user_data"
    assert stored_words.bucket_of({"bucket": "s3://b/c/"}, "p", "s3://", "V") == ("b", "c/muxi-llm")
    with pytest.raises(InvalidRequestError, match="set V or muxi_llm"):
        stored_words.bucket_of({}, "p", "s3://", "V")


def test_what_is_lost_is_told() -> None:
    """Metadata, days until it is gone: where there is no place for them."""
    for kind in (
        anthropic.BatchCreate,
        gemini.BatchCreate,
        vertex.BatchCreate,
        batches.MistralCreate,
        batches.TogetherCreate,
    ):
        body = {"input_file_id": "f", "input_file": None, "for_model": "m", "job": "j", "endpoint": "e"}
        wire = codec(kind, **body, metadata={"a": "b"}, output_expires_after={"seconds": 1})
        assert {entry.param for entry in wire.ledger.entries} >= {"output_expires_after"}


# ------------------------------------------------------------------------------------------ services


def test_how_anthropics_batches_end() -> None:
    def status(**said: Any) -> Any:
        counts = {"succeeded": 1, **said.pop("counts", {})}
        raw = {"id": "b", "processing_status": "ended", "ended_at": ISO, "request_counts": counts, **said}
        batch = anthropic.batch_of(raw)
        return batch["status"], batch.get(f"{batch['status']}_at"), batch["error_file_id"]

    assert status() == ("completed", EPOCH, None)
    assert status(counts={"expired": 1}) == ("expired", EPOCH, "b/errors")
    assert status(counts={"canceled": 1}, cancel_initiated_at=ISO) == ("cancelled", EPOCH, "b/errors")
    assert status(processing_status="pondering")[0] == "in_progress"
    expired = {"custom_id": "a", "result": {"type": "expired"}}
    assert anthropic.row_of(expired, 0)["error"] == {"code": "batch_expired", "message": "expired"}
    content = codec(anthropic.FileContent, file_id="file_1")
    assert (content.path, content.headers) == ("/v1/files/file_1/content", anthropic.BETA)
    assert type(content.stream_decoder(created=0)) is Bytes


def test_how_mistrals_and_togethers_batches_stand() -> None:
    said = batches.mistral_batch({"id": "j", "status": "TIMEOUT_EXCEEDED", "errors": [{"message": "x"}]})
    assert (said["status"], said["errors"]["data"], said["input_file_id"]) == (
        "expired",
        [{"message": "x"}],
        "",
    )
    wire = codec(batches.MistralCreate, input_file_id="f", for_model="m", completion_window="7d")
    body = wire.encode_request(
        {"input_file_id": "f", "for_model": "m", "completion_window": "7d"}, stream=False
    )
    assert body == {"input_files": ["f"], "timeout_hours": 168, "model": "m"}
    said = batches.together_batch({"id": "j", "status": "WAITING", "error": "bad file"})
    assert (said["status"], said["errors"]["data"]) == ("in_progress", [{"message": "bad file"}])
    many = codec(batches.MistralFiles, limit=150)
    first = many.following(
        call("http://p.test/files?page_size=100"), reply([{"id": str(n)} for n in range(100)])
    )
    assert first.url.endswith("page_size=100&page=1")
    assert many.following(first, reply([{"id": "last"}])) is None
    page = many.decode_response(b"", created=0)
    assert (len(page.data), page.has_more) == (101, False)
    assert batches.TogetherCreate("*", Ledger("p"), Profile()).value_of({"id": "bare"}).id == "bare"


def test_pages_after_one_that_is_not_there() -> None:
    wire = codec(gemini.FileList, after="files/none")
    assert wire.following(call(), reply({})) is None
    page = wire.decode_response(b"", created=0)
    assert (page.data, page.has_more) == ([], False)


def test_how_geminis_batches_stand() -> None:
    raw = {"name": "batches/b", "error": {"message": "no"}, "metadata": {"state": "JOB_STATE_RUNNING"}}
    said = gemini.batch_of(raw)
    assert (said["status"], said["errors"]["data"]) == ("failed", [{"message": "no"}])
    assert gemini.batch_of({**raw, "metadata": {"state": "JOB_STATE_CANCELLED"}})["status"] == "cancelled"
    assert gemini.row_of({"key": "a", "status": {"code": 3, "message": "m"}}, 0)["error"]["code"] == "3"
    wire = codec(gemini.FileContent, file_id="batches/b/results")
    with pytest.raises(WireError, match="no file of results"):
        wire.following(call(), reply(raw))
    assert wire.following(call(stream=True), reply()) is None
    with pytest.raises(InvalidRequestError, match="hands out no file that was uploaded"):
        codec(gemini.FileContent, file_id="files/a")
    with pytest.raises(WireError, match="has no name"):
        gemini.FileCreate.file_of([])
    assert gemini.file_of({"name": "files/a", "error": {"message": "x"}})["status_details"] == "x"


def test_where_an_upload_goes_is_the_same_server() -> None:
    """A key would not go along; but neither do anybody's lines."""
    file = stored.FileCreate  # any will do
    assert file.endpoint == "file.create"
    from muxi_llm.wire.upload import File, Upload

    wire = codec(gemini.FileCreate, file=File("a", "text/plain", b"x"), purpose="user_data")
    for target in ("", "https://elsewhere.test/x", "http://p.test:1/x"):
        with pytest.raises(WireError, match="no upload URL of the same server"):
            wire.following(call(), reply(**{"x-goog-upload-url": target}))
    then = wire.following(call(), reply(**{"x-goog-upload-url": "http://p.test/x"}))
    assert (then.url, isinstance(then.body, Upload)) == ("http://p.test/x", True)
    assert wire.following(then, reply()) is None


@given(st.text(max_size=200))
def test_an_id_comes_back_out_of_labels(custom_id: str) -> None:
    """Whatever it is, in what Google takes for labels."""
    if custom_id.encode("utf-8", "replace").decode() != custom_id:
        return
    labels = vertex.labels_of(custom_id)
    assert all(value.isascii() and value == value.lower() and len(value) <= 63 for value in labels.values())
    assert vertex.labelled(labels) == custom_id


def test_how_vertexs_jobs_stand() -> None:
    raw = {"name": "projects/p/jobs/7", "state": "JOB_STATE_FAILED", "error": {"message": "no"}}
    assert vertex.batch_of(raw)["errors"]["data"] == [{"message": "no"}]
    wire = codec(vertex.FileContent, file_id="7/results")
    with pytest.raises(WireError, match="no results"):
        wire.following(call(), reply(raw))
    own = codec(vertex.FileContent, file_id="gs://bkt/a/b")
    assert own.path == "http://storage.test/storage/v1/b/bkt/o/a%2Fb?alt=media"
    assert (own.prelude, type(own.stream_decoder(created=0))) == (False, Bytes)
    assert own.following(call(stream=True), reply()) is None
    assert (
        vertex.vertex_row({"request": None, "status": {"code": 9, "message": "m"}}, 0)["error"]["code"] == "9"
    )
    body = {"input_file_id": "gs://b/f", "for_model": "projects/p/models/7", "job": "j"}
    tuned = vertex.BatchCreate("*", Ledger("p"), Profile()).encode_request(body, stream=False)
    assert tuned["model"] == "projects/p/models/7"


def test_how_bedrocks_jobs_stand() -> None:
    arn = "arn:aws:bedrock:us-east-1::foundation-model/m.x-v1:0"
    raw = {"jobArn": "a/j", "status": "Failed", "message": "no", "modelId": arn}
    said = aws.batch_of(raw)
    assert (said["errors"]["data"], said["model"], said["output_file_id"]) == (
        [{"message": "no"}],
        "m.x-v1:0",
        None,
    )
    assert aws.batch_of({"jobArn": "a", "message": "fine", "status": "Stopped"})["errors"] is None
    wire = codec(aws.FileContent, file_id="a/j/results")
    with pytest.raises(WireError, match="no job"):
        wire.following(call(), reply({}))
    own = codec(aws.FileContent, file_id="s3://bkt/a b")
    assert own.path == "http://storage.test/bkt/a%20b"
    assert (own.prelude, type(own.stream_decoder(created=0))) == (False, Bytes)
    assert aws.row_of({"recordId": "a"}, 0)["error"]["code"] == "failed"
    assert aws.BatchList.decode_fault(400, b'{"message": "m"}').message == "m"
    xml = b"<Error><Code>AccessDenied</Code><Message>no &amp; no</Message></Error>"
    fault = InS3.decode_fault(403, xml)
    assert (fault.message, fault.code) == ("no & no", "AccessDenied")
    assert InS3.decode_fault(403, b"<Error><Code>X</Code></Error>").message == "X"
    assert FileObject.construct(id="x").id == "x"
