"""Whatever comes from outside ends in a value or in a declared error: documents, policies, keys, papers."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.presets import artifact, evidence, network, sigstore, trust
from muxi_llm.presets.artifact import KINDS
from muxi_llm.presets.did_web import DidWebVerifier
from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.trust import DidWebChecker
from tests.presets.signing import DOMAIN, INTEGRITY, POLICY, did_document, method, signature
from tests.presets.test_sigstore import FIXTURE

WORDS = st.sampled_from(
    ["", "a", "did-web:", f"did-web:{DOMAIN}", "sigstore-oidc:x", f"did:web:{DOMAIN}", "#release", "ed25519",
     "2026-05-14T00:00:00Z", "0000-01-01T00:00:00Z", INTEGRITY["digest"], "-----BEGIN PUBLIC KEY-----", "AAAA", "é"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(WORDS | st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=8,
)


def spoiled(good: Any) -> st.SearchStrategy[Any]:
    """*good* with one of its values, however deep, replaced; or anything at all."""
    paths: list[tuple[Any, ...]] = []

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        paths.append(path)
        for key, item in (
            value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        ):
            walk(item, (*path, key))

    walk(good, ())

    def replaced(path: tuple[Any, ...], value: Any) -> Any:
        if not path:
            return value
        copy = json.loads(json.dumps(good))
        at = copy
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = value
        return copy

    return st.builds(replaced, st.sampled_from(paths), VALUES)


@given(
    spoiled([signature()]),
    spoiled(POLICY),
    spoiled(did_document(method(**{"not-after": "2036-01-01T00:00:00Z"}))),
)
def test_signatures_policies_and_documents(signatures: Any, policy: Any, document: Any) -> None:
    with suppress(MdaError):
        found = trust.check_policy(policy)
        if isinstance(signatures, list):
            by_did = DidWebChecker(DidWebVerifier([document], lambda: 1_800_000_000.0))
            trust.verify(signatures, INTEGRITY, found, {"did-web": by_did})


@given(spoiled({"id": f"did:web:{DOMAIN}", "keys": [{"key-id": "k", "public-key": "AAAA", "not-after": "2036-01-01T00:00:00Z"}]}))  # fmt: skip
def test_lists_of_keys(document: Any) -> None:
    by_did = DidWebChecker(DidWebVerifier([document], lambda: 1_800_000_000.0))
    verdict = trust.examine([signature(**{"key-id": "k"})], INTEGRITY, POLICY, {"did-web": by_did})
    assert not verdict.trusted


@given(spoiled(FIXTURE))
def test_fixtures(value: Any) -> None:
    with suppress(MdaError):
        assert sigstore.fixture(value).said == value


PLAN = evidence.plan("a", "b", "c", [])
MANIFEST = {
    "version": 1, "kind": "llmix-trust-manifest", "expectedRootDigest": INTEGRITY["digest"],
    "sourceSetDigest": INTEGRITY["digest"], "releasePlanDigest": INTEGRITY["digest"], "registryRootTrustPolicy": POLICY,
    "registryRoot": {"path": "r", "revision": "1", "publishedAt": "2026-05-14T00:00:00Z", "highWatermark": "1"},
    "releasePlan": {"path": "p", "sourceCount": 0},
}  # fmt: skip
SOURCES = [
    {"module": "m", "preset": "p", "sourcePath": "m/p.mda", "rawSourceDigest": INTEGRITY["digest"],
     "expectedRegistryEntryIdentity": "m/p", "expectedRegistryEntryPath": "m/p.json"}
]  # fmt: skip
ROOT = {
    "revision": "1", "published_at": "2026-05-14T00:00:00Z",
    "files": [{"path": "compiled/1/source/m/p.mda", "sha256": "0" * 64, "role": "source"}],
}  # fmt: skip


@given(spoiled({**PLAN, "sources": SOURCES}), spoiled(ROOT))
def test_plans_and_roots(plan: Any, payload: Any) -> None:
    assert all(code.startswith("llmix.") for code, _ in evidence.plan_faults(plan)[:5])
    with suppress(MdaError):
        said, files = evidence.root_said(payload)
        if not evidence.plan_faults(plan):
            evidence.coverage_faults(plan, said["revision"], files)


@given(spoiled(MANIFEST), st.sampled_from(sorted(evidence.FORMS)), st.text(max_size=8))
def test_manifests(value: Any, form: str, revision: str) -> None:
    if not evidence.manifest_faults(value):
        assert evidence.snippet(form, "p", value)
        evidence.freshness_faults({"revision": revision, "published_at": revision}, value)


@given(VALUES, st.lists(st.text(max_size=8), max_size=3), st.text(max_size=20))
def test_networks(value: Any, allowed: list[str], url: str) -> None:
    with suppress(MdaError):
        network.check_allowed(value, allowed)
    with suppress(MdaError):
        network.check_called(value, f"https://{url}")


LINES = st.sampled_from(
    ["---", "name: a", "name: A_b", "description: D", "integrity: {algorithm: sha256, digest: x}", "signatures: [{}]",
     "metadata: {snoai-llmix: {common: {}}}", "metadata: {mda: {}}", "[^1]: {}", '[^1]: {"rel-type": 1}', "[^1]: {[",
     "\ud7ff", "# body", "created-date: 2026-05-14"]
)  # fmt: skip


@given(st.lists(LINES).map("\n".join).map(str.encode) | st.binary(), st.sampled_from(sorted(KINDS)))
def test_artifacts(data: bytes, kind: Any) -> None:
    errors, _ = artifact.faults(data, kind)
    assert all(isinstance(error, MdaError) for error in errors)
    with suppress(MdaError):
        artifact.canonical_bytes(data, kind, data)
    with suppress(MdaError):
        artifact.check_integrity(data, kind, b"{}")
