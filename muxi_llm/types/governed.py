"""What a configuration says of governance: where it is kept, and how careful it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class GovernanceSettings:
    """database: its URL, "" where there is no governance. spool: folder of receipts that are not booked yet.
    lease: seconds without a heartbeat after which a request is taken to be lost. wait: seconds that money
    which others hold is waited for. allowance: the part of a hard budget that each gateway may spend while
    the database is away. output: tokens of an answer whose request does not say. prices: by `provider/model`,
    instead of the lists. discounts: percent off the lists, by provider. default_price: of models that have
    none, `None`: under a hard budget they are refused. webhook: where events are posted, "" nowhere;
    webhook_private: whether that may be in a private network, or on this machine.
    keep_ledger, keep_reservations, keep_balances: seconds. declared: organizations, teams, users and keys,
    and what keys may be that people make for themselves, in the management API's words.
    """

    database: str = field(default="", repr=False)
    spool: str = "muxi-llm-spool"
    lease: float = 900.0
    wait: float = 10.0
    allowance: float = 0.02
    output: int = 4096
    prices: Mapping[str, Any] = field(default_factory=dict)
    discounts: Mapping[str, float] = field(default_factory=dict)
    default_price: Mapping[str, Any] | None = None
    webhook: str = field(default="", repr=False)
    webhook_private: bool = False
    keep_ledger: float = 400 * DAY
    keep_reservations: float = 7 * DAY
    keep_balances: float = 400 * DAY
    declared: Mapping[str, Any] = field(default_factory=dict, repr=False)
