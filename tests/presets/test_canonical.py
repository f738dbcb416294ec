"""JSON within bounds, canonical JSON, digests, and what is signed."""

from __future__ import annotations

import hashlib
import pickle
from contextlib import suppress

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.presets import canonical
from muxi_llm.presets.canonical import BOUNDARY, check_integrity, digest, jcs, pae, plain_body, read_json
from muxi_llm.presets.errors import MdaError

FRONT = {
    "name": "with-integrity",
    "description": "Source declaring an integrity anchor whose digest matches the canonical bytes.",
    "integrity": {"algorithm": "sha256", "digest": "sha256:2259"},
    "metadata": {"mda": {"version": "1.0.0"}},
}
BODY = "\n# With integrity\n\nThis body is part of the canonical artifact bytes.\n"
DIGEST = "sha256:2259366cf445b4ca014780a0f2b8ee4aa9b8ebea92c1f7eda0c2903159f6ca48"


def test_a_digest_is_over_the_front_matter_and_the_body() -> None:
    text = canonical.canonical(FRONT, BODY)
    assert text.startswith(b'---\n{"description":"Source declaring')
    assert b"sha256:" not in text
    assert digest(text) == DIGEST
    assert digest(b"", "sha512") == f"sha512:{hashlib.sha512().hexdigest()}"


def test_what_is_signed() -> None:
    new, old = canonical.integrity_payloads({"algorithm": "sha256", "digest": DIGEST, "more": 1})
    packed = pae("application/vnd.mda.integrity+json", new)
    assert packed.startswith(b'DSSEv1 34 application/vnd.mda.integrity+json 119 {"integrity":{"algorithm":')
    assert digest(packed) == "sha256:0688a3b81c41d768af217146a305d2cbe9970c170d3bd85013541b053a744906"
    assert old == b'{"algorithm":"sha256","digest":"%b"}' % DIGEST.encode()
    assert BOUNDARY == b"\n--MDA-FILE-BOUNDARY--\n"


@pytest.mark.parametrize(
    ("body", "plain"),
    [
        ("", ""),
        ("\n\n", ""),
        ("a", "a\n"),
        ("\na \t\r\nb\r\n\r\n", "\na\nb\n"),
        ("  a\n\n  \n", "  a\n"),
        ("a\rb", "a\nb\n"),
    ],
)
def test_a_body_without_what_editors_change(body: str, plain: str) -> None:
    assert plain_body(body) == plain


@given(st.text())
def test_a_plain_body_stays_as_it_is(body: str) -> None:
    assert plain_body(plain_body(body)) == plain_body(body)


def test_integrity_is_checked() -> None:
    check_integrity(b"x", {"algorithm": "sha384", "digest": digest(b"x", "sha384")})
    for integrity, category in (
        ({"algorithm": "sha256", "digest": digest(b"y")}, "integrity-mismatch"),
        ({"algorithm": "sha256", "digest": digest(b"x", "sha512")}, "schema-violation"),
        ({"algorithm": "md5", "digest": "md5:x"}, "schema-violation"),
        ({}, "schema-violation"),
    ):
        with pytest.raises(MdaError) as caught:
            check_integrity(b"x", integrity)
        assert caught.value.category == category


def test_a_digest_has_as_many_digits_as_its_algorithm() -> None:
    assert canonical.is_digest(DIGEST)
    for wrong in (DIGEST + "\n", DIGEST[:-1], DIGEST.upper(), "sha512:" + "0" * 64, 5):
        assert not canonical.is_digest(wrong)


# ----------------------------------------------------------------------------------------- bounds


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"\xff",
        b'{"a": 1, "a": 2}',
        b"NaN",
        b"-Infinity",
        b"1e999",
        b"[" * 40_000,
        b"9" * 5000,
        b"[" + b"{}," * 50_000 + b"{}]",
        b" " * (4 << 20) + b"1",
        b'{"a": 1} x',
        b"[" + b"1," * 200_001 + b"1]",
    ],
    ids=range(13),
)
def test_json_that_is_refused(text: bytes) -> None:
    with pytest.raises(MdaError) as caught:
        read_json(text, what="the policy")
    assert caught.value.category == "invalid-json"
    assert "the policy" in str(caught.value)
    assert len(str(caught.value)) < 200


def test_json_that_is_taken() -> None:
    assert read_json('\ufeff{"a": [1, 2.5, null, "ä"]}'.encode()) == {"a": [1, 2.5, None, "ä"]}
    with pytest.raises(MdaError):
        read_json(b'"12345678"', size=8)


def test_no_json_quotes_what_it_refuses() -> None:
    with pytest.raises(MdaError) as caught:
        read_json(b"-----BEGIN PRIVATE KEY-----\nsecret", what="the policy")
    assert "secret" not in str(caught.value)


@given(st.binary() | st.text().map(str.encode))
def test_any_bytes_end_in_a_value_or_in_a_declared_error(data: bytes) -> None:
    with suppress(MdaError):
        read_json(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text() | st.floats(-(2**53) + 1, 2**53 - 1),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)  # fmt: skip


@given(JSON)
def test_canonical_json_reads_back_and_is_canonical(value: object) -> None:
    text = jcs(value)
    assert jcs(read_json(text)) == text


@given(JSON)
def test_the_short_way_to_canonical_json_leads_to_the_same(value: object) -> None:
    assert jcs(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


def test_a_message_obeys_no_terminal() -> None:
    error = MdaError("schema-violation", "a\x1b[2Jb\nc\u2028\ud800" + "x" * 5000)
    assert error.message.startswith("a\ufffd[2Jb\ufffdc\ufffd\ufffdxxx")
    assert len(error.message) == 1000


def test_what_json_cannot_say() -> None:
    for value in (float("nan"), 2**60, "\ud800", {1: 2}, object()):
        with pytest.raises(MdaError):
            jcs(value)


def test_the_error_knows_its_category_and_survives_pickling() -> None:
    error = MdaError("integrity-mismatch", "no").at("a.mda")
    assert str(error) == "MDA config failed for a.mda: [integrity-mismatch] no"
    again = pickle.loads(pickle.dumps(error))
    assert (again.category, again.message, again.path, str(again)) == (
        "integrity-mismatch", "no", "a.mda", str(error),
    )  # fmt: skip
