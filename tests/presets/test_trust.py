"""Policies, and signatures by did:web keys that are held against them."""

from __future__ import annotations

from typing import Any

import pytest

from muxi_llm.presets import keys
from muxi_llm.presets.canonical import pae
from muxi_llm.presets.did_web import DidWebVerificationInput, DidWebVerifier
from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.schemas import GITHUB
from muxi_llm.presets.trust import (
    ROOT_TYPE,
    Checkers,
    DidWebChecker,
    Identity,
    check_policy,
    enough,
    examine,
    verify,
)
from tests.presets.signing import (
    DID,
    DOMAIN,
    EC_KEY,
    INTEGRITY,
    KEY_ID,
    OTHER_KEY,
    POLICY,
    RSA_KEY,
    SEED_KEY,
    did_document,
    jwk,
    method,
    private_pem,
    public_pem,
    signature,
)

NOW = 1_800_000_000.0
TWO = {
    "version": 1,
    "minSignatures": 2,
    "trustedSigners": [{"type": "did-web", "domain": DOMAIN}, {"type": "did-web", "domain": "review.test"}],
}


def by_did(*documents: Any, resolver: Any = None) -> Checkers:
    return {"did-web": DidWebChecker(DidWebVerifier(documents or (did_document(),), lambda: NOW, resolver))}


def refusal(entry: dict[str, Any], checkers: Checkers, **more: Any) -> tuple[str, str | None]:
    with pytest.raises(MdaError) as caught:
        verify([entry], INTEGRITY, POLICY, checkers, **more)
    return caught.value.category, caught.value.code


# ----------------------------------------------------------------------------------------- vectors


def test_the_documents_vector() -> None:
    entry = signature()
    assert entry["signature"] == (
        "uw+EJbSFlA7xtFT+B1jJXpjrp3WXpBNIhJluUiJFH7/Eo9Fr8TCDeqPKYcCUaP/PLd7iBoAgOsJ2fiRBR6SSCg=="
    )
    assert jwk(SEED_KEY)["x"] == "A6EHv_POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg"
    assert verify([entry], INTEGRITY, POLICY, by_did()) == (
        Identity("did-web", f"did-web:{DOMAIN}", KEY_ID, INTEGRITY["digest"]),
    )


@pytest.mark.parametrize("key", [SEED_KEY, EC_KEY, RSA_KEY], ids=["ed25519", "ecdsa-p256", "rsa-pss-sha256"])
@pytest.mark.parametrize("form", ["jwk", "pem", "keys", "keys by a resolver"])
def test_every_kind_of_key_in_every_form(key: Any, form: str) -> None:
    pem = method(key)
    del pem["publicKeyJwk"]
    own = {"keys": [{"key-id": KEY_ID, "algorithm": keys.algorithm_of(key), "public-key": public_pem(key)}]}
    checkers = {
        "jwk": by_did(did_document(method(key))),
        "pem": by_did(did_document({**pem, "publicKeyPem": public_pem(key)})),
        "keys": by_did({"id": DID, **own}),
        "keys by a resolver": by_did(did_document(did="did:web:other.test"), resolver={DOMAIN: own}.get),
    }[form]
    (who,) = verify([signature(key)], INTEGRITY, POLICY, checkers)
    assert who.as_json() == {
        "type": "did-web", "signer": f"did-web:{DOMAIN}", "keyId": KEY_ID, "payloadDigest": INTEGRITY["digest"],
    }  # fmt: skip


def test_an_ed25519_key_may_be_32_bytes_in_base64() -> None:
    raw = {
        "key-id": "k",
        "algorithm": "ed25519",
        "public-key": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
    }
    assert verify([signature(**{"key-id": "k"})], INTEGRITY, POLICY, by_did({"id": DID, "keys": [raw]}))


def test_both_forms_of_the_payload_are_read() -> None:
    for entry in (signature(bare=True), signature(payload_type=None), signature(payload_type="application/vnd.snoai-llmix.preset+json")):  # fmt: skip
        assert verify([entry], INTEGRITY, POLICY, by_did())


def test_a_payload_of_ones_own() -> None:
    payload = b'{"revision":"1"}'
    made = keys.sign(SEED_KEY, pae(ROOT_TYPE, payload))
    entry = signature(payload_type=ROOT_TYPE, signature=__import__("base64").b64encode(made).decode())
    assert verify([entry], INTEGRITY, POLICY, by_did(), payload=payload, types={ROOT_TYPE})
    assert refusal(entry, by_did(), types={ROOT_TYPE}) == (
        "signature-verification-failure", "signature.verification_failed",
    )  # fmt: skip
    entry.pop("payload-type")
    wrong = ("signature-verification-failure", "signature.payload_type_mismatch")
    assert refusal(entry, by_did(), payload=payload, types={ROOT_TYPE}) == wrong
    assert refusal(signature(payload_type="text/plain"), by_did()) == wrong


def test_a_key_may_be_named_by_its_fragment() -> None:
    entry = signature(**{"key-id": "#release"})
    (who,) = verify([entry], INTEGRITY, POLICY, by_did())
    assert who.key_id == KEY_ID


# ------------------------------------------------------------------------------------------ refused

CODE = "signature-verification-failure"


@pytest.mark.parametrize(
    ("entry", "documents", "code"),
    [
        (signature(OTHER_KEY), [did_document()], "signature.verification_failed"),
        (signature(signature="AAAA"), [did_document()], "signature.verification_failed"),
        (signature(signature="not base64!"), [did_document()], "signature.invalid_entry"),
        (signature(algorithm="ecdsa-p256"), [did_document()], "signature.unsupported_algorithm"),
        (signature(**{"key-id": f"{DID}#old"}), [did_document()], "did_web.key_not_found"),
        (signature(**{"key-id": "release"}), [did_document()], "did_web.key_not_found"),
        (signature(**{"key-id": "did:web:evil.test#release"}), [did_document()], "did_web.document_invalid"),
        (signature(), [did_document(did="did:web:evil.test")], "did_web.document_invalid"),
        (signature(), [{"id": DID}], "did_web.document_invalid"),
        (signature(), [did_document(method(controller="did:web:evil.test"))], "did_web.document_invalid"),
        (signature(**{"key-id": "release"}), [did_document(method(id="release"))], "did_web.document_invalid"),
        (signature(), [did_document(method(), method(OTHER_KEY))], "did_web.document_invalid"),
        (signature(), [did_document(method(publicKeyJwk=None))], "did_web.key_not_found"),
        (signature(), [did_document(method(publicKeyJwk={"kty": "OKP", "crv": "X25519", "x": ""}))], "did_web.key_invalid"),
        (signature(), [did_document(method(publicKeyJwk={"kty": "OKP", "crv": "Ed25519", "x": 5}))], "did_web.key_invalid"),
        (signature(), [did_document(method(publicKeyJwk={"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"}))], "did_web.key_invalid"),
        (signature(), [did_document(method(publicKeyJwk={"kty": "RSA", "n": "_w", "e": "AQAB"}))], "did_web.key_invalid"),
        (signature(), [did_document({**method(publicKeyJwk=None), "publicKeyPem": "x"})], "did_web.key_invalid"),
        (signature(), [did_document(method(**{"not-after": "2026-11-30T00:00:00Z"}))], "did_web.key_expired"),
        (signature(), [did_document(method(**{"not-before": "2036-11-30T00:00:00Z"}))], "did_web.key_expired"),
        (signature(), [did_document(method(expires="2026-11-30T00:00:00+02:00"))], "did_web.key_expired"),
        (signature(), [did_document(method(revoked="2026-11-30t00:00:00z"))], "did_web.key_expired"),
        (signature(), [did_document(method(expires="soon"))], "did_web.document_invalid"),
        (signature(), [did_document(method(expires="2036-12-31T23:59:60Z"))], "did_web.document_invalid"),
    ],
)  # fmt: skip
def test_no_signature_of_that_key(entry: dict[str, Any], documents: list[Any], code: str) -> None:
    assert refusal(entry, by_did(*documents)) == (CODE, code)


def test_without_a_document_nothing_is_trusted() -> None:
    nothing: Checkers = {"did-web": DidWebChecker(DidWebVerifier((), lambda: NOW))}
    assert refusal(signature(), nothing) == (CODE, "did_web.document_unavailable")
    assert refusal(signature(), by_did(resolver=lambda _: None, *[5])) == (CODE, "did_web.document_invalid")  # noqa: B026
    lying = {"did-web": DidWebChecker(DidWebVerifier((), lambda: NOW, lambda _: {"id": "did:web:evil.test"}))}
    assert refusal(signature(), lying) == (CODE, "did_web.document_invalid")


def test_a_new_key_beside_the_old_one() -> None:
    """A rotation: both verify until the old one's time is over."""
    old, new = method(name="2026", **{"not-after": "2027-02-01T00:00:00Z"}), method(OTHER_KEY, "2027")
    documents = [did_document(old, new)]
    first, second = signature(**{"key-id": f"{DID}#2026"}), signature(OTHER_KEY, **{"key-id": f"{DID}#2027"})
    until = 1_801_440_000.0  # 2027-02-01
    for now, trusted in ((NOW, 2), (until, 2), (until + 1, 1)):
        checkers: Checkers = {"did-web": DidWebChecker(DidWebVerifier(documents, lambda now=now: now))}
        found = [examine([entry], INTEGRITY, POLICY, checkers) for entry in (first, second)]
        assert sum(len(verdict.trusted) for verdict in found) == trusted


def test_a_broken_entry_breaks_the_document() -> None:
    for entry, category, code in (
        (5, "schema-violation", "signature.invalid_entry"),
        (signature(signature=5), "schema-violation", "signature.invalid_entry"),
        (signature(signer="pgp:x"), "unknown-signer-method", None),
        (signature(**{"payload-digest": "sha256:" + "0" * 64}), "signature-digest-mismatch", None),
    ):
        assert refusal(entry, by_did()) == (category, code)  # type: ignore[arg-type]
        with pytest.raises(MdaError):
            examine([signature(), entry], INTEGRITY, POLICY, by_did())


def test_whom_the_policy_does_not_name_is_passed_over() -> None:
    evil = signature(OTHER_KEY, signer="did-web:evil.test")
    assert refusal(evil, by_did()) == ("no-trusted-signature", None)
    assert len(verify([evil, signature()], INTEGRITY, POLICY, by_did())) == 1


def test_two_keys_of_one_domain_are_one_signer() -> None:
    both = did_document(method(), method(OTHER_KEY, "second"))
    review = did_document(did="did:web:review.test")
    entries = [signature(), signature(OTHER_KEY, **{"key-id": f"{DID}#second"})]
    with pytest.raises(MdaError, match="1 trusted signer identities < 2"):
        verify(entries, INTEGRITY, TWO, by_did(both, review))
    third = signature(signer="did-web:review.test", **{"key-id": "did:web:review.test#release"})
    assert len(verify([*entries, third], INTEGRITY, TWO, by_did(both, review))) == 2


def test_the_most_telling_error_is_raised() -> None:
    entries = [signature(signature="AAAA")]
    verdict = examine(entries, INTEGRITY, POLICY, by_did())
    assert [error.code for error in verdict.rejected] == ["signature.verification_failed"]
    with pytest.raises(MdaError):
        enough(verdict, POLICY)


def test_a_kind_of_signer_that_cannot_be_checked() -> None:
    assert refusal(signature(), {}) == ("trust-policy-violation", None)
    verdict = examine([signature()], INTEGRITY, POLICY, {})
    assert [error.category for error in verdict.rejected] == ["trust-policy-violation"]


def test_a_hook_of_ones_own_must_say_yes() -> None:
    class Hook:
        def __init__(self, answer: Any) -> None:
            self.answer = answer
            self.asked: list[DidWebVerificationInput] = []

        def verify(self, asked: DidWebVerificationInput) -> Any:
            self.asked.append(asked)
            return self.answer

    yes = Hook(True)
    assert verify([signature()], INTEGRITY, POLICY, {"did-web": DidWebChecker(yes)})
    assert yes.asked[0].domain == DOMAIN
    assert yes.asked[0].pae_bytes.startswith(b"DSSEv1 34 ")
    assert refusal(signature(), {"did-web": DidWebChecker(Hook("yes"))})[1] == "signature.verification_failed"


# ----------------------------------------------------------------------------------------- policies


def test_policies() -> None:
    assert check_policy(POLICY) == POLICY
    signer = {"type": "sigstore-oidc", "issuer": GITHUB, "subject": "s", "environment": "production"}
    by_environment = {"version": 1, "trustedSigners": [signer], "rekor": {"url": "https://r.test"}}
    for policy, code in (
        (by_environment, "trust_policy.environment_only_not_supported"),
        ({"version": 1, "trustedSigners": [5]}, "schema.validation"),
        ([], "schema.validation"),
        ({"version": 1, "trustedSigners": 5}, "schema.validation"),
    ):
        with pytest.raises(MdaError) as caught:
            check_policy(policy)
        assert (caught.value.category, caught.value.code) == ("trust-policy-violation", code)
        assert caught.value.faults


# --------------------------------------------------------------------------------------------- keys


def test_private_keys() -> None:
    for key in (SEED_KEY, EC_KEY, RSA_KEY):
        read = keys.private_key(private_pem(key).encode())
        assert keys.is_signed(key.public_key(), keys.sign(read, b"x"), b"x")
        assert not keys.is_signed(key.public_key(), keys.sign(read, b"x"), b"y")
    for wrong in (b"", b"secret", public_pem(SEED_KEY).encode()):
        with pytest.raises(MdaError) as caught:
            keys.private_key(wrong)
        assert "secret" not in str(caught.value)


def test_other_curves_and_sizes_are_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric import ec, rsa, x25519

    for key in (ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 1024), x25519.X25519PrivateKey.generate()):  # fmt: skip
        with pytest.raises(MdaError, match="keys are Ed25519"):
            keys.private_key(private_pem(key).encode())
        with pytest.raises(MdaError):
            keys.public_pem(public_pem(key))


def test_a_key_has_one_fingerprint_whatever_it_is_called() -> None:
    assert keys.fingerprint(keys.public_jwk(jwk(SEED_KEY))) == keys.fingerprint(
        keys.public_pem(public_pem(SEED_KEY))
    )
    assert keys.fingerprint(SEED_KEY.public_key()) != keys.fingerprint(OTHER_KEY.public_key())
