"""The thread that writes: many together, in order, and on both sides of an absence."""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from muxi_llm.governance.budgets import Ask, Budget, Claim, Outcome, Row
from muxi_llm.governance.spool import Spool
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from muxi_llm.governance.store.money import Receipt
from muxi_llm.governance.store.schema import balances, ledger, reservations
from muxi_llm.governance.windows import Window
from muxi_llm.governance.writer import Writer
from tests.support.patience import in_time, until
from tests.support.postgres import PostgresServer

BUDGET = Budget("b", "key", "k", 10_000, Window("month"))


def ask(name: str, estimate: int = 10) -> Ask:
    return Ask(name, (Claim(BUDGET),), estimate, 1, (), {"key_id": "k"}, 1.0, 2e9)


def receipt(name: str, cost: int = 10) -> Receipt:
    return Receipt(name, 2.0, 1.0, (), {"key_id": "k"}, (Row(f"{name}:0", "usage", cost, "openai"),))


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    one = Spool(tmp_path / "spool")
    yield one
    one.close()


@asynccontextmanager
async def writing(store: Store, spool: Spool, patience: float = 30) -> AsyncIterator[Writer]:
    writer = Writer(store, spool, lambda _: None, patience=patience)
    writer.begin()
    try:
        yield writer
    finally:
        await asyncio.to_thread(writer.end)


def rows(store: Store, *columns: Any) -> list[Any]:
    with store.reading() as connection:
        return [tuple(row) for row in connection.execute(select(*columns))]


def test_many_at_once_are_few_transactions_and_all_are_answered(store: Store, spool: Spool) -> None:
    transactions = []

    async def work() -> None:
        async with writing(store, spool) as writer:
            writer.tell(lambda connection: transactions.append(1))
            verdicts = await asyncio.gather(*(writer.ask(ask(f"r{n}")) for n in range(500)))
            assert {one.outcome for one in verdicts if one} == {Outcome.ADMITTED}
            for n in range(500):
                writer.settle(receipt(f"r{n}", 7))
            assert await in_time(lambda: not writer.waiting and not spool.waiting)

    asyncio.run(work())
    assert rows(store, balances.c.spent, balances.c.reserved) == [(3500, 0)]
    assert rows(store, func.count(), func.sum(ledger.c.cost)) == [(500, 3500)]
    assert set(rows(store, reservations.c.state)) == {("settled",)}
    assert transactions == [1]


def test_a_step_that_no_store_can_hold_stops_nobody_else(store: Store, spool: Spool) -> None:
    async def work() -> None:
        async with writing(store, spool) as writer:
            writer.tell(ask("huge", 10**19)._replace(claims=()))
            writer.settle(receipt("lied", 10**19))
            assert await writer.ask(ask("small")) is not None
            writer.settle(receipt("small", 7))
            assert await in_time(lambda: not writer.waiting)

    asyncio.run(work())
    assert rows(store, ledger.c.id, ledger.c.cost) == [("small:0", 7)]


def test_whoever_stops_waiting_holds_nothing(store: Store, spool: Spool) -> None:
    async def work() -> None:
        async with writing(store, spool) as writer:
            waits = [asyncio.ensure_future(writer.ask(ask(f"r{n}"))) for n in range(50)]
            await asyncio.sleep(0)
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
            assert await in_time(lambda: not writer.waiting and not spool.waiting)

    asyncio.run(work())
    assert {row[0] for row in rows(store, balances.c.reserved)} <= {0}
    assert {row[0] for row in rows(store, reservations.c.state)} == {"released"}


def test_what_is_left_at_the_end_is_written_by_the_next(store: Store, tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool")
    for name in "abc":
        spool.append(receipt(name))
    spool.close()
    other = Spool(tmp_path / "spool")

    async def work() -> None:
        async with writing(store, other) as writer:
            assert writer.take_over() == 3
            assert await in_time(lambda: not writer.waiting)
            assert writer.take_over() == 0

    asyncio.run(work())
    other.close()
    assert rows(store, func.count(), func.sum(ledger.c.cost)) == [(3, 30)]
    assert list((tmp_path / "spool").iterdir()) == []


def test_where_much_waits_the_rest_is_on_the_disk_alone(
    store: Store, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("muxi_llm.governance.writer.HELD", 3)
    writer = Writer(store, spool, lambda _: None)
    for number in range(8):
        writer.settle(receipt(str(number)))
    assert writer.waiting == 3
    writer.begin()
    until(lambda: not writer.waiting and not writer.take_over())
    writer.end()
    assert rows(store, func.count(), func.sum(ledger.c.cost)) == [(8, 80)]


def test_a_step_that_cannot_be_written_holds_up_nobody(
    store: Store, spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    bad = receipt("bad")._replace(at="never")  # type: ignore[arg-type]

    async def work() -> None:
        async with writing(store, spool) as writer:
            writer.settle(receipt("a"))
            writer.settle(bad)
            writer.settle(receipt("b"))
            assert await in_time(lambda: not writer.waiting)
            assert spool.waiting == 1
            assert not writer.is_away

    with caplog.at_level(logging.ERROR, "muxi_llm.governance"):
        asyncio.run(work())
    assert "cannot be written (Receipt)" in caplog.text
    assert sorted(rows(store, ledger.c.reservation_id)) == [("a",), ("b",)]


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """One that may be stopped."""
    with PostgresServer() as server:
        yield server


async def admitted(writer: Writer, name: str) -> int:
    verdict = await writer.ask(ask(name))
    assert verdict is not None
    assert verdict.outcome is Outcome.ADMITTED
    return verdict.amount


async def through_an_absence(
    store: Store, spool: Spool, leave: Callable[[], object], come_back: Callable[[], object]
) -> None:
    async with writing(store, spool, patience=0.3) as writer:
        assert await admitted(writer, "before") == 10
        await asyncio.to_thread(leave)

        async def watched() -> None:
            while True:
                writer.watch()
                await asyncio.sleep(0.05)

        watch = asyncio.ensure_future(watched())
        assert await writer.ask(ask("during")) is None
        assert writer.is_away
        assert await writer.ask(ask("at once")) is None
        for name in ("before", "during", "unheard"):
            writer.settle(receipt(name))
        assert spool.waiting >= 3
        await asyncio.to_thread(come_back)
        assert await in_time(lambda: not writer.is_away and not spool.waiting)
        assert await admitted(writer, "after") == 10
        watch.cancel()


@pytest.mark.parametrize("how", ["stopped", "paused"])
def test_a_server_that_goes_and_comes_back(own_postgres: PostgresServer, spool: Spool, how: str) -> None:
    store = Store(own_postgres.database(), patience=1)
    migrate(store)
    ways = {
        "stopped": (own_postgres.stop, own_postgres.start),
        "paused": (own_postgres.pause, own_postgres.resume),
    }
    try:
        asyncio.run(through_an_absence(store, spool, *ways[how]))
        assert dict(rows(store, ledger.c.id, ledger.c.cost)) == {
            "before:0": 10,
            "during:0": 10,
            "unheard:0": 10,
        }
        assert rows(store, balances.c.budget_id, balances.c.reserved) == [("b", 10)]
    finally:
        store.close()


def test_a_file_that_another_one_holds(tmp_path: Path, spool: Spool) -> None:
    store, other = (Store(f"sqlite:///{tmp_path}/s.db", patience=0.2) for _ in range(2))
    migrate(store)
    holding = ExitStack()
    try:
        hold = partial(holding.enter_context, other.writing())
        asyncio.run(through_an_absence(store, spool, hold, holding.close))
        assert rows(store, func.count(), func.sum(ledger.c.cost)) == [(3, 30)]
    finally:
        store.close()
        other.close()


FULL = """
import asyncio, resource, sys
from pathlib import Path
from muxi_llm.governance.spool import Spool
from muxi_llm.governance.store.engine import Store
from tests.governance.test_writer import receipt, writing
from tests.support.patience import in_time, until

async def work(store, spool):
    async with writing(store, spool) as writer:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
        for n in range(20):
            writer.settle(receipt(str(n)))
        print(writer.trouble)
        assert await in_time(lambda: not writer.waiting)

store, spool = Store(sys.argv[1]), Spool(Path(sys.argv[2]))
asyncio.run(work(store, spool))
"""


def test_a_full_disk_is_told_and_what_does_not_fit_is_booked_all_the_same(
    postgres: PostgresServer, template: str, tmp_path: Path
) -> None:
    url = postgres.database(template)
    script = [sys.executable, "-c", FULL, url, str(tmp_path)]
    done = subprocess.run(script, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    assert done.stdout == "File too large\n"
    assert "kept in memory alone: File too large" in done.stderr
    store = Store(url)
    assert rows(store, func.count(), func.sum(ledger.c.cost)) == [(20, 200)]
    store.close()
