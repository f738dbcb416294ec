"""What the management API takes, checked: the words are LiteLLM's and LLMux's, and one that is not known is
refused by its name. A configuration file declares the same in the same words.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

import orjson
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from muxi_llm.errors import InvalidRequestError
from muxi_llm.governance.windows import window_of

LONGEST = 16_384
"""Bytes of a record's metadata."""


def _metadata(value: dict[str, Any]) -> dict[str, Any]:
    try:
        told = orjson.dumps(value)
    except TypeError as error:
        raise ValueError("must be JSON that others read too") from error
    if len(told) > LONGEST:
        raise ValueError(f"must be at most {LONGEST} bytes")
    return value


def _window(text: str) -> str:
    named = NAMED.get(text, text)
    try:
        window_of(named)
    except InvalidRequestError as error:
        raise ValueError(error.message.removeprefix("window: ")) from None
    return named


def seconds_of(text: str) -> float:
    """A time, `90d`, in seconds. Raises `ValueError`."""
    told = TIME.fullmatch(text)
    if told is None or not int(told[1]):
        raise ValueError("must be a time such as 30d, 12h, 45m or 30s")
    return float(int(told[1]) * UNITS[told[2]])


def _own_name(name: str) -> str:
    if name in {"max", "soft"}:
        raise ValueError("say max_budget, or soft_budget")
    return name


def _time(text: str) -> str:
    seconds_of(text)
    return text


TIME = re.compile(r"(\d{1,6})(mo|[smhdw])")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400, "mo": 30 * 86400}
NAMED = {"1mo": "month", "daily": "day", "weekly": "week", "monthly": "month", "1w": "7d"}
"""LiteLLM's and LLMux's words for windows."""

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9@._+|-]{1,128}$")]
Name = Annotated[str, StringConstraints(max_length=200)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Patterns = Annotated[list[Pattern], Field(max_length=1000)]
Usd = Annotated[float, Field(ge=0, le=1e9, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0, le=10**12)]
ByModel = Annotated[dict[Pattern, Count], Field(max_length=1000)]
Metadata = Annotated[dict[str, Any], AfterValidator(_metadata)]
Window = Annotated[str, StringConstraints(max_length=20), AfterValidator(_window)]
Time = Annotated[str, StringConstraints(max_length=10), AfterValidator(_time)]
Role = Literal[
    "proxy_admin", "proxy_admin_viewer", "org_admin", "internal_user", "internal_user_viewer", "customer"
]
Kind = Literal["default", "llm_api", "management", "read_only"]


class Body(BaseModel):
    """What is not known is refused."""

    model_config = ConfigDict(extra="forbid")

    def said(self) -> dict[str, Any]:
        """What was said of it, and nothing else."""
        return self.model_dump(exclude_unset=True)


class Budget(Body):
    """One of several. window: `day`, `week`, `month` of the calendar in `zone`, or the last `30d`."""

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,64}$"), AfterValidator(_own_name)]
    max_budget: Usd
    window: Window = "total"
    zone: Annotated[str, StringConstraints(max_length=64)] = ""
    week_start: Annotated[int, Field(ge=0, le=6)] = 0
    hard: bool = True
    thresholds: Annotated[list[Annotated[int, Field(ge=1, le=100)]], Field(max_length=10)] = []
    model: Annotated[str, StringConstraints(max_length=200)] = ""
    instead: Annotated[str, StringConstraints(max_length=200)] = ""
    outage: Literal["", "open", "closed"] = ""

    @model_validator(mode="after")
    def _zoned(self) -> Budget:
        try:
            window_of(self.window, self.zone, self.week_start)
        except InvalidRequestError as error:
            raise ValueError(error.message) from None
        return self


class Allotment(Body):
    """Budgets that are no record's. scope_id: a model as it is asked for, or a provider, `*`: each for
    itself; of a session whose it is (a key's, user's, team's, organization's id), `*`: everybody's.
    """

    scope: Literal["model", "provider", "session"]
    scope_id: Pattern
    budgets: Annotated[list[Budget], Field(max_length=20)]


class Bounds(Body):
    """How much, of whomever. `null` takes a bound back."""

    max_budget: Usd | None = None
    soft_budget: Usd | None = None
    budget_duration: Window | None = None
    model_max_budget: Annotated[dict[Pattern, Usd], Field(max_length=1000)] = {}
    budgets: Annotated[list[Budget], Field(max_length=20)] = []
    tpm_limit: Count | None = None
    rpm_limit: Count | None = None
    max_parallel_requests: Count | None = None
    model_tpm_limit: ByModel = {}
    model_rpm_limit: ByModel = {}


class Record(Bounds):
    """What all records have."""

    models: Patterns = []
    metadata: Metadata = {}
    blocked: bool = False


def _none(value: Any) -> Any:
    return "" if value is None else value


def _never(value: bool) -> bool:
    if value:
        raise ValueError(
            "keys are not changed by themselves: nobody would be told the new one; regenerate it"
        )
    return value


Place = Annotated[Id | Literal[""], BeforeValidator(_none)]
"""An id, or "" or `null` for none."""


class Key(Record):
    """A key's. duration: how long it is good for, `null`: for ever. rotation_interval: after which time it is
    to be changed for another, by whoever has it; `auto_rotate` can be false alone.
    """

    key_name: Name = ""
    key_alias: Name = ""
    key_type: Kind = "default"
    user_id: Place = ""
    team_id: Place = ""
    organization_id: Place = ""
    allowed_routes: Patterns = []
    duration: Time | None = None
    auto_rotate: Annotated[bool, AfterValidator(_never)] = False
    rotation_interval: Time | None = None


class Team(Record):
    """A team's."""

    team_id: Id | None = None
    team_alias: Name = ""
    organization_id: Place = ""


class User(Record):
    """A user's. team_id: where their keys go that say no team."""

    user_id: Id | None = None
    user_alias: Name = ""
    user_email: Name = ""
    user_role: Role = "internal_user"
    team_id: Place = ""
    organization_id: Place = ""


class Organization(Record):
    """An organization's."""

    organization_id: Id | None = None
    organization_alias: Name = ""


def told(error: Any) -> tuple[str, str]:
    """The field that pydantic's error is about, and what is wrong with it: never what it was."""
    where = ".".join(str(part) for part in error["loc"] if part not in {"body", "query"})
    if error["type"] == "extra_forbidden":
        return where, "there is no such field"
    return where, error["msg"].removeprefix("Value error, ")
