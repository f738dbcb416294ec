"""What there is of keys, teams, users and organizations: their words in the API, and what a form asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def listed(text: str) -> list[str]:
    """Names, one on a line or behind a comma."""
    return [name for part in text.replace(",", "\n").splitlines() if (name := part.strip())]


class Field(NamedTuple):
    """What a form asks. kind: what its text means to the API. choices: which there are, value → label. hint:
    what stands beside its label. fixed: said when it is made, and never after.
    """

    name: str
    label: str
    kind: Callable[[str], Any] = str
    choices: Mapping[str, str] | None = None
    hint: str = ""
    fixed: bool = False

    @property
    def names(self) -> str:
        """The family of the record whose id it is, if it is one."""
        return self.name.removesuffix("_id") if self.name.endswith("_id") else ""

    @property
    def inputmode(self) -> str:
        """Which keys a phone shows for it."""
        return KEYS.get(self.kind, "")

    def now(self, value: Any) -> str:
        """*value* among the choices: what is said by a word of its own is no choice apart."""
        return "" if value in {None, FOREVER} else str(value)


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record.

    family: the API's. id: the word for it; changed_by, asked_by, several: by which name the API takes it to
    change it, to tell of it, to remove some. names: the fields one is called by, the first that says
    anything. verbs: what may be done to one; members: likewise, where it has any. methods: of those that
    the API is not asked by POST.
    """

    family: str
    path: str
    title: str
    one: str
    id: str
    names: tuple[str, ...]
    fields: tuple[Field, ...]
    several: str
    changed_by: str = ""
    asked_by: str = ""
    new: str = "new"
    search: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ("delete",)
    members: tuple[str, ...] = ()
    role: str = "role"
    methods: Mapping[str, str] = field(default_factory=dict)

    def name_of(self, record: Mapping[str, Any]) -> str:
        """What people call it."""
        return next((str(record[name]) for name in self.names if record.get(name)), str(record[self.id]))

    @property
    def groups(self) -> tuple[tuple[str, Sequence[Field]], ...]:
        """What a form asks, by what it is about: a title, and the fields under it."""
        return (("Details", self.fields[: -len(BOUNDS)]), ("Limits", BOUNDS))

    @property
    def spends(self) -> str:
        """The word by which spend is asked of one."""
        return "api_key" if self.family == "key" else self.id

    def places_of(self, record: Mapping[str, Any]) -> list[tuple[Kind, str, str]]:
        """To whom it belongs: the kind, the id and the name of each."""
        return [
            (kind, which, str(record.get(f"{kind.family}_alias") or which))
            for kind in reversed(KINDS)
            if kind is not self and kind.family != "key" and (which := record.get(kind.id))
        ]

    def said(self, fields: Mapping[str, str], *, whole: bool = False) -> dict[str, Any]:
        """The fields as the API takes them; what is empty is not said, or (*whole*) taken back."""
        out: dict[str, Any] = {}
        for one in self.fields:
            text = fields.get(one.name, "").strip()
            if text:
                out[one.name] = _read(one, text)
            elif whole and one.name in fields and not one.fixed:
                out[one.name] = None if one.choices else EMPTY.get(one.kind)
        return out

    def member(self, user: str, fields: Mapping[str, str]) -> dict[str, str]:
        """Somebody, as a member."""
        role = fields.get("role", "")
        return {"user_id": user, **({self.role: role} if role else {})}


def _read(field: Field, text: str) -> Any:
    """What *text* means; what is no number is left to the API, which says so by the field's name."""
    try:
        return field.kind(text)
    except ValueError:
        return text


KEYS: dict[Any, str] = {int: "numeric", float: "decimal"}
FOREVER = "total"
"""The API's word for a budget's only period."""

EMPTY: dict[Any, Any] = {str: "", listed: [], int: None, float: None}
PERIODS = {"": "for ever", "day": "a day", "week": "a week", "month": "a month", "30d": "the last 30 days"}
BOUNDS = (
    Field("models", "Models", listed, hint="patterns, such as gpt-*; none: all"),
    Field("max_budget", "Budget", float, hint="USD; then requests are refused"),
    Field("soft_budget", "Soft budget", float, hint="USD; it is only told of"),
    Field("budget_duration", "Period of the budget", str, PERIODS),
    Field("rpm_limit", "Requests a minute", int),
    Field("tpm_limit", "Tokens a minute", int),
    Field("max_parallel_requests", "Requests at once", int),
)
"""What every record may have."""

KEY_TYPES = {
    "default": "all its user may",
    "llm_api": "models alone",
    "management": "management",
    "read_only": "looking",
}
ROLES = {
    "internal_user": "user",
    "internal_user_viewer": "user who looks",
    "org_admin": "administrator of an organization",
    "proxy_admin": "administrator",
    "proxy_admin_viewer": "administrator who looks",
    "customer": "customer",
}
KINDS = (
    Kind(
        family="key",
        path="/keys",
        title="Keys",
        one="key",
        id="token_id",
        names=("key_name", "key_alias", "key_prefix"),
        fields=(
            Field("key_name", "Name"),
            Field("user_id", "User", hint="whose it is"),
            Field("team_id", "Team"),
            Field("organization_id", "Organization"),
            Field("key_type", "Use", str, KEY_TYPES),
            Field("duration", "Good for", hint="such as 90d; none: for ever", fixed=True),
            *BOUNDS,
        ),
        several="keys",
        changed_by="key",
        asked_by="key",
        new="generate",
        search=("team_id", "user_id"),
        verbs=("block", "unblock", "regenerate", "delete"),
    ),
    Kind(
        family="team",
        path="/teams",
        title="Teams",
        one="team",
        id="team_id",
        names=("team_alias",),
        fields=(
            Field("team_id", "Id", fixed=True, hint="made if it is not said"),
            Field("team_alias", "Name"),
            Field("organization_id", "Organization"),
            *BOUNDS,
        ),
        several="team_ids",
        changed_by="team_id",
        asked_by="team_id",
        verbs=("block", "unblock", "delete"),
        members=("member_add", "member_delete"),
    ),
    Kind(
        family="user",
        path="/users",
        title="Users",
        one="user",
        id="user_id",
        names=("user_alias", "user_email"),
        fields=(
            Field("user_id", "Id", fixed=True, hint="made if it is not said"),
            Field("user_alias", "Name"),
            Field("user_email", "Address"),
            Field("user_role", "Role", str, ROLES),
            Field("team_id", "Team", hint="where keys go that say no team"),
            Field("organization_id", "Organization"),
            *BOUNDS,
        ),
        several="user_ids",
        changed_by="user_id",
        asked_by="user_id",
        search=("team_id", "role"),
    ),
    Kind(
        family="organization",
        path="/organizations",
        title="Organizations",
        one="organization",
        id="organization_id",
        names=("organization_alias",),
        fields=(
            Field("organization_id", "Id", fixed=True, hint="made if it is not said"),
            Field("organization_alias", "Name"),
            *BOUNDS,
        ),
        several="organization_ids",
        changed_by="organization_id",
        asked_by="organization_id",
        members=("member_add", "member_delete"),
        role="user_role",
        methods={"update": "PATCH", "delete": "DELETE"},
    ),
)
