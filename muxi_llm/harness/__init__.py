"""The resilience harness: what may stand around every call of this process, off until it is asked for.

    muxi_llm.harness.configure(
        cache="redis-or-memory",    # keep answers, and answer equal calls with them
        redis_url="redis://...",    # or REDIS_URL
        singleflight=True,          # equal calls under way at the same time become one
        breaker=True,               # leave a place alone while too much of what it is asked fails
        concurrency=32,             # find out how many attempts at once it stands, from here down
        kill_switch=True,           # stop everything while a file is there
    )

A call or a client may ask for its own: `cache=`, `tenant=`, `singleflight=`, `breaker=`, `concurrency=` of
`create` and of `with_options`. State belongs to the places calls go to, not to settings: changing one forgets
nothing. `stats()`, `state()`, `delete(...)`, `clear()` and `reset()` look at it and empty it.

Two things need no asking. With `OPENAI_KEYS=sk-1,sk-2` (or `muxi_llm.openai_keys = [...]`) the keys take
turns, rest after a 429 and are left out for a while after a 401. And a place that says 429 is left alone for
as long as it asks, by all calls, which then go out at the pace it stands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from functools import lru_cache
from importlib import import_module
from math import inf
from typing import TYPE_CHECKING, Any, Literal, get_args

from muxi_llm.errors import InvalidRequestError, shown
from muxi_llm.harness.breaker import Breaker as Breaker

if TYPE_CHECKING:
    from pathlib import Path

    from muxi_llm.harness.events import Telemetry

CacheStrategy = Literal["memory", "redis", "redis-or-memory"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """How a call uses the cache. Raises `ValueError` for what cannot be.

    strategy: where answers are kept, `None` for where the harness keeps them (else `memory`). ttl: seconds
    an answer is good for, from when it was made, `None` for the harness's. max_age: seconds old that what is
    found may be. read, write: whether answers are looked for, and kept. tenant: whose they are, in the place
    of the key the call is made with. stale_if_error: seconds beyond its time that an answer is good enough
    where the call fails. stale_while_revalidate: seconds beyond its time that it is good enough at once,
    while a new one is fetched.
    """

    strategy: CacheStrategy | None = None
    ttl: float | None = None
    max_age: float | None = None
    read: bool = True
    write: bool = True
    tenant: str | None = None
    stale_if_error: float = 0.0
    stale_while_revalidate: float = 0.0

    def __post_init__(self) -> None:
        if self.strategy is not None and self.strategy not in STRATEGIES:
            raise ValueError(f"Cache(strategy=...) must be {CACHES}, not {self.strategy!r}")
        for name in ("ttl", "max_age", "stale_if_error", "stale_while_revalidate"):
            value = getattr(self, name)
            least = value == 0 and name != "ttl"
            if value is not None and not (_is_number(value) and (0 < value < inf or least)):
                raise ValueError(f"Cache({name}=...) must be seconds, not {value!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class HarnessSettings:
    """What stands around calls.

    cache: where answers are kept, or a `Cache`. cache_ttl: seconds an answer is good for. cache_items,
    cache_bytes: kept in memory at most. redis_url: `redis://...`, by default `REDIS_URL`. tenant: whose the
    answers are: callers of another tenant share nothing with it; without one, each key is its own tenant.
    singleflight: whether equal calls under way at the same time become one (streams never do, nor calls
    whose `temperature` is above 0, unless `n` or `seed` settle it; with `"samples"` those too). breaker:
    when a place is left alone: `True`, the part of the calls that must fail (0.5), how many calls there must
    be for that (20), or a `Breaker`; breaker_cooldown: seconds it stays alone; breaker_probes: calls let
    through, at most, to see whether that may end; breaker_shared: whether the processes that share a Redis
    tell each other of open ones. concurrency: attempts at once with each place, to begin
    with and at most; concurrency_minimum: at least, however often it is too much (4, or `concurrency`);
    concurrency_wait: seconds a call waits for its permit (as long as an attempt may take). pace: whether a
    place that said 429 is left alone for as long as it asked, and then asked no faster than it stood.
    requests_per_minute, tokens_per_minute: that a place is asked at most; who comes beyond it waits.
    retry_budget: retries there may be for each call, over all calls to a place; `None` for any number.
    kill_switch: whether the file `killswitch` stops all calls; a folder to look in, or `True` for the state
    folder. telemetry: who listens to what happens.

    A place is one model at one base URL of one provider.
    """

    cache: CacheStrategy | Cache | Literal[False] | None = None
    cache_ttl: float = 3600.0
    cache_items: int = 1000
    cache_bytes: int = 64 * 1024 * 1024
    redis_url: str | None = field(default=None, repr=False)  # it may hold a password
    tenant: str = ""
    singleflight: bool | Literal["samples"] = False
    breaker: bool | int | float | Breaker | None = None
    breaker_cooldown: float = 30.0
    breaker_probes: int = 1
    breaker_shared: bool = False
    concurrency: int | Literal[False] | None = None
    concurrency_minimum: int | None = None
    concurrency_wait: float | None = None
    pace: bool = True
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    retry_budget: float | None = 0.2
    kill_switch: bool | str | Path = False
    telemetry: tuple[Telemetry, ...] = field(default=(), compare=False)
    _listeners: tuple[int, ...] = field(default=(), init=False, repr=False)
    """Each is itself alone, however equal another one is, and need not have a hash."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_listeners", tuple(map(id, self.telemetry)))
        if self.cache and not isinstance(self.cache, Cache) and self.cache not in STRATEGIES:
            raise ValueError(f"cache must be {CACHES}, a Cache or False, not {shown(self.cache)}")
        for name in (*COUNTS, *SECONDS):
            value = getattr(self, name)
            is_off = value is None or (value is False and name == "concurrency")
            if not is_off and not (_is_number(value, whole=name in COUNTS) and 0 < value < inf):
                what = "whole number" if name in COUNTS else "number"
                raise ValueError(f"{name} must be a {what} above 0, not {value!r}")
        if not isinstance(self.tenant, str):
            raise TypeError(f"tenant must be text, not {self.tenant!r}")
        if self.breaker_shared and not self.redis_url:
            raise ValueError("breaker_shared needs a redis_url, or REDIS_URL")
        if self.singleflight not in {True, False, "samples"}:
            raise ValueError(f"singleflight must be True, False or 'samples', not {self.singleflight!r}")
        if self.concurrency and self.concurrency_minimum and self.concurrency < self.concurrency_minimum:
            raise ValueError(f"concurrency must be {self.concurrency_minimum} (concurrency_minimum) or more")
        self.rule()

    def rule(self) -> Breaker | None:
        """When a breaker opens, if there is one."""
        given = self.breaker
        if given is None or given is False or isinstance(given, Breaker):
            return given or None
        more = {"cooldown": self.breaker_cooldown, "probes": self.breaker_probes}
        if given is True:
            return Breaker(**more)  # type: ignore[arg-type]
        if _is_number(given, whole=True) and given > 0:
            return Breaker(calls=given, **more)  # type: ignore[arg-type]
        if isinstance(given, float) and 0 < given < 1:
            return Breaker(rate=given, **more)  # type: ignore[arg-type]
        message = "breaker must be True, a number of calls from 1, a part of them below 1.0, or a Breaker"
        raise ValueError(f"{message}, not {given!r}")


def configure(**wanted: Any) -> HarnessSettings:
    """Set what stands around every call from now on, and return it; what is not named is at its default.

    With no names at all everything is off, and forgotten as by `reset`; else nothing is: state belongs to the
    places calls go to. Calls under way keep what they began with. Raises `TypeError` for an unknown name,
    `ValueError` for a value that cannot be; then nothing changes. See `HarnessSettings` for the names.
    """
    global _current
    names_given = bool(wanted)
    names = [each.name for each in fields(HarnessSettings) if each.init]
    for name in wanted:
        if name not in names:
            near = get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(names)}"
            raise TypeError(f"muxi_llm.harness.configure has no {name!r}; {hint}")
    if "telemetry" in wanted:
        wanted["telemetry"] = tuple(wanted["telemetry"])
    wanted["redis_url"] = wanted.get("redis_url") or os.environ.get("REDIS_URL")
    settings = HarnessSettings(**wanted)
    if not names_given:
        reset()
    _current = settings if names_given else None
    return settings


def reset() -> None:
    """Forget what is known of places, keys and pools, and what memory keeps; not what is in Redis."""
    making = sys.modules.get("muxi_llm.harness.making")  # else there is nothing yet
    if making is not None:
        making.SHARED.reset()


def settings() -> HarnessSettings | None:
    """What is configured, `None` if nothing is: then a call costs nothing more."""
    return _current


def of_call(given: Mapping[str, Any]) -> HarnessSettings | None:
    """What stands around a call with the options *given*; `None` if nothing does.

    Raises `InvalidRequestError`, naming the option, for a value that cannot be.
    """
    if given.keys().isdisjoint(CALL_OPTIONS):
        return _current
    wanted = {name: given[name] for name in CALL_OPTIONS if name in given}
    try:
        if isinstance(wanted.get("cache"), Mapping):
            wanted["cache"] = Cache(**wanted["cache"])
        return _of_call(own(), tuple(sorted(wanted.items())))
    except (TypeError, ValueError) as error:  # of which the message names the option
        raise InvalidRequestError(str(error), param=min(wanted, key=str(error).find)) from error


def own() -> HarnessSettings:
    """The settings for a call that asks for something of its own where nothing is configured."""
    return _current or _bare(os.environ.get("REDIS_URL"))


@lru_cache
def _bare(redis_url: str | None) -> HarnessSettings:
    return HarnessSettings(redis_url=redis_url, retry_budget=None)


@lru_cache(256)
def _of_call(settings: HarnessSettings, wanted: tuple[tuple[str, Any], ...]) -> HarnessSettings:
    changes = dict(wanted)
    if changes.get("singleflight") is True:  # who asks for it by the call knows what the call is
        changes["singleflight"] = "samples"
    if changes.get("concurrency") and changes["concurrency"] < (settings.concurrency_minimum or 1):
        changes["concurrency_minimum"] = None
    changed = replace(settings, **changes)
    return changed


def clear() -> None:
    """Forget what the cache keeps in memory; not what is in Redis."""
    making = sys.modules.get("muxi_llm.harness.making")
    if making is not None:
        making.SHARED.memory.clear()


def delete(**call: Any) -> bool:
    """Forget the answer kept for one call, in memory and in Redis; whether there was one.

    call: what `ChatCompletion.create` was given (`Embedding.create`'s with `input`, `Completion.create`'s
    with `prompt`), with whatever says whose it is and where it is kept (`cache`, `tenant`, `api_key`) where
    that is not configured. Other processes may have it in their memory for its time. Raises
    `InvalidRequestError` as the call would, `ConnectionError` where Redis does not say that it is gone.
    """
    endpoint = next((there for field, there in ENDPOINTS.items() if field in call), "chat")
    above = import_module("muxi_llm.runtime")  # it makes calls of arguments, and knows of us
    was_there: bool = above.prepare(endpoint, call).forget()
    return was_there


def __getattr__(name: str) -> Any:
    """`stats()` of the cache and `state()` of places and keys; see `muxi_llm.harness.inspecting`."""
    if name not in {"stats", "state"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from muxi_llm.harness import inspecting  # noqa: PLC0415 - the stages, for those who look

    return getattr(inspecting, name)


def _is_number(value: object, *, whole: bool = False) -> bool:
    return isinstance(value, int if whole else int | float) and not isinstance(value, bool)


ENDPOINTS = {"input": "embedding", "prompt": "completion"}
"""What is asked where a call has that argument."""
STRATEGIES = get_args(CacheStrategy)
CACHES = ", ".join(STRATEGIES)
CALL_OPTIONS = (
    *("cache", "tenant", "singleflight", "breaker", "concurrency"),
    *("requests_per_minute", "tokens_per_minute"),
)
"""What a call or a client may ask for by itself."""
COUNTS = (
    "cache_items",
    "cache_bytes",
    "breaker_probes",
    "concurrency",
    "concurrency_minimum",
    "requests_per_minute",
    "tokens_per_minute",
)
SECONDS = ("cache_ttl", "breaker_cooldown", "concurrency_wait", "retry_budget")

_current: HarnessSettings | None = None
