"""Sigstore signatures, by hooks and by the offline fixture."""

from __future__ import annotations

import base64
import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from muxi_llm.presets.canonical import integrity_payloads
from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.schemas import GITHUB
from muxi_llm.presets.sigstore import RekorEntry, SigstoreChecker, fixture
from muxi_llm.presets.trust import Checkers, verify
from tests.presets.signing import INTEGRITY, OTHER_KEY, SEED_KEY, public_pem, signature

REKOR = "https://rekor.sigstore.dev"
ISSUER = "https://accounts.google.com"
HUMAN = {"type": "sigstore-oidc", "issuer": ISSUER, "subject": "a@b.test"}
POLICY = {"version": 1, "trustedSigners": [HUMAN], "rekor": {"url": REKOR}}
LOGGED = {
    "signer": f"sigstore-oidc:{ISSUER}",
    "key-id": "fulcio:1",
    "rekor-log-id": "log",
    "rekor-log-index": 7,
}
CLAIM = signature(**LOGGED)
ENTRY = RekorEntry(
    "dsse-v0.0.1",
    "log",
    7,
    {
        "payload_type": CLAIM["payload-type"],
        "payload": base64.b64encode(integrity_payloads(INTEGRITY)[0]).decode(),
        "signatures": [{"sig": CLAIM["signature"], "keyid": "fulcio:1", "more": 1}],
    },
    True,
)


class Rekor:
    rekor_url = REKOR

    def __init__(self, entry: Any) -> None:
        self.entry = entry

    def fetch_entry(self, rekor_url: str, log_id: str, log_index: int) -> Any:
        assert (rekor_url, log_id, log_index) == (REKOR, "log", 7)
        if isinstance(self.entry, Exception):
            raise self.entry
        return self.entry


class Fulcio:
    def __init__(self, who: Any) -> None:
        self.who = who

    def verify(self, entry: Any, claim: Any, pae_bytes: bytes) -> Any:
        assert pae_bytes.startswith(b"DSSEv1 ")
        if isinstance(self.who, Exception):
            raise self.who
        return self.who


def checkers(entry: Any = ENTRY, who: Any = HUMAN) -> Checkers:
    return {"sigstore-oidc": SigstoreChecker(Rekor(entry), Fulcio(who))}


def category(given: Checkers, claim: dict[str, Any] = CLAIM, policy: Any = POLICY) -> str:
    with pytest.raises(MdaError) as caught:
        verify([claim], INTEGRITY, policy, given)
    return caught.value.category


def test_a_signature_that_the_log_has() -> None:
    for entry in (ENTRY, {name: getattr(ENTRY, name) for name in ENTRY.__slots__}):
        (who,) = verify([CLAIM], INTEGRITY, POLICY, checkers(entry))
        assert who.as_json() == {
            "type": "sigstore-oidc", "signer": f"sigstore-oidc:{ISSUER}", "subject": "a@b.test",
            "keyId": "fulcio:1", "payloadDigest": INTEGRITY["digest"], "rekorLogId": "log", "rekorLogIndex": 7,
        }  # fmt: skip


@pytest.mark.parametrize(
    ("entry", "wanted"),
    [
        (None, "rekor-inclusion-failure"),
        (OSError("down"), "rekor-inclusion-failure"),
        (MdaError("fulcio-chain-failure", "own"), "fulcio-chain-failure"),
        (replace(ENTRY, kind="hashedrekord-v0.0.1"), "rekor-entry-type-mismatch"),
        (replace(ENTRY, log_index=8), "rekor-inclusion-failure"),
        (replace(ENTRY, inclusion_verified=False), "rekor-inclusion-failure"),
        (replace(ENTRY, dsse_envelope={}), "rekor-inclusion-failure"),
        (replace(ENTRY, dsse_envelope={**ENTRY.dsse_envelope, "signatures": []}), "rekor-inclusion-failure"),
        (replace(ENTRY, dsse_envelope={**ENTRY.dsse_envelope, "payload": "e30="}), "rekor-inclusion-failure"),
        (
            replace(ENTRY, dsse_envelope={**ENTRY.dsse_envelope, "payload_type": "x"}),
            "rekor-inclusion-failure",
        ),
    ],
)
def test_what_the_log_has_not(entry: Any, wanted: str) -> None:
    assert category(checkers(entry)) == wanted


def test_who_signed_must_be_whom_the_policy_names() -> None:
    assert category(checkers(who={**HUMAN, "subject": "evil@b.test"})) == "no-trusted-signature"
    assert category(checkers(who={**HUMAN, "issuer": "https://evil.test"})) == "no-trusted-signature"
    assert category(checkers(who=ValueError("expired"))) == "fulcio-chain-failure"
    assert category(checkers(who=None)) == "no-trusted-signature"
    assert verify(
        [CLAIM], INTEGRITY, POLICY, checkers(who={"issuer": ISSUER, "subject_alternative_name": "a@b.test"})
    )


def test_what_a_policy_binds_must_be_proven() -> None:
    signer = {"type": "sigstore-oidc", "issuer": GITHUB, "subject": "repo:o/r:ref:refs/heads/main",
              "repository": "o/r", "workflow": "release.yml", "ref": "refs/heads/main"}  # fmt: skip
    policy = {"version": 1, "trustedSigners": [signer], "rekor": {"url": REKOR}}
    claim = {**CLAIM, "signer": f"sigstore-oidc:{GITHUB}"}
    assert verify([claim], INTEGRITY, policy, checkers(who=signer))
    bare = {"issuer": GITHUB, "subject": signer["subject"]}
    assert category(checkers(who=bare), claim, policy) == "no-trusted-signature"
    assert category(checkers(who={**signer, "workflow": "evil.yml"}), claim, policy) == "no-trusted-signature"


def test_another_log_is_no_log() -> None:
    policy = {**POLICY, "rekor": {"url": "https://other.test"}}
    assert category(checkers(), policy=policy) == "trust-policy-violation"
    claim = {name: value for name, value in CLAIM.items() if name != "rekor-log-id"}
    assert category(checkers(), claim) == "rekor-inclusion-failure"


def certificate(*names: x509.GeneralName) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sigstore")])
    day = dt.datetime(2026, 5, 14, tzinfo=dt.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(SEED_KEY.public_key())
    made = made.serial_number(1).not_valid_before(day).not_valid_after(day + dt.timedelta(1))
    if names:
        made = made.add_extension(x509.SubjectAlternativeName(names), False)
    from cryptography.hazmat.primitives.serialization import Encoding

    return made.sign(SEED_KEY, None).public_bytes(Encoding.PEM).decode()


def test_a_subject_may_be_in_the_certificate() -> None:
    pem = certificate(x509.RFC822Name("a@b.test"))
    for text in (pem, pem.encode()):
        assert verify([CLAIM], INTEGRITY, POLICY, checkers(who={"issuer": ISSUER, "certificate_pem": text}))
    two = certificate(x509.RFC822Name("a@b.test"), x509.UniformResourceIdentifier("https://b.test"))
    for odd in (two, certificate(), "no certificate"):
        assert category(checkers(who={"issuer": ISSUER, "certificate_pem": odd})) == "no-trusted-signature"


# ------------------------------------------------------------------------------------------ fixture

FIXTURE = {
    "issuer": ISSUER, "subject": "a@b.test", "repository": "o/r", "workflow": "w", "ref": "refs/heads/main",
    "keyId": "fulcio:1", "algorithm": "ed25519", "publicKeyPem": public_pem(SEED_KEY),
    "expectedPayloadDigest": INTEGRITY["digest"],
    "rekor": {"url": REKOR, "logId": "log", "logIndex": 7, "payloadDigest": INTEGRITY["digest"]},
}  # fmt: skip


def by_fixture(**more: Any) -> Checkers:
    log = {**FIXTURE["rekor"], **more.pop("rekor", {})}  # type: ignore[dict-item]
    return {"sigstore-oidc": fixture({**FIXTURE, **more, "rekor": log})}


def test_a_signature_by_the_fixture() -> None:
    (who,) = verify([CLAIM], INTEGRITY, POLICY, by_fixture())
    assert (who.subject, who.rekor_log_id, who.rekor_log_index) == ("a@b.test", "log", 7)


OTHER = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (by_fixture(subject="evil@b.test"), "sigstore.identity_mismatch"),
        (by_fixture(issuer="https://evil.test"), "sigstore.identity_mismatch"),
        (by_fixture(keyId="fulcio:2"), "sigstore.identity_mismatch"),
        (by_fixture(rekor={"url": "https://other.test"}), "rekor.policy_mismatch"),
        (by_fixture(expectedPayloadDigest=OTHER), "sigstore.fixture_digest_mismatch"),
        (by_fixture(rekor={"payloadDigest": OTHER}), "sigstore.fixture_digest_mismatch"),
        (by_fixture(rekor={"logIndex": 8}), "rekor.evidence_mismatch"),
        (by_fixture(publicKeyPem=public_pem(OTHER_KEY)), "signature.verification_failed"),
        (by_fixture(publicKeyPem="x"), "did_web.key_invalid"),
    ],
)
def test_no_signature_by_the_fixture(given: Checkers, code: str) -> None:
    with pytest.raises(MdaError) as caught:
        verify([CLAIM], INTEGRITY, POLICY, given)
    assert caught.value.code == code


def test_evidence_that_is_missing_and_another_algorithm() -> None:
    for claim, code in (
        ({**CLAIM, "rekor-log-id": None}, "rekor.evidence_missing"),
        ({**CLAIM, "algorithm": "ecdsa-p256"}, "signature.unsupported_algorithm"),
    ):
        with pytest.raises(MdaError) as caught:
            verify([claim], INTEGRITY, POLICY, by_fixture())
        assert caught.value.code == code


@pytest.mark.parametrize(
    "value",
    [5, {}, {**FIXTURE, "rekor": 5}, {**FIXTURE, "issuer": ""}, {**FIXTURE, "algorithm": "rsa"},
     {**FIXTURE, "expectedPayloadDigest": "x"}, {**FIXTURE, "rekor": {**FIXTURE["rekor"], "logIndex": True}},
     {**FIXTURE, "rekor": {**FIXTURE["rekor"], "logId": ""}}],
)  # fmt: skip
def test_no_fixture(value: Any) -> None:
    with pytest.raises(MdaError) as caught:
        fixture(value)
    assert caught.value.code == "sigstore.fixture_invalid"
