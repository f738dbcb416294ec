"""An OpenID provider, as one of its clients meets it: authorization code with PKCE.

    begin ──► the browser goes to the provider ──► it comes back with a code ──► finish: code → claims

Nothing of an ID token is believed before its signature, by a key the provider publishes, and all that
https://openid.net/specs/openid-connect-core-1_0.html#IDTokenValidation asks for. Symmetric algorithms and
`none` are not among those that are known here.
"""

from __future__ import annotations

import time
from base64 import urlsafe_b64encode
from hashlib import sha256
from secrets import token_urlsafe
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import httpx2
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from muxi_llm.governance.login.person import CLAIMS, claim
from muxi_llm.governance.refusals import refused
from muxi_llm.wire.base import WireError, loads

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.types.login import OidcSettings

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "Ed25519", "EdDSA"),
)

LEEWAY = 60
"""Seconds by which two clocks may differ."""

TIMEOUT = 10.0
LARGEST = 2**20
"""Bytes of an answer of the provider's, at most."""

FRESH = 3600.0
"""Seconds that what it says of itself, and its keys, are believed without asking again."""

SOON = 10.0
"""Seconds between two looks for a key that was not there."""


class Begun(NamedTuple):
    """A login under way. url: where the browser goes; the rest is kept until it is back."""

    url: str
    state: str
    nonce: str
    verifier: str


class Provider:
    """Safe between threads. Everything raises a refusal: of 502 where the provider does not play its part, of
    403 where it has not vouched for anybody.
    """

    def __init__(self, settings: OidcSettings, now: Callable[[], float] = time.time) -> None:
        self.settings = settings
        self._now = now
        self._client = httpx2.Client(timeout=TIMEOUT, follow_redirects=False)
        self._lock = Lock()
        self._said: tuple[float, Mapping[str, Any]] = (0.0, {})
        self._keys: tuple[float, KeySet] = (0.0, KeySet([]))

    def close(self) -> None:
        """No more."""
        self._client.close()

    def begin(self) -> Begun:
        """Where to send a browser, with everything that is only good once."""
        state, nonce, verifier = token_urlsafe(32), token_urlsafe(32), token_urlsafe(48)
        challenge = urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": self.settings.redirect_url,
            "scope": " ".join(self.settings.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        url = self._endpoint("authorization_endpoint")
        return Begun(f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(asked)}", state, nonce, verifier)

    def finish(self, code: str, nonce: str, verifier: str) -> dict[str, Any]:
        """The claims about whoever that code was given to."""
        told = self._traded(code, verifier)
        claims = self._checked(str(told.get("id_token", "")), nonce)
        wanted = {**CLAIMS, **self.settings.claims}.values()
        if any(claim(claims, one) is None for one in wanted) and "userinfo_endpoint" in self._metadata():
            more = self._asked("GET", self._endpoint("userinfo_endpoint"), str(told.get("access_token", "")))
            if (
                more.get("sub") != claims["sub"]
            ):  # https://openid.net/specs/openid-connect-core-1_0.html#UserInfoResponse
                raise not_vouched("its user information is about somebody else")
            claims = {**more, **claims}
        return claims

    # ----------------------------------------------------------------------------------- its parts

    def _traded(self, code: str, verifier: str) -> Mapping[str, Any]:
        """A code → tokens. How a client says who it is: https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1."""
        own = self.settings
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": own.redirect_url,
            "code_verifier": verifier,
        }
        methods = self._metadata().get("token_endpoint_auth_methods_supported") or ["client_secret_basic"]
        auth = None
        if own.client_secret and "client_secret_basic" in methods:
            auth = httpx2.BasicAuth(quote(own.client_id, safe=""), quote(own.client_secret, safe=""))
        else:
            form["client_id"] = own.client_id
            form |= {"client_secret": own.client_secret} if own.client_secret else {}
        return self._asked("POST", self._endpoint("token_endpoint"), data=form, auth=auth)

    def _checked(self, token: str, nonce: str) -> dict[str, Any]:
        try:
            claims = dict(self._decoded(token).claims)
            jwt.JWTClaimsRegistry(
                now=lambda: int(self._now()),
                leeway=LEEWAY,
                iss={"essential": True, "value": self.settings.issuer},
                aud={"essential": True, "value": self.settings.client_id},
                sub={"essential": True},
                exp={"essential": True},
                iat={"essential": True},
                nonce={"essential": True, "value": nonce},
            ).validate(claims)
        except (JoseError, ValueError, TypeError) as error:
            raise not_vouched(f"its ID token is not good ({type(error).__name__})") from None
        if claims.get("azp", self.settings.client_id) != self.settings.client_id:
            raise not_vouched("its ID token is somebody else's")
        if isinstance(claims["aud"], list) and len(claims["aud"]) > 1 and "azp" not in claims:
            raise not_vouched("its ID token is for several, and does not say whose it is")
        return claims

    def _decoded(self, token: str) -> jwt.Token:
        """By a key that it publishes; one that is not known may be new."""
        try:
            return jwt.decode(token, self._key_set(FRESH), algorithms=ALGORITHMS)
        except InvalidKeyIdError:
            return jwt.decode(token, self._key_set(SOON), algorithms=ALGORITHMS)

    def _key_set(self, age: float) -> KeySet:
        """Its keys, as they were so many seconds ago at most."""
        with self._lock:
            at, keys = self._keys
        if self._now() - at > age:
            said = self._asked("GET", self._endpoint("jwks_uri"))
            try:
                keys = KeySet.import_key_set(said)  # type: ignore[arg-type]
            except (JoseError, ValueError, TypeError, KeyError, AttributeError):
                raise broken("its keys cannot be read") from None
            with self._lock:
                self._keys = (self._now(), keys)
        return keys

    def _metadata(self) -> Mapping[str, Any]:
        """What it says of itself, as https://openid.net/specs/openid-connect-discovery-1_0.html has it."""
        with self._lock:
            at, said = self._said
        if self._now() - at > FRESH:
            issuer = self.settings.issuer
            said = self._asked("GET", f"{issuer.rstrip('/')}/.well-known/openid-configuration")
            if said.get("issuer") != issuer:
                raise broken("it says it is another issuer than the configuration does")
            with self._lock:
                self._said = (self._now(), said)
        return said

    def _endpoint(self, name: str) -> str:
        """Where it does that. Raises a refusal for what would go over the network for everybody to read."""
        url = self._metadata().get(name)
        if not (isinstance(url, str) and is_private(url)):
            raise broken(f"its {name} is missing, or no https")
        return url

    def _asked(self, method: str, url: str, bearer: str = "", **given: Any) -> Mapping[str, Any]:
        headers = {"accept": "application/json"} | ({"authorization": f"Bearer {bearer}"} if bearer else {})
        try:
            with self._client.stream(method, url, headers=headers, **given) as reply:
                content = b""
                for piece in reply.iter_bytes():
                    content += piece
                    if len(content) > LARGEST:
                        raise broken("its answer is too large")
                status = reply.status_code
            said = loads(content)
        except (httpx2.HTTPError, httpx2.InvalidURL, WireError) as error:
            raise broken(f"it cannot be asked ({type(error).__name__})") from None
        if method == "POST" and 400 <= status < 500:  # a code that it does not know, or not any more
            raise not_vouched("it does not accept this login; begin again")
        if status != 200 or not isinstance(said, dict):
            raise broken(f"it answered with {status}")
        return said


def is_private(url: str) -> bool:
    """Whether what is sent there is read by nobody else: https, or this very machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)


def not_vouched(why: str) -> MuxiLLMError:
    """The refusal of somebody the provider has not vouched for."""
    return refused(403, f"the login provider has not vouched for you: {why}", "login_failed")


def broken(why: str) -> MuxiLLMError:
    """The refusal where the provider does not play its part."""
    return refused(502, f"the login provider does not work: {why}", "login_provider")


LOOPBACK = {"localhost", "127.0.0.1", "::1"}
