"""Where a model's prices are: the caller's own, else rows of ours, else what genai-prices knows.

genai-prices is read when a price is first asked for; it takes a fifth of a second and 20 MB.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import muxi_llm
from muxi_llm import config
from muxi_llm.prices.counts import KINDS
from muxi_llm.prices.rows import ROWS
from muxi_llm.types.prices import FixedPrice, fixed, price_book

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from muxi_llm.types.prices import Prices


class Rate(NamedTuple):
    """USD for *per* of a thing; tiers: instead, where more tokens than that were read, ascending."""

    usd: Decimal
    per: int
    tiers: tuple[tuple[int, Decimal], ...] = ()

    def of(self, count: Decimal, read: Decimal) -> Decimal:
        """What *count* of it costs in a call that read so many tokens: above a tier's start all cost that."""
        usd = self.usd
        for start, instead in self.tiers:
            usd = instead if read > start else usd
        return usd * count / self.per


class Rates(NamedTuple):
    """A model's prices by kind, and whose they are."""

    by_kind: Mapping[str, Rate]
    prices: str


class UnpricedError(LookupError):
    """There is no price; the message says why."""


class Circumstances(NamedTuple):
    """What a price depends on besides the model. tier, speed: of service, in the provider's own words."""

    when: datetime | None = None
    batch: bool = False
    tier: str = ""
    speed: str = ""


PLAIN = Circumstances()


def own_rates(
    provider: str, names: tuple[str, ...], how: Circumstances, prices: Prices | None = None
) -> Rates | None:
    """The caller's own prices of the first of *names* (of one model, the likeliest first) that has any.

    prices: for this call alone, before those of the configuration.
    """
    if prices is None and not config.own_prices():
        return None
    books = ((price_book(prices, "prices"), "prices="), (config.own_prices(), "muxi_llm.config.prices"))
    for book, whose in books:
        for model in (*_ids(provider, names), f"{provider}/*"):
            if model in book:
                return fixed_rates(book[model], whose, model, how)
    return None


def known_rates(provider: str, names: tuple[str, ...], how: Circumstances) -> Rates:
    """The same by rows of ours and by genai-prices. Raises `UnpricedError`."""
    for model in _ids(provider, names):
        if (row := _rows().get(model)) is not None:
            return fixed_rates(row, f"muxi-llm {muxi_llm.__version__}", model, how)
    # To the minute: list prices change with the time of day, and tables by `UpdatePrices` of genai-prices.
    when = (how.when or datetime.now(UTC)).replace(second=0, microsecond=0)
    found = _looked_up(provider, names, Circumstances(when, *how[1:]))
    if isinstance(found, str):
        raise UnpricedError(found)
    return found


def _ids(provider: str, names: tuple[str, ...]) -> list[str]:
    return [f"{provider}/{name}".lower() for name in names]


@cache
def _rows() -> dict[str, FixedPrice]:
    return {model: fixed(row, model) for model, row in ROWS.items()}


def fixed_rates(price: FixedPrice, whose: str, model: str = "", how: Circumstances = PLAIN) -> Rates:
    """A checked price by kind. Raises `UnpricedError` where it has none for a batch."""
    if how.batch and price.batch is None:
        raise UnpricedError(f"no price of a batch for {model} in {whose}")
    fields, over = {**price.fields, **(price.batch or {})} if how.batch else price.fields, price.over
    return Rates(
        {
            kind: Rate(
                fields[field], per, tuple((start, tier[field]) for start, tier in over if field in tier)
            )
            for kind, (field, per, _) in KINDS.items()
            if field in fields
        },
        whose,
    )


# ------------------------------------------------------------------------------------ genai-prices


@lru_cache(1024)
def _looked_up(provider: str, names: tuple[str, ...], how: Circumstances) -> Rates | str:
    """`_listed`, or why there are none: a model without a price is asked for as often as any."""
    try:
        return _listed(provider, names, how)
    except UnpricedError as why:
        return str(why)


def _listed(provider: str, names: tuple[str, ...], how: Circumstances) -> Rates:
    found = None
    for name in names:
        found = found or _found(provider, name, how)
    if found is None:
        raise UnpricedError(
            f"no price is known for {provider}/{names[0]}; muxi_llm.config.prices can have one"
        )
    _check_variants(found.model, found.provider, how, f"{provider}/{names[0]}")
    rates = {}
    for kind, (keys, per) in LISTED.items():
        price = next((p for key in keys if (p := getattr(found.model_price, key)) is not None), None)
        if price is not None:
            tiers = tuple((tier.start, tier.price) for tier in getattr(price, "tiers", ()))
            rates[kind] = Rate(getattr(price, "base", price), per, tiers)
    return Rates(rates, _version(found.auto_update_timestamp))


def listed_models(provider: str) -> list[str]:
    """The models of *provider* that genai-prices knows."""
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415 - as below

    wanted = PROVIDERS.get(provider)
    return [model.id for one in get_snapshot().providers if one.id == wanted for model in one.models]


def _found(provider: str, name: str, how: Circumstances) -> Any:
    """What genai-prices knows of a model, `None` if nothing."""
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - 1.6 MB of tables, for those who ask

    if provider == "huggingface":  # who serves it is behind the colon
        name, _, server = name.partition(":")
        listed: str | None = f"huggingface_{server}"
    else:
        listed = PROVIDERS.get(provider)
    if listed is None:
        return None
    for spelt in (name, name.rpartition("/")[2]):
        try:
            return calc_price(
                Usage(),
                spelt,
                provider_id=listed,
                genai_request_timestamp=how.when,
                price_context=_context(how),
            )
        except LookupError:
            continue
    return None


def _context(how: Circumstances) -> dict[str, str]:
    """The circumstances in genai-prices' words."""
    told = {"service_tier": how.tier, "speed": how.speed, "processing": "batch" if how.batch else ""}
    return {name: value for name, value in told.items() if value}


def _check_variants(model: Any, provider: Any, how: Circumstances, asked: str) -> None:
    """Whether the list has a price for such circumstances, if it has one for this provider's other models."""
    wanted = {name: value for name, value in _context(how).items() if value not in AS_LISTED}
    is_own = any(model is other for other in provider.models)  # Azure's list lends OpenAI's, standard alone
    for pair in wanted.items():
        if is_own and _varies(model, pair):
            continue
        if how.batch or any(_varies(other, pair) for other in (model, *provider.models)):
            raise UnpricedError(f"no price is known for {asked} with {pair[0]} {pair[1]!r}")


def _varies(model: Any, pair: tuple[str, str]) -> bool:
    return any(pair in variant.when.items() for variant in model.price_variants or ())


@cache
def _version(updated: datetime | None) -> str:
    from genai_prices import __version__  # noqa: PLC0415 - likewise

    return f"genai-prices {__version__}" + (f" of {updated.isoformat(timespec='seconds')}" if updated else "")


AS_LISTED = {"auto", "default", "standard", "standard_only", "on_demand"}
"""Tiers of service that are none."""

LISTED: dict[str, tuple[tuple[str, ...], int]] = {
    "input": (("input_mtok", "input_text_mtok"), 1_000_000),
    "cached": (("cache_read_mtok", "cache_text_read_mtok"), 1_000_000),
    "cache_write": (("cache_write_5m_mtok", "cache_write_mtok"), 1_000_000),
    "cache_write_1h": (("cache_write_1h_mtok",), 1_000_000),
    "input_audio": (("input_audio_mtok",), 1_000_000),
    "input_image": (("input_image_mtok",), 1_000_000),
    "output": (("output_mtok", "output_text_mtok"), 1_000_000),
    "reasoning": (("output_reasoning_mtok",), 1_000_000),
    "output_audio": (("output_audio_mtok",), 1_000_000),
    "output_image": (("output_image_mtok",), 1_000_000),
    "characters": (("input_mchars",), 1_000_000),
    "seconds": (("input_audio_hours", "audio_hours"), 3600),
    "output_seconds": (("output_audio_hours",), 3600),
    "searches": (("rerank_searches_kcount",), 1000),
    "web_searches": (("web_searches_kcount",), 1000),
    "pages": (("input_document_kpages",), 1000),
    "requests": (("requests_kcount",), 1000),
}
"""By kind: what genai-prices calls its price, and for how many that is."""

PROVIDERS = {
    **{
        name: name
        for name in (
            "anthropic", "azure", "baseten", "cerebras", "cloudflare", "cohere", "databricks", "deepseek",
            "elevenlabs", "fireworks", "google", "groq", "minimax", "mistral", "modal", "novita", "openai",
            "openrouter", "perplexity", "together", "zai",
        )
    },
    "bedrock": "aws",
    "llama": "meta",
    "moonshot": "moonshotai",
    "ovh": "ovhcloud",
    "vertex": "google",
    "voyage": "voyageai",
    "xai": "x-ai",
}  # fmt: skip
"""Our names of providers, and genai-prices'. No other is asked for: it matches names by their parts."""
