"""`mda sign` and `mda verify`."""

from __future__ import annotations

import json
from typing import Any

import pytest

from muxi_llm.presets.source import document
from tests.commands.mda.conftest import DID, SIGN, SOURCE, Mda
from tests.presets.signing import (
    DOMAIN,
    EC_KEY,
    KEY_ID,
    OTHER_KEY,
    SEED_KEY,
    did_document,
    method,
    private_pem,
    public_pem,
    signature,
)

VERIFY = f"verify {SOURCE} --policy release/trust-policy.json"


def front(cli: Mda, path: str = SOURCE) -> dict[str, Any]:
    return document((cli.folder / path).read_bytes()).front


def test_a_signature_is_written_and_verified(signed: Mda) -> None:
    (entry,) = front(signed)["signatures"]
    assert list(entry) == ["signer", "key-id", "payload-digest", "algorithm", "signature", "payload-type"]
    assert entry == signature(SEED_KEY, front(signed)["integrity"])
    said = signed(f"{VERIFY} {DID}")
    assert list(said)[7:] == [
        "message", "file", "target", "policy", "trustedSignatures", "rejectedSignatures", "minSignatures",
        "trustedSignerIdentities", "payloadDigest",
    ]  # fmt: skip
    assert (said["trustedSignatures"], said["rejectedSignatures"]) == (1, 0)
    assert said["trustedSignerIdentities"] == [
        {
            "type": "did-web",
            "signer": f"did-web:{DOMAIN}",
            "keyId": KEY_ID,
            "payloadDigest": said["payloadDigest"],
        }
    ]
    assert said["nextActions"][0]["id"] == "publish-artifact"


def test_signing_twice_appends_twice_and_keeps_comments(signed: Mda) -> None:
    text = (signed.folder / SOURCE).read_text().replace("signatures:", "signatures: # who\n  # first")
    signed.write(SOURCE, text)
    said = signed(
        f"sign {SOURCE} --method did-web --identity {DOMAIN} --key release/did-web-private-key.pem --out b.mda"
    )
    assert list(said)[7:] == [
        "message", "file", "target", "profile", "signer", "keyId", "payloadDigest", "out", "written",
    ]  # fmt: skip
    assert said["keyId"] == f"did:web:{DOMAIN}#default"
    assert len(front(signed, "b.mda")["signatures"]) == 2
    after = (signed.folder / "b.mda").read_text()
    assert after.startswith(text[: text.index("---\n#")])
    assert (signed.folder / SOURCE).read_text() == text


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        (f"sign {SOURCE}", 2, "input.usage"),
        (f"sign {SOURCE} --profile pgp", 2, "input.usage"),
        (f"sign {SOURCE} {SIGN}", 2, "input.usage"),
        (f"sign {SOURCE} {SIGN} --in-place --out x.mda", 2, "input.usage"),
        (f"sign {SOURCE} {SIGN} --in-place --rekor", 2, "input.usage"),
        (f"sign {SOURCE} --profile did-web --in-place", 2, "input.usage"),
        (f"sign {SOURCE} --profile did-web --did did:key:z --in-place", 2, "input.usage"),
        (f"sign {SOURCE} --profile did-web --did did:web:- --in-place", 2, "input.usage"),
        (f"sign {SOURCE} --profile did-web --did did:web:a.test --in-place", 2, "did_web.key_input_missing"),
        (f"sign {SOURCE} {SIGN} --out {SOURCE}", 3, "filesystem.io"),
        (
            f"sign {SOURCE} {SIGN.replace('did-web-private-key.pem', 'none.pem')} --in-place",
            3,
            "filesystem.io",
        ),
        (
            f"sign {SOURCE} {SIGN.replace('did-web-private-key.pem', 'did.json')} --in-place",
            3,
            "filesystem.io",
        ),
        (f"sign none.mda {SIGN} --in-place", 1, "filesystem.io"),
        (f"sign x.md {SIGN} --in-place", 2, "input.usage"),
    ],
)
def test_what_cannot_be_signed(signed: Mda, line: str, status: int, code: str) -> None:
    before = (signed.folder / SOURCE).read_bytes()
    assert signed.codes(line, status) == [code]
    assert (signed.folder / SOURCE).read_bytes() == before


def test_a_key_is_never_shown(signed: Mda) -> None:
    key = (signed.folder / "release/did-web-private-key.pem").read_text().splitlines()[1]
    signed.write(
        "release/broken.pem", f"-----BEGIN PRIVATE KEY-----\n{key[:-4]}\n-----END PRIVATE KEY-----\n"
    )
    said = signed(f"sign {SOURCE} {SIGN.replace('did-web-private-key', 'broken')} --in-place", 3)
    assert key[:16] not in json.dumps(said)
    said = signed(f"verify {SOURCE} --policy release/did-web-private-key.pem", 3)
    assert key[:16] not in json.dumps(said)


def test_only_ed25519_signs_here(signed: Mda) -> None:
    signed.write("release/ec.pem", private_pem(EC_KEY))
    line = f"sign {SOURCE} {SIGN.replace('did-web-private-key', 'ec')} --in-place"
    assert signed.codes(line) == ["signature.unsupported_algorithm"]


def test_signing_needs_a_digest_that_is_right(signed: Mda) -> None:
    signed.write(SOURCE, (signed.folder / SOURCE).read_bytes() + b"x\n")
    said = signed(f"sign {SOURCE} {SIGN} --in-place", 1)
    assert said["diagnostics"][0]["code"] == "integrity.mismatch"
    assert said["nextActions"][0]["command"] == f"mda integrity compute {SOURCE} --target source --write"
    text = (signed.folder / SOURCE).read_text()
    signed.write("a.mda", text[: text.index("integrity:")] + text[text.index("---\n# ") :])
    assert signed.codes(f"sign a.mda {SIGN} --in-place") == ["integrity.missing_required"]
    signed("integrity compute a.mda --write")
    signed.write(
        "a.mda", (signed.folder / "a.mda").read_text().replace("integrity:", "signatures: 5\nintegrity:")
    )
    assert signed.codes(f"sign a.mda {SIGN} --in-place") == ["signature.invalid_entry"]


# ------------------------------------------------------------------------------------------- verify


@pytest.mark.parametrize(
    ("line", "status", "code"),
    [
        (f"verify {SOURCE}", 2, "input.usage"),
        (f"{VERIFY} --offline", 2, "input.usage"),
        (f"verify {SOURCE} --policy none.json", 3, "filesystem.io"),
        (f"verify {SOURCE} --policy {SOURCE}", 3, "filesystem.io"),
        (f"verify {SOURCE} --policy release/did.json", 1, "schema.validation"),
        (VERIFY, 1, "did_web.document_unavailable"),
        (f"{VERIFY} --did-document none.json", 1, "did_web.document_unavailable"),
        (f"{VERIFY} --did-document {SOURCE}", 1, "did_web.document_unavailable"),
        (f"{VERIFY} --did-document release/trust-policy.json", 1, "did_web.document_invalid"),
        (f"verify none.mda --policy release/trust-policy.json {DID}", 1, "filesystem.io"),
    ],
)
def test_what_cannot_be_verified(signed: Mda, line: str, status: int, code: str) -> None:
    assert code in signed.codes(line, status)


def test_why_nobody_is_trusted(signed: Mda) -> None:
    signed.write("evil.json", did_document(method(OTHER_KEY)))
    said = signed(f"{VERIFY} --did-document evil.json", 1)
    assert [each["code"] for each in said["diagnostics"]] == ["signature.verification_failed"]
    assert (said["rejectedSignatures"], said["nextActions"][0]["id"]) == (1, "fix-did-document")
    policy = {"version": 1, "trustedSigners": [{"type": "did-web", "domain": "other.test"}]}
    signed.write("other.json", policy)
    said = signed(f"verify {SOURCE} --policy other.json {DID}", 1)
    assert [each["code"] for each in said["diagnostics"]] == ["trust_policy.no_trusted_signature"]
    assert said["nextActions"][0]["id"] == "sign-with-trusted-identity"


def test_as_many_signers_as_the_policy_asks_for(signed: Mda) -> None:
    signers = [{"type": "did-web", "domain": name} for name in (DOMAIN, "review.test")]
    signed.write("two.json", {"version": 1, "minSignatures": 2, "trustedSigners": signers})
    signed.write("review.json", did_document(method(did="did:web:review.test"), did="did:web:review.test"))
    line = f"verify {SOURCE} --policy two.json {DID} --did-document review.json"
    said = signed(line, 1)
    assert [each["code"] for each in said["diagnostics"]] == ["trust_policy.insufficient_trusted_signatures"]
    assert (said["trustedSignatures"], said["minSignatures"]) == (1, 2)
    review = SIGN.replace("config.example.com", "review.test")
    signed(f"sign {SOURCE} {review} --in-place")
    assert signed(line)["trustedSignatures"] == 2


def test_a_document_that_was_changed_or_is_not_signed(signed: Mda) -> None:
    whole = (signed.folder / SOURCE).read_text()
    for text, code in (
        (whole + "x\n", "integrity.mismatch"),
        (whole.replace("gpt-5-mini", "gpt-5"), "integrity.mismatch"),
        (whole[: whole.index("signatures:")] + whole[whole.index("---\n# ") :], "signature.missing_required"),
        (
            whole.replace("payload-digest: sha256:", "payload-digest: sha256:0").replace("0\n", "\n"),
            "schema.validation",
        ),
        (whole.replace("vnd.mda.integrity", "vnd.other.thing"), "signature.payload_type_mismatch"),
    ):
        signed.write(SOURCE, text)
        assert signed.codes(f"{VERIFY} {DID}")[0] == code


def test_a_policy_by_environment_alone(signed: Mda) -> None:
    signer = {
        "type": "sigstore-oidc",
        "issuer": "https://token.actions.githubusercontent.com",
        "subject": "s",
    }
    policy = {
        "version": 1,
        "trustedSigners": [{**signer, "environment": "prod"}],
        "rekor": {"url": "https://r.test"},
    }
    signed.write("env.json", policy)
    assert (
        signed.codes(f"verify {SOURCE} --policy env.json")[0] == "trust_policy.environment_only_not_supported"
    )


# ----------------------------------------------------------------------------------- github-actions

GITHUB = "--profile github-actions --repo o/r --workflow release.yml --ref refs/heads/main"


def fixture(digest: str, **more: Any) -> dict[str, Any]:
    return {
        "issuer": "https://token.actions.githubusercontent.com", "subject": "repo:o/r:ref:refs/heads/main",
        "repository": "o/r", "workflow": "release.yml", "ref": "refs/heads/main", "keyId": "fulcio:1",
        "algorithm": "ed25519", "publicKeyPem": public_pem(SEED_KEY), "privateKeyPem": private_pem(SEED_KEY),
        "expectedPayloadDigest": digest,
        "rekor": {"url": "https://rekor.sigstore.dev", "logId": "log", "logIndex": 7, "payloadDigest": digest}, **more,
    }  # fmt: skip


def test_a_workflows_signature(signed: Mda) -> None:
    digest = front(signed)["integrity"]["digest"]
    signed.write("f.json", fixture(digest))
    said = signed(f"sign {SOURCE} {GITHUB} --rekor --offline-sigstore-fixture f.json --in-place")
    assert (said["rekorLogId"], said["rekorLogIndex"]) == ("log", 7)
    assert list(front(signed)["signatures"][1])[-3:] == ["payload-type", "rekor-log-id", "rekor-log-index"]
    said = signed(f"release trust policy --target llmix-registry {GITHUB} --out github.json")
    assert [each["id"] for each in said["nextActions"]] == [
        "sign-github-actions-release", "verify-github-actions-release",
    ]  # fmt: skip
    said = signed(f"verify {SOURCE} --policy github.json --offline-sigstore-fixture f.json")
    assert said["trustedSignerIdentities"][0]["subject"] == "repo:o/r:ref:refs/heads/main"
    said = signed(f"verify {SOURCE} --policy github.json", 1)
    assert [each["code"] for each in said["diagnostics"]] == ["sigstore.fixture_required"]
    assert said["nextActions"][0]["id"] == "provide-sigstore-fixture"
    for path, code in (
        ("none.json", "sigstore.fixture_unavailable"),
        ("release/did.json", "sigstore.fixture_invalid"),
    ):
        assert signed.codes(f"verify {SOURCE} --policy github.json --offline-sigstore-fixture {path}") == [
            code
        ]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"workflow": "other.yml"}, "sigstore.identity_mismatch"),
        ({"expectedPayloadDigest": "sha256:" + "0" * 64}, "sigstore.fixture_digest_mismatch"),
        ({"privateKeyPem": private_pem(OTHER_KEY)}, "sigstore.fixture_invalid"),
        ({"algorithm": "rsa"}, "sigstore.fixture_invalid"),
        ({"privateKeyPem": None}, "did_web.key_invalid"),
    ],
)
def test_a_workflow_that_cannot_sign(signed: Mda, more: dict[str, Any], code: str) -> None:
    signed.write("f.json", fixture(front(signed)["integrity"]["digest"], **more))
    line = f"sign {SOURCE} {GITHUB} --rekor --offline-sigstore-fixture f.json --in-place"
    assert signed.codes(line) == [code]


@pytest.mark.parametrize(
    "line",
    [
        GITHUB.replace("o/r", "o"),
        GITHUB.replace("--workflow release.yml", ""),
        GITHUB.replace("refs/heads/main", "main"),
        GITHUB,
        f"{GITHUB} --rekor",
        f"{GITHUB} --rekor --did did:web:a.test",
    ],
)
def test_a_workflow_that_is_not_said_whole(signed: Mda, line: str) -> None:
    assert signed.codes(f"sign {SOURCE} {line} --in-place", 2) == ["input.usage"]
