"""What front matter and policies must look like, and what is said where they do not."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.presets.schema import MOST_FAULTS, MOST_VALUES, Kind, faults
from muxi_llm.presets.schemas import SIGNERS

DIGEST = "sha256:" + "a" * 64
GITHUB = "https://token.actions.githubusercontent.com"
DID_WEB = {
    "signer": "did-web:a.test",
    "key-id": "k",
    "payload-digest": DIGEST,
    "algorithm": "ed25519",
    "signature": "x",
}
INTEGRITY = {"algorithm": "sha256", "digest": DIGEST}
HUMAN = {"type": "sigstore-oidc", "issuer": "https://accounts.google.com", "subject": "a@b.test"}
REKOR = {"url": "https://rekor.sigstore.dev"}


def told(value: Any, kind: Kind = "source") -> list[str]:
    return [str(fault) for fault in faults(value, kind)]


def policy(*signers: Any, **more: Any) -> dict[str, Any]:
    return {"version": 1, "trustedSigners": list(signers), **more}


ACCEPTED: list[tuple[Any, Kind]] = [
    ({}, "source"),
    ({"created-date": "2026-05-14T00:00:00Z", "updated-date": "2026-05-14T00:00:00.5+02:00"}, "source"),
    ({"metadata": {"mda": {"tags": ["a"]}, "acme-inc": {"any": 1}}, "requires": {"network": "none"}}, "source"),
    ({"integrity": INTEGRITY, "signatures": [DID_WEB]}, "source"),
    ({"signatures": [{**DID_WEB, "payload-type": "application/vnd.a.b+json"}], "integrity": INTEGRITY}, "source"),
    ({"depends-on": [{"name": "a", "version-range": "^1.2.3", "digest": DIGEST}], "version": "1.0.0-rc.1"}, "source"),
    ({"name": "a", "description": "D", "allowed-tools": "Read"}, "SKILL.md"),
    ({"name": "a", "description": "D"}, "MCP-SERVER.md"),
    ({}, "AGENTS.md"),
    ({"rel-type": "cites", "doc-id": "x", "rel-strength": 0.5}, "relationship"),
    (policy({"type": "did-web", "domain": "a.test"}, minSignatures=2), "policy"),
    (policy(HUMAN, rekor=REKOR), "policy"),
    (policy(HUMAN, {"type": "did-web", "domain": "a.test"}, rekor=REKOR), "policy"),
    (policy({**HUMAN, "issuer": GITHUB, "repository": "o/r", "workflow": "w", "ref": "refs/heads/main"}, rekor=REKOR), "policy"),
    (policy({**HUMAN, "issuer": GITHUB, "repository": "o/r", "jobWorkflowRef": "j"}, rekor=REKOR), "policy"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "kind"), ACCEPTED, ids=range(len(ACCEPTED)))
def test_what_is_taken(value: Any, kind: Kind) -> None:
    assert told(value, kind) == []


REFUSED: list[tuple[Any, Kind, str]] = [
    ([], "source", "(root) must be object"),
    ({"name": "a\n"}, "source", '/name must match pattern "^(?:[a-z0-9]+(-[a-z0-9]+)*)$"'),
    ({"name": ""}, "source", "/name must NOT have fewer than 1 characters"),
    ({"description": "x" * 1025}, "source", "/description must NOT have more than 1024 characters"),
    ({"created-date": 5}, "source", "/created-date must be string"),
    ({"created-date": "2026-05-14"}, "source", '/created-date must match format "date-time"'),
    ({"odd": 1}, "source", "(root) must NOT have additional properties"),
    ({"metadata": {"Acme": {}}}, "source", "/metadata must NOT have additional properties"),
    ({"metadata": {"acme": 1}}, "source", "/metadata/acme must be object"),
    ({"metadata": {"mda": {"odd": 1}}}, "source", "/metadata/mda must NOT have additional properties"),
    ({"requires": {"Net": 1}}, "source", "/requires must match pattern"),
    ({"integrity": {"algorithm": "md5", "digest": DIGEST}}, "source", "/integrity/algorithm must be equal to one of"),
    ({"integrity": {"algorithm": "sha512", "digest": DIGEST}}, "source", "/integrity/digest must match pattern"),
    ({"signatures": [], "integrity": INTEGRITY}, "source", "/signatures must NOT have fewer than 1 items"),
    ({"signatures": [DID_WEB]}, "source", "(root) must have property integrity when property signatures is present"),
    ({"signatures": [{**DID_WEB, "rekor-log-id": "x"}], "integrity": INTEGRITY}, "source", "/signatures/0/rekor-log-id must NOT be"),
    ({"signatures": [{**DID_WEB, "signer": "sigstore-oidc:x"}], "integrity": INTEGRITY}, "source", "/signatures/0 must have required property 'rekor-log-id'"),
    ({"signatures": [{**DID_WEB, "payload-type": "application/vnd.a+jcs+json"}], "integrity": INTEGRITY}, "source", "/signatures/0/payload-type must match"),
    ({"depends-on": [{"name": "a", "version-range": ">=1 <2"}]}, "source", "/depends-on/0/version-range must match"),
    ({"name": "a"}, "SKILL.md", "(root) must have required property 'description'"),
    ({"allowed-tools": "Read"}, "AGENTS.md", "(root) must NOT have additional properties"),
    ({"rel-type": "likes", "doc-id": "x"}, "relationship", "/rel-type must be equal to one of the allowed values"),
    ({"rel-type": "cites", "doc-id": "x", "rel-strength": 2}, "relationship", "/rel-strength must be <= 1"),
    (policy(), "policy", "/trustedSigners must NOT have fewer than 1 items"),
    (policy({"type": "did-web", "domain": "a.test"}, version=2), "policy", "/version must be equal to constant"),
    (policy({"type": "did-web", "domain": "a.test"}, minSignatures=0), "policy", "/minSignatures must be >= 1"),
    (policy({"type": "did-web", "domain": "-a"}), "policy", "/trustedSigners/0/domain must match pattern"),
    (policy({"type": "did-web", "domain": "a.test"}, rekor=REKOR), "policy", "/rekor must NOT be there"),
    (policy(*[{"type": "did-web", "domain": "a.test"}] * 2), "policy", "/trustedSigners must NOT have duplicate items"),
    (policy(*[{"type": "did-web", "domain": f"{n}.test"} for n in range(SIGNERS + 1)]), "policy", f"must NOT have more than {SIGNERS} items"),
    (policy(HUMAN), "policy", "(root) must have required property 'rekor'"),
    (policy(HUMAN, rekor={**REKOR, "required": False}), "policy", "/rekor must NOT have additional properties"),
    (policy({"type": "sigstore-oidc", "issuer": "https://a.test"}, rekor=REKOR), "policy", "/trustedSigners/0 must have required property 'subject'"),
    (policy({**HUMAN, "issuer": GITHUB}, rekor=REKOR), "policy", "/trustedSigners/0 must match a schema in anyOf"),
    (policy({"type": "pgp"}), "policy", "/trustedSigners/0 must match exactly one schema in oneOf"),
    (policy(5), "policy", "/trustedSigners/0 must be object"),
]  # fmt: skip


@pytest.mark.parametrize(("value", "kind", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused(value: Any, kind: Kind, said: str) -> None:
    assert any(said in fault for fault in told(value, kind)), told(value, kind)


def test_a_fault_says_where_the_schema_says_so() -> None:
    (fault,) = faults({"metadata": {"a/b~c": {}}}, "source")
    assert fault.rule == "#/properties/metadata/additionalProperties"
    (fault,) = faults({"tags": ["a", 5]}, "source")
    assert (fault.where, fault.rule) == ("/tags/1", "#/properties/tags/items/type")


def test_only_so_many_values_are_looked_at() -> None:
    signers = [{"type": "did-web", "domain": f"{n}.test"} for n in range(5000)]
    assert told(policy(*signers), "policy") == [f"(root) must NOT have more than {MOST_VALUES} values"]
    assert told({"tags": ["a"] * MOST_VALUES}) == [f"(root) must NOT have more than {MOST_VALUES} values"]


def test_only_so_many_faults_are_told() -> None:
    assert len(told({"tags": [1] * 100})) == MOST_FAULTS
