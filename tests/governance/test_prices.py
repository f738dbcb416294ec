"""Whose price counts, of which version, and that a request keeps to what it was let in with."""

from __future__ import annotations

from decimal import Decimal

import pytest

from muxi_llm.governance.prices import UNPRICED, Cost, Price, Tariff, micro, version_of

PLACE = [("here", "openai/gpt-4o-mini")]
USAGE = {"prompt_tokens": 1000, "completion_tokens": 100, "total_tokens": 1100}


def cost(*prices: Price, default: dict[str, int] | None = None, model: str = "openai/gpt-4o-mini") -> Cost:
    return Tariff(prices, default).frozen([("here", model)]).cost(model, USAGE)


def test_the_order_of_prices() -> None:
    deployment = Price("deployment", "here", {"input": 1, "output": 1}, "d1")
    model = Price("model", "openai/gpt-4o-mini", {"input": 2, "output": 2}, "m1")
    discount = Price("provider", "openai", {"percent": 50}, "half off")
    listed = cost()
    assert listed.prices.startswith("genai-prices")
    assert listed.micro == 1000 * 0.15 + 100 * 0.6
    assert (listed.input, listed.output) == (1000, 100)
    assert cost(discount).micro == listed.micro / 2
    assert cost(discount).prices == f"{listed.prices}; half off"
    assert (cost(discount, model).micro, cost(discount, model).prices) == (2200, "m1")
    assert (cost(deployment, discount, model).micro, cost(deployment, model).prices) == (1100, "d1")


def test_the_last_price_of_a_name_counts_and_an_empty_one_takes_it_back() -> None:
    first, second, gone = (
        Price("model", "openai/gpt-4o-mini", price, version)
        for price, version in (({"input": 1, "output": 1}, "1"), ({"input": 2, "output": 1}, "2"), ({}, "3"))
    )
    assert cost(first, second).prices == "2"
    assert cost(first, second, gone).prices == cost().prices


def test_what_has_no_price_has_the_default_if_there_is_one() -> None:
    assert cost(model="house/m").prices == UNPRICED
    assert not cost(model="house/m").is_known
    assert cost(model="house/m", default={"input": 1, "output": 10}).micro == 2000


def test_a_tier_is_for_all_of_a_long_request_and_a_batch_has_its_own() -> None:
    price = {"input": 1, "output": 1, "cached": "0.1", "over": {500: {"input": 3, "output": 3}}}
    frozen = Tariff([Price("model", "house/m", price, "1")]).frozen([("here", "house/m")])
    assert frozen.cost("house/m", USAGE).micro == 3300
    assert frozen.guess("house/m", [{"input": 100, "output": 10}]) == 110 + (128 - 100)
    assert frozen.guess("house/m", [{"images": 1}, {"input": 32}]) == 32
    assert frozen.guess("house/m", [{"images": 1}]) is None


def test_prices_that_change_do_not_change_a_request_under_way() -> None:
    tariff = Tariff([Price("model", "house/m", {"input": 1, "output": 1}, "1")])
    frozen = tariff.frozen([("here", "house/m")])
    assert frozen is tariff.frozen([("here", "house/m")])
    assert (
        Tariff([Price("model", "house/m", {"input": 9, "output": 9}, "2")])
        .frozen([("here", "house/m")])
        .cost("house/m", USAGE)
        .micro
        == 9900
    )
    assert frozen.cost("house/m", USAGE) == Cost(1100, "1", 1000, 0, 0, 100)


@pytest.mark.parametrize("usage", [None, {"prompt_tokens": "many"}, {"prompt_tokens": float("nan")}, 5])
def test_a_usage_that_makes_no_sense_costs_nothing_known(usage: object) -> None:
    price = Price("model", "house/m", {"input": 1, "output": 1}, "1")
    assert not Tariff([price]).frozen([("here", "house/m")]).cost("house/m", usage).is_known


def test_amounts_are_whole_and_versions_are_of_their_content() -> None:
    assert [micro(Decimal(usd)) for usd in ("0.0000005", "0.0000015", "0.0000014", "1")] == [
        0,
        2,
        1,
        1_000_000,
    ]
    assert version_of({"input": 1}) == version_of({"input": 1}) != version_of({"input": 2})
