"""What a provider's claims make of somebody. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.errors import InvalidRequestError
from muxi_llm.governance.refusals import refused
from muxi_llm.governance.roles import ROLES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.types.login import OidcSettings

CLAIMS = {"role": "groups", "email": "email", "name": "name"}
"""Where things are said, unless the configuration says otherwise."""


class Person(NamedTuple):
    """Somebody a provider vouches for. email: "" where it does not vouch for it. role: as the configuration
    makes it of the claims; "" where that leaves it as it is.
    """

    issuer: str
    subject: str
    email: str = ""
    name: str = ""
    role: str = ""


def person_of(claims: Mapping[str, Any], settings: OidcSettings) -> Person:
    """Whom *claims* are about. Raises a refusal of 403 for who may not come, by their address or role."""
    where = {**CLAIMS, **settings.claims}
    address = _text(claim(claims, where["email"]))
    is_vouched = claims.get("email_verified") in {True, "true"}  # some say it as a string
    email = address if is_vouched else ""
    if settings.domains and email.rpartition("@")[2].lower() not in {one.lower() for one in settings.domains}:
        raise refused(403, "your e-mail address is not among those that may log in here", "not_allowed")
    said = claim(claims, where["role"])
    values = set(map(str, said)) if isinstance(said, list) else {str(said)}
    role = next((role for value, role in settings.roles.items() if value in values), settings.default_role)
    if settings.roles and not role:
        raise refused(403, "none of your groups may log in here", "not_allowed")
    return Person(settings.issuer, str(claims["sub"]), email, _text(claim(claims, where["name"])), role)


def check_roles(settings: OidcSettings) -> None:
    """Raises `InvalidRequestError` where the configuration gives a role that there is not."""
    for role in (*settings.roles.values(), settings.default_role):
        if role and role not in ROLES:
            raise InvalidRequestError(f"auth.oidc.roles: there is no role {role!r}; {', '.join(ROLES)} are")


def claim(claims: Mapping[str, Any], path: str) -> Any:
    """A claim by its name, or inside of others by dots between theirs; `None` where there is none."""
    found: Any = claims
    for name in [path] if path in claims else path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
