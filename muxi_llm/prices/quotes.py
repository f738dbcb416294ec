"""One model, what was used of it, and what that costs."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any

from muxi_llm.prices.cost import EXACT, Cost, Part, Quote
from muxi_llm.prices.counts import KINDS, PROMPT, counts_of, plain
from muxi_llm.prices.own_words import told_cost
from muxi_llm.prices.rates import Circumstances, UnpricedError, known_rates, own_rates
from muxi_llm.prices.rows import LEAST_SECONDS

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from muxi_llm.prices.counts import Counts
    from muxi_llm.prices.rates import Rate, Rates
    from muxi_llm.types.prices import Prices


def cost_of(
    model: str,
    usage: object,
    *,
    answered: str | None = None,
    batch: bool = False,
    tier: str | None = None,
    when: datetime | None = None,
    prices: Prices | None = None,
) -> Cost | None:
    """What *usage* of *model* (`provider/model`; without a provider: OpenAI's) costs in USD.

    `None` where there is no price: `quote` says why, with the same arguments.

    usage: any provider's (`response.usage`, as an object or a mapping), or counts by our names (see
    `counts.KINDS`): `{"seconds": 90}`, `{"images": 2}`, `{"input": 1200, "output": 80}`. answered: the
    model that the provider says has answered, where the other is an alias or a deployment. batch: of a
    batch. tier: of service. when: at that time's prices; now, if it is not said. prices: instead of all
    others, for the models in it.

    The caller's own prices win, then what the provider itself says it bills (OpenRouter, Perplexity, xAI),
    then our rows, then genai-prices. Raises `ValueError` or `TypeError` for a usage that cannot be.
    """
    return quote(model, usage, answered=answered, batch=batch, tier=tier, when=when, prices=prices).cost


def quote(
    model: str,
    usage: object,
    *,
    answered: str | None = None,
    batch: bool = False,
    tier: str | None = None,
    when: datetime | None = None,
    prices: Prices | None = None,
) -> Quote:
    """`cost_of`, and the reason where there is none."""
    try:
        parts = bill(model, usage, answered=answered, batch=batch, tier=tier, when=when, prices=prices)
        return Quote(Cost(parts))
    except UnpricedError as why:
        return Quote(None, str(why))


def bill(
    model: str,
    usage: object,
    *,
    answered: str | None = None,
    batch: bool = False,
    tier: str | None = None,
    when: datetime | None = None,
    prices: Prices | None = None,
    default: Rates | None = None,
) -> list[Part]:
    """What a quote's cost is made of, with the same arguments. default: where nobody else has a price. Raises
    `UnpricedError` where there is none, and as `cost_of` does.
    """
    provider, _, name = model.partition("/") if "/" in model else ("openai", "", model)
    used = plain(usage)
    how = _circumstances(used, batch=batch, tier=tier, when=when)
    names = _names(provider, name, answered)
    with localcontext(EXACT):
        rates = own_rates(provider, names, how, prices)
        if rates is None and (told := told_cost(provider, used)) is not None:
            return [Part(model, "total", Decimal(1), told, f"{provider}'s own word")]
        counts = counts_of(used)
        if not counts:
            raise UnpricedError(f"{model} told no usage")
        if provider in LEAST_SECONDS and "seconds" in counts:
            counts["seconds"] = max(counts["seconds"], Decimal(LEAST_SECONDS[provider]))
        try:
            return _parts(model, counts, rates or known_rates(provider, names, how))
        except UnpricedError:
            if default is None:
                raise
            return _parts(model, counts, default)


def price_of(model: str, kind: str, *, prices: Prices | None = None) -> Decimal | None:
    """What *kind* of *model* costs now, in USD, as `types.prices.ModelPrice` counts it (a million tokens, a
    minute, an image); of tiers the first. `None` where that is not known.
    """
    provider, _, name = model.partition("/")
    how = Circumstances()
    try:
        rates = own_rates(provider, (name,), how, prices) or known_rates(provider, (name,), how)
    except UnpricedError:
        return None
    rate = rates.by_kind.get(kind)
    return None if rate is None else rate.usd * KINDS[kind].per / rate.per


def _parts(model: str, counts: Counts, rates: Rates) -> list[Part]:
    read = sum([counts[kind] for kind in PROMPT if kind in counts], Decimal(0))
    if "requests" in rates.by_kind:
        counts.setdefault("requests", Decimal(1))
    parts = []
    for kind, count in counts.items():
        rate = rates.by_kind.get(kind) or _instead(kind, rates)
        if rate is None:
            raise UnpricedError(f"{rates.prices} has no price of {kind} for {model}")
        parts.append(Part(model, kind, count, rate.of(count, read), rates.prices))
    return parts


def _instead(kind: str, rates: Rates) -> Rate | None:
    return next((rates.by_kind[other] for other in KINDS[kind].instead if other in rates.by_kind), None)


def _names(provider: str, name: str, answered: str | None) -> tuple[str, ...]:
    """What the model may be listed as. A deployment's name says nothing: what answered goes first there."""
    if not answered or answered == name:
        return (name,)
    return (answered, name) if provider in DEPLOYING else (name, answered)


def _circumstances(
    usage: Mapping[str, Any], *, batch: bool, tier: str | None, when: datetime | None
) -> Circumstances:
    tier = tier or _word(usage, "service_tier") or _word(usage, "serviceTier")
    is_batch = batch or tier == "batch"
    speed = _word(usage, "speed")
    return Circumstances(when, is_batch, "" if is_batch else tier, "" if speed == "standard" else speed)


def _word(usage: Mapping[str, Any], name: str) -> str:
    word = usage.get(name)
    return word.lower() if isinstance(word, str) else ""


DEPLOYING = {"azure"}
