"""Money where everything goes wrong at once: four gateways, thirty-two clients, three nested budgets,
providers that fail, clients that leave, gateways that are killed. What the provider counted is what the
ledger says.
"""

from __future__ import annotations

import json
import random
import signal
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import insert, select

from muxi_llm.governance.keys import hash_of
from muxi_llm.governance.store import schema
from muxi_llm.governance.store.engine import Store
from tests.support import bodies
from tests.support.length import LONG, long
from tests.support.patience import until
from tests.support.serving import Serving
from tests.support.upstream import Received, Respond, Upstream

PRICE = 1000
"""Micro-USD of every answer, whatever is in it: so what is estimated is what it costs."""
KEYS = {"a": "t1", "b": "t1", "c": "t2", "d": "t2"}
BUDGETS = {("key", "a"): 30, ("key", "c"): 45, ("team", "t1"): 50, ("organization", "o"): 90}
"""How many answers each is for. The organization's is the one that is spent to the end."""
LEASE = 8.0


class Provider:
    """Counts what it would bill: every answer that it begun well, by the name of its request."""

    def __init__(self, seed: int) -> None:
        self.counted: Counter[str] = Counter()
        self._chance = random.Random(seed)
        self._lock = threading.Lock()

    def __call__(self, received: Received) -> Respond:
        name = received.json["messages"][-1]["content"]
        with self._lock:
            if self._chance.random() < 0.15:
                return Respond(500, json=bodies.error())
            self.counted[name] += 1
        if not received.json.get("stream"):
            return Respond(json=bodies.chat("hello"), delay=self._chance.choice([0.0, 0.0, 0.2]))
        words = [
            *bodies.chat_stream("hello", "world", done=False),
            *bodies.sse({**bodies.chunk(), "choices": [], "usage": bodies.USAGE}),
        ]
        return Respond(chunks=[*words[:2], self._chance.choice([0.0, 0.05, 0.4]), *words[2:]])


class Client(threading.Thread):
    """Asks for one key until its budget is spent, and notes what it was told."""

    def __init__(self, number: int, seed: int, key: str, urls: list[str]) -> None:
        super().__init__(daemon=True)
        self.key = key
        self.refusals: Counter[Any] = Counter()
        self.answered = 0
        self.error: BaseException | None = None
        self._number = number
        self._chance = random.Random(seed * 1000 + number)
        self._urls = urls
        self._asked = 0

    def run(self) -> None:
        try:
            with httpx2.Client(timeout=120) as http:
                while not self.refusals["insufficient_quota"]:
                    self._ask(http)
        except BaseException as error:
            self.error = error

    def _ask(self, http: httpx2.Client) -> None:
        self._asked += 1
        name = f"{self._number}-{self._asked}"
        streams, leaves = self._chance.random() < 0.5, self._chance.random() < 0.2
        asked = {
            "model": "m",
            "messages": [{"role": "user", "content": name}],
            "stream": streams,
            "max_tokens": 9,
        }
        headers = {"authorization": f"Bearer key-{self.key}", "x-request-id": name}
        try:
            url = f"{self._chance.choice(self._urls)}/v1/chat/completions"
            with http.stream("POST", url, json=asked, headers=headers) as reply:
                if reply.status_code != 200:
                    fault = json.loads(reply.read())["error"]
                    self.refusals[fault["code"] or reply.status_code] += 1
                    return
                for _ in reply.iter_bytes():
                    if leaves:
                        break
                self.answered += 1
        except httpx2.TransportError:
            time.sleep(0.05)  # its gateway was killed: another one may be there, or soon this one


def configured(folder: Path, upstream: Upstream, database: str) -> Path:
    file = folder / "config.yaml"
    provider = {"name": "house", "base_url": upstream.url, "models": ["m"]}
    governance = {
        "spool": str(folder / "spool"),
        "lease": LEASE,
        "wait": 60,
        "allowance": 0,  # on a busy machine the store may be late, and then nobody may spend what it does not know
        "prices": {"house/m": {"input": 0, "output": 0, "request": "0.001"}},
    }
    routing = {"retry_count": 1, "cooldown_period": 0}
    given = {
        "providers": [provider],
        "database": {"url": database},
        "governance": governance,
        "routing": routing,
    }
    file.write_text(json.dumps({**given, "server": {"drain_pause": 0}}), encoding="utf-8")
    return file


def people(store: Store) -> None:
    kept = {"created_at": 1.0, "updated_at": 1.0}
    with store.writing() as connection:
        connection.execute(insert(schema.organizations).values(id="o", **kept))
        for team in ("t1", "t2"):
            connection.execute(insert(schema.teams).values(id=team, organization_id="o", **kept))
        for key, team in KEYS.items():
            whose = {"team_id": team, "organization_id": "o", "kind": "llm_api"}
            connection.execute(
                insert(schema.keys).values(id=key, hash=hash_of(f"key-{key}"), **whose, **kept)
            )
        for (scope, which), answers in BUDGETS.items():
            amounts = {"amount": answers * PRICE, "window": "month", "hard": True}
            connection.execute(
                insert(schema.budgets).values(
                    id=f"{scope}-{which}", scope=scope, scope_id=which, **amounts, **kept
                )
            )


def table(store: Store, which: Any) -> list[Any]:
    with store.reading() as connection:
        return list(connection.execute(select(which)).mappings())


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("store_url", ["sqlite", "postgres"] if LONG else ["postgres"], indirect=True)
@pytest.mark.parametrize("seed", range(long(8, 1)))
def test_the_ledger_is_what_the_provider_counted(store: Store, tmp_path: Path, seed: int) -> None:
    people(store)
    provider = Provider(seed)
    chance = random.Random(seed)
    with Upstream(provider) as upstream, ExitStack() as running:
        file = configured(tmp_path, upstream, store.url.render_as_string(hide_password=False))
        gateways = [Serving(file) for _ in range(4)]
        for one in gateways:
            running.push(one)
        for one in gateways:  # which start together
            one.__enter__()
        urls = [one.url for one in gateways]
        clients = [Client(n, seed, chance.choice(list(KEYS)), urls) for n in range(32)]
        for one in clients:
            one.start()
        for n in range(2):
            until(lambda n=n: sum(provider.counted.values()) > 20 * (n + 1))
            gateways[n].tell(signal.SIGKILL)
            gateways[n].ended()
            gateways[n] = running.enter_context(Serving(file))
            urls[n] = gateways[n].url
        for one in clients:
            one.join(240)
        assert [one.error for one in clients if one.error or one.is_alive()] == []
        until(lambda: {row["state"] for row in table(store, schema.reservations)} & {"open"} == set())
        for one in gateways:
            one.tell(signal.SIGTERM)
        assert [one.ended() for one in gateways] == [0] * 4
    judge(store, provider, clients)
    assert list((tmp_path / "spool").iterdir()) == []


def judge(store: Store, provider: Provider, clients: list[Client]) -> None:
    ledger = table(store, schema.ledger)
    booked = Counter(
        row["request_id"]
        for row in ledger
        if row["kind"] in {"usage", "estimated"} and ":unk" not in row["id"]
    )
    guessed = {row["reservation_id"]: row["cost"] for row in ledger if row["kind"] == "unknown"}
    put_right = {row["reservation_id"] for row in ledger if row["kind"] == "correction"}
    names = {row["id"]: row["request_id"] for row in table(store, schema.reservations)}
    lost = {names[which] for which in guessed if which not in put_right}
    # Each answer the provider counted is booked once, or is named as lost by a gateway that was killed.
    assert booked - provider.counted == Counter()
    assert set((provider.counted - booked).elements()) <= lost
    assert len(lost) <= 64
    # Nobody spent what there was not, and nobody was refused while there was something.
    spent = {(row["budget_id"]): (row["spent"], row["reserved"]) for row in table(store, schema.balances)}
    for (scope, which), answers in BUDGETS.items():
        total, held = spent[f"{scope}-{which}"]
        assert held == 0
        assert total <= answers * PRICE
    assert spent["organization-o"] == (BUDGETS["organization", "o"] * PRICE, 0)
    # The budgets' sums are the ledger's, to the micro-dollar.
    assert sum(row["cost"] for row in ledger) == spent["organization-o"][0]
    for key in ("a", "c"):
        assert sum(row["cost"] for row in ledger if row["key_id"] == key) == spent[f"key-{key}"][0]
    refused = sum((one.refusals for one in clients), Counter())
    assert set(refused) <= {"insufficient_quota", "store_away", 500, 502, 503}
