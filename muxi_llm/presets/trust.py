"""Who may sign: trust policies, and signatures held against them.

    policy    → checked against MDA's schema
    examine   → each signature is trusted, rejected (with its error), or by nobody the policy names
    verify    → the same, and an error unless as many *distinct signers* as the policy asks for are trusted

A signer of `did-web` is a domain, one of `sigstore-oidc` an issuer and a subject (specification §13-2): two
keys of one domain are one signer. What is behind a signature is asked of hooks, LLMix's own: nothing here
reaches the network.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from muxi_llm.presets import schema
from muxi_llm.presets.canonical import integrity_payloads, pae
from muxi_llm.presets.did_web import DidWebVerificationInput
from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.schemas import GITHUB

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

Policy = dict[str, Any]
INTEGRITY_TYPE = "application/vnd.mda.integrity+json"
ROOT_TYPE = "application/vnd.snoai.llmix.registry-root+json"


@dataclass(frozen=True, slots=True)
class Identity:
    """A trusted signer. signer: as in the signature, `did-web:<domain>` or `sigstore-oidc:<issuer>`."""

    type: str
    signer: str
    key_id: str
    payload_digest: str
    subject: str | None = None
    rekor_log_id: str | None = None
    rekor_log_index: int | None = None

    @property
    def who(self) -> tuple[str, str | None]:
        """What makes it one signer, whichever of its keys it used."""
        return self.signer, self.subject

    def as_json(self) -> dict[str, Any]:
        """As release plans and trust manifests have it."""
        said = {
            "type": self.type, "signer": self.signer, "subject": self.subject, "keyId": self.key_id,
            "payloadDigest": self.payload_digest, "rekorLogId": self.rekor_log_id,
            "rekorLogIndex": self.rekor_log_index,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Claim:
    """One signature of somebody the policy names, for whoever checks such signatures.

    name: the domain or the issuer. payloads: what may have been signed, one after the other.
    """

    entry: Mapping[str, Any]
    policy: Policy
    name: str
    payload_type: str
    payloads: Sequence[bytes]

    def identity(self, **more: Any) -> Identity:
        """Its signer, once it has been checked."""
        signer, key_id = self.entry["signer"], self.entry["key-id"]
        if key_id.startswith("#"):
            key_id = f"did:web:{self.name}{key_id}"
        return Identity(signer.partition(":")[0], signer, key_id, self.entry["payload-digest"], **more)


class Checker(Protocol):
    """Says whose a signature is, or raises `MdaError`."""

    def __call__(self, claim: Claim) -> Identity:
        """Its signer."""
        ...


Checkers = dict[str, Checker]
"""By the kind of signer: `did-web`, `sigstore-oidc`."""


class DidWebHook(Protocol):
    """LLMix's hook for did:web: `muxi_llm.presets.did_web.DidWebVerifier`, or one of your own."""

    def verify(self, asked: DidWebVerificationInput) -> bool:
        """Whether the signature is that key's. May raise `MdaError`."""
        ...


@dataclass(frozen=True, slots=True)
class DidWebChecker:
    """did:web signatures, by a hook."""

    hook: DidWebHook

    def __call__(self, claim: Claim) -> Identity:
        """Raises `MdaError` unless the hook says yes to one of the payloads."""
        for payload in claim.payloads:
            packed = pae(claim.payload_type, payload)
            key_id, algorithm, signature = (
                claim.entry[name] for name in ("key-id", "algorithm", "signature")
            )
            asked = DidWebVerificationInput(
                claim.name, key_id, algorithm, signature, claim.payload_type, payload, packed
            )
            if self.hook.verify(asked) is True:
                return claim.identity()
        raise failed(claim)


def failed(claim: Claim) -> MdaError:
    """The signature does not verify."""
    return MdaError(
        "signature-verification-failure",
        f"Signature verification failed for {claim.entry['key-id']}",
        code="signature.verification_failed",
    )


# ------------------------------------------------------------------------------------------- policy


def check_policy(policy: Any) -> Policy:
    """*policy*, if it is one. Raises `MdaError` (`trust-policy-violation`)."""
    signers = policy.get("trustedSigners") if isinstance(policy, dict) else None
    wrong = schema.faults(policy, "policy")
    for signer in signers if isinstance(signers, list) else ():
        if isinstance(signer, dict) and _is_by_environment_alone(signer):
            code = "trust_policy.environment_only_not_supported"
            raise MdaError("trust-policy-violation", BY_ENVIRONMENT, code=code, faults=wrong)
    if wrong:
        text = "; ".join(map(str, wrong))
        raise MdaError("trust-policy-violation", text, code="schema.validation", faults=wrong)
    return dict(policy)


def _is_by_environment_alone(signer: Mapping[str, Any]) -> bool:
    """Whoever may start a workflow there would be trusted."""
    bound = "repository" in signer and ({"workflow", "ref"} <= signer.keys() or "jobWorkflowRef" in signer)
    return signer.get("issuer") == GITHUB and "environment" in signer and not bound


def min_signatures(policy: Policy) -> int:
    """How many distinct signers it asks for."""
    return int(policy.get("minSignatures", 1))


def signers_of(policy: Policy, kind: str, name: str | None = None) -> list[dict[str, Any]]:
    """The policy's signers of a kind; with *name*, those of that domain or issuer."""
    return [
        signer
        for signer in policy["trustedSigners"]
        if signer["type"] == kind and name in {None, signer[NAMED_BY[kind]]}
    ]


# --------------------------------------------------------------------------------------- signatures


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of a document's signatures. trusted: distinct signers, in the order they were met."""

    trusted: tuple[Identity, ...] = ()
    rejected: tuple[MdaError, ...] = field(default=())


def examine(
    signatures: Sequence[Any],
    integrity: Mapping[str, Any],
    policy: Policy,
    checkers: Checkers,
    *,
    payload: bytes | None = None,
    types: Collection[str] | None = None,
) -> Verdict:
    """Which signers of *signatures* the policy trusts.

    payload: what is signed, if it is not the integrity. types: the payload types that are taken, by default
    every one of MDA's. Raises `MdaError` for an entry that is malformed or over another digest, whoever
    it is by: such a document is broken.
    """
    for index, entry in enumerate(signatures):
        _check_entry(entry, index, integrity)
    trusted: dict[Any, Identity] = {}
    rejected: list[MdaError] = []
    for entry in signatures:
        kind, _, name = entry["signer"].partition(":")
        if not signers_of(policy, kind, name):
            continue
        try:
            claim = Claim(entry, policy, name, _type_of(entry, types), payloads_of(integrity, payload))
            if kind not in checkers:
                raise MdaError("trust-policy-violation", f"nothing is there to check {kind} signatures with")
            found = checkers[kind](claim)
            trusted.setdefault(found.who, found)
        except MdaError as error:
            rejected.append(error)
    return Verdict(tuple(trusted.values()), tuple(rejected))


def payloads_of(integrity: Mapping[str, Any], payload: bytes | None) -> Sequence[bytes]:
    """What may have been signed."""
    return integrity_payloads(integrity) if payload is None else (payload,)


def verify(
    signatures: Sequence[Any],
    integrity: Mapping[str, Any],
    policy: Policy,
    checkers: Checkers,
    *,
    payload: bytes | None = None,
    types: Collection[str] | None = None,
) -> tuple[Identity, ...]:
    """The distinct trusted signers. Raises `MdaError` if they are fewer than the policy asks for, or if
    the policy names a kind of signer that nothing is there to check.
    """
    for kind in NAMED_BY:
        if kind not in checkers and signers_of(policy, kind):
            raise MdaError("trust-policy-violation", f"the policy names {kind} signers: it needs a verifier")
    verdict = examine(signatures, integrity, policy, checkers, payload=payload, types=types)
    return enough(verdict, policy)


def enough(verdict: Verdict, policy: Policy) -> tuple[Identity, ...]:
    """The verdict's signers, if they are enough; else the most telling error."""
    count, wanted = len(verdict.trusted), min_signatures(policy)
    if count >= wanted:
        return verdict.trusted
    if count:
        text = f"{count} trusted signer identities < {wanted}"
        raise MdaError("insufficient-trusted-signatures", text)
    by_category: Callable[[MdaError], int] = lambda error: TELLING.get(error.category, len(TELLING))  # noqa: E731
    if verdict.rejected:
        raise min(verdict.rejected, key=by_category)
    raise MdaError("no-trusted-signature", "no signature matched the trust policy")


def _check_entry(entry: Any, index: int, integrity: Mapping[str, Any]) -> None:
    strings = ("signer", "key-id", "payload-digest", "algorithm", "signature")
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in strings):
        raise MdaError("schema-violation", "Signature entry is malformed", code="signature.invalid_entry")
    if entry["signer"].partition(":")[0] not in NAMED_BY:
        raise MdaError("unknown-signer-method", f"signatures[{index}].signer is of no known method")
    if entry["payload-digest"] != integrity["digest"]:
        raise MdaError(
            "signature-digest-mismatch", f"signatures[{index}].payload-digest must equal integrity.digest"
        )


def _type_of(entry: Mapping[str, Any], types: Collection[str] | None) -> str:
    kind = entry.get("payload-type", INTEGRITY_TYPE if types is None or INTEGRITY_TYPE in types else "")
    is_right = kind in types if types is not None else isinstance(kind, str) and TYPE.fullmatch(kind)
    if not is_right:
        wanted = " or ".join(sorted(types)) if types is not None else "one of MDA's"
        raise MdaError(
            "signature-verification-failure",
            f"Signature payload-type must be {wanted}",
            code="signature.payload_type_mismatch",
        )
    return str(kind)


# ------------------------------------------------------------------------------------------- tables

NAMED_BY = {"did-web": "domain", "sigstore-oidc": "issuer"}

TYPE = re.compile(r"application/vnd\.[a-z0-9][a-z0-9.\-]*\+json")

TELLING = {
    "rekor-entry-type-mismatch": 0,
    "rekor-inclusion-failure": 1,
    "fulcio-chain-failure": 2,
    "signature-verification-failure": 3,
}
"""Which of several errors says most."""

BY_ENVIRONMENT = (
    "GitHub Actions trust policy must bind repository and exact ref or jobWorkflowRef; environment alone is "
    "not supported"
)
