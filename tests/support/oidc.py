"""A small OpenID provider on loopback: discovery, authorization code with PKCE, tokens, keys that change, user
information. Whoever comes to its login page is the person it was last told to let in.

https://openid.net/specs/openid-connect-core-1_0.html, https://www.rfc-editor.org/rfc/rfc7636
"""

from __future__ import annotations

import hmac
import json
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from http.client import HTTPConnection
from secrets import token_urlsafe
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from tests.support.upstream import Received, Respond, Upstream

CLIENT, SECRET = "muxi-gateway", "s3cret:with%odd&signs"


class OidcProvider(Upstream):
    """`url` is its issuer. person: claims of whoever logs in. spoilt: what is made of an ID token's claims before
    it is signed; signed: how. asked_for: the last authorization request.
    """

    def __init__(self) -> None:
        super().__init__(self._replied)
        self.person: dict[str, Any] = {"sub": "1", "email": "ada@example.com", "email_verified": True}
        self.spoilt: Callable[[dict[str, Any]], dict[str, Any]] = lambda claims: claims
        self.signed: Callable[[dict[str, Any]], str] = self._signed
        self.metadata: dict[str, Any] = {}
        self.userinfo: dict[str, Any] | None = None
        self.redirect_url = ""
        self.asked_for: dict[str, str] = {}
        self._codes: dict[str, dict[str, str]] = {}
        self.rotate()

    def rotate(self, alg: str = "ES256") -> None:
        """Another key, and the old one is not published any more."""
        named = {"kid": token_urlsafe(8), "use": "sig"}
        self._alg = alg
        self._key = RSAKey.generate_key(2048, named) if alg == "RS256" else ECKey.generate_key("P-256", named)

    def _signed(self, claims: dict[str, Any]) -> str:
        return jwt.encode({"alg": self._alg, "kid": self._key.kid}, claims, self._key)

    @property
    def public_key(self) -> bytes:
        return self._key.as_pem(private=False)

    def by_secret(self, secret: bytes) -> Callable[[dict[str, Any]], str]:
        """Signed symmetrically, with what everybody may know. By hand: no library does that any more."""

        def signed(claims: dict[str, Any]) -> str:
            head = self._unsigned({"alg": "HS256", "kid": self._key.kid}, claims)
            return f"{head}.{url64(hmac.digest(secret, head.encode(), sha256))}"

        return signed

    def unsigned(self, claims: dict[str, Any]) -> str:
        """Signed by nobody."""
        return self._unsigned({"alg": "none", "kid": self._key.kid}, claims) + "."

    @staticmethod
    def _unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
        return ".".join(url64(json.dumps(one).encode()) for one in (header, claims))

    # ------------------------------------------------------------------------------- its endpoints

    def _replied(self, asked: Received) -> Respond:
        path, _, query = asked.path.partition("?")
        known = {
            "/.well-known/openid-configuration": self._discovered,
            "/authorize": self._authorized,
            "/token": self._traded,
            "/keys": self._published,
            "/userinfo": self._informed,
        }
        answer = known.get(path)
        return (
            Respond(404, {"error": "not_found"}) if answer is None else answer(asked, dict(parse_qsl(query)))
        )

    def _discovered(self, _: Received, __: dict[str, str]) -> Respond:
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "jwks_uri": f"{self.url}/keys",
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256"],
            "code_challenge_methods_supported": ["S256"],
        }
        if self.userinfo is not None:
            said["userinfo_endpoint"] = f"{self.url}/userinfo"
        return Respond(json={**said, **self.metadata})

    def _authorized(self, _: Received, query: dict[str, str]) -> Respond:
        wanted = {"response_type": "code", "client_id": CLIENT, "code_challenge_method": "S256"}
        if (
            any(query.get(name) != value for name, value in wanted.items())
            or "openid" not in query["scope"].split()
        ):
            return Respond(400, {"error": "invalid_request"})
        if self.redirect_url and query["redirect_uri"] != self.redirect_url:
            return Respond(400, {"error": "invalid_redirect_uri"})
        self.asked_for, code = query, token_urlsafe(16)
        self._codes[code] = query
        back = urlencode({"code": code, "state": query["state"], "iss": self.url})
        return Respond(302, headers={"location": f"{query['redirect_uri']}?{back}"})

    def _traded(self, asked: Received, _: dict[str, str]) -> Respond:
        form = dict(parse_qsl(asked.body.decode()))
        if asked.headers.get("authorization", "").startswith("Basic "):
            client = b64decode(asked.headers["authorization"].removeprefix("Basic ")).decode()
            told = tuple(map(unquote, client.split(":", 1)))
        else:
            told = (form.get("client_id", ""), form.get("client_secret", ""))
        if told != (CLIENT, SECRET):
            return Respond(401, {"error": "invalid_client"})
        begun = self._codes.pop(form.get("code", ""), None)
        challenge = url64(sha256(form.get("code_verifier", "").encode()).digest())
        if (
            begun is None
            or begun["redirect_uri"] != form["redirect_uri"]
            or begun["code_challenge"] != challenge
        ):
            return Respond(400, {"error": "invalid_grant"})
        now = int(time.time())
        claims = {
            "iss": self.url,
            "aud": CLIENT,
            "iat": now,
            "exp": now + 300,
            "nonce": begun["nonce"],
            **self.person,
        }
        token = self.signed(self.spoilt(claims))
        return Respond(json={"access_token": "at", "token_type": "Bearer", "id_token": token})

    def _published(self, _: Received, __: dict[str, str]) -> Respond:
        return Respond(json=KeySet([self._key]).as_dict(private=False))

    def _informed(self, asked: Received, _: dict[str, str]) -> Respond:
        if asked.headers.get("authorization") != "Bearer at":
            return Respond(401, {"error": "invalid_token"})
        return Respond(json=self.userinfo)


def url64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def sent_back(url: str) -> dict[str, str]:
    """What a browser that goes there is sent back with."""
    parts = urlsplit(url)
    connection = HTTPConnection(parts.netloc)
    connection.request("GET", f"{parts.path}?{parts.query}")
    location = connection.getresponse().headers["location"]
    connection.close()
    return dict(parse_qsl(urlsplit(location).query))
