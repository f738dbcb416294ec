"""Every page, for everybody: as much as the API shows them, and no more; small, safe, and found in the menu."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from html import unescape
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import insert

from muxi_llm.dashboard.pages import PAGES, Page
from muxi_llm.gateway.app import Gateway
from muxi_llm.gateway.control import Control
from muxi_llm.gateway.settings import files
from muxi_llm.gateway.state import State
from muxi_llm.governance.roles import ADMIN, Actor
from muxi_llm.governance.store import schema
from muxi_llm.governance.store.audit import Asked, Told, append
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.ledger import roll
from muxi_llm.governance.store.migrate import migrate
from tests.support import company
from tests.support.browsing import Shown

PEOPLE = ("admin", "vera", "olga", "tina", "ann", "walt", "bare", "caller", "looker", "machine")
MENU = [page for page in PAGES if page.title]
LARGEST = 200_000
"""Bytes of a page."""
EVERY = (
    *(page.path for page in MENU),
    *("/?days=90", "/spend?start_date=2026-01-01", "/spend?team_id=team7", "/spend?api_key=key7"),
    *("/spend/rows?team_id=team7", "/spend/row?id=r7", "/keys?id=key7", "/keys?new", "/teams?id=team7"),
    *("/users?id=user7", "/organizations?id=organization7"),
)
"""Those of the menu, and what they lead to."""


@pytest.mark.parametrize("page", [page for page in PAGES if page.right], ids=lambda page: page.path)
def test_a_page_is_for_whom_the_api_answers(page: Page, shown: Shown) -> None:
    for who in PEOPLE:
        rights = shown.told("/user/me", shown.keys[who])["rights"]
        status = shown.page(page.path, who).status_code
        if page.right not in rights:
            assert status == 403, who
        else:
            assert status in {200, 404, 400}, who  # one of them wants to be told which
        if page.title and page.right in rights:
            assert status == 200, who


def test_the_menu_has_what_one_may_see_and_nothing_else(shown: Shown) -> None:
    for who in PEOPLE:
        me = shown.told("/user/me", shown.keys[who])
        if "global/activity" not in me["rights"]:
            continue
        links = set(re.findall(r'<li><a href="/ui([^"]*)"', shown.page("/", who).text))
        assert links == {page.path for page in MENU if page.right in me["rights"]}, who


def test_who_is_not_logged_in_is_led_to_the_login_and_back(shown: Shown) -> None:
    for page in PAGES:
        if not page.is_open:
            reply = shown.page(page.path, "")
            assert reply.status_code == 303
            assert reply.headers["location"].startswith("/ui/login?next=%2Fui")


@pytest.mark.parametrize("page", MENU, ids=lambda page: page.path)
def test_a_page_is_small_and_runs_nothing_of_others(page: Page, shown: Shown) -> None:
    reply = shown.page(page.path)
    assert len(reply.content) < LARGEST
    assert reply.headers["content-security-policy"].startswith("default-src 'self'; frame-ancestors 'none'")
    assert reply.headers["cache-control"] == "no-store"
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son\w+=", reply.text)
    assert not re.search(r'(?:src|href|action)="(?:https?:)?//', reply.text)


def test_no_page_is_large_where_there_is_much(tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    migrate(store)
    file = tmp_path / "config.yaml"
    models = ", ".join(f"model-{n}" for n in range(50))
    file.write_text(company.CONFIG.replace("[house-70b]", f"[{models}]"))
    control = Control(Gateway(State(replace(files.read(file)[0], source=str(file)))))
    shown = Shown(store, gateway=control)
    with shown:
        shown.begun()
        fill(store)
        with httpx2.Client(base_url=f"{shown.url}/ui", cookies=shown.session("admin"), timeout=60) as client:
            sizes = {path: client.get(path) for path in EVERY}
    store.close()
    assert {path: reply.status_code for path, reply in sizes.items() if reply.status_code != 200} == {}
    assert {path: len(reply.content) for path, reply in sizes.items() if len(reply.content) >= LARGEST} == {}


def fill(store: Store) -> None:
    """60 of each kind of record, with long names and budgets, and 1,000 requests of all of them."""
    now, numbers = time.time(), range(60)
    kept = {
        "created_at": 1.0,
        "updated_at": 1.0,
        "declared": True,
        "models": ["gpt-*", "claude-*", "house/*"],
    }
    with store.writing() as connection:
        for table in (schema.organizations, schema.teams, schema.users, schema.keys):
            kind = table.name[:-1]
            name = "name" if kind == "key" else "alias"
            rows = [{"id": f"{kind}{n}", name: f"The {n}. {kind} " + "of many " * 5, **kept} for n in numbers]
            if kind == "key":
                rows = [{**row, "hash": f"h{n}", "user_id": f"user{n}", "team_id": "team7"}
                        for n, row in enumerate(rows)]  # fmt: skip
            connection.execute(insert(table), rows)
            budgets = [{"id": f"{kind}{n}{window}", "scope": kind, "scope_id": f"{kind}{n}", "amount": 10**9}
                       | {"window": window, "hard": True, "created_at": 1.0, "updated_at": 1.0}
                       for n in numbers for window in ("month", "30d")]  # fmt: skip
            connection.execute(insert(schema.budgets), budgets)
        row = {"kind": "usage", "status": 200, "cost": 9, "ms": 900, "first_ms": 90, "streamed": True}
        connection.execute(insert(schema.ledger), [
            {"id": f"{n}", "reservation_id": f"r{n // 100}", "at": now - n * 7500, "provider": f"p{n % 30}", **row}
            | {f"{kind}_id": f"{kind}{n % 60}" for kind in ("key", "user", "team", "organization")}
            | {name: f"a-{name}-of-many-{n % 50}" for name in ("model", "deployment", "answered")}
            for n in range(1000)
        ])  # fmt: skip
        asked = Asked(Actor(ADMIN, "user1"), "key/update", "user")
        for n in range(60):
            append(
                connection,
                asked,
                Told("key", f"key{n}", before={"blocked": False}, after={"blocked": True}),
                n,
            )
    roll(store)


def test_a_form_of_somebody_elses_session_does_nothing(shown: Shown) -> None:
    before = shown.told("/team/list")["total"]
    for token in ("", "x", token_of(shown.page("/teams?new", "olga").text)):
        data = {"token": token, "team_alias": "theirs"}
        assert shown.page("/teams/new", data=data).status_code == 403
    assert shown.told("/team/list")["total"] == before


def test_another_sites_page_can_make_nobody_do_anything(shown: Shown) -> None:
    token = token_of(shown.page("/teams?new").text)
    reply = shown.page(
        "/teams/new",
        data={"token": token, "team_alias": "theirs"},
        headers={"sec-fetch-site": "cross-site", "origin": "https://elsewhere.example"},
    )
    assert reply.status_code == 403


def test_what_somebody_is_called_is_text(shown: Shown) -> None:
    made = shown.ok("/team/new", team_alias="<script>alert(1)</script>\"'>")
    for path in ("/teams", f"/teams?id={made['team_id']}", f"/teams?new&id={made['team_id']}"):
        assert "<script>alert" not in shown.page(path).text
        assert "<script>alert(1)" in unescape(shown.page(path).text)
    shown.ok("/team/delete", team_ids=[made["team_id"]])


def test_a_login_leads_nowhere_else(shown: Shown) -> None:
    for onward in ("https://elsewhere.example/", "//elsewhere.example", "/ui//elsewhere.example", "/ui/\\x"):
        reply = shown.page("/login/enter", "", data={"key": shown.keys["admin"], "next": onward})
        assert (reply.status_code, reply.headers["location"]) == (303, "/ui/")


def token_of(text: str) -> str:
    found = re.search(r'name="token" value="(\w+)"', text)
    assert found
    return found[1]
