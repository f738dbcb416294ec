"""What a call does, in the log: each attempt's method, URL, status and seconds, waits, and how it ended.

The logger `muxi_llm` has it at DEBUG, without keys and without a word of what was asked or answered. Bodies
go to `muxi_llm.wire` alone, which is silent until somebody sets its level. `MUXI_LLM_LOG=debug` in the
environment shows the first on stderr, `MUXI_LLM_LOG=wire` both. Nothing of this is touched while it is off.
"""

from __future__ import annotations

import logging
import warnings
from typing import TYPE_CHECKING, Any, cast

from muxi_llm.core.call import call
from muxi_llm.core.port import TransportError
from muxi_llm.core.stream import StreamFlow
from muxi_llm.errors import MuxiLLMError, shown_url

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.core.port import IO, Harness
    from muxi_llm.core.request import Candidate, Request
    from muxi_llm.wire.base import BodyReader, Reply, WireCall

log = logging.getLogger("muxi_llm")
wire_log = logging.getLogger("muxi_llm.wire")
SILENT = logging.CRITICAL + 1


def set_up(wanted: str) -> None:
    """Do as the environment's `MUXI_LLM_LOG` says."""
    log.addHandler(logging.NullHandler())
    if not wire_log.level:  # else the level of `muxi_llm` would count, and prompts be in logs nobody meant
        wire_log.setLevel(SILENT)
    if not wanted:
        return
    if wanted not in LEVELS:
        warnings.warn(f"MUXI_LLM_LOG must be one of {', '.join(LEVELS)}, not {wanted!r}", stacklevel=2)
        return
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s: %(message)s"))
    log.addHandler(handler)
    for logger in LEVELS[wanted]:
        logger.setLevel(logging.DEBUG)


async def logged_call(
    io: IO, request: Request, candidates: Sequence[Candidate], harness: Harness | None
) -> Any:
    """`core.call.call`, with every step in the log."""
    try:
        value = await call(cast("IO", LoggedIO(io)), request, candidates, harness)
    except MuxiLLMError as error:
        log.debug("%s failed: %s; %s", _names(candidates), type(error).__name__, _story(error.attempts))
        raise
    report = value.report if isinstance(value, StreamFlow) else value.muxi
    changes = ", ".join(f"{one.param} {one.action}" for one in report.adaptations)
    log.debug(
        "%s answered in %.3f s; %s%s",
        report.model,
        report.latency,
        _story(report.attempts),
        f"; adapted: {changes}" if changes else "",
    )
    return value


class LoggedIO:
    """A port that tells what it is asked to do."""

    def __init__(self, io: IO) -> None:
        self._io = io

    async def send(self, call: WireCall) -> Reply:
        where = f"{call.method} {shown_url(call.url).partition('?')[0]}"
        wire_log.debug("%s << %s", where, call.body)
        began = self._io.now()
        try:
            reply = await self._io.send(call)
        except TransportError as error:
            log.debug("%s: %s (%.3f s)", where, error.message, self._io.now() - began)
            raise
        log.debug("%s: %d (%.3f s)", where, reply.status, self._io.now() - began)
        if wire_log.isEnabledFor(logging.DEBUG):
            wire_log.debug("%s >> %s", where, reply.content)
            reply.reader = None if reply.reader is None else LoggedReader(reply.reader, where)
        return reply

    async def sleep(self, seconds: float) -> None:
        log.debug("waiting %.3f s before the next try", seconds)
        await self._io.sleep(seconds)

    def __getattr__(self, name: str) -> Any:
        """The other verbs are the port's own."""
        return getattr(self._io, name)


class LoggedReader:
    """A stream's body, told as it is read."""

    def __init__(self, reader: BodyReader, where: str) -> None:
        self._reader = reader
        self._where = where

    async def read(self) -> bytes:
        data = await self._reader.read()
        wire_log.debug("%s >> %s", self._where, data)
        return data

    def renew(self) -> None:
        self._reader.renew()

    async def finish(self) -> None:
        await self._reader.finish()

    async def close(self) -> None:
        await self._reader.close()

    def abandon(self) -> None:
        self._reader.abandon()


def _names(candidates: Sequence[Candidate]) -> str:
    return ", ".join(str(candidate.ref) for candidate in candidates)


def _story(attempts: Sequence[Any]) -> str:
    """Each attempt in a word: messages may quote the prompt."""
    ends = ("answered" if one.error is None else one.status or type(one.error).__name__ for one in attempts)
    told = (f"{one.model} try {one.number}: {end}" for one, end in zip(attempts, ends, strict=True))
    return ", ".join(told) or "nothing was tried"


LEVELS = {"debug": (log,), "wire": (log, wire_log)}
