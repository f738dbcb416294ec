"""What a Redis server holds of ours, for people to look at: it is asked at leisure, by no call."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

try:
    import redis
except ImportError as error:  # pragma: no cover - tests have every extra
    raise ImportError("a Redis cache needs the redis package: pip install 'muxi-llm[redis]'") from error

from muxi_llm.harness import canonical, replies

if TYPE_CHECKING:
    from collections.abc import Iterator

PREFIXES = {"muxi-llm": replies.PREFIX, "llmix": canonical.PREFIX}
"""How the keys of answers begin, by whose form they are in."""

PATIENCE = 10.0
"""Seconds Redis may take for an answer."""

AT_ONCE = 1000
"""Keys that are asked about together."""


@dataclass(frozen=True, slots=True)
class Contents:
    """Answers in one Redis server, by whose form they are in: how many, and how many bytes of text.

    hits, misses: of all look-ups in that server since it was started, whoever's; `None` where it hides them.
    """

    entries: dict[str, int]
    bytes: dict[str, int]
    hits: int | None
    misses: int | None

    def __str__(self) -> str:
        lines = [
            f"{name}: {count:,} entries, {self.bytes[name]:,} bytes" for name, count in self.entries.items()
        ]
        if self.hits is not None and self.misses is not None:
            counts = f"{self.hits:,} hits, {self.misses:,} misses"
            lines.append(f"look-ups in this server since it was started: {counts}")
        return "\n".join(lines)


def contents(url: str) -> Contents:
    """What the server at *url* holds.

    Raises `ConnectionError` where it does not say, `ValueError` for what is no URL.
    """
    entries, sizes = dict.fromkeys(PREFIXES, 0), dict.fromkeys(PREFIXES, 0)
    with _asking(url) as client:
        for name, keys in _keys(client):
            lengths = client.pipeline(transaction=False)
            for key in keys:
                lengths.strlen(key)
            entries[name] += len(keys)
            sizes[name] += sum(
                size for size in lengths.execute(raise_on_error=False) if isinstance(size, int)
            )
        told: dict[str, int] = {}
        with suppress(redis.ResponseError):  # a user who may not ask that
            told = client.info("stats")
    return Contents(entries, sizes, told.get("keyspace_hits"), told.get("keyspace_misses"))


def empty(url: str) -> int:
    """Forget all answers there, and nothing else; how many there were. Raises as `contents` does."""
    with _asking(url) as client:
        return sum(int(client.unlink(*keys)) for _, keys in _keys(client))


@contextmanager
def _asking(url: str) -> Iterator[Any]:
    if not url:
        raise ValueError("no Redis is named; pass --redis-url or set REDIS_URL")
    client: Any = redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
    )
    try:
        yield client
    except (redis.RedisError, OSError) as error:
        raise ConnectionError(f"Redis at {url.rpartition('@')[2]} does not answer: {error}") from error
    finally:
        client.close()


def _keys(client: Any) -> Iterator[tuple[str, list[str]]]:
    for name, prefix in PREFIXES.items():
        found = client.scan_iter(match=f"{prefix}*", count=AT_ONCE)
        while keys := list(islice(found, AT_ONCE)):
            yield name, keys
