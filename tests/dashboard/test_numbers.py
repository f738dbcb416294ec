"""What pages say is what the API says: each number, as people read it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

from muxi_llm.dashboard import shown as told
from muxi_llm.governance.declared import declare, declared_of
from tests.support.browsing import Shown

TAG = re.compile(r"<[^>]*>")


def rows_of(text: str) -> list[list[str]]:
    """The cells of each row of each table."""
    rows = re.findall(r"<tr>(.*?)</tr>", text, re.DOTALL)
    return [
        [plain(cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL)] for row in rows
    ]


def figures_of(text: str) -> dict[str, str]:
    """What stands large at a page's top."""
    pairs = re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", text, re.DOTALL)
    return {plain(name): plain(value) for name, value in pairs}


def plain(html: str) -> str:
    return " ".join(unescape(TAG.sub(" ", html)).split())


def days(many: int) -> dict[str, str]:
    last = datetime.now(UTC).date()
    return {"start_date": str(last - timedelta(days=many - 1)), "end_date": str(last)}


def row_of_day(row: dict[str, Any], took: dict[str, Any]) -> list[str]:
    numbers = [f"{row[name]:,}" for name in ("requests", "failed", "input", "output")]
    return [row["start"][:10], *numbers, told.usd(row["spend"]), *times(took)]


def times(took: dict[str, Any]) -> list[str]:
    """Of whole answers, and to their first token: what half of them stayed below, and 95 of 100."""
    parts = (took["whole"], took["first"])
    return [
        told.seconds(part[of] / 1000) if part else told.NOTHING
        for part in parts
        for of in ("p50_ms", "p95_ms")
    ]


def test_the_overview_says_what_was_asked_for(shown: Shown) -> None:
    for many in (7, 30, 90):
        activity = shown.told("/global/activity", **days(many))
        page = shown.page(f"/?days={many}").text
        figures, summary = figures_of(page), activity["summary"]
        assert summary["requests"] > 50
        assert figures["Requests"] == told.count(summary["requests"])
        assert figures["Cost"] == told.usd(summary["spend"])
        assert figures["Tokens written"] == told.count(summary["output"])
        assert figures["Answered"].endswith(f"{summary['failed']} failed")
        rows = rows_of(page)
        took = shown.told("/global/latency", **days(many), limit=8)
        by_day = {row["start"]: row for row in took["data"]}
        assert all(row_of_day(row, by_day[row["start"]]) in rows for row in activity["data"])
        for name in ("model", "deployment"):
            for row in took[f"{name}s"]:
                assert [row[name], told.count(row["whole"]["requests"]), *times(row)] in rows
        assert figures["Latency"].startswith(told.seconds(took["summary"]["whole"]["p50_ms"] / 1000))
        assert figures["First token"].endswith(told.seconds(took["summary"]["first"]["p95_ms"] / 1000))
        for name in ("models", "provider"):
            for row in shown.told(f"/global/spend/{name}", **days(many), limit=8)["data"]:
                label = row["model"] if name == "models" else row["scope_id"]
                assert any(found[0].startswith(label) and told.usd(row["spend"]) in found[1] for found in rows
                           if len(found) == 2)  # fmt: skip


def test_spend_is_the_apis_whoever_it_is_of(shown: Shown) -> None:
    for whose in ({}, {"team_id": "search"}, {"user_id": "alan"}, {"team_id": "research", "model": "gpt-5"}):
        asked = {**days(30), **whose}
        summary = shown.told("/spend/logs", **asked)["summary"]
        figures = figures_of(shown.page("/spend", params=asked).text)
        assert summary["spend"] > 0
        assert figures["Cost"] == told.usd(summary["spend"])
        assert figures["Requests"] == told.count(summary["requests"])
        assert figures["Tokens read"] == told.count(summary["input"])


def test_the_ledger_has_the_apis_rows_page_by_page_and_as_csv(shown: Shown) -> None:
    first = shown.told("/spend/rows", **days(30), limit=50)
    page = shown.page("/spend/rows").text
    assert page.count("/ui/spend/row?id=") == 50
    for row in first["data"]:
        assert f"/ui/spend/row?id={row['reservation_id']}" in page
        assert told.usd(row["spend"]) in page
    further = shown.page("/spend/rows", params={"after": first["after"]}).text
    assert f'id={first["data"][-1]["reservation_id"]}"' not in further
    export = shown.page("/spend/export.csv").text
    assert export == shown.ask("GET", "/spend/export", shown.keys["admin"], params=days(30)).text
    one = first["data"][0]
    row = shown.page(f"/spend/row?id={one['reservation_id']}").text
    assert figures_of(row)["Cost"] == told.usd(one["spend"])


def test_a_person_sees_their_own_alone(shown: Shown) -> None:
    mine = shown.told("/global/activity", shown.keys["alan"], **days(30))["summary"]
    everybodys = shown.told("/global/activity", **days(30))["summary"]
    assert 0 < mine["requests"] < everybodys["requests"]
    assert figures_of(shown.page("/", "alan").text)["Requests"] == told.count(mine["requests"])
    keys = shown.page("/keys", "alan").text
    assert "Paper reading" in keys
    assert "Ticket triage" not in keys


def test_a_deployments_breaker_is_told_with_what_opens_it(shown: Shown) -> None:
    shown.ok("/control/deployments/cooldown", deployment_id="house/house-70b", cooldown_seconds=90)
    rows = {row[0]: row for row in rows_of(shown.page("/live").text)}
    assert rows["house/house-70b house/house-70b"][2] == "open"
    assert re.match(
        r"cools down for another 1 min \d+ s . an admin", rows["house/house-70b house/house-70b"][1]
    )
    assert rows["openai/gpt-5 openai/gpt-5"][1:3] == ["ready", "closed"]
    shown.ok("/control/deployments/release", deployment_id="house/house-70b")


def test_what_a_file_owns_is_said(shown: Shown) -> None:
    team = {"team_id": "night", "team_alias": "Night shift", "max_budget": 40}
    key = {"token_id": "robot", "key": "sk-robot-0123456789abcdef", "key_name": "Robot", "team_id": "night"}
    declare(shown.records, declared_of({"teams": [team], "keys": [key]}), "config.yaml")
    owned = {row[0]: row[1] for row in rows_of(shown.page("/settings").text)}
    assert owned["Keys"] == "Robot"
    assert owned["Teams"] == "Night shift with its budget: $40.00"
    assert owned["Users"] == owned["Organizations"] == "none"
    assert owned["Models"] == "gpt-5 gpt-5-mini claude-sonnet-4-5 claude-haiku-4-5 house-70b"
    declare(shown.records, declared_of({}), "config.yaml")
    assert shown.told("/team/list", declared=True)["total"] == 0


def test_how_long_answers_take_is_for_who_sees_everybodys(shown: Shown) -> None:
    assert "Latency" in shown.page("/", "vera").text
    assert "Latency" not in shown.page("/", "alan").text


def test_budgets_say_what_is_spent_and_in_which_period(shown: Shown) -> None:
    teams = shown.told("/team/list")["data"]
    page = shown.page("/teams").text
    for one in teams:
        for standing in one["standing"]:
            said = f"{told.usd(standing['spent'])} / {told.usd(standing['max_budget'])}"
            assert any(said in cell for row in rows_of(page) for cell in row if one["team_alias"] in row[0])
            assert re.search(rf"{standing['since'][:10]} . {standing['until'][:10]}", page)
    assert sum(standing["spent"] for one in teams for standing in one["standing"]) >= 0
    organization = shown.told("/organization/info", organization_id="retail")["organization"]["standing"][0]
    assert organization["spent"] > 0
    page = shown.page("/organizations?id=retail").text
    assert f"{told.usd(organization['spent'])} / $5,000.00" in plain(page)
