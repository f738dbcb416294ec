"""Which release may be served: none that is older than what was asked for, or than what has been served.

Pure: it compares, and knows neither a disk nor a clock.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from muxi_llm.presets.errors import ReleaseError


@dataclass(frozen=True, slots=True)
class Mark:
    """A release that was served: nothing older may follow. root_sha256: hex, of its root's file."""

    revision: str
    published_at: str
    root_sha256: str


@dataclass(frozen=True, slots=True)
class Floor:
    """The oldest that may be. minimum_published_at: ISO 8601."""

    minimum_revision: str | None = None
    minimum_published_at: str | None = None
    mark: Mark | None = None

    def check(self, release: Mark) -> None:
        """Raises `ReleaseError` for a *release* that is older, or another one under a known revision."""
        revision, least = release.revision, self.minimum_revision
        if least is not None and is_older(revision, least):
            message = f"Registry root revision {revision} is older than minimum {least}"
            raise ReleaseError("revision-rollback", message)
        published, first = release.published_at, self.minimum_published_at
        if first is not None and moment(published) < moment(first):
            message = f"Registry root published_at {published} is older than minimum {first}"
            raise ReleaseError("published-at-rollback", message)
        mark = self.mark
        if mark is None or release == mark:
            return
        if is_older(revision, mark.revision):
            message = f"Registry root rejected by high-watermark policy: {mark.revision} has been served"
            raise ReleaseError("watermark-rollback", f"{message}, {revision} is older")
        if not is_older(mark.revision, revision) and release.root_sha256 != mark.root_sha256:
            message = f"Registry root rejected by high-watermark policy: another {revision} has been served"
            raise ReleaseError("watermark-equivocation", message)


def is_older(one: str, other: str) -> bool:
    """Whether revision *one* comes before *other*: `r9` before `r10`, `1.2` before `1.10`, `a` before `a1`.

    Digits count as numbers, anything else by its characters. Forms do not mix.
    """
    return _runs(one) < _runs(other)


def _runs(revision: str) -> list[tuple[int, int, str]]:
    """Runs of digits and of others. A number stands before a text, as digits do before letters."""
    return [
        (0, int(run), "") if run.isdigit() else (1, 0, run) for run in re.findall(r"[0-9]+|[^0-9]+", revision)
    ]


def moment(text: str) -> datetime:
    """An ISO time; without a zone it is UTC's. Raises `ReleaseError` for what is none."""
    try:
        found = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise ReleaseError("freshness-invalid", f"not an ISO time: {str(text)[:40]!r}") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
