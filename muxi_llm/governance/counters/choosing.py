"""Which counters a gateway has, by what it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from muxi_llm.governance.counters.counters import OwnCounters
from muxi_llm.governance.counters.shared import SharedCounters
from muxi_llm.governance.counters.sqlite_store import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from muxi_llm.governance.counters.counters import Counters
    from muxi_llm.governance.counters.shared import Store

FILE = "limits.sqlite3"


def counters_for(redis: str, folder: str, failed: Callable[[], None] = lambda: None) -> Counters:
    """Counters, not begun yet. redis: where gateways of several machines count, "" for nowhere. folder: which
    the workers of one machine share, "" where there is one worker. failed: told of each exchange in vain.
    """
    if redis:
        return SharedCounters(lambda: _redis(redis), failed=failed)
    if folder:
        return SharedCounters(lambda: SqliteStore(str(Path(folder) / FILE)), failed=failed)
    return OwnCounters()


def _redis(url: str) -> Store:
    from muxi_llm.governance.counters.redis_store import RedisStore  # noqa: PLC0415 - an extra

    return RedisStore(url)
