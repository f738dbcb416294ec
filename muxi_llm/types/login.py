"""How people log in, as a configuration says it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """An OpenID provider, and what is made of what it says of a person.

    issuer: its URL, to the letter as it says it itself. client_secret: "" for a public client. redirect_url:
    where it sends people back to, below this gateway's own address. claims: which claim says a person's
    `role`, `email` and `name`; a dotted one stands inside of others. roles: value of the role's claim → role;
    of several the first here. default_role: of whoever has none of those values, "" turns them away. domains:
    of e-mail addresses that may come, none: all. creates: whether who is not known becomes a user.
    """

    issuer: str
    client_id: str
    redirect_url: str
    client_secret: str = field(default="", repr=False)
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    claims: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    default_role: str = ""
    domains: tuple[str, ...] = ()
    creates: bool = True


@dataclass(frozen=True, slots=True)
class LoginSettings:
    """Sessions of people. ttl: seconds one lasts. state_ttl: seconds a login at the provider may take."""

    oidc: OidcSettings | None = None
    ttl: float = 12 * 3600
    state_ttl: float = 600


SESSION = "muxi-session"
"""The cookie that a session is known by."""
OVER_TLS = "__Host-"
"""What its name begins with there: https://www.rfc-editor.org/rfc/rfc6265bis#name-the-__host-prefix."""
