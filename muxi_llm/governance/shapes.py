"""What people manage, as they say it and as it is kept: the words of the management API (LiteLLM's, which its
users' scripts have) on one side, rows of the store on the other. Pure.

A budget or a limit is a row of its own, whose id says whose it is and which: `team:red:max`,
`key:k1:rpm:gpt-*`. So who says one again changes that one, and what is spent of it stays spent.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from muxi_llm.governance.store import schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import Table

    Row = Mapping[Any, Any]

MICRO = 1_000_000


class Shape(NamedTuple):
    """One kind of record.

    id: the word for it. fields: word → column, of what may be said; shown: likewise, of what is only told.
    """

    kind: str
    table: Table
    id: str
    fields: Mapping[str, str]
    shown: Mapping[str, str]

    def columns(self, said: Mapping[str, Any]) -> dict[str, Any]:
        """The columns of what was *said*."""
        return {column: said[word] for word, column in self.fields.items() if word in said}

    def told(self, row: Row, budgets: Iterable[Row] = (), limits: Iterable[Row] = ()) -> dict[str, Any]:
        """A record as people read it, with its budgets and limits."""
        words = {**self.fields, **self.shown}
        out = {word: row[column] for word, column in words.items()}
        out.update((word, iso(out[word])) for word in TIMES if word in out)
        return {**out, **_limits_told(limits), **budgets_told(budgets)}


# ------------------------------------------------------------------------------- budgets and limits


def limits_of(kind: str, owner: str, said: Row) -> list[dict[str, Any]]:
    """Rows of the limits that were *said*."""
    found = [(of, "", said[word]) for word, of in LIMITS.items() if said.get(word) is not None]
    for word, of in MODEL_LIMITS.items():
        found += [(of, model, amount) for model, amount in (said.get(word) or {}).items()]
    return [
        {
            "id": f"{kind}:{owner}:{of}:{model}",
            "scope": kind,
            "scope_id": owner,
            "model": model,
            "kind": of,
            "amount": amount,
        }
        for of, model, amount in found
    ]


def budgets_of(kind: str, owner: str, said: Row) -> list[dict[str, Any]]:
    """Rows of the budgets that were *said*."""
    window = {"window": said.get("budget_duration") or "total"}
    found = [
        (name, {"amount": micro(said[word]), "hard": hard, **window})
        for word, (name, hard) in BUDGETS.items()
        if said.get(word) is not None
    ]
    found += [
        (f"{OF_MODEL}{model}", {"amount": micro(amount), "model": model, **window})
        for model, amount in (said.get("model_max_budget") or {}).items()
    ]
    found += [
        (
            each["name"],
            {**{n: each[n] for n in EMPTY_BUDGET if n in each}, "amount": micro(each["max_budget"])},
        )
        for each in said.get("budgets") or ()
    ]
    whose = {"scope": kind, "scope_id": owner}
    return [{"id": f"{kind}:{owner}:{name}", **whose, **EMPTY_BUDGET, **row} for name, row in found]


def word_of_limit(row: Row) -> str:
    """The word that says this limit."""
    return next(word for word, of in (MODEL_LIMITS if row["model"] else LIMITS).items() if of == row["kind"])


def word_of_budget(row: Row) -> str:
    """The word that says this budget."""
    name = name_of(row)
    plain = (word for word, (known, _) in BUDGETS.items() if known == name)
    return next(plain, "model_max_budget" if name.startswith(OF_MODEL) else "budgets")


def name_of(budget: Row) -> str:
    """What a budget is called among those of its owner."""
    return str(budget["id"]).removeprefix(f"{budget['scope']}:{budget['scope_id']}:")


def completed(said: Row, told: Row) -> dict[str, Any]:
    """What was *said* of a record that is *told* so: an amount keeps its window, a window its amounts."""
    words = (*BUDGETS, "model_max_budget")
    if "budget_duration" in said:
        return {**{word: told[word] for word in words if told[word]}, **said}
    return (
        {**said, "budget_duration": told["budget_duration"]}
        if any(map(said.__contains__, words))
        else {**said}
    )


def _limits_told(limits: Iterable[Row]) -> dict[str, Any]:
    out: dict[str, Any] = dict.fromkeys(LIMITS) | {word: {} for word in MODEL_LIMITS}
    for row in limits:
        word = word_of_limit(row)
        if row["model"]:
            out[word][row["model"]] = row["amount"]
        else:
            out[word] = row["amount"]
    return out


def budgets_told(budgets: Iterable[Row]) -> dict[str, Any]:
    """Rows of budgets in the words that say them."""
    out: dict[str, Any] = dict.fromkeys((*BUDGETS, "budget_duration"))
    out |= {"model_max_budget": {}, "budgets": []}
    for row in budgets:
        word, amount = word_of_budget(row), usd(row["amount"])
        if word == "budgets":
            out[word].append(
                {"name": name_of(row), "max_budget": amount, **{n: row[n] for n in EMPTY_BUDGET}}
            )
        elif word == "model_max_budget":
            out[word][row["model"]] = amount
        else:
            out[word] = amount
        if word != "budgets":
            out["budget_duration"] = row["window"]
    return out


# ------------------------------------------------------------------------------------------- values


def micro(amount: float | str) -> int:
    """USD → whole micro-USD, as they are written: 0.1 is 100,000."""
    return int((Decimal(str(amount)) * MICRO).to_integral_value())


def usd(amount: int | None) -> float | None:
    """Micro-USD → USD."""
    return None if amount is None else amount / MICRO


def iso(instant: float | None) -> str | None:
    """Seconds since 1970 → `2026-12-01T00:00:00Z`."""
    if not instant:
        return None
    told = datetime.fromtimestamp(instant, UTC).isoformat(
        timespec="milliseconds" if instant % 1 else "seconds"
    )
    return told.replace("+00:00", "Z")


# ------------------------------------------------------------------------------------------- tables

TIMES = frozenset({"created_at", "updated_at", "expires", "last_used_at", "rotated_at", "grace_until"})
LIMITS = {"rpm_limit": "rpm", "tpm_limit": "tpm", "max_parallel_requests": "parallel"}
MODEL_LIMITS = {"model_rpm_limit": "rpm", "model_tpm_limit": "tpm"}
BUDGETS = {"max_budget": ("max", True), "soft_budget": ("soft", False)}
"""Word → name of its row, and whether it refuses."""

OF_MODEL = "model:"
EMPTY_BUDGET: Row = {
    "window": "total",
    "zone": "",
    "week_start": 0,
    "hard": True,
    "thresholds": (),
    "model": "",
    "instead": "",
    "outage": "",
}
OF_ALL = {"metadata": "metadata", "models": "models", "blocked": "blocked"}
SHOWN = {"declared": "declared", "created_at": "created_at", "updated_at": "updated_at"}

KEY = Shape(
    *("key", schema.keys, "token_id"),
    {
        "token_id": "id",
        "key_name": "name",
        "key_alias": "alias",
        "key_type": "kind",
        "user_id": "user_id",
        "team_id": "team_id",
        "organization_id": "organization_id",
        "expires": "expires_at",
        "rotation_interval": "rotates_every",
        "allowed_routes": "scopes",
        **OF_ALL,
    },
    {
        "key_prefix": "prefix",
        "last_used_at": "used_at",
        "rotated_at": "rotated_at",
        "grace_until": "old_until",
        **SHOWN,
    },
)
TEAM = Shape(
    *("team", schema.teams, "team_id"),
    {"team_id": "id", "team_alias": "alias", "organization_id": "organization_id", **OF_ALL},
    SHOWN,
)
USER = Shape(
    *("user", schema.users, "user_id"),
    {
        "user_id": "id",
        "user_alias": "alias",
        "user_email": "email",
        "user_role": "role",
        "team_id": "team_id",
        "organization_id": "organization_id",
        **OF_ALL,
    },
    SHOWN,
)
ORGANIZATION = Shape(
    *("organization", schema.organizations, "organization_id"),
    {"organization_id": "id", "organization_alias": "alias", **OF_ALL},
    SHOWN,
)
SHAPES = {shape.kind: shape for shape in (KEY, TEAM, USER, ORGANIZATION)}
