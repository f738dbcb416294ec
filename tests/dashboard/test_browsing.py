"""Pages in a real browser: by keyboard, without scripts, on a phone, in the dark, and for who cannot see."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from muxi_llm.dashboard.pages import PAGES
from muxi_llm.dashboard.shown import usd
from muxi_llm.governance.store.engine import Store
from muxi_llm.governance.store.migrate import migrate
from muxi_llm.types.login import LoginSettings, OidcSettings
from tests.dashboard.test_numbers import days
from tests.support.browsing import Shown, faults_of
from tests.support.length import long
from tests.support.oidc import CLIENT, SECRET, OidcProvider

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
    blamed(page, "Your key", "not known")
    page.get_by_label("Your key").fill(shown.keys["admin"])
    page.get_by_role("button", name="Log in").click()
    expect(page.get_by_role("heading", name="Keys", level=1)).to_be_visible()
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("button", name="Log out").locator("visible=true").click()
    expect(page.get_by_role("heading", name="Log in")).to_be_visible()
    page.goto("/ui/keys")
    expect(page.get_by_label("Your key")).to_be_visible()


def test_the_organizations_own_login_is_a_button_away(browser: Browser, tmp_path: Path) -> None:
    store = Store(f"sqlite:///{tmp_path}/store.db")
    migrate(store)
    with OidcProvider() as provider:
        provider.person["name"] = "Ada Lovelace"

        def login(url: str) -> LoginSettings:
            back = f"{url}/auth/oidc/callback"
            return LoginSettings(
                OidcSettings(provider.url, CLIENT, back, SECRET, default_role="internal_user")
            )

        with Shown(store, login=login) as shown:
            shown.begun()
            context = browser.new_context(base_url=shown.url, java_script_enabled=False)
            page = context.new_page()
            page.goto("/ui/account")
            page.get_by_role("link", name="Log in with your organization").click()
            expect(page.get_by_role("heading", level=1)).to_have_text("Ada Lovelace")
            expect(page.locator("main")).to_contain_text("You have no key yet")
            context.close()
    store.close()


def test_a_key_is_made_rotated_blocked_and_deleted_without_scripts(visited: Visited, shown: Shown) -> None:
    page = visited("admin", java_script_enabled=False, **DESK)
    page.goto("/ui/keys")
    page.get_by_role("link", name="New key").click()
    page.get_by_label("Name").fill("for the night")
    page.get_by_label("Team").select_option("Search")
    page.get_by_label("Models").fill("gpt-*, claude-*")
    page.get_by_label("Budget", exact=True).fill("abc")
    page.get_by_role("button", name="Make it").click()
    blamed(page, "Budget", "valid number")
    expect(page.get_by_label("Budget", exact=True)).to_have_value("abc")
    expect(page.get_by_label("Name")).to_have_value("for the night")
    expect(page.get_by_label("Team")).to_have_value("search")
    page.get_by_label("Budget", exact=True).fill("12.5")
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


def blamed(page: Page, label: str, text: str) -> None:
    """What is wrong stands beside the field, which has the focus, and says so to who cannot see."""
    field = page.get_by_label(label, exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("aria-invalid", "true")
    wrong = (field.get_attribute("aria-describedby") or "").split()[-1]
    expect(page.get_by_role("alert")).to_have_attribute("id", wrong)
    expect(page.get_by_role("alert")).to_contain_text(text)
    assert field.evaluate("(one, id) => one.form.contains(document.getElementById(id))", wrong)


def test_every_form_says_beside_its_field_what_is_wrong(visited: Visited, shown: Shown) -> None:
    page = visited("admin", java_script_enabled=False, **PHONE)
    page.goto("/ui/teams?new")
    page.get_by_label("Id", exact=True).fill("search")
    page.get_by_label("Name", exact=True).fill("Another")
    page.get_by_role("button", name="Make it").click()
    blamed(page, "Id", "already")
    expect(page.get_by_label("Name", exact=True)).to_have_value("Another")
    page.goto("/ui/spend?start_date=2026-06-02&end_date=2026-06-01")
    blamed(page, "From", "not after")
    page.goto("/ui/spend/rows?start_date=2026-06-02&end_date=2026-06-01")
    blamed(page, "From", "not after")
    page.goto(f"/ui/keys?search={'x' * 300}")
    blamed(page, "Name, address or id", "at most")
    page.goto(f"/ui/audit?action={'x' * 300}")
    blamed(page, "Action", "at most")
    page.goto("/ui/explain")
    page.get_by_label("body").fill("{")
    page.get_by_role("button", name="Explain it").click()
    blamed(page, "The request's body JSON, as it would be sent", "no JSON")
    page.goto("/ui/clients?model=%22")
    blamed(page, "Model", "quotes")
    chinese = visited("admin", java_script_enabled=False, locale="zh-CN")
    chinese.goto("/ui/teams?new")
    chinese.get_by_label("每分钟请求数").fill("-1")
    chinese.get_by_role("button", name="创建").click()
    blamed(chinese, "每分钟请求数", "不能小于 0")


def test_what_no_field_is_to_blame_for_stands_above_and_has_the_focus(visited: Visited) -> None:
    page = visited("ann", java_script_enabled=False, **DESK)
    page.goto("/ui/keys?new")
    page.get_by_label("User", exact=True).fill("vera")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("User", exact=True)).to_have_value("vera")


def test_a_period_of_its_own_stays_when_something_else_is_changed(visited: Visited, shown: Shown) -> None:
    shown.ok("/team/new", team_id="weekly", team_alias="Weekly", max_budget=900, budget_duration="7d")
    page = visited("admin", java_script_enabled=False, **DESK)
    page.goto("/ui/teams?new&id=weekly")
    expect(page.get_by_label("Budget", exact=True)).to_have_value("900")
    page.get_by_label("Name", exact=True).fill("Every week")
    page.get_by_role("button", name="Save").click()
    told = shown.told("/team/info", team_id="weekly")["team"]
    assert (told["team_alias"], told["budget_duration"], told["max_budget"]) == ("Every week", "7d", 900)
    shown.ok("/team/delete", team_ids=["weekly"])


def test_a_member_is_chosen_by_name(visited: Visited, shown: Shown) -> None:
    page = visited("admin", java_script_enabled=False, **DESK)
    page.goto("/ui/teams?id=blue")
    page.get_by_label("User").select_option("Grace Hopper")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("link", name="Grace Hopper")).to_be_visible()
    page.get_by_role("button", name="Remove").click()
    expect(page.get_by_text("Nobody yet.")).to_be_visible()


def test_somebody_over_budget_sees_their_own_keys_and_spend_and_why_nothing_is_answered(
    visited: Visited, shown: Shown
) -> None:
    shown.ok("/user/update", user_id="alan", max_budget=0.01, budget_duration="month")
    shown.ok("/key/update", key=own_key(shown), max_budget=1, budget_duration="30d")
    page = visited("alan", java_script_enabled=False, **PHONE)
    page.goto("/ui/")
    page.get_by_text("Menu", exact=True).click()
    page.get_by_role("link", name="Your account").locator("visible=true").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Alan Turing")
    spent = shown.told("/spend/logs", shown.keys["alan"], user_id="alan", **days(30))["summary"]
    expect(page.locator("dl.figures")).to_contain_text(usd(spent["spend"]))
    expect(page.get_by_role("status").filter(has_text="Paper reading")).to_contain_text("is spent")
    row = page.get_by_role("row").filter(has_text="Paper reading")
    expect(row).to_contain_text("/ $1.00")
    expect(page.locator("main")).not_to_contain_text("Ticket triage")
    page.get_by_role("link", name="Paper reading").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Paper reading")
    page.get_by_role("link", name="Spend", exact=True).locator("visible=true").click()
    expect(page.locator("main")).to_contain_text("Paper reading")
    assert faults_of(visited("alan", **PHONE), ["/account"]) == {}
    page.goto("/ui/users")
    expect(page.get_by_role("heading", level=1)).to_have_text("That cannot be shown")
    shown.ok("/user/update", user_id="alan", max_budget=None)
    shown.ok("/key/update", key=own_key(shown), max_budget=400)


def own_key(shown: Shown) -> str:
    """The id of Alan's key, which he has spent with."""
    found: str = shown.told("/key/list", search="Paper reading")["data"][0]["token_id"]
    return found


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
