"""What pages say is what the API says: each number, as people read it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any

from muxi_llm.dashboard import shown as told
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


def row_of_day(row: dict[str, Any]) -> list[str]:
    numbers = [f"{row[name]:,}" for name in ("requests", "failed", "input", "output")]
    return [row["start"][:10], *numbers, told.usd(row["spend"])]


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
        assert [row_of_day(row) in rows for row in activity["data"]] == [True] * len(activity["data"])
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
