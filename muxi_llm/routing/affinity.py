"""Session affinity: the same deployment for the same session, without anybody keeping a list.

Highest random weight: each deployment's rank is a hash of its name and the session's, so all processes agree,
a deployment that leaves moves its own sessions alone, and they come back with it.
Thaler and Ravishankar, "A name-based mapping scheme for rendezvous", 1996.
"""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from muxi_llm.routing.facts import Facts


def pinned(facts: Sequence[Facts], session: str) -> list[Facts]:
    """*facts*, the session's own deployment first, by weight."""

    def rank(one: Facts) -> float:
        digest = blake2b(f"{one.deployment.name}\0{session}".encode(), digest_size=8).digest()
        share = (int.from_bytes(digest) + 0.5) / 2**64
        weight = 1.0 if one.deployment.weight is None else one.deployment.weight
        return -math.log(share) / weight if weight > 0 else math.inf

    return sorted(facts, key=rank)
