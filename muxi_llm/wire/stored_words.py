"""Words that files and batches are told in, whoever tells of them: moments, counts, buckets, losses."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from muxi_llm.errors import InvalidRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from muxi_llm.wire.base import Json, Wire


def epoch_of(moment: Any) -> int | None:
    """Epoch seconds of a moment as services write it: a number, or ISO 8601."""
    if isinstance(moment, int | float) and not isinstance(moment, bool):
        return int(moment)
    try:
        found = datetime.fromisoformat(moment)
    except (TypeError, ValueError):
        return None
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())


def counted(total: Any, completed: Any, failed: Any) -> dict[str, int]:
    """`request_counts`, of numbers that may come as text or not at all."""
    names = ("total", "completed", "failed")
    return {name: int(value or 0) for name, value in zip(names, (total, completed, failed), strict=True)}


def ended(status: str, moment: Any) -> Json:
    """The field that says when a batch came to its end, by how it ended."""
    at = epoch_of(moment)
    return {f"{status}_at": at} if at is not None and status in ENDS else {}


def hours_of(window: object) -> int:
    """`24h`, `7d` → hours; a day for what says nothing."""
    found = WINDOW.fullmatch(str(window))
    return int(found[1]) * {"h": 1, "d": 24}[found[2]] if found else 24


def bucket_of(settings: Mapping[str, str], provider: str, scheme: str, variable: str) -> tuple[str, str]:
    """The bucket in *settings*, and what names in it begin with. Raises where none is set."""
    name, _, prefix = settings.get("bucket", "").removeprefix(scheme).strip("/").partition("/")
    if not name:
        raise InvalidRequestError(
            f"{provider}: no bucket for files; set {variable} or muxi_llm.{provider}_bucket", param="provider"
        )
    return name, f"{prefix}/{FOLDER}" if prefix else FOLDER


def purpose_of(name: str) -> str:
    """What an object of a bucket is for, by the folder of ours it is in."""
    folder = name.partition(f"{FOLDER}/")[2].split("/")
    return folder[0] if len(folder) > 1 else "user_data"


def told_losses(wire: Wire, body: Json, dropped: Mapping[str, str]) -> None:
    """Take out of *body* what this service has no room for, and tell the ledger."""
    for name, why in dropped.items():
        if body.pop(name, None):
            wire.ledger.dropped(name, why)


# ------------------------------------------------------------------------------------------ tables

FOLDER = "muxi-llm"
"""In a bucket, what was put there from here."""
WINDOW = re.compile(r"(\d{1,6})([hd])")
ENDS = {"completed", "failed", "expired", "cancelled"}
