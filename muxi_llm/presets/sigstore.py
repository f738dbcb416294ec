"""Sigstore signatures: by LLMix's hooks for Rekor and for certificates, or by an offline fixture.

    rekor_client.fetch_entry(url, log_id, log_index)    → a `RekorEntry`, or `None`; may have `rekor_url`
    sigstore_verifier.verify(entry, signature, pae)     → who signed: `issuer`, and `subject`,
                                                          `subject_alternative_name` or `certificate_pem`

What a policy binds beside issuer and subject (`repository`, `workflow`, `ref`, `jobWorkflowRef`,
`environment`) must be in the verifier's answer, by that name, or the signer is not trusted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from muxi_llm.presets import keys, schema
from muxi_llm.presets.canonical import pae
from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.trust import Claim, Identity, failed, signers_of

try:
    from cryptography import x509
except ImportError as error:  # pragma: no cover - tests have every extra
    raise ImportError("signatures need cryptography: pip install 'muxi-llm[presets]'") from error

KIND = "dsse-v0.0.1"
BOUND = ("issuer", "subject", "repository", "workflow", "ref", "jobWorkflowRef", "environment")


@dataclass(frozen=True, slots=True)
class RekorEntry:
    """An entry of the transparency log. dsse_envelope: `payload_type`, `payload` (base64), `signatures`
    (`sig`, `keyid`). inclusion_verified: whether the client has proven that the log has it.
    """

    kind: str
    log_id: str
    log_index: int
    dsse_envelope: Mapping[str, Any]
    inclusion_verified: bool | None = None


class RekorClient(Protocol):
    """Fetches entries of the log."""

    def fetch_entry(self, rekor_url: str, log_id: str, log_index: int) -> Any:
        """A `RekorEntry` (or an object or mapping of its shape); `None` where there is none."""
        ...


class SigstoreVerifier(Protocol):
    """Checks a signature's certificate, up to its root."""

    def verify(self, entry: Any, signature: Mapping[str, Any], pae_bytes: bytes) -> Any:
        """Who signed; `None` or an exception is a failure of the certificate's chain."""
        ...


@dataclass(frozen=True, slots=True)
class SigstoreChecker:
    """Sigstore signatures, by the two hooks."""

    rekor: RekorClient
    verifier: SigstoreVerifier

    def __call__(self, claim: Claim) -> Identity:
        """Raises `MdaError` unless the log has the signature and the policy trusts who made it."""
        url = claim.policy["rekor"]["url"]
        if getattr(self.rekor, "rekor_url", url) != url:
            raise MdaError("trust-policy-violation", "the Rekor client is for another log than the policy's")
        log_id, index = claim.entry.get("rekor-log-id"), claim.entry.get("rekor-log-index")
        if not isinstance(log_id, str) or not isinstance(index, int):
            raise _no_inclusion("the signature does not say where the log has it")
        with _told("rekor-inclusion-failure", "the log could not be asked"):
            entry = self.rekor.fetch_entry(url, log_id, index)
        packed = _logged(claim, entry, (log_id, index))
        with _told("fulcio-chain-failure", "the certificate could not be verified"):
            who = self.verifier.verify(entry, claim.entry, packed)
        said = _identity(who)
        if not any(
            _is_bound(signer, said) for signer in signers_of(claim.policy, "sigstore-oidc", claim.name)
        ):
            raise MdaError("no-trusted-signature", "no signature matched the trust policy")
        return claim.identity(subject=said["subject"], rekor_log_id=log_id, rekor_log_index=index)


@contextmanager
def _told(category: str, text: str) -> Iterator[None]:
    """What a hook raises, in the specification's words."""
    try:
        yield
    except MdaError:
        raise
    except (ValueError, RuntimeError, LookupError, TypeError, OSError) as error:
        raise MdaError(category, f"{text}: {type(error).__name__}") from error


def _logged(claim: Claim, entry: Any, place: tuple[str, int]) -> bytes:
    """What was signed, if the log's entry is of this very signature."""
    if entry is None:
        raise _no_inclusion("the log has no such entry")
    if _part(entry, "kind") != KIND:
        raise MdaError("rekor-entry-type-mismatch", f"the log's entry must be {KIND}")
    if (_part(entry, "log_id"), _part(entry, "log_index")) != place:
        raise _no_inclusion("the log's entry is another one")
    if _part(entry, "inclusion_verified") is False:
        raise _no_inclusion("the log's entry is not proven to be in it")
    envelope = _part(entry, "dsse_envelope") or {}
    wanted = {"sig": claim.entry["signature"], "keyid": claim.entry["key-id"]}
    made = [each for each in envelope.get("signatures") or () if wanted.items() <= dict(each).items()]
    payload = keys.decoded(envelope.get("payload"))
    if not made or payload not in claim.payloads or envelope.get("payload_type") != claim.payload_type:
        raise _no_inclusion("the log's entry is not of this signature")
    return pae(claim.payload_type, payload)


def _no_inclusion(text: str) -> MdaError:
    return MdaError("rekor-inclusion-failure", text, code="rekor.evidence_mismatch")


def _part(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)


def _is_bound(signer: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    return all(said.get(name) == signer[name] for name in BOUND if name in signer)


def _identity(who: Any) -> dict[str, Any]:
    said = {name: _part(who, name) for name in BOUND}
    said["subject"] = said["subject"] or _part(who, "subject_alternative_name")
    if pem := _part(who, "certificate_pem"):
        said["subject"] = said["subject"] or _subject(pem)
    return said


def _subject(pem: str | bytes) -> str | None:
    """The one name in a certificate: an e-mail address or a workflow's URI."""
    try:
        found = x509.load_pem_x509_certificate(pem.encode() if isinstance(pem, str) else pem)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (ValueError, x509.ExtensionNotFound):
        return None
    told = names.get_values_for_type(x509.RFC822Name)
    told += names.get_values_for_type(x509.UniformResourceIdentifier)
    return told[0] if len(told) == 1 else None


# ------------------------------------------------------------------------------------------ fixture


@dataclass(frozen=True, slots=True)
class SigstoreFixture:
    """What stands for Sigstore where there is no network: one identity, its key, and its place in the log.

    said: the fixture file's value, as `fixture` has checked it.
    """

    said: Mapping[str, Any]

    def __call__(self, claim: Claim) -> Identity:
        """Raises `MdaError` unless the signature is the fixture's, and the policy trusts its identity."""
        said, entry, log = self.said, claim.entry, self.said["rekor"]
        bound = any(
            _is_bound(signer, said) for signer in signers_of(claim.policy, "sigstore-oidc", claim.name)
        )
        place = (entry.get("rekor-log-id"), entry.get("rekor-log-index"))
        is_own = bound and said["issuer"] == claim.name and said["keyId"] == entry["key-id"]
        self.check(is_own, "sigstore.identity_mismatch")
        self.check(claim.policy["rekor"]["url"] == log["url"], "rekor.policy_mismatch")
        self.check(self.is_over(entry["payload-digest"]), "sigstore.fixture_digest_mismatch")
        self.check(None not in place, "rekor.evidence_missing")
        self.check(place == (log["logId"], log["logIndex"]), "rekor.evidence_mismatch")
        key = keys.public_pem(said["publicKeyPem"])
        is_kind = said["algorithm"] == entry["algorithm"] == keys.algorithm_of(key)
        self.check(is_kind, "signature.unsupported_algorithm")
        signature = keys.decoded(entry["signature"])
        if not any(keys.is_signed(key, signature, pae(claim.payload_type, each)) for each in claim.payloads):
            raise failed(claim)
        return claim.identity(
            subject=said["subject"], rekor_log_id=log["logId"], rekor_log_index=log["logIndex"]
        )

    def check(self, is_right: bool, code: str) -> None:
        """Raises `MdaError` with that code and its text, unless it is right."""
        if not is_right:
            raise MdaError("signature-verification-failure", TEXTS[code], code=code)

    def is_over(self, digest: str) -> bool:
        """Whether the fixture is for the document of that digest."""
        return bool(digest == self.said["expectedPayloadDigest"] == self.said["rekor"]["payloadDigest"])


def fixture(value: Any) -> SigstoreFixture:
    """A fixture file's value. Raises `MdaError` (`sigstore.fixture_invalid`) for one that is incomplete."""
    if wrong := schema.faults(value, "fixture"):
        text, code = "; ".join(map(str, wrong)), "sigstore.fixture_invalid"
        raise MdaError("signature-verification-failure", text, code=code)
    return SigstoreFixture(value)


TEXTS = {
    "sigstore.fixture_invalid": "Sigstore fixture public key does not match private key",
    "sigstore.identity_mismatch": "Sigstore fixture identity does not match the signature and trust policy",
    "rekor.policy_mismatch": "Trust policy Rekor URL does not match the Sigstore fixture",
    "sigstore.fixture_digest_mismatch": "Sigstore fixture digest does not match the integrity digest",
    "rekor.evidence_missing": "Signature is missing required Rekor evidence",
    "rekor.evidence_mismatch": "Signature Rekor evidence does not match the Sigstore fixture",
    "signature.unsupported_algorithm": "Signature algorithm does not match the Sigstore fixture public key",
}
