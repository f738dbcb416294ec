"""Virtual keys: made, known by their hash, and what one may ask for.

A key is 256 random bits, so a plain SHA-256 is all it takes to keep it: nobody finds it from its hash. It is
looked up by that hash, whose bytes nobody can choose, so the time a look-up takes says nothing of any key.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode
from fnmatch import fnmatchcase
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.governance.refusals import refused
from muxi_llm.governance.roles import DEFAULT, LLM, MANAGEMENT, READ_ONLY

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    Row = Mapping[Any, Any]

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


class Key(NamedTuple):
    """A key as requests meet it. models: patterns of what may be asked for, routes: of the paths (below
    `/v1`) by which; none for all. expires: seconds since 1970, 0 for never. user, team, organization: ids, ""
    for none.
    """

    id: str
    name: str = ""
    user: str = ""
    team: str = ""
    organization: str = ""
    models: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    kind: str = DEFAULT
    blocked: bool = False
    expires: float = 0.0


class Owner(NamedTuple):
    """A user, a team or an organization as requests meet it."""

    name: str = ""
    models: tuple[str, ...] = ()
    blocked: bool = False
    role: str = ""


class Holder(NamedTuple):
    """A key with all that is said of whose it is. owners: by `user`, `team`, `organization`, those there are.
    budgets, limits: rows of the store, of the key and of all of them.
    """

    key: Key
    owners: Mapping[str, Owner]
    budgets: tuple[Row, ...] = ()
    limits: tuple[Row, ...] = ()

    @property
    def role(self) -> str:
        """Of its user."""
        user = self.owners.get("user")
        return user.role if user else ""

    @property
    def names(self) -> dict[str, str]:
        """What people call them."""
        return {"key": self.key.name, **{kind: owner.name for kind, owner in self.owners.items()}}

    def check(self, now: float) -> None:
        """Raises a refusal of 401 for a key that has expired, of 403 for one that is blocked, or whose owner
        is.
        """
        key = self.key
        if key.expires and now >= key.expires:
            raise refused(401, "the API key has expired", "expired_api_key")
        owners = (kind for kind, owner in self.owners.items() if owner.blocked)
        kind = "key" if key.blocked else next(owners, "")
        if kind:
            raise refused(403, f"the API key's {kind} is blocked" if kind != "key" else BLOCKED, "blocked")

    def check_call(self, path: str, model: str) -> None:
        """Raises a refusal of 403 where it is not for calling models, not by that path (below `/v1`), or not
        for that model; "" is none: files and batches, which are its owner's own, are asked for no model.
        """
        key = self.key
        if key.kind not in {DEFAULT, LLM}:
            raise refused(
                403, f"the API key is for {WORDS[key.kind]}, not for calling models", "wrong_key_type"
            )
        if not is_listed(key.routes, path):
            raise refused(403, f"the API key is not for {path}", "route_not_allowed")
        if model and not allows((key.models, *(owner.models for owner in self.owners.values())), model):
            raise refused(403, f"the API key is not for the model {model!r}", "model_not_allowed", "model")


BLOCKED = "the API key is blocked"
WORDS = {MANAGEMENT: "managing", READ_ONLY: "looking"}


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
