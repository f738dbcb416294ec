"""Whether what lasts may go on: a session outlives its key, its budget, the list it was let in by."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anyio import move_on_after

from muxi_llm import runtime

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Mapping

    from muxi_llm.gateway.admission import Admission
    from muxi_llm.gateway.told import Told

OFTEN = 5.0
"""Seconds after which it is asked for again, where nothing was used meanwhile."""


async def until_refused(
    admission: Callable[[], Admission], headers: Mapping[str, str], told: Told, used: asyncio.Event
) -> None:
    """Ask for it again whenever something was *used*, and now and then. Ends by raising the refusal."""
    assert told.grant is not None  # it was let in
    while True:
        with move_on_after(OFTEN):
            await used.wait()
        used.clear()
        runtime.check_kill_switch()
        await admission().authenticate(headers)
        await told.grant.goes_on(told)
