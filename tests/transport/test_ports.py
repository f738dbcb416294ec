"""The ports: the same verbs in both colours."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from muxi_llm.core.step import run_sync
from muxi_llm.transport.ports import AsyncIO, BlockingIO

NO_TRANSPORT: Any = None


def test_blocking_code_of_others_runs_off_the_event_loop() -> None:
    """On the sync face in the caller's own thread, on the async one in another."""
    here = threading.get_ident()
    assert run_sync(BlockingIO(NO_TRANSPORT).run(threading.get_ident)) == here
    assert asyncio.run(AsyncIO(NO_TRANSPORT).run(threading.get_ident)) != here
