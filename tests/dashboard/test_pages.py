"""Every page, for everybody: as much as the API shows them, and no more; small, safe, and found in the menu."""

from __future__ import annotations

import re
from html import unescape

import pytest

from muxi_llm.dashboard.pages import PAGES, Page
from tests.support.browsing import Shown

PEOPLE = ("admin", "vera", "olga", "tina", "ann", "walt", "bare", "caller", "looker", "machine")
MENU = [page for page in PAGES if page.title]
LARGEST = 200_000
"""Bytes of a page."""


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
