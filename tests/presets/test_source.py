"""From bytes to a document, and from a document to a preset."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.presets import canonical, source
from muxi_llm.presets.errors import MdaError, SecurityError
from muxi_llm.presets.source import check, check_name, document, namespace_faults, read_preset, split
from muxi_llm.presets.yaml import read_yaml

SEED = b"""---
name: openai_fast
description: Fast OpenAI preset for search summaries.
metadata:
  snoai-llmix:
    common:
      provider: openai
      model: gpt-5-mini
      temperature: 0.2
      maxOutputTokens: 512
    caching:
      strategy: redis-or-memory
    providerOptions:
      openai:
        reasoningEffort: medium
---
# openai_fast
Summarize search results for a research workflow.
"""


def preset_text(**namespace: Any) -> bytes:
    said = {"common": {"provider": "openai", "model": "m"}, **namespace}
    front = {"name": "a-b", "description": "D", "metadata": {"snoai-llmix": said}}
    return f"---\n{json.dumps(front)}\n---\nBody.\n".encode()


# --------------------------------------------------------------------------------------- extraction


@pytest.mark.parametrize(
    ("data", "front", "body"),
    [
        (b"---\na: 1\n---\nb\n", "a: 1\n", "b\n"),
        (b"\xef\xbb\xbf---\na: 1\n---\nb\n", "a: 1\n", "b\n"),
        (b"---\r\na: 1\r\n---\r\nb\r\n", "a: 1\n", "b\n"),
        (b"---\ra: 1\r---\rb\r", "a: 1\n", "b\n"),
        (b"---\na: 1\n---", "a: 1\n", ""),
        (b"---\n---\n", "", ""),
        (b"---\na: 1\n---\nb\n---\nc\n", "a: 1\n", "b\n---\nc\n"),
        (b"---\na: |\n  ---\n--- \n---\n", "a: |\n  ---\n--- \n", ""),
        (b"text\n---\n", None, "text\n---\n"),
        (b"--- \na: 1\n---\n", None, "--- \na: 1\n---\n"),
        (b"", None, ""),
    ],
)
def test_front_matter_and_body(data: bytes, front: str | None, body: str) -> None:
    parts = split(data)
    assert (parts.front, parts.body) == (front, body)
    if front is not None:
        assert parts.with_front(front) == data


def test_new_front_matter_takes_the_files_own_newlines() -> None:
    assert split(b"\xef\xbb\xbf---\r\na: 1\r\n---\r\nb\n").with_front("a: 2\n") == (
        b"\xef\xbb\xbf---\r\na: 2\r\n---\r\nb\n"
    )


@pytest.mark.parametrize(
    ("data", "category"),
    [
        (b"---\na: \xff\n---\n", "invalid-encoding"),
        (b"---\na: 1\n", "unterminated-frontmatter"),
        (b"# only\n", "missing-required-frontmatter"),
        (b"---\n---\nbody", "missing-required-frontmatter"),
        (b"---\n- a\n---\n", "frontmatter-yaml-parse-error"),
        (b"---\na: [\n---\n", "frontmatter-yaml-parse-error"),
        (b"---\na: 1\n---\n" + b"x" * (1 << 20), "schema-violation"),
    ],
)
def test_no_document(data: bytes, category: str) -> None:
    with pytest.raises(MdaError) as caught:
        document(data)
    assert caught.value.category == category


LINES = st.sampled_from(
    [b"---\n", b"---\r\n", b"name: a-b\n", b"description: D\n", b"metadata: {snoai-llmix: ", b"{}}\n", b"\xff",
     b"signatures: []\n", b"integrity: 1\n", b"name: [\n", b"# body\n", b"\xef\xbb\xbf", b" ", b"\r"]
)  # fmt: skip


@given(st.binary() | st.lists(LINES).map(b"".join))
def test_any_bytes_end_in_a_preset_or_in_a_declared_error(data: bytes) -> None:
    with suppress(MdaError):
        read_preset(data)


# ----------------------------------------------------------------------------------------- checking


def test_a_name_with_underscores_is_taken_unless_it_must_be_strict() -> None:
    found = document(SEED)
    (warning,) = check(found)
    assert warning == '/name must match pattern "^(?:[a-z0-9]+(-[a-z0-9]+)*)$"'
    with pytest.raises(MdaError, match=r"schema-violation. /name must match pattern"):
        check(found, strict=True)
    assert found.digest() == "sha256:9b12b072e7124e779a010f8f16f57c6f0a628cdf3c07a2a09afdb1192ad84e10"


def test_no_other_name_is_taken() -> None:
    for name in (b"Openai", b"a__b-", b"_a", b"a b", b"x" * 65):
        with pytest.raises(MdaError):
            check(document(SEED.replace(b"openai_fast", name, 1)))


def test_signatures_are_over_the_documents_own_digest() -> None:
    entry = {"payload-digest": "sha256:a"}
    source.check_payload_digests({})
    source.check_payload_digests({"integrity": {"digest": "sha256:a"}, "signatures": [entry]})
    for front, category in (
        ({"signatures": [entry]}, "signatures-without-integrity"),
        ({"integrity": {"digest": "sha256:b"}, "signatures": [entry]}, "signature-digest-mismatch"),
        ({"integrity": {}, "signatures": [5]}, "signature-digest-mismatch"),
    ):
        with pytest.raises(MdaError) as caught:
            source.check_payload_digests(front)
        assert caught.value.category == category


# ------------------------------------------------------------------------------------------- preset


def test_the_seeds_preset() -> None:
    preset = read_preset(SEED, module="search_summary", preset="openai_fast")
    assert preset.id == "search_summary/openai_fast"
    assert (preset.name, preset.description) == ("openai_fast", "Fast OpenAI preset for search summaries.")
    assert preset.body == "# openai_fast\nSummarize search results for a research workflow.\n"
    assert preset.network is None
    assert len(preset.warnings) == 1
    text = json.dumps(preset.config, indent=2, sort_keys=True) + "\n"
    assert hashlib.sha256(text.encode()).hexdigest() == (
        "7a534361c7200aff603b8f0bfb7874fc640cb8a241ab1e431c2186befd647abc"
    )


def test_what_is_projected() -> None:
    config = read_preset(
        preset_text(
            module="m", preset="p", description="N", tags=["t"], deprecated=True, bypassGateway=False,
            timeout={"totalTime": 5.0}, providerOptions={"openai": {"logitBias": {"1": -1.0}}},
            common={"provider": "openai", "model": "m", "temperature": 1.0, "stopSequences": ["x"]},
        )
    ).config  # fmt: skip
    assert config == {
        "provider": "openai", "model": "m", "common": {"temperature": 1, "stopSequences": ["x"]},
        "description": "N", "tags": ["t"], "deprecated": True, "bypassGateway": False,
        "timeout": {"totalTime": 5}, "providerOptions": {"openai": {"logitBias": {"1": -1}}},
    }  # fmt: skip
    assert type(config["common"]["temperature"]) is int


def test_a_config_is_a_copy() -> None:
    preset = read_preset(preset_text(providerOptions={"openai": {"a": [1]}}))
    preset.config["providerOptions"]["openai"]["a"].append(2)
    assert preset.front["metadata"]["snoai-llmix"]["providerOptions"] == {"openai": {"a": [1]}}
    assert preset.id is None


@pytest.mark.parametrize(
    ("namespace", "said"),
    [
        ({"module": "a", "preset": "p"}, "module must be that of the path"),
        ({"module": "m", "preset": "b"}, "preset must be that of the path"),
        ({"module": "M"}, "module must be _default or a lowercase"),
        ({"preset": 5}, r"preset must be _base\* or a lowercase"),
        ({"odd": 1}, "odd is not a supported key"),
        ({"common": None}, "common is required"),
        ({"common": {"provider": "acme", "model": " "}}, "provider must be a supported.*model must be a non-empty"),
        ({"common": {"provider": "openai", "model": "m", "temprature": 1}}, "temprature is not supported"),
        ({"common": {"provider": "openai", "model": "m", "temperature": 3}}, "temperature must be a number from 0 to 2"),
        ({"common": {"provider": "openai", "model": "m", "topK": True}}, "topK must be a positive integer"),
        ({"common": {"provider": "openai", "model": "m", "seed": 1.5}}, "seed must be an integer"),
        ({"common": {"provider": "openai", "model": "m", "stopSequences": [1]}}, "stopSequences must be a list of"),
        ({"providerOptions": []}, "providerOptions must be an object"),
        ({"providerOptions": {"acme": {}}}, "providerOptions.acme must be a supported provider"),
        ({"caching": "memory"}, "caching must be an object"),
        ({"caching": {"strategy": "disk", "size": 1, "ttl": 0}}, "size is not.*strategy must be.*ttl must be a positive"),
        ({"timeout": 5, "deprecated": "no"}, "timeout must be an object.*deprecated must be true or false"),
    ],
)  # fmt: skip
def test_no_preset(namespace: dict[str, Any], said: str) -> None:
    with pytest.raises(MdaError, match=said) as caught:
        read_preset(preset_text(**namespace), module="m", preset="p")
    assert caught.value.category == "project-schema-violation"


def test_a_document_that_is_no_preset() -> None:
    for front in (
        "name: a",
        "description: D",
        "name: a\ndescription: D",
        "{name: a, description: D, metadata: {}}",
    ):
        with pytest.raises(MdaError, match="project-schema-violation"):
            read_preset(f"---\n{front}\n---\n".encode())


def test_what_only_loaders_know_is_not_for_validation() -> None:
    front = read_yaml(split(preset_text(timeout={"totalTime": 5})).front or "")
    assert namespace_faults(front, wide=True) == []
    assert namespace_faults(front) == [
        ("llmix.unknown_namespace_key", "metadata.snoai-llmix.timeout is not a supported key")
    ]
    assert namespace_faults({"metadata": {"snoai-llmix": 5}}) == []


def test_names_that_become_paths() -> None:
    for word, names in {
        "module": ("_default", "a", "search_summary"),
        "preset": ("_base", "_base_x1", "a9"),
        "scope": ("_default", "a-b"),
    }.items():
        for name in names:
            check_name(word, name)
        for name in ("..", "a/b", "a\\b", "~", "$a", "`a`", "A", "", "a\n", "é", "x" * 65):
            with pytest.raises(SecurityError):
                check_name(word, name)


# ------------------------------------------------------------------------------------------ writing


def test_a_document_gets_its_digest_and_stays_what_it_was() -> None:
    found = document(SEED.replace(b"name:", b"# ours\nname:"))
    entry = {"algorithm": "sha256", "digest": found.digest()}
    again = document(found.with_entry("integrity", entry))
    assert (
        again.parts.front
        == f"{found.parts.front}integrity:\n  algorithm: sha256\n  digest: {found.digest()}\n"
    )
    assert again.canonical == found.canonical
    canonical.check_integrity(again.canonical, again.front["integrity"])
