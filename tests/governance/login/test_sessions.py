"""Sessions in both stores: kept, found, taken once, and gone when they are over."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from muxi_llm.errors import APIStatusError
from muxi_llm.governance.login.sessions import Session, Sessions
from muxi_llm.governance.store.schema import logins

if TYPE_CHECKING:
    from muxi_llm.governance.store.engine import Store


def test_what_was_kept_is_taken_once_whoever_comes_first(store: Store) -> None:
    sessions = Sessions(store)
    name = sessions.keep({"nonce": "n"}, 600)
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(sessions.take, [name] * 4))
    assert [one for one in taken if one is not None] == [{"nonce": "n"}]
    assert sessions.find(name) is None


def test_a_session_is_found_until_it_is_over(store: Store) -> None:
    clock = [1000.0]
    sessions = Sessions(store, lambda: clock[0])
    name, other = sessions.begin("u", "", "r", 60), sessions.begin("", "h", "", 120)
    assert sessions.find(name) == Session("u", "", "r", 1060.0)
    assert sessions.take(name) is None
    clock[0] += 60
    assert sessions.find(name) is None
    assert sessions.find(other) == Session("", "h", "", 1120.0)
    sessions.end(other)
    assert sessions.find(other) is None


def test_what_is_over_goes_and_strangers_cannot_fill_the_store(store: Store) -> None:
    clock = [0.0]
    sessions = Sessions(store, lambda: clock[0], most=2)
    for _ in range(2):
        sessions.keep({}, 600)
    with pytest.raises(APIStatusError, match="too many logins"):
        sessions.keep({}, 600)
    clock[0] += 601
    sessions.keep({}, 600)
    with store.reading() as connection:
        assert len(connection.execute(select(logins)).all()) == 1
