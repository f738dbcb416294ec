"""What a call cost: an amount that knows what it was made of."""

from __future__ import annotations

from decimal import Context, Decimal, localcontext
from functools import reduce
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Self


class Part(NamedTuple):
    """One item of a bill.

    model: `provider/model`. kind: what was counted, see `counts.KINDS`; `total` where the provider said
    what all of it cost. quantity: how many tokens, seconds, images, …. usd: what they cost. prices: whose
    prices these are, and of which version.
    """

    model: str
    kind: str
    quantity: Decimal
    usd: Decimal
    prices: str


class Cost(Decimal):
    """USD, exact: a `Decimal` like any other. `parts` says what it is made of: every attempt that was billed.

    Arithmetic gives plain decimals.
    """

    __slots__ = ("parts",)
    parts: tuple[Part, ...]

    def __new__(cls, parts: Iterable[Part] = ()) -> Self:
        """The sum of *parts*."""
        parts = tuple(parts)
        cost = super().__new__(cls, _plain(reduce(EXACT.add, [part.usd for part in parts], Decimal(0))))
        cost.parts = parts
        return cost

    @property
    def by_kind(self) -> dict[str, Decimal]:
        """USD of each kind (`input`, `cached`, `output`, …), of all attempts together."""
        with localcontext(EXACT):
            return {
                kind: sum((part.usd for part in self.parts if part.kind == kind), Decimal(0))
                for kind in dict.fromkeys(part.kind for part in self.parts)
            }

    @property
    def prices(self) -> str:
        """Whose prices it was reckoned with, and of which version."""
        return ", ".join(dict.fromkeys(part.prices for part in self.parts))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.parts,)

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class Quote(NamedTuple):
    """A cost, or `None` and the reason why there is none."""

    cost: Cost | None
    reason: str | None = None


EXACT = Context(prec=50)
"""The caller's own context may round to any number of digits."""


def _plain(amount: Decimal) -> Decimal:
    """*amount* without zeros at its end, and without an exponent where it would be written with one."""
    amount = amount.normalize(EXACT)
    is_short = amount >= 10 and amount.as_tuple().exponent > 0  # type: ignore[operator]
    return amount.quantize(Decimal(1), context=EXACT) if is_short else amount


__all__ = ["EXACT", "Cost", "Part", "Quote"]
