"""Virtual keys: made, known by their hash, and what one may ask for.

A key is 256 random bits, so a plain SHA-256 is all it takes to keep it: nobody finds it from its hash. It is
looked up by that hash, whose bytes nobody can choose, so the time a look-up takes says nothing of any key.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from enum import Enum
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from muxi_llm.governance.roles import DEFAULT, LLM

if TYPE_CHECKING:
    from collections.abc import Iterable

PREFIX = "sk-muxi-"
SHOWN = len(PREFIX) + 4
"""Characters of a key that may be told, so that people know which one it is."""

ENTROPY = 32
"""Bytes a key is made of."""


class Minted(NamedTuple):
    """A new key. secret: shown once, and kept nowhere."""

    secret: str
    hash: str
    prefix: str


def mint(entropy: bytes) -> Minted:
    """A key of these random bytes. Raises `ValueError` where they are too few."""
    if len(entropy) < ENTROPY:
        raise ValueError(f"a key is made of {ENTROPY} random bytes")
    secret = PREFIX + urlsafe_b64encode(entropy).rstrip(b"=").decode()
    return Minted(secret, hash_of(secret), secret[:SHOWN])


def hash_of(secret: str) -> str:
    """What a key is kept and looked up as: 64 hexadecimal digits, whatever it was."""
    return sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Standing(Enum):
    """Whether a key may be used."""

    GOOD = "good"
    BLOCKED = "blocked"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Key:
    """A key as requests meet it. models: patterns of what may be asked for, none for all. Times are seconds
    since 1970, 0 for never. user, team, organization: ids, "" for none.
    """

    id: str
    name: str = ""
    user: str = ""
    team: str = ""
    organization: str = ""
    models: tuple[str, ...] = ()
    kind: str = DEFAULT
    blocked: bool = False
    expires: float = 0.0
    hash: str = field(default="", repr=False)
    old_hash: str = field(default="", repr=False)
    """Its hash before it was changed for another; good until `old_until`."""
    old_until: float = 0.0

    def standing(self, now: float) -> Standing:
        """Whether it may be used."""
        if self.blocked:
            return Standing.BLOCKED
        return Standing.EXPIRED if self.expires and now >= self.expires else Standing.GOOD

    @property
    def calls_models(self) -> bool:
        """Whether it is for that."""
        return self.kind in {DEFAULT, LLM}


def allows(lists: Iterable[tuple[str, ...]], model: str) -> bool:
    """Whether every one of these lists has *model*: the key's, its user's, its team's, its organization's."""
    return all(is_listed(patterns, model) for patterns in lists if patterns)


@lru_cache(maxsize=4096)
def is_listed(patterns: tuple[str, ...], model: str) -> bool:
    """Whether one of the shell patterns is for *model*, by the name it is asked by; an empty list has all.
    Large and small letters are alike.
    """
    name = model.lower()
    return not patterns or any(
        pattern in ALL or name == pattern.lower() or fnmatchcase(name, pattern.lower())
        for pattern in patterns
    )


ALL = frozenset({"*", "all-proxy-models", "all-team-models"})
"""LiteLLM's words for every model, and for whichever its team may: the team's list decides that."""


def new_id(kind: str, now: float, entropy: bytes) -> str:
    """An id that sorts by when it was made: `key_0193…`."""
    return f"{kind}_{int(now * 1000):012x}{entropy[:6].hex()}"
