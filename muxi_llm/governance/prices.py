"""What things cost here, in micro-USD: a deployment's own price, else a model's, else the list's less the
provider's discount, else the default; a request keeps to the prices it was let in with.

Whose price it was, and of which version, stands with every amount.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from muxi_llm.prices.quotes import bill
from muxi_llm.prices.rates import UnpricedError, fixed_rates
from muxi_llm.types.prices import fixed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from muxi_llm.prices.cost import Part
    from muxi_llm.prices.rates import Rates

MICRO = Decimal(1_000_000)
UNPRICED = "unpriced"


class Cost(NamedTuple):
    """An amount, whose prices it is by, and the tokens it was reckoned from. `is_known`: it has a price."""

    micro: int
    prices: str
    input: int = 0
    cached: int = 0
    cache_write: int = 0
    output: int = 0

    @property
    def is_known(self) -> bool:
        """Whether anybody has a price of it."""
        return self.prices != UNPRICED


class Price(NamedTuple):
    """One that is ours. scope: `deployment`, `model` (`provider/model`), `provider` (a discount)."""

    scope: str
    name: str
    price: Mapping[str, Any]
    version: str


class Tariff:
    """All prices of ours. Replaced as a whole when they change."""

    def __init__(self, prices: Iterable[Price] = (), default: Mapping[str, Any] | None = None) -> None:
        """prices: the last of a name counts, an empty one takes it back. default: where there is none."""
        kept = {(one.scope, one.name): one for one in prices}
        self._kept = {key: one for key, one in kept.items() if one.price}
        self._default = (
            None if default is None else fixed_rates(fixed(default, "default_price"), "default_price")
        )
        self._frozen: dict[tuple[tuple[str, str], ...], Frozen] = {}

    def frozen(self, places: Sequence[tuple[str, str]]) -> Frozen:
        """The prices of a request that may go to *places*: deployments' names, and their `provider/model`."""
        key = tuple(places)
        if key not in self._frozen:
            if len(self._frozen) > MOST:
                self._frozen.clear()
            self._frozen[key] = self._freeze(key)
        return self._frozen[key]

    def _freeze(self, places: Iterable[tuple[str, str]]) -> Frozen:
        own: dict[str, Price] = {}
        discounts: dict[str, Price] = {}
        for deployment, model in places:
            provider = model.partition("/")[0]
            for key in (("deployment", deployment), ("model", model)):
                if key in self._kept:
                    own.setdefault(model, self._kept[key])
            if ("provider", provider) in self._kept:
                discounts[provider] = self._kept["provider", provider]
        return Frozen(own, discounts, self._default)


MOST = 1000
"""Sets of places whose prices are kept at hand."""


class Frozen:
    """The prices of one request."""

    def __init__(
        self, own: Mapping[str, Price], discounts: Mapping[str, Price], default: Rates | None
    ) -> None:
        self._own = own
        self._book: Any = {model: one.price for model, one in own.items()} or None
        self._discounts = discounts
        self._default = default
        self._guessed: dict[tuple[Any, ...], Cost] = {}

    def cost(
        self,
        model: str,
        usage: object,
        *,
        answered: str | None = None,
        tier: str | None = None,
        when: datetime | None = None,
    ) -> Cost:
        """What *usage* of *model* (`provider/model`) costs; the arguments are those of
        `muxi_llm.prices.quote`.
        """
        try:
            own, last = self._book, self._default
            parts = bill(model, usage, answered=answered, tier=tier, when=when, prices=own, default=last)
        except (UnpricedError, TypeError, ValueError, AttributeError):  # a provider's counts may be anything
            return UNKNOWN
        usd, tokens, prices = sum((part.usd for part in parts), Decimal(0)), _tokens(parts), parts[0].prices
        mine = self._own.get(model)
        if mine is not None:
            return Cost(micro(usd), mine.version, *tokens)
        discount = self._discounts.get(model.partition("/")[0])
        if discount is not None:
            usd = usd * (100 - Decimal(str(discount.price["percent"]))) / 100
            prices = f"{prices}; {discount.version}"
        return Cost(micro(usd), prices, *tokens)

    def guess(self, model: str, ways: Sequence[Mapping[str, int]]) -> int | None:
        """What that will cost, by the first of *ways* to count it that has a price; `None` where none has."""
        for counts in ways:
            rounded = {kind: _rounded(count) for kind, count in counts.items()}
            key = (model, *rounded.items())
            cost = self._guessed.get(key)
            if cost is None:
                if len(self._guessed) > MOST:
                    self._guessed.clear()
                cost = self._guessed[key] = self.cost(model, rounded)
            if cost.is_known:
                return cost.micro
        return None


def micro(usd: Decimal) -> int:
    """USD in whole micro-USD."""
    return int((usd * MICRO).to_integral_value(ROUND_HALF_EVEN))


def version_of(price: Mapping[str, Any]) -> str:
    """What a price of the configuration is known by: other prices have another one."""
    told = orjson.dumps(price, default=str, option=orjson.OPT_SORT_KEYS)
    return f"configuration {blake2b(told, digest_size=4).hexdigest()}"


def _tokens(parts: Sequence[Part]) -> tuple[int, int, int, int]:
    """What of a bill is tokens: read, from a cache, into one, written."""
    found = [0, 0, 0, 0]
    for part in parts:
        if part.kind in PLACES:
            found[PLACES[part.kind]] += int(part.quantity)
    return found[0], found[1], found[2], found[3]


UNKNOWN = Cost(0, UNPRICED)
STEP = 32
"""Guesses are of so many more: a few are then enough for most requests."""
PLACES = {
    **dict.fromkeys(("input", "input_audio", "input_image"), 0),
    "cached": 1,
    **dict.fromkeys(("cache_write", "cache_write_1h"), 2),
    **dict.fromkeys(("output", "reasoning", "output_audio", "output_image"), 3),
}


def _rounded(count: int) -> int:
    return -(-count // STEP) * STEP if count > STEP else count
