"""What a whole call cost: every attempt of it that was billed.

Billed is what the provider says was used: by the answer, and by attempts that failed after it had counted
(an answer that was none, a stream that broke). Providers bill no refusals, and an attempt that told of no
usage adds nothing.
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from muxi_llm.prices.cost import Cost, Part, Quote
from muxi_llm.prices.quotes import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from muxi_llm.models import AttemptRecord, Meter, Report
    from muxi_llm.types.prices import Prices


def quote_of_call(report: Report, prices: Prices | None = None) -> Quote:
    """What the call of *report* cost, or why that is not known.

    An answer from a cache, and one that another call is paying for, cost nothing.
    """
    if report.cache_hit or report.shared:
        return Quote(Cost())
    if report.model.endswith("/*"):  # a batch tells of its usage whenever somebody looks at it
        return Quote(None, "no model was asked")
    meter = report.meter
    if meter is None or (meter.usage is None and meter.is_over):
        return Quote(None, f"{report.model} told no usage{HINT if meter and meter.streamed else ''}")
    if not meter.is_over:
        return Quote(None, "the stream has not ended")
    return _sum([*quotes_of(report.attempts, prices), _answer(report, meter, prices)])


def quotes_of(attempts: Sequence[AttemptRecord], prices: Prices | None = None) -> list[Quote]:
    """What each of *attempts* cost that failed after the provider had counted what it used."""
    return [
        _quoted(record.model, usage, None, None, prices)
        for record in attempts
        if (usage := getattr(record.error, "usage", None)) is not None
    ]


def cost_of_attempts(attempts: Sequence[AttemptRecord], prices: Prices | None = None) -> Quote:
    """What failed attempts cost: `error.attempts` of a call that has no answer."""
    return _sum(quotes_of(attempts, prices))


def _answer(report: Report, meter: Meter, prices: Prices | None) -> Quote:
    return _quoted(report.model, meter.usage, meter, _when(report.headers), prices)


def _quoted(
    model: str, usage: object, meter: Meter | None, when: datetime | None, prices: Prices | None
) -> Quote:
    """A provider's counts may be anything: what cannot be counted has no price."""
    answered, tier = (meter.model, meter.tier) if meter else (None, None)
    try:
        return quote(model, usage, answered=answered, tier=tier, when=when, prices=prices)
    except (TypeError, ValueError, AttributeError) as error:
        return Quote(None, f"{model} told a usage that makes no sense ({error})")


def _sum(quotes: Sequence[Quote]) -> Quote:
    if len(quotes) == 1:  # nearly always
        return quotes[0]
    parts: list[Part] = []
    for cost, reason in quotes:
        if cost is None:
            return Quote(None, reason)
        parts.extend(cost.parts)
    return Quote(Cost(parts))


def _when(headers: Mapping[str, str]) -> datetime | None:
    """When the provider answered, by its own clock."""
    return _moment(headers.get("date", ""))


@lru_cache(16)  # answers of the same second are many
def _moment(date: str) -> datetime | None:
    try:
        when = parsedate_to_datetime(date)
    except (TypeError, ValueError):
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


HINT = "; with stream_options={'include_usage': True} it may"
