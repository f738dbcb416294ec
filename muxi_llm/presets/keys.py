"""Keys: Ed25519, ECDSA P-256 and RSA-PSS, from JWK, PEM or raw bytes; signing and verifying with them."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import TYPE_CHECKING, Any, TypeAlias

try:
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
except ImportError as error:  # pragma: no cover - tests have every extra
    raise ImportError("signatures need cryptography: pip install 'muxi-llm[presets]'") from error

from muxi_llm.presets.errors import MdaError

if TYPE_CHECKING:
    from collections.abc import Mapping

PublicKey: TypeAlias = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey: TypeAlias = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

LEAST_RSA = 2048
LARGEST_RSA = 8192
"""Bits: below, it can be broken; above, one signature takes seconds to verify."""
UNREADABLE = (ValueError, TypeError, KeyError, UnsupportedAlgorithm)


def algorithm_of(key: PublicKey | PrivateKey) -> str:
    """`ed25519`, `ecdsa-p256` or `rsa-pss-sha256`. Raises `MdaError` for any other curve or size."""
    if isinstance(key, ed25519.Ed25519PublicKey | ed25519.Ed25519PrivateKey):
        return "ed25519"
    if isinstance(key, rsa.RSAPublicKey | rsa.RSAPrivateKey) and LEAST_RSA <= key.key_size <= LARGEST_RSA:
        return "rsa-pss-sha256"
    if isinstance(key, ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) and isinstance(
        key.curve, ec.SECP256R1
    ):
        return "ecdsa-p256"
    raise _invalid("keys are Ed25519, P-256, or RSA of 2048 to 8192 bits")


def sign(key: PrivateKey, data: bytes) -> bytes:
    """The signature of *data*: raw (Ed25519), DER (ECDSA), or PSS with a salt as long as its hash (RSA)."""
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(data)
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return key.sign(data, ec.ECDSA(hashes.SHA256()))
    return key.sign(data, _pss(), hashes.SHA256())


def is_signed(key: PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether *signature* is *key*'s, over *data*."""
    try:
        if isinstance(key, ed25519.Ed25519PublicKey):
            key.verify(signature, data)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, data, ec.ECDSA(hashes.SHA256()))
        else:
            key.verify(signature, data, _pss(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def _pss() -> padding.PSS:
    return padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256().digest_size)


def fingerprint(key: PublicKey) -> str:
    """`sha256:…` of the key itself: the same key is the same, whatever it is called."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"sha256:{hashlib.sha256(der).hexdigest()}"


def private_key(pem: bytes) -> PrivateKey:
    """A private key in PEM, without a password. Raises `MdaError`, which quotes nothing of it."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except UNREADABLE:
        raise _invalid("no private key in PEM form without a password") from None
    algorithm_of(key)  # type: ignore[arg-type]  # it refuses what is none of ours
    return key  # type: ignore[return-value]


def public_pem(text: str, *, raw: bool = False) -> PublicKey:
    """A public key in PEM; with *raw*, also the base64 of an Ed25519 key's 32 bytes."""
    try:
        if raw and "-----" not in text:
            return ed25519.Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
        key = serialization.load_pem_public_key(text.encode())
    except UNREADABLE:
        raise _invalid("no public key in PEM form") from None
    algorithm_of(key)  # type: ignore[arg-type]
    return key  # type: ignore[return-value]


def public_jwk(jwk: Mapping[str, Any]) -> PublicKey:
    """A public key in JSON (RFC 7517, RFC 8037)."""
    try:
        kind, curve = jwk["kty"], jwk.get("crv")
        key: PublicKey
        if (kind, curve) == ("OKP", "Ed25519"):
            key = ed25519.Ed25519PublicKey.from_public_bytes(_bytes(jwk["x"]))
        elif (kind, curve) == ("EC", "P-256"):
            x, y = _number(jwk["x"]), _number(jwk["y"])
            key = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
        elif kind == "RSA":
            key = rsa.RSAPublicNumbers(_number(jwk["e"]), _number(jwk["n"])).public_key()
        else:
            raise ValueError
    except UNREADABLE:
        raise _invalid("no public key of a known kind in JWK form") from None
    algorithm_of(key)
    return key


def decoded(text: object) -> bytes:
    """The bytes of a signature in base64 (RFC 4648 §4). Raises `MdaError`."""
    try:
        return base64.b64decode(str(text), validate=True)
    except (binascii.Error, ValueError):
        raise MdaError(
            "signature-verification-failure", "a signature must be base64", code="signature.invalid_entry"
        ) from None


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _number(text: str) -> int:
    return int.from_bytes(_bytes(text[: LARGEST_RSA // 4]), "big")


def _invalid(message: str) -> MdaError:
    return MdaError("signature-verification-failure", message, code="did_web.key_invalid")
