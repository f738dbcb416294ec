"""`/spend/*` and `/global/*`: sums and rows of what was spent, as far as whoever asks may see.

Without saying whose, an administrator is told of all, one who administers an organization of that, and
anybody else of their own.
"""

from __future__ import annotations

import csv
import io
import time
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field

from muxi_llm.governance.api.asking import By
from muxi_llm.governance.api.lists import Csv, Short
from muxi_llm.governance.bodies import Body, Place, Usd
from muxi_llm.governance.refusals import absent, refused
from muxi_llm.governance.roles import Subject
from muxi_llm.governance.shapes import KEY, ORGANIZATION, SHAPES, TEAM, USER
from muxi_llm.governance.store import latencies, spend
from muxi_llm.governance.store.lost import lost, state
from muxi_llm.governance.store.rows import row_of, subject_of
from muxi_llm.governance.store.spend import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from muxi_llm.governance.roles import Reach
    from muxi_llm.governance.store.audit import Asked
    from muxi_llm.governance.store.records import Records

DAYS = 30
"""That are told of where nobody says which."""


class Dates(Body):
    """Days of UTC, both told of."""

    start_date: date | None = None
    end_date: date | None = None

    @property
    def span(self) -> tuple[float, float]:
        """From when, until when: Unix seconds."""
        last = self.end_date or datetime.fromtimestamp(time.time(), UTC).date()
        first = self.start_date or last - timedelta(days=DAYS)
        if not date(2000, 1, 1) <= first <= last <= date(9000, 1, 1):
            raise refused(400, "start_date: not after end_date, and from 2000 on", "bad_dates", "start_date")
        return _instant(first), _instant(last + timedelta(days=1))


class Whose(Dates):
    """At most one of the ids. api_key: a key's id. model: as it was asked for."""

    api_key: Place = ""
    user_id: Place = ""
    team_id: Place = ""
    organization_id: Place = ""
    model: Short = ""


class Series(Whose):
    """grain: of the sums. by: a line each."""

    grain: Literal["hour", "day"] = "day"
    by: Literal["", "model"] = ""


class Rows(Whose):
    """Rows of the ledger. after: the last one's `seq` of the page before."""

    limit: Annotated[int, Field(ge=1, le=500)] = 50
    after: Annotated[int, Field(ge=1, le=2**53)] | None = None
    request_id: Short = ""


class Top(Dates):
    """How many."""

    limit: Annotated[int, Field(ge=1, le=500)] = 100


class Latency(Top):
    """Of what was asked for as *model*, or what the deployment of that name answered. grain: of the sums."""

    grain: Literal["hour", "day"] = "day"
    model: Short = ""
    deployment: Short = ""


class Correction(Body):
    """spend: USD that a request cost which is booked by a guess. reason: how that is known."""

    reservation_id: Annotated[Short, Field(min_length=1)]
    spend: Usd
    reason: Short = ""


class Spend:
    """What may be asked of it."""

    def __init__(self, records: Records) -> None:
        self._records, self._store = records, records.store

    def routes(self) -> APIRouter:
        """Both families."""
        router = APIRouter(tags=["spend"])
        router.get("/spend/logs")(self.logs)
        router.get("/spend/series")(self.series)
        router.get("/spend/rows")(self.rows)
        router.get("/spend/row")(self.row)
        router.get("/spend/export", response_class=Csv)(self.export)
        router.get("/spend/unknown")(self.unknown)
        router.post("/spend/correct")(self.correct)
        router.get("/spend/events")(self.events)
        router.get("/spend/keys")(self.keys)
        router.get("/spend/teams")(self.teams)
        router.get("/spend/users")(self.users)
        router.get("/global/activity")(self.activity)
        router.get("/global/latency")(self.latency)
        router.get("/global/spend/models")(self.models)
        router.get("/global/spend/provider")(self.provider)
        return router

    def logs(self, by: By, asked: Annotated[Whose, Query()]) -> dict[str, Any]:
        """Sums: of all of it, of each day, of each model."""
        with self._store.reading() as connection:
            part = _part(connection, by, asked)
            return {
                "summary": spend.sums(connection, part)[0],
                "daily_usage": spend.sums(connection, part, "start"),
                "models": spend.top(connection, part, 100, by="model"),
                "filters": {"scope": part.scope, **asked.model_dump(mode="json", exclude_defaults=True)},
            }

    def series(self, by: By, asked: Annotated[Series, Query()]) -> dict[str, Any]:
        """Sums of each day, or hour: what a chart shows."""
        with self._store.reading() as connection:
            part = _part(connection, by, asked)
            lines = ("start", "model") if asked.by else ("start",)
            return {"data": spend.sums(connection, part, *lines, grain=asked.grain)}

    def rows(self, by: By, asked: Annotated[Rows, Query()]) -> dict[str, Any]:
        """Rows of the ledger, one for each attempt, the newest first."""
        with self._store.reading() as connection:
            where = _where(_part(connection, by, asked), asked)
            found = spend.rows(connection, where, asked.limit, asked.after)
        return {"data": found, "after": found[-1]["seq"] if len(found) == asked.limit else None}

    def row(self, by: By, reservation_id: Annotated[Short, Query(min_length=1)]) -> dict[str, Any]:
        """All attempts of one request."""
        with self._store.reading() as connection:
            found = spend.rows(connection, {"reservation_id": reservation_id}, 100)
        whose = [Subject(*(row[f"{kind}_id"] for kind in SCOPES)) for row in found]
        if not found or not all(map(by.reach.covers, whose)):
            raise absent("request", reservation_id, "reservation_id")
        return {"data": found}

    def unknown(self, by: By, asked: Annotated[Top, Query()]) -> dict[str, Any]:  # noqa: ARG002
        """Requests whose gateway ended before it knew what they cost: what they are booked at is a guess."""
        with self._store.reading() as connection:
            return {"data": lost(connection, *asked.span, asked.limit)}

    def correct(self, by: By, body: Correction) -> dict[str, Any]:
        """Put one of those right, by rows of the ledger; nothing that is booked is changed."""
        with self._records.changing() as (connection, now):
            return state(connection, by, body.reservation_id, body.spend, body.reason, now)

    def events(self, by: By, asked: Annotated[Top, Query()]) -> dict[str, Any]:  # noqa: ARG002
        """The thresholds that budgets have reached, whether somebody listens to the webhook or not."""
        with self._store.reading() as connection:
            return {"data": spend.crossed(connection, *asked.span, asked.limit)}

    def export(self, by: By, asked: Annotated[Whose, Query()]) -> Csv:
        """The ledger's rows as CSV."""
        with self._store.reading() as connection:
            where = _where(_part(connection, by, asked), asked)
        head = {"content-disposition": 'attachment; filename="spend.csv"'}
        return Csv(self._lines(where), headers=head)

    def keys(self, by: By, asked: Annotated[Top, Query()]) -> dict[str, Any]:
        """The most expensive keys."""
        return self._top(by, "key", asked)

    def teams(self, by: By, asked: Annotated[Top, Query()]) -> dict[str, Any]:
        """The most expensive teams."""
        return self._top(by, "team", asked)

    def users(self, by: By, asked: Annotated[Top, Query()]) -> dict[str, Any]:
        """The most expensive users."""
        return self._top(by, "user", asked)

    def activity(self, by: By, asked: Annotated[Series, Query()]) -> dict[str, Any]:
        """Requests, tokens and spend: of all of it, and of each day or hour."""
        with self._store.reading() as connection:
            part = _part(connection, by, asked)
            return {
                "summary": spend.sums(connection, part)[0],
                "data": spend.sums(connection, part, "start", grain=asked.grain),
            }

    def latency(self, by: By, asked: Annotated[Latency, Query()]) -> dict[str, Any]:  # noqa: ARG002
        """Milliseconds that good answers took (`whole`), and streams to their first piece (`first`; both null
        where there was none): of all of them, of each day or hour, and of each model and deployment, those
        with the most answers first. p50, p95: what half of them, and 95 %, stayed below, to a step of its
        ladder.
        """
        if asked.model and asked.deployment:
            raise refused(400, "deployment: at most one of model, deployment", "conflict", "deployment")
        scope = "model" if asked.model else "deployment" if asked.deployment else "all"
        span = latencies.Span(*asked.span, scope, asked.model or asked.deployment)
        with self._store.reading() as connection:
            told = partial(latencies.told, connection, grain=asked.grain)
            most = {f"{each}s": told(latencies.Span(*asked.span, each), by="scope_id")[: asked.limit]
                    for each in ("model", "deployment")}  # fmt: skip
            return {"summary": told(span)[0], "data": told(span, by="start"), **most}

    def models(self, by: By, asked: Annotated[Top, Query()]) -> dict[str, Any]:
        """The most expensive models."""
        with self._store.reading() as connection:
            part = _part(connection, by, Whose(**asked.model_dump(exclude={"limit"})))
            return {"data": spend.top(connection, part, asked.limit, by="model")}

    def provider(self, by: By, asked: Annotated[Top, Query()]) -> dict[str, Any]:  # noqa: ARG002
        """The most expensive providers."""
        with self._store.reading() as connection:
            return {"data": spend.top(connection, Part("provider", None, *asked.span), asked.limit)}

    # ------------------------------------------------------------------------------------- parts

    def _top(self, by: Asked, scope: str, asked: Top) -> dict[str, Any]:
        with self._store.reading() as connection:
            ids = _theirs(connection, scope, by.reach)
            return {"data": spend.top(connection, Part(scope, ids, *asked.span), asked.limit)}

    def _lines(self, where: dict[str, Any]) -> Iterator[str]:
        out = io.StringIO()
        lines = csv.writer(out)
        lines.writerow(EXPORTED)
        with self._store.reading() as connection:
            for row in spend.every(connection, where):
                lines.writerow([_plain(row[name]) for name in EXPORTED])
                yield out.getvalue()
                out.seek(0)
                out.truncate()
        yield out.getvalue()


def _part(connection: Connection, by: Asked, asked: Whose) -> Part:
    """What is told of, if whoever asks may see it."""
    said = [(kind, which) for kind, word in WORDS.items() if (which := getattr(asked, word))]
    if len(said) > 1:
        raise refused(400, f"{WORDS[said[1][0]]}: at most one of {', '.join(WORDS.values())}", "conflict")
    for kind, which in said:
        if not by.reach.covers(_subject(connection, kind, which, by.reach)):
            raise absent(kind, which, WORDS[kind])
        return Part(kind, (which,), *asked.span, asked.model)
    scope, ids = _own(by)
    return Part(scope, ids, *asked.span, asked.model)


def _own(by: Asked) -> tuple[str, tuple[str, ...] | None]:
    reach = by.reach
    if reach.everything:
        return "all", None
    if reach.organizations:
        return "organization", tuple(sorted(reach.organizations))
    return ("user", (reach.user,)) if reach.user else ("key", (reach.key,))


def _subject(connection: Connection, kind: str, which: str, reach: Reach) -> Subject:
    """Whose that is; what is no more is of nobody but itself, and seen by who sees everything."""
    if reach.everything:
        return Subject(key=which)
    shape = SHAPES[kind]
    return subject_of(shape, row_of(connection, shape, which))


def _theirs(connection: Connection, scope: str, reach: Reach) -> tuple[str, ...] | None:
    """The keys, teams or users within *reach*; `None` for all."""
    return None if reach.everything else tuple(spend.within(connection, SHAPES[scope], reach))


def _where(part: Part, asked: Whose) -> dict[str, Any]:
    out: dict[str, Any] = {"start": part.start, "end": part.end}
    if part.scope != "all":
        if part.ids is None or len(part.ids) != 1:
            raise refused(400, "organization_id: say which", "conflict", "organization_id")
        out[f"{part.scope}_id"] = part.ids[0]
    for name in ("model", "request_id"):
        if getattr(asked, name, ""):
            out[name] = getattr(asked, name)
    return out


def _instant(day: date) -> float:
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


def _plain(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula:
    https://owasp.org/www-community/attacks/CSV_Injection.
    """
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


WORDS = {"key": "api_key", "user": "user_id", "team": "team_id", "organization": "organization_id"}
SCOPES = tuple(shape.kind for shape in (ORGANIZATION, TEAM, USER, KEY))
"""As a `Subject` has them."""

EXPORTED = (
    *(
        "seq",
        "at",
        "kind",
        "request_id",
        "key_id",
        "key_name",
        "user_id",
        "user_name",
        "team_id",
        "team_name",
    ),
    *("organization_id", "organization_name", "session", "model", "answered", "deployment", "provider"),
    *("path", "status", "streamed", "ms", "first_ms", "input", "cached", "cache_write", "output", "spend"),
    "prices",
)
