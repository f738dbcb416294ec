"""Google's identity service on loopback, and service accounts that know of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.support.upstream import Respond, Upstream


def service_account(file: Path, upstream: Upstream, **fields: Any) -> Path:
    """The file of a new service account, whose tokens *upstream* gives out."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    account = {
        "type": "service_account",
        "client_email": "robot@example.com",
        "token_uri": f"{upstream.url}/token",
        "private_key": pem.decode(),
        "project_id": "proj-of-file",
        **fields,
    }
    file.write_text(json.dumps(account))
    return file


def token(value: str = "ya29.one", seconds: int = 3600) -> Respond:
    """An access token."""
    return Respond(json={"access_token": value, "expires_in": seconds, "token_type": "Bearer"})
