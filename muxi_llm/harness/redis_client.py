"""A Redis as everything here asks it: within a budget, and never a second time by itself."""

from __future__ import annotations

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry


def client_of(url: str, budget: float) -> Any:
    """A client that connects when it is first used. budget: seconds for connecting, and for each answer; a
    URL may say otherwise (`?socket_timeout=1`).
    """
    return redis.Redis.from_url(
        url,
        socket_timeout=budget,
        socket_connect_timeout=budget,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )
