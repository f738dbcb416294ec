"""What lists and records look like, as the documentation of the API says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from muxi_llm.governance.bodies import Body, Name, Place

if TYPE_CHECKING:
    from muxi_llm.governance.shapes import Shape
    from muxi_llm.governance.store.audit import Asked
    from muxi_llm.governance.store.records import Records

T = TypeVar("T")

Short = Annotated[str, StringConstraints(max_length=200)]


class Pages(Body):
    """after: of the page before, "" for the first; better than `offset` where lists are long."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    offset: Annotated[int, Field(ge=0, le=100_000)] = 0
    after: Short = ""


class Search(Pages):
    """search: a part of a name, an address or an id. declared: in the file alone."""

    search: Name = ""
    declared: bool = False
    organization_id: Place = ""


class KeySearch(Search):
    """Keys of that team, that user."""

    team_id: Place = ""
    user_id: Place = ""


class UserSearch(Search):
    """Users whose keys go to that team by themselves, of that role."""

    team_id: Place = ""
    role: Short = ""


class Standing(BaseModel):
    """How a budget stands. name: the word that says it, or its own; spent, held: by requests that are over,
    and that are under way; since, until: its period, `until` null where it has no end.
    """

    name: str
    model: str
    hard: bool
    max_budget: float
    spent: float
    held: float
    window: str
    since: str | None
    until: str | None


class View(BaseModel):
    """What is told of a record; more may come to it."""

    model_config = ConfigDict(extra="allow")

    models: list[str] = []
    metadata: dict[str, Any] = {}
    blocked: bool = False
    declared: bool = False
    created_at: str | None = None
    updated_at: str | None = None
    max_budget: float | None = None
    soft_budget: float | None = None
    budget_duration: str | None = None
    model_max_budget: dict[str, float] = {}
    budgets: list[dict[str, Any]] = []
    standing: list[Standing] | None = None
    """Of each budget, in the period that it is now; not told by what changes a record."""
    tpm_limit: int | None = None
    rpm_limit: int | None = None
    max_parallel_requests: int | None = None
    model_tpm_limit: dict[str, int] = {}
    model_rpm_limit: dict[str, int] = {}


class KeyView(View):
    """A key, without itself."""

    token_id: str
    key_prefix: str
    key_name: str
    key_alias: str
    key_type: str
    user_id: str
    team_id: str
    organization_id: str
    allowed_routes: list[str] = []
    expires: str | None = None
    last_used_at: str | None = None
    grace_until: str | None = None


class KeyMade(KeyView):
    """A new key. key: told now, and never again."""

    key: str


class TeamView(View):
    """A team."""

    team_id: str
    team_alias: str
    organization_id: str


class UserView(View):
    """A user."""

    user_id: str
    user_alias: str
    user_email: str
    user_role: str
    team_id: str
    organization_id: str


class OrganizationView(View):
    """An organization."""

    organization_id: str
    organization_alias: str


class Listed(BaseModel, Generic[T]):
    """Some of a list. total: how many there are in all. after: for the next page, "" at the end."""

    data: list[T]
    total: int
    after: str = ""


class Member(BaseModel):
    """A member of a team or an organization."""

    user_id: str
    role: str
    user_email: str | None = None
    user_alias: str | None = None


class Members(BaseModel):
    """All of them."""

    data: list[Member]


class Csv(StreamingResponse):
    """Rows of text."""

    media_type = "text/csv"


class JsonLines(StreamingResponse):
    """A line of JSON each."""

    media_type = "application/jsonl"


def list_of(records: Records, asked: Asked, shape: Shape, search: Search) -> dict[str, Any]:
    """A page."""
    where = {name: value for name, value in search.model_dump().items() if value}
    where = {RENAMED.get(name, name): value for name, value in where.items()}
    return records.page(asked, shape, where, search.limit, search.after, search.offset)._asdict()


RENAMED = {"role": "user_role"}
