"""The log: one JSON object a line, one line a request. Never a prompt, an answer, a key."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from muxi_llm.errors import refusal, shown_error

if TYPE_CHECKING:
    from muxi_llm.errors import MuxiLLMError
    from muxi_llm.gateway.told import Told
    from muxi_llm.routes import Try

log = logging.getLogger("muxi_llm.gateway")

LONGEST = 200
"""Characters of what a client may choose freely."""
DEEPEST = 12
"""Frames of a bug that are told: the last."""


class Lines(logging.Formatter):
    """A record → a JSON object, with the facts it was given."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        when = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {"time": when, "level": record.levelname.lower(), "logger": record.name}
        line["message"] = record.getMessage()
        line |= getattr(record, "facts", {})
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return orjson.dumps(line, default=str).decode()


def begin(level: str) -> None:
    """Write lines to stderr, from that level on. Raises `ValueError` for one there is not."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    logging.getLogger("muxi_llm").setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # at each start it has nothing to do


def bug(error: Exception, told: Told) -> MuxiLLMError:
    """What a client reads of a mistake of ours: an id, by which a line here says where. Python's own words of
    it may quote a prompt.
    """
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames[-DEEPEST:]]
    facts = {"request_id": told.request_id, "path": told.path[:LONGEST], "bug": type(error).__name__}
    log.error("bug", extra={"facts": {**facts, "why": shown_error(error), "where": where}})
    message = f"a mistake of the gateway's; its log says more of request {told.request_id}"
    return refusal(500, message, type="server_error", code="internal_error")


def tell(told: Told, upstream_id: str = "") -> None:
    """One request, over: at ERROR where the gateway or who is behind it failed."""
    level = logging.ERROR if told.result >= 500 else logging.INFO
    if log.isEnabledFor(level):
        facts = {name: value for name, value in facts_of(told, upstream_id).items() if value is not None}
        # Not `log.log`, which looks for who calls: a third of the line's time, for what no line says.
        log.handle(log.makeRecord(log.name, level, "", 0, "request", (), None, extra={"facts": facts}))


def facts_of(told: Told, upstream_id: str) -> dict[str, Any]:
    """What is to be known of it; `None` where it is not."""
    tries, report = told.tries, told.report
    read, written = told.tokens
    return {
        "request_id": told.request_id,
        "upstream_id": upstream_id or None,
        "method": told.method,
        "path": told.path[:LONGEST],
        "client": told.client or None,
        "principal": told.principal.id or None,
        "model": told.model[:LONGEST] or None,
        "deployment": tries[-1].deployment.name if tries and report is not None else None,
        "answered": None if report is None else report.model[:LONGEST],
        "attempts": None if not told.chosen else len(tries),
        "status": told.result,
        "stream": told.streamed or None,
        "gone": told.gone or None,
        "error": None if told.error is None else type(told.error).__name__,
        "ms": _ms(told.ended - told.began),
        "own_ms": _ms(told.own),
        "first_ms": _ms(told.answered - told.began) if told.streamed and told.answered else None,
        "input_tokens": read,
        "output_tokens": written,
        "cost": told.cost,
        "cache": None if report is None else report.cache_hit,
        "tries": list(map(_try, tries)) if log.isEnabledFor(logging.DEBUG) else None,
    }


def _try(one: Try) -> dict[str, Any]:
    return {
        "deployment": one.deployment.name,
        "ms": _ms(one.seconds),
        "status": one.status,
        "error": one.error,
        "cooled": one.cooled,
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
