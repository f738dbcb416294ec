"""The files of a release, as bytes: what is written, and what is refused when it is read."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.presets import root
from muxi_llm.presets.errors import ReleaseError

ENTRIES = {name: root.Entry.of(name, name.encode(), b"{}") for name in ("a/b", "c/d")}
MANIFEST = root.Manifest("r1", "2026-05-14T00:00:00.000Z", ENTRIES)
DATA = MANIFEST.written()
POINTED = root.pointer("r1", root.sha256(DATA))
PAYLOAD = root.payload_of(MANIFEST, DATA, POINTED)
SIGNED = root.envelope(PAYLOAD, [{"signer": "did-web:a.test"}])


def changed(data: bytes, path: str, value: Any) -> bytes:
    """*data* with what is at *path* (names with dots between) another value, or gone if that is `None`."""
    whole = json.loads(data)
    *above, last = path.split("|")
    found = whole
    for name in above:
        found = found[name]
    if value is None:
        del found[last]
    else:
        found[last] = value
    return json.dumps(whole).encode()


def test_what_was_written_is_read() -> None:
    assert root.read_pointer(POINTED) == ("r1", root.sha256(DATA))
    assert root.read_manifest(DATA, "r1") == MANIFEST
    found = root.read_root(SIGNED)
    assert found.payload == PAYLOAD
    root.check_bindings(found, MANIFEST, DATA, POINTED)
    assert root.read_pointer(b'{"revision": "r1"}') == ("r1", None)


def test_a_root_may_be_hashed_in_the_pretty_form_of_old() -> None:
    old = json.loads(SIGNED)
    digest = root.sha256(root.written(PAYLOAD))
    old["payload_sha256"], old["integrity"]["digest"] = digest, f"sha256:{digest}"
    assert root.read_root(json.dumps(old).encode()).payload_bytes == root.written(PAYLOAD)


def test_files_may_come_in_any_order() -> None:
    turned = {**PAYLOAD, "files": PAYLOAD["files"][::-1]}
    found = root.read_root(root.envelope(turned, [{}]))
    root.check_bindings(found, MANIFEST, DATA, POINTED)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "pointer-invalid"),
        (b"[]", "pointer-invalid"),
        (b"\xff", "pointer-invalid"),
        (b'{"revision": "r1", "revision": "r2"}', "pointer-invalid"),
        (b'{"revision": "../r1"}', "pointer-invalid"),
        (b'{"revision": 1}', "pointer-invalid"),
        (b'{"revision": "r1", "manifest_sha256": "abc"}', "pointer-invalid"),
        (b"[" * 100_000, "pointer-invalid"),
    ],
)
def test_what_is_no_pointer(data: bytes, code: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        root.read_pointer(data)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema_version", 2),
        ("revision", "r2"),
        ("published_at", 5),
        ("presets", []),
        ("presets", {}),
        ("presets", None),
        ("presets", {"../x": {}}),
        ("presets|a/b", []),
        ("presets|a/b|source_path", None),
        ("presets|a/b|more", "x"),
        ("presets|a/b|source_path", "../../etc/passwd"),
        ("presets|a/b|resolved_path", "resolved/c/d.json"),
        ("presets|a/b|source_sha256", "A" * 64),
        ("presets|a/b|resolved_sha256", 5),
    ],
)
def test_what_is_no_manifest(path: str, value: Any) -> None:
    with pytest.raises(ReleaseError) as caught:
        root.read_manifest(changed(DATA, path, value), "r1")
    assert caught.value.code == "manifest-invalid"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", "x"),
        ("schema", None),
        ("more", 1),
        ("schema_version", 2),
        ("payload", []),
        ("payload|schema", "x"),
        ("payload|schema_version", 2),
        ("payload|revision", "r2"),
        ("payload|revision", "\ud800"),
        ("payload_sha256", "x"),
        ("integrity|digest", "sha256:x"),
        ("integrity|algorithm", "sha512"),
        ("signatures", []),
        ("signatures", {}),
    ],
)
def test_what_is_no_root(path: str, value: Any) -> None:
    with pytest.raises(ReleaseError) as caught:
        root.read_root(changed(SIGNED, path, value))
    assert caught.value.code == "root-invalid"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("revision", "r2"),
        ("published_at", "2026-05-14T00:00:00.001Z"),
        ("published_at", None),
        ("current|sha256", "0" * 64),
        ("current|revision", "r2"),
        ("current|manifest_sha256", "0" * 64),
        ("current", None),
        ("manifest|path", "compiled/r2/manifest.json"),
        ("manifest|sha256", "0" * 64),
        ("files", None),
        ("files", []),
        ("files", [5]),
        ("files", PAYLOAD["files"] + PAYLOAD["files"][:1]),
        ("files", [*PAYLOAD["files"][:3], {**PAYLOAD["files"][3], "sha256": "0" * 64}]),
        ("files", [*PAYLOAD["files"][:3], {**PAYLOAD["files"][3], "role": None}]),
        ("files", [*PAYLOAD["files"][:3], {**PAYLOAD["files"][3], "more": 1}]),
    ],
)
def test_a_root_of_something_else(path: str, value: Any) -> None:
    payload = json.loads(changed(json.dumps(PAYLOAD).encode(), path, value))
    found = root.read_root(root.envelope(payload, [{}]))
    with pytest.raises(ReleaseError) as caught:
        root.check_bindings(found, MANIFEST, DATA, POINTED)
    assert caught.value.code == "binding-mismatch"


def test_marks_and_configs() -> None:
    said = {"revision": "r1", "published_at": "t", "root_sha256": "aa"}
    assert root.read_mark(json.dumps(said).encode()).revision == "r1"
    for wrong in ({}, {**said, "more": ""}, {**said, "revision": 1}):
        with pytest.raises(ReleaseError, match="watermark"):
            root.read_mark(json.dumps(wrong).encode())
    with pytest.raises(ReleaseError, match="a/b"):
        root.read_config(b"[]", "a/b")


READERS = [
    root.read_pointer,
    lambda data: root.read_manifest(data, "r1"),
    root.read_root,
    root.read_mark,
    lambda data: root.read_config(data, "a/b"),
]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(READERS), st.sampled_from([POINTED, DATA, SIGNED]), st.data())
def test_no_bytes_end_in_anything_but_a_declared_error(
    reader: Any, data: bytes, choice: st.DataObject
) -> None:
    at = choice.draw(st.integers(0, len(data)))
    piece = choice.draw(st.binary(max_size=4))
    cut = choice.draw(st.integers(0, 8))
    with suppress(ReleaseError):
        reader(data[:at] + piece + data[at + cut :])


@given(st.sampled_from(READERS), st.sampled_from([POINTED, DATA, SIGNED]), VALUES, st.data())
def test_nor_do_values(reader: Any, data: bytes, value: Any, choice: st.DataObject) -> None:
    whole = json.loads(data)
    found, name = whole, choice.draw(st.sampled_from(sorted(whole)))
    while isinstance(found[name], dict) and found[name] and choice.draw(st.booleans()):
        found = found[name]
        name = choice.draw(st.sampled_from(sorted(found)))
    found[name] = value
    with suppress(ReleaseError):
        read = reader(json.dumps(whole).encode())
        if isinstance(read, root.Root):
            root.check_bindings(read, MANIFEST, DATA, b"")
