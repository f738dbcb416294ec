"""The router: whom it asks, in which order, and what it says of the others."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from muxi_llm.routing.deployments import Deployment, Needs, Window
from muxi_llm.routing.router import Router, Rules
from muxi_llm.routing.strategies import STRATEGIES

NOW = 1_000_040.0
PLAIN = Needs()


def deployment(name: str, model: str = "fast", **given: Any) -> Deployment:
    return Deployment(name, f"openai/{name}", (model,), **given)


def router_of(*deployments: Deployment, **rules: Any) -> Router:
    return Router(deployments, Rules(**rules))


def firsts(router: Router, calls: int, needs: Needs = PLAIN, model: str = "fast") -> Counter[str]:
    lots = random.Random(7)
    routes = [router.route(model, needs, NOW, lots.random) for _ in range(calls)]
    return Counter(route.chosen[0].deployment.name for route in routes)


def names(router: Router, needs: Needs = PLAIN, model: str = "fast", now: float = NOW) -> list[str]:
    route = router.route(model, needs, now, random.Random(7).random)
    return [one.deployment.name for one in route.chosen]


def told(router: Router, needs: Needs = PLAIN, model: str = "fast") -> dict[str, str]:
    route = router.route(model, needs, NOW, random.Random(7).random)
    return {refusal.deployment.name: refusal.why for refusal in route.refused}


# ------------------------------------------------------------------------------------- strategies


@pytest.mark.parametrize(
    ("share", "values"), [("weight", (3, 1)), ("rpm", (300, 100)), ("tpm", (3000, 1000))]
)
def test_shuffle_is_by_the_shares_there_are(share: str, values: tuple[int, int]) -> None:
    router = router_of(
        *(
            deployment(name, **dict[str, Any]({share: value}))
            for name, value in zip("ab", values, strict=True)
        )
    )
    counts = firsts(router, 2000)
    assert 0.70 < counts["a"] / 2000 < 0.80


def test_shuffle_without_shares_is_even_and_a_weight_of_nothing_is_last() -> None:
    assert 900 < firsts(router_of(deployment("a"), deployment("b")), 2000)["a"] < 1100
    assert firsts(router_of(deployment("a", weight=0), deployment("b", weight=1)), 50) == {"b": 50}


def test_round_robin_takes_turns_for_each_model_by_itself() -> None:
    router = router_of(*map(deployment, "abc"), deployment("d", "slow"), strategy="round-robin")
    assert [names(router)[0] for _ in range(4)] == ["a", "b", "c", "a"]
    assert names(router, model="slow") == ["d"]
    assert names(router)[0] == "b"


def test_the_fastest_is_by_whole_answers_or_by_first_tokens() -> None:
    router = router_of(deployment("a"), deployment("b"), strategy="lowest-latency")
    for name, whole, first in (("a", 1.0, 0.9), ("b", 2.0, 0.1)):
        router.facts[name].went_well(NOW, whole, stream=False)
        router.facts[name].began(first)
    assert names(router) == ["a", "b"]
    assert names(router, Needs(stream=True)) == ["b", "a"]


def test_one_nobody_knows_is_asked_first_but_by_one_at_a_time() -> None:
    router = router_of(*map(deployment, "abc"), strategy="lowest-latency")
    router.facts["a"].went_well(NOW, 1.0, stream=False)
    router.facts["b"].went_well(NOW, 5.0, stream=False)
    assert names(router) == ["c", "a", "b"]
    router.facts["c"].enter(NOW, 1)
    assert names(router) == ["a", "b", "c"], "one that is unknown must not undo the order of the others"


def test_the_least_busy_and_the_least_used() -> None:
    router = router_of(deployment("a"), deployment("b"), strategy="least-busy")
    router.facts["a"].enter(NOW, 10)
    assert names(router) == ["b", "a"]
    router = router_of(deployment("a"), deployment("b"), strategy="lowest-tpm-rpm")
    router.facts["a"].enter(NOW, 10)
    router.facts["b"].enter(NOW, 4)
    router.facts["b"].enter(NOW, 5)
    assert names(router) == ["b", "a"]
    router.facts["b"].enter(NOW, 1)
    assert names(router) == ["a", "b"], "as many tokens: then the requests decide"


def test_the_cheapest_and_those_without_a_price_last() -> None:
    router = router_of(
        deployment("a"),
        deployment("b", price=(2e-6, 8e-6)),
        deployment("c", price=(1e-6, 4e-6)),
        strategy="lowest-cost",
    )
    assert names(router) == ["c", "b", "a"]


def test_a_model_may_have_a_strategy_of_its_own() -> None:
    router = router_of(*map(deployment, "ab"), strategy="in-order", strategies={"fast": "round-robin"})
    assert [names(router)[0] for _ in range(3)] == ["a", "b", "a"]


@given(st.sampled_from(sorted(STRATEGIES)), st.lists(st.integers(0, 3), min_size=1, max_size=6), st.randoms())
def test_every_strategy_gives_each_deployment_once(
    strategy: str, busy: list[int], lots: random.Random
) -> None:
    router = router_of(*(deployment(str(n)) for n in range(len(busy))), strategy=strategy)
    for name, attempts in enumerate(busy):
        for _ in range(attempts):
            router.facts[str(name)].enter(NOW, 5)
            router.facts[str(name)].began(0.1 * attempts)
    route = router.route("fast", Needs(stream=True, session="s"), NOW, lots.random)
    assert sorted(one.deployment.name for one in route.chosen) == sorted(router.facts)
    assert not route.refused


# --------------------------------------------------------------------------------- who may be asked


@pytest.mark.parametrize("need", ["vision", "tools", "schema", "thinking"])
def test_who_cannot_do_it_is_not_asked(need: str) -> None:
    router = router_of(deployment("a", **dict[str, Any]({need: False})), deployment("b"), strategy="in-order")
    assert names(router) == ["a", "b"]
    assert names(router, Needs(**dict[str, Any]({need: True}))) == ["b"]
    assert list(told(router, Needs(**dict[str, Any]({need: True})))) == ["a"]


def test_tokens_are_counted_only_where_they_may_not_fit() -> None:
    counted: list[int] = []

    def count() -> int:
        counted.append(1)
        return 90

    router = router_of(deployment("a", context=100), deployment("b", context=1000), strategy="in-order")
    assert names(router, Needs(size=80, output=20, count=count)) == ["a", "b"]
    assert not counted
    assert names(router, Needs(size=300, output=5, count=count)) == ["a", "b"], "fewer tokens than bytes"
    assert names(router, Needs(size=300, output=20, count=count)) == ["b"]
    assert told(router, Needs(size=300, output=20, count=count)) == {
        "a": "its context is 100 tokens, and this takes 110"
    }


def test_names_are_patterns_and_large_and_small_letters_are_alike() -> None:
    router = router_of(
        deployment("a", "*opus*"), deployment("b", "*"), deployment("c", "gpt-5[a]"), strategy="in-order"
    )
    assert names(router, model="claude-OPUS-4-5") == ["a", "b"]
    assert names(router, model="haiku") == ["b"]
    assert names(router, model="gpt-5[a]") == ["b", "c"], "a whole name is a name, brackets and all"


def test_nobody_serves_it() -> None:
    route = router_of(deployment("a")).route("other", Needs(), NOW, random.random)
    assert (route.chosen, route.refused, route.known, route.retry_after) == ((), (), False, None)


def test_all_at_their_limits_says_when_to_come_back() -> None:
    router = router_of(deployment("a", rpm=1), deployment("b", windows=(Window(1, 3600),)))
    for facts in router.facts.values():
        facts.enter(NOW, 1)
    route = router.route("fast", Needs(), NOW, random.random)
    assert route.known
    assert not route.chosen
    assert route.retry_after is not None
    assert 0 < route.retry_after <= 60


# ------------------------------------------------------------------------------------- cool-downs


def test_a_cooled_one_is_left_alone_while_another_is_healthy() -> None:
    router = router_of(deployment("a"), deployment("b"), strategy="in-order")
    router.facts["a"].failed(NOW, 429)
    assert names(router) == ["b"]
    assert told(router) == {"a": "it cools down (HTTP 429)"}
    assert names(router, now=NOW + 61) == ["a", "b"]


def test_the_one_that_wakes_first_is_asked_where_there_is_no_other() -> None:
    router = router_of(deployment("a"), deployment("b"), strategy="in-order")
    router.facts["a"].failed(NOW, 429, 50.0)
    router.facts["b"].failed(NOW, 429, 20.0)
    assert names(router) == ["b"]
    assert list(told(router)) == ["a"]


def test_one_at_its_limit_is_not_asked_because_others_cool() -> None:
    router = router_of(deployment("a", rpm=1), deployment("b"), strategy="in-order")
    router.facts["a"].enter(NOW, 1)
    router.facts["b"].failed(NOW, 401)
    assert names(router) == ["b"]


# ----------------------------------------------------------------------------- fallbacks, sessions


def test_fallbacks_come_after_and_never_twice() -> None:
    router = router_of(
        deployment("a"), deployment("b", "slow"), deployment("c", "*s*"),
        strategy="in-order", fallbacks={"fast": ["slow", "gone"]},
    )  # fmt: skip
    assert names(router) == ["a", "c", "b"]
    assert names(router, model="slow") == ["b", "c"]


@given(st.sets(st.text(min_size=1), min_size=1, max_size=40))
def test_a_session_stays_where_it_is_when_others_come_and_go(sessions: set[str]) -> None:
    router, fewer = router_of(*map(deployment, "abcd")), router_of(*map(deployment, "abc"))
    for session in sessions:
        first = names(router, Needs(session=session))[0]
        assert first == names(router, Needs(session=session))[0]
        if first != "d":
            assert names(fewer, Needs(session=session))[0] == first


def test_sessions_spread_by_weight() -> None:
    router = router_of(deployment("a", weight=3), deployment("b", weight=1))
    counts = Counter(names(router, Needs(session=str(n)))[0] for n in range(2000))
    assert 0.70 < counts["a"] / 2000 < 0.80


def test_a_new_router_goes_on_with_what_is_known_of_those_that_are_as_they_were() -> None:
    before = router_of(deployment("a"), deployment("b"), strategy="in-order")
    before.facts["a"].failed(NOW, 429)
    before.facts["b"].failed(NOW, 429)
    after = Router([deployment("a"), deployment("b", weight=2)], Rules("in-order"), before.facts)
    assert names(after) == ["b"]
    assert after.facts["a"] is before.facts["a"]


def test_a_provider_has_so_many_requests_under_way_at_all_its_deployments() -> None:
    first, second = Deployment("a", "house/a", ("fast",)), Deployment("b", "house/b", ("fast",))
    router = Router([first, second, deployment("c")], Rules("in-order", at_once={"house": 2}))
    for name in ("a", "b"):
        router.facts[name].enter(NOW, 1)
    assert names(router) == ["c"]
    assert told(router)["a"] == "its provider has 2 requests under way"
    router.facts["b"].leave(NOW, entered=NOW, guessed=1)
    assert names(router) == ["a", "b", "c"]


def test_the_preferred_providers_deployments_come_first() -> None:
    router = router_of(
        deployment("a", weight=100), Deployment("b", "house/b", ("fast",), weight=0.001), preferred="house"
    )
    assert {names(router)[0] for _ in range(20)} == {"b"}
