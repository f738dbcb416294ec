"""did:web documents: which keys a domain has, and from when until when each counts.

Two forms are read: a DID document (`did.json`, https://w3c-ccg.github.io/did-method-web/), and MDA's own list
(`/.well-known/mda-keys.json`, specification §09-5). A key is found by its id, so a document may have several,
and a new one is used while the old one still verifies what it has signed. A key's time is `not-before` and
`not-after`, or `expires` and `revoked` (https://www.w3.org/TR/cid-1.0/#verification-methods).
Nothing is fetched: documents are given, or a resolver is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from muxi_llm.presets import keys
from muxi_llm.presets.canonical import pae
from muxi_llm.presets.errors import MdaError
from muxi_llm.presets.schemas import DATE_TIME

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True, slots=True)
class DidWebVerificationInput:
    """A signature, for the hook that says whether it is its domain's. pae_bytes: what was signed."""

    domain: str
    key_id: str
    algorithm: str
    signature: str
    payload_type: str
    payload_bytes: bytes
    pae_bytes: bytes


@dataclass(frozen=True, slots=True)
class DidWebVerifier:
    """LLMix's hook `did_web_verifier`, over documents that are at hand.

    documents: DID documents as values, each found by its `id`. clock: seconds since the epoch, now.
    resolver: from a domain to its document, in either form, for domains that have none in *documents*;
    `None` is no document.
    """

    documents: Iterable[Mapping[str, Any]]
    clock: Callable[[], float]
    resolver: Callable[[str], Mapping[str, Any] | None] | None = None

    def verify(self, asked: DidWebVerificationInput) -> bool:
        """Whether the signature is by that key of that domain. Raises `MdaError` if there is no such key."""
        key = self._key(asked.domain, asked.key_id)
        if keys.algorithm_of(key) != asked.algorithm:
            raise MdaError(
                "signature-verification-failure",
                f"Signature algorithm {asked.algorithm} does not match the DID public key",
                code="signature.unsupported_algorithm",
            )
        packed = pae(asked.payload_type, asked.payload_bytes)
        return keys.is_signed(key, keys.decoded(asked.signature), packed)

    def _key(self, domain: str, key_id: str) -> keys.PublicKey:
        did = f"did:web:{domain}"
        if key_id.startswith("did:") and not key_id.startswith(f"{did}#"):
            raise _refused("document_invalid", f"DID key {key_id} is not anchored to {did}")
        document = self._document(domain, did)
        if "verificationMethod" not in document and isinstance(document.get("keys"), list):
            method = _found(document["keys"], "key-id", {key_id, f"{did}#{key_id}"}, key_id)
            key = keys.public_pem(str(method.get("public-key")), raw=True)
        else:
            method = _method(document, did, key_id)
            key = _public(method, key_id)
        self._check_time(method, key_id)
        return key

    def _document(self, domain: str, did: str) -> Mapping[str, Any]:
        given = list(self.documents)
        found: Mapping[str, Any] | None = next(
            (each for each in given if isinstance(each, dict) and each.get("id") == did), None
        )
        if found is None and self.resolver is not None:
            found = self.resolver(domain)
        if found is None and given:
            raise _refused("document_invalid", f"DID document id must be {did}")
        if found is None:
            raise _refused(
                "document_unavailable", "--did-document <path> is required for local did:web verification"
            )
        if not isinstance(found, Mapping) or found.get("id", did) != did:
            raise _refused("document_invalid", f"DID document id must be {did}")
        return found

    def _check_time(self, method: Mapping[str, Any], key_id: str) -> None:
        now = self.clock()
        for name, is_over in TIMES.items():
            if name in method and is_over(now, _seconds(method[name], key_id)):
                raise _refused("key_expired", f"DID key {key_id} does not count at this time ({name})")


def _method(document: Mapping[str, Any], did: str, key_id: str) -> Mapping[str, Any]:
    methods = document.get("verificationMethod")
    if not isinstance(methods, list):
        raise _refused("document_invalid", "DID document must contain verificationMethod[]")
    fragment = "#" + key_id.rpartition("#")[2]
    ids = {key_id, fragment, did + fragment} if "#" in key_id else {key_id}
    method = _found(methods, "id", ids, key_id)
    if not str(method["id"]).startswith((f"{did}#", "#")):
        raise _refused("document_invalid", f"DID key {key_id} is not anchored to {did}")
    if method.get("controller") != did:
        raise _refused("document_invalid", f"DID key {key_id} controller must be {did}")
    return method


def _found(entries: list[Any], name: str, ids: set[str], key_id: str) -> Mapping[str, Any]:
    """The one entry of that id: which of two would count is nobody's guess."""
    found = [entry for entry in entries if isinstance(entry, dict) and str(entry.get(name)) in ids]
    if not found:
        raise _refused("key_not_found", f"DID document does not contain key id {key_id}")
    if len(found) > 1:
        raise _refused("document_invalid", f"DID document has key id {key_id} more than once")
    return dict(found[0])


def _public(method: Mapping[str, Any], key_id: str) -> keys.PublicKey:
    if isinstance(method.get("publicKeyJwk"), dict):
        return keys.public_jwk(method["publicKeyJwk"])
    if isinstance(method.get("publicKeyPem"), str):
        return keys.public_pem(method["publicKeyPem"])
    raise _refused("key_not_found", f"DID key {key_id} has no supported public key material")


def _seconds(value: object, key_id: str) -> float:
    if isinstance(value, str) and DATE_TIME.fullmatch(value):
        with suppress(ValueError):  # the year 0, a leap second
            return datetime.fromisoformat(value.upper()).timestamp()
    raise _refused("document_invalid", f"DID key {key_id} has a time that is none")


def _refused(code: str, message: str) -> MdaError:
    return MdaError("signature-verification-failure", message, code=f"did_web.{code}")


TIMES: dict[str, Callable[[float, float], bool]] = {
    "not-before": lambda now, then: now < then,
    "not-after": lambda now, then: now > then,
    "expires": lambda now, then: now >= then,
    "revoked": lambda now, then: now >= then,
}
