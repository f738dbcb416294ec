"""`auth.oidc` and `auth.session`: how people log in, in both dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from muxi_llm.gateway.settings.reading import flag, seconds, secrets, strings, text
from muxi_llm.types.login import LoginSettings, OidcSettings

if TYPE_CHECKING:
    from muxi_llm.gateway.settings.reading import Section

CALLBACK = "/auth/oidc/callback"


def login_of(auth: Section) -> LoginSettings:
    """What *auth* says of it."""
    session = auth.section("session")
    settings = LoginSettings(
        oidc=oidc_of(auth.section("oidc")) if auth.table("oidc") else None,
        ttl=session.take("ttl", seconds, LoginSettings().ttl),
        state_ttl=session.take("state_ttl", seconds, LoginSettings().state_ttl),
    )
    session.end()
    return settings


def oidc_of(section: Section) -> OidcSettings:
    """The provider."""
    settings = OidcSettings(
        issuer=section.take("issuer_url", address, ""),
        client_id=section.take("client_id", text, ""),
        redirect_url=section.take("redirect_url", address, ""),
        client_secret=section.take("client_secret", text, ""),
        scopes=section.take("scopes", strings, OidcSettings("", "", "").scopes),
        claims=section.take("claim_mapping", secrets) or {},
        roles=section.take("roles", secrets) or {},
        default_role=section.take("default_role", text, ""),
        domains=section.strings("user_allowed_email_domain"),
        creates=section.take("user_id_upsert", flag, True),
    )
    for name, value in (
        ("issuer_url", settings.issuer),
        ("client_id", settings.client_id),
        ("redirect_url", settings.redirect_url),
    ):
        if not value and not section.raw.get(name):
            section.error(name, "is missing")
    if settings.redirect_url and not urlsplit(settings.redirect_url).path.endswith(CALLBACK):
        section.error("redirect_url", f"must end in {CALLBACK}: it is where this gateway is come back to")
    for name in settings.claims:
        if name not in CLAIMS:
            section.error("claim_mapping", f"says where {', '.join(CLAIMS)} are found, not {name!r}")
    section.end()
    return settings


def address(value: object) -> str:
    """An URL that nobody else reads: https, or on this very machine."""
    parts = urlsplit(text(value))
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in LOOPBACK):
        raise ValueError("must be https://…, or http:// on this very machine")
    return text(value)


CLAIMS = ("role", "email", "name")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
