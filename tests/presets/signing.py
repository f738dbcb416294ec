"""Keys and signatures for the tests: made here, or from the seed bytes 00..1f that the documents' vectors have."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from muxi_llm.presets import keys
from muxi_llm.presets.canonical import integrity_payloads, pae
from muxi_llm.presets.source import document
from muxi_llm.presets.trust import INTEGRITY_TYPE

SEED_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_KEY = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
EC_KEY = ec.derive_private_key(7**50, ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(65537, 2048)
DOMAIN = "config.example.com"
DID = f"did:web:{DOMAIN}"
KEY_ID = f"{DID}#release"
POLICY = {"version": 1, "minSignatures": 1, "trustedSigners": [{"type": "did-web", "domain": DOMAIN}]}
INTEGRITY = {
    "algorithm": "sha256",
    "digest": "sha256:2259366cf445b4ca014780a0f2b8ee4aa9b8ebea92c1f7eda0c2903159f6ca48",
}


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def jwk(key: Any) -> dict[str, str]:
    public = key.public_key()
    if isinstance(public, ed25519.Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64url(public.public_bytes_raw())}
    numbers = public.public_numbers()
    if isinstance(public, ec.EllipticCurvePublicKey):
        x, y = (b64url(n.to_bytes(32, "big")) for n in (numbers.x, numbers.y))
        return {"kty": "EC", "crv": "P-256", "x": x, "y": y}
    n, e = (b64url(n.to_bytes((n.bit_length() + 7) // 8, "big")) for n in (numbers.n, numbers.e))
    return {"kty": "RSA", "n": n, "e": e}


def public_pem(key: Any) -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


def private_pem(key: Any) -> str:
    form, bare = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, form, bare).decode()


def method(key: Any = SEED_KEY, name: str = "release", did: str = DID, **more: Any) -> dict[str, Any]:
    method_id = f"{did}#{name}"
    return {"id": method_id, "type": "JsonWebKey2020", "controller": did, "publicKeyJwk": jwk(key), **more}


def did_document(*methods: dict[str, Any], did: str = DID) -> dict[str, Any]:
    return {"id": did, "verificationMethod": list(methods or (method(did=did),))}


def signature(
    key: Any = SEED_KEY,
    integrity: dict[str, str] = INTEGRITY,
    *,
    payload_type: str | None = INTEGRITY_TYPE,
    bare: bool = False,
    **more: Any,
) -> dict[str, Any]:
    payload = integrity_payloads(integrity)[bare]
    made = keys.sign(key, pae(payload_type or INTEGRITY_TYPE, payload))
    return {
        "signer": f"did-web:{DOMAIN}",
        "key-id": KEY_ID,
        "payload-digest": integrity["digest"],
        "algorithm": keys.algorithm_of(key),
        "signature": base64.b64encode(made).decode(),
        **({"payload-type": payload_type} if payload_type else {}),
        **more,
    }


def signed(data: bytes, key: Any = SEED_KEY, **more: Any) -> bytes:
    """A document's bytes, with its digest and a signature."""
    found = document(data)
    integrity = {"algorithm": "sha256", "digest": found.digest()}
    found = document(found.with_entry("integrity", integrity))
    entries = [*found.front.get("signatures", []), signature(key, integrity, **more)]
    return found.with_entry("signatures", entries)


def identity_files(folder: Path, key: Any = SEED_KEY) -> None:
    """`release/did-web-private-key.pem` and `release/did.json`, as a release system has them."""
    (folder / "release").mkdir(parents=True, exist_ok=True)
    (folder / "release" / "did-web-private-key.pem").write_text(private_pem(key))
    (folder / "release" / "did.json").write_text(json.dumps(did_document(method(key))))
