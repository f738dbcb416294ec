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
from muxi_llm.presets.schema import namespace_faults
from muxi_llm.presets.source import check, check_name, document, read_preset, split

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


GOOD = {"provider": "openai", "model": "m"}


@pytest.mark.parametrize(
    ("namespace", "said", "code"),
    [
        ({"module": "M"}, "/module must match pattern", "llmix.invalid_identifier"),
        ({"preset": 5}, "/preset must be string", "llmix.invalid_identifier"),
        ({"odd": 1}, "must NOT have additional properties .odd", "llmix.unknown_namespace_key"),
        ({"common": None}, "/common must be object", "llmix.missing_common"),
        ({"common": {"provider": "acme", "model": "m"}}, "/provider must be equal to one of", "llmix.invalid_provider"),
        ({"common": {"model": "m"}}, "must have required property 'provider'", "llmix.invalid_provider"),
        ({"common": {**GOOD, "model": " "}}, "/model must match", "llmix.invalid_model"),
        ({"common": {"provider": "openai"}}, "must have required property 'model'", "llmix.invalid_model"),
        ({"common": {**GOOD, "temprature": 1}}, "additional properties .temprature", "llmix.unknown_common_key"),
        ({"common": {**GOOD, "temperature": 3}}, "/temperature must be <= 2", "llmix.invalid_common"),
        ({"common": {**GOOD, "topK": True}}, "/topK must be integer", "llmix.invalid_common"),
        ({"common": {**GOOD, "seed": 1.5}}, "/seed must be integer", "llmix.invalid_common"),
        ({"common": {**GOOD, "stopSequences": [1]}}, "/stopSequences/0 must be string", "llmix.invalid_common"),
        ({"providerOptions": []}, "/providerOptions must be object", "llmix.invalid_provider_options"),
        ({"providerOptions": {"acme": {}}}, "additional properties .acme", "llmix.invalid_provider_options"),
        ({"providerOptions": {"openai": 5}}, "/openai must be object", "llmix.invalid_provider_options"),
        ({"caching": "memory"}, "/caching must be object", "llmix.invalid_caching"),
        ({"caching": {"strategy": "disk"}}, "/caching/strategy must be equal", "llmix.invalid_caching"),
        ({"caching": {}}, "must have required property 'strategy'", "llmix.invalid_caching"),
        ({"caching": {"strategy": "memory", "size": 1}}, "additional properties .size", "llmix.unknown_caching_key"),
        ({"timeout": 5}, "/timeout must be object", "llmix.invalid_namespace"),
    ],
)  # fmt: skip
def test_no_preset(namespace: dict[str, Any], said: str, code: str) -> None:
    data = preset_text(**namespace)
    with pytest.raises(MdaError, match=said) as caught:
        read_preset(data)
    assert caught.value.category == "project-schema-violation"
    front = source.namespace(document(data).front)
    assert front is not None
    assert [found for found, _ in namespace_faults(front, "llmix-loaded")] == [code]


def test_a_preset_is_what_its_path_says() -> None:
    for word in ("module", "preset"):
        with pytest.raises(MdaError, match=f"{word} must be that of the path"):
            read_preset(preset_text(**{word: "other"}), module="m", preset="p")
    assert read_preset(preset_text(), module="m", preset="p").id == "m/p"
    assert read_preset(preset_text(module="m", preset="p")).id == "m/p"


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
    said = source.namespace(document(preset_text(timeout={"totalTime": 5})).front)
    assert said is not None
    assert namespace_faults(said, "llmix-loaded") == []
    ((code, fault),) = namespace_faults(said, "llmix")
    assert (code, str(fault)) == (
        "llmix.unknown_namespace_key",
        "/metadata/snoai-llmix must NOT have additional properties (timeout)",
    )


def test_a_namespace_without_common() -> None:
    ((code, _),) = namespace_faults({}, "llmix")
    assert code == "llmix.missing_common"


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
