"""What is done now and then, by a thread: heartbeats, what others left behind, sums, events, what may be
forgotten.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from typing import TYPE_CHECKING

import httpx2

from muxi_llm.governance.store import ledger, money
from muxi_llm.governance.store.engine import StoreAwayError
from muxi_llm.governance.webhooks import tell

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from muxi_llm.governance.governor import Governor
    from muxi_llm.governance.store.engine import Store
    from muxi_llm.types.governed import GovernanceSettings

log = logging.getLogger("muxi_llm.governance")

TICK = 0.25
HOUR = 3600.0
BEATS = 6
"""Heartbeats within a lease."""
OFTEN = 2.0
"""Seconds between two looks for what is new in the ledger, and for what others left."""


class Keeper:
    """Keeps a gateway's books in order."""

    def __init__(self, governor: Governor, store: Store, settings: GovernanceSettings) -> None:
        self._governor = governor
        self._store = store
        self._settings = settings
        self._cleared = governor.now()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="muxi-llm keeper", daemon=True)
        self._client = httpx2.Client(trust_env=False)
        often = min(OFTEN, settings.lease / 4)
        self._due: list[tuple[float, Callable[[], object]]] = [
            (settings.lease / BEATS, governor.beat),
            (often, self._clear_up),
            (OFTEN, self._sum_up),
            (HOUR, self._forget),
        ]

    def begin(self) -> None:
        """Go on from here in a thread."""
        self._thread.start()

    def end(self) -> None:
        """No more."""
        self._ending.set()
        if self._thread.ident is not None:
            self._thread.join()
        self._client.close()

    def _run(self) -> None:
        began = time.monotonic()
        last = dict.fromkeys((do for _, do in self._due), began - HOUR)
        while not self._ending.wait(TICK):
            self._governor.writer.watch()
            for every, do in self._due:
                if time.monotonic() - last[do] >= every:
                    last[do] = time.monotonic()
                    try:
                        do()
                    except StoreAwayError:
                        continue  # the writer says so, and when it is back

    def _clear_up(self) -> None:
        """What processes left that are gone, then what has expired: after all receipts known of."""
        writer, budget_of, now = self._governor.writer, self._governor.claims.budget, self._governor.now()
        if now - self._cleared > self._settings.lease / BEATS:
            self._governor.beat()  # the clock was put ahead, or the machine slept: what is here is not lost
        self._cleared = now
        writer.take_over()
        if not writer.is_away:
            writer.tell(lambda connection: money.sweep(connection, now, budget_of))

    def _sum_up(self) -> None:
        if self._governor.writer.is_away:
            return
        ledger.roll(self._store)
        if self._settings.webhook:
            private = self._settings.webhook_private
            tell(self._store, self._client, self._settings.webhook, self._governor.now(), private=private)

    def _forget(self) -> None:
        if not self._governor.writer.is_away:
            self._governor.writer.tell(partial(_forgotten, self._settings, self._governor.now()))


def _forgotten(settings: GovernanceSettings, now: float, connection: Connection) -> None:
    money.forget(connection, now - settings.keep_reservations, now - settings.keep_balances)
    ledger.forget(connection, now - settings.keep_ledger)
