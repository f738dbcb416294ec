"""The sections `database` and `governance`, which both dialects have."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from muxi_llm.gateway.settings.reading import flag, number, one_of, part, seconds, table, text, whole
from muxi_llm.types.governed import GovernanceSettings
from muxi_llm.types.prices import fixed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.gateway.settings.reading import Section

DEFAULT = GovernanceSettings()
DECLARED = ("name", "own_keys", "organizations", "teams", "users", "keys", "budgets")
MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
"""https://www.postgresql.org/docs/current/libpq-ssl.html"""

POOL = dict.fromkeys(
    ("max_open_conns", "max_idle_conns", "conn_lifetime"),
    "requests ask the memory; few connections do for the rest",
)


def governance_of(top: Section) -> GovernanceSettings:
    """What is said there; without a database there is no governance."""
    section, usual = top.section("governance"), DEFAULT
    settings = GovernanceSettings(
        database=database_of(top.section("database")) or os.environ.get("DATABASE_URL", ""),
        declared={name: value for name in DECLARED if (value := section.take(name, _as_it_is)) is not None},
        spool=section.take("spool", text, usual.spool),
        lease=section.take("lease", seconds, usual.lease),
        wait=section.take("wait", seconds, usual.wait),
        allowance=section.take("allowance", part, usual.allowance),
        output=section.take("default_output", whole, usual.output),
        prices={
            model: price
            for model, price in section.table("prices").items()
            if _is_price(section, model, price)
        },
        discounts={provider: number(off) for provider, off in section.table("discounts").items()},
        default_price=_default(section),
        webhook=section.take("webhook", text, usual.webhook),
        webhook_private=section.take("webhook_private", flag, usual.webhook_private),
        keep_ledger=section.take("keep_ledger", seconds, usual.keep_ledger),
        keep_reservations=section.take("keep_reservations", seconds, usual.keep_reservations),
        keep_balances=section.take("keep_balances", seconds, usual.keep_balances),
    )
    section.end()
    return settings


def database_of(section: Section) -> str:
    """Its URL: whole, or of parts."""
    url, host = section.take("url", text, ""), section.take("host", text, "")
    user, password = section.take("user", text, ""), section.take("password", text, "")
    name = section.take("name", text, "") or section.take("database", text, "muxi_llm")
    port, mode = section.take("port", whole, 5432), section.take("ssl_mode", one_of(*MODES))
    is_on = section.take("enabled", flag, True)
    section.skip(**POOL)
    section.end()
    if not is_on or not (url or host):
        return ""
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if user else ""
    ending = f"?sslmode={mode}" if mode else ""
    return url or f"postgresql://{who}{host}:{port}/{quote(name, safe='')}{ending}"


def _as_it_is(value: object) -> object:
    """Governance reads it."""
    return value


def _default(section: Section) -> Mapping[str, Any] | None:
    price = section.take("default_price", table)
    return price if price is not None and _is_price(section, "default_price", price) else None


def _is_price(section: Section, name: str, price: object) -> bool:
    try:
        fixed(price, name)
    except (TypeError, ValueError) as error:
        section.error(name, str(error))
        return False
    return True
