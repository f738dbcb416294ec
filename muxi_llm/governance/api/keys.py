"""`/key/*`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import Field, StringConstraints
from sqlalchemy import func, select

from muxi_llm.governance import bodies
from muxi_llm.governance.api.asking import By
from muxi_llm.governance.api.lists import KeyMade, KeySearch, KeyView, Listed, list_of
from muxi_llm.governance.bodies import Body, Time, seconds_of
from muxi_llm.governance.keys import ENTROPY, hash_of, mint
from muxi_llm.governance.refusals import absent, refused
from muxi_llm.governance.roles import ADMIN, DEFAULT, OWN_FIELDS, Reach, Subject, may_charge, may_hold
from muxi_llm.governance.shapes import KEY, USER
from muxi_llm.governance.store import schema

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from muxi_llm.governance.bounds import OwnKeys
    from muxi_llm.governance.store.audit import Asked
    from muxi_llm.governance.store.bootstrap import Bootstrap
    from muxi_llm.governance.store.records import Records

Which = Annotated[str, StringConstraints(min_length=1, max_length=256)]


class One(Body):
    """key: its id, or itself."""

    key: Which


class Some(Body):
    """keys: their ids, or themselves."""

    keys: Annotated[list[Which], Field(min_length=1, max_length=500)]


class Change(bodies.Key):
    """What is to be another than it was. key: its id, or itself."""

    key: Which


class Regenerate(One):
    """grace_period: how long the one before is still good."""

    grace_period: Time | None = None


class Keys:
    """What may be done to keys."""

    def __init__(self, records: Records, bootstrap: Bootstrap, own: OwnKeys) -> None:
        self._records, self._bootstrap, self._own = records, bootstrap, own

    def routes(self) -> APIRouter:
        """The family."""
        router = APIRouter(prefix="/key", tags=["keys"])
        router.post("/generate", response_model=KeyMade)(self.generate)
        router.post("/update", response_model=KeyView)(self.update)
        router.post("/delete")(self.delete)
        router.post("/block", response_model=KeyView)(self.block)
        router.post("/unblock", response_model=KeyView)(self.unblock)
        router.post("/regenerate", response_model=KeyMade)(self.regenerate)
        router.get("/info", response_model=KeyView)(self.info)
        router.get("/list", response_model=Listed[KeyView])(self.list)
        return router

    def generate(self, by: By, body: bodies.Key) -> dict[str, Any]:
        """A new key. `key` in the answer is told now, and never again."""
        said = body.said()
        if by.type == "bootstrap":
            return self._first(by, said)
        reach, actor = by.reach, by.actor
        if not _manages(reach, _subject(said)):
            said.setdefault("user_id", actor.user)
        subject = _subject(said)
        if not may_charge(actor, reach, subject):
            raise refused(403, "you may not make keys that they pay for", "forbidden")
        _check_holds(by, said.get("user_id", ""), said.get("key_type", DEFAULT))
        with self._records.changing() as (connection, now):  # counted where nobody makes another meanwhile
            if not _manages(reach, subject):
                said = self._own.bounded(said, _count(connection, actor.user))
            return self._made(connection, now, by, said)

    def update(self, by: By, body: Change) -> dict[str, Any]:
        """Change what is said, and nothing else. Who owns a key may change what it is called."""
        said = _timed(body.said(), self._records.now())
        which = self._id(said.pop("key"))
        known = self._records.find(by, KEY, which)
        if not _manages(by.reach, _subject(known)):
            further = sorted(said.keys() - OWN_FIELDS)
            if further:
                message = f"{further[0]}: of a key of your own you may change {', '.join(sorted(OWN_FIELDS))}"
                raise refused(403, message, "forbidden", further[0])
        after = {**known, **said}
        if not may_charge(by.actor, by.reach, _subject(after)):
            raise refused(403, "you may not have them pay for it", "forbidden")
        if {"user_id", "key_type"} & said.keys():
            _check_holds(by, after["user_id"], after["key_type"])
        return self._records.change(by, KEY, which, said)

    def delete(self, by: By, body: Some) -> dict[str, Any]:
        """They are no more."""
        return {"deleted_keys": self._records.remove(by, KEY, [self._id(key) for key in body.keys])}

    def block(self, by: By, body: One) -> dict[str, Any]:
        """Nobody may use it."""
        return self._records.change(by, KEY, self._id(body.key), {"blocked": True})

    def unblock(self, by: By, body: One) -> dict[str, Any]:
        """It may be used again."""
        return self._records.change(by, KEY, self._id(body.key), {"blocked": False})

    def regenerate(self, by: By, body: Regenerate) -> dict[str, Any]:
        """Another key in its place; the one before is good until `grace_until`."""
        which = self._id(body.key)
        known = self._records.find(by, KEY, which)
        _check_holds(by, known["user_id"], known["key_type"])
        minted, now = mint(os.urandom(ENTROPY)), self._records.now()
        grace = seconds_of(body.grace_period) if body.grace_period else 0.0
        old = {"old_hash": schema.keys.c.hash if grace else "", "old_until": now + grace if grace else None}
        new = {"hash": minted.hash, "prefix": minted.prefix, "rotated_at": now}
        view = self._records.change(by, KEY, which, {}, **old, **new)
        return {**view, "key": minted.secret}

    def info(self, by: By, key: Annotated[Which | None, Query()] = None) -> dict[str, Any]:
        """A key; without `key` the one that asks."""
        if key is not None and key.startswith("sk-"):
            raise refused(
                400, "give the key's id: addresses are logged, and keys are not for logs", "secret", "key"
            )
        return self._records.find(by, KEY, key or by.actor.key)

    def list(self, by: By, search: Annotated[KeySearch, Query()]) -> dict[str, Any]:
        """Those you may see, the newest first."""
        return list_of(self._records, by, KEY, search)

    # ------------------------------------------------------------------------------------- parts

    def _made(self, connection: Connection, now: float, by: Asked, said: Mapping[str, Any]) -> dict[str, Any]:
        minted = mint(os.urandom(ENTROPY))
        hashed = {"hash": minted.hash, "prefix": minted.prefix}
        said = {"key_type": DEFAULT, **_timed(said, now)}
        view = self._records.put(connection, now, by, KEY, said, **hashed)
        return {**view, "key": minted.secret}

    def _first(self, by: Asked, said: dict[str, Any]) -> dict[str, Any]:
        """The key that the bootstrap token makes: an administrator's."""
        user = said.setdefault("user_id", FIRST_ADMIN)
        with self._records.changing() as (connection, now):
            if not self._bootstrap.take(connection, by.name):
                raise refused(401, "the bootstrap token is over", "invalid_bootstrap_token")
            if connection.scalar(select(schema.users.c.id).where(schema.users.c.id == user)) is None:
                made = {"user_id": user, "user_role": ADMIN}
                self._records.put(connection, now, replace(by, operation="user/new"), USER, made)
            return self._made(connection, now, by, said)

    def _id(self, key: str) -> str:
        """The id of a key that was given, or its id."""
        if not key.startswith("sk-"):
            return key
        found = self._records.key_of(hash_of(key))
        if found is None:
            raise absent("key", "that was given", "key")
        return found


def _timed(said: Mapping[str, Any], now: float) -> dict[str, Any]:
    """Times as they are kept."""
    out = dict(said)
    if "duration" in out:
        duration = out.pop("duration")
        out["expires"] = now + seconds_of(duration) if duration else None
    if "rotation_interval" in out:
        out["rotation_interval"] = (
            int(seconds_of(out["rotation_interval"])) if out["rotation_interval"] else 0
        )
    return out


def _subject(said: Mapping[str, Any]) -> Subject:
    return Subject(said.get("organization_id", ""), said.get("team_id", ""), said.get("user_id", ""))


def _manages(reach: Reach, subject: Subject) -> bool:
    """Whether it is theirs by more than that it is their own."""
    return reach._replace(user="", key="").covers(subject)


def _count(connection: Connection, user: str) -> int:
    keys = schema.keys.c
    return connection.scalar(select(func.count(keys.id)).where(keys.user_id == user)) or 0


def _check_holds(by: Asked, user: str, kind: str) -> None:
    if not may_hold(by.actor, by.reach, user, kind):
        message = "a key of somebody else's is for calling models alone: set key_type to llm_api"
        raise refused(403, message, "forbidden", "key_type")


FIRST_ADMIN = "admin"
"""The user whose key the bootstrap token makes, unless it says another."""
