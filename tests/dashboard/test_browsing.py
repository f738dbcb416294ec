"""Pages in a real browser: by keyboard, without scripts, on a phone, in the dark, and for who cannot see."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from muxi_llm.dashboard.pages import PAGES
from tests.support.browsing import Shown, faults_of
from tests.support.length import long

Visited = Callable[..., Page]

PATHS = (
    "/login",
    *(page.path for page in PAGES if page.title),
    *("/keys?new", "/teams?new", "/users?new", "/teams?id=search", "/users?id=grace", "/teams?new&id=search"),
    *(
        "/organizations?id=retail",
        "/spend?team_id=search",
        "/audit?id=1",
        "/spend/row?id=r7",
        "/keys?id=none",
    ),
)
PHONE = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}
DESK = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}


@pytest.mark.parametrize("screen", [DESK, PHONE], ids=["desk in the light", "phone in the dark"])
def test_every_page_can_be_used_by_everybody(screen: dict[str, object], visited: Visited) -> None:
    page = visited("admin", **screen)
    assert faults_of(page, PATHS if screen is DESK else PATHS[:: long(1, 4)]) == {}


def test_somebody_logs_in_and_out_without_scripts(visited: Visited, shown: Shown) -> None:
    page = visited("", java_script_enabled=False, **PHONE)
    page.goto("/ui/keys")
    page.get_by_label("Your key").fill("sk-muxi-nobody")
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("alert")).to_contain_text("not known")
    page.get_by_label("Your key").fill(shown.keys["admin"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Keys", level=1)).to_be_visible()
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("button", name="Log out").locator("visible=true").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto("/ui/keys")
    expect(page.get_by_label("Your key")).to_be_visible()


def test_a_key_is_made_rotated_blocked_and_deleted_without_scripts(visited: Visited, shown: Shown) -> None:
    page = visited("admin", java_script_enabled=False, **DESK)
    page.goto("/ui/keys")
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill("for the night")
    page.get_by_label("Team").fill("search")
    page.get_by_label("Models").fill("gpt-*, claude-*")
    page.get_by_label("Budget", exact=False).first.fill("abc")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("alert")).to_contain_text("max_budget")
    expect(page.get_by_label("Name")).to_have_value("for the night")
    page.get_by_label("Budget", exact=False).first.fill("12.5")
    page.get_by_role("button", name="Make it").click()
    secret = page.locator("code.secret").inner_text()
    made = shown.told("/key/info", secret)
    assert (made["key_name"], made["team_id"], made["max_budget"]) == ("for the night", "search", 12.5)
    assert made["models"] == ["gpt-*", "claude-*"]
    page.get_by_role("link", name="I have it").click()
    expect(page.locator("body")).not_to_contain_text(secret)
    page.get_by_role("button", name="Block").click()
    assert shown.ask("GET", "/key/info", secret).status_code == 401
    page.get_by_role("button", name="Unblock").click()
    page.get_by_role("button", name="Rotate").click()
    another = page.locator("code.secret").inner_text()
    assert shown.ask("GET", "/key/info", secret).status_code == 401
    page.get_by_role("link", name="I have it").click()
    page.get_by_role("button", name="Delete").click()
    assert shown.told("/key/info", another)["key_name"] == "for the night"  # it is asked for twice
    page.get_by_role("button", name="Delete").click()
    assert shown.ask("GET", "/key/info", another).status_code == 401


def test_an_organization_is_changed_and_deleted(visited: Visited, shown: Shown) -> None:
    shown.ok("/organization/new", organization_id="gone", organization_alias="Once")
    page = visited("admin", java_script_enabled=False, **DESK)
    page.goto("/ui/organizations?id=gone")
    page.get_by_role("link", name="Change").click()
    page.get_by_label("Name").fill("Twice")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", name="Twice")).to_be_visible()
    for _ in range(2):
        page.get_by_role("button", name="Delete").click()
    assert shown.ask("GET", "/organization/info?organization_id=gone", shown.keys["admin"]).status_code == 404


def test_the_content_is_one_key_away_and_what_has_the_focus_is_seen(visited: Visited) -> None:
    page = visited("admin", **DESK)
    page.goto("/ui/keys")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "New key"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_language_and_theme_stay_as_they_were_chosen(visited: Visited) -> None:
    page = visited("admin", java_script_enabled=False, **DESK)
    page.goto("/ui/keys")
    ground = "getComputedStyle(document.body).backgroundColor"
    page.get_by_role("button", name="Dark").locator("visible=true").click()
    page.get_by_role("button", name="中文").locator("visible=true").click()
    page.goto("/ui/teams")
    assert page.locator("html").get_attribute("lang") == "zh"
    assert page.locator("html").get_attribute("data-theme") == "dark"
    assert page.evaluate(ground) == "rgb(16, 19, 25)"
