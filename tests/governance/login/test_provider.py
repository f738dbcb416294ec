"""An OpenID provider as a client meets it: what is asked of it, and everything it may get wrong."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from muxi_llm.errors import APIStatusError
from muxi_llm.governance.login.provider import Provider
from muxi_llm.types.login import OidcSettings
from tests.support.oidc import CLIENT, SECRET, OidcProvider, sent_back

BACK = "http://127.0.0.1:1/auth/oidc/callback"


@pytest.fixture
def server() -> Iterator[OidcProvider]:
    with OidcProvider() as one:
        one.redirect_url = BACK
        yield one


@pytest.fixture
def provider(server: OidcProvider) -> Iterator[Provider]:
    one = Provider(OidcSettings(server.url, CLIENT, BACK, SECRET))
    yield one
    one.close()


def logged_in(provider: Provider) -> dict[str, Any]:
    """What it says of whoever has logged in there."""
    begun = provider.begin()
    told = sent_back(begun.url)
    assert told["state"] == begun.state
    return provider.finish(told["code"], begun.nonce, begun.verifier)


def test_a_login_is_a_code_with_pkce(server: OidcProvider, provider: Provider) -> None:
    assert logged_in(provider)["sub"] == "1"
    asked = server.asked_for
    assert (asked["code_challenge_method"], asked["redirect_uri"], asked["scope"]) == (
        *("S256", BACK),
        "openid email profile",
    )
    again = provider.begin()
    for name in ("state", "nonce", "code_challenge"):
        assert asked[name] not in again.url
    assert SECRET not in again.url


@pytest.mark.parametrize("methods", [["client_secret_post"], ["client_secret_basic"], None])
def test_the_client_says_who_it_is_as_the_provider_wants(
    server: OidcProvider, provider: Provider, methods: list[str] | None
) -> None:
    server.metadata = {"token_endpoint_auth_methods_supported": methods} if methods else {}
    assert logged_in(provider)["sub"] == "1"


def test_its_keys_may_change_at_any_time(server: OidcProvider, provider: Provider) -> None:
    now = [time.time()]
    provider._now = lambda: now[0]
    logged_in(provider)
    server.rotate("RS256")
    now[0] += 30
    assert logged_in(provider)["sub"] == "1"
    server.rotate()  # so soon that nobody looks again: a token with a made-up key would else have us ask each time
    with pytest.raises(APIStatusError, match="InvalidKeyIdError"):
        logged_in(provider)
    now[0] += 30
    assert logged_in(provider)["sub"] == "1"


def test_what_the_token_does_not_say_the_user_information_may(
    server: OidcProvider, provider: Provider
) -> None:
    server.userinfo = {"sub": "1", "groups": ["admins"], "email": "other@example.com"}
    claims = logged_in(provider)
    assert (claims["groups"], claims["email"]) == (["admins"], "ada@example.com")
    server.userinfo = {"sub": "2", "groups": ["admins"]}
    with pytest.raises(APIStatusError, match="somebody else"):
        logged_in(provider)


Spoil = Callable[[dict[str, Any]], dict[str, Any]]

SPOILT: dict[str, Spoil] = {
    "issuer": lambda claims: {**claims, "iss": "https://evil.example"},
    "audience": lambda claims: {**claims, "aud": "another"},
    "audiences": lambda claims: {**claims, "aud": [CLIENT, "another"]},
    "authorized party": lambda claims: {**claims, "aud": [CLIENT, "another"], "azp": "another"},
    "nonce": lambda claims: {**claims, "nonce": "another"},
    "no nonce": lambda claims: {name: claims[name] for name in claims if name != "nonce"},
    "no subject": lambda claims: {name: claims[name] for name in claims if name != "sub"},
    "no end": lambda claims: {name: claims[name] for name in claims if name != "exp"},
    "expired": lambda claims: {**claims, "exp": int(time.time()) - 120},
    "not yet": lambda claims: {**claims, "nbf": int(time.time()) + 300},
    "odd": lambda claims: {**claims, "exp": "soon"},
}


@pytest.mark.parametrize("what", SPOILT)
def test_an_id_token_that_is_not_good_vouches_for_nobody(
    server: OidcProvider, provider: Provider, what: str
) -> None:
    server.spoilt = SPOILT[what]
    with pytest.raises(APIStatusError) as told:
        logged_in(provider)
    assert told.value.status_code == 403


def test_a_token_that_nobody_signed_or_anybody_could_have(server: OidcProvider, provider: Provider) -> None:
    signed = server.signed
    for forged in (
        server.unsigned,
        server.by_secret(server.public_key),
        server.by_secret(SECRET.encode() * 2),
        lambda claims: signed(claims)[:-8] + "AAAAAAAA",
        lambda _: "not.a.token",
        lambda _: "",
    ):
        server.signed = forged
        with pytest.raises(APIStatusError) as told:
            logged_in(provider)
        assert told.value.status_code == 403


def test_a_code_is_good_once_and_for_who_began_alone(provider: Provider) -> None:
    begun, other = provider.begin(), provider.begin()
    code = sent_back(begun.url)["code"]
    with pytest.raises(APIStatusError, match="does not accept"):
        provider.finish(code, begun.nonce, other.verifier)
    code = sent_back(begun.url)["code"]
    provider.finish(code, begun.nonce, begun.verifier)
    with pytest.raises(APIStatusError, match="does not accept"):
        provider.finish(code, begun.nonce, begun.verifier)


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"token_endpoint": "http://192.0.2.1/token"}, "no https"),
        ({"authorization_endpoint": None}, "missing"),
        ({"jwks_uri": "file:///etc/passwd"}, "no https"),
    ],
)
def test_a_provider_that_does_not_play_its_part(
    server: OidcProvider, provider: Provider, metadata: dict[str, Any], why: str
) -> None:
    server.metadata = metadata
    with pytest.raises(APIStatusError, match=why) as told:
        logged_in(provider)
    assert told.value.status_code == 502


def test_a_provider_that_is_not_there(server: OidcProvider, provider: Provider) -> None:
    server.close()
    with pytest.raises(APIStatusError, match="cannot be asked") as told:
        provider.begin()
    assert told.value.status_code == 502


def test_a_provider_without_an_end(server: OidcProvider, provider: Provider) -> None:
    server.metadata = {"padding": "x" * 2**21}
    with pytest.raises(APIStatusError, match="too large"):
        provider.begin()
