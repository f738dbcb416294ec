"""Events told to whoever listens: at least once each, again and again while nobody takes them.

What listens is looked up each time, and asked at an address that was looked at: nothing is posted into the
gateway's own network unless that is wanted, and redirects are not followed.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import httpx2
from sqlalchemy import bindparam, select, update

from muxi_llm.governance.store.schema import events
from muxi_llm.transport.addresses import addresses_of, is_public

if TYPE_CHECKING:
    from muxi_llm.governance.store.engine import Store

log = logging.getLogger("muxi_llm.governance")

MOST = 20
"""Events that are told in one go."""
FIRST, LONGEST = 10.0, 3600.0
"""Seconds until one is told again that nobody took: at first, and at most."""
TIMEOUT = 5.0


def tell(store: Store, client: httpx2.Client, url: str, now: float, *, private: bool = False) -> int:
    """Post what is due as JSON (`id`, `event`, `at`, facts); how many were taken. Raises `StoreAwayError`.

    private: whether *url* may lead to an address that is not on the public internet.

    Each is this process's alone until it is due again, so that of several gateways one tells it.
    """
    with store.writing() as connection:
        due = connection.execute(DUE, {"now": now}).mappings().all()
        for one in due:
            later = min(FIRST * 2 ** one["tries"], LONGEST)
            connection.execute(
                TRIED, {"which": one["seq"], "tries": one["tries"] + 1, "next_at": now + later}
            )
    taken = [
        one["seq"]
        for one in due
        if _took(
            client, url, private, {"id": one["seq"], "event": one["kind"], "at": one["at"], **one["facts"]}
        )
    ]
    if taken:
        with store.writing() as connection:
            connection.execute(update(events).where(events.c.seq.in_(taken)).values(told_at=now))
    return len(taken)


def _took(client: httpx2.Client, url: str, private: bool, event: dict[str, object]) -> bool:
    asked = httpx2.URL(url)
    try:
        address = min(
            addresses_of(asked.host, asked.port or 443), key=lambda one: ":" in one
        )  # IPv4 is everywhere
        if not (private or is_public(address)):
            log.error("an event was not sent: governance.webhook is private, and webhook_private is not set")
            return False
        reply = client.post(
            asked.copy_with(host=address),
            json=event,
            headers={"host": asked.netloc.decode()},
            timeout=TIMEOUT,
            extensions={"sni_hostname": asked.host},
            follow_redirects=False,
        )
    except (httpx2.HTTPError, OSError) as error:
        log.warning("an event was not taken: %s", type(error).__name__)
        return False
    if not reply.is_success:
        log.warning("an event was not taken: %d", reply.status_code)
    return reply.is_success


DUE = (
    select(events)
    .where(events.c.told_at.is_(None), events.c.next_at <= bindparam("now"))
    .order_by(events.c.seq)
    .limit(MOST)
    .with_for_update(skip_locked=True)
)
TRIED = (
    update(events)
    .where(events.c.seq == bindparam("which"))
    .values(tries=bindparam("tries"), next_at=bindparam("next_at"))
)
