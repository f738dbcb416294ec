"""Presets, keys and releases for tests: what a team has before its first release, made on the spot."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from muxi_llm.presets.publish import (
    ConfigRegistryPublisher,
    ConfigRegistryPublishOptions,
    PublishedRevision,
    RegistryRootSigningInput,
    RegistryRootSigningOptions,
)

DOMAIN = "config.example.com"
DID = f"did:web:{DOMAIN}"
KEY_ID = f"{DID}#release"
POLICY: dict[str, Any] = {
    "version": 1,
    "minSignatures": 1,
    "trustedSigners": [{"type": "did-web", "domain": DOMAIN}],
}
ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
Key = Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def source(model: str = "gpt-5-mini", *, provider: str = "openai", more: str = "", front: str = "") -> str:
    """A preset's file. more: lines within LLMix's part. front: lines at the top."""
    return (
        "---\nname: openai-fast\ndescription: Fast.\n" + front + "metadata:\n  snoai-llmix:\n    common:\n"
        f"      provider: {provider}\n      model: {model}\n{more}---\n# Notes\n\nBe brief.\n"
    )


def write_sources(registry: Path, texts: dict[str, str]) -> None:
    """`module/preset` → text, into `source/`."""
    for name, text in texts.items():
        path = registry / "source" / f"{name}.mda"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def pem(key: Key) -> bytes:
    """A private key's file."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def did_document(*keys: tuple[str, Key], not_after: str | None = None) -> dict[str, Any]:
    """A document with these keys, by fragment."""
    more = {} if not_after is None else {"not-after": not_after}
    return {
        "id": DID,
        "verificationMethod": [
            {
                "id": f"{DID}#{name}",
                "type": "JsonWebKey2020",
                "controller": DID,
                "publicKeyPem": key.public_key()
                .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
                .decode(),
                **more,
            }
            for name, key in keys
        ],
    }


def signer(key: Key = ED25519, *, key_id: str = KEY_ID) -> RegistryRootSigningOptions:
    """Who signs roots, written from the contract alone: nothing of ours is in it."""

    def sign(asked: RegistryRootSigningInput) -> dict[str, str]:
        kind, payload = asked.payload_type.encode(), asked.canonical_payload
        pae = b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)
        if isinstance(key, Ed25519PrivateKey):
            algorithm, signature = "ed25519", key.sign(pae)
        elif isinstance(key, ec.EllipticCurvePrivateKey):
            algorithm, signature = "ecdsa-p256", key.sign(pae, ec.ECDSA(hashes.SHA256()))
        else:
            pss = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH)
            algorithm, signature = "rsa-pss-sha256", key.sign(pae, pss, hashes.SHA256())
        return {
            "signer": f"did-web:{DOMAIN}",
            "key-id": key_id,
            "algorithm": algorithm,
            "payload-type": asked.payload_type,
            "payload-digest": asked.integrity["digest"],
            "signature": base64.b64encode(signature).decode(),
        }

    return RegistryRootSigningOptions(sign)


def publish(
    registry: Path,
    revision: str,
    texts: dict[str, str] | None = None,
    *,
    key: Key | None = ED25519,
    activate: bool = True,
    **options: Any,
) -> PublishedRevision:
    """Publish *texts* (else what is in `source/`), signed unless there is no key."""
    write_sources(registry, texts or {})
    wanted = ConfigRegistryPublishOptions(signed_root=key and signer(key), **options)
    return ConfigRegistryPublisher(registry).publish(revision, activate, wanted)


def write_json(path: Path, value: Any) -> Path:
    """*value* as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, indent=2) + "\n")
    return path


def tree(folder: Path) -> dict[str, str]:
    """Every file below *folder* and its digest: to see that nothing has changed."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
